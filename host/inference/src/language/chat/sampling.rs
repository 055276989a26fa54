//! Picking the next token from logits, in the order of transformers' `LogitsProcessorList`: repetition penalty,
//! temperature, top-k, top-p, min-p.

use std::cmp::Ordering;
use std::collections::HashSet;

use super::random::Random;
use crate::language::LanguageError;

/// Candidates that are sorted first when only the likeliest are needed.
const LIKELIEST: usize = 256;

/// How tokens are picked.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sampling {
    /// Divides logits; 0 always picks the likeliest token.
    pub temperature: f32,
    /// Only so many of the likeliest tokens are drawn from; 0 for all.
    pub top_k: usize,
    /// Only the likeliest tokens that together reach this probability are drawn from; 1 for all.
    pub top_p: f32,
    /// Only tokens with this share of the likeliest token's probability are drawn from; 0 for all.
    pub min_p: f32,
    /// Divides positive logits of tokens that occurred, multiplies negative ones (Keskar et al., arXiv 1909.05858);
    /// 1 for none.
    pub repetition_penalty: f32,
    /// Seed of the draws.
    pub seed: u64,
}

impl Default for Sampling {
    fn default() -> Self {
        Self { temperature: 0.0, top_k: 0, top_p: 1.0, min_p: 0.0, repetition_penalty: 1.0, seed: 0 }
    }
}

impl Sampling {
    pub(super) fn check(&self) -> Result<(), LanguageError> {
        let ranges = [
            ("temperature", self.temperature, 0.0..=100.0, "must lie between 0 and 100"),
            ("top_p", self.top_p, f32::MIN_POSITIVE..=1.0, "must be above 0 and at most 1"),
            ("min_p", self.min_p, 0.0..=1.0, "must lie between 0 and 1"),
            ("repetition_penalty", self.repetition_penalty, 0.1..=10.0, "must lie between 0.1 and 10"),
        ];
        match ranges.iter().find(|(_, value, range, _)| !range.contains(value)) {
            None => Ok(()),
            Some((name, _, _, problem)) => {
                Err(LanguageError::Option { name, problem: (*problem).to_owned() })
            }
        }
    }
}

/// Picks tokens and remembers which occurred.
pub(super) struct Sampler {
    sampling: Sampling,
    random: Random,
    seen: HashSet<u32>,
}

impl Sampler {
    pub(super) fn new(sampling: Sampling, prompt: &[u32]) -> Self {
        Self { sampling, random: Random::new(sampling.seed), seen: prompt.iter().copied().collect() }
    }

    /// Picks the id of the next token; logits (vocabulary) are spoiled.
    pub(super) fn pick(&mut self, logits: &mut [f32]) -> Result<u32, LanguageError> {
        self.penalise(logits);
        let id = if self.sampling.temperature == 0.0 { likeliest(logits) } else { self.draw(logits) };
        let id = id.ok_or(LanguageError::NotANumber)?;
        self.seen.insert(id);
        Ok(id)
    }

    fn penalise(&self, logits: &mut [f32]) {
        let penalty = self.sampling.repetition_penalty;
        if penalty == 1.0 {
            return;
        }
        for id in &self.seen {
            if let Some(logit) = logits.get_mut(*id as usize) {
                *logit = if *logit > 0.0 { *logit / penalty } else { *logit * penalty };
            }
        }
    }

    fn draw(&mut self, logits: &[f32]) -> Option<u32> {
        let Sampling { temperature, top_k, top_p, min_p, .. } = self.sampling;
        let peak = likeliest(logits).and_then(|id| logits.get(id as usize).copied())?;
        // Weights are probabilities in units of the likeliest one.
        let mut candidates: Vec<(f64, u32)> = (0..)
            .zip(logits)
            .map(|(id, logit)| (f64::from((logit - peak) / temperature).exp(), id))
            .filter(|(weight, _)| *weight > 0.0 && *weight >= f64::from(min_p))
            .collect();
        if top_k > 0 {
            keep_likeliest(&mut candidates, top_k);
        }
        if top_p < 1.0 {
            keep_nucleus(&mut candidates, f64::from(top_p));
        }
        let total: f64 = candidates.iter().map(|(weight, _)| weight).sum();
        let mut left = self.random.unit() * total;
        let drawn = candidates.iter().find(|(weight, _)| {
            left -= weight;
            left < 0.0
        });
        drawn.or(candidates.last()).map(|(_, id)| *id)
    }
}

/// The first of the largest logits; none when there is none or one is not a number.
pub(super) fn likeliest(logits: &[f32]) -> Option<u32> {
    let mut best: Option<(f32, u32)> = None;
    for (id, logit) in (0..).zip(logits) {
        if logit.is_nan() {
            return None;
        }
        if best.is_none_or(|(peak, _)| *logit > peak) {
            best = Some((*logit, id));
        }
    }
    best.filter(|(peak, _)| peak.is_finite()).map(|(_, id)| id)
}

/// Likelier first, of equals the lower id.
fn by_weight(a: &(f64, u32), b: &(f64, u32)) -> Ordering {
    b.0.total_cmp(&a.0).then(a.1.cmp(&b.1))
}

fn keep_likeliest(candidates: &mut Vec<(f64, u32)>, count: usize) {
    if count < candidates.len() {
        candidates.select_nth_unstable_by(count, by_weight);
        candidates.truncate(count);
        candidates.sort_unstable_by_key(|(_, id)| *id);
    }
}

/// Keeps the fewest of the likeliest candidates that together hold `share` of all weight.
fn keep_nucleus(candidates: &mut Vec<(f64, u32)>, share: f64) {
    let wanted: f64 = candidates.iter().map(|(weight, _)| weight).sum::<f64>() * share;
    let mut sorted = LIKELIEST.min(candidates.len());
    loop {
        if sorted < candidates.len() {
            candidates.select_nth_unstable_by(sorted, by_weight);
        }
        let head = candidates.get_mut(..sorted).unwrap_or_default();
        head.sort_unstable_by(by_weight);
        let mut reached = 0.0;
        let enough = head.iter().position(|(weight, _)| {
            reached += weight;
            reached >= wanted
        });
        match enough {
            Some(last) => return candidates.truncate(last + 1),
            None if sorted == candidates.len() => return,
            None => sorted = (sorted * 8).min(candidates.len()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picks(sampling: Sampling, logits: &[f32], prompt: &[u32], count: usize) -> Vec<u32> {
        let mut sampler = Sampler::new(sampling, prompt);
        (0..count).map(|_| sampler.pick(&mut logits.to_vec()).unwrap()).collect()
    }

    fn shares(sampling: Sampling, logits: &[f32]) -> Vec<f64> {
        let drawn = picks(sampling, logits, &[], 20_000);
        let count = |id: usize| drawn.iter().filter(|d| **d as usize == id).count();
        (0..logits.len()).map(|id| count(id) as f64 / 20_000.0).collect()
    }

    #[test]
    fn draws_follow_the_probabilities_and_repeat_with_the_seed() {
        let logits = [1.0f32, 0.0, -1.0, 2.0];
        let sampling = Sampling { temperature: 1.0, seed: 7, ..Sampling::default() };
        let total: f64 = logits.iter().map(|l| f64::from(*l).exp()).sum();
        for (share, logit) in shares(sampling, &logits).iter().zip(logits) {
            assert!((share - f64::from(logit).exp() / total).abs() < 0.015);
        }
        assert_eq!(picks(sampling, &logits, &[], 50), picks(sampling, &logits, &[], 50));
        let other = Sampling { seed: 8, ..sampling };
        assert_ne!(picks(sampling, &logits, &[], 50), picks(other, &logits, &[], 50));
    }

    #[test]
    fn unlikely_tokens_are_cut_off_by_count_by_sum_and_by_share() {
        // Probabilities 0.5, 0.25, 0.15, 0.1.
        let logits = [0.5f32, 0.25, 0.15, 0.1].map(f32::ln);
        let base = Sampling { temperature: 1.0, ..Sampling::default() };
        let drawn = |sampling| shares(sampling, &logits).iter().map(|s| *s > 0.0).collect::<Vec<_>>();
        assert_eq!(drawn(Sampling { top_k: 2, ..base }), [true, true, false, false]);
        assert_eq!(drawn(Sampling { top_p: 0.6, ..base }), [true, true, false, false]);
        assert_eq!(drawn(Sampling { top_p: 0.8, ..base }), [true, true, true, false]);
        assert_eq!(drawn(Sampling { min_p: 0.25, ..base }), [true, true, true, false]);
        assert_eq!(drawn(base), [true; 4]);
    }

    #[test]
    fn a_nucleus_larger_than_what_is_sorted_first_is_complete() {
        let mut candidates: Vec<(f64, u32)> = (0..5000).map(|id| (1.0 / f64::from(id + 100), id)).collect();
        let total: f64 = candidates.iter().map(|(w, _)| w).sum();
        keep_nucleus(&mut candidates, 0.9);
        let kept: f64 = candidates.iter().map(|(w, _)| w).sum();
        let (least, _) = *candidates.last().unwrap();
        assert!(kept >= 0.9 * total && kept - least < 0.9 * total);
        assert!(candidates.windows(2).all(|pair| pair[0].0 >= pair[1].0));
    }

    #[test]
    fn tokens_that_occurred_are_made_less_likely() {
        let sampling = Sampling { repetition_penalty: 2.0, ..Sampling::default() };
        assert_eq!(picks(sampling, &[3.0, 2.0, -1.0], &[0], 2), [1, 0]);
    }

    #[test]
    fn logits_that_are_not_numbers_are_reported() {
        for logits in [[f32::NAN, 1.0], [f32::INFINITY, 1.0], [f32::NEG_INFINITY, f32::NEG_INFINITY]] {
            let mut sampler = Sampler::new(Sampling::default(), &[]);
            assert!(matches!(sampler.pick(&mut logits.to_vec()), Err(LanguageError::NotANumber)));
        }
    }
}
