//! DPM-Solver++ of order two as a single-step method: every other step is Euler's and its sample is only used to
//! look ahead.

use candle_core::{Result, Tensor};

use super::config::Options;
use super::dpmpp_multistep::solver_schedule;
use super::schedule::NoiseSchedule;
use super::{Sampler, SchedulerConfig, mix};
use crate::diffusion::noise::NoiseSource;

pub(super) struct DpmPpSinglestep {
    schedule: NoiseSchedule,
    /// Sample and clean sample where the current pair of steps began.
    start: Option<(Tensor, Tensor)>,
}

impl DpmPpSinglestep {
    pub(super) fn new(config: &SchedulerConfig, options: Options, steps: usize) -> Self {
        Self::over(solver_schedule(config, options, steps))
    }

    /// The rule over a schedule with one call per step.
    pub(super) fn over(schedule: NoiseSchedule) -> Self {
        Self { schedule, start: None }
    }

    /// True if the step is the second of a pair; the last step, which ends without noise, never is.
    fn is_second(&self, index: usize) -> bool {
        index % 2 == 1 && index + 1 < self.schedule.timesteps.len()
    }
}

impl Sampler for DpmPpSinglestep {
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
        let (from, to) = (self.schedule.sigma(index), self.schedule.sigma(index + 1));
        let (alpha_to, sigma_to) = self.schedule.shares(to);
        let clean = self.schedule.denoised(sample, output, index)?;
        let start = self.start.take();
        let log_snr = |level| self.schedule.log_snr(level);
        match start {
            Some((start, first_clean)) if self.is_second(index) => {
                let before = self.schedule.sigma(index.saturating_sub(1));
                let h = log_snr(to) - log_snr(before);
                let ratio = (log_snr(from) - log_snr(before)) / h;
                let of_clean = -alpha_to * ((-h).exp() - 1.0);
                let slope = ((&clean - &first_clean)? / ratio)?;
                mix(&[
                    (sigma_to / self.schedule.shares(before).1, &start),
                    (of_clean, &first_clean),
                    (0.5 * of_clean, &slope),
                ])
            }
            _ => {
                let h = log_snr(to) - log_snr(from);
                let next = mix(&[
                    (sigma_to / self.schedule.shares(from).1, sample),
                    (-alpha_to * ((-h).exp() - 1.0), &clean),
                ])?;
                self.start = Some((sample.clone(), clean));
                Ok(next)
            }
        }
    }
}
