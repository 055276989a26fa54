//! T5 and Qwen3 in single files, under the names of transformers or of llama.cpp: their dimensions by the shapes of
//! their tensors.

use serde_json::{Value, json};

use super::section::Section;
use crate::text::t5::gguf_keys;
use crate::weights::{KeyMap, Loaded};

/// A tensor of T5's first layer, by the names of transformers and of llama.cpp.
const T5_MARKS: [&str; 2] = ["encoder.block.0.layer.0.SelfAttention.q.weight", "enc.blk.0.attn_q.weight"];
/// The same of Qwen3, whose queries are normalised.
const QWEN3_MARKS: [&str; 2] = ["model.layers.0.self_attn.q_norm.weight", "blk.0.attn_q_norm.weight"];
/// Positions that Qwen3 was published for, and the base of their rotation.
const QWEN3_POSITIONS: usize = 40_960;
const QWEN3_THETA: f64 = 1e6;

fn first(section: Section<'_>, names: &[&str], axis: usize) -> Loaded<usize> {
    let found = names.iter().find(|name| section.has(name)).or(names.first());
    section.dim(found.copied().unwrap_or_default(), axis)
}

const T5_TOKENS: [&str; 3] = ["shared.weight", "encoder.embed_tokens.weight", "token_embd.weight"];

/// Width of T5's states, if the section is one.
pub(super) fn t5_width(section: Section<'_>) -> Option<usize> {
    T5_MARKS.iter().find_map(|mark| section.dim(mark, 1).ok())
}

/// T5's dimensions as a `config.json` of transformers describes them.
///
/// # Errors
/// A tensor is missing.
pub(super) fn describe_t5(section: Section<'_>) -> Loaded<Value> {
    let [current, gguf] = T5_MARKS;
    let (layer, classes, inner, layers) = if section.has(gguf) {
        (gguf, "enc.blk.0.attn_rel_b.weight", "enc.blk.0.ffn_gate.weight", "enc.blk.")
    } else {
        (
            current,
            "encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight",
            "encoder.block.0.layer.1.DenseReluDense.wi_0.weight",
            "encoder.block.",
        )
    };
    let heads = section.dim(classes, 1)?;
    Ok(json!({
        "model_type": "t5",
        "feed_forward_proj": "gated-gelu",
        "vocab_size": first(section, &T5_TOKENS, 0)?,
        "d_model": section.dim(layer, 1)?,
        "d_ff": section.dim(inner, 0)?,
        "num_layers": section.count(layers),
        "num_heads": heads,
        "d_kv": section.dim(layer, 0)?.checked_div(heads).unwrap_or_default(),
        "relative_attention_num_buckets": section.dim(classes, 0)?,
    }))
}

/// The map from transformers' names to all tensors of the section that T5's encoder has.
pub(super) fn t5_keys(section: Section<'_>) -> KeyMap {
    let [current, _] = T5_MARKS;
    if section.has(current) { section.own_names() } else { gguf_keys(section.count("enc.blk.")) }
}

/// Width of Qwen3's states, if the section is one.
pub(super) fn qwen3_width(section: Section<'_>) -> Option<usize> {
    let tokens = ["model.embed_tokens.weight", "token_embd.weight"];
    let is_one = QWEN3_MARKS.iter().any(|mark| section.has(mark));
    first(section, &tokens, 1).ok().filter(|_| is_one)
}

/// Qwen3's dimensions as a `config.json` of transformers describes them.
///
/// # Errors
/// A tensor is missing.
pub(super) fn describe_qwen3(section: Section<'_>) -> Loaded<Value> {
    let [current, gguf] = QWEN3_MARKS;
    let (norm, before, [q, k, inner]) = if section.has(gguf) {
        (gguf, "blk.", ["attn_q", "attn_k", "ffn_gate"])
    } else {
        (current, "model.layers.", ["self_attn.q_proj", "self_attn.k_proj", "mlp.gate_proj"])
    };
    let tokens = ["model.embed_tokens.weight", "token_embd.weight"];
    let rows = |part: &str| section.dim(&format!("{before}0.{part}.weight"), 0);
    let head = section.dim(norm, 0)?;
    Ok(json!({
        "model_type": "qwen3",
        "vocab_size": first(section, &tokens, 0)?,
        "hidden_size": first(section, &tokens, 1)?,
        "intermediate_size": rows(inner)?,
        "num_hidden_layers": section.count(before),
        "num_attention_heads": rows(q)?.checked_div(head).unwrap_or_default(),
        "num_key_value_heads": rows(k)?.checked_div(head).unwrap_or_default(),
        "head_dim": head,
        "max_position_embeddings": QWEN3_POSITIONS,
        "rope_theta": QWEN3_THETA,
        "tie_word_embeddings": true,
    }))
}

/// The map from transformers' names to all tensors of the section; none under the names of llama.cpp, which the decoder
/// knows itself.
pub(super) fn qwen3_keys(section: Section<'_>) -> Option<KeyMap> {
    let [current, _] = QWEN3_MARKS;
    section.has(current).then(|| section.own_names())
}
