//! DPM-Solver++ of order two as a multistep method (Lu et al., arXiv 2211.01095), and its stochastic variant.

use candle_core::{Result, Tensor};

use super::config::Options;
use super::schedule::{NoiseSchedule, Space, solver_sigmas};
use super::{Sampler, SchedulerConfig, mix, noise_like};
use crate::diffusion::noise::NoiseSource;

/// The first step has no predecessor and the last one ends without noise, so both are of order one.
pub(super) struct DpmPpMultistep {
    schedule: NoiseSchedule,
    stochastic: bool,
    /// The clean sample of the step before.
    before: Option<Tensor>,
}

impl DpmPpMultistep {
    pub(super) fn new(config: &SchedulerConfig, options: Options, steps: usize, stochastic: bool) -> Self {
        Self::over(solver_schedule(config, options, steps), stochastic)
    }

    /// The rule over a schedule with one call per step.
    pub(super) fn over(schedule: NoiseSchedule, stochastic: bool) -> Self {
        Self { schedule, stochastic, before: None }
    }
}

/// The schedule of DPM solvers.
pub(super) fn solver_schedule(config: &SchedulerConfig, options: Options, steps: usize) -> NoiseSchedule {
    let (timesteps, sigmas) = solver_sigmas(config, options, steps);
    NoiseSchedule {
        timesteps,
        sigmas,
        space: Space::Preserving,
        prediction: config.prediction,
        initial_scale: 1.0,
    }
}

impl Sampler for DpmPpMultistep {
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
        let ((_, sigma_from), (alpha_to, sigma_to)) = (self.schedule.shares(from), self.schedule.shares(to));
        let log_snr = |level| self.schedule.log_snr(level);
        let h = log_snr(to) - log_snr(from);
        let clean = self.schedule.denoised(sample, output, index)?;
        // Noise is drawn even where its weight is zero, so that seeds keep their meaning.
        let fresh = if self.stochastic { Some(noise_like(sample, noise)?) } else { None };
        let (of_sample, of_clean) = if self.stochastic {
            (sigma_to / sigma_from * (-h).exp(), alpha_to * (1.0 - (-2.0 * h).exp()))
        } else {
            (sigma_to / sigma_from, -alpha_to * ((-h).exp() - 1.0))
        };
        let mut terms = vec![(of_sample, sample), (of_clean, &clean)];
        let is_last = index + 1 >= self.schedule.timesteps.len();
        let before = if is_last { None } else { self.before.take() };
        let difference = match &before {
            Some(before) => {
                let h_before = log_snr(from) - log_snr(self.schedule.sigma(index.saturating_sub(1)));
                Some(((&clean - before)? * (h / h_before))?)
            }
            None => None,
        };
        if let Some(difference) = &difference {
            terms.push((0.5 * of_clean, difference));
        }
        if let Some(fresh) = &fresh {
            terms.push((sigma_to * (1.0 - (-2.0 * h).exp()).sqrt(), fresh));
        }
        let next = mix(&terms)?;
        self.before = Some(clean);
        Ok(next)
    }
}
