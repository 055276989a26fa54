//! A model's `scheduler_config.json`: the noise table it was trained with and how it likes to be sampled.

use candle_core::{Result, Tensor};

use super::table::{self, NoiseTable};
use super::{SamplerId, ScheduleId, Spacing, mix};
use crate::weights::{ConfigFile, Loaded};

/// Longest noise table.
const MAX_TIMESTEPS: usize = 100_000;

/// What the network predicts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prediction {
    /// The noise in the latents.
    Epsilon,
    /// The velocity, alpha * noise - sigma * picture (Salimans and Ho 2022).
    Velocity,
    /// The direction from picture to noise, noise - picture (Lipman et al. 2022, Liu et al. 2022).
    Flow,
}

impl Prediction {
    /// The noise that an output stands for, in a sample with this share of the picture's variance.
    pub(super) fn noise(self, sample: &Tensor, output: &Tensor, share: f64) -> Result<Tensor> {
        match self {
            Self::Epsilon => Ok(output.clone()),
            Self::Velocity => mix(&[(share.sqrt(), output), ((1.0 - share).sqrt(), sample)]),
            Self::Flow => mix(&[(share.sqrt(), output), (1.0, sample)]),
        }
    }
}

/// How sigmas are laid out between the ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Curve {
    /// As the timesteps fall.
    Plain,
    /// Karras et al. 2022.
    Karras,
    /// Evenly in the logarithm.
    Exponential,
    /// By the quantiles of a beta distribution.
    Beta,
}

impl Curve {
    /// The curve that a scheduler configuration asks for.
    pub(super) fn read(config: &ConfigFile) -> Loaded<Self> {
        let keys = [
            ("use_karras_sigmas", Self::Karras),
            ("use_exponential_sigmas", Self::Exponential),
            ("use_beta_sigmas", Self::Beta),
        ];
        let mut asked: Option<(&str, Self)> = None;
        for (key, curve) in keys {
            if !config.flag_or(key, false)? {
                continue;
            }
            if let Some((other, _)) = asked {
                return Err(config.problem(key, format!("contradicts `{other}`")));
            }
            asked = Some((key, curve));
        }
        Ok(asked.map_or(Self::Plain, |(_, curve)| curve))
    }
}

/// Settings that one sampler runs with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Options {
    pub(super) spacing: Spacing,
    pub(super) offset: usize,
    pub(super) curve: Curve,
    /// Bound of the predicted picture, where the configuration clips it.
    pub(super) clip: Option<f64>,
    /// True if the picture is taken to be free of noise after the last step.
    pub(super) last_alpha_one: bool,
}

/// A scheduler configuration.
#[derive(Debug, Clone)]
pub struct SchedulerConfig {
    /// The sampler that the configuration names.
    pub sampler: SamplerId,
    /// What the network predicts.
    pub prediction: Prediction,
    /// The noise table.
    pub table: NoiseTable,
    spacing: Option<Spacing>,
    offset: usize,
    curve: Curve,
    clip_sample: Option<bool>,
    clip_range: f64,
    set_alpha_to_one: Option<bool>,
    /// The cosine table keeps fractional timesteps where others are rounded.
    pub(super) cosine_table: bool,
    /// True if UniPC ends with a step of order one.
    pub(super) lower_order_final: bool,
    /// Steps that an LCM was distilled from.
    pub(super) lcm_origin_steps: usize,
    /// Factor on timesteps in LCM's boundary condition.
    pub(super) lcm_timestep_scaling: f64,
}

impl SchedulerConfig {
    /// Reads a configuration.
    ///
    /// # Errors
    /// The class is unknown, or a setting asks for a computation that is not there.
    pub fn read(config: &ConfigFile) -> Loaded<Self> {
        let sampler = sampler_of_class(config)?;
        refuse_unsupported(config)?;
        if sampler == SamplerId::Pndm && !config.flag_or("skip_prk_steps", false)? {
            return Err(config.problem("skip_prk_steps", "false is not supported"));
        }
        let prediction = match config.text("prediction_type")?.unwrap_or("epsilon") {
            "epsilon" => Prediction::Epsilon,
            "v_prediction" => Prediction::Velocity,
            other => return Err(config.problem("prediction_type", format!("`{other}` is not supported"))),
        };
        let spacing = match config.text("timestep_spacing")? {
            None => None,
            Some("leading") => Some(Spacing::Leading),
            Some("trailing") => Some(Spacing::Trailing),
            Some("linspace") => Some(Spacing::Linspace),
            Some(other) => return Err(config.problem("timestep_spacing", format!("`{other}` is unknown"))),
        };
        let curve = Curve::read(config)?;
        let betas = read_betas(config)?;
        let lcm_origin_steps = config.integer_or("original_inference_steps", 50)?;
        if lcm_origin_steps == 0 || lcm_origin_steps > betas.len() {
            return Err(
                config.problem("original_inference_steps", format!("{lcm_origin_steps} does not fit"))
            );
        }
        Ok(Self {
            sampler,
            prediction,
            table: NoiseTable::from_betas(&betas, config.flag_or("rescale_betas_zero_snr", false)?),
            spacing,
            offset: config.integer_or("steps_offset", 0)?.min(MAX_TIMESTEPS),
            curve,
            clip_sample: config.flag("clip_sample")?,
            clip_range: config.number_or("clip_sample_range", 1.0)?,
            set_alpha_to_one: config.flag("set_alpha_to_one")?,
            cosine_table: config.text("beta_schedule")? == Some("squaredcos_cap_v2"),
            lower_order_final: config.flag_or("lower_order_final", true)?,
            lcm_origin_steps,
            lcm_timestep_scaling: config.number_or("timestep_scaling", 10.0)?,
        })
    }

    /// The settings for a sampler. What the file says holds for all samplers; where it is silent the default of
    /// the sampler's own class in diffusers holds, except that latents are clipped only by a model's own
    /// sampler.
    pub(super) fn options_for(&self, sampler: SamplerId, schedule: ScheduleId) -> Options {
        let own = sampler == self.sampler;
        // Curves span the whole table, whatever the spacing that a rule has without one.
        let class_spacing = match sampler {
            SamplerId::Ddim | SamplerId::Pndm | SamplerId::Lcm if !schedule.is_curve() => Spacing::Leading,
            _ => Spacing::Linspace,
        };
        let mut options = Options {
            spacing: self.spacing.unwrap_or(class_spacing),
            offset: self.offset,
            // The reference knows no curves for these rules.
            curve: match sampler {
                SamplerId::EulerAncestral | SamplerId::Ddim | SamplerId::Pndm | SamplerId::Lcm => {
                    Curve::Plain
                }
                _ => self.curve,
            },
            clip: self.clip_sample.unwrap_or(own && sampler == SamplerId::Ddim).then_some(self.clip_range),
            last_alpha_one: self.set_alpha_to_one.unwrap_or(own && sampler != SamplerId::Pndm),
        };
        if sampler == SamplerId::DpmPpSde {
            // The reference has one spacing for this rule.
            (options.spacing, options.offset) = (Spacing::Linspace, 0);
        }
        let (spacing, curve) = match schedule {
            ScheduleId::Normal => return options,
            ScheduleId::Karras => (options.spacing, Curve::Karras),
            ScheduleId::Exponential => (options.spacing, Curve::Exponential),
            ScheduleId::Beta => (options.spacing, Curve::Beta),
            ScheduleId::Leading => (Spacing::Leading, Curve::Plain),
            ScheduleId::Trailing => (Spacing::Trailing, Curve::Plain),
            ScheduleId::Linspace => (Spacing::Linspace, Curve::Plain),
            ScheduleId::SgmUniform => (Spacing::SgmUniform, Curve::Plain),
            ScheduleId::Simple => (Spacing::Simple, Curve::Plain),
        };
        Options { spacing, curve, ..options }
    }
}

fn sampler_of_class(config: &ConfigFile) -> Loaded<SamplerId> {
    let algorithm = config.text("algorithm_type")?.unwrap_or("dpmsolver++");
    Ok(match (config.required_text("_class_name")?, algorithm) {
        ("DDIMScheduler", _) => SamplerId::Ddim,
        ("PNDMScheduler", _) => SamplerId::Pndm,
        ("EulerDiscreteScheduler", _) => SamplerId::Euler,
        ("EulerAncestralDiscreteScheduler", _) => SamplerId::EulerAncestral,
        ("HeunDiscreteScheduler", _) => SamplerId::Heun,
        ("LMSDiscreteScheduler", _) => SamplerId::Lms,
        ("KDPM2DiscreteScheduler", _) => SamplerId::Dpm2,
        ("KDPM2AncestralDiscreteScheduler", _) => SamplerId::Dpm2Ancestral,
        ("LCMScheduler", _) => SamplerId::Lcm,
        ("UniPCMultistepScheduler", _) => SamplerId::UniPc,
        ("DPMSolverMultistepScheduler", "dpmsolver++") => SamplerId::DpmPp2m,
        ("DPMSolverMultistepScheduler", "sde-dpmsolver++") => SamplerId::DpmPp2mSde,
        ("DPMSolverSinglestepScheduler", "dpmsolver++") => SamplerId::DpmPpSde,
        ("DPMSolverMultistepScheduler" | "DPMSolverSinglestepScheduler", other) => {
            return Err(config.problem("algorithm_type", format!("`{other}` is not supported")));
        }
        (other, _) => return Err(config.problem("_class_name", format!("`{other}` is not supported"))),
    })
}

fn refuse_unsupported(config: &ConfigFile) -> Loaded<()> {
    config.must_be_off(&[
        "thresholding",
        "use_lu_lambdas",
        "use_flow_sigmas",
        "use_dynamic_shifting",
        "lambda_min_clipped",
        "sigma_min",
        "sigma_max",
        "solver_p",
        "shift_terminal",
    ])?;
    config.must_be("interpolation_type", "linear")?;
    config.must_be("timestep_type", "discrete")?;
    config.must_be("final_sigmas_type", "zero")?;
    config.must_be("solver_order", 2)?;
    config.must_be("predict_x0", true)?;
    config.must_be("disable_corrector", serde_json::Value::Array(Vec::new()))?;
    match config.text("solver_type")? {
        None | Some("midpoint" | "bh2") => Ok(()),
        Some(other) => Err(config.problem("solver_type", format!("`{other}` is not supported"))),
    }
}

fn read_betas(config: &ConfigFile) -> Loaded<Vec<f32>> {
    if let Some(value) = config.get("trained_betas") {
        let betas = value
            .as_array()
            .and_then(|list| list.iter().map(|b| b.as_f64().map(|b| b as f32)).collect::<Option<Vec<_>>>());
        return betas
            .filter(|b| !b.is_empty() && b.len() <= MAX_TIMESTEPS && b.iter().all(|b| (0.0..1.0).contains(b)))
            .ok_or_else(|| config.problem("trained_betas", "is not a list of numbers between 0 and 1"));
    }
    let count = config.integer_or("num_train_timesteps", 1000)?;
    if !(2..=MAX_TIMESTEPS).contains(&count) {
        return Err(config.problem("num_train_timesteps", format!("{count} is out of range")));
    }
    let in_range = |key: &str, default: f64| -> Loaded<f64> {
        match config.number_or(key, default)? {
            beta if beta > 0.0 && beta < 1.0 => Ok(beta),
            other => Err(config.problem(key, format!("{other} is not between 0 and 1"))),
        }
    };
    let (start, end) = (in_range("beta_start", 0.0001)?, in_range("beta_end", 0.02)?);
    match config.text("beta_schedule")?.unwrap_or("linear") {
        "linear" => Ok(table::linear(start as f32, end as f32, count)),
        "scaled_linear" => Ok(table::scaled_linear(start, end, count)),
        "squaredcos_cap_v2" => Ok(table::cosine(count)),
        other => Err(config.problem("beta_schedule", format!("`{other}` is not supported"))),
    }
}
