//! The transformer of Stable Diffusion 3: joint blocks over patches with learnt places, steered by time and the pooled
//! prompt.
//!
//! Follows `transformer_sd3.py` of diffusers.

use candle_core::{DType, Result, Tensor, bail};

use super::Sd3Config;
use crate::diffusion::dit::{
    Gating, JointBlock, JointModulation, JointShape, Modulator, NumberEmbedding, VectorEmbedding,
    final_modulation,
};
use crate::diffusion::patches::PATCH;
use crate::nn::{Linear, Projection};
use crate::tensor::silu;
use crate::weights::{Loaded, Weights};

/// Sinusoids of a number.
const WAVES: usize = 256;
/// Width inside the feed-forward maps, as a multiple of the hidden states'.
const INNER: usize = 4;
/// Values of a patch per channel.
const PATCH_AREA: usize = PATCH * PATCH;

/// The network with its weights.
pub struct Sd3Transformer {
    config: Sd3Config,
    image_in: Linear,
    /// What each place adds to the patch there, (rows, columns, width).
    places: Tensor,
    text_in: Projection,
    time: NumberEmbedding,
    pooled: VectorEmbedding,
    blocks: Vec<Block>,
    norm_out: Modulator,
    /// To the values of patches by row, column and channel.
    out: Projection,
    /// The type that states are computed in.
    working_type: DType,
}

/// A joint block with its own modulators.
struct Block {
    image: Modulator,
    text: Modulator,
    joint: JointBlock,
    twice: bool,
    text_ends: bool,
}

/// What a prompt contributes to every call.
pub struct Sd3Context {
    /// Text states at the width of the transformer.
    text: Tensor,
    /// The embedding of the prompt's vector.
    pooled: Tensor,
    /// What places add, (1, patches, width).
    places: Tensor,
}

impl Sd3Transformer {
    /// Loads the weights by diffusers' tensor names.
    ///
    /// # Errors
    /// A tensor is missing or has another shape.
    pub fn load(config: &Sd3Config, weights: &Weights) -> Loaded<Self> {
        let width = config.width();
        let embedders = weights.sub("time_text_embed");
        let entry = weights.sub("pos_embed");
        let places = entry.tensor_of_shapes(
            "pos_embed",
            &[&[config.places, config.places, width], &[1, config.places * config.places, width]],
        )?;
        Ok(Self {
            image_in: load_image_in(config, &entry.sub("proj"))?,
            places,
            text_in: Projection::load(&weights.sub("context_embedder"), config.text_width, width, true)?,
            time: NumberEmbedding::load(&embedders.sub("timestep_embedder"), WAVES, width, true)?,
            pooled: VectorEmbedding::load(&embedders.sub("text_embedder"), config.pooled_width, width, true)?,
            blocks: (0..config.layers)
                .map(|i| Block::load(config, i, &weights.sub(format_args!("transformer_blocks.{i}"))))
                .collect::<Loaded<_>>()?,
            norm_out: Modulator::load(&weights.sub("norm_out"), width, 2, true)?,
            out: Projection::load(&weights.sub("proj_out"), width, config.channels * PATCH_AREA, true)?,
            config: config.clone(),
            working_type: weights.working_type(),
        })
    }

    /// The dimensions.
    pub fn config(&self) -> &Sd3Config {
        &self.config
    }

    /// Prepares text states (1, tokens, text width) and a pooled prompt (1, pooled width) for pictures of a height and
    /// width in patches.
    pub fn context(
        &self,
        text: &Tensor,
        pooled: &Tensor,
        (rows, columns): (usize, usize),
    ) -> Result<Sd3Context> {
        let table = self.config.places;
        if rows > table || columns > table {
            bail!("{columns}x{rows} patches are more than the {table}x{table} that the model has places for");
        }
        // Smaller pictures lie in the middle of the table.
        let (top, left) = ((table - rows) / 2, (table - columns) / 2);
        let places = self.places.narrow(0, top, rows)?.narrow(1, left, columns)?.contiguous()?;
        Ok(Sd3Context {
            text: self.text_in.forward(&text.to_dtype(self.working_type)?)?,
            pooled: self.pooled.forward(pooled)?,
            places: places.reshape((1, rows * columns, self.config.width()))?.to_dtype(self.working_type)?,
        })
    }

    /// Number of its layers.
    pub fn layers(&self) -> usize {
        self.blocks.len()
    }

    /// Predicts the direction from picture to noise for patches (1, rows * columns, channels) at a time of 0 to 1000,
    /// without the layers of the numbers in `skipped`.
    pub fn forward(
        &self,
        patches: &Tensor,
        time: f64,
        context: &Sd3Context,
        skipped: &[usize],
    ) -> Result<Tensor> {
        let embedding = silu(&(self.time.forward(time)? + &context.pooled)?)?.to_dtype(self.working_type)?;
        let embedded = self.image_in.forward(&patches.to_dtype(self.working_type)?)?;
        let mut image = (embedded + &context.places)?;
        let mut text = context.text.clone();
        let kept = self.blocks.iter().enumerate().filter(|(number, _)| !skipped.contains(number));
        for (_, block) in kept {
            (image, text) = block.forward(&image, &text, &embedding)?;
        }
        let out = self.out.forward(&final_modulation(&self.norm_out, &image, &embedding)?)?;
        channels_first(&out.to_dtype(patches.dtype())?, self.config.channels)
    }
}

impl Block {
    fn load(config: &Sd3Config, number: usize, weights: &Weights) -> Loaded<Self> {
        let width = config.width();
        let twice = config.twice.get(number).copied().unwrap_or(false);
        let text_ends = number + 1 == config.layers;
        let shape = JointShape {
            heads: config.heads,
            inner: INNER * width,
            gating: Gating::Gelu,
            biased: true,
            normalised: config.normalised,
            text_ends,
            twice,
        };
        let (image_parts, text_parts) = (if twice { 9 } else { 6 }, if text_ends { 2 } else { 6 });
        Ok(Self {
            image: Modulator::load(&weights.sub("norm1"), width, image_parts, true)?,
            text: Modulator::load(&weights.sub("norm1_context"), width, text_parts, true)?,
            joint: JointBlock::load(weights, shape)?,
            twice,
            text_ends,
        })
    }

    fn forward(&self, image: &Tensor, text: &Tensor, embedding: &Tensor) -> Result<(Tensor, Tensor)> {
        let (attended, fed, again) = if self.twice {
            let [attended, fed, again] = self.image.forward(embedding)?;
            (attended, fed, Some(again))
        } else {
            let [attended, fed] = self.image.forward(embedding)?;
            (attended, fed, None)
        };
        let (text_attended, text_fed) = if self.text_ends {
            (self.text.scale_and_shift(embedding)?, None)
        } else {
            let [attended, fed] = self.text.forward(embedding)?;
            (attended, Some(fed))
        };
        let by = JointModulation {
            image: [&attended, &fed],
            image_again: again.as_ref(),
            text: &text_attended,
            text_feed_forward: text_fed.as_ref(),
        };
        self.joint.forward(image, text, &by, None)
    }
}

/// The convolution over patches, which do not overlap, as a map of their values.
fn load_image_in(config: &Sd3Config, weights: &Weights) -> Loaded<Linear> {
    let (width, channels) = (config.width(), config.channels);
    let kernel: &[usize] = &[width, channels, PATCH, PATCH];
    let weight = weights.tensor_of_shapes("weight", &[&[width, channels * PATCH_AREA], kernel])?;
    Ok(Linear::new(weight, Some(weights.tensor("bias", &[width])?)).with_slot_of(weights))
}

/// Values of patches (1, tokens, values) that come by row, column and channel, by channel first, as they are packed.
fn channels_first(patches: &Tensor, channels: usize) -> Result<Tensor> {
    let (pictures, tokens, values) = patches.dims3()?;
    let split = patches.reshape((pictures, tokens, PATCH_AREA, channels))?;
    split.transpose(2, 3)?.contiguous()?.reshape((pictures, tokens, values))
}
