//! The names that their makers gave the tensors of Stable Diffusion, from those of diffusers: written from the makers'
//! side, so that the tests hold the reader's map against another one.

use std::collections::HashMap;
use std::path::Path;

use candle_core::{Device, Tensor};

pub(crate) type Tensors = HashMap<String, Tensor>;

/// The tensors of a file.
pub(crate) fn load(path: &Path) -> Tensors {
    candle_core::safetensors::load(path, &Device::Cpu).unwrap()
}

/// The tensors with something before their names.
pub(crate) fn below(prefix: &str, tensors: Tensors) -> Tensors {
    tensors.into_iter().map(|(name, tensor)| (format!("{prefix}{name}"), tensor)).collect()
}

fn numbers<const N: usize>(name: &str) -> Option<([usize; N], &str)> {
    let mut rest = name;
    let mut found = [0; N];
    for number in &mut found {
        let (digits, after) = rest.split_once('.')?;
        *number = digits.parse().ok()?;
        rest = after;
    }
    Some((found, rest))
}

/// How many parts of tensors are numbered after a beginning of their names.
fn count(tensors: &Tensors, beginning: &str) -> usize {
    (0..).take_while(|i| tensors.keys().any(|name| name.starts_with(&format!("{beginning}{i}.")))).count()
}

/// Renames a UNet. A ControlNet is its way down.
pub(crate) fn unet(tensors: Tensors) -> Tensors {
    let layers = count(&tensors, "down_blocks.0.resnets.");
    let attends: Vec<String> = tensors.keys().filter(|name| name.contains("attentions")).cloned().collect();
    let attends = |block: &str| attends.iter().any(|name| name.starts_with(&format!("{block}.attentions")));
    let rename = |name: &str| -> String {
        let fixed = [
            ("time_embedding.linear_1.", "time_embed.0."),
            ("time_embedding.linear_2.", "time_embed.2."),
            ("add_embedding.linear_1.", "label_emb.0.0."),
            ("add_embedding.linear_2.", "label_emb.0.2."),
            ("conv_in.", "input_blocks.0.0."),
            ("conv_norm_out.", "out.0."),
            ("conv_out.", "out.2."),
            ("mid_block.attentions.0.", "middle_block.1."),
            ("mid_block.resnets.0.", "middle_block.0."),
            ("mid_block.resnets.1.", "middle_block.2."),
            ("controlnet_mid_block.", "middle_block_out.0."),
        ];
        if let Some((from, to)) = fixed.iter().find(|(from, _)| name.starts_with(from)) {
            return name.replacen(from, to, 1);
        }
        if let Some(rest) = name.strip_prefix("controlnet_down_blocks.") {
            let ([number], rest) = numbers(rest).unwrap();
            return format!("zero_convs.{number}.0.{rest}");
        }
        let (side, rest) = name.split_once(".").unwrap();
        let ([level], rest) = numbers(rest).unwrap();
        let (part, rest) = rest.split_once(".").unwrap();
        let ([number], rest) = numbers(rest).unwrap();
        let block = format!("{side}.{level}");
        match (side, part) {
            ("down_blocks", "resnets") => {
                format!("input_blocks.{}.0.{rest}", level * (layers + 1) + number + 1)
            }
            ("down_blocks", "attentions") => {
                format!("input_blocks.{}.1.{rest}", level * (layers + 1) + number + 1)
            }
            ("down_blocks", "downsamplers") => {
                let rest = rest.strip_prefix("conv.").unwrap();
                format!("input_blocks.{}.0.op.{rest}", (level + 1) * (layers + 1))
            }
            ("up_blocks", "resnets") => format!("output_blocks.{}.0.{rest}", level * (layers + 1) + number),
            ("up_blocks", "attentions") => {
                format!("output_blocks.{}.1.{rest}", level * (layers + 1) + number)
            }
            ("up_blocks", "upsamplers") => {
                let slot = if attends(&block) { 2 } else { 1 };
                format!("output_blocks.{}.{slot}.{rest}", level * (layers + 1) + layers)
            }
            _ => panic!("{name}"),
        }
    };
    let inner = |name: String| {
        if !name.contains("_blocks.") && !name.starts_with("middle_block.") {
            return name;
        }
        [
            ("norm1", "in_layers.0"),
            ("conv1", "in_layers.2"),
            ("time_emb_proj", "emb_layers.1"),
            ("norm2", "out_layers.0"),
            ("conv2", "out_layers.3"),
            ("conv_shortcut", "skip_connection"),
        ]
        .iter()
        .filter(|_| !name.contains("transformer_blocks"))
        .fold(name.clone(), |name, (from, to)| name.replace(&format!(".{from}."), &format!(".{to}.")))
    };
    tensors.into_iter().map(|(name, tensor)| (inner(rename(&name)), tensor)).collect()
}

/// Renames the picture's embedding of a ControlNet, whose convolutions have activations between them.
pub(crate) fn hint(name: &str, blocks: usize) -> Option<String> {
    let rest = name.strip_prefix("controlnet_cond_embedding.")?;
    let (part, rest) = rest.split_once('.').unwrap();
    let (number, rest) = match part {
        "conv_in" => (0, rest.to_owned()),
        "conv_out" => (2 * (blocks + 1), rest.to_owned()),
        _ => {
            let ([number], rest) = numbers(rest).unwrap();
            (2 * (number + 1), rest.to_owned())
        }
    };
    Some(format!("input_hint_block.{number}.{rest}"))
}

/// Renames an autoencoder.
pub(crate) fn vae(tensors: Tensors) -> Tensors {
    let levels = count(&tensors, "decoder.up_blocks.");
    let rename = |name: &str| -> String {
        let mut name = name.to_owned();
        for level in 0..levels {
            name = name.replace(
                &format!("decoder.up_blocks.{level}."),
                &format!("decoder.up.{}.", levels - 1 - level),
            );
        }
        [
            ("down_blocks.", "down."),
            ("resnets.", "block."),
            ("downsamplers.0.", "downsample."),
            ("upsamplers.0.", "upsample."),
            ("conv_shortcut", "nin_shortcut"),
            ("conv_norm_out", "norm_out"),
            ("mid_block.block.0.", "mid.block_1."),
            ("mid_block.block.1.", "mid.block_2."),
            ("mid_block.attentions.0.group_norm.", "mid.attn_1.norm."),
            ("mid_block.attentions.0.to_q.", "mid.attn_1.q."),
            ("mid_block.attentions.0.to_k.", "mid.attn_1.k."),
            ("mid_block.attentions.0.to_v.", "mid.attn_1.v."),
            ("mid_block.attentions.0.to_out.0.", "mid.attn_1.proj_out."),
        ]
        .iter()
        .fold(name, |name, (from, to)| name.replace(from, to))
    };
    let convolution = |name: &str, tensor: Tensor| match tensor.dims() {
        &[out, input] if name.contains("attn_1") => tensor.reshape((out, input, 1, 1)).unwrap(),
        _ => tensor,
    };
    let renamed = tensors.into_iter().map(|(name, tensor)| (rename(&name), tensor));
    renamed.map(|(name, tensor)| (name.clone(), convolution(&name, tensor))).collect()
}

/// Renames a text encoder of CLIP as OpenCLIP has it: queries, keys and values in one matrix, and the projection turned.
pub(crate) fn open_clip(mut tensors: Tensors) -> Tensors {
    let mut renamed = Tensors::new();
    for number in 0.. {
        let layer = format!("text_model.encoder.layers.{number}.self_attn");
        if !tensors.contains_key(&format!("{layer}.q_proj.weight")) {
            break;
        }
        for kind in ["weight", "bias"] {
            let parts =
                ["q", "k", "v"].map(|part| tensors.remove(&format!("{layer}.{part}_proj.{kind}")).unwrap());
            let joined = Tensor::cat(&parts, 0).unwrap();
            renamed.insert(format!("transformer.resblocks.{number}.attn.in_proj_{kind}"), joined);
        }
    }
    if let Some(projection) = tensors.remove("text_projection.weight") {
        renamed.insert("text_projection".to_owned(), projection.t().unwrap().contiguous().unwrap());
    }
    for (name, tensor) in tensors {
        let name = [
            ("text_model.embeddings.token_embedding.weight", "token_embedding.weight"),
            ("text_model.embeddings.position_embedding.weight", "positional_embedding"),
            ("text_model.final_layer_norm", "ln_final"),
            ("text_model.encoder.layers", "transformer.resblocks"),
            ("layer_norm", "ln_"),
            ("mlp.fc1", "mlp.c_fc"),
            ("mlp.fc2", "mlp.c_proj"),
            ("self_attn.out_proj", "attn.out_proj"),
        ]
        .iter()
        .fold(name, |name, (from, to)| name.replace(from, to));
        renamed.insert(name, tensor);
    }
    renamed
}
