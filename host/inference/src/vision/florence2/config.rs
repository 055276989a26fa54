//! Dimensions of a Florence-2 model, from its `config.json` in Microsoft's or in transformers' wording.

use serde_json::json;

use crate::text::bart::BartConfig;
use crate::weights::{ConfigFile, Loaded};

/// Most values in one weight dimension.
const MAX_WIDTH: usize = 1 << 14;
/// Most stages, and most blocks in one.
const MAX_BLOCKS: usize = 1 << 7;

/// One stage of the vision tower.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stage {
    /// Edge of the convolution that makes the stage's tokens.
    pub kernel: usize,
    /// Its stride.
    pub stride: usize,
    /// Its zero padding on every side.
    pub padding: usize,
    /// Whether the norm comes before that convolution instead of after it.
    pub norm_first: bool,
    /// Channels.
    pub width: usize,
    /// Attention heads of window attention.
    pub heads: usize,
    /// Groups of channel attention.
    pub groups: usize,
    /// Pairs of a window and a channel block.
    pub blocks: usize,
}

/// Dimensions of the vision tower, DaViT.
#[derive(Debug, Clone, PartialEq)]
pub struct TowerConfig {
    /// Its stages, finest first.
    pub stages: Vec<Stage>,
    /// Edge of an attention window in tokens.
    pub window: usize,
    /// Width inside the feed-forward layers, in widths of the stage.
    pub inner_ratio: f64,
    /// Rows and columns that learned positions reach to.
    pub positions: usize,
    /// Width of the tokens that the tower hands to the text model.
    pub output_width: usize,
}

impl TowerConfig {
    /// Rows or columns of the last stage for an edge of so many pixels.
    pub fn grid(&self, edge: usize) -> usize {
        let shrink = |edge: usize, stage: &Stage| {
            (edge + 2 * stage.padding).checked_sub(stage.kernel).map_or(0, |room| room / stage.stride + 1)
        };
        self.stages.iter().fold(edge, shrink)
    }

    /// Channels of the last stage.
    pub fn width(&self) -> usize {
        self.stages.last().map_or(0, |stage| stage.width)
    }

    fn read(config: &ConfigFile) -> Loaded<Self> {
        config.must_be("activation_function", "gelu")?;
        config.must_be("in_channels", 3)?;
        config.must_be("qkv_bias", true)?;
        config.must_be("image_feature_source", json!(["spatial_avg_pool", "temporal_avg_pool"]))?;
        let microsofts = config.get("dim_embed").is_some();
        let widths_key = if microsofts { "dim_embed" } else { "embed_dim" };
        let widths = config.sizes(widths_key, MAX_WIDTH)?;
        let count = widths.len();
        if count > MAX_BLOCKS {
            return Err(config.problem(widths_key, format!("more than {MAX_BLOCKS} stages")));
        }
        let each = |key: &str, most: usize| config.size_each(key, None, count, most);
        let (kernels, strides) = (each("patch_size", 64)?, each("patch_stride", 64)?);
        let paddings = read_paddings(config, count)?;
        let norms_first = read_norms_first(config, count)?;
        let (heads, groups) = (each("num_heads", 1 << 10)?, each("num_groups", 1 << 10)?);
        let blocks = each("depths", MAX_BLOCKS)?;
        let numbers = widths.into_iter().zip(kernels).zip(strides).zip(paddings).zip(norms_first);
        let stages: Vec<Stage> =
            numbers
                .zip(heads)
                .zip(groups)
                .zip(blocks)
                .map(|(((((((width, kernel), stride), padding), norm_first), heads), groups), blocks)| {
                    Stage { kernel, stride, padding, norm_first, width, heads, groups, blocks }
                })
                .collect();
        for stage in &stages {
            for (key, parts) in [("num_heads", stage.heads), ("num_groups", stage.groups)] {
                if stage.width % parts != 0 {
                    return Err(config.problem(key, format!("{parts} do not divide {}", stage.width)));
                }
            }
            if stage.padding >= stage.kernel {
                let problem = format!("{} does not fit a kernel of {}", stage.padding, stage.kernel);
                return Err(config.problem("patch_padding", problem));
            }
        }
        let inner_ratio = config.number_or("mlp_ratio", 4.0)?;
        if !(inner_ratio > 0.0 && inner_ratio <= 64.0) {
            return Err(config.problem("mlp_ratio", format!("{inner_ratio} is not between 0 and 64")));
        }
        let window = config.integer_or("window_size", 12)?;
        if !(1..=256).contains(&window) {
            return Err(config.problem("window_size", format!("{window} is not between 1 and 256")));
        }
        let positions = if microsofts {
            let embedding = config.section("image_pos_embed")?;
            embedding.must_be("type", "learned_abs_2d")?;
            config.section("visual_temporal_embedding")?.must_be("type", "COSINE")?;
            embedding.size("max_pos_embeddings", 1 << 12)?
        } else {
            config.size("max_position_embeddings", 1 << 12)?
        };
        Ok(Self {
            window,
            inner_ratio,
            positions,
            output_width: config.size("projection_dim", MAX_WIDTH)?,
            stages,
        })
    }
}

fn read_paddings(config: &ConfigFile, count: usize) -> Loaded<Vec<usize>> {
    const KEY: &str = "patch_padding";
    let numbers = config.numbers(KEY)?;
    if numbers.len() != count || numbers.iter().any(|&n| n.fract() != 0.0 || !(0.0..64.0).contains(&n)) {
        return Err(config.problem(KEY, format!("{count} whole numbers below 64 are needed")));
    }
    Ok(numbers.into_iter().map(|n| n as usize).collect())
}

fn read_norms_first(config: &ConfigFile, count: usize) -> Loaded<Vec<bool>> {
    const KEY: &str = "patch_prenorm";
    let list = config.get(KEY).and_then(|v| v.as_array()).filter(|list| list.len() == count);
    list.and_then(|list| list.iter().map(|v| v.as_bool()).collect())
        .ok_or_else(|| config.problem(KEY, format!("{count} times true or false is needed")))
}

/// Dimensions of the whole model.
#[derive(Debug, Clone, PartialEq)]
pub struct Florence2Config {
    /// What looks at the picture.
    pub tower: TowerConfig,
    /// What writes about it.
    pub text: BartConfig,
    /// Token before a prompt.
    pub sentence_start: u32,
    /// Token after it.
    pub sentence_end: u32,
}

impl Florence2Config {
    /// Reads a model's `config.json`.
    ///
    /// # Errors
    /// A key is missing, out of range, or asks for something that is not there.
    pub fn read(config: &ConfigFile) -> Loaded<Self> {
        let (vision, language) = (config.section("vision_config")?, config.section("text_config")?);
        let (tower, text) = (TowerConfig::read(&vision)?, BartConfig::read(&language)?);
        if tower.output_width != text.width {
            let problem = format!("{}, but the text model is {} wide", tower.output_width, text.width);
            return Err(vision.problem("projection_dim", problem));
        }
        let token = |key: &str, default: u32| {
            let id = language.integer_or(key, default as usize)?;
            u32::try_from(id).ok().filter(|_| id < text.vocabulary).ok_or_else(|| {
                language.problem(key, format!("{id} is not one of {} tokens", text.vocabulary))
            })
        };
        Ok(Self {
            sentence_start: token("bos_token_id", 0)?,
            sentence_end: token("eos_token_id", 2)?,
            tower,
            text,
        })
    }
}
