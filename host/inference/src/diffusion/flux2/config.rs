//! Dimensions of a FLUX.2 transformer as diffusers describes them, refusing what this implementation does not compute.

use crate::diffusion::dit::{Heads, PlaceRotation, read_channels};
use crate::weights::{ConfigFile, Loaded};

/// Most channels, layers and heads that a configuration may ask for.
const MAX_WIDTH: usize = 1 << 15;
const MAX_LAYERS: usize = 1 << 8;
/// Parts of a head for the axes of a token's place: picture, row, column and word.
const AXES: [usize; 4] = [32; 4];

/// Dimensions of a transformer.
#[derive(Debug, Clone, PartialEq)]
pub struct Flux2Config {
    /// Channels of the latents that come in and go out.
    pub channels: usize,
    /// Blocks in which image and text have weights of their own.
    pub joint_layers: usize,
    /// Blocks over image and text as one sequence.
    pub parallel_layers: usize,
    /// Width of the text states.
    pub text_width: usize,
    /// Width inside the feed-forward maps.
    pub inner_width: usize,
    /// Sinusoids of the time.
    pub waves: usize,
    pub(super) heads: Heads,
    pub(super) rotation: PlaceRotation,
}

impl Flux2Config {
    /// Reads a `config.json` of `Flux2Transformer2DModel`.
    ///
    /// # Errors
    /// A key is missing, or asks for a computation that is not there.
    pub fn read(config: &ConfigFile) -> Loaded<Self> {
        config.must_be("_class_name", "Flux2Transformer2DModel")?;
        config.must_be("patch_size", 1)?;
        config.must_be("eps", 1e-6)?;
        if config.flag_or("guidance_embeds", true)? {
            return Err(config.problem("guidance_embeds", "true is not supported, only Klein models are"));
        }
        let channels = read_channels(config)?;
        let heads = Heads {
            count: config.size("num_attention_heads", MAX_LAYERS)?,
            width: config.size("attention_head_dim", MAX_WIDTH)?,
        };
        let ratio = config.number_or("mlp_ratio", 3.0)?;
        if !(0.0..=16.0).contains(&ratio) || heads.total() > MAX_WIDTH {
            return Err(config.problem("mlp_ratio", format!("{ratio} is out of range")));
        }
        let theta = config.number_or("rope_theta", 2000.0)?;
        if theta <= 0.0 {
            return Err(config.problem("rope_theta", format!("{theta} is not above 0")));
        }
        Ok(Self {
            channels,
            joint_layers: config.size("num_layers", MAX_LAYERS)?,
            parallel_layers: config.size("num_single_layers", MAX_LAYERS)?,
            text_width: config.size("joint_attention_dim", MAX_WIDTH)?,
            inner_width: ((heads.total() as f64 * ratio) as usize).max(1),
            waves: config.integer_or("timestep_guidance_channels", 256)?.clamp(2, MAX_WIDTH),
            rotation: PlaceRotation::read(config, heads, AXES, theta)?,
            heads,
        })
    }

    /// Width of the hidden states.
    pub fn width(&self) -> usize {
        self.heads.total()
    }
}
