//! Dimensions of a UNet as diffusers describes them, refusing what this implementation does not compute.

use super::addition::AdditionConfig;
use crate::diffusion::architecture::Architecture;
use crate::weights::{ConfigFile, Loaded};

/// Most levels, channels and layers that a configuration may ask for.
const MAX_LEVELS: usize = 12;
const MAX_CHANNELS: usize = 1 << 14;
const MAX_LAYERS: usize = 64;

/// What a level consists of besides residual blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlockKind {
    /// Residual blocks only.
    Plain,
    /// Residual blocks, each followed by a transformer that attends to the text.
    CrossAttention,
}

/// One resolution level on the way down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Level {
    /// Channels of its feature maps.
    pub channels: usize,
    /// Kind on the way down.
    pub down: BlockKind,
    /// Kind on the way up.
    pub up: BlockKind,
    /// Residual blocks on the way down; one more on the way up.
    pub layers: usize,
    /// Transformer layers after each residual block.
    pub transformer_layers: usize,
    /// Attention heads.
    pub heads: usize,
    /// Width of the text states.
    pub text_width: usize,
}

/// Dimensions of a UNet.
#[derive(Debug, Clone, PartialEq)]
pub struct UnetConfig {
    /// Channels of the latents that come in.
    pub in_channels: usize,
    /// Channels of the prediction.
    pub out_channels: usize,
    /// Latent height and width that the model was trained at.
    pub sample_size: (usize, usize),
    /// The levels, finest first.
    pub levels: Vec<Level>,
    /// Groups of the group norms.
    pub norm_groups: usize,
    /// Added to variances in the residual blocks' norms.
    pub norm_eps: f64,
    /// Width of the time embedding.
    pub time_width: usize,
    /// Subtracted from the number of frequencies in the time sinusoid.
    pub frequency_shift: f64,
    /// True if the time sinusoid begins with cosines.
    pub cosine_first: bool,
    /// What is added to the time embedding, if anything (SDXL).
    pub addition: Option<AdditionConfig>,
    /// True if the transformers project with linear maps (SD 2.x, SDXL), false for 1x1 convolutions (SD 1.x).
    pub linear_projection: bool,
    /// True if latents are mapped from 0..1 to -1..1 first.
    pub center_input: bool,
    /// Zero padding of the down-sampling convolutions.
    pub downsample_padding: usize,
    /// Kernel of the first convolution, odd.
    pub conv_in_kernel: usize,
    /// Kernel of the last convolution, odd.
    pub conv_out_kernel: usize,
}

/// Whether a configuration describes a way up.
#[derive(Clone, Copy)]
enum WayUp {
    Own,
    /// It describes a copy of the way down alone; the way up is taken to mirror it.
    None,
}

impl UnetConfig {
    /// Reads a `config.json` of `UNet2DConditionModel`.
    ///
    /// # Errors
    /// A key is missing, or asks for a computation that is not there.
    pub fn read(config: &ConfigFile) -> Loaded<Self> {
        config.must_be("_class_name", "UNet2DConditionModel")?;
        Self::read_levels(config, WayUp::Own)
    }

    /// Reads a `config.json` of `ControlNetModel`, which has no way up and as many channels out as in.
    ///
    /// # Errors
    /// As [`UnetConfig::read`].
    pub fn read_control(config: &ConfigFile) -> Loaded<Self> {
        config.must_be("_class_name", "ControlNetModel")?;
        Self::read_levels(config, WayUp::None)
    }

    fn read_levels(config: &ConfigFile, way_up: WayUp) -> Loaded<Self> {
        refuse_unsupported(config)?;
        let channels = config.sizes("block_out_channels", MAX_CHANNELS)?;
        let count = channels.len();
        if count > MAX_LEVELS {
            return Err(config.problem("block_out_channels", format!("{count} levels, at most {MAX_LEVELS}")));
        }
        let down = block_kinds(config, "down_block_types", "DownBlock2D", "CrossAttnDownBlock2D", count)?;
        let up = match way_up {
            WayUp::Own => block_kinds(config, "up_block_types", "UpBlock2D", "CrossAttnUpBlock2D", count)?,
            WayUp::None => down.iter().rev().copied().collect(),
        };
        let layers = config.size_each("layers_per_block", Some(2), count, MAX_LAYERS)?;
        let transformer_layers =
            config.size_each("transformer_layers_per_block", Some(1), count, MAX_LAYERS)?;
        // Despite its name this is the number of heads in every published checkpoint of the family.
        let heads = config.size_each("attention_head_dim", Some(8), count, 1 << 10)?;
        let text_width = config.size_each("cross_attention_dim", Some(1280), count, MAX_CHANNELS)?;
        let norm_groups = config.integer_or("norm_num_groups", 32)?;
        let rows = channels.iter().zip(&down).zip(up.iter().rev()).zip(&layers);
        let levels: Vec<_> = rows
            .zip(transformer_layers.iter().zip(&heads).zip(&text_width))
            .map(|((((&channels, &down), &up), &layers), ((&transformer_layers, &heads), &text_width))| {
                Level { channels, down, up, layers, transformer_layers, heads, text_width }
            })
            .collect();
        for level in &levels {
            if norm_groups == 0 || level.channels % norm_groups != 0 {
                let problem = format!("{norm_groups} groups do not divide {} channels", level.channels);
                return Err(config.problem("norm_num_groups", problem));
            }
            if level.channels % level.heads != 0 {
                let problem = format!("{} heads do not divide {} channels", level.heads, level.channels);
                return Err(config.problem("attention_head_dim", problem));
            }
        }
        let first = channels.first().copied().unwrap_or_default();
        Ok(Self {
            in_channels: config.size("in_channels", MAX_CHANNELS)?,
            out_channels: match way_up {
                WayUp::Own => config.size("out_channels", MAX_CHANNELS)?,
                WayUp::None => config.size("in_channels", MAX_CHANNELS)?,
            },
            sample_size: sample_size(config)?,
            levels,
            norm_groups,
            norm_eps: config.number_or("norm_eps", 1e-5)?,
            time_width: config.integer("time_embedding_dim")?.unwrap_or(first * 4),
            frequency_shift: config.number_or("freq_shift", 0.0)?,
            cosine_first: config.flag_or("flip_sin_to_cos", true)?,
            addition: AdditionConfig::read(config)?,
            linear_projection: config.flag_or("use_linear_projection", false)?,
            center_input: config.flag_or("center_input_sample", false)?,
            downsample_padding: config.integer_or("downsample_padding", 1)?.min(8),
            conv_in_kernel: odd_kernel(config, "conv_in_kernel")?,
            conv_out_kernel: odd_kernel(config, "conv_out_kernel")?,
        })
    }

    /// Which of the published networks it is; none if it is another one.
    pub fn architecture(&self) -> Option<Architecture> {
        match self.addition {
            Some(_) => Some(Architecture::StableDiffusionXl),
            None => self.levels.first().and_then(|level| Architecture::of_text_width(level.text_width)),
        }
    }

    /// The factor that latent heights and widths must be multiples of.
    pub fn size_multiple(&self) -> usize {
        1 << self.levels.len().saturating_sub(1)
    }
}

/// Refuses every switch of `UNet2DConditionModel` whose mathematics is not there.
fn refuse_unsupported(config: &ConfigFile) -> Loaded<()> {
    config.must_be_off(&[
        "class_embed_type",
        "class_embeddings_concat",
        "cross_attention_norm",
        "dual_cross_attention",
        "encoder_hid_dim",
        "encoder_hid_dim_type",
        "mid_block_only_cross_attention",
        "num_attention_heads",
        "num_class_embeds",
        "only_cross_attention",
        "resnet_skip_time_act",
        "reverse_transformer_layers_per_block",
        "time_cond_proj_dim",
        "time_embedding_act_fn",
        "timestep_post_act",
    ])?;
    config.must_be("attention_type", "default")?;
    config.must_be("mid_block_type", "UNetMidBlock2DCrossAttn")?;
    config.must_be("mid_block_scale_factor", 1)?;
    config.must_be("resnet_out_scale_factor", 1)?;
    config.must_be("resnet_time_scale_shift", "default")?;
    config.must_be("time_embedding_type", "positional")?;
    match config.text("act_fn")?.unwrap_or("silu") {
        "silu" | "swish" => Ok(()),
        other => Err(config.problem("act_fn", format!("`{other}` is not supported"))),
    }
}

fn block_kinds(
    config: &ConfigFile,
    key: &str,
    plain: &str,
    crossed: &str,
    count: usize,
) -> Loaded<Vec<BlockKind>> {
    let names = config.texts(key)?;
    if names.len() != count {
        return Err(config.problem(key, format!("has {} blocks for {count} levels", names.len())));
    }
    let kind = |name: &str| match name {
        name if name == plain => Ok(BlockKind::Plain),
        name if name == crossed => Ok(BlockKind::CrossAttention),
        _ => Err(config.problem(key, format!("`{name}` is not supported, only `{plain}` and `{crossed}`"))),
    };
    names.into_iter().map(kind).collect()
}

fn sample_size(config: &ConfigFile) -> Loaded<(usize, usize)> {
    match config.get("sample_size") {
        None => Ok((64, 64)),
        Some(serde_json::Value::Array(_)) => match config.sizes("sample_size", 1 << 12)?.as_slice() {
            &[height, width] => Ok((height, width)),
            _ => Err(config.problem("sample_size", "a number or a height and width are needed")),
        },
        Some(_) => config.size("sample_size", 1 << 12).map(|size| (size, size)),
    }
}

fn odd_kernel(config: &ConfigFile, key: &str) -> Loaded<usize> {
    match config.integer_or(key, 3)? {
        kernel @ (1 | 3 | 5 | 7) => Ok(kernel),
        other => Err(config.problem(key, format!("{other} is not 1, 3, 5 or 7"))),
    }
}
