//! The transformer of FLUX.2: joint blocks, then parallel ones, all modulated alike.
//!
//! Follows `transformer_flux2.py` of diffusers.

use candle_core::{DType, Device, Result, Tensor};

use super::Flux2Config;
use crate::diffusion::dit::{
    Angles, Gating, JointBlock, JointModulation, JointShape, Modulator, NumberEmbedding, ParallelBlock,
    final_modulation, passed_as_share,
};
use crate::nn::Projection;
use crate::tensor::silu;
use crate::weights::{Loaded, Weights};

/// Distance between pictures on the axis of pictures; the one that is made is at 0.
const PICTURE_STEP: usize = 10;

/// The network with its weights.
pub struct Flux2Transformer {
    config: Flux2Config,
    image_in: Projection,
    text_in: Projection,
    time: NumberEmbedding,
    image_modulator: Modulator,
    text_modulator: Modulator,
    joint: Vec<JointBlock>,
    parallel_modulator: Modulator,
    parallel: Vec<ParallelBlock>,
    norm_out: Modulator,
    out: Projection,
    device: Device,
    /// The type that states are computed in.
    working_type: DType,
}

/// What a prompt contributes to every call.
pub struct Flux2Context {
    /// Text states at the width of the transformer.
    text: Tensor,
    angles: Angles,
}

impl Flux2Transformer {
    /// Loads the weights by diffusers' tensor names.
    ///
    /// # Errors
    /// A tensor is missing or has another shape.
    pub fn load(config: &Flux2Config, weights: &Weights, device: &Device) -> Loaded<Self> {
        let (width, inner) = (config.width(), config.inner_width);
        let shape = JointShape {
            heads: config.heads,
            inner,
            gating: Gating::SwiGlu,
            biased: false,
            normalised: true,
            text_ends: false,
            twice: false,
        };
        let linear = |name: &str, input, output| Projection::load(&weights.sub(name), input, output, false);
        let modulator = |name: &str, parts| Modulator::load(&weights.sub(name), width, parts, false);
        let parallel = |i: usize| {
            let attention = weights.sub(format_args!("single_transformer_blocks.{i}.attn"));
            let inputs = 3 * width + Gating::SwiGlu.input(inner);
            let input = Projection::load(&attention.sub("to_qkv_mlp_proj"), width, inputs, false)?;
            let output = Projection::load(&attention.sub("to_out"), width + inner, width, false)?;
            ParallelBlock::new(input, output, &attention, config.heads, (inner, Gating::SwiGlu))
        };
        let time = weights.sub("time_guidance_embed.timestep_embedder");
        Ok(Self {
            image_in: linear("x_embedder", config.channels, width)?,
            text_in: linear("context_embedder", config.text_width, width)?,
            time: NumberEmbedding::load(&time, config.waves, width, false)?,
            image_modulator: modulator("double_stream_modulation_img", 6)?,
            text_modulator: modulator("double_stream_modulation_txt", 6)?,
            joint: (0..config.joint_layers)
                .map(|i| JointBlock::load(&weights.sub(format_args!("transformer_blocks.{i}")), shape))
                .collect::<Loaded<_>>()?,
            parallel_modulator: modulator("single_stream_modulation", 3)?,
            parallel: (0..config.parallel_layers).map(parallel).collect::<Loaded<_>>()?,
            norm_out: modulator("norm_out", 2)?,
            out: linear("proj_out", width, config.channels)?,
            config: config.clone(),
            device: device.clone(),
            working_type: weights.working_type(),
        })
    }

    /// The dimensions.
    pub fn config(&self) -> &Flux2Config {
        &self.config
    }

    /// Prepares text states (1, tokens, text width) for latents whose heights and widths follow: of the picture that is
    /// made, then of those that are looked at.
    pub fn context(&self, text: &Tensor, pictures: &[(usize, usize)]) -> Result<Flux2Context> {
        let words = (0..text.dim(1)?).map(|word| [0, 0, 0, word]);
        let tokens = pictures.iter().enumerate().flat_map(|(number, &(rows, columns))| {
            let picture = number * PICTURE_STEP;
            (0..rows).flat_map(move |row| (0..columns).map(move |column| [picture, row, column, 0]))
        });
        let places: Vec<[usize; 4]> = words.chain(tokens).collect();
        Ok(Flux2Context {
            text: self.text_in.forward(&text.to_dtype(self.working_type)?)?,
            angles: self.config.rotation.angles(&places, &self.device)?,
        })
    }

    /// Predicts the direction from picture to noise for the first `made` of the tokens (1, tokens, channels) at a time
    /// of 0 to 1000. The tokens are those of the pictures of the context.
    pub fn forward(&self, tokens: &Tensor, made: usize, time: f64, context: &Flux2Context) -> Result<Tensor> {
        let embedding = silu(&self.time.forward(passed_as_share(time))?)?.to_dtype(self.working_type)?;
        let [attended, fed] = self.image_modulator.forward(&embedding)?;
        let [text_attended, text_fed] = self.text_modulator.forward(&embedding)?;
        let by = JointModulation {
            image: [&attended, &fed],
            image_again: None,
            text: &text_attended,
            text_feed_forward: Some(&text_fed),
        };
        let mut image = self.image_in.forward(&tokens.to_dtype(self.working_type)?)?;
        let mut text = context.text.clone();
        for block in &self.joint {
            (image, text) = block.forward(&image, &text, &by, Some(&context.angles))?;
        }
        let words = text.dim(1)?;
        let [by] = self.parallel_modulator.forward(&embedding)?;
        let mut all = Tensor::cat(&[text, image], 1)?;
        for block in &self.parallel {
            all = block.forward(&all, &by, &context.angles)?;
        }
        let image = all.narrow(1, words, made)?;
        let out = self.out.forward(&final_modulation(&self.norm_out, &image, &embedding)?)?;
        out.to_dtype(tokens.dtype())
    }
}
