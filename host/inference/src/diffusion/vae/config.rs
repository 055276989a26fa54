//! Dimensions of an autoencoder as diffusers describes them, refusing what this implementation does not compute.

use super::tiles::TILE;
use crate::diffusion::patches::PATCH;
use crate::weights::{ConfigFile, Loaded};

/// Most levels, channels and layers that a configuration may ask for.
const MAX_LEVELS: usize = 8;
const MAX_CHANNELS: usize = 1 << 13;
const MAX_LAYERS: usize = 16;

/// How latents of the encoder become those of the diffusion model.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Normalization {
    /// (latents - shift) * factor.
    Affine {
        /// Scale of the shifted latents.
        factor: f64,
        /// What is taken away first.
        shift: f64,
    },
    /// Patches of two by two pixels become channels, which are normalised by statistics that the weights hold.
    Patches {
        /// Added to variances.
        eps: f64,
    },
}

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
    /// How latents of the encoder become those of the diffusion model.
    pub normalization: Normalization,
    /// True if the middle blocks attend.
    pub mid_attention: bool,
    /// True if a 1x1 convolution follows the encoder.
    pub quant_conv: bool,
    /// True if a 1x1 convolution precedes the decoder.
    pub post_quant_conv: bool,
}

impl Normalization {
    fn read(config: &ConfigFile) -> Loaded<Self> {
        let above_zero = |key: &str, default: f64| match config.number_or(key, default)? {
            number if number > 0.0 => Ok(number),
            other => Err(config.problem(key, format!("{other} is not above 0"))),
        };
        match config.text("_class_name")?.unwrap_or("AutoencoderKL") {
            "AutoencoderKL" => Ok(Self::Affine {
                factor: above_zero("scaling_factor", 0.18215)?,
                shift: config.number_or("shift_factor", 0.0)?,
            }),
            "AutoencoderKLFlux2" => {
                config.must_be("patch_size", vec![PATCH, PATCH])?;
                Ok(Self::Patches { eps: above_zero("batch_norm_eps", 1e-4)? })
            }
            other => Err(config.problem("_class_name", format!("`{other}` is not supported"))),
        }
    }
}

impl VaeConfig {
    /// Reads a `config.json` of `AutoencoderKL` or `AutoencoderKLFlux2`.
    ///
    /// # Errors
    /// A key is missing, or asks for a computation that is not there.
    pub fn read(config: &ConfigFile) -> Loaded<Self> {
        config.must_be_off(&["latents_mean", "latents_std", "decoder_block_out_channels"])?;
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
        Ok(Self {
            latent_channels: config.size("latent_channels", 256)?,
            channels,
            layers: config.integer_or("layers_per_block", 1)?.min(MAX_LAYERS),
            norm_groups,
            normalization: Normalization::read(config)?,
            mid_attention: config.flag_or("mid_block_add_attention", true)?,
            quant_conv: config.flag_or("use_quant_conv", true)?,
            post_quant_conv: config.flag_or("use_post_quant_conv", true)?,
        })
    }

    /// Picture pixels per latent pixel, in each direction.
    pub fn scale(&self) -> usize {
        1 << self.channels.len().saturating_sub(1)
    }

    /// Pixels of a picture's tile, where it is decoded in tiles.
    pub(in crate::diffusion) fn tile_pixels(&self) -> u64 {
        ((TILE * self.scale()) as u64).pow(2)
    }

    /// Channels of the latents as the diffusion model takes them.
    pub fn model_channels(&self) -> usize {
        self.latent_channels * self.patch() * self.patch()
    }

    /// Picture pixels per pixel of the latents as the diffusion model takes them, in each direction.
    pub fn model_scale(&self) -> usize {
        self.scale() * self.patch()
    }

    /// Pixels of the encoder's latents along an edge of one of the diffusion model's.
    fn patch(&self) -> usize {
        match self.normalization {
            Normalization::Affine { .. } => 1,
            Normalization::Patches { .. } => PATCH,
        }
    }
}
