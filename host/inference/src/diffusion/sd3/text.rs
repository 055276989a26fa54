//! Prompts as Stable Diffusion 3 reads them: states of two CLIP encoders side by side, those of T5 after them, and a
//! vector of both CLIP encoders.

use candle_core::{D, DType, Device, Error, Result, Tensor};

use super::Sd3Layout;
use crate::diffusion::clip::{ClipReader, read_jointly};
use crate::diffusion::components::tensors;
use crate::diffusion::pipeline::PromptStates;
use crate::slots::Slots;
use crate::text::t5::{T5Encoder, T5Tokenizer};
use crate::weights::Loaded;

/// Turns prompts into states.
pub(super) struct PromptReader {
    clips: Vec<ClipReader>,
    t5: Option<(T5Tokenizer, T5Encoder)>,
    width: usize,
    window: usize,
    device: Device,
}

impl PromptReader {
    pub(super) fn load(layout: &Sd3Layout, slots: &Slots, device: &Device) -> Loaded<Self> {
        let slotted = |files, name| tensors(files, device).with_slots(slots, name);
        let plain = layout.holding.as_stored();
        let t5 = match (&layout.t5, &layout.t5_weights, &layout.t5_tokenizer) {
            (Some(config), Some(weights), Some(tokenizer)) => Some((
                T5Tokenizer::load(tokenizer.clone(), config)?,
                T5Encoder::load(config, &slotted(weights, "text_encoder_3").held(&layout.holding), device)?,
            )),
            _ => None,
        };
        Ok(Self {
            clips: layout
                .clips
                .iter()
                .zip(["text_encoder", "text_encoder_2"])
                .map(|(part, name)| part.load(&slotted(&part.weights, name).held(&plain), device))
                .collect::<Loaded<_>>()?,
            t5,
            width: layout.transformer.text_width,
            window: layout.text_tokens,
            device: device.clone(),
        })
    }

    /// The states of a prompt (1, tokens, text width) and its vector. CLIP's states are those before its last
    /// `1 + clip_skip` layers.
    pub(super) fn read(&self, prompt: &str, clip_skip: usize) -> Result<PromptStates> {
        let read = read_jointly(&self.clips, prompt, clip_skip)?;
        let (clip, mut dropped) = (read.states, read.dropped_tokens);
        let missing = self.width.saturating_sub(clip.dim(D::Minus1)?);
        let clip = clip.pad_with_zeros(D::Minus1, 0, missing)?;
        let t5 = match &self.t5 {
            None => Tensor::zeros((1, self.window, self.width), DType::F32, &self.device)?,
            Some((tokenizer, model)) => {
                let window = tokenizer.window(prompt, self.window).map_err(Error::Msg)?;
                // T5 reads on where CLIP's window ends.
                dropped = window.dropped;
                model.encode(&window.ids)?
            }
        };
        Ok(PromptStates {
            states: Tensor::cat(&[clip, t5], 1)?,
            pooled: Some(Tensor::cat(&read.pooled, D::Minus1)?),
            dropped_tokens: dropped,
        })
    }
}
