//! DDIM (Song et al., arXiv 2010.02502, equation 12) without added noise.

use candle_core::{Result, Tensor};

use super::config::Options;
use super::schedule::{NoiseSchedule, Space, table_timesteps};
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
        let schedule = NoiseSchedule {
            timesteps,
            sigmas,
            space: Space::Preserving,
            prediction: config.prediction,
            initial_scale: 1.0,
        };
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
