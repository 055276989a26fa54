//! The midpoint method in log-sigma (DPM-Solver-2 in Karras' form): half a step, then a whole one with the slope
//! found there. The ancestral form goes below the next noise level and adds noise back.

use candle_core::{Result, Tensor};

use super::config::{Curve, Options};
use super::euler::{derivative, exploding_schedule};
use super::euler_ancestral::AncestralEnd;
use super::schedule::{NoiseSchedule, timestep_of};
use super::{Sampler, SchedulerConfig, mix, noise_like};
use crate::diffusion::noise::NoiseSource;

pub(super) struct Dpm2 {
    schedule: NoiseSchedule,
    /// True if fresh noise is added at the end of each step.
    ancestral: bool,
    /// Sample at the beginning of a step whose second call is due.
    start: Option<Tensor>,
}

impl Dpm2 {
    pub(super) fn new(config: &SchedulerConfig, options: Options, steps: usize, ancestral: bool) -> Self {
        let mut schedule = exploding_schedule(config, options, steps);
        if options.curve == Curve::Karras {
            schedule.timesteps.iter_mut().for_each(|t| *t = t.round_ties_even());
        }
        let table = config.table.sigmas();
        Self::over(schedule, |sigma| f64::from(timestep_of(&table, sigma) as f32), ancestral)
    }

    /// The rule over a schedule with one call per step; `timestep` gives that of a sigma between the steps.
    pub(super) fn over(schedule: NoiseSchedule, timestep: impl Fn(f64) -> f64, ancestral: bool) -> Self {
        let NoiseSchedule { timesteps, sigmas, .. } = &schedule;
        let steps = sigmas.iter().zip(sigmas.iter().skip(1));
        // With ancestral noise this is the next level itself, below which rounding must not take it.
        let space = schedule.space;
        let down = |from, to| if ancestral { AncestralEnd::of(space, from, to).down } else { to };
        let midpoint = |from: f64, to: f64| (from * down(from, to)).sqrt().max(to);
        let midpoints: Vec<f64> = steps.map(|(&from, &to)| midpoint(from, to)).collect();
        let interleave = |own: &[f64], between: &[f64]| -> Vec<f64> {
            let pairs = between.iter().zip(own.iter().skip(1)).flat_map(|(&b, &o)| [b, o]);
            own.first().copied().into_iter().chain(pairs).collect()
        };
        let between: Vec<f64> = midpoints.iter().map(|&sigma| timestep(sigma)).collect();
        let schedule = NoiseSchedule {
            timesteps: interleave(timesteps, &between),
            sigmas: interleave(sigmas, &midpoints),
            ..schedule
        };
        Self { schedule, ancestral, start: None }
    }
}

impl Sampler for Dpm2 {
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
        noise: &mut dyn NoiseSource,
    ) -> Result<Tensor> {
        let sigma = self.schedule.sigma(index);
        let slope = derivative(sample, &self.schedule.denoised(sample, output, index)?, sigma)?;
        let next = self.schedule.sigma(index + 1);
        match self.start.take() {
            None => {
                self.start = Some(sample.clone());
                mix(&[(1.0, sample), (next - sigma, &slope)])
            }
            Some(start) => {
                let from = self.schedule.sigma(index.saturating_sub(1));
                if !self.ancestral {
                    return mix(&[(1.0, &start), (next - from, &slope)]);
                }
                let AncestralEnd { down, kept, fresh } = AncestralEnd::of(self.schedule.space, from, next);
                mix(&[(kept, &start), (kept * (down - from), &slope), (fresh, &noise_like(&start, noise)?)])
            }
        }
    }
}
