//! Pictures that a painting model looks at besides the one that it makes.

use candle_core::Tensor;

use super::{Engine, EngineError, ImageRequest, InstalledModel, PaintingTraits, Picture};
use crate::diffusion::footprint::Extent;
use crate::diffusion::noise::NoiseSource;
use crate::diffusion::pipeline::Pipeline;
use crate::pixels::{Kernel, resize};

/// Most pictures to look at.
const MAX_REFERENCES: usize = 8;
/// Most pixels of each that the model sees; larger ones are made smaller (as diffusers does it for FLUX.2).
const MAX_PIXELS: f64 = 1024.0 * 1024.0;

/// Checks what can be said of a request's references without the loaded model.
pub(super) fn check(
    request: &ImageRequest,
    model: &InstalledModel,
    traits: &PaintingTraits,
) -> Result<(), EngineError> {
    let count = request.references.len();
    if count > 0 && !traits.looks_at_pictures {
        let problem = format!("`{}` can't look at pictures; models of FLUX.2 can", model.id);
        return Err(EngineError::bad("references", problem));
    }
    if count > MAX_REFERENCES {
        return Err(EngineError::bad("references", format!("{count} are more than {MAX_REFERENCES}")));
    }
    request.references.iter().try_for_each(|picture| match picture.is_whole() {
        true => Ok(()),
        false => Err(EngineError::bad("references", "a picture's bytes do not fit its size")),
    })
}

/// Pixels of all references as the model sees them.
pub(super) fn pixels(request: &ImageRequest) -> usize {
    let seen = request.references.iter().map(|it| seen_size((it.width, it.height), 1));
    seen.map(|(width, height)| width as usize * height as usize).sum()
}

impl Engine {
    /// What a pipeline sees of a request's references, in sizes that are multiples of what it needs.
    pub(super) fn look_at(
        &self,
        request: &ImageRequest,
        pipeline: &dyn Pipeline,
        (multiple, encoding): (u32, Extent),
        noise: &mut dyn NoiseSource,
    ) -> Result<Vec<Tensor>, EngineError> {
        let latents = |picture: &Picture| {
            let from = (picture.width, picture.height);
            let (width, height) = seen_size(from, multiple);
            let rgb = resize(&picture.rgb, 3, from, (width, height), Kernel::Lanczos)
                .map_err(|e| EngineError::bad("references", e.to_string()))?;
            let picture = Picture { width, height, rgb }.to_tensor(&self.device)?;
            Ok(pipeline.picture_latents(&picture, encoding, noise)?)
        };
        request.references.iter().map(latents).collect()
    }
}

/// The size in which a model sees a picture: its own, as far as that is not too large, in multiples of what it needs.
fn seen_size((width, height): (u32, u32), multiple: u32) -> (u32, u32) {
    let scale = (MAX_PIXELS / (f64::from(width) * f64::from(height)).max(1.0)).sqrt().min(1.0);
    let multiple = multiple.max(1);
    let side = |side: u32| ((f64::from(side) * scale) as u32 / multiple * multiple).max(multiple);
    (side(width), side(height))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_pictures_are_seen_with_a_million_pixels_and_small_ones_as_they_are() {
        assert_eq!(seen_size((4096, 1024), 16), (2048, 512));
        assert_eq!(seen_size((100, 60), 16), (96, 48));
        assert_eq!(seen_size((3, 5000), 16), (16, 4992));
        assert_eq!(seen_size((1024, 1024), 16), (1024, 1024));
    }
}
