//! Painting: text and image to image.

use std::sync::{Arc, Mutex};

use candle_core::{Device, Tensor};

use super::additions::{Adapted, Additions};
use super::machine::Terms;
use super::request::{Progress, check_skipped_layers, decimal};
use super::resident::{Company, Loadable, Resident, lock};
use super::sparing::Thrift;
use super::wording::{KeptPrompts, Reading};
use super::{Engine, EngineError, ImageRequest, InstalledModel, Observer, Picture, embeddings, references};
use crate::diffusion::footprint::{Coding, Extent};
use crate::diffusion::noise::{NoiseSource, TorchGenerator};
use crate::diffusion::painter::{FoundPainter, Guidance, PainterLayout, PaintingTraits};
use crate::diffusion::pipeline::{Guide, LayerSkipping, Pipeline, RunError, RunStart, Stage, Steering};
use crate::diffusion::samplers::{Sampler, SamplerChoice, SamplerId, ScheduleId};
use crate::weights::{Loaded, Residence};

/// A loaded model that paints, with the states of its latest prompts.
pub(super) struct Painter {
    pub(super) pipeline: Box<dyn Pipeline>,
    pub(super) prompts: Mutex<KeptPrompts>,
}

/// The size of a request's picture and how many are computed side by side.
pub(super) struct Canvas {
    pub(super) size: (usize, usize),
    pub(super) batch: usize,
    /// Pixels of pictures that are looked at besides.
    pub(super) seen: usize,
    pub(super) coding: Coding,
}

fn work_of(request: &ImageRequest, guidance: Guidance) -> Canvas {
    Canvas {
        size: (request.width as usize, request.height as usize),
        batch: match guidance {
            Guidance::Classifier if request.guidance > 1.0 || request.is_sum() => 2,
            _ => 1,
        },
        seen: references::pixels(request),
        coding: Coding::default(),
    }
}

/// The scale of guidance that a model is run with. Tells the observer what it leaves out, and what a person should know
/// who asks for guidance where none is needed.
fn scale_of(request: &ImageRequest, traits: &PaintingTraits, observer: &dyn Observer) -> f64 {
    let (means, scale) = (traits.guidance, request.guidance);
    if !request.negative.trim().is_empty() {
        if means != Guidance::Classifier {
            observer.note("this model takes no negative prompt; it is left out");
        } else if scale <= 1.0 {
            observer.note("without guidance the negative prompt has no effect; it is left out");
        }
    }
    if means == Guidance::None {
        if scale > 1.0 {
            observer.note(&format!("this model was made to work without guidance; {scale} is taken as 1"));
        }
        return 1.0;
    }
    if scale > 1.0 && traits.usual.guidance <= 1.0 {
        observer.note(&format!(
            "this model was made to work without guidance; at {scale} each step takes twice as long and colours may be \
             too strong"
        ));
    }
    match means {
        Guidance::Classifier => decimal(scale).max(1.0),
        Guidance::Embedded | Guidance::None => decimal(scale),
    }
}

/// The schedule of a run: the one that is asked for, or the model's own where the sampler can't follow that. Tells the observer
/// if so.
fn schedule_of(request: &ImageRequest, pipeline: &dyn Pipeline, observer: &dyn Observer) -> ScheduleId {
    let schedule = request.schedule.unwrap_or(ScheduleId::Normal);
    if pipeline.schedules(request.sampler).contains(&schedule) {
        return schedule;
    }
    let who = request.sampler.map_or("the model's sampler", SamplerId::label);
    let asked = schedule.label();
    observer.note(&format!("{who} can't follow the schedule {asked} here; the model's own is followed"));
    ScheduleId::Normal
}

impl Loadable for Painter {
    type Layout = Box<dyn PainterLayout>;
    type Work = Canvas;

    fn read(model: &InstalledModel) -> Loaded<Option<Self::Layout>> {
        FoundPainter::open(&model.path, &model.borrowed)?.read().map(Some)
    }

    fn hold(layout: &mut Self::Layout, terms: &Terms, residence: Option<Arc<Residence>>) {
        let native = layout.held().native_type();
        layout.hold(terms.holding(native, residence));
    }

    fn weight_bytes(layout: &Self::Layout) -> u64 {
        layout.weight_bytes()
    }

    fn task_bytes(layout: &Self::Layout, work: &Canvas) -> Result<u64, EngineError> {
        let (width, height) = work.size;
        let seen = work.seen.div_ceil(width.max(1));
        Ok(layout.activation_bytes((width, height + seen), work.batch, work.coding))
    }

    fn load(layout: &Self::Layout, device: &Device) -> Loaded<Self> {
        Ok(Self { pipeline: layout.load(device)?, prompts: Mutex::default() })
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
        self.paint(observer, |thrift| {
            let run = self.prepare(model, request, (Origin::Noise, thrift), observer)?;
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
        self.paint(observer, |thrift| {
            let run = self.prepare(model, request, (Origin::Picture { skipped }, thrift), observer)?;
            let mut noise = TorchGenerator::new(request.seed);
            let clean = run.latents_of(&source.to_tensor(&self.device)?, &mut noise)?;
            let fresh = draw_like(&clean, &mut noise)?;
            let first = skipped * run.sampler.calls_per_step();
            let latents = run.sampler.schedule().add_noise(&clean, &fresh, first)?;
            run.finish(RunStart { latents, first, outside: None }, &mut noise, observer)
        })
    }

    /// Makes a picture, one at a time.
    pub(super) fn paint(
        &self,
        observer: &dyn Observer,
        task: impl Fn(Thrift) -> Result<Picture, EngineError> + Sync,
    ) -> Result<Picture, EngineError> {
        let _turn = lock(&self.painting);
        self.sparing(observer, |thrift| self.threads.install(|| task(thrift)))
    }

    /// Everything of a run that comes before its first latents, whatever it is made of.
    pub(super) fn prepare(
        &self,
        model: &InstalledModel,
        request: &ImageRequest,
        (origin, thrift): (Origin, Thrift),
        observer: &dyn Observer,
    ) -> Result<Run, EngineError> {
        let traits = model.painting()?;
        let means = traits.guidance;
        let mut work = work_of(request, means);
        let additions = Additions::of(request, model, observer);
        let encodes = origin != Origin::Noise || !request.references.is_empty();
        let mut company = Company::default();
        for coding in Coding::ways(encodes).skip(usize::from(thrift == Thrift::Most)) {
            work.coding = coding;
            company = additions.company(self, model, &work)?;
            embeddings::join(&mut company, self, request, model)?;
            if self.models.fits(&company) {
                break;
            }
        }
        if self.models.offloads(thrift, &company) {
            let blocks =
                self.models.look::<Painter, _>(model, |layout| self.models.movable(layout.as_ref()))?;
            let moved = self.models.offload(&mut company, &model.path, &blocks, thrift);
            if moved > 0 && self.models.fits(&company) {
                let all = blocks.len();
                observer.note(&format!(
                    "{moved} of {all} blocks of the model are brought to the device for each step; that takes longer"
                ));
            }
        }
        if work.coding.decoding == Extent::Parts && self.models.fits(&company) {
            observer.note("the picture is decoded in tiles, since it would not fit into memory at once");
        }
        let painter = self.models.get_among::<Painter>(model, &company, &self.device, observer)?;
        check_skipped_layers(request, painter.pipeline.skippable_layers())?;
        let choice = SamplerChoice {
            rule: request.sampler,
            schedule: schedule_of(request, painter.pipeline.as_ref(), observer),
            steps: request.steps as usize,
        };
        let sampler =
            painter.pipeline.sampler(choice, work.size).map_err(|e| EngineError::bad(e.field, e.problem))?;
        if observer.cancelled() {
            return Err(EngineError::Cancelled);
        }
        let adapted = additions.blend_into(&painter, self, &company, observer)?;
        let controls = additions.steer(painter.pipeline.as_ref(), request, self, &company, observer)?;
        let guidance = scale_of(request, &traits, observer);
        if request.clip_skip > 0 && traits.text_layers <= 1 {
            observer.note("this model's text encoder has no layers to skip; CLIP skip is left out");
        }
        let reading = Reading {
            adapters: additions.adapter_set(),
            embeddings: &self.embeddings(request, model, (&painter, &company), observer)?,
            steps: choice.steps.saturating_sub(origin.skipped()),
        };
        let guided = guidance > 1.0 && means == Guidance::Classifier;
        observer.doing("reading the prompt");
        let stages = painter.stages(request, &reading, guided, observer)?;
        let mut noise = TorchGenerator::new(request.seed);
        let encoding = work.coding.encoding.unwrap_or_default();
        let seeing = (traits.size_multiple, encoding);
        let references = self.look_at(request, painter.pipeline.as_ref(), seeing, &mut noise)?;
        Ok(Run {
            painter,
            sampler,
            stages,
            skipping: request.skipping.clone(),
            guidance,
            controls,
            references,
            surroundings: None,
            encoding,
            decoding: work.coding.decoding,
            in_half: self
                .models
                .look::<Painter, _>(model, |layout| self.models.computes_in_half(layout.as_ref()))?,
            _adapted: adapted,
        })
    }
}

/// What a run makes its picture of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// Noise alone.
    Noise,
    /// A picture; the first steps are left out.
    Picture {
        /// How many.
        skipped: usize,
    },
}

impl Origin {
    /// Steps that are left out.
    fn skipped(self) -> usize {
        match self {
            Self::Noise => 0,
            Self::Picture { skipped } => skipped,
        }
    }
}

/// A run that is about to start.
pub(super) struct Run {
    pub(super) painter: Arc<Resident<Painter>>,
    pub(super) sampler: Box<dyn Sampler>,
    /// What it follows; the first begins at its first step.
    stages: Vec<Stage>,
    skipping: Option<LayerSkipping>,
    guidance: f64,
    controls: Vec<Steering>,
    references: Vec<Tensor>,
    /// What a network that only inpaints sees besides.
    pub(super) surroundings: Option<Tensor>,
    pub(super) encoding: Extent,
    decoding: Extent,
    /// True if the network computes in half precision.
    in_half: bool,
    /// Takes the adapters out again when the run is over.
    _adapted: Option<Adapted>,
}

impl Run {
    /// Latents of a picture (1, 3, height, width) in -1..1.
    pub(super) fn latents_of(
        &self,
        picture: &Tensor,
        noise: &mut dyn NoiseSource,
    ) -> Result<Tensor, EngineError> {
        Ok(self.painter.pipeline.picture_latents(picture, self.encoding, noise)?)
    }

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
        let Some(first) = self.stages.first() else {
            return Err(EngineError::Internal("a run without a prompt".to_owned()));
        };
        let guide = Guide {
            stages: &self.stages,
            skipping: self.skipping.as_ref(),
            controls: &self.controls,
            references: &self.references,
            surroundings: self.surroundings.as_ref(),
            weight: first.weight,
            others: &first.others,
            ..Guide::new(&first.prompt, first.negative.as_ref(), self.guidance)
        };
        observer.doing("painting");
        let denoised = pipeline.denoise(&guide, self.sampler.as_mut(), start, noise, &mut progress);
        let latents = denoised.map_err(|error| match error {
            RunError::NotFinite { step } => EngineError::NotFinite { step, in_half: self.in_half },
            other => other.into(),
        })?;
        observer.doing("decoding the picture");
        Picture::from_tensor(&match self.decoding {
            Extent::Whole => pipeline.decode(&latents)?,
            Extent::Parts => pipeline.vae().decode_in_tiles(&pipeline.vae().denormalize(&latents)?)?,
        })
    }
}

/// Noise in the shape of latents.
pub(super) fn draw_like(latents: &Tensor, noise: &mut dyn NoiseSource) -> Result<Tensor, EngineError> {
    Ok(Tensor::from_vec(noise.draw(latents.elem_count()), latents.shape(), latents.device())?)
}
