//! What to make, and how its progress is told.

use super::additions::{self, Adapter, Control};
use super::{EngineError, InstalledModel, PaintingTraits, Picture, embeddings, references};
use crate::diffusion::pipeline::{CallReport, LayerSkipping, Pipeline, Watcher};
use crate::diffusion::preview::LatentPreview;
use crate::diffusion::samplers::{SamplerId, ScheduleId};
use crate::prompt::{PromptSyntax, summands};

/// Longest prompt, in bytes.
const MAX_PROMPT: usize = 32 << 10;
/// Largest guidance scale.
const MAX_GUIDANCE: f32 = 100.0;
/// Most layers that skip-layer guidance may skip.
const MAX_SKIPPED: usize = 64;

/// What to make.
#[derive(Debug, Clone, PartialEq)]
pub struct ImageRequest {
    /// What should be seen; at most 32 KiB. What exceeds the model's window is read in further ones, or left out with a
    /// note where the encoders have one only.
    pub prompt: String,
    /// What should not be seen; only used when guidance is above 1.
    pub negative: String,
    /// How both are to be read.
    pub syntax: PromptSyntax,
    /// Models of the family [`Family::Embedding`](super::Family::Embedding) that both may mention by their ids, at most
    /// 64. Those that do not fit are words, with a note.
    pub embeddings: Vec<InstalledModel>,
    /// Pixels across, a multiple of the model's size multiple, at most 4096.
    pub width: u32,
    /// Pixels down, likewise.
    pub height: u32,
    /// Steps of the sampler, from 1.
    pub steps: u32,
    /// Classifier-free guidance scale, 0 to 100; up to 1 it is off.
    pub guidance: f32,
    /// The update rule; none for the model's own.
    pub sampler: Option<SamplerId>,
    /// The schedule; none for the model's own.
    pub schedule: Option<ScheduleId>,
    /// Seed of the noise; the low 32 bits count, as in PyTorch.
    pub seed: u64,
    /// Last layers of the text encoder to leave out; where none can be, they stay, with a note.
    pub clip_skip: u32,
    /// Skip-layer guidance, for Stable Diffusion 3 and 3.5.
    pub skipping: Option<LayerSkipping>,
    /// Adapters to blend in, at most 64. Those made for another network are left out, with a note.
    pub adapters: Vec<Adapter>,
    /// Pictures that steer, at most 8. What they ask for adds up.
    pub controls: Vec<Control>,
    /// Pictures whose things are to be seen again, for models that can look at pictures; at most 8.
    pub references: Vec<Picture>,
}

impl ImageRequest {
    /// A request for a picture of a width and height and nothing but a prompt: without guidance, as the model likes to be
    /// sampled, from seed 0.
    pub fn new(prompt: &str, (width, height): (u32, u32), steps: u32) -> Self {
        Self {
            prompt: prompt.to_owned(),
            negative: String::new(),
            syntax: PromptSyntax::Weighted,
            embeddings: Vec::new(),
            width,
            height,
            steps,
            guidance: 1.0,
            sampler: None,
            schedule: None,
            seed: 0,
            clip_skip: 0,
            skipping: None,
            adapters: Vec::new(),
            controls: Vec::new(),
            references: Vec::new(),
        }
    }

    /// Checks everything that does not need the loaded model.
    pub(super) fn check(&self, model: &InstalledModel) -> Result<(), EngineError> {
        let traits = model.painting()?;
        check_edge("width", self.width, &traits)?;
        check_edge("height", self.height, &traits)?;
        if !(0.0..=MAX_GUIDANCE).contains(&self.guidance) {
            let problem = format!("{} is not between 0 and {MAX_GUIDANCE}", self.guidance);
            return Err(EngineError::bad("guidance", problem));
        }
        if self.steps == 0 {
            return Err(EngineError::bad("steps", "at least 1 is needed"));
        }
        for (field, text) in [("prompt", &self.prompt), ("negative", &self.negative)] {
            if text.len() > MAX_PROMPT {
                let problem = format!("{} bytes are more than {MAX_PROMPT}", text.len());
                return Err(EngineError::bad(field, problem));
            }
        }
        if traits.text_layers > 1 && self.clip_skip >= traits.text_layers {
            let most = traits.text_layers.saturating_sub(1);
            let problem = format!("{} is too much, this model allows up to {most}", self.clip_skip);
            return Err(EngineError::bad("clip_skip", problem));
        }
        if let Some(skipping) = &self.skipping {
            check_skipping(skipping)?;
        }
        references::check(self, model, &traits)?;
        embeddings::check(self)?;
        additions::check(self, model)
    }

    /// True if the prompt is several ones, for models that follow them at once.
    pub(super) fn is_sum(&self) -> bool {
        self.syntax == PromptSyntax::Weighted && summands(&self.prompt).len() > 1
    }

    /// Steps that image-to-image leaves out at a strength.
    pub(super) fn skipped_steps(&self, strength: f32) -> Result<usize, EngineError> {
        if !(0.0..=1.0).contains(&strength) {
            return Err(EngineError::bad("strength", format!("{strength} is not between 0 and 1")));
        }
        let steps = f64::from(self.steps);
        let taken = (steps * decimal(strength)).floor().min(steps);
        if taken < 1.0 {
            let problem = format!(
                "{strength} of {} steps is none; use at least {:.2}",
                self.steps,
                1.0 / steps + 0.004
            );
            return Err(EngineError::bad("strength", problem));
        }
        Ok((steps - taken) as usize)
    }
}

/// The number that an f32 was written as, so that 0.7 of 10 is 7 and not a little less.
pub(super) fn decimal(value: f32) -> f64 {
    value.to_string().parse().unwrap_or(f64::from(value))
}

fn check_skipping(skipping: &LayerSkipping) -> Result<(), EngineError> {
    let LayerSkipping { layers, scale, start, end } = skipping;
    let problem = if layers.is_empty() || layers.len() > MAX_SKIPPED {
        format!("{} layers are not between 1 and {MAX_SKIPPED}", layers.len())
    } else if !(0.0..=f64::from(MAX_GUIDANCE)).contains(scale) {
        format!("the scale {scale} is not between 0 and {MAX_GUIDANCE}")
    } else if !((0.0..=1.0).contains(start) && (*start..=1.0).contains(end)) {
        format!("{start} to {end} is no part of the steps, which go from 0 to 1")
    } else {
        return Ok(());
    };
    Err(EngineError::bad("skipping", problem))
}

/// Checks that a model has the layers that are to be skipped.
pub(super) fn check_skipped_layers(request: &ImageRequest, has: usize) -> Result<(), EngineError> {
    let Some(skipping) = &request.skipping else { return Ok(()) };
    match skipping.layers.iter().find(|layer| **layer >= has) {
        None => Ok(()),
        Some(_) if has == 0 => Err(EngineError::bad(
            "skipping",
            "this model takes no skip-layer guidance; Stable Diffusion 3.5 does",
        )),
        Some(layer) => Err(EngineError::bad(
            "skipping",
            format!("there is no layer {layer}; this model has the layers 0 to {}", has - 1),
        )),
    }
}

fn check_edge(field: &'static str, edge: u32, traits: &PaintingTraits) -> Result<(), EngineError> {
    let (multiple, most) = (traits.size_multiple.max(1), traits.max_edge);
    if edge > 0 && edge <= most && edge.is_multiple_of(multiple) {
        return Ok(());
    }
    let below = (edge.min(most) / multiple * multiple).max(multiple);
    let above = below + multiple;
    let nearest = if above <= most && edge <= most {
        format!("the nearest are {below} and {above}")
    } else {
        format!("the nearest is {below}")
    };
    let problem =
        format!("{edge} does not fit: this model makes multiples of {multiple} up to {most}; {nearest}");
    Err(EngineError::bad(field, problem))
}

/// Follows a task; called from the thread that does it.
pub trait Observer: Sync {
    /// A call of the network is finished.
    fn step(&self, report: StepReport<'_>);
    /// `done` of `parts` pieces of the work are finished; for work that makes no picture in steps.
    fn part(&self, done: usize, parts: usize);
    /// A piece of text was written; it follows the pieces before it.
    fn text(&self, piece: &str);
    /// What is being done now, such as that a model is being loaded. Of no more interest once it is done.
    fn doing(&self, _what: &str) {}
    /// Something that the person should know of the result, such as that a part of the request was left out.
    fn note(&self, note: &str);
    /// True if the result is no longer wanted; asked before each call of the network, before decoding, between
    /// pieces of the work and for each token.
    fn cancelled(&self) -> bool;
}

/// A finished call of the network. Methods of order two make two calls per step.
pub struct StepReport<'a> {
    /// Calls finished, from 1.
    pub step: usize,
    /// Calls in all.
    pub steps: usize,
    latents: &'a [f32],
    size: (usize, usize),
    colours: &'a LatentPreview,
}

impl StepReport<'_> {
    /// The picture as it stands, one pixel per latent pixel, from the model's current guess of the clean latents
    /// by a linear map that was fitted to its autoencoder. Costs nothing unless called, and little then.
    pub fn preview(&self) -> Picture {
        let (width, height) = self.size;
        Picture {
            width: width as u32,
            height: height as u32,
            rgb: self.colours.colours(self.latents, width * height),
        }
    }
}

/// Passes a run's progress on to an observer.
pub(super) struct Progress<'a> {
    observer: &'a dyn Observer,
    pipeline: &'a dyn Pipeline,
    first: usize,
    calls: usize,
}

impl<'a> Progress<'a> {
    pub(super) fn new(
        observer: &'a dyn Observer,
        pipeline: &'a dyn Pipeline,
        first: usize,
        calls: usize,
    ) -> Self {
        Self { observer, pipeline, first, calls }
    }
}

impl Watcher for Progress<'_> {
    fn cancelled(&mut self) -> bool {
        self.observer.cancelled()
    }

    fn called(&mut self, report: CallReport<'_>) {
        let Ok(latents) = self.pipeline.vae().denormalize(report.denoised) else { return };
        let Ok((_, _, height, width)) = latents.dims4() else { return };
        let Ok(latents) = latents.flatten_all().and_then(|d| d.to_vec1::<f32>()) else { return };
        self.observer.step(StepReport {
            step: report.index - self.first + 1,
            steps: self.calls - self.first,
            latents: &latents,
            size: (width, height),
            colours: self.pipeline.preview(),
        });
    }
}
