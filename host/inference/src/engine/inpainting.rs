//! Inpainting: by putting back what is outside the mask after every step, or with networks that see it.

use candle_core::Tensor;

use super::painting::{Origin, Run, draw_like};
use super::{Engine, EngineError, ImageRequest, InstalledModel, Observer, Picture, picture};
use crate::diffusion::noise::{NoiseSource, TorchGenerator};
use crate::diffusion::pipeline::{Outside, RunStart};

/// A picture with the part that is to be made anew.
struct Canvas {
    /// (1, 3, height, width) in -1..1.
    picture: Tensor,
    /// (1, 1, height, width), 1 where it is to be made anew.
    mask: Tensor,
    /// Steps that are left out.
    skipped: usize,
}

impl Engine {
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
        let only_inpaints = model.painting()?.only_inpaints;
        self.paint(observer, |thrift| {
            let run = self.prepare(model, request, (Origin::Picture { skipped }, thrift), observer)?;
            let mut noise = TorchGenerator::new(request.seed);
            let canvas = Canvas { picture: source.to_tensor(&self.device)?, mask: mask.clone(), skipped };
            if only_inpaints {
                run.fill(&canvas, &mut noise, observer)
            } else {
                run.repaint(&canvas, &mut noise, observer)
            }
        })
    }
}

impl Run {
    /// Puts back what is outside the mask after every step.
    fn repaint(
        self,
        canvas: &Canvas,
        noise: &mut dyn NoiseSource,
        observer: &dyn Observer,
    ) -> Result<Picture, EngineError> {
        let pipeline = self.painter.pipeline.as_ref();
        let clean = self.latents_of(&canvas.picture, noise)?;
        let fresh = draw_like(&clean, noise)?;
        // diffusers encodes the masked picture too, which draws noise but changes nothing here.
        noise.draw(clean.elem_count());
        let first = canvas.skipped * self.sampler.calls_per_step();
        let latents = if first == 0 {
            (&fresh * self.sampler.schedule().initial_scale)?
        } else {
            self.sampler.schedule().add_noise(&clean, &fresh, first)?
        };
        let outside = Outside::new(pipeline.latent_mask(&canvas.mask)?, clean, fresh);
        self.finish(RunStart { latents, first, outside: Some(&outside) }, noise, observer)
    }

    /// Lets the network see what is outside the mask.
    fn fill(
        mut self,
        canvas: &Canvas,
        noise: &mut dyn NoiseSource,
        observer: &dyn Observer,
    ) -> Result<Picture, EngineError> {
        let pipeline = self.painter.pipeline.as_ref();
        let first = canvas.skipped * self.sampler.calls_per_step();
        let latents = if first == 0 {
            let (_, _, height, width) = canvas.picture.dims4()?;
            pipeline.noise_latents(width, height, self.sampler.as_ref(), noise)?
        } else {
            let clean = self.latents_of(&canvas.picture, noise)?;
            let fresh = draw_like(&clean, noise)?;
            self.sampler.schedule().add_noise(&clean, &fresh, first)?
        };
        let surroundings = pipeline.surroundings(&canvas.picture, &canvas.mask, self.encoding, noise)?;
        self.surroundings = Some(surroundings);
        self.finish(RunStart { latents, first, outside: None }, noise, observer)
    }
}
