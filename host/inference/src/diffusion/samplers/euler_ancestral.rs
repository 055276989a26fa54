//! Euler's method with ancestral noise: each step goes below the next noise level and noise is added back.

use candle_core::{Result, Tensor};

use super::config::Options;
use super::euler::{derivative, exploding_schedule};
use super::schedule::{NoiseSchedule, Space};
use super::{Sampler, SchedulerConfig, mix, noise_like};
use crate::diffusion::noise::NoiseSource;

pub(super) struct EulerAncestral {
    schedule: NoiseSchedule,
}

impl EulerAncestral {
    pub(super) fn new(config: &SchedulerConfig, options: Options, steps: usize) -> Self {
        Self::over(exploding_schedule(config, options, steps))
    }

    /// The rule over a schedule with one call per step.
    pub(super) fn over(schedule: NoiseSchedule) -> Self {
        Self { schedule }
    }
}

/// How a step with fresh noise ends.
pub(super) struct AncestralEnd {
    /// The noise level that is gone down to.
    pub(super) down: f64,
    /// What the sample is multiplied by there.
    pub(super) kept: f64,
    /// How much fresh noise is added then.
    pub(super) fresh: f64,
}

impl AncestralEnd {
    /// Of a step between two noise levels. Straight samples lose as much of the picture as noise comes in, as in
    /// `sample_euler_ancestral_RF` of ComfyUI.
    pub(super) fn of(space: Space, from: f64, to: f64) -> Self {
        if space == Space::Straight {
            let down = to * to / from;
            let kept = (1.0 - to) / (1.0 - down);
            return Self { down, kept, fresh: (to * to - (down * kept).powi(2)).max(0.0).sqrt() };
        }
        let fresh = (to * to * (from * from - to * to) / (from * from)).max(0.0).sqrt();
        Self { down: (to * to - fresh * fresh).max(0.0).sqrt(), kept: 1.0, fresh }
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
        let AncestralEnd { down, kept, fresh } = AncestralEnd::of(self.schedule.space, from, to);
        let clean = self.schedule.denoised(sample, output, index)?;
        let direction = derivative(sample, &clean, from)?;
        mix(&[(kept, sample), (kept * (down - from), &direction), (fresh, &noise_like(sample, noise)?)])
    }
}
