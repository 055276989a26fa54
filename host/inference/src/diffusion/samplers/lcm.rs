//! Multistep consistency sampling (Luo et al., arXiv 2310.04378): each call gives a clean sample, which is noised
//! again to the next level.

use candle_core::{Result, Tensor};

use super::config::Options;
use super::schedule::{NoiseSchedule, spaced_sigmas};
use super::{Sampler, SamplerError, ScheduleId, SchedulerConfig, mix, noise_like};
use crate::diffusion::noise::NoiseSource;

/// Standard deviation of the data in the boundary condition.
const SIGMA_DATA: f64 = 0.5;

pub(super) struct Lcm {
    schedule: NoiseSchedule,
    clip: Option<f64>,
    /// Factor on timesteps in the boundary condition; none where the network was trained without.
    boundary: Option<f64>,
}

impl Lcm {
    /// The rule over a schedule, brought to the timesteps that the network was distilled at: it knows no others.
    pub(super) fn new(
        config: &SchedulerConfig,
        (schedule, options): (ScheduleId, Options),
        steps: usize,
    ) -> std::result::Result<Self, SamplerError> {
        let origin = config.lcm_origin_steps;
        if steps > origin {
            let problem = format!("LCM takes at most {origin} steps, {steps} were asked for");
            return Err(SamplerError { field: "steps", problem });
        }
        let stride = config.table.len() / origin;
        let places: Vec<usize> = match schedule {
            ScheduleId::Normal => (0..steps)
                .map(|i| origin - (i as f64 * (origin as f64 / steps as f64)).floor() as usize)
                .collect(),
            _ => {
                let (timesteps, _) = spaced_sigmas(config, options, steps);
                let nearest = |t: f64| ((t + 1.0) / stride as f64).round() as usize;
                timesteps.into_iter().map(|t| nearest(t).clamp(1, origin)).collect()
            }
        };
        let timesteps: Vec<f64> = places.into_iter().map(|place| (place * stride - 1) as f64).collect();
        let sigmas =
            timesteps.iter().map(|&t| config.table.product(t)).map(|p| ((1.0 - p) / p).sqrt()).collect();
        let schedule = NoiseSchedule::preserving(config, timesteps, sigmas);
        Ok(Self { schedule, clip: options.clip, boundary: Some(config.lcm_timestep_scaling) })
    }

    /// The rule over a schedule with one call per step, without a boundary condition.
    pub(super) fn over(schedule: NoiseSchedule) -> Self {
        Self { schedule, clip: None, boundary: None }
    }
}

impl Sampler for Lcm {
    fn schedule(&self) -> &NoiseSchedule {
        &self.schedule
    }

    fn step(
        &mut self,
        index: usize,
        sample: &Tensor,
        output: &Tensor,
        noise: &mut dyn NoiseSource,
    ) -> Result<Tensor> {
        let mut clean = self.schedule.denoised(sample, output, index)?;
        if let Some(clip) = self.clip {
            clean = clean.clamp(-clip, clip)?;
        }
        let denoised = match self.boundary {
            Some(scaling) => {
                let time = self.schedule.timestep(index) * scaling;
                let total = time * time + SIGMA_DATA * SIGMA_DATA;
                let (skip, out) = (SIGMA_DATA * SIGMA_DATA / total, time / total.sqrt());
                mix(&[(out, &clean), (skip, sample)])?
            }
            None => clean,
        };
        if index + 1 >= self.schedule.timesteps.len() {
            return Ok(denoised);
        }
        self.schedule.add_noise(&denoised, &noise_like(sample, noise)?, index + 1)
    }
}
