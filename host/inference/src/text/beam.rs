//! Finding a text token by token, greedily or with beams, as transformers' `generate` does without sampling.
//!
//! Scores are kept in single precision and in the same order of operations, so that ties and near ties fall alike.

use std::ops::ControlFlow;

use candle_core::Tensor;

/// What stands for minus infinity where a number must remain.
const VERY_LOW: f32 = -1e9;

/// A decoder that continues several texts side by side.
pub trait StepDecoder {
    /// Appends one token to each text and gives the scores of the tokens that may follow, before softmax: (texts,
    /// vocabulary). The first call tells how many texts there are.
    ///
    /// # Errors
    /// A tensor operation fails.
    fn step(&mut self, tokens: &[u32]) -> candle_core::Result<Tensor>;

    /// Makes text `i` a copy of what was text `parents[i]`.
    ///
    /// # Errors
    /// A tensor operation fails.
    fn reorder(&mut self, parents: &[usize]) -> candle_core::Result<()>;
}

/// When a beam search ends before the longest length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum EarlyStopping {
    /// When no running text looks as if it could beat the finished ones at its present length.
    #[default]
    Heuristic,
    /// As soon as there are as many finished texts as beams.
    Full,
    /// When no running text could beat the finished ones at any length.
    Never,
}

/// The rules of a search.
#[derive(Debug, Clone, PartialEq)]
pub struct SearchRules {
    /// Token that every text begins with; it is not part of the result.
    pub start: u32,
    /// Tokens that end a text.
    pub ends: Vec<u32>,
    /// Texts that are followed at a time, at least 1; 1 is a greedy search.
    pub beams: usize,
    /// Exponent of the length that scores of finished texts are divided by: above 0 for longer texts, below for
    /// shorter ones.
    pub length_penalty: f64,
    /// When to end.
    pub early_stopping: EarlyStopping,
    /// No run of so many tokens occurs twice; 0 for no such rule.
    pub no_repeat_ngram: usize,
    /// Token runs that never occur.
    pub bad_words: Vec<Vec<u32>>,
    /// Token that must come first.
    pub forced_first: Option<u32>,
    /// Token that must come last when the longest length is reached.
    pub forced_last: Option<u32>,
    /// Whether log-probabilities are normalised again once tokens were ruled out.
    pub renormalize: bool,
    /// Most tokens that are found, the end among them.
    pub longest: usize,
}

/// Why a search ended without a text.
#[derive(Debug, thiserror::Error)]
pub enum SearchError {
    /// The caller asked to stop.
    #[error("cancelled")]
    Cancelled,
    /// The decoder gave scores that are not numbers.
    #[error("the decoder's scores are not numbers")]
    NotANumber,
    /// The decoder gave scores of another shape than the texts and the rules ask for.
    #[error("the decoder's scores do not fit the search: {0}")]
    Mismatch(String),
    /// A tensor operation failed.
    #[error(transparent)]
    Tensor(#[from] candle_core::Error),
}

/// Called after every token with the number of tokens so far and the most there can be; `Break` ends the search.
pub type SearchProgress<'a> = &'a mut dyn FnMut(usize, usize) -> ControlFlow<()>;

/// Finds the most likely text under the rules: its tokens, the end among them if it was reached.
///
/// # Errors
/// The progress callback breaks, the decoder fails, or its scores make no sense.
pub fn search(
    decoder: &mut dyn StepDecoder,
    rules: &SearchRules,
    progress: SearchProgress<'_>,
) -> Result<Vec<u32>, SearchError> {
    if rules.longest == 0 {
        return Ok(Vec::new());
    }
    let found = if rules.beams <= 1 {
        greedy(decoder, rules, progress)?
    } else {
        BeamSearch::new(rules).run(decoder, progress)?
    };
    Ok(found.into_iter().skip(1).collect())
}

/// Follows the best token alone.
fn greedy(
    decoder: &mut dyn StepDecoder,
    rules: &SearchRules,
    progress: SearchProgress<'_>,
) -> Result<Vec<u32>, SearchError> {
    let mut text = vec![rules.start];
    while text.len() <= rules.longest {
        let last = text.last().copied().unwrap_or(rules.start);
        let mut scores = scores_of(decoder, &[last])?;
        let row = scores.first_mut().map(Vec::as_mut_slice).unwrap_or_default();
        rules.apply(&text, row);
        let Some(best) = best_of(row.iter().copied(), 1).into_iter().next() else {
            return Err(SearchError::NotANumber);
        };
        text.push(best as u32);
        if progress(text.len() - 1, rules.longest).is_break() {
            return Err(SearchError::Cancelled);
        }
        if rules.ends.contains(&(best as u32)) {
            break;
        }
    }
    Ok(text)
}

/// One step of the decoder, a row of scores per text.
fn scores_of(decoder: &mut dyn StepDecoder, tokens: &[u32]) -> Result<Vec<Vec<f32>>, SearchError> {
    let scores = decoder.step(tokens)?.to_vec2::<f32>()?;
    if scores.len() != tokens.len() {
        return Err(SearchError::Mismatch(format!("{} rows for {} texts", scores.len(), tokens.len())));
    }
    if scores.iter().flatten().any(|s| s.is_nan()) {
        return Err(SearchError::NotANumber);
    }
    Ok(scores)
}

impl SearchRules {
    /// Rules out the tokens that must not follow `text`, in the order in which transformers does.
    fn apply(&self, text: &[u32], scores: &mut [f32]) {
        let mut forbid = |token: u32| {
            if let Some(score) = scores.get_mut(token as usize) {
                *score = f32::NEG_INFINITY;
            }
        };
        if self.no_repeat_ngram > 0 {
            let begun = text.len().checked_sub(self.no_repeat_ngram - 1).and_then(|from| text.get(from..));
            for window in text.windows(self.no_repeat_ngram) {
                if let Some((&last, before)) = window.split_last()
                    && begun == Some(before)
                {
                    forbid(last);
                }
            }
        }
        for word in &self.bad_words {
            if let Some((&last, before)) = word.split_last()
                && text.ends_with(before)
                && !(before.is_empty() && self.ends.contains(&last))
            {
                forbid(last);
            }
        }
        if let Some(first) = self.forced_first.filter(|_| text.len() == 1) {
            force(first, scores);
        }
        if let Some(last) = self.forced_last.filter(|_| text.len() == self.longest) {
            force(last, scores);
        }
    }
}

/// Leaves one token alone possible.
fn force(token: u32, scores: &mut [f32]) {
    scores.fill(f32::NEG_INFINITY);
    if let Some(score) = scores.get_mut(token as usize) {
        *score = 0.0;
    }
}

/// Indices of the `count` largest values, the largest first, of equal ones the earlier.
fn best_of(values: impl Iterator<Item = f32>, count: usize) -> Vec<usize> {
    let mut best: Vec<(f32, usize)> = Vec::with_capacity(count + 1);
    for (index, value) in values.enumerate() {
        if best.len() == count && best.last().is_none_or(|&(least, _)| value <= least) {
            continue;
        }
        let at = best.partition_point(|&(other, _)| other >= value);
        best.insert(at, (value, index));
        best.truncate(count);
    }
    best.into_iter().map(|(_, index)| index).collect()
}

/// Scores before softmax to the logarithms of probabilities.
fn to_log_probabilities(scores: &mut [f32]) {
    let most = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f64 = scores.iter().map(|&s| f64::from((s - most).exp())).sum();
    let log_sum = sum.ln() as f32;
    scores.iter_mut().for_each(|s| *s = *s - most - log_sum);
}

/// A text and its score.
#[derive(Debug, Clone)]
struct Hypothesis {
    text: Vec<u32>,
    score: f32,
}

/// A running text with one more token.
struct Candidate {
    hypothesis: Hypothesis,
    parent: usize,
    ends: bool,
}

/// A text that reached an end, or the place for one.
#[derive(Clone)]
struct Finished {
    hypothesis: Hypothesis,
    is_real: bool,
}

struct BeamSearch<'a> {
    rules: &'a SearchRules,
    running: Vec<Hypothesis>,
    finished: Vec<Finished>,
    /// False once no running text is expected to beat the finished ones.
    improvable: bool,
}

impl<'a> BeamSearch<'a> {
    fn new(rules: &'a SearchRules) -> Self {
        let start = |score| Hypothesis { text: vec![rules.start], score };
        // All beams begin alike; only the first may branch, or all would stay the same.
        let running = (0..rules.beams).map(|beam| start(if beam == 0 { 0.0 } else { VERY_LOW })).collect();
        let place = Finished { hypothesis: start(VERY_LOW), is_real: false };
        Self { rules, running, finished: vec![place; rules.beams], improvable: true }
    }

    fn run(
        mut self,
        decoder: &mut dyn StepDecoder,
        progress: SearchProgress<'_>,
    ) -> Result<Vec<u32>, SearchError> {
        for found in 1..=self.rules.longest {
            let last: Vec<u32> = self.running.iter().filter_map(|h| h.text.last().copied()).collect();
            let scores = scores_of(decoder, &last)?;
            let candidates = self.continuations(scores, found)?;
            self.finish(&candidates, found);
            let all_ended = candidates.iter().all(|c| c.ends);
            let parents = self.advance(candidates);
            if progress(found, self.rules.longest).is_break() {
                return Err(SearchError::Cancelled);
            }
            self.improvable &= self.could_improve(found);
            let full = self.is_full() && self.rules.early_stopping == EarlyStopping::Full;
            if !self.improvable || full || all_ended {
                break;
            }
            decoder.reorder(&parents)?;
        }
        Ok(self.finished.into_iter().next().map(|f| f.hypothesis.text).unwrap_or_default())
    }

    /// The most likely running texts with one more token; so many that as many as there are beams go on whatever
    /// ends.
    fn continuations(&self, scores: Vec<Vec<f32>>, found: usize) -> Result<Vec<Candidate>, SearchError> {
        let rules = self.rules;
        let vocabulary = scores.first().map_or(0, Vec::len);
        let kept = rules.beams * (rules.ends.len() + 1).max(2);
        if vocabulary * rules.beams < kept {
            let problem = format!("{vocabulary} tokens are too few for {} beams", rules.beams);
            return Err(SearchError::Mismatch(problem));
        }
        let mut totals = Vec::with_capacity(vocabulary * rules.beams);
        for (mut row, running) in scores.into_iter().zip(&self.running) {
            to_log_probabilities(&mut row);
            rules.apply(&running.text, &mut row);
            if rules.renormalize {
                to_log_probabilities(&mut row);
            }
            totals.extend(row.into_iter().map(|score| score + running.score));
        }
        if totals.iter().any(|t| t.is_nan()) {
            return Err(SearchError::NotANumber);
        }
        let best = best_of(totals.iter().copied(), kept).into_iter();
        Ok(best
            .filter_map(|index| {
                let (parent, token) = (index / vocabulary, (index % vocabulary) as u32);
                let mut text = self.running.get(parent)?.text.clone();
                text.push(token);
                let ends = rules.ends.contains(&token) || found == rules.longest;
                let score = totals.get(index).copied()?;
                Some(Candidate { hypothesis: Hypothesis { text, score }, parent, ends })
            })
            .collect())
    }

    /// Takes ended texts among the best beams over where they beat finished ones.
    fn finish(&mut self, candidates: &[Candidate], found: usize) {
        let rules = self.rules;
        let closed = self.is_full() && rules.early_stopping == EarlyStopping::Full;
        for (rank, candidate) in candidates.iter().enumerate() {
            let mut score = candidate.hypothesis.score / self.length_factor(found);
            let is_real = candidate.ends && rank < rules.beams;
            for barred in [closed, !self.improvable, !is_real] {
                if barred {
                    score += VERY_LOW;
                }
            }
            let hypothesis = Hypothesis { text: candidate.hypothesis.text.clone(), score };
            self.finished.push(Finished { hypothesis, is_real });
        }
        let best = best_of(self.finished.iter().map(|f| f.hypothesis.score), rules.beams);
        self.finished = best.into_iter().filter_map(|i| self.finished.get(i).cloned()).collect();
    }

    /// Makes the best candidates that go on the running texts; gives where each came from.
    fn advance(&mut self, mut candidates: Vec<Candidate>) -> Vec<usize> {
        for candidate in candidates.iter_mut().filter(|c| c.ends) {
            candidate.hypothesis.score += VERY_LOW;
        }
        let best = best_of(candidates.iter().map(|c| c.hypothesis.score), self.rules.beams);
        let chosen = best.into_iter().filter_map(|i| candidates.get(i));
        let (running, parents) = chosen.map(|c| (c.hypothesis.clone(), c.parent)).unzip();
        self.running = running;
        parents
    }

    /// Whether the best running text could still beat a finished one.
    fn could_improve(&self, found: usize) -> bool {
        let rules = self.rules;
        let far = rules.early_stopping == EarlyStopping::Never && rules.length_penalty > 0.0;
        let length = if far { rules.longest } else { found };
        let Some(best) = self.running.first() else { return false };
        let best = best.score / self.length_factor(length);
        let least = self.finished.iter().map(|f| f.hypothesis.score).fold(f32::INFINITY, f32::min);
        self.finished.iter().any(|f| best > if f.is_real { least } else { VERY_LOW })
    }

    fn is_full(&self) -> bool {
        self.finished.iter().all(|f| f.is_real)
    }

    /// What scores of texts of `length` tokens are divided by.
    fn length_factor(&self, length: usize) -> f32 {
        (length as f64).powf(self.rules.length_penalty) as f32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_come_first_and_the_earlier_of_equals() {
        let scores = [1.0, 3.0, f32::NEG_INFINITY, 3.0, 2.0];
        let places = |count| best_of(scores.iter().copied(), count);
        assert_eq!(places(3), [1, 3, 4]);
        assert_eq!(places(9), [1, 3, 4, 0, 2]);
    }
}
