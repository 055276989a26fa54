//! Where a decoder's weights come from, and what they are called there: Hugging Face folders or GGUF files.

use std::sync::Arc;

use candle_core::quantized::{GgmlDType, QStorage, QTensor};
use candle_core::{Device, Result, Tensor};

use crate::nn::{Linear, Projection, QuantizedLinear};
use crate::tensor::{Parameter, SharedBytes};
use crate::weights::{BrokenFile, GgufFile, Loaded, Weights};

/// The matrices and vectors of a layer.
#[derive(Debug, Clone, Copy)]
pub(super) enum Part {
    AttentionNorm,
    Query,
    QueryNorm,
    Key,
    KeyNorm,
    Value,
    Output,
    FeedForwardNorm,
    Gate,
    Up,
    Down,
}

impl Part {
    fn in_folder(self, layer: usize) -> String {
        let name = match self {
            Self::AttentionNorm => "input_layernorm",
            Self::Query => "self_attn.q_proj",
            Self::QueryNorm => "self_attn.q_norm",
            Self::Key => "self_attn.k_proj",
            Self::KeyNorm => "self_attn.k_norm",
            Self::Value => "self_attn.v_proj",
            Self::Output => "self_attn.o_proj",
            Self::FeedForwardNorm => "post_attention_layernorm",
            Self::Gate => "mlp.gate_proj",
            Self::Up => "mlp.up_proj",
            Self::Down => "mlp.down_proj",
        };
        format!("model.layers.{layer}.{name}")
    }

    fn in_gguf(self, layer: usize) -> String {
        let name = match self {
            Self::AttentionNorm => "attn_norm",
            Self::Query => "attn_q",
            Self::QueryNorm => "attn_q_norm",
            Self::Key => "attn_k",
            Self::KeyNorm => "attn_k_norm",
            Self::Value => "attn_v",
            Self::Output => "attn_output",
            Self::FeedForwardNorm => "ffn_norm",
            Self::Gate => "ffn_gate",
            Self::Up => "ffn_up",
            Self::Down => "ffn_down",
        };
        format!("blk.{layer}.{name}")
    }
}

/// Weights of a decoder, to be loaded onto one device.
pub enum DecoderWeights {
    /// A Hugging Face folder.
    Folder(Weights),
    /// A GGUF file.
    Gguf(Arc<GgufFile>, Device),
}

impl DecoderWeights {
    /// Where tensors are loaded to.
    pub(super) fn device(&self) -> &Device {
        match self {
            Self::Folder(weights) => weights.device(),
            Self::Gguf(_, device) => device,
        }
    }

    /// A scale vector of a layer.
    pub(super) fn vector(&self, layer: usize, part: Part, width: usize) -> Loaded<Tensor> {
        match self {
            Self::Folder(weights) => weights.sub(part.in_folder(layer)).tensor("weight", &[width]),
            Self::Gguf(file, device) => {
                file.tensor(&format!("{}.weight", part.in_gguf(layer)), &[width], device)
            }
        }
    }

    /// The scale vector after the last layer.
    pub(super) fn final_norm(&self, width: usize) -> Loaded<Tensor> {
        match self {
            Self::Folder(weights) => weights.tensor("model.norm.weight", &[width]),
            Self::Gguf(file, device) => file.tensor("output_norm.weight", &[width], device),
        }
    }

    /// One projection from `input` to the outputs of all `parts` side by side.
    pub(super) fn projection(
        &self,
        layer: usize,
        parts: &[(Part, usize)],
        input: usize,
        biased: bool,
    ) -> Loaded<Projection> {
        match self {
            Self::Folder(weights) => {
                let part = |&(part, output): &(Part, usize)| (weights.sub(part.in_folder(layer)), output);
                let parts: Vec<_> = parts.iter().map(part).collect();
                Projection::joined(weights, &parts, input, biased)
            }
            Self::Gguf(file, device) => {
                let names: Vec<_> = parts.iter().map(|&(part, out)| (part.in_gguf(layer), out)).collect();
                gguf_projection(file, device, &names, input, biased)
            }
        }
    }

    /// The embeddings, (vocabulary, width).
    pub(super) fn embedding(&self, vocabulary: usize, width: usize) -> Loaded<Embedding> {
        match self {
            Self::Folder(weights) => {
                let table = weights.parameter("model.embed_tokens.weight", &[vocabulary, width])?;
                Ok(Embedding::Dense(table, weights.device().clone()))
            }
            Self::Gguf(file, device) => {
                let (entry, bytes) = file.bytes("token_embd.weight", &[vocabulary, width])?;
                let (dtype, device) = (entry.dtype, device.clone());
                Ok(Embedding::Mapped { bytes, dtype, width, device })
            }
        }
    }

    /// The projection to logits; with tied weights that of `embedding`.
    pub(super) fn head(
        &self,
        embedding: &Embedding,
        tied: bool,
        (vocabulary, width): (usize, usize),
    ) -> Loaded<Projection> {
        match (self, embedding) {
            (Self::Folder(_), Embedding::Dense(table, _)) if tied => {
                Ok(Projection::Dense(Linear::new(table.clone(), None)))
            }
            (Self::Folder(weights), _) => {
                Ok(Projection::Dense(Linear::load_unbiased(&weights.sub("lm_head"), width, vocabulary)?))
            }
            (Self::Gguf(file, device), _) => {
                let name = if tied { "token_embd" } else { "output" };
                gguf_projection(file, device, &[(name.to_owned(), vocabulary)], width, false)
            }
        }
    }
}

fn gguf_projection(
    file: &GgufFile,
    device: &Device,
    parts: &[(String, usize)],
    input: usize,
    biased: bool,
) -> Loaded<Projection> {
    let failed = |e: candle_core::Error| BrokenFile::new(file.path(), e);
    let bias = match biased {
        false => None,
        true => {
            let parts = parts.iter().map(|(name, out)| file.tensor(&format!("{name}.bias"), &[*out], device));
            Some(Tensor::cat(&parts.collect::<Loaded<Vec<_>>>()?, 0).map_err(failed)?)
        }
    };
    let names: Vec<_> = parts.iter().map(|(name, out)| (format!("{name}.weight"), *out)).collect();
    let plain = |dtype: GgmlDType| matches!(dtype, GgmlDType::F32 | GgmlDType::F16 | GgmlDType::BF16);
    let stored = |name: &String| file.entries().get(name).is_some_and(|entry| plain(entry.dtype));
    if names.iter().any(|(name, _)| stored(name)) {
        let weights = names.iter().map(|(name, out)| file.parameter(name, &[*out, input], device));
        let weights = weights.collect::<Loaded<Vec<_>>>()?;
        let weight = Parameter::joined(&weights.iter().collect::<Vec<_>>()).map_err(failed)?;
        return Ok(Projection::Dense(Linear::new(weight, bias)));
    }
    Ok(Projection::Quantized(QuantizedLinear::load(file, &names, input, bias, device)?))
}

/// The embeddings of a vocabulary.
pub(super) enum Embedding {
    /// (vocabulary, width), and where its rows are loaded to.
    Dense(Parameter, Device),
    /// In the file, where rows are read when they are asked for.
    Mapped {
        /// The rows.
        bytes: SharedBytes,
        /// How they are stored.
        dtype: GgmlDType,
        /// Elements of a row.
        width: usize,
        /// Where they are loaded to.
        device: Device,
    },
}

impl Embedding {
    /// The rows of `ids`, (1, ids, width). Ids must lie within the vocabulary.
    pub(super) fn rows(&self, ids: &[u32]) -> Result<Tensor> {
        match self {
            Self::Dense(table, device) => table.rows(ids, device)?.unsqueeze(0),
            Self::Mapped { bytes, dtype, width, device } => {
                let row_bytes = width / dtype.block_size() * dtype.type_size();
                let row = |id: &u32| {
                    let begin = *id as usize * row_bytes;
                    let Some(row) = bytes.get().get(begin..begin + row_bytes) else {
                        candle_core::bail!("token {id} lies beyond the vocabulary");
                    };
                    let storage = QStorage::from_data(row.into(), device, *dtype)?;
                    QTensor::new(storage, (1, *width))?.dequantize(device)
                };
                Tensor::cat(&ids.iter().map(row).collect::<Result<Vec<_>>>()?, 0)?.unsqueeze(0)
            }
        }
    }
}
