//! DDIM (Song et al., arXiv 2010.02502, equation 12) without added noise. In the ratio of noise to picture it is Euler's method,
//! so it can go by any noise levels.

use candle_core::{Result, Tensor};

use super::config::{Curve, Options};
use super::schedule::{NoiseSchedule, Spacing, spaced_sigmas, table_timesteps};
use super::{Sampler, SchedulerConfig, mix};
use crate::diffusion::noise::NoiseSource;

pub(super) struct Ddim {
    schedule: NoiseSchedule,
    /// Share of the picture's variance before and after each step.
    products: Vec<(f64, f64)>,
    clip: Option<f64>,
}

impl Ddim {
    pub(super) fn new(config: &SchedulerConfig, options: Options, steps: usize) -> Self {
        match (options.curve, options.spacing) {
            (Curve::Plain, Spacing::Leading | Spacing::Trailing | Spacing::Linspace) => {
                Self::through_table(config, options, steps)
            }
            _ => Self::over_levels(config, options, steps),
        }
    }

    /// From each level to the next and from the last to a clean picture.
    fn over_levels(config: &SchedulerConfig, options: Options, steps: usize) -> Self {
        let (timesteps, sigmas) = spaced_sigmas(config, options, steps);
        let shares = || sigmas.iter().map(|sigma| 1.0 / (1.0 + sigma * sigma));
        let products = shares().zip(shares().skip(1).chain([1.0])).collect();
        let schedule = NoiseSchedule::preserving(config, timesteps, sigmas);
        Self { schedule, products, clip: options.clip }
    }

    /// By even steps through the table, as `DDIMScheduler` does.
    fn through_table(config: &SchedulerConfig, options: Options, steps: usize) -> Self {
        let table = &config.table;
        let timesteps = table_timesteps(table, options, steps);
        let stride = (table.len() / steps) as f64;
        let last = if options.last_alpha_one { 1.0 } else { table.product(0.0) };
        let products: Vec<_> = timesteps
            .iter()
            .map(|&t| {
                let after = if t >= stride { table.product(t - stride) } else { last };
                (table.product(t), after)
            })
            .collect();
        let sigmas = products.iter().map(|(before, _)| ((1.0 - before) / before).sqrt()).collect();
        let schedule = NoiseSchedule::preserving(config, timesteps, sigmas);
        Self { schedule, products, clip: options.clip }
    }
}

impl Sampler for Ddim {
    fn schedule(&self) -> &NoiseSchedule {
        &self.schedule
    }

    fn step(
        &mut self,
        index: usize,
        sample: &Tensor,
        output: &Tensor,
        _noise: &mut dyn NoiseSource,
    ) -> Result<Tensor> {
        let (before, after) = self.products.get(index).copied().unwrap_or((1.0, 1.0));
        let mut picture = self.schedule.denoised(sample, output, index)?;
        if let Some(clip) = self.clip {
            picture = picture.clamp(-clip, clip)?;
        }
        let noise = self.schedule.prediction.noise(sample, output, before)?;
        mix(&[(after.sqrt(), &picture), ((1.0 - after).sqrt(), &noise)])
    }
}
