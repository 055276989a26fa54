//! What a request's texts say at each step, encoded.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::SystemTime;

use super::additions::AdapterSet;
use super::embeddings::LoadedEmbedding;
use super::painting::Painter;
use super::resident::lock;
use super::{EngineError, ImageRequest, Observer};
use crate::diffusion::pipeline::{PromptStates, Stage, WeighedPrompt, Wording};
use crate::prompt::{Form, PromptSyntax, PromptText, Summand, forms_over_steps, summands};
use crate::text::TextualInversion;

/// Prompts whose states are kept per model.
const KEPT_PROMPTS: usize = 8;

/// What a text asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wish {
    /// What should be seen.
    Seen,
    /// What should not.
    Unseen,
}

impl Wish {
    /// The request's field.
    fn field(self) -> &'static str {
        match self {
            Self::Seen => "prompt",
            Self::Unseen => "negative",
        }
    }

    /// What people call it.
    fn label(self) -> &'static str {
        match self {
            Self::Seen => "prompt",
            Self::Unseen => "negative prompt",
        }
    }
}

/// What a prompt's states depend on besides its words.
pub(super) struct Reading<'a> {
    /// The adapters in the encoders.
    pub(super) adapters: AdapterSet,
    /// The embeddings that may be mentioned.
    pub(super) embeddings: &'a [LoadedEmbedding],
    /// Steps that the run takes.
    pub(super) steps: usize,
}

/// A text at one step, and all that its states depend on.
#[derive(PartialEq)]
struct PromptKey {
    wish: Wish,
    text: PromptText,
    windows: usize,
    clip_skip: u32,
    adapters: AdapterSet,
    inversions: Vec<(PathBuf, u64, Option<SystemTime>)>,
}

/// The states of a model's latest prompts, newest first.
#[derive(Default)]
pub(super) struct KeptPrompts(Vec<(PromptKey, PromptStates)>);

/// What a text says from a step on.
struct Timed {
    first_step: usize,
    /// What it says first.
    first: Weighed,
    /// What it says besides, all at once.
    others: Vec<Weighed>,
}

/// A text and how much it counts.
struct Weighed {
    text: PromptText,
    weight: f64,
}

impl Timed {
    fn texts(&self) -> impl Iterator<Item = &PromptText> {
        std::iter::once(&self.first).chain(&self.others).map(|weighed| &weighed.text)
    }
}

impl Painter {
    /// What a run of a request follows, stage by stage; the first begins at step 0. `guided` says whether the negative
    /// prompt counts. Tells the observer what the model's encoders leave out.
    pub(super) fn stages(
        &self,
        request: &ImageRequest,
        reading: &Reading<'_>,
        guided: bool,
        observer: &dyn Observer,
    ) -> Result<Vec<Stage>, EngineError> {
        let adds = self.pipeline.adds_prompts();
        let seen = read_forms(Wish::Seen, &request.prompt, (request.syntax, adds), reading)?;
        if !adds && request.is_sum() {
            observer.note("this model follows one prompt at a time; AND in the prompt is read as a word");
        }
        // Several prompts add up to what they change of the negative one, even where there is no guidance otherwise.
        let unseen = match guided || seen.iter().any(|timed| !timed.others.is_empty()) {
            true => read_forms(Wish::Unseen, &request.negative, (request.syntax, false), reading)?,
            false => Vec::new(),
        };
        self.note_left_out(Wish::Seen, &seen, observer);
        self.note_left_out(Wish::Unseen, &unseen, observer);
        let windows = self.windows(request, reading, seen.iter().chain(&unseen))?;
        let mut stages = Vec::new();
        let changes: BTreeSet<usize> = seen.iter().chain(&unseen).map(|timed| timed.first_step).collect();
        for first_step in changes {
            let states =
                |wish, weighed: &Weighed| self.states(wish, &weighed.text, (request, reading, windows));
            let (Some(seen), unseen) = (said_at(&seen, first_step), said_at(&unseen, first_step)) else {
                continue;
            };
            let others = seen
                .others
                .iter()
                .map(|other| Ok(WeighedPrompt { prompt: states(Wish::Seen, other)?, weight: other.weight }));
            stages.push(Stage {
                first_step,
                prompt: states(Wish::Seen, &seen.first)?,
                weight: seen.first.weight,
                others: others.collect::<Result<_, EngineError>>()?,
                negative: unseen.map(|unseen| states(Wish::Unseen, &unseen.first)).transpose()?,
            });
        }
        note_dropped(&stages, observer);
        Ok(stages)
    }

    /// Windows that the longest of some texts takes.
    fn windows<'a>(
        &self,
        request: &ImageRequest,
        reading: &Reading<'_>,
        texts: impl Iterator<Item = &'a Timed>,
    ) -> Result<usize, EngineError> {
        let inversions = reading.inversions();
        let mut most = 1;
        for text in texts.flat_map(Timed::texts) {
            let (inversions, clip_skip) = (inversions.as_slice(), request.clip_skip as usize);
            most = most.max(self.pipeline.windows(&Wording { text, inversions, clip_skip, windows: 1 })?);
        }
        Ok(most)
    }

    /// States of a text, from memory where it was asked for lately.
    fn states(
        &self,
        wish: Wish,
        text: &PromptText,
        (request, reading, windows): (&ImageRequest, &Reading<'_>, usize),
    ) -> Result<PromptStates, EngineError> {
        let key = PromptKey {
            wish,
            text: text.clone(),
            windows,
            clip_skip: request.clip_skip,
            adapters: reading.adapters.clone(),
            inversions: reading.identity(),
        };
        let KeptPrompts(kept) = &mut *lock(&self.prompts);
        let states = match kept.iter().position(|(known, _)| *known == key) {
            Some(place) => kept.remove(place).1,
            None => {
                let inversions = reading.inversions();
                let clip_skip = request.clip_skip as usize;
                let wording = Wording { text, inversions: &inversions, clip_skip, windows };
                match wish {
                    Wish::Seen => self.pipeline.encode_wording(&wording)?,
                    Wish::Unseen => self.pipeline.encode_unwanted(&wording)?,
                }
            }
        };
        kept.insert(0, (key, states.clone()));
        kept.truncate(KEPT_PROMPTS);
        Ok(states)
    }

    /// Says what of a text's syntax the model's encoders can't follow.
    fn note_left_out(&self, wish: Wish, texts: &[Timed], observer: &dyn Observer) {
        if !self.pipeline.text_widths().is_empty() {
            return;
        }
        if texts.iter().flat_map(Timed::texts).any(PromptText::is_weighed) {
            let what = wish.label();
            observer
                .note(&format!("this model does not weigh words; the weights in the {what} are left out"));
        }
        if texts.iter().flat_map(Timed::texts).any(PromptText::has_breaks) {
            let what = wish.label();
            observer.note(&format!("this model reads the {what} in one piece; BREAK is left out"));
        }
    }
}

impl Reading<'_> {
    fn names(&self) -> Vec<&str> {
        self.embeddings.iter().map(|embedding| embedding.model.id.as_str()).collect()
    }

    fn inversions(&self) -> Vec<&TextualInversion> {
        self.embeddings.iter().map(|embedding| &embedding.inversion.model).collect()
    }

    fn identity(&self) -> Vec<(PathBuf, u64, Option<SystemTime>)> {
        let one = |LoadedEmbedding { model, .. }: &LoadedEmbedding| {
            (model.path.clone(), model.bytes, model.modified)
        };
        self.embeddings.iter().map(one).collect()
    }
}

/// What is said at a step.
fn said_at(timed: &[Timed], step: usize) -> Option<&Timed> {
    timed.iter().rfind(|timed| timed.first_step <= step)
}

/// What a text says in the course of the steps. `adds` says whether it may be several prompts.
fn read_forms(
    wish: Wish,
    text: &str,
    (syntax, adds): (PromptSyntax, bool),
    reading: &Reading<'_>,
) -> Result<Vec<Timed>, EngineError> {
    let forms = match syntax {
        PromptSyntax::Plain => vec![Form { first_step: 0, text: text.to_owned() }],
        PromptSyntax::Weighted => forms_over_steps(text, reading.steps)
            .map_err(|many| EngineError::bad(wish.field(), many.to_string()))?,
    };
    let names = reading.names();
    let weighed =
        |Summand { text, weight }| Weighed { text: PromptText::read(&text, syntax, &names), weight };
    let read = |Form { first_step, text }| {
        let summands = match syntax {
            PromptSyntax::Weighted if adds => summands(&text),
            _ => vec![Summand { text, weight: 1.0 }],
        };
        let mut summands = summands.into_iter().map(weighed);
        Some(Timed { first_step, first: summands.next()?, others: summands.collect() })
    };
    Ok(forms.into_iter().filter_map(read).collect())
}

/// Says how much of the texts does not fit the model's window.
fn note_dropped(stages: &[Stage], observer: &dyn Observer) {
    let seen = stages.iter().map(|stage| stage.prompt.dropped_tokens).max();
    let unseen = stages.iter().filter_map(|stage| Some(stage.negative.as_ref()?.dropped_tokens)).max();
    for (wish, dropped) in [(Wish::Seen, seen), (Wish::Unseen, unseen)] {
        if let Some(dropped @ 1..) = dropped {
            let what = wish.label();
            observer.note(&format!("the {what} is too long: its last {dropped} tokens are left out"));
        }
    }
}
