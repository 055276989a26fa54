//! GGUF files: the chat case written as one computes what its folder computes, and files that lie are refused.

use std::path::Path;

use candle_core::Device;
use candle_core::quantized::gguf_file::{self, Value};
use candle_core::quantized::{GgmlDType, QTensor};
use qpyt_inference::language::chat::{ChatLayout, ChatModel};
use qpyt_inference::weights::SafetensorsFile;

use crate::chat::{case, every_logit, ids, load, question};
use crate::support::{gap, largest};

/// llama.cpp's name for a tensor of a decoder.
pub(crate) fn gguf_name(name: &str) -> String {
    if name == "model.norm.weight" {
        return "output_norm.weight".to_owned();
    }
    let name = name.strip_prefix("model.").unwrap().replace("layers.", "blk.");
    [
        ("embed_tokens", "token_embd"),
        ("input_layernorm", "attn_norm"),
        ("post_attention_layernorm", "ffn_norm"),
        ("self_attn.q_norm", "attn_q_norm"),
        ("self_attn.k_norm", "attn_k_norm"),
        ("self_attn.q_proj", "attn_q"),
        ("self_attn.k_proj", "attn_k"),
        ("self_attn.v_proj", "attn_v"),
        ("self_attn.o_proj", "attn_output"),
        ("mlp.gate_proj", "ffn_gate"),
        ("mlp.up_proj", "ffn_up"),
        ("mlp.down_proj", "ffn_down"),
    ]
    .iter()
    .fold(name, |name, (from, to)| name.replace(from, to))
}

/// The keys that llama.cpp's converter writes for the case.
pub(crate) fn gguf_metadata() -> Vec<(String, Value)> {
    let read = |name: &str| -> serde_json::Value {
        serde_json::from_str(&std::fs::read_to_string(case().join(name)).unwrap()).unwrap()
    };
    let (config, tokenizer) = (read("config.json"), read("tokenizer.json"));
    let size = |key: &str| Value::U32(config[key].as_u64().unwrap() as u32);
    let count = config["vocab_size"].as_u64().unwrap() as usize;
    let mut tokens: Vec<String> = (0..count).map(|id| format!("[PAD{id}]")).collect();
    let mut kinds = vec![5; count];
    for (token, id) in tokenizer["model"]["vocab"].as_object().unwrap() {
        tokens[id.as_u64().unwrap() as usize] = token.clone();
        kinds[id.as_u64().unwrap() as usize] = 1;
    }
    for added in tokenizer["added_tokens"].as_array().unwrap() {
        tokens[added["id"].as_u64().unwrap() as usize] = added["content"].as_str().unwrap().to_owned();
        kinds[added["id"].as_u64().unwrap() as usize] = 3;
    }
    let merges =
        tokenizer["model"]["merges"].as_array().unwrap().iter().map(|merge| match merge.as_array() {
            Some(pair) => format!("{} {}", pair[0].as_str().unwrap(), pair[1].as_str().unwrap()),
            None => merge.as_str().unwrap().to_owned(),
        });
    let end = tokens.iter().position(|token| token == "<|im_end|>").unwrap();
    let template = std::fs::read_to_string(case().join("chat_template.jinja")).unwrap();
    let theta = config["rope_parameters"]["rope_theta"].as_f64().unwrap();
    let texts = |texts: Vec<String>| Value::Array(texts.into_iter().map(Value::String).collect());
    [
        ("general.architecture", Value::String("qwen2".to_owned())),
        ("qwen2.block_count", size("num_hidden_layers")),
        ("qwen2.context_length", size("max_position_embeddings")),
        ("qwen2.embedding_length", size("hidden_size")),
        ("qwen2.feed_forward_length", size("intermediate_size")),
        ("qwen2.attention.head_count", size("num_attention_heads")),
        ("qwen2.attention.head_count_kv", size("num_key_value_heads")),
        (
            "qwen2.attention.layer_norm_rms_epsilon",
            Value::F32(config["rms_norm_eps"].as_f64().unwrap() as f32),
        ),
        ("qwen2.rope.freq_base", Value::F32(theta as f32)),
        ("tokenizer.ggml.model", Value::String("gpt2".to_owned())),
        ("tokenizer.ggml.pre", Value::String("qwen2".to_owned())),
        ("tokenizer.ggml.merges", texts(merges.collect())),
        ("tokenizer.ggml.tokens", texts(tokens)),
        ("tokenizer.ggml.token_type", Value::Array(kinds.into_iter().map(Value::I32).collect())),
        ("tokenizer.ggml.eos_token_id", Value::U32(end as u32)),
        ("tokenizer.chat_template", Value::String(template)),
    ]
    .map(|(key, value)| (key.to_owned(), value))
    .into()
}

/// Writes the case as a GGUF file whose matrices are stored as `dtype`.
pub(crate) fn write_gguf(path: &Path, metadata: &[(String, Value)], dtype: GgmlDType) {
    let weights = SafetensorsFile::open(&case().join("model.safetensors")).unwrap();
    let tensors: Vec<_> = weights
        .entries()
        .iter()
        .map(|(name, entry)| {
            let dtype = if entry.shape.len() == 1 { GgmlDType::F32 } else { dtype };
            let tensor = weights.tensor(name, &Device::Cpu).unwrap();
            (gguf_name(name), QTensor::quantize(&tensor, dtype).unwrap())
        })
        .collect();
    let tensors: Vec<_> = tensors.iter().map(|(name, tensor)| (name.as_str(), tensor)).collect();
    let metadata: Vec<_> = metadata.iter().map(|(key, value)| (key.as_str(), value)).collect();
    let mut file = std::fs::File::create(path).unwrap();
    gguf_file::write(&mut file, &metadata, &tensors).unwrap();
}

#[test]
fn a_gguf_file_computes_what_the_folder_computes() {
    let folder = tempfile::tempdir().unwrap();
    let model = load(&case());
    let prompt = ids("input_ids");
    let wanted = every_logit(model.decoder(), &prompt);
    for (dtype, allowed) in [(GgmlDType::F32, 1e-6), (GgmlDType::F16, 1e-2), (GgmlDType::Q8_0, 1e-1)] {
        let path = folder.path().join("case.gguf");
        write_gguf(&path, &gguf_metadata(), dtype);
        let ours = load(&path);
        let difference = gap(&every_logit(ours.decoder(), &prompt), &wanted) / largest(&wanted);
        println!("{dtype:?}: logits within {difference:.1e} of the largest");
        assert!(difference <= allowed, "{dtype:?}: logits differ by {difference}");
        assert_eq!(ours.prompt(&question(), true).unwrap(), prompt);
        for text in ["Two  CATS don't\tmind é 漢字 42!", "🦊\n\n x", "مرحبا بالعالم"] {
            let ids = model.tokenizer().encode(text).unwrap();
            assert_eq!(ours.tokenizer().encode(text).unwrap(), ids, "{text}");
            assert_eq!(ours.tokenizer().decode(&ids).unwrap(), text);
        }
    }
}

#[test]
fn gguf_files_that_are_cut_short_or_lie_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("case.gguf");
    write_gguf(&path, &gguf_metadata(), GgmlDType::F32);
    let bytes = std::fs::read(&path).unwrap();
    let refused = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        let problem = match ChatLayout::read(&path) {
            Ok(Some(layout)) => ChatModel::load(&layout, &Device::Cpu).err().map(|e| e.to_string()),
            Ok(None) => Some("passed over".to_owned()),
            Err(error) => Some(error.to_string()),
        };
        problem.inspect(|problem| assert!(problem.contains("case.gguf") || problem == "passed over"))
    };
    for length in [0, 3, 23, 24, 100, 5000, bytes.len() / 2, bytes.len() - 64] {
        assert!(refused(&bytes[..length]).is_some(), "{length} bytes were read");
    }
    // The counts of tensors and of keys.
    for place in [8, 16] {
        let mut lying = bytes.clone();
        lying[place..place + 8].copy_from_slice(&u64::MAX.to_le_bytes());
        assert!(refused(&lying).is_some());
    }
    let mut random = 1u64;
    for _ in 0..300 {
        let mut changed = bytes.clone();
        for _ in 0..4 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            // The header takes the first part of the file.
            let place = (random >> 20) as usize % 14_000;
            changed[place] = (random >> 56) as u8;
        }
        refused(&changed);
    }
}

#[test]
fn gguf_keys_that_ask_for_something_else_are_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("case.gguf");
    for (key, value) in [
        ("qwen2.rope.scaling.type", Value::String("yarn".to_owned())),
        ("qwen2.expert_count", Value::U32(8)),
        ("qwen2.block_count", Value::U32(4_000_000)),
        ("qwen2.context_length", Value::U64(u64::MAX >> 1)),
        ("qwen2.rope.dimension_count", Value::U32(4)),
        ("tokenizer.ggml.pre", Value::String("mystery".to_owned())),
        ("tokenizer.ggml.model", Value::String("t5".to_owned())),
        ("split.count", Value::U16(3)),
    ] {
        let mut metadata = gguf_metadata();
        metadata.retain(|(name, _)| name != key);
        metadata.push((key.to_owned(), value));
        write_gguf(&path, &metadata, GgmlDType::F32);
        let error = match ChatLayout::read(&path) {
            Ok(layout) => ChatModel::load(&layout.unwrap(), &Device::Cpu).err().unwrap(),
            Err(error) => error,
        };
        assert!(error.problem.contains(key), "{key}: {error}");
    }
    let mut metadata = gguf_metadata();
    metadata[0].1 = Value::String("flux".to_owned());
    write_gguf(&path, &metadata, GgmlDType::F32);
    assert!(ChatLayout::read(&path).unwrap().is_none());
}
