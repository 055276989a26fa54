//! Heun's method (Karras et al., arXiv 2206.00364, algorithm 1): an Euler step, then its average with the slope
//! found there. The last step, to no noise, is Euler's alone.

use candle_core::{Result, Tensor};

use super::config::Options;
use super::euler::{derivative, exploding_schedule};
use super::schedule::NoiseSchedule;
use super::{Sampler, SchedulerConfig, mix};
use crate::diffusion::noise::NoiseSource;

pub(super) struct Heun {
    schedule: NoiseSchedule,
    clip: Option<f64>,
    /// Sample and slope at the beginning of a step whose second call is due.
    first: Option<(Tensor, Tensor)>,
}

impl Heun {
    pub(super) fn new(config: &SchedulerConfig, options: Options, steps: usize) -> Self {
        Self::over(exploding_schedule(config, options, steps), options.clip)
    }

    /// The rule over a schedule with one call per step, whose clean samples stay within a bound where one is given.
    pub(super) fn over(schedule: NoiseSchedule, clip: Option<f64>) -> Self {
        let schedule = NoiseSchedule {
            timesteps: twice_but_first(&schedule.timesteps),
            sigmas: twice_but_first(&schedule.sigmas),
            ..schedule
        };
        Self { schedule, clip, first: None }
    }
}

/// The first value once and all others twice.
fn twice_but_first(values: &[f64]) -> Vec<f64> {
    values.iter().flat_map(|&v| [v, v]).skip(1).collect()
}

impl Sampler for Heun {
    fn schedule(&self) -> &NoiseSchedule {
        &self.schedule
    }

    fn calls_per_step(&self) -> usize {
        2
    }

    fn step(
        &mut self,
        index: usize,
        sample: &Tensor,
        output: &Tensor,
        _noise: &mut dyn NoiseSource,
    ) -> Result<Tensor> {
        let mut clean = self.schedule.denoised(sample, output, index)?;
        if let Some(clip) = self.clip {
            clean = clean.clamp(-clip, clip)?;
        }
        let sigma = self.schedule.sigma(index);
        let slope = derivative(sample, &clean, sigma)?;
        match self.first.take() {
            None => {
                let next = mix(&[(1.0, sample), (self.schedule.sigma(index + 1) - sigma, &slope)])?;
                self.first = Some((sample.clone(), slope));
                Ok(next)
            }
            Some((start, first_slope)) => {
                let half = (sigma - self.schedule.sigma(index.saturating_sub(1))) / 2.0;
                mix(&[(1.0, &start), (half, &first_slope), (half, &slope)])
            }
        }
    }
}
