//! Samplers of models that flow straight from noise to picture: how rules step there, and how their noise levels are
//! shifted towards noise, by a constant or by the size of the picture.
//!
//! Follows `scheduling_flow_match_euler_discrete.py`, its siblings for Heun and LCM, and the flow sigmas of the DPM solvers
//! and UniPC of diffusers.

use super::config::{Curve, Prediction};
use super::dpm2::Dpm2;
use super::dpmpp_multistep::DpmPpMultistep;
use super::dpmpp_singlestep::DpmPpSinglestep;
use super::euler::Euler;
use super::euler_ancestral::EulerAncestral;
use super::heun::Heun;
use super::lcm::Lcm;
use super::lms::Lms;
use super::schedule::{NoiseSchedule, Space, curve, linspace};
use super::unipc::UniPc;
use super::{Sampler, SamplerChoice, SamplerError, SamplerId, ScheduleId, check_schedule, check_steps};
use crate::weights::{ConfigFile, Loaded};

/// Longest table of training timesteps.
const MAX_TIMESTEPS: usize = 100_000;

/// The share of picture that solvers are given in pure noise, as `UniPCMultistepScheduler` of diffusers does.
const TRACE: f64 = 1e-6;

/// How noise levels are shifted.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Shift {
    /// By a factor of the noise to picture ratio.
    Constant(f64),
    /// By a factor that the run gives the logarithm of, between two for a number of image tokens each.
    ByTokens { tokens: (f64, f64), logarithms: (f64, f64), exponential: bool },
}

/// Where the unshifted noise levels of a run lie, from 1 down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ramp {
    /// To one over the number of steps.
    Reciprocal,
    /// To the least of the training table, which is shifted already: constant shifts work twice.
    Table,
}

/// The scheduler configuration of a flow model.
#[derive(Debug, Clone, PartialEq)]
pub struct FlowScheduler {
    /// The rule that the configuration names.
    pub sampler: SamplerId,
    table: usize,
    shift: Shift,
    curve: Curve,
}

impl FlowScheduler {
    /// The schedules that fit.
    pub const SCHEDULES: &'static [ScheduleId] = &[
        ScheduleId::Normal,
        ScheduleId::Karras,
        ScheduleId::Exponential,
        ScheduleId::SgmUniform,
        ScheduleId::Simple,
        ScheduleId::Beta,
    ];

    /// Reads a `scheduler_config.json`.
    ///
    /// # Errors
    /// The class is of another kind, or a setting asks for a computation that is not there.
    pub fn read(config: &ConfigFile) -> Loaded<Self> {
        let sampler = match config.required_text("_class_name")? {
            "FlowMatchEulerDiscreteScheduler" => SamplerId::Euler,
            "FlowMatchHeunDiscreteScheduler" => SamplerId::Heun,
            other => return Err(config.problem("_class_name", format!("`{other}` is not supported"))),
        };
        config.must_be_off(&["invert_sigmas", "shift_terminal", "stochastic_sampling"])?;
        let above_zero = |key: &str, default: f64| match config.number_or(key, default)? {
            number if number > 0.0 => Ok(number),
            other => Err(config.problem(key, format!("{other} is not above 0"))),
        };
        let shift = if config.flag_or("use_dynamic_shifting", false)? {
            let tokens = (above_zero("base_image_seq_len", 256.0)?, above_zero("max_image_seq_len", 4096.0)?);
            if tokens.0 >= tokens.1 {
                return Err(config.problem("max_image_seq_len", "is not above `base_image_seq_len`"));
            }
            let exponential = match config.text("time_shift_type")?.unwrap_or("exponential") {
                "exponential" => true,
                "linear" => false,
                other => return Err(config.problem("time_shift_type", format!("`{other}` is unknown"))),
            };
            let logarithms = (above_zero("base_shift", 0.5)?, above_zero("max_shift", 1.15)?);
            Shift::ByTokens { tokens, logarithms, exponential }
        } else {
            Shift::Constant(above_zero("shift", 1.0)?)
        };
        let curve = Curve::read(config)?;
        let table = match config.integer_or("num_train_timesteps", 1000)? {
            table @ 2..=MAX_TIMESTEPS => table,
            other => return Err(config.problem("num_train_timesteps", format!("{other} is out of range"))),
        };
        Ok(Self { sampler, table, shift, curve })
    }

    /// The logarithm of the shift for a number of image tokens, on the line through both that are configured; 0 where
    /// the shift does not depend on them (`calculate_shift` of diffusers' FLUX pipeline).
    pub fn shift_for(&self, tokens: usize) -> f64 {
        let Shift::ByTokens { tokens: (from, to), logarithms: (low, high), .. } = self.shift else {
            return 0.0;
        };
        low + (tokens as f64 - from) / (to - from) * (high - low)
    }

    /// Sets a rule up. `logarithm` is that of the shift, where it depends on the picture.
    ///
    /// # Errors
    /// The schedule does not fit, or there are too many steps.
    pub fn prepare(
        &self,
        choice: SamplerChoice,
        ramp: Ramp,
        logarithm: f64,
    ) -> Result<Box<dyn Sampler>, SamplerError> {
        check_steps(choice.steps, self.table)?;
        let rule = choice.rule.unwrap_or(self.sampler);
        check_schedule("a flow-matching model", Self::SCHEDULES, choice.schedule)?;
        let schedule = self.schedule(choice, ramp, logarithm);
        let table = self.table as f64;
        Ok(match rule {
            SamplerId::EulerAncestral => Box::new(EulerAncestral::over(schedule)),
            SamplerId::Heun => Box::new(Heun::over(schedule, None)),
            // The weights of PNDM are those of LMS for even steps.
            SamplerId::Lms | SamplerId::Pndm => Box::new(Lms::over(schedule)),
            SamplerId::Dpm2 | SamplerId::Dpm2Ancestral => {
                Box::new(Dpm2::over(schedule, |sigma| sigma * table, rule == SamplerId::Dpm2Ancestral))
            }
            SamplerId::DpmPp2m => Box::new(DpmPpMultistep::over(with_some_picture(schedule), false)),
            SamplerId::DpmPp2mSde => Box::new(DpmPpMultistep::over(with_some_picture(schedule), true)),
            SamplerId::DpmPpSde => Box::new(DpmPpSinglestep::over(with_some_picture(schedule))),
            SamplerId::UniPc => Box::new(UniPc::over(with_some_picture(schedule), true)),
            SamplerId::Lcm => Box::new(Lcm::over(schedule)),
            // Along a straight line, DDIM is Euler's method.
            SamplerId::Ddim | SamplerId::Euler => Box::new(Euler::over(schedule)),
        })
    }

    /// The noise levels, rounded where the reference rounds: networks feel the last digit of a time in the thousands.
    fn schedule(&self, choice: SamplerChoice, ramp: Ramp, logarithm: f64) -> NoiseSchedule {
        let plain = self.plain_levels(choice, ramp, logarithm);
        let ends = (plain.first().copied().unwrap_or(1.0), plain.last().copied().unwrap_or(1.0));
        let kind = match choice.schedule {
            ScheduleId::Karras => Curve::Karras,
            ScheduleId::Exponential => Curve::Exponential,
            ScheduleId::Beta => Curve::Beta,
            ScheduleId::SgmUniform | ScheduleId::Simple => Curve::Plain,
            _ => self.curve,
        };
        let sigmas = curve(kind, ends, choice.steps).unwrap_or(plain);
        let sigmas: Vec<f32> = sigmas.into_iter().map(|sigma| sigma as f32).collect();
        NoiseSchedule {
            timesteps: sigmas.iter().map(|sigma| f64::from(sigma * self.table as f32)).collect(),
            sigmas: sigmas.into_iter().map(f64::from).collect(),
            space: Space::Straight,
            prediction: Prediction::Flow,
            initial_scale: 1.0,
        }
    }

    /// The shifted noise levels before any curve is laid between their ends.
    fn plain_levels(&self, choice: SamplerChoice, ramp: Ramp, logarithm: f64) -> Vec<f64> {
        let shifted = |sigma: f64| self.shifted(sigma, logarithm);
        match (choice.schedule, ramp) {
            (ScheduleId::SgmUniform, _) => {
                let least = shifted(1.0 / self.table as f64);
                let mut levels = linspace(1.0, least, choice.steps + 1);
                levels.truncate(choice.steps);
                levels.into_iter().map(shifted).collect()
            }
            (ScheduleId::Simple, _) => (0..choice.steps)
                .map(|i| shifted((self.table - i * self.table / choice.steps) as f64 / self.table as f64))
                .collect(),
            (_, Ramp::Reciprocal) => linspace(1.0, 1.0 / choice.steps as f64, choice.steps)
                .into_iter()
                .map(|sigma| f64::from(self.shifted_in_single(sigma as f32, logarithm)))
                .collect(),
            (_, Ramp::Table) => {
                let least = 1.0 / self.table as f32;
                let least = match self.shift {
                    Shift::Constant(_) => self.shifted_in_single(least, logarithm),
                    Shift::ByTokens { .. } => least,
                };
                linspace(1.0, f64::from(least), choice.steps).into_iter().map(shifted).collect()
            }
        }
    }
}

/// A schedule whose first sample has a trace of a picture: in pure noise the ratio that solvers step in is infinite.
fn with_some_picture(mut schedule: NoiseSchedule) -> NoiseSchedule {
    if let Some(first) = schedule.sigmas.first_mut() {
        *first = first.min(f64::from((1.0 - TRACE) as f32));
    }
    schedule
}

/// Defines the shift of a noise level in a precision.
macro_rules! shift_in {
    ($name:ident, $float:ty) => {
        impl FlowScheduler {
            fn $name(&self, sigma: $float, logarithm: f64) -> $float {
                let by_tokens = |factor: f64| factor as $float / (factor as $float + (1.0 / sigma - 1.0));
                match self.shift {
                    Shift::Constant(factor) => {
                        factor as $float * sigma / (1.0 + (factor - 1.0) as $float * sigma)
                    }
                    Shift::ByTokens { exponential: true, .. } => by_tokens(logarithm.exp()),
                    Shift::ByTokens { exponential: false, .. } => by_tokens(logarithm),
                }
            }
        }
    };
}

shift_in!(shifted, f64);
shift_in!(shifted_in_single, f32);
