//! The linear multistep method of order four in sigma, with exactly integrated Lagrange polynomials.

use std::collections::VecDeque;

use candle_core::{Result, Tensor};

use super::config::Options;
use super::euler::{derivative, exploding_schedule};
use super::schedule::NoiseSchedule;
use super::{Sampler, SchedulerConfig, mix};
use crate::diffusion::noise::NoiseSource;

const ORDER: usize = 4;

pub(super) struct Lms {
    schedule: NoiseSchedule,
    /// The latest slopes, newest first.
    slopes: VecDeque<Tensor>,
}

impl Lms {
    pub(super) fn new(config: &SchedulerConfig, options: Options, steps: usize) -> Self {
        Self::over(exploding_schedule(config, options, steps))
    }

    /// The rule over a schedule with one call per step.
    pub(super) fn over(schedule: NoiseSchedule) -> Self {
        Self { schedule, slopes: VecDeque::new() }
    }

    /// Integral over the step of the Lagrange polynomial that is one at the `current`-th node back and zero at
    /// the other nodes of the order.
    fn coefficient(&self, order: usize, index: usize, current: usize) -> f64 {
        let node = |back: usize| self.schedule.sigma(index.saturating_sub(back));
        let polynomial = |x: f64| -> f64 {
            (0..order).filter(|&k| k != current).map(|k| (x - node(k)) / (node(current) - node(k))).product()
        };
        let (from, to) = (self.schedule.sigma(index), self.schedule.sigma(index + 1));
        // Gauss-Legendre with three nodes is exact up to degree five; the polynomial has degree three.
        let (middle, half) = ((from + to) / 2.0, (to - from) / 2.0);
        let reach = half * 0.6f64.sqrt();
        half * (5.0 * polynomial(middle - reach)
            + 8.0 * polynomial(middle)
            + 5.0 * polynomial(middle + reach))
            / 9.0
    }
}

impl Sampler for Lms {
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
        self.slopes.push_front(derivative(sample, &clean, self.schedule.sigma(index))?);
        self.slopes.truncate(ORDER);
        let order = ORDER.min(index + 1);
        let mut terms = vec![(1.0, sample)];
        for (current, slope) in self.slopes.iter().take(order).enumerate() {
            terms.push((self.coefficient(order, index, current), slope));
        }
        mix(&terms)
    }
}
