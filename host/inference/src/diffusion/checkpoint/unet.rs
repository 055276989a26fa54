//! A UNet under the names of CompVis' latent-diffusion (`openaimodel.py`): its dimensions by the shapes of its tensors,
//! and its layers by the names of diffusers. The rules are those of `convert_ldm_unet_checkpoint` in diffusers.

use serde_json::{Value, json};

use super::joined;
use super::section::Section;
use crate::weights::{KeyMap, Loaded};

/// Tensors that such a UNet has in every variant.
pub(super) const MARK: &str = "input_blocks.0.0.weight";
/// Heads of models that project by convolutions, Stable Diffusion 1.
const FEW_HEADS: usize = 8;
/// Width of a head in all others.
const HEAD_WIDTH: usize = 64;
/// Values of the sinusoid that each number of the framing becomes in Stable Diffusion XL.
const WAVE_WIDTH: usize = 256;

/// Where a block of layers lies on one side of the network.
#[derive(Debug, Clone, Copy)]
enum Place {
    /// A residual block and what follows it, by level and number.
    Layer(usize, usize),
    /// What halves the size after a level.
    Halving(usize),
}

/// What a level consists of, by its first attention.
struct Level {
    channels: usize,
    layers: usize,
    down: Option<Attention>,
    up: Option<Attention>,
}

#[derive(Clone, Copy)]
struct Attention {
    depth: usize,
    text_width: usize,
}

impl Attention {
    fn read(section: Section<'_>, transformer: &str) -> Option<Self> {
        let text_width =
            section.dim(&format!("{transformer}.transformer_blocks.0.attn2.to_k.weight"), 1).ok()?;
        let depth = section.count(&format!("{transformer}.transformer_blocks."));
        Some(Self { depth, text_width })
    }
}

/// The blocks of the way down, after the first convolution.
fn down_places(section: Section<'_>) -> Vec<Place> {
    let mut places = Vec::new();
    let (mut level, mut layer) = (0, 0);
    for number in 1..section.count("input_blocks.") {
        if section.has(&format!("input_blocks.{number}.0.op.weight")) {
            places.push(Place::Halving(level));
            (level, layer) = (level + 1, 0);
        } else {
            places.push(Place::Layer(level, layer));
            layer += 1;
        }
    }
    places
}

/// The blocks of the way up; levels count from the coarsest.
fn up_places(section: Section<'_>) -> Vec<(usize, usize)> {
    let mut places = Vec::new();
    let (mut level, mut layer) = (0, 0);
    for number in 0..section.count("output_blocks.") {
        places.push((level, layer));
        layer += 1;
        let enlarges = |slot: usize| section.has(&format!("output_blocks.{number}.{slot}.conv.weight"));
        if enlarges(1) || enlarges(2) {
            (level, layer) = (level + 1, 0);
        }
    }
    places
}

fn levels(section: Section<'_>) -> Loaded<Vec<Level>> {
    let mut levels: Vec<Level> = Vec::new();
    for (number, place) in (1..).zip(down_places(section)) {
        let Place::Layer(level, _) = place else { continue };
        let block = format!("input_blocks.{number}");
        let channels = section.dim(&format!("{block}.0.out_layers.3.weight"), 0)?;
        let down = Attention::read(section, &format!("{block}.1"));
        match levels.get_mut(level) {
            Some(level) => {
                level.layers += 1;
                level.down = level.down.or(down);
            }
            None => levels.push(Level { channels, layers: 1, down, up: None }),
        }
    }
    let coarsest = levels.len().saturating_sub(1);
    for (number, (up, _)) in up_places(section).into_iter().enumerate() {
        let attention = Attention::read(section, &format!("output_blocks.{number}.1"));
        if let Some(level) = coarsest.checked_sub(up).and_then(|level| levels.get_mut(level)) {
            level.up = level.up.or(attention);
        }
    }
    Ok(levels)
}

/// The dimensions as a `config.json` of diffusers describes them. Those that shapes do not show have their published
/// values: heads, groups and epsilons.
///
/// # Errors
/// A tensor is missing, or the network has no attention at its bottom.
pub(super) fn describe(section: Section<'_>) -> Loaded<Value> {
    let config = assemble(section, &levels(section)?, "middle_block.1", "label_emb.0.0.weight")?;
    let (inputs, outputs) = (section.dim(MARK, 1)?, section.dim("out.2.weight", 0).ok());
    Ok(joined(config, json!({"in_channels": inputs, "out_channels": outputs})))
}

/// The same of a way down under the names of diffusers.
///
/// # Errors
/// As [`describe`].
pub(super) fn describe_diffusers(section: Section<'_>) -> Loaded<Value> {
    let level = |number: usize| -> Loaded<Level> {
        let block = format!("down_blocks.{number}");
        Ok(Level {
            channels: section.dim(&format!("{block}.resnets.0.conv1.weight"), 0)?,
            layers: section.count(&format!("{block}.resnets.")),
            down: Attention::read(section, &format!("{block}.attentions.0")),
            up: None,
        })
    };
    let levels = (0..section.count("down_blocks.")).map(level).collect::<Loaded<Vec<_>>>()?;
    let config = assemble(section, &levels, "mid_block.attentions.0", "add_embedding.linear_1.weight")?;
    Ok(joined(config, json!({"in_channels": section.dim("conv_in.weight", 1)?})))
}

/// What levels say, the transformer at the bottom, and the layer that takes in what the network is told besides.
fn assemble(section: Section<'_>, levels: &[Level], bottom: &str, told: &str) -> Loaded<Value> {
    let Some(attention) = Attention::read(section, bottom) else {
        return Err(
            section.problem("is a distilled UNet without attention at its bottom, which is not supported")
        );
    };
    let convolves = section.shape(&format!("{bottom}.proj_in.weight")).is_some_and(|shape| shape.len() == 4);
    let heads = |channels: usize| if convolves { FEW_HEADS } else { (channels / HEAD_WIDTH).max(1) };
    let last = levels.len().saturating_sub(1);
    // diffusers takes the depth of the bottom from the last level.
    let depth = |(number, level): (usize, &Level)| match level.down.or(level.up) {
        _ if number == last => attention.depth,
        Some(attention) => attention.depth,
        None => 1,
    };
    let kinds = |way: [&'static str; 2], side: fn(&Level) -> Option<Attention>| -> Vec<&str> {
        let [plain, crossed] = way;
        levels.iter().map(|level| if side(level).is_some() { crossed } else { plain }).collect()
    };
    let mut up = kinds(["UpBlock2D", "CrossAttnUpBlock2D"], |level| level.up);
    up.reverse();
    let told = section.dim(told, 1).ok();
    Ok(json!({
        "_class_name": "UNet2DConditionModel",
        "block_out_channels": levels.iter().map(|level| level.channels).collect::<Vec<_>>(),
        "layers_per_block": levels.iter().map(|level| level.layers).collect::<Vec<_>>(),
        "down_block_types": kinds(["DownBlock2D", "CrossAttnDownBlock2D"], |level| level.down),
        "up_block_types": up,
        "transformer_layers_per_block": levels.iter().enumerate().map(depth).collect::<Vec<_>>(),
        "attention_head_dim": levels.iter().map(|level| heads(level.channels)).collect::<Vec<_>>(),
        "cross_attention_dim": attention.text_width,
        "use_linear_projection": !convolves,
        "addition_embed_type": told.map(|_| "text_time"),
        "addition_time_embed_dim": told.map(|_| WAVE_WIDTH),
        "projection_class_embeddings_input_dim": told,
    }))
}

/// The map from diffusers' names to all tensors of the section that a UNet or a ControlNet has.
pub(super) fn keys(section: Section<'_>) -> KeyMap {
    let (down, up) = (down_places(section), up_places(section));
    let mut map = KeyMap::default();
    for name in section.names() {
        if let Some(renamed) = rename(name, &down, &up) {
            map.tensor(renamed, name);
        }
    }
    map
}

fn rename(name: &str, down: &[Place], up: &[(usize, usize)]) -> Option<String> {
    for (stored, renamed) in [
        ("time_embed.0.", "time_embedding.linear_1."),
        ("time_embed.2.", "time_embedding.linear_2."),
        ("label_emb.0.0.", "add_embedding.linear_1."),
        ("label_emb.0.2.", "add_embedding.linear_2."),
        ("input_blocks.0.0.", "conv_in."),
        ("out.0.", "conv_norm_out."),
        ("out.2.", "conv_out."),
        ("middle_block.1.", "mid_block.attentions.0."),
    ] {
        if let Some(rest) = name.strip_prefix(stored) {
            return Some(format!("{renamed}{rest}"));
        }
    }
    let (side, rest) = name.split_once('.')?;
    let (number, rest) = rest.split_once('.')?;
    let number: usize = number.parse().ok()?;
    match side {
        "input_blocks" => {
            let (slot, rest) = rest.split_once('.')?;
            match (*down.get(number.checked_sub(1)?)?, slot) {
                (Place::Halving(level), "0") => {
                    let rest = rest.strip_prefix("op.")?;
                    Some(format!("down_blocks.{level}.downsamplers.0.conv.{rest}"))
                }
                (Place::Layer(level, layer), _) => layers(&format!("down_blocks.{level}"), layer, slot, rest),
                (Place::Halving(_), _) => None,
            }
        }
        "middle_block" => {
            let place = match number {
                0 => 0,
                2 => 1,
                _ => return None,
            };
            Some(format!("mid_block.resnets.{place}.{}", resnet(rest)?))
        }
        "output_blocks" => {
            let (slot, rest) = rest.split_once('.')?;
            let &(level, layer) = up.get(number)?;
            match rest.strip_prefix("conv.") {
                Some(rest) => Some(format!("up_blocks.{level}.upsamplers.0.conv.{rest}")),
                None => layers(&format!("up_blocks.{level}"), layer, slot, rest),
            }
        }
        _ => None,
    }
}

/// A tensor of a residual block or of the transformer after it.
fn layers(block: &str, layer: usize, slot: &str, rest: &str) -> Option<String> {
    match slot {
        "0" => Some(format!("{block}.resnets.{layer}.{}", resnet(rest)?)),
        "1" => Some(format!("{block}.attentions.{layer}.{rest}")),
        _ => None,
    }
}

/// A tensor of a residual block.
fn resnet(rest: &str) -> Option<String> {
    [
        ("in_layers.0.", "norm1."),
        ("in_layers.2.", "conv1."),
        ("emb_layers.1.", "time_emb_proj."),
        ("out_layers.0.", "norm2."),
        ("out_layers.3.", "conv2."),
        ("skip_connection.", "conv_shortcut."),
    ]
    .into_iter()
    .find_map(|(stored, renamed)| Some(format!("{renamed}{}", rest.strip_prefix(stored)?)))
}
