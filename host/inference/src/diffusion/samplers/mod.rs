//! Samplers: how the prediction of a network becomes the next, less noisy latents.
//!
//! A sampler is an update rule over a [`NoiseSchedule`]. Each follows the scheduler of diffusers that it names,
//! step for step, with coefficients in f64 that are cast once; random noise comes from an injected source.

mod beta;
mod config;
mod ddim;
mod dpm2;
mod dpmpp_multistep;
mod dpmpp_singlestep;
mod euler;
mod euler_ancestral;
mod flow;
mod heun;
mod lcm;
mod lms;
mod names;
mod pndm;
mod schedule;
mod table;
mod unipc;

pub use config::{Prediction, SchedulerConfig};
pub use flow::{FlowScheduler, Ramp};
pub use schedule::{NoiseSchedule, Space, Spacing};
pub use table::NoiseTable;

use std::fmt;
use std::str::FromStr;

use candle_core::{Result, Tensor};

use super::noise::NoiseSource;

/// Most steps that a request may ask for.
const MAX_STEPS: usize = 1000;

/// An update rule at work on one picture.
pub trait Sampler {
    /// The timesteps and noise levels at which the network is called.
    fn schedule(&self) -> &NoiseSchedule;

    /// Network calls that make up one step of the method.
    fn calls_per_step(&self) -> usize {
        1
    }

    /// Advances from `sample` at call `index`, given the network's `output` for it, to the next latents.
    fn step(
        &mut self,
        index: usize,
        sample: &Tensor,
        output: &Tensor,
        noise: &mut dyn NoiseSource,
    ) -> Result<Tensor>;
}

/// What a request asks of a sampler.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SamplerChoice {
    /// The update rule; none for the model's own.
    pub rule: Option<SamplerId>,
    /// Where the steps lie.
    pub schedule: ScheduleId,
    /// Steps of the method, from 1.
    pub steps: usize,
}

/// A sampler and schedule that cannot do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct SamplerError {
    /// The request's field: `steps`, `sampler` or `schedule`.
    pub field: &'static str,
    /// What is wrong and what would do.
    pub problem: String,
}

macro_rules! named {
    ($(#[$doc:meta])* $type:ident { $($(#[$variant_doc:meta])* $variant:ident = $name:literal, $label:literal;)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $type {
            $($(#[$variant_doc])* $variant,)*
        }

        impl $type {
            /// All of them, in the order to show them in.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The identifier used in documents and requests.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }

            /// The name that people know it by.
            pub fn label(self) -> &'static str {
                match self { $(Self::$variant => $label),* }
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl FromStr for $type {
            type Err = String;

            fn from_str(name: &str) -> std::result::Result<Self, String> {
                Self::ALL.iter().copied().find(|id| id.as_str() == name).ok_or_else(|| {
                    let known: Vec<_> = Self::ALL.iter().map(|id| id.as_str()).collect();
                    format!("`{name}` is not one of {}", known.join(", "))
                })
            }
        }
    };
}

named! {
    /// The update rules there are.
    SamplerId {
        /// Song et al. 2020, without added noise (`DDIMScheduler`).
        Ddim = "ddim", "DDIM";
        /// Karras et al. 2022, first order (`EulerDiscreteScheduler`).
        Euler = "euler", "Euler";
        /// Euler that removes more noise than planned and adds fresh noise (`EulerAncestralDiscreteScheduler`).
        EulerAncestral = "euler-ancestral", "Euler a";
        /// Karras et al. 2022, second order (`HeunDiscreteScheduler`).
        Heun = "heun", "Heun";
        /// Linear multistep of order four (`LMSDiscreteScheduler`).
        Lms = "lms", "LMS";
        /// Midpoint method in log-sigma (`KDPM2DiscreteScheduler`).
        Dpm2 = "dpm2", "DPM2";
        /// The same with ancestral noise (`KDPM2AncestralDiscreteScheduler`).
        Dpm2Ancestral = "dpm2-ancestral", "DPM2 a";
        /// Lu et al. 2022, two-step multistep (`DPMSolverMultistepScheduler`).
        DpmPp2m = "dpmpp-2m", "DPM++ 2M";
        /// The same with fresh noise at each step (`DPMSolverMultistepScheduler`, `sde-dpmsolver++`).
        DpmPp2mSde = "dpmpp-2m-sde", "DPM++ 2M SDE";
        /// What diffusers offers for "DPM++ SDE": the single-step solver (`DPMSolverSinglestepScheduler`).
        DpmPpSde = "dpmpp-sde", "DPM++ SDE";
        /// Zhao et al. 2023, predictor and corrector of order two (`UniPCMultistepScheduler`).
        UniPc = "unipc", "UniPC";
        /// Luo et al. 2023, for models distilled to few steps (`LCMScheduler`).
        Lcm = "lcm", "LCM";
        /// Liu et al. 2022, linear multistep part (`PNDMScheduler` with `skip_prk_steps`).
        Pndm = "pndm", "PNDM (PLMS)";
    }
}

named! {
    /// Where on the noise scale the steps lie.
    ScheduleId {
        /// As the model's own scheduler configuration says.
        Normal = "normal", "Model's own";
        /// Even steps that begin below the noisiest level.
        Leading = "leading", "Leading";
        /// Even steps that begin at the noisiest level.
        Trailing = "trailing", "Trailing";
        /// Even steps over the whole range.
        Linspace = "linspace", "Linspace";
        /// Karras et al. 2022, rho 7.
        Karras = "karras", "Karras";
        /// Even steps of the noise level's logarithm.
        Exponential = "exponential", "Exponential";
        /// Even steps over the whole range, which would end at its least level with one step more.
        SgmUniform = "sgm-uniform", "SGM Uniform";
        /// Even steps counted down from the noisiest level, rounded towards it.
        Simple = "simple", "Simple";
        /// Levels by the quantiles of Beta(0.6, 0.6): close together at both ends (Lee et al. 2024).
        Beta = "beta", "Beta";
    }
}

impl ScheduleId {
    /// True if it lays noise levels along a curve, between the entries of a model's table.
    fn is_curve(self) -> bool {
        matches!(self, Self::Karras | Self::Exponential | Self::Beta)
    }
}

impl SamplerId {
    /// The schedules that the rule can follow.
    pub fn schedules(self) -> &'static [ScheduleId] {
        use ScheduleId::{
            Beta, Exponential, Karras, Leading, Linspace, Normal, SgmUniform, Simple, Trailing,
        };
        match self {
            Self::DpmPpSde => &[Normal, Karras, Exponential, SgmUniform, Simple, Beta],
            _ => &[Normal, Leading, Trailing, Linspace, Karras, Exponential, SgmUniform, Simple, Beta],
        }
    }

    /// Sets the rule up for a number of steps on a model's noise table.
    ///
    /// # Errors
    /// The rule cannot take that many steps or cannot follow that schedule.
    pub fn prepare(
        self,
        config: &SchedulerConfig,
        schedule: ScheduleId,
        steps: usize,
    ) -> std::result::Result<Box<dyn Sampler>, SamplerError> {
        check_steps(steps, config.table.len())?;
        check_schedule(self.label(), self.schedules(), schedule)?;
        let options = config.options_for(self, schedule);
        Ok(match self {
            // The weights of PNDM are those of LMS for even steps.
            Self::Pndm if schedule.is_curve() => Box::new(lms::Lms::new(config, options, steps)),
            Self::Ddim => Box::new(ddim::Ddim::new(config, options, steps)),
            Self::Euler => Box::new(euler::Euler::new(config, options, steps)),
            Self::EulerAncestral => Box::new(euler_ancestral::EulerAncestral::new(config, options, steps)),
            Self::Heun => Box::new(heun::Heun::new(config, options, steps)),
            Self::Lms => Box::new(lms::Lms::new(config, options, steps)),
            Self::Dpm2 | Self::Dpm2Ancestral => {
                Box::new(dpm2::Dpm2::new(config, options, steps, self == Self::Dpm2Ancestral))
            }
            Self::DpmPp2m => Box::new(dpmpp_multistep::DpmPpMultistep::new(config, options, steps, false)),
            Self::DpmPp2mSde => Box::new(dpmpp_multistep::DpmPpMultistep::new(config, options, steps, true)),
            Self::DpmPpSde => Box::new(dpmpp_singlestep::DpmPpSinglestep::new(config, options, steps)),
            Self::UniPc => Box::new(unipc::UniPc::new(config, options, steps)),
            Self::Lcm => Box::new(lcm::Lcm::new(config, (schedule, options), steps)?),
            Self::Pndm => Box::new(pndm::Pndm::new(config, options, steps)),
        })
    }
}

fn check_steps(steps: usize, table: usize) -> std::result::Result<(), SamplerError> {
    let most = table.min(MAX_STEPS);
    if steps == 0 || steps > most {
        let problem = format!("{steps} is not between 1 and {most}");
        return Err(SamplerError { field: "steps", problem });
    }
    Ok(())
}

/// Refuses a schedule that `who` does not follow.
fn check_schedule(
    who: &str,
    fitting: &[ScheduleId],
    asked: ScheduleId,
) -> std::result::Result<(), SamplerError> {
    if fitting.contains(&asked) {
        return Ok(());
    }
    let fitting: Vec<_> = fitting.iter().map(|s| s.as_str()).collect();
    let problem = format!("{who} follows {}, not {asked}", fitting.join(", "));
    Err(SamplerError { field: "schedule", problem })
}

/// A weighted sum of tensors of one shape.
fn mix(terms: &[(f64, &Tensor)]) -> Result<Tensor> {
    let mut sum: Option<Tensor> = None;
    for (weight, tensor) in terms {
        let term = (*tensor * *weight)?;
        sum = Some(match sum {
            Some(sum) => (sum + term)?,
            None => term,
        });
    }
    match sum {
        Some(sum) => Ok(sum),
        None => candle_core::bail!("a sum of nothing"),
    }
}

/// Noise in the shape of a tensor.
fn noise_like(sample: &Tensor, noise: &mut dyn NoiseSource) -> Result<Tensor> {
    Tensor::from_vec(noise.draw(sample.elem_count()), sample.shape(), sample.device())
}
