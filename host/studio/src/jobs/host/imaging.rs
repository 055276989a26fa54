//! Painting for a brick.

use async_trait::async_trait;
use qpyt_bricks::capability::{self, Imaging, JobError, Painting, Start, TextRequest};
use qpyt_bricks::media::{Filter, Image, PixelFormat};
use qpyt_inference::prompt::take_loras;
use qpyt_inference::{
    Adapter, Control, ImageRequest, InstalledModel, LayerSkipping, Picture, PromptSyntax, SamplerId,
    ScheduleId,
};

use super::{BrickHost, image, off_thread, picture, unfit};

#[async_trait]
impl Imaging for BrickHost {
    async fn paint(&self, painting: Painting) -> Result<Image, JobError> {
        let Painting { request, start, guides } = painting;
        let model = request.model.clone();
        let mut request = image_request(request)?;
        let size = (request.width, request.height);
        request.adapters = guides.adapters.iter().map(|it| self.adapter(it)).collect::<Result<_, _>>()?;
        self.resolve_mentions(&mut request)?;
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
    /// Takes the LoRAs that the texts name out of them, those of the prompt to be blended in, and finds the embeddings
    /// that the texts mention.
    fn resolve_mentions(&self, request: &mut ImageRequest) -> Result<(), JobError> {
        if request.syntax == PromptSyntax::Plain {
            return Ok(());
        }
        let (prompt, loras) = take_loras(&request.prompt);
        for lora in loras {
            let model = self.depending_on(self.models.lora_named(&lora.name))?;
            request.adapters.push(Adapter { model, weight: lora.weight });
        }
        request.prompt = prompt;
        (request.negative, _) = take_loras(&request.negative);
        request.embeddings = self.models.embeddings_in(&[&request.prompt, &request.negative]);
        request.embeddings.iter().for_each(|model| self.depends_on(model.id.clone()));
        for note in self.models.missing_embeddings(&[&request.prompt, &request.negative]) {
            self.run.keep(&note);
        }
        Ok(())
    }

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
    let sampling = request.sampling;
    let (sampler, schedule) =
        sampler_and_schedule(sampling.sampler.as_deref(), sampling.schedule.as_deref())?;
    Ok(ImageRequest {
        negative: request.negative,
        syntax: extra.prompt_syntax.into(),
        guidance: sampling.guidance,
        sampler,
        schedule,
        seed: sampling.seed,
        clip_skip: extra.clip_skip,
        skipping: extra.skip_layer_guidance.map(LayerSkipping::from),
        ..ImageRequest::new(&request.prompt, (request.width, request.height), sampling.steps)
    })
}

/// The sampler and the schedule that names mean. A sampler's name may end with that of a schedule, which counts where
/// none is named by itself.
fn sampler_and_schedule(
    sampler: Option<&str>,
    schedule: Option<&str>,
) -> Result<(Option<SamplerId>, Option<ScheduleId>), JobError> {
    let bad = |what: &str, error: String| JobError::BadArgument(format!("{what}: {error}"));
    let sampler = sampler.map(SamplerId::by_any_name).transpose().map_err(|error| bad("sampler", error))?;
    let schedule =
        schedule.map(ScheduleId::by_any_name).transpose().map_err(|error| bad("schedule", error))?;
    let ending = sampler.and_then(|(_, ending)| ending);
    Ok((sampler.map(|(sampler, _)| sampler), schedule.or(ending)))
}

/// The open-ended options of a request.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Extra {
    clip_skip: u32,
    prompt_syntax: Syntax,
    skip_layer_guidance: Option<Skipping>,
}

/// Skip-layer guidance, with what Stability AI recommends for Stable Diffusion 3.5 medium.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Skipping {
    layers: Vec<usize>,
    scale: f64,
    start: f64,
    end: f64,
}

impl Default for Skipping {
    fn default() -> Self {
        Self { layers: vec![7, 8, 9], scale: 2.8, start: 0.01, end: 0.2 }
    }
}

impl From<Skipping> for LayerSkipping {
    fn from(Skipping { layers, scale, start, end }: Skipping) -> Self {
        Self { layers, scale, start, end }
    }
}

/// How the texts are to be read.
#[derive(Debug, Clone, Copy, Default, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
enum Syntax {
    /// With weights and all.
    #[default]
    Weighted,
    /// Word for word.
    Plain,
}

impl From<Syntax> for PromptSyntax {
    fn from(syntax: Syntax) -> Self {
        match syntax {
            Syntax::Weighted => Self::Weighted,
            Syntax::Plain => Self::Plain,
        }
    }
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
    fn samplers_go_by_their_ids_and_by_the_names_of_other_programs() {
        let both = |sampler, schedule| sampler_and_schedule(Some(sampler), schedule).unwrap();
        assert_eq!(both("dpmpp-2m", None), (Some(SamplerId::DpmPp2m), None));
        assert_eq!(both("DPM++ 2M Karras", None), (Some(SamplerId::DpmPp2m), Some(ScheduleId::Karras)));
        assert_eq!(
            both("DPM++ 2M Karras", Some("SGM Uniform")),
            (Some(SamplerId::DpmPp2m), Some(ScheduleId::SgmUniform))
        );
        assert_eq!(sampler_and_schedule(None, None).unwrap(), (None, None));
        let refused = sampler_and_schedule(Some("eulr"), None).unwrap_err().to_string();
        assert!(refused.contains("eulr") && refused.contains("euler-ancestral"), "{refused}");
    }

    #[test]
    fn unknown_extra_options_are_refused_by_name() {
        let refused = Extra::read(Some("{\"clip_skp\": 1}")).unwrap_err().to_string();
        assert!(refused.contains("clip_skp"), "{refused}");
    }
}
