//! An autoencoder under the names of CompVis' latent-diffusion or of diffusers: its dimensions by the shapes of its
//! tensors, and its layers by the names of diffusers (`convert_ldm_vae_checkpoint`).

use serde_json::{Value, json};

use super::section::Section;
use crate::diffusion::painter::PainterKind;
use crate::diffusion::patches::PATCH;
use crate::weights::{KeyMap, Loaded};

/// A tensor that every autoencoder has.
pub(super) const MARK: &str = "decoder.conv_in.weight";
/// One that only those under diffusers' names have.
const DIFFUSERS_MARK: &str = "decoder.mid_block.resnets.0.conv1.weight";

/// Channels of the latents.
pub(super) fn latent_channels(section: Section<'_>) -> Option<usize> {
    section.dim(MARK, 1).ok()
}

/// The dimensions as a `config.json` of diffusers describes them. How latents are scaled stands in no file: it is what
/// was published for the kind of model.
///
/// # Errors
/// A tensor is missing.
pub(super) fn describe(section: Section<'_>, kind: PainterKind) -> Loaded<Value> {
    let (level, convolution) =
        if section.has(DIFFUSERS_MARK) { ("down_blocks", "resnets") } else { ("down", "block") };
    let count = section.count(&format!("encoder.{level}."));
    let channels = (0..count)
        .map(|number| section.dim(&format!("encoder.{level}.{number}.{convolution}.0.conv1.weight"), 0))
        .collect::<Loaded<Vec<_>>>()?;
    let scales = match kind {
        PainterKind::StableDiffusion => Some((0.18215, 0.0)),
        PainterKind::StableDiffusionXl => Some((0.13025, 0.0)),
        PainterKind::StableDiffusion3 => Some((1.5305, 0.0609)),
        PainterKind::Flux => Some((0.3611, 0.1159)),
        // Its latents are normalised by statistics in the file.
        PainterKind::Flux2 => None,
    };
    Ok(json!({
        "_class_name": if scales.is_some() { "AutoencoderKL" } else { "AutoencoderKLFlux2" },
        "scaling_factor": scales.map(|(factor, _)| factor),
        "shift_factor": scales.map(|(_, shift)| shift),
        "patch_size": scales.is_none().then_some([PATCH, PATCH]),
        "latent_channels": section.dim(MARK, 1)?,
        "block_out_channels": channels,
        "layers_per_block": section.count(&format!("encoder.{level}.0.{convolution}.")),
        "down_block_types": vec!["DownEncoderBlock2D"; count],
        "up_block_types": vec!["UpDecoderBlock2D"; count],
        "use_quant_conv": section.has("quant_conv.weight") || section.has("encoder.quant_conv.weight"),
        "use_post_quant_conv":
            section.has("post_quant_conv.weight") || section.has("decoder.post_quant_conv.weight"),
    }))
}

/// The map from diffusers' names to all tensors of the section that an autoencoder has.
pub(super) fn keys(section: Section<'_>) -> KeyMap {
    if section.has(DIFFUSERS_MARK) {
        return section.own_names();
    }
    let levels = section.count("decoder.up.");
    let mut map = KeyMap::default();
    for name in section.names() {
        if let Some(renamed) = rename(name, levels) {
            map.tensor(renamed, name);
        }
    }
    map
}

fn rename(name: &str, levels: usize) -> Option<String> {
    for (stored, renamed) in [
        ("encoder.quant_conv.", "quant_conv."),
        ("decoder.post_quant_conv.", "post_quant_conv."),
        ("quant_conv.", "quant_conv."),
        ("post_quant_conv.", "post_quant_conv."),
        ("bn.", "bn."),
    ] {
        if let Some(rest) = name.strip_prefix(stored) {
            return Some(format!("{renamed}{rest}"));
        }
    }
    let (half, rest) = name.split_once('.').filter(|(half, _)| matches!(*half, "encoder" | "decoder"))?;
    let (layer, rest) = rest.split_once('.')?;
    Some(match layer {
        "conv_in" | "conv_out" => format!("{half}.{layer}.{rest}"),
        "norm_out" => format!("{half}.conv_norm_out.{rest}"),
        "mid" => format!("{half}.mid_block.{}", middle(rest)?),
        "down" | "up" => {
            let (number, rest) = rest.split_once('.')?;
            let number: usize = number.parse().ok()?;
            // On the way up levels count from the finest here, and from the coarsest in diffusers.
            let number = if layer == "up" { levels.checked_sub(number + 1)? } else { number };
            let rest = match rest.split_once('.')? {
                ("downsample", rest) => format!("downsamplers.0.{rest}"),
                ("upsample", rest) => format!("upsamplers.0.{rest}"),
                ("block", rest) => format!("resnets.{}", shortcut(rest)),
                _ => return None,
            };
            format!("{half}.{layer}_blocks.{number}.{rest}")
        }
        _ => return None,
    })
}

fn middle(rest: &str) -> Option<String> {
    let (part, rest) = rest.split_once('.')?;
    let attention = |name: &str, rest: &str| format!("attentions.0.{name}.{rest}");
    match part {
        "block_1" => Some(format!("resnets.0.{rest}")),
        "block_2" => Some(format!("resnets.1.{rest}")),
        "attn_1" => match rest.split_once('.')? {
            ("norm", rest) => Some(attention("group_norm", rest)),
            ("q", rest) => Some(attention("to_q", rest)),
            ("k", rest) => Some(attention("to_k", rest)),
            ("v", rest) => Some(attention("to_v", rest)),
            ("proj_out", rest) => Some(attention("to_out.0", rest)),
            _ => None,
        },
        _ => None,
    }
}

fn shortcut(rest: &str) -> String {
    rest.replace("nin_shortcut", "conv_shortcut")
}
