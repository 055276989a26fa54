//! Euler's method along the probability flow (Karras et al., arXiv 2206.00364, algorithm 2 without churn).

use candle_core::{Result, Tensor};

use super::config::Options;
use super::schedule::{NoiseSchedule, Space, exploding_scale, spaced_sigmas};
use super::{Sampler, SchedulerConfig, mix};
use crate::diffusion::noise::NoiseSource;

pub(super) struct Euler {
    schedule: NoiseSchedule,
}

impl Euler {
    pub(super) fn new(config: &SchedulerConfig, options: Options, steps: usize) -> Self {
        Self::over(exploding_schedule(config, options, steps))
    }

    /// The rule over a schedule with one call per step.
    pub(super) fn over(schedule: NoiseSchedule) -> Self {
        Self { schedule }
    }
}

/// The schedule of methods that call the network once at each spaced sigma.
pub(super) fn exploding_schedule(config: &SchedulerConfig, options: Options, steps: usize) -> NoiseSchedule {
    let (timesteps, sigmas) = spaced_sigmas(config, options, steps);
    NoiseSchedule {
        timesteps,
        initial_scale: exploding_scale(options, &sigmas),
        sigmas,
        space: Space::Exploding,
        prediction: config.prediction,
    }
}

/// The direction of the flow at a sample, given its clean version: its noise.
pub(super) fn derivative(sample: &Tensor, clean: &Tensor, sigma: f64) -> Result<Tensor> {
    (sample - clean)? / sigma
}

impl Sampler for Euler {
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
        let (sigma, next) = (self.schedule.sigma(index), self.schedule.sigma(index + 1));
        let clean = self.schedule.denoised(sample, output, index)?;
        mix(&[(1.0, sample), (next - sigma, &derivative(sample, &clean, sigma)?)])
    }
}
