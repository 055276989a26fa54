//! Tokenizers from GGUF metadata: byte-level BPE as GPT-2 has it, and SentencePiece BPE as Llama has it.
//!
//! What splits words is named by `tokenizer.ggml.pre`; the expressions are those of the models' own tokenizers.

use std::collections::HashMap;

use serde_json::{Value, json};
use tokenizers::Tokenizer;

use super::tokenizer::fits;
use crate::weights::{BrokenFile, GgufFile, Loaded, MetaValue};

/// Kinds of tokens, `llama_token_type` in llama.h.
const UNKNOWN: i64 = 2;
const CONTROL: i64 = 3;
const USER_DEFINED: i64 = 4;
/// Longest piece, in bytes, that merges are looked for in.
const MAX_PIECE: usize = 256;
/// How Qwen2 splits words; Llama 3 differs in the run of digits.
const WORDS: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|DIGITS| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

/// Stages of a tokenizer as `tokenizer.json` describes them.
struct Parts {
    normalizer: Value,
    pre_tokenizer: Value,
    decoder: Value,
    model: Value,
}

/// Builds the tokenizer that a file describes.
pub(super) fn build(file: &GgufFile) -> Loaded<Tokenizer> {
    let tokens = file.texts("tokenizer.ggml.tokens")?;
    let kinds = file.get("tokenizer.ggml.token_type");
    if !fits(kinds, tokens.len()) {
        return Err(file.problem("tokenizer.ggml.token_type", "does not have one kind for each token"));
    }
    let kinds = match kinds {
        Some(MetaValue::Integers(kinds)) => kinds.as_slice(),
        _ => &[],
    };
    let Parts { normalizer, pre_tokenizer, decoder, model } = match file.text("tokenizer.ggml.model")? {
        Some("gpt2") => byte_level(file, tokens)?,
        Some("llama") => sentence_piece(file, tokens, kinds)?,
        other => {
            let other = other.unwrap_or("none");
            return Err(file.problem("tokenizer.ggml.model", format!("`{other}` is not supported")));
        }
    };
    let marks: Vec<_> = (0u32..)
        .zip(tokens.iter().zip(kinds))
        .filter(|(_, (_, kind))| [UNKNOWN, CONTROL, USER_DEFINED].contains(kind))
        .map(|(id, (token, kind))| {
            json!({
                "id": id, "content": token, "special": *kind != USER_DEFINED,
                "single_word": false, "lstrip": false, "rstrip": false, "normalized": false
            })
        })
        .collect();
    let description = json!({
        "version": "1.0", "added_tokens": marks, "normalizer": normalizer, "pre_tokenizer": pre_tokenizer,
        "decoder": decoder, "model": model
    });
    serde_json::from_value(description).map_err(|e| {
        BrokenFile::new(file.path(), format!("has a vocabulary that does not fit together: {e}"))
    })
}

fn vocabulary(tokens: &[String]) -> HashMap<&str, u32> {
    tokens.iter().map(String::as_str).zip(0..).collect()
}

fn byte_level(file: &GgufFile, tokens: &[String]) -> Loaded<Parts> {
    let pre = file.text("tokenizer.ggml.pre")?.unwrap_or_default();
    let split = |digits: &str| {
        json!({"type": "Sequence", "pretokenizers": [
            {"type": "Split", "pattern": {"Regex": WORDS.replace("DIGITS", digits)}, "behavior": "Isolated", "invert": false},
            {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": false}
        ]})
    };
    let gpt2 =
        json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true});
    let (words, normalizer, whole_words) = match pre {
        "gpt-2" | "gpt2" => (gpt2, Value::Null, false),
        "smollm" => {
            let digits = json!({"type": "Digits", "individual_digits": true});
            (json!({"type": "Sequence", "pretokenizers": [digits, gpt2]}), Value::Null, false)
        }
        "qwen2" | "deepseek-r1-qwen" => (split(r"\p{N}"), json!({"type": "NFC"}), false),
        "llama-bpe" | "llama3" => (split(r"\p{N}{1,3}"), Value::Null, true),
        other => {
            let problem = format!("`{other}` is not supported; convert the model again or use its folder");
            return Err(file.problem("tokenizer.ggml.pre", problem));
        }
    };
    let merges = file.texts("tokenizer.ggml.merges")?;
    Ok(Parts {
        normalizer,
        pre_tokenizer: words,
        decoder: json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true}),
        model: json!({
            "type": "BPE", "ignore_merges": whole_words, "vocab": vocabulary(tokens), "merges": merges
        }),
    })
}

fn sentence_piece(file: &GgufFile, tokens: &[String], kinds: &[i64]) -> Loaded<Parts> {
    let scores = match file.get("tokenizer.ggml.scores") {
        Some(MetaValue::Numbers(scores)) if scores.len() == tokens.len() => scores,
        _ => return Err(file.problem("tokenizer.ggml.scores", "does not have one score for each token")),
    };
    let vocabulary = vocabulary(tokens);
    let space = json!({"type": "Replace", "pattern": {"String": " "}, "content": "▁"});
    let normalizers = match file.flag("tokenizer.ggml.add_space_prefix")? {
        Some(false) => vec![space],
        _ => vec![json!({"type": "Prepend", "prepend": "▁"}), space],
    };
    let unknown = tokens.iter().zip(kinds).find(|(_, kind)| **kind == UNKNOWN).map(|(token, _)| token);
    Ok(Parts {
        normalizer: json!({"type": "Sequence", "normalizers": normalizers}),
        pre_tokenizer: Value::Null,
        decoder: json!({"type": "Sequence", "decoders": [
            {"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
            {"type": "ByteFallback"}, {"type": "Fuse"},
            {"type": "Strip", "content": " ", "start": 1, "stop": 0}
        ]}),
        model: json!({
            "type": "BPE", "unk_token": unknown, "fuse_unk": true, "byte_fallback": true,
            "merges": merges(tokens, scores, &vocabulary), "vocab": vocabulary
        }),
    })
}

/// SentencePiece joins the pair whose piece scores best; as a merge list that is every way to make a piece of two
/// others, best piece first.
fn merges<'a>(
    tokens: &'a [String],
    scores: &[f64],
    vocabulary: &HashMap<&str, u32>,
) -> Vec<(&'a str, &'a str)> {
    let mut found = Vec::new();
    for (token, score) in tokens.iter().zip(scores).filter(|(token, _)| token.len() <= MAX_PIECE) {
        let splits = token.char_indices().skip(1).map(|(place, _)| token.split_at(place));
        found.extend(splits.filter_map(|(left, right)| {
            let ids = (*vocabulary.get(left)?, *vocabulary.get(right)?);
            Some((score, ids, (left, right)))
        }));
    }
    found.sort_by(|(a, a_ids, _), (b, b_ids, _)| b.total_cmp(a).then(a_ids.cmp(b_ids)));
    found.into_iter().map(|(_, _, pair)| pair).collect()
}
