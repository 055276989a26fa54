//! UniPC of order two with B(h) = e^h - 1 (Zhao et al., arXiv 2302.04867): each step predicts, and the next network
//! call corrects what was predicted.

use candle_core::{Result, Tensor};

use super::config::Options;
use super::dpmpp_multistep::solver_schedule;
use super::schedule::NoiseSchedule;
use super::{Sampler, SchedulerConfig, mix};
use crate::diffusion::noise::NoiseSource;

const ORDER: usize = 2;

pub(super) struct UniPc {
    schedule: NoiseSchedule,
    lower_order_final: bool,
    /// Clean samples of the latest calls, newest first.
    clean: Vec<Tensor>,
    /// Sample that the last step began from, and the order it was taken with.
    last: Option<(Tensor, usize)>,
    /// Steps taken, up to the order.
    warm: usize,
}

impl UniPc {
    pub(super) fn new(config: &SchedulerConfig, options: Options, steps: usize) -> Self {
        Self::over(solver_schedule(config, options, steps), config.lower_order_final)
    }

    /// The rule over a schedule with one call per step; `lower_order_final` says whether the last is of order one.
    pub(super) fn over(schedule: NoiseSchedule, lower_order_final: bool) -> Self {
        Self { schedule, lower_order_final, clean: Vec::new(), last: None, warm: 0 }
    }

    /// Corrects `sample` at call `index` with the clean sample found there.
    fn correct(&self, index: usize, sample: &Tensor, clean: &Tensor) -> Result<Tensor> {
        let (Some((start, order)), Some(newest), true) = (&self.last, self.clean.first(), index > 0) else {
            return Ok(sample.clone());
        };
        let step = Step::new(&self.schedule, index - 1);
        let change = (clean - newest)?;
        let older = if *order == ORDER { self.clean.get(1) } else { None };
        let Some(older) = older else {
            return mix(&[(step.of_sample, start), (step.of_clean, newest), (0.5 * step.of_clean, &change)]);
        };
        let ratio = step.ratio_to(&self.schedule, index.saturating_sub(2));
        let slope = ((older - newest)? / ratio)?;
        // The order-two conditions: r*a + b = c2 and a + b = c1, with r the ratio of log-SNR steps.
        let hh = -step.h;
        let phi = hh.exp_m1();
        let phi1 = phi / hh - 1.0;
        let phi2 = phi1 / hh - 0.5;
        let (c1, c2) = (phi1 / phi, 2.0 * phi2 / phi);
        let older_weight = (c2 - c1) / (ratio - 1.0);
        let newer_weight = c1 - older_weight;
        mix(&[
            (step.of_sample, start),
            (step.of_clean, newest),
            (step.of_clean * older_weight, &slope),
            (step.of_clean * newer_weight, &change),
        ])
    }
}

/// Weights of one step from a call to the next.
struct Step {
    of_sample: f64,
    of_clean: f64,
    h: f64,
    log_snr_from: f64,
}

impl Step {
    fn new(schedule: &NoiseSchedule, index: usize) -> Self {
        let (from, to) = (schedule.sigma(index), schedule.sigma(index + 1));
        let ((_, sigma_from), (alpha_to, sigma_to)) = (schedule.shares(from), schedule.shares(to));
        let h = schedule.log_snr(to) - schedule.log_snr(from);
        Self {
            of_sample: sigma_to / sigma_from,
            of_clean: -alpha_to * (-h).exp_m1(),
            h,
            log_snr_from: schedule.log_snr(from),
        }
    }

    /// Length of the way back to an earlier call, in steps.
    fn ratio_to(&self, schedule: &NoiseSchedule, earlier: usize) -> f64 {
        (schedule.log_snr(schedule.sigma(earlier)) - self.log_snr_from) / self.h
    }
}

impl Sampler for UniPc {
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
        let clean = self.schedule.denoised(sample, output, index)?;
        let sample = self.correct(index, sample, &clean)?;
        let left = self.schedule.timesteps.len().saturating_sub(index);
        let order = if self.lower_order_final { ORDER.min(left) } else { ORDER }.min(self.warm + 1);
        let step = Step::new(&self.schedule, index);
        let next = match self.clean.first() {
            Some(older) if order == ORDER => {
                let ratio = step.ratio_to(&self.schedule, index.saturating_sub(1));
                let slope = ((older - &clean)? / ratio)?;
                mix(&[(step.of_sample, &sample), (step.of_clean, &clean), (0.5 * step.of_clean, &slope)])?
            }
            _ => mix(&[(step.of_sample, &sample), (step.of_clean, &clean)])?,
        };
        self.clean.insert(0, clean);
        self.clean.truncate(ORDER);
        self.last = Some((sample, order));
        self.warm = (self.warm + 1).min(ORDER);
        Ok(next)
    }
}
