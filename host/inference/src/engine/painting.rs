//! Painting: text and image to image.

use std::path::Path;
use std::sync::{Arc, Mutex};

use candle_core::{Device, Tensor};

use super::additions::{Adapted, AdapterSet, Additions};
use super::request::{Progress, decimal};
use super::resident::{Loadable, Resident, lock};
use super::{Engine, EngineError, ImageRequest, InstalledModel, Observer, Picture, references};
use crate::diffusion::noise::{NoiseSource, TorchGenerator};
use crate::diffusion::painter::{Guidance, PainterKind, PainterLayout};
use crate::diffusion::pipeline::{Guide, Pipeline, PromptStates, RunStart, Steering};
use crate::diffusion::samplers::{Sampler, SamplerChoice, ScheduleId};
use crate::weights::Loaded;

/// Prompts whose states are kept per model.
const KEPT_PROMPTS: usize = 8;

/// A loaded model that paints, with the states of its latest prompts.
pub(super) struct Painter {
    pub(super) pipeline: Box<dyn Pipeline>,
    prompts: Mutex<Vec<(PromptKey, PromptStates)>>,
}

/// What a prompt asks for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wish {
    /// What should be seen.
    Seen,
    /// What should not.
    Unseen,
}

#[derive(PartialEq, Eq)]
struct PromptKey {
    wish: Wish,
    prompt: String,
    clip_skip: u32,
    adapters: AdapterSet,
}

/// The size of a request's picture and how many are computed side by side.
pub(super) struct Canvas {
    pub(super) size: (usize, usize),
    pub(super) batch: usize,
    /// Pixels of pictures that are looked at besides.
    pub(super) seen: usize,
}

fn work_of(request: &ImageRequest, guidance: Guidance) -> Canvas {
    Canvas {
        size: (request.width as usize, request.height as usize),
        batch: if request.guidance > 1.0 && guidance == Guidance::Classifier { 2 } else { 1 },
        seen: references::pixels(request),
    }
}

/// The scale of guidance that a model is run with. Tells the observer what it leaves out.
fn scale_of(request: &ImageRequest, guidance: Guidance, observer: &dyn Observer) -> f64 {
    if guidance != Guidance::Classifier && !request.negative.trim().is_empty() {
        observer.note("this model takes no negative prompt; it is left out");
    }
    if guidance != Guidance::None {
        return decimal(request.guidance);
    }
    if request.guidance > 1.0 {
        observer.note(&format!(
            "this model was made to work without guidance; {} is taken as 1",
            request.guidance
        ));
    }
    1.0
}

impl Loadable for Painter {
    type Layout = Box<dyn PainterLayout>;
    type Work = Canvas;

    fn read(path: &Path) -> Loaded<Option<Self::Layout>> {
        PainterKind::of_folder(path)?.read(path).map(Some)
    }

    fn weight_bytes(layout: &Self::Layout) -> u64 {
        layout.weight_bytes()
    }

    fn task_bytes(layout: &Self::Layout, work: &Canvas) -> Result<u64, EngineError> {
        let (width, height) = work.size;
        Ok(layout.activation_bytes((width, height + work.seen.div_ceil(width.max(1))), work.batch))
    }

    fn load(layout: &Self::Layout, device: &Device) -> Loaded<Self> {
        Ok(Self { pipeline: layout.load(device)?, prompts: Mutex::default() })
    }
}

impl Painter {
    /// States of a prompt, from memory where it was asked for lately. Tells the observer of words left out.
    fn states(
        &self,
        wish: Wish,
        prompt: &str,
        (clip_skip, adapters): (u32, &AdapterSet),
        observer: &dyn Observer,
    ) -> Result<PromptStates, EngineError> {
        let key = PromptKey { wish, prompt: prompt.to_owned(), clip_skip, adapters: adapters.clone() };
        let mut kept = lock(&self.prompts);
        let states = match kept.iter().position(|(k, _)| *k == key) {
            Some(place) => kept.remove(place).1,
            None => match wish {
                Wish::Seen => self.pipeline.encode_prompt(prompt, clip_skip as usize)?,
                Wish::Unseen => self.pipeline.encode_negative(prompt, clip_skip as usize)?,
            },
        };
        if states.dropped_tokens > 0 {
            let what = match wish {
                Wish::Seen => "prompt",
                Wish::Unseen => "negative prompt",
            };
            observer.note(&format!(
                "the {what} is too long: its last {} tokens are left out",
                states.dropped_tokens
            ));
        }
        kept.insert(0, (key, states.clone()));
        kept.truncate(KEPT_PROMPTS);
        Ok(states)
    }
}

impl Engine {
    /// Makes a picture from a prompt. The same request gives the same bytes.
    ///
    /// # Errors
    /// The request does not fit the model or the memory, the model is broken or gone, or the observer cancelled.
    pub fn text_to_image(
        &self,
        model: &InstalledModel,
        request: &ImageRequest,
        observer: &dyn Observer,
    ) -> Result<Picture, EngineError> {
        request.check(model)?;
        model.must_paint_whole()?;
        let _turn = lock(&self.painting);
        self.threads.install(|| {
            let run = self.prepare(model, request, observer)?;
            let mut noise = TorchGenerator::new(request.seed);
            let (width, height) = (request.width as usize, request.height as usize);
            let latents =
                run.painter.pipeline.noise_latents(width, height, run.sampler.as_ref(), &mut noise)?;
            run.finish(RunStart { latents, first: 0, outside: None }, &mut noise, observer)
        })
    }

    /// Makes a picture from a prompt and another picture of the request's size. `strength` is the share of the
    /// steps that are taken, from a little above 0 (almost the source) to 1 (the source hardly matters).
    ///
    /// # Errors
    /// As [`Engine::text_to_image`]; also when the source has another size than the request.
    pub fn image_to_image(
        &self,
        model: &InstalledModel,
        request: &ImageRequest,
        source: &Picture,
        strength: f32,
        observer: &dyn Observer,
    ) -> Result<Picture, EngineError> {
        request.check(model)?;
        model.must_paint_whole()?;
        source.check_for(request)?;
        let skipped = request.skipped_steps(strength)?;
        let _turn = lock(&self.painting);
        self.threads.install(|| {
            let run = self.prepare(model, request, observer)?;
            let mut noise = TorchGenerator::new(request.seed);
            let clean = run.painter.pipeline.picture_latents(&source.to_tensor(&self.device)?, &mut noise)?;
            let fresh = draw_like(&clean, &mut noise)?;
            let first = skipped * run.sampler.calls_per_step();
            let latents = run.sampler.schedule().add_noise(&clean, &fresh, first)?;
            run.finish(RunStart { latents, first, outside: None }, &mut noise, observer)
        })
    }

    /// Everything of a run that comes before its first latents.
    pub(super) fn prepare(
        &self,
        model: &InstalledModel,
        request: &ImageRequest,
        observer: &dyn Observer,
    ) -> Result<Run, EngineError> {
        let traits = model.painting()?;
        let means = traits.guidance;
        let work = work_of(request, means);
        let additions = Additions::of(request, model, observer);
        let company = additions.company(self, model, &work)?;
        let painter = self.models.get_among::<Painter>(model, &company, &self.device, observer)?;
        let choice = SamplerChoice {
            rule: request.sampler,
            schedule: request.schedule.unwrap_or(ScheduleId::Normal),
            steps: request.steps as usize,
        };
        let sampler =
            painter.pipeline.sampler(choice, work.size).map_err(|e| EngineError::bad(e.field, e.problem))?;
        if observer.cancelled() {
            return Err(EngineError::Cancelled);
        }
        let adapted = additions.blend_into(&painter, self, &company, observer)?;
        let controls = additions.steer(painter.pipeline.as_ref(), request, self, &company, observer)?;
        let guidance = scale_of(request, means, observer);
        let adapters = additions.adapter_set();
        let reading = (request.clip_skip, &adapters);
        let prompt = painter.states(Wish::Seen, &request.prompt, reading, observer)?;
        let negative = if guidance > 1.0 && means == Guidance::Classifier {
            Some(painter.states(Wish::Unseen, &request.negative, reading, observer)?)
        } else {
            None
        };
        let mut noise = TorchGenerator::new(request.seed);
        let references =
            self.look_at(request, painter.pipeline.as_ref(), traits.size_multiple, &mut noise)?;
        Ok(Run {
            painter,
            sampler,
            prompt,
            negative,
            guidance,
            controls,
            references,
            surroundings: None,
            _adapted: adapted,
        })
    }
}

/// A run that is about to start.
pub(super) struct Run {
    pub(super) painter: Arc<Resident<Painter>>,
    pub(super) sampler: Box<dyn Sampler>,
    prompt: PromptStates,
    negative: Option<PromptStates>,
    guidance: f64,
    controls: Vec<Steering>,
    references: Vec<Tensor>,
    /// What a network that only inpaints sees besides.
    pub(super) surroundings: Option<Tensor>,
    /// Takes the adapters out again when the run is over.
    _adapted: Option<Adapted>,
}

impl Run {
    /// Takes the latents through all remaining steps and decodes them.
    pub(super) fn finish(
        mut self,
        start: RunStart<'_>,
        noise: &mut dyn NoiseSource,
        observer: &dyn Observer,
    ) -> Result<Picture, EngineError> {
        let pipeline = self.painter.pipeline.as_ref();
        let calls = self.sampler.schedule().timesteps.len();
        let mut progress = Progress::new(observer, pipeline, start.first, calls);
        let guide = Guide {
            controls: &self.controls,
            references: &self.references,
            surroundings: self.surroundings.as_ref(),
            ..Guide::new(&self.prompt, self.negative.as_ref(), self.guidance)
        };
        let latents = pipeline.denoise(&guide, self.sampler.as_mut(), start, noise, &mut progress)?;
        Picture::from_tensor(&pipeline.decode(&latents)?)
    }
}

/// Noise in the shape of latents.
pub(super) fn draw_like(latents: &Tensor, noise: &mut dyn NoiseSource) -> Result<Tensor, EngineError> {
    Ok(Tensor::from_vec(noise.draw(latents.elem_count()), latents.shape(), latents.device())?)
}
