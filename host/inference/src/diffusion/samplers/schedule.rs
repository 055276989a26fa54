//! Timesteps and noise levels of a run, laid out as diffusers does.

use candle_core::{Result, Tensor};

use super::beta;
use super::config::{Curve, Options, Prediction};
use super::table::NoiseTable;
use super::{SchedulerConfig, mix};

/// Karras' exponent.
const RHO: f64 = 7.0;

/// How timesteps are picked from the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spacing {
    /// Multiples of the step length, plus an offset.
    Leading,
    /// Counted down from the end of the table.
    Trailing,
    /// Evenly from the first to the last.
    Linspace,
    /// Evenly from the last towards the first, which is left out (`sgm_uniform` of ComfyUI).
    SgmUniform,
    /// Counted down from the last in equal parts of the table, rounded up (`simple` of ComfyUI).
    Simple,
}

/// How samples carry their noise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Space {
    /// Variance-preserving: alpha * picture + sqrt(1 - alpha^2) * noise, as the network takes it.
    Preserving,
    /// Variance-exploding: picture + sigma * noise; scaled down for the network.
    Exploding,
    /// Straight from picture to noise: (1 - sigma) * picture + sigma * noise, as the network takes it.
    Straight,
}

/// When the network is called in a run, and how noisy the sample is then.
#[derive(Debug, Clone)]
pub struct NoiseSchedule {
    /// Timestep of each network call, falling; may be fractional.
    pub timesteps: Vec<f64>,
    /// Noise to picture ratio of the sample at each call; in straight samples the share of noise.
    pub sigmas: Vec<f64>,
    /// How samples carry their noise.
    pub space: Space,
    /// What the network predicts.
    pub prediction: Prediction,
    /// Factor that turns unit noise into the first sample.
    pub initial_scale: f64,
}

impl NoiseSchedule {
    /// Calls of samples that carry their noise in shares, which begin as unit noise.
    pub(super) fn preserving(config: &SchedulerConfig, timesteps: Vec<f64>, sigmas: Vec<f64>) -> Self {
        let space = Space::Preserving;
        Self { timesteps, sigmas, space, prediction: config.prediction, initial_scale: 1.0 }
    }

    /// Sigma at a call; beyond the last call there is none.
    pub fn sigma(&self, index: usize) -> f64 {
        self.sigmas.get(index).copied().unwrap_or(0.0)
    }

    /// Timestep of a call.
    pub fn timestep(&self, index: usize) -> f64 {
        self.timesteps.get(index).copied().unwrap_or(0.0)
    }

    /// The sample as the network takes it.
    pub fn model_input(&self, sample: &Tensor, index: usize) -> Result<Tensor> {
        match self.space {
            Space::Preserving | Space::Straight => Ok(sample.clone()),
            Space::Exploding => sample * alpha_sigma(self.sigma(index)).0,
        }
    }

    /// A clean sample with noise up to the level of a call.
    pub fn add_noise(&self, clean: &Tensor, noise: &Tensor, index: usize) -> Result<Tensor> {
        let (alpha, sigma) = match self.space {
            Space::Exploding => (1.0, self.sigma(index)),
            Space::Preserving | Space::Straight => self.shares(self.sigma(index)),
        };
        mix(&[(alpha, clean), (sigma, noise)])
    }

    /// Shares of picture and noise in a sample of a noise level, for samples that go to the network as they are.
    pub(super) fn shares(&self, level: f64) -> (f64, f64) {
        match self.space {
            Space::Straight => (1.0 - level, level),
            Space::Preserving | Space::Exploding => alpha_sigma(level),
        }
    }

    /// The logarithm of the ratio of these shares, in which DPM solvers step; infinite without noise.
    pub(super) fn log_snr(&self, level: f64) -> f64 {
        match self.space {
            Space::Straight => ((1.0 - level) / level).ln(),
            Space::Preserving | Space::Exploding => -level.ln(),
        }
    }

    /// The clean sample that the network's output at a call stands for.
    pub fn denoised(&self, sample: &Tensor, output: &Tensor, index: usize) -> Result<Tensor> {
        self.denoised_at(sample, output, self.sigma(index))
    }

    /// The same at an explicit noise level.
    pub(super) fn denoised_at(&self, sample: &Tensor, output: &Tensor, ratio: f64) -> Result<Tensor> {
        let (of_sample, of_output) = self.denoising_weights(ratio);
        mix(&[(of_sample, sample), (of_output, output)])
    }

    /// Weights of sample and output in the clean sample at a noise level.
    pub fn denoising_weights(&self, ratio: f64) -> (f64, f64) {
        let (alpha, sigma) = alpha_sigma(ratio);
        match (self.space, self.prediction) {
            // Straight samples are only made for networks that predict their direction.
            (Space::Straight, _) | (_, Prediction::Flow) => (1.0, -ratio),
            (Space::Preserving, Prediction::Epsilon) => (1.0 / alpha, -sigma / alpha),
            (Space::Preserving, Prediction::Velocity) => (alpha, -sigma),
            (Space::Exploding, Prediction::Epsilon) => (1.0, -ratio),
            (Space::Exploding, Prediction::Velocity) => (alpha * alpha, -sigma),
        }
    }
}

/// Shares of picture and noise in a variance-preserving sample of a noise to picture ratio.
fn alpha_sigma(ratio: f64) -> (f64, f64) {
    if ratio.is_infinite() {
        return (0.0, 1.0);
    }
    let alpha = 1.0 / (ratio * ratio + 1.0).sqrt();
    (alpha, ratio * alpha)
}

/// Whole timesteps of methods that step through the table itself.
pub(super) fn table_timesteps(table: &NoiseTable, options: Options, steps: usize) -> Vec<f64> {
    spaced(table.len(), options, steps).into_iter().map(f64::round_ties_even).collect()
}

/// Timesteps, fractional when spaced over the whole range.
fn spaced(length: usize, options: Options, steps: usize) -> Vec<f64> {
    match options.spacing {
        Spacing::Linspace => {
            let mut timesteps = linspace(0.0, (length - 1) as f64, steps);
            timesteps.reverse();
            timesteps.into_iter().map(|t| f64::from(t as f32)).collect()
        }
        Spacing::Leading => {
            let ratio = length / steps;
            (0..steps).rev().map(|i| (i * ratio + options.offset) as f64).collect()
        }
        Spacing::Trailing => trailing(length, steps),
        Spacing::SgmUniform => falling(length, steps).into_iter().map(|t| f64::from(t as f32)).collect(),
        Spacing::Simple => simple(length, steps),
    }
}

/// Whole timesteps of DPM solvers, which leave out the last of one step more.
pub(super) fn solver_timesteps(length: usize, options: Options, steps: usize) -> Vec<f64> {
    match options.spacing {
        Spacing::Linspace | Spacing::SgmUniform => {
            falling(length, steps).into_iter().map(f64::round_ties_even).collect()
        }
        Spacing::Simple => simple(length, steps),
        Spacing::Leading => {
            let ratio = length / (steps + 1);
            (1..=steps).rev().map(|i| (i * ratio + options.offset) as f64).collect()
        }
        Spacing::Trailing => trailing(length, steps),
    }
}

/// Evenly from the last timestep towards the first, which one step more would reach.
fn falling(length: usize, steps: usize) -> Vec<f64> {
    let mut timesteps = linspace(0.0, (length - 1) as f64, steps + 1);
    timesteps.reverse();
    timesteps.truncate(steps);
    timesteps
}

fn simple(length: usize, steps: usize) -> Vec<f64> {
    (0..steps).map(|i| (length - 1 - i * length / steps) as f64).collect()
}

fn trailing(length: usize, steps: usize) -> Vec<f64> {
    let ratio = length as f64 / steps as f64;
    (0..steps).map(|i| (length as f64 - i as f64 * ratio).round_ties_even() - 1.0).collect()
}

/// Sigmas with their timesteps for methods in the style of Karras et al.: the curve spans the spaced range.
pub(super) fn spaced_sigmas(
    config: &SchedulerConfig,
    options: Options,
    steps: usize,
) -> (Vec<f64>, Vec<f64>) {
    let table = config.table.sigmas();
    let timesteps = spaced(table.len(), options, steps);
    let sigmas: Vec<f64> = timesteps.iter().map(|&t| interpolate(&table, t)).collect();
    let ends = (sigmas.first().copied().unwrap_or(1.0), sigmas.last().copied().unwrap_or(1.0));
    match curve(options.curve, ends, steps) {
        None => (timesteps, sigmas),
        Some(sigmas) => (sigmas.iter().map(|&s| timestep_of(&table, s)).collect(), sigmas),
    }
}

/// Sigmas with their whole timesteps for DPM solvers: the curve spans the whole table.
pub(super) fn solver_sigmas(
    config: &SchedulerConfig,
    options: Options,
    steps: usize,
) -> (Vec<f64>, Vec<f64>) {
    let table = config.table.sigmas();
    let ends = (table.last().copied().unwrap_or(1.0), table.first().copied().unwrap_or(1.0));
    match curve(options.curve, ends, steps) {
        None => {
            let timesteps = solver_timesteps(table.len(), options, steps);
            let sigmas = timesteps.iter().map(|&t| interpolate(&table, t)).collect();
            (timesteps, sigmas)
        }
        Some(sigmas) => {
            let rounded = options.curve == Curve::Karras && !config.cosine_table;
            let whole = |t: f64| if rounded { t.round_ties_even() } else { t.trunc() };
            (sigmas.iter().map(|&s| whole(timestep_of(&table, s))).collect(), sigmas)
        }
    }
}

/// Factor on the first noise of variance-exploding methods.
pub(super) fn exploding_scale(options: Options, sigmas: &[f64]) -> f64 {
    let largest = sigmas.iter().copied().fold(0.0, f64::max);
    match options.spacing {
        Spacing::Linspace | Spacing::Trailing | Spacing::SgmUniform | Spacing::Simple => largest,
        Spacing::Leading => (largest * largest + 1.0).sqrt(),
    }
}

/// Sigmas from the first end to the second along a curve; none for the plain one.
pub(super) fn curve(curve: Curve, (from, to): (f64, f64), steps: usize) -> Option<Vec<f64>> {
    match curve {
        Curve::Plain => None,
        Curve::Karras => {
            let (from, to) = (from.powf(1.0 / RHO), to.powf(1.0 / RHO));
            Some(linspace(0.0, 1.0, steps).into_iter().map(|x| (from + x * (to - from)).powf(RHO)).collect())
        }
        Curve::Exponential => Some(linspace(from.ln(), to.ln(), steps).into_iter().map(f64::exp).collect()),
        Curve::Beta => {
            let shares = linspace(1.0, 0.0, steps).into_iter().map(beta::quantile);
            Some(shares.map(|share| to + share * (from - to)).collect())
        }
    }
}

/// `count` values from `from` to `to`, both included; one value is `from`.
pub(super) fn linspace(from: f64, to: f64, count: usize) -> Vec<f64> {
    let step = (to - from) / count.saturating_sub(1).max(1) as f64;
    (0..count).map(|i| if i + 1 == count && count > 1 { to } else { from + step * i as f64 }).collect()
}

/// Linear interpolation in a table at a fractional index, clamped to its ends.
fn interpolate(table: &[f64], at: f64) -> f64 {
    let last = table.len().saturating_sub(1);
    let low = (at.max(0.0) as usize).min(last);
    let high = (low + 1).min(last);
    let (Some(a), Some(b)) = (table.get(low), table.get(high)) else { return 0.0 };
    a + (b - a) * (at - low as f64).clamp(0.0, 1.0)
}

/// The fractional timestep of a sigma, interpolated in the logarithm.
pub(super) fn timestep_of(table: &[f64], sigma: f64) -> f64 {
    let log = sigma.max(1e-10).ln();
    let at_or_below = table.partition_point(|s| s.ln() <= log);
    let low = at_or_below.saturating_sub(1).min(table.len().saturating_sub(2));
    let (Some(a), Some(b)) = (table.get(low), table.get(low + 1)) else { return 0.0 };
    let (a, b) = (a.ln(), b.ln());
    low as f64 + ((a - log) / (a - b)).clamp(0.0, 1.0)
}
