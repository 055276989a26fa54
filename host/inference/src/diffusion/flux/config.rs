//! Dimensions of a FLUX.1 transformer as diffusers describes them, refusing what this implementation does not compute.

use crate::diffusion::dit::{Heads, PlaceRotation, read_channels};
use crate::weights::{ConfigFile, Loaded};

/// Most channels, layers and heads that a configuration may ask for.
const MAX_WIDTH: usize = 1 << 14;
const MAX_LAYERS: usize = 1 << 8;
/// Parts of a head for the axes of a token's place: none, row and column.
const AXES: [usize; 3] = [16, 56, 56];

/// Dimensions of a transformer.
#[derive(Debug, Clone, PartialEq)]
pub struct FluxConfig {
    /// Channels of the patches that come in and go out.
    pub channels: usize,
    /// Blocks in which image and text have weights of their own.
    pub joint_layers: usize,
    /// Blocks over image and text as one sequence.
    pub parallel_layers: usize,
    /// Width of the text states.
    pub text_width: usize,
    /// Width of the prompt's vector.
    pub pooled_width: usize,
    /// True if the scale of guidance is an input.
    pub guidance: bool,
    pub(super) heads: Heads,
    pub(super) rotation: PlaceRotation,
}

impl FluxConfig {
    /// Reads a `config.json` of `FluxTransformer2DModel`.
    ///
    /// # Errors
    /// A key is missing, or asks for a computation that is not there.
    pub fn read(config: &ConfigFile) -> Loaded<Self> {
        config.must_be("_class_name", "FluxTransformer2DModel")?;
        config.must_be("patch_size", 1)?;
        let channels = read_channels(config)?;
        let heads = Heads {
            count: config.size("num_attention_heads", MAX_LAYERS)?,
            width: config.size("attention_head_dim", MAX_WIDTH)?,
        };
        Ok(Self {
            channels,
            joint_layers: config.size("num_layers", MAX_LAYERS)?,
            parallel_layers: config.size("num_single_layers", MAX_LAYERS)?,
            text_width: config.size("joint_attention_dim", MAX_WIDTH)?,
            pooled_width: config.size("pooled_projection_dim", MAX_WIDTH)?,
            guidance: config.flag_or("guidance_embeds", false)?,
            rotation: PlaceRotation::read(config, heads, AXES, 10_000.0)?,
            heads,
        })
    }

    /// Width of the hidden states.
    pub fn width(&self) -> usize {
        self.heads.total()
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn the_published_configuration_is_read() {
        let text = r#"{"_class_name": "FluxTransformer2DModel", "_diffusers_version": "0.30.0.dev0",
            "attention_head_dim": 128, "guidance_embeds": true, "in_channels": 64, "joint_attention_dim": 4096,
            "num_attention_heads": 24, "num_layers": 19, "num_single_layers": 38, "patch_size": 1,
            "pooled_projection_dim": 768}"#;
        let file = ConfigFile::parse(Path::new("config.json"), text).unwrap();
        let config = FluxConfig::read(&file).unwrap();
        assert_eq!((config.width(), config.rotation.axes), (3072, vec![16, 56, 56]));
    }
}
