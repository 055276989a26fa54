//! Dimensions of a Stable Diffusion 3 transformer as diffusers describes them, refusing what this implementation does
//! not compute.

use crate::diffusion::dit::{Heads, read_channels};
use crate::diffusion::patches::PATCH;
use crate::weights::{ConfigFile, Loaded};

/// Most channels, layers and heads that a configuration may ask for.
const MAX_WIDTH: usize = 1 << 14;
const MAX_LAYERS: usize = 1 << 8;
/// Most rows and columns of the table of places.
const MAX_PLACES: usize = 1 << 11;

/// Dimensions of a transformer.
#[derive(Debug, Clone, PartialEq)]
pub struct Sd3Config {
    /// Channels of the latents that come in and go out.
    pub channels: usize,
    /// Latent height and width that the model was trained at.
    pub sample_size: usize,
    /// Number of blocks.
    pub layers: usize,
    /// True for each block in which the image attends to itself once more.
    pub twice: Vec<bool>,
    /// True if queries and keys are normalised per head.
    pub normalised: bool,
    /// Width of the text states.
    pub text_width: usize,
    /// Width of the prompt's vector.
    pub pooled_width: usize,
    /// Rows and columns of the table of places.
    pub places: usize,
    pub(super) heads: Heads,
}

impl Sd3Config {
    /// Reads a `config.json` of `SD3Transformer2DModel`.
    ///
    /// # Errors
    /// A key is missing, or asks for a computation that is not there.
    pub fn read(config: &ConfigFile) -> Loaded<Self> {
        config.must_be("_class_name", "SD3Transformer2DModel")?;
        config.must_be("patch_size", PATCH)?;
        config.must_be_off(&["pos_embed_type"])?;
        let channels = read_channels(config)?;
        let heads = Heads {
            count: config.size("num_attention_heads", MAX_LAYERS)?,
            width: config.size("attention_head_dim", MAX_WIDTH)?,
        };
        config.must_be("caption_projection_dim", heads.total())?;
        let normalised = match config.text("qk_norm")? {
            None => false,
            Some("rms_norm") => true,
            Some(other) => return Err(config.problem("qk_norm", format!("`{other}` is not supported"))),
        };
        let layers = config.size("num_layers", MAX_LAYERS)?;
        Ok(Self {
            channels,
            sample_size: config.size("sample_size", MAX_PLACES)?,
            layers,
            twice: twice(config, layers)?,
            normalised,
            text_width: config.size("joint_attention_dim", MAX_WIDTH)?,
            pooled_width: config.size("pooled_projection_dim", MAX_WIDTH)?,
            places: config.size("pos_embed_max_size", MAX_PLACES)?,
            heads,
        })
    }

    /// Width of the hidden states.
    pub fn width(&self) -> usize {
        self.heads.total()
    }
}

/// The blocks that `dual_attention_layers` lists.
fn twice(config: &ConfigFile, layers: usize) -> Loaded<Vec<bool>> {
    let key = "dual_attention_layers";
    let mut twice = vec![false; layers];
    let empty = Vec::new();
    let listed = match config.get(key) {
        None => &empty,
        Some(value) => value.as_array().ok_or_else(|| config.problem(key, "a list is needed"))?,
    };
    for number in listed {
        let place = number.as_u64().and_then(|n| usize::try_from(n).ok());
        match place.and_then(|place| twice.get_mut(place)) {
            Some(flag) => *flag = true,
            None => return Err(config.problem(key, format!("`{number}` is none of {layers} blocks"))),
        }
    }
    Ok(twice)
}
