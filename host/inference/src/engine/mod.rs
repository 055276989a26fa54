//! What the studio calls: requests in, pictures out. Calls block; one at a time is meant to run.

mod error;
mod models;
mod picture;
mod request;
mod resident;

pub use error::EngineError;
pub use models::{BrokenModel, InstalledModel, ModelScan, scan_models};
pub use picture::Picture;
pub use request::{ImageRequest, Observer, StepReport};

use std::sync::Arc;

use candle_core::{Device, Tensor};
use rayon::{ThreadPool, ThreadPoolBuilder};

use self::request::{Progress, decimal};
use self::resident::{Resident, ResidentModels};
use crate::diffusion::noise::{NoiseSource, TorchGenerator};
use crate::diffusion::samplers::{Sampler, ScheduleId};
use crate::diffusion::stable_diffusion::{Conditioning, Outside, RunStart};

/// How the engine may use the machine.
#[derive(Debug, Clone)]
pub struct EngineOptions {
    /// Most bytes that loaded models and a running picture may take together.
    pub memory_budget: u64,
    /// Threads to compute with; none for one per processor.
    pub threads: Option<usize>,
}

/// Loads models on demand and makes pictures with them.
pub struct Engine {
    device: Device,
    threads: ThreadPool,
    models: ResidentModels,
}

impl Engine {
    /// An engine without loaded models.
    ///
    /// # Errors
    /// The threads cannot be started.
    pub fn new(options: EngineOptions) -> Result<Self, EngineError> {
        let threads = ThreadPoolBuilder::new()
            .num_threads(options.threads.unwrap_or(0))
            .thread_name(|i| format!("inference-{i}"))
            .build()
            .map_err(|e| EngineError::Internal(format!("threads cannot be started: {e}")))?;
        // Without the cargo features for them there is no other device than the CPU.
        let device = match Device::cuda_if_available(0)? {
            Device::Cpu => Device::metal_if_available(0)?,
            device => device,
        };
        Ok(Self { device, threads, models: ResidentModels::new(options.memory_budget) })
    }

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
                run.resident.model.noise_latents(width, height, run.sampler.as_ref(), &mut noise)?;
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
            let clean = run.resident.model.picture_latents(&source.to_tensor(&self.device)?, &mut noise)?;
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
            let model = &run.resident.model;
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
        let resident = self.models.get(model, request, &self.device, observer)?;
        let scheduler = resident.model.scheduler();
        let sampler = request
            .sampler
            .unwrap_or(scheduler.sampler)
            .prepare(scheduler, request.schedule.unwrap_or(ScheduleId::Normal), request.steps as usize)
            .map_err(|e| EngineError::bad(e.field, e.problem))?;
        if observer.cancelled() {
            return Err(EngineError::Cancelled);
        }
        let guidance = decimal(request.guidance);
        let prompt = resident.states("prompt", &request.prompt, request.clip_skip, observer)?;
        let conditioning = if guidance > 1.0 {
            let negative =
                resident.states("negative prompt", &request.negative, request.clip_skip, observer)?;
            resident.model.conditioning(&prompt, Some((&negative, guidance)))?
        } else {
            resident.model.conditioning(&prompt, None)?
        };
        Ok(Run { resident, sampler, conditioning })
    }
}

/// A run that is about to start.
struct Run {
    resident: Arc<Resident>,
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
        let model = &self.resident.model;
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
