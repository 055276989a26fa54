//! What steers a run: the states of its prompts, stage by stage, and all that goes with them.

use std::sync::Arc;

use candle_core::{Tensor, TensorId};

use super::unet::{ControlNet, Framing};
use crate::prompt::PromptText;
use crate::text::TextualInversion;

/// The states of a prompt.
#[derive(Clone)]
pub struct PromptStates {
    /// Hidden states (1, tokens, width).
    pub states: Tensor,
    /// One vector for the whole prompt (1, width), where the network takes one.
    pub pooled: Option<Tensor>,
    /// Tokens of the prompt that did not fit the window.
    pub dropped_tokens: usize,
}

/// A text to encode, with what it mentions.
#[derive(Clone, Copy)]
pub struct Wording<'a> {
    /// The text.
    pub text: &'a PromptText,
    /// The embeddings that it may mention, by their places.
    pub inversions: &'a [&'a TextualInversion],
    /// Last layers that are left out, in encoders that allow it.
    pub clip_skip: usize,
    /// Least number of windows, so that what goes together has states of one length.
    pub windows: usize,
}

impl<'a> Wording<'a> {
    /// A text that mentions nothing.
    pub fn plain(text: &'a PromptText, clip_skip: usize) -> Self {
        Self { text, inversions: &[], clip_skip, windows: 1 }
    }

    /// The rows (rows, width) of an embedding for an encoder of a width.
    pub(super) fn rows(&self, which: usize, width: usize) -> Option<&'a Tensor> {
        self.inversions.get(which)?.rows(width)
    }
}

/// What a run follows from a step on.
#[derive(Clone)]
pub struct Stage {
    /// The first step at which it does, from 0.
    pub first_step: usize,
    /// What should be seen.
    pub prompt: PromptStates,
    /// How much that counts.
    pub weight: f64,
    /// What should be seen besides.
    pub others: Vec<WeighedPrompt>,
    /// What should not be seen; none when only the prompt is followed.
    pub negative: Option<PromptStates>,
}

/// One of several prompts that are followed at once.
#[derive(Clone)]
pub struct WeighedPrompt {
    /// What should be seen.
    pub prompt: PromptStates,
    /// How much it counts beside the others; 1 is usual.
    pub weight: f64,
}

/// What steers the network through all steps of a run.
#[derive(Clone, Copy)]
pub struct Guide<'a> {
    /// What should be seen.
    pub prompt: &'a PromptStates,
    /// How much that counts, for networks that take several prompts.
    pub weight: f64,
    /// What should be seen besides, likewise; it counts where there is something to keep away from.
    pub others: &'a [WeighedPrompt],
    /// What should not be seen; none when only the prompt is followed.
    pub negative: Option<&'a PromptStates>,
    /// How strongly: the scale of classifier-free guidance, or the number that a guidance-distilled network takes in.
    pub scale: f64,
    /// Latents of pictures that the network may look at, as `Pipeline::picture_latents` gives them.
    pub references: &'a [Tensor],
    /// What steers it beside the prompt, for networks that take that.
    pub controls: &'a [Steering],
    /// How the picture lies in the one that it is cut from, for networks that are told; none for a whole picture.
    pub framing: Option<Framing>,
    /// What `Pipeline::surroundings` gives, for networks that only inpaint.
    pub surroundings: Option<&'a Tensor>,
    /// What takes the place of prompt and negative at later steps, in the order of steps.
    pub stages: &'a [Stage],
    /// Guidance away from what the network predicts without some of its layers, for networks that take that.
    pub skipping: Option<&'a LayerSkipping>,
}

/// Which texts a guide follows.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Texts {
    prompts: Vec<(TensorId, f64)>,
    negative: Option<TensorId>,
}

/// Skip-layer guidance: what the network predicts for the prompt is moved away from what it predicts without some of its
/// layers, for a part of the run (`skip_guidance_layers` in diffusers' pipeline of Stable Diffusion 3). It counts where
/// there is classifier-free guidance.
#[derive(Debug, Clone, PartialEq)]
pub struct LayerSkipping {
    /// Numbers of the layers, from 0.
    pub layers: Vec<usize>,
    /// How strongly.
    pub scale: f64,
    /// The share of the run's calls, 0 to 1, up to which it does nothing.
    pub start: f64,
    /// The share of the run's calls, 0 to 1, from which it does nothing.
    pub end: f64,
}

impl LayerSkipping {
    /// True if it takes part in a call.
    pub fn acts_in(&self, course: Course) -> bool {
        let (call, calls) = (course.call as f64, course.calls as f64);
        call > calls * self.start && call < calls * self.end
    }
}

/// A control at work in a run.
#[derive(Clone)]
pub struct Steering {
    /// The network.
    pub net: Arc<ControlNet>,
    /// The picture (1, 3, height, width) in 0..1 that it sees, of the size of the picture to make.
    pub picture: Tensor,
    /// What is added to the network's feature maps is multiplied by this.
    pub weight: f64,
    /// The share of the run's calls, 0 to 1, before which it does nothing.
    pub start: f64,
    /// The share of the run's calls, 0 to 1, after which it does nothing.
    pub end: f64,
}

impl Steering {
    /// True if it takes part in a call: if all of the call lies between start and end (`control_guidance_start` and
    /// `control_guidance_end` in diffusers).
    pub fn acts_in(&self, course: Course) -> bool {
        let calls = course.calls.max(1) as f64;
        let (begin, end) = (course.call as f64 / calls, (course.call + 1) as f64 / calls);
        self.weight != 0.0 && begin >= self.start && end <= self.end
    }
}

/// How far a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Course {
    /// Number of the network call, from 0, among those of the run.
    pub call: usize,
    /// Network calls of the run.
    pub calls: usize,
    /// The method's step that the call is part of, from 0 at the run's first.
    pub step: usize,
}

impl<'a> Guide<'a> {
    /// The guide with what it follows at a step.
    pub(super) fn at(&self, step: usize) -> Self {
        match self.stages.iter().rfind(|stage| stage.first_step <= step) {
            Some(stage) => Self {
                prompt: &stage.prompt,
                weight: stage.weight,
                others: &stage.others,
                negative: stage.negative.as_ref(),
                ..*self
            },
            None => *self,
        }
    }

    /// What tells the texts that it follows from others.
    pub(super) fn texts(&self) -> Texts {
        let others = self.others.iter().map(|other| (other.prompt.states.id(), other.weight));
        Texts {
            prompts: std::iter::once((self.prompt.states.id(), self.weight)).chain(others).collect(),
            negative: self.negative.map(|negative| negative.states.id()),
        }
    }

    /// Follows a prompt alone.
    pub fn prompt(prompt: &'a PromptStates) -> Self {
        Self::new(prompt, None, 1.0)
    }

    /// Follows a prompt and, where one is given, keeps away from another.
    pub fn new(prompt: &'a PromptStates, negative: Option<&'a PromptStates>, scale: f64) -> Self {
        Self {
            prompt,
            weight: 1.0,
            others: &[],
            negative,
            scale,
            references: &[],
            controls: &[],
            framing: None,
            surroundings: None,
            stages: &[],
            skipping: None,
        }
    }
}
