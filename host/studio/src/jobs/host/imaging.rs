//! Painting for a brick.

use async_trait::async_trait;
use qpyt_bricks::capability::{Imaging, JobError, TextRequest};
use qpyt_bricks::media::{Filter, Image};
use qpyt_inference::ImageRequest;

use super::{BrickHost, image, off_thread, picture, unfit};

#[async_trait]
impl Imaging for BrickHost {
    async fn text_to_image(&self, request: TextRequest) -> Result<Image, JobError> {
        let (model, request) = (request.model.clone(), image_request(request)?);
        let painted = self
            .on_model(&model, move |engine, model, observer| engine.text_to_image(model, &request, observer));
        image(painted.await?)
    }

    async fn image_to_image(
        &self,
        request: TextRequest,
        source: Image,
        strength: f32,
    ) -> Result<Image, JobError> {
        let (model, request) = (request.model.clone(), image_request(request)?);
        let (width, height) = (request.width, request.height);
        let source =
            off_thread(move || picture(&source.resize(width, height, Filter::Lanczos).map_err(unfit)?));
        let source = source.await?;
        let painted = self.on_model(&model, move |engine, model, observer| {
            engine.image_to_image(model, &request, &source, strength, observer)
        });
        image(painted.await?)
    }
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
