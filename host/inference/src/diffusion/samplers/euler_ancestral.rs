//! Euler's method with ancestral noise: each step goes below the next noise level and noise is added back.

use candle_core::{Result, Tensor};

use super::config::{Curve, Options};
use super::euler::{derivative, exploding_schedule};
use super::schedule::NoiseSchedule;
use super::{Sampler, SchedulerConfig, mix, noise_like};
use crate::diffusion::noise::NoiseSource;

pub(super) struct EulerAncestral {
    schedule: NoiseSchedule,
}

impl EulerAncestral {
    pub(super) fn new(config: &SchedulerConfig, options: Options, steps: usize) -> Self {
        // The reference knows no curves for this rule.
        let options = Options { curve: Curve::Plain, ..options };
        Self { schedule: exploding_schedule(config, options, steps) }
    }
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
        let up = (to * to * (from * from - to * to) / (from * from)).max(0.0).sqrt();
        let down = (to * to - up * up).max(0.0).sqrt();
        let clean = self.schedule.denoised(sample, output, index)?;
        let direction = derivative(sample, &clean, from)?;
        mix(&[(1.0, sample), (down - from, &direction), (up, &noise_like(sample, noise)?)])
    }
}
