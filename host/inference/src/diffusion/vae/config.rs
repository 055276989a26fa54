//! Dimensions of an autoencoder as diffusers describes them, refusing what this implementation does not compute.

use crate::weights::{ConfigFile, Loaded};

/// Most levels, channels and layers that a configuration may ask for.
const MAX_LEVELS: usize = 8;
const MAX_CHANNELS: usize = 1 << 13;
const MAX_LAYERS: usize = 16;

/// Dimensions of an autoencoder.
#[derive(Debug, Clone, PartialEq)]
pub struct VaeConfig {
    /// Channels of the latents.
    pub latent_channels: usize,
    /// Channels of each level, finest first.
    pub channels: Vec<usize>,
    /// Residual blocks per encoder level; one more per decoder level.
    pub layers: usize,
    /// Groups of the group norms.
    pub norm_groups: usize,
    /// Latents of the diffusion model are those of the encoder times this.
    pub scaling_factor: f64,
    /// True if the middle blocks attend.
    pub mid_attention: bool,
    /// True if a 1x1 convolution follows the encoder.
    pub quant_conv: bool,
    /// True if a 1x1 convolution precedes the decoder.
    pub post_quant_conv: bool,
}

impl VaeConfig {
    /// Reads a `config.json` of `AutoencoderKL`.
    ///
    /// # Errors
    /// A key is missing, or asks for a computation that is not there.
    pub fn read(config: &ConfigFile) -> Loaded<Self> {
        config.must_be("_class_name", "AutoencoderKL")?;
        config.must_be_off(&["latents_mean", "latents_std", "decoder_block_out_channels"])?;
        config.must_be("shift_factor", 0)?;
        config.must_be("in_channels", 3)?;
        config.must_be("out_channels", 3)?;
        match config.text("act_fn")?.unwrap_or("silu") {
            "silu" | "swish" => {}
            other => return Err(config.problem("act_fn", format!("`{other}` is not supported"))),
        }
        let channels = config.sizes("block_out_channels", MAX_CHANNELS)?;
        if channels.len() > MAX_LEVELS {
            return Err(config.problem("block_out_channels", format!("more than {MAX_LEVELS} levels")));
        }
        for (key, only) in
            [("down_block_types", "DownEncoderBlock2D"), ("up_block_types", "UpDecoderBlock2D")]
        {
            let names = config.texts(key)?;
            if names.len() != channels.len() {
                let problem = format!("has {} blocks for {} levels", names.len(), channels.len());
                return Err(config.problem(key, problem));
            }
            if let Some(other) = names.into_iter().find(|name| *name != only) {
                return Err(config.problem(key, format!("`{other}` is not supported, only `{only}`")));
            }
        }
        let norm_groups = config.integer_or("norm_num_groups", 32)?;
        if norm_groups == 0 || channels.iter().any(|c| c % norm_groups != 0) {
            return Err(
                config.problem("norm_num_groups", format!("{norm_groups} do not divide {channels:?}"))
            );
        }
        let scaling_factor = config.number_or("scaling_factor", 0.18215)?;
        if scaling_factor <= 0.0 {
            return Err(config.problem("scaling_factor", format!("{scaling_factor} is not above 0")));
        }
        Ok(Self {
            latent_channels: config.size("latent_channels", 256)?,
            channels,
            layers: config.integer_or("layers_per_block", 1)?.min(MAX_LAYERS),
            norm_groups,
            scaling_factor,
            mid_attention: config.flag_or("mid_block_add_attention", true)?,
            quant_conv: config.flag_or("use_quant_conv", true)?,
            post_quant_conv: config.flag_or("use_post_quant_conv", true)?,
        })
    }

    /// Picture pixels per latent pixel, in each direction.
    pub fn scale(&self) -> usize {
        1 << self.channels.len().saturating_sub(1)
    }
}
