//! The names that llama.cpp gives the tensors of a T5 encoder in GGUF files.

use crate::weights::KeyMap;

/// The map from transformers' names, for so many layers.
pub(crate) fn gguf_keys(layers: usize) -> KeyMap {
    let mut map = KeyMap::default();
    map.layer("shared", "token_embd");
    map.layer("encoder.final_layer_norm", "enc.output_norm");
    for number in 0..layers {
        for (name, stored) in [
            ("0.SelfAttention.q", "attn_q"),
            ("0.SelfAttention.k", "attn_k"),
            ("0.SelfAttention.v", "attn_v"),
            ("0.SelfAttention.o", "attn_o"),
            ("0.SelfAttention.relative_attention_bias", "attn_rel_b"),
            ("0.layer_norm", "attn_norm"),
            ("1.DenseReluDense.wi_0", "ffn_gate"),
            ("1.DenseReluDense.wi_1", "ffn_up"),
            ("1.DenseReluDense.wo", "ffn_down"),
            ("1.layer_norm", "ffn_norm"),
        ] {
            map.layer(&format!("encoder.block.{number}.layer.{name}"), &format!("enc.blk.{number}.{stored}"));
        }
    }
    map
}
