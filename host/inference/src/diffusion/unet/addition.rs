//! What the network of Stable Diffusion XL is told besides time and text states (Podell et al. 2023, arXiv
//! 2307.01952, section 2.2): a vector of the whole prompt, and how the picture lies in the one that it is cut from.

use candle_core::{D, Device, Result, Tensor};

use crate::nn::Linear;
use crate::tensor::silu;
use crate::weights::{ConfigFile, Loaded, Weights};

/// Numbers that describe a framing.
const NUMBERS: usize = 6;
/// Widest sinusoid and vector that a configuration may ask for.
const MAX_WIDTH: usize = 1 << 14;

/// Dimensions of what is added to the time embedding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AdditionConfig {
    /// Width of the prompt's vector.
    pub pooled_width: usize,
    /// Values of the sinusoid that each number of the framing becomes.
    pub wave_width: usize,
}

impl AdditionConfig {
    /// Reads it from a `config.json` of `UNet2DConditionModel` or `ControlNetModel`; none if nothing is added.
    pub(super) fn read(config: &ConfigFile) -> Loaded<Option<Self>> {
        match config.text("addition_embed_type")? {
            None => config.must_be_off(&["addition_time_embed_dim"]).map(|()| None),
            Some("text_time") => {
                let wave_width = config.size("addition_time_embed_dim", MAX_WIDTH)?;
                let key = "projection_class_embeddings_input_dim";
                let whole = config.size(key, (1 + NUMBERS) * MAX_WIDTH)?;
                match whole.checked_sub(NUMBERS * wave_width) {
                    Some(pooled_width @ 1..) => Ok(Some(Self { pooled_width, wave_width })),
                    _ => {
                        let problem = format!("{whole} leaves no room beside {NUMBERS} times {wave_width}");
                        Err(config.problem(key, problem))
                    }
                }
            }
            Some(other) => Err(config.problem("addition_embed_type", format!("`{other}` is not supported"))),
        }
    }

    fn width(self) -> usize {
        self.pooled_width + NUMBERS * self.wave_width
    }
}

/// How a picture lies in the one that it is cut from, in pixels; heights before widths, as in diffusers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Framing {
    /// Height and width before anything was scaled or cut away.
    pub original: (usize, usize),
    /// Top and left of the cut.
    pub corner: (usize, usize),
    /// Height and width of the picture.
    pub target: (usize, usize),
}

impl Framing {
    /// A picture of a height and width from which nothing was cut away.
    pub fn whole(size: (usize, usize)) -> Self {
        Self { original: size, corner: (0, 0), target: size }
    }

    fn numbers(self) -> [usize; NUMBERS] {
        let Self { original, corner, target } = self;
        [original.0, original.1, corner.0, corner.1, target.0, target.1]
    }
}

/// What is added for a batch of prompts.
#[derive(Clone, Copy)]
pub struct Addition<'a> {
    /// Vectors of the prompts (batch, pooled width).
    pub pooled: &'a Tensor,
    /// The framing of all pictures.
    pub framing: Framing,
}

/// Two linear maps from the vector and the sinusoids to the width of the time embedding.
pub(super) struct AdditionEmbedding {
    linear1: Linear,
    linear2: Linear,
    wave_width: usize,
    frequency_shift: f64,
    cosine_first: bool,
    device: Device,
}

impl AdditionEmbedding {
    pub(super) fn load(
        addition: AdditionConfig,
        config: &super::UnetConfig,
        weights: &Weights,
        device: &Device,
    ) -> Loaded<Self> {
        Ok(Self {
            linear1: Linear::load(&weights.sub("linear_1"), addition.width(), config.time_width)?,
            linear2: Linear::load(&weights.sub("linear_2"), config.time_width, config.time_width)?,
            wave_width: addition.wave_width,
            frequency_shift: config.frequency_shift,
            cosine_first: config.cosine_first,
            device: device.clone(),
        })
    }

    /// What is added to the time embedding, (batch, time width).
    pub(super) fn forward(&self, addition: Addition<'_>) -> Result<Tensor> {
        let numbers = addition.framing.numbers();
        let waves = numbers.iter().flat_map(|number| {
            super::sinusoid(*number as f32, self.wave_width, self.frequency_shift, self.cosine_first)
        });
        let waves = Tensor::from_vec(waves.collect(), (1, NUMBERS * self.wave_width), &self.device)?;
        let waves = waves.broadcast_as((addition.pooled.dim(0)?, NUMBERS * self.wave_width))?;
        let joined = Tensor::cat(&[addition.pooled, &waves], D::Minus1)?;
        self.linear2.forward(&silu(&self.linear1.forward(&joined)?)?)
    }
}
