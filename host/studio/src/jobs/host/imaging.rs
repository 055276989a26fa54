//! Painting for a brick.

use async_trait::async_trait;
use qpyt_bricks::capability::{self, Imaging, JobError, Painting, Start, TextRequest};
use qpyt_bricks::media::{Filter, Image, PixelFormat};
use qpyt_inference::{Adapter, Control, ImageRequest, InstalledModel, Picture};

use super::{BrickHost, image, off_thread, picture, unfit};

#[async_trait]
impl Imaging for BrickHost {
    async fn paint(&self, painting: Painting) -> Result<Image, JobError> {
        let Painting { request, start, guides } = painting;
        let model = request.model.clone();
        let mut request = image_request(request)?;
        let size = (request.width, request.height);
        request.adapters = guides.adapters.iter().map(|it| self.adapter(it)).collect::<Result<_, _>>()?;
        let networks: Vec<_> =
            guides.controls.iter().map(|it| self.model(&it.model)).collect::<Result<_, _>>()?;
        let (canvas, request) = off_thread(move || {
            let controls = networks.into_iter().zip(guides.controls);
            request.controls = controls.map(|(model, it)| control(model, &it)).collect::<Result<_, _>>()?;
            request.references = guides.references.iter().map(picture).collect::<Result<_, _>>()?;
            Ok((Canvas::of(start, size)?, request))
        })
        .await?;
        let painted = self.on_model(&model, move |engine, model, observer| match &canvas {
            Canvas::Noise => engine.text_to_image(model, &request, observer),
            Canvas::Picture { source, strength } => {
                engine.image_to_image(model, &request, source, *strength, observer)
            }
            Canvas::Part { source, mask, strength } => {
                engine.inpaint(model, &request, source, mask, *strength, observer)
            }
        });
        image(painted.await?)
    }
}

impl BrickHost {
    fn adapter(&self, asked: &capability::Adapter) -> Result<Adapter, JobError> {
        Ok(Adapter { model: self.model(&asked.model)?, weight: asked.weight })
    }
}

fn control(model: InstalledModel, asked: &capability::Control) -> Result<Control, JobError> {
    let &capability::Control { weight, begin, end, .. } = asked;
    Ok(Control { model, picture: picture(&asked.picture)?, weight, start: begin, end })
}

/// What a painting begins with, in its size.
enum Canvas {
    Noise,
    Picture { source: Picture, strength: f32 },
    Part { source: Picture, mask: Vec<u8>, strength: f32 },
}

impl Canvas {
    fn of(start: Start, size: (u32, u32)) -> Result<Self, JobError> {
        Ok(match start {
            Start::Noise => Self::Noise,
            Start::Repainting { source, strength } => {
                Self::Picture { source: sized(&source, size)?, strength }
            }
            Start::Inpainting { source, mask, strength } => {
                let mask = mask
                    .convert(PixelFormat::Luma8)
                    .and_then(|mask| mask.resize(size.0, size.1, Filter::Bilinear))
                    .map_err(unfit)?;
                Self::Part { source: sized(&source, size)?, mask: mask.pixels().to_vec(), strength }
            }
        })
    }
}

fn sized(source: &Image, (width, height): (u32, u32)) -> Result<Picture, JobError> {
    picture(&source.resize(width, height, Filter::Lanczos).map_err(unfit)?)
}

fn image_request(request: TextRequest) -> Result<ImageRequest, JobError> {
    let extra = Extra::read(request.extra.as_deref())?;
    let bad = |what: &str, error: &dyn std::fmt::Display| JobError::BadArgument(format!("{what}: {error}"));
    let sampling = request.sampling;
    Ok(ImageRequest {
        prompt: request.prompt,
        negative: request.negative,
        width: request.width,
        height: request.height,
        steps: sampling.steps,
        guidance: sampling.guidance,
        sampler: sampling.sampler.map(|id| id.parse()).transpose().map_err(|error| bad("sampler", &error))?,
        schedule: sampling
            .schedule
            .map(|id| id.parse())
            .transpose()
            .map_err(|error| bad("schedule", &error))?,
        seed: sampling.seed,
        clip_skip: extra.clip_skip,
        adapters: Vec::new(),
        controls: Vec::new(),
        references: Vec::new(),
    })
}

/// The open-ended options of a request.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Extra {
    clip_skip: u32,
}

impl Extra {
    fn read(text: Option<&str>) -> Result<Self, JobError> {
        let Some(text) = text else { return Ok(Self::default()) };
        serde_json::from_str(text).map_err(|error| JobError::BadArgument(format!("extra: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_extra_options_are_refused_by_name() {
        let refused = Extra::read(Some("{\"clip_skp\": 1}")).unwrap_err().to_string();
        assert!(refused.contains("clip_skp"), "{refused}");
    }
}
