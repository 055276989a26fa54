//! Painting: text and image to image, and inpainting.

use std::path::Path;
use std::sync::{Arc, Mutex};

use candle_core::{Device, Tensor};

use super::request::{Progress, decimal};
use super::resident::{Loadable, Resident, lock};
use super::{Engine, EngineError, ImageRequest, InstalledModel, Observer, Picture, picture};
use crate::diffusion::footprint::activation_bytes;
use crate::diffusion::layout::ModelLayout;
use crate::diffusion::noise::{NoiseSource, TorchGenerator};
use crate::diffusion::samplers::{Sampler, ScheduleId};
use crate::diffusion::stable_diffusion::{Conditioning, Outside, PromptStates, RunStart, StableDiffusion};
use crate::weights::Loaded;

/// Prompts whose states are kept per model.
const KEPT_PROMPTS: usize = 8;

/// A loaded model that paints, with the states of its latest prompts.
struct Painter {
    model: StableDiffusion,
    prompts: Mutex<Vec<(PromptKey, PromptStates)>>,
}

#[derive(PartialEq, Eq)]
struct PromptKey {
    prompt: String,
    clip_skip: u32,
}

/// The size of a request's picture and how many are computed side by side.
struct Canvas {
    size: (usize, usize),
    batch: usize,
}

fn work_of(request: &ImageRequest) -> Canvas {
    Canvas {
        size: (request.width as usize, request.height as usize),
        batch: if request.guidance > 1.0 { 2 } else { 1 },
    }
}

impl Loadable for Painter {
    type Layout = ModelLayout;
    type Work = Canvas;

    fn read(path: &Path) -> Loaded<Option<ModelLayout>> {
        ModelLayout::read(path).map(Some)
    }

    fn weight_bytes(layout: &ModelLayout) -> u64 {
        layout.weight_bytes()
    }

    fn task_bytes(layout: &ModelLayout, work: &Canvas) -> Result<u64, EngineError> {
        Ok(activation_bytes(&layout.unet, &layout.vae, work.size, work.batch))
    }

    fn load(layout: &ModelLayout, device: &Device) -> Loaded<Self> {
        Ok(Self { model: StableDiffusion::load(layout, device)?, prompts: Mutex::default() })
    }
}

impl Painter {
    /// States of a prompt, from memory where it was asked for lately. Tells the observer of words left out.
    fn states(
        &self,
        what: &str,
        prompt: &str,
        clip_skip: u32,
        observer: &dyn Observer,
    ) -> Result<Tensor, EngineError> {
        let key = PromptKey { prompt: prompt.to_owned(), clip_skip };
        let mut kept = lock(&self.prompts);
        let states = match kept.iter().position(|(k, _)| *k == key) {
            Some(place) => kept.remove(place).1,
            None => self.model.encode_prompt(prompt, clip_skip as usize)?,
        };
        if states.dropped_tokens > 0 {
            observer.note(&format!(
                "the {what} is too long: its last {} tokens are left out",
                states.dropped_tokens
            ));
        }
        let tensor = states.states.clone();
        kept.insert(0, (key, states));
        kept.truncate(KEPT_PROMPTS);
        Ok(tensor)
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
        self.threads.install(|| {
            let run = self.prepare(model, request, observer)?;
            let mut noise = TorchGenerator::new(request.seed);
            let (width, height) = (request.width as usize, request.height as usize);
            let latents =
                run.painter.model.model.noise_latents(width, height, run.sampler.as_ref(), &mut noise)?;
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
        source.check_for(request)?;
        let skipped = request.skipped_steps(strength)?;
        self.threads.install(|| {
            let run = self.prepare(model, request, observer)?;
            let mut noise = TorchGenerator::new(request.seed);
            let clean =
                run.painter.model.model.picture_latents(&source.to_tensor(&self.device)?, &mut noise)?;
            let fresh = draw_like(&clean, &mut noise)?;
            let first = skipped * run.sampler.calls_per_step();
            let latents = run.sampler.schedule().add_noise(&clean, &fresh, first)?;
            run.finish(RunStart { latents, first, outside: None }, &mut noise, observer)
        })
    }

    /// Makes a part of a picture anew: where `mask` (one byte per pixel, row by row) is 128 or more. The rest is
    /// kept as well as the autoencoder can. `strength` as in [`Engine::image_to_image`].
    ///
    /// # Errors
    /// As [`Engine::image_to_image`]; also when the mask has another size than the source.
    pub fn inpaint(
        &self,
        model: &InstalledModel,
        request: &ImageRequest,
        source: &Picture,
        mask: &[u8],
        strength: f32,
        observer: &dyn Observer,
    ) -> Result<Picture, EngineError> {
        request.check(model)?;
        source.check_for(request)?;
        let skipped = request.skipped_steps(strength)?;
        let mask = picture::mask_tensor(mask, source, &self.device)?;
        self.threads.install(|| {
            let run = self.prepare(model, request, observer)?;
            let mut noise = TorchGenerator::new(request.seed);
            let model = &run.painter.model.model;
            let clean = model.picture_latents(&source.to_tensor(&self.device)?, &mut noise)?;
            let fresh = draw_like(&clean, &mut noise)?;
            // diffusers encodes the masked picture too, which draws noise but changes nothing here.
            noise.draw(clean.elem_count());
            let first = skipped * run.sampler.calls_per_step();
            let latents = if skipped == 0 {
                (&fresh * run.sampler.schedule().initial_scale)?
            } else {
                run.sampler.schedule().add_noise(&clean, &fresh, first)?
            };
            let outside = Outside::new(model.latent_mask(&mask)?, clean, fresh);
            run.finish(RunStart { latents, first, outside: Some(&outside) }, &mut noise, observer)
        })
    }

    /// Everything of a run that comes before its first latents.
    fn prepare(
        &self,
        model: &InstalledModel,
        request: &ImageRequest,
        observer: &dyn Observer,
    ) -> Result<Run, EngineError> {
        let painter = self.models.get::<Painter>(model, &work_of(request), &self.device, observer)?;
        let scheduler = painter.model.model.scheduler();
        let sampler = request
            .sampler
            .unwrap_or(scheduler.sampler)
            .prepare(scheduler, request.schedule.unwrap_or(ScheduleId::Normal), request.steps as usize)
            .map_err(|e| EngineError::bad(e.field, e.problem))?;
        if observer.cancelled() {
            return Err(EngineError::Cancelled);
        }
        let guidance = decimal(request.guidance);
        let prompt = painter.states("prompt", &request.prompt, request.clip_skip, observer)?;
        let conditioning = if guidance > 1.0 {
            let negative =
                painter.states("negative prompt", &request.negative, request.clip_skip, observer)?;
            painter.model.model.conditioning(&prompt, Some((&negative, guidance)))?
        } else {
            painter.model.model.conditioning(&prompt, None)?
        };
        Ok(Run { painter, sampler, conditioning })
    }
}

/// A run that is about to start.
struct Run {
    painter: Arc<Resident<Painter>>,
    sampler: Box<dyn Sampler>,
    conditioning: Conditioning,
}

impl Run {
    /// Takes the latents through all remaining steps and decodes them.
    fn finish(
        mut self,
        start: RunStart<'_>,
        noise: &mut dyn NoiseSource,
        observer: &dyn Observer,
    ) -> Result<Picture, EngineError> {
        let model = &self.painter.model.model;
        let calls = self.sampler.schedule().timesteps.len();
        let mut progress = Progress::new(observer, model.preview(), start.first, calls);
        let sampler = self.sampler.as_mut();
        let latents = model.denoise(&self.conditioning, sampler, start, noise, &mut progress)?;
        Picture::from_tensor(&model.decode(&latents)?)
    }
}

/// Noise in the shape of latents.
fn draw_like(latents: &Tensor, noise: &mut dyn NoiseSource) -> Result<Tensor, EngineError> {
    Ok(Tensor::from_vec(noise.draw(latents.elem_count()), latents.shape(), latents.device())?)
}
