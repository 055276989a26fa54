//! The transformer of FLUX.1: joint blocks, then parallel ones, steered by time, guidance and the pooled prompt.
//!
//! Follows `transformer_flux.py` of diffusers.

use candle_core::{DType, Device, Result, Tensor};

use super::FluxConfig;
use crate::diffusion::dit::{
    Angles, Gating, Heads, JointBlock, JointModulation, JointShape, Modulator, NumberEmbedding,
    ParallelBlock, VectorEmbedding, final_modulation, passed_as_share,
};
use crate::nn::Projection;
use crate::tensor::silu;
use crate::weights::{Loaded, Weights};

/// Sinusoids of a number.
const WAVES: usize = 256;
/// Width inside the feed-forward maps, as a multiple of the hidden states'.
const INNER: usize = 4;

/// The network with its weights.
pub struct FluxTransformer {
    config: FluxConfig,
    image_in: Projection,
    text_in: Projection,
    time: NumberEmbedding,
    guidance: Option<NumberEmbedding>,
    pooled: VectorEmbedding,
    joint: Vec<(Modulator, Modulator, JointBlock)>,
    parallel: Vec<(Modulator, ParallelBlock)>,
    norm_out: Modulator,
    out: Projection,
    device: Device,
    /// The type that states are computed in.
    working_type: DType,
}

/// What a prompt contributes to every call.
pub struct FluxContext {
    /// Text states at the width of the transformer.
    text: Tensor,
    /// The embedding of everything but the time.
    steering: Tensor,
    angles: Angles,
}

impl FluxTransformer {
    /// Loads the weights by diffusers' tensor names.
    ///
    /// # Errors
    /// A tensor is missing or has another shape.
    pub fn load(config: &FluxConfig, weights: &Weights, device: &Device) -> Loaded<Self> {
        let width = config.width();
        let embedders = weights.sub("time_text_embed");
        let linear = |name: &str, input, output| Projection::load(&weights.sub(name), input, output, true);
        let number = |name: &str| NumberEmbedding::load(&embedders.sub(name), WAVES, width, true);
        let shape = JointShape {
            heads: config.heads,
            inner: INNER * width,
            gating: Gating::Gelu,
            biased: true,
            normalised: true,
            text_ends: false,
            twice: false,
        };
        let joint = |i: usize| {
            let block = weights.sub(format_args!("transformer_blocks.{i}"));
            Ok((
                Modulator::load(&block.sub("norm1"), width, 6, true)?,
                Modulator::load(&block.sub("norm1_context"), width, 6, true)?,
                JointBlock::load(&block, shape)?,
            ))
        };
        let parallel = |i: usize| {
            let block = weights.sub(format_args!("single_transformer_blocks.{i}"));
            Ok((Modulator::load(&block.sub("norm"), width, 3, true)?, load_parallel(&block, config.heads)?))
        };
        Ok(Self {
            image_in: linear("x_embedder", config.channels, width)?,
            text_in: linear("context_embedder", config.text_width, width)?,
            time: number("timestep_embedder")?,
            guidance: config.guidance.then(|| number("guidance_embedder")).transpose()?,
            pooled: VectorEmbedding::load(&embedders.sub("text_embedder"), config.pooled_width, width, true)?,
            joint: (0..config.joint_layers).map(joint).collect::<Loaded<_>>()?,
            parallel: (0..config.parallel_layers).map(parallel).collect::<Loaded<_>>()?,
            norm_out: Modulator::load(&weights.sub("norm_out"), width, 2, true)?,
            out: linear("proj_out", width, config.channels)?,
            config: config.clone(),
            device: device.clone(),
            working_type: weights.working_type(),
        })
    }

    /// The dimensions.
    pub fn config(&self) -> &FluxConfig {
        &self.config
    }

    /// Prepares text states (1, tokens, text width), a pooled prompt (1, pooled width) and a scale of guidance for
    /// pictures of a height and width in patches.
    pub fn context(
        &self,
        text: &Tensor,
        pooled: &Tensor,
        guidance: f64,
        (rows, columns): (usize, usize),
    ) -> Result<FluxContext> {
        let mut steering = self.pooled.forward(pooled)?;
        if let Some(embedding) = &self.guidance {
            steering = (steering + embedding.forward(guidance * 1000.0)?)?;
        }
        let words = std::iter::repeat_n([0; 3], text.dim(1)?);
        let patches = (0..rows).flat_map(|row| (0..columns).map(move |column| [0, row, column]));
        let places: Vec<[usize; 3]> = words.chain(patches).collect();
        Ok(FluxContext {
            text: self.text_in.forward(&text.to_dtype(self.working_type)?)?,
            steering,
            angles: self.config.rotation.angles(&places, &self.device)?,
        })
    }

    /// Predicts the direction from picture to noise for patches (1, rows * columns, channels) at a time of 0 to 1000.
    pub fn forward(&self, patches: &Tensor, time: f64, context: &FluxContext) -> Result<Tensor> {
        let embedding = silu(&(self.time.forward(passed_as_share(time))? + &context.steering)?)?;
        let embedding = embedding.to_dtype(self.working_type)?;
        let mut image = self.image_in.forward(&patches.to_dtype(self.working_type)?)?;
        let mut text = context.text.clone();
        for (image_modulator, text_modulator, block) in &self.joint {
            let [attended, fed] = image_modulator.forward(&embedding)?;
            let [text_attended, text_fed] = text_modulator.forward(&embedding)?;
            let by = JointModulation {
                image: [&attended, &fed],
                image_again: None,
                text: &text_attended,
                text_feed_forward: Some(&text_fed),
            };
            (image, text) = block.forward(&image, &text, &by, Some(&context.angles))?;
        }
        let words = text.dim(1)?;
        let mut all = Tensor::cat(&[text, image], 1)?;
        for (modulator, block) in &self.parallel {
            let [by] = modulator.forward(&embedding)?;
            all = block.forward(&all, &by, &context.angles)?;
        }
        let image = all.narrow(1, words, patches.dim(1)?)?;
        let out = self.out.forward(&final_modulation(&self.norm_out, &image, &embedding)?)?;
        out.to_dtype(patches.dtype())
    }
}

fn load_parallel(weights: &Weights, heads: Heads) -> Loaded<ParallelBlock> {
    let (width, inner) = (heads.total(), INNER * heads.total());
    let inputs = [("attn.to_q", width), ("attn.to_k", width), ("attn.to_v", width), ("proj_mlp", inner)];
    let input = Projection::side_by_side(weights, &inputs, width, true)?;
    let output = Projection::load(&weights.sub("proj_out"), width + inner, width, true)?;
    ParallelBlock::new(input, output, &weights.sub("attn"), heads, (inner, Gating::Gelu))
}
