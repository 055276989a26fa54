//! Euler's method with ancestral noise: each step goes below the next noise level and noise is added back.

use candle_core::{Result, Tensor};

use super::config::Options;
use super::euler::{derivative, exploding_schedule};
use super::schedule::NoiseSchedule;
use super::{Sampler, SchedulerConfig, mix, noise_like};
use crate::diffusion::noise::NoiseSource;

pub(super) struct EulerAncestral {
    schedule: NoiseSchedule,
}

impl EulerAncestral {
    pub(super) fn new(config: &SchedulerConfig, options: Options, steps: usize) -> Self {
        Self { schedule: exploding_schedule(config, options, steps) }
    }
}

/// Of a step between two noise levels: the level that is gone down to, and how much fresh noise then leads to `to`.
pub(super) fn ancestral(from: f64, to: f64) -> (f64, f64) {
    let up = (to * to * (from * from - to * to) / (from * from)).max(0.0).sqrt();
    ((to * to - up * up).max(0.0).sqrt(), up)
}

impl Sampler for EulerAncestral {
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
        let (from, to) = (self.schedule.sigma(index), self.schedule.sigma(index + 1));
        let (down, up) = ancestral(from, to);
        let clean = self.schedule.denoised(sample, output, index)?;
        let direction = derivative(sample, &clean, from)?;
        mix(&[(1.0, sample), (down - from, &direction), (up, &noise_like(sample, noise)?)])
    }
}
