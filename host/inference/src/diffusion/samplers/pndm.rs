//! Pseudo linear multistep (Liu et al., arXiv 2202.09778) without the Runge-Kutta start: the second timestep is
//! visited twice instead.

use std::collections::VecDeque;

use candle_core::{Result, Tensor};

use super::config::Options;
use super::schedule::{NoiseSchedule, table_timesteps};
use super::table::NoiseTable;
use super::{Sampler, SchedulerConfig, mix};
use crate::diffusion::noise::NoiseSource;

pub(super) struct Pndm {
    schedule: NoiseSchedule,
    table: NoiseTable,
    stride: f64,
    /// Share of the picture's variance that is left to reach.
    last_product: f64,
    /// The latest outputs, newest first.
    outputs: VecDeque<Tensor>,
    /// Sample that the first call began from, until the second has used it.
    start: Option<Tensor>,
    calls: usize,
}

impl Pndm {
    pub(super) fn new(config: &SchedulerConfig, options: Options, steps: usize) -> Self {
        let table = config.table.clone();
        let mut timesteps = table_timesteps(&table, options, steps);
        if let Some(&second) = timesteps.get(1) {
            timesteps.insert(1, second);
        }
        let sigmas = timesteps.iter().map(|&t| table.product(t)).map(|p| ((1.0 - p) / p).sqrt()).collect();
        let schedule = NoiseSchedule::preserving(config, timesteps, sigmas);
        Self {
            schedule,
            stride: (table.len() / steps) as f64,
            last_product: if options.last_alpha_one { 1.0 } else { table.product(0.0) },
            table,
            outputs: VecDeque::new(),
            start: None,
            calls: 0,
        }
    }

    /// Share of the picture's variance at a timestep; below zero lies the end.
    fn product(&self, timestep: f64) -> f64 {
        if timestep < 0.0 { self.last_product } else { self.table.product(timestep) }
    }

    /// The transfer of equation 9 between two timesteps.
    fn transfer(&self, sample: &Tensor, output: &Tensor, from: f64, to: f64) -> Result<Tensor> {
        let (before, after) = (self.product(from), self.product(to));
        let noise = self.schedule.prediction.noise(sample, output, before)?;
        let divisor = before * (1.0 - after).sqrt() + (before * (1.0 - before) * after).sqrt();
        mix(&[((after / before).sqrt(), sample), (-(after - before) / divisor, &noise)])
    }
}

impl Sampler for Pndm {
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
        let timestep = self.schedule.timestep(index);
        let call = self.calls;
        self.calls += 1;
        if call == 1 {
            // The second call repeats the first step with the mean of both outputs.
            let start = self.start.take().unwrap_or_else(|| sample.clone());
            let first = self.outputs.front().unwrap_or(output);
            let mean = mix(&[(0.5, output), (0.5, first)])?;
            return self.transfer(&start, &mean, timestep + self.stride, timestep);
        }
        self.outputs.push_front(output.clone());
        self.outputs.truncate(4);
        let weights: &[f64] = match self.outputs.len() {
            1 => {
                self.start = Some(sample.clone());
                &[1.0]
            }
            2 => &[3.0 / 2.0, -1.0 / 2.0],
            3 => &[23.0 / 12.0, -16.0 / 12.0, 5.0 / 12.0],
            _ => &[55.0 / 24.0, -59.0 / 24.0, 37.0 / 24.0, -9.0 / 24.0],
        };
        let terms: Vec<_> = weights.iter().copied().zip(&self.outputs).collect();
        self.transfer(sample, &mix(&terms)?, timestep, timestep - self.stride)
    }
}
