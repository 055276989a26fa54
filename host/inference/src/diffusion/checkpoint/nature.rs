//! What a file tells of a model beyond its kind: by marks that trainers leave, by notes of its writer (the modelspec of
//! Stability AI), and by its name, as far as nothing else tells.

use candle_core::Device;

use super::published::Nature;
use super::section::Section;
use super::{NEST, Part, Prefixes, unet};
use crate::diffusion::painter::PainterKind;
use crate::diffusion::samplers::Prediction;
use crate::diffusion::usual::DISTILLED;
use crate::weights::{Loaded, WeightFiles};

/// Empty tensors by which trainers mark what a network predicts.
const VELOCITY_MARK: &str = "v_pred";
const ZERO_SNR_MARK: &str = "ztsnr";
/// The text states of Stable Diffusion 2.
const OPEN_CLIP_WIDTH: usize = 1024;
/// Spread of a certain bias in networks of Stable Diffusion 2, above which they predict velocities (ComfyUI's
/// `supported_models.py`).
const VELOCITY_SPREAD: f32 = 0.09;
const VELOCITY_BIAS: &str = "output_blocks.11.1.transformer_blocks.0.norm1.bias";
/// Channels that a network which does not inpaint takes.
const PLAIN_INPUTS: usize = 4;

/// Reads the nature of a file's model.
///
/// # Errors
/// A tensor that tells can't be read.
pub(super) fn read(files: &WeightFiles, prefixes: &Prefixes, kind: Option<PainterKind>) -> Loaded<Nature> {
    let name = files.paths().next().and_then(|path| path.file_name());
    let name = name.map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
    let title = files.note("modelspec.title").unwrap_or_default().to_lowercase();
    let called = |words: &[&str]| words.iter().any(|word| name.contains(word) || title.contains(word));
    let network = prefixes.get(&Part::Unet).or(prefixes.get(&Part::Transformer)).map(String::as_str);
    let network = network.unwrap_or_default();
    let section = Section::below(files, network);
    let text_width = section.dim("middle_block.1.transformer_blocks.0.attn2.to_k.weight", 1);
    let open_clip = prefixes.contains_key(&Part::OpenClip) || text_width == Ok(OPEN_CLIP_WIDTH);
    let marked = |mark: &str| is_marked(files, mark);
    Ok(Nature {
        prediction: prediction(files, section, open_clip)?,
        zero_snr: marked(ZERO_SNR_MARK),
        distilled: match kind {
            Some(PainterKind::Flux2) => !called(&["base"]),
            Some(PainterKind::StableDiffusionXl) => called(&DISTILLED),
            _ => called(&["turbo"]),
        },
        open_clip,
        guided: section.has("guidance_in.in_layer.weight"),
    })
}

fn prediction(files: &WeightFiles, section: Section<'_>, open_clip: bool) -> Loaded<Prediction> {
    if is_marked(files, VELOCITY_MARK) {
        return Ok(Prediction::Velocity);
    }
    match files.note("modelspec.prediction_type") {
        Some("v" | "v_prediction") => return Ok(Prediction::Velocity),
        Some("epsilon") => return Ok(Prediction::Epsilon),
        _ => {}
    }
    if !open_clip || section.dim(unet::MARK, 1) != Ok(PLAIN_INPUTS) {
        return Ok(Prediction::Epsilon);
    }
    let Some(bias) = section.tensor(VELOCITY_BIAS, &Device::Cpu)? else { return Ok(Prediction::Epsilon) };
    let values = bias.flatten_all().and_then(|flat| flat.to_vec1::<f32>()).map_err(|e| section.problem(e))?;
    let velocity = spread(&values) > VELOCITY_SPREAD;
    Ok(if velocity { Prediction::Velocity } else { Prediction::Epsilon })
}

/// True if a file has a tensor that does nothing but tell.
fn is_marked(files: &WeightFiles, mark: &str) -> bool {
    files.stored_shape(mark).is_some() || files.stored_shape(&format!("{NEST}{mark}")).is_some()
}

/// Standard deviation.
fn spread(values: &[f32]) -> f32 {
    let count = values.len().max(1) as f32;
    let mean = values.iter().sum::<f32>() / count;
    (values.iter().map(|value| (value - mean).powi(2)).sum::<f32>() / count).sqrt()
}
