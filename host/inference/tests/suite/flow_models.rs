//! Refusing models that flow whose configuration or files this engine cannot compute exactly.

use std::path::Path;

use qpyt_inference::scan_models;
use serde_json::{Value, json};

use crate::support::{copy_folder, own_references, set_in_file};

/// Why a copy of a reference model is refused after it was spoilt.
fn refusal(id: &str, spoil: impl FnOnce(&Path)) -> String {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("model");
    copy_folder(&own_references().join(id), &model);
    spoil(&model);
    let scan = scan_models(&[folder.path().to_path_buf()]);
    assert!(scan.models.is_empty(), "{id} was accepted");
    scan.broken.into_iter().next().unwrap().message
}

#[test]
fn settings_that_would_change_the_mathematics_are_refused_by_file_and_key() {
    let (transformer, vae, scheduler) =
        ("transformer/config.json", "vae/config.json", "scheduler/scheduler_config.json");
    let cases: &[(&str, &str, &str, Value)] = &[
        ("flux1-dev", transformer, "_class_name", json!("ChromaTransformer2DModel")),
        ("flux1-dev", transformer, "in_channels", json!(384)),
        ("flux1-dev", transformer, "patch_size", json!(2)),
        ("flux1-dev", transformer, "axes_dims_rope", json!([4, 4, 4])),
        ("flux1-dev", transformer, "axes_dims_rope", json!([5, 5, 6])),
        ("flux1-dev", transformer, "axes_dims_rope", json!([8, 8])),
        ("flux1-dev", transformer, "num_layers", json!(100_000)),
        ("flux1-dev", transformer, "joint_attention_dim", json!(64)),
        ("flux1-dev", transformer, "pooled_projection_dim", json!(64)),
        ("flux1-dev", vae, "_class_name", json!("AutoencoderDC")),
        ("flux1-dev", scheduler, "_class_name", json!("DDIMScheduler")),
        ("flux1-dev", scheduler, "shift_terminal", json!(0.02)),
        ("flux1-dev", scheduler, "max_image_seq_len", json!(256)),
        ("flux1-dev", "text_encoder_2/config.json", "feed_forward_proj", json!("relu")),
        ("flux1-dev", "text_encoder_2/config.json", "relative_attention_num_buckets", json!(3)),
        ("flux1-dev", "text_encoder_2/config.json", "eos_token_id", json!(83)),
        ("flux1-dev", "model_index.json", "text_encoder_2", json!(["transformers", "UMT5EncoderModel"])),
        ("flux2-klein", transformer, "guidance_embeds", json!(true)),
        ("flux2-klein", transformer, "mlp_ratio", json!(-1)),
        ("flux2-klein", transformer, "rope_theta", json!(0)),
        ("flux2-klein", transformer, "in_channels", json!(64)),
        ("flux2-klein", transformer, "eps", json!(1e-5)),
        ("flux2-klein", vae, "patch_size", json!([1, 1])),
        ("flux2-klein", vae, "batch_norm_eps", json!(0)),
        ("flux2-klein", "text_encoder/config.json", "num_hidden_layers", json!(27)),
        ("flux2-klein", "text_encoder/config.json", "model_type", json!("qwen2")),
        ("flux2-klein", "model_index.json", "text_encoder", json!(["transformers", "Mistral3Model"])),
        ("sd35", transformer, "patch_size", json!(4)),
        ("sd35", transformer, "qk_norm", json!("layer_norm")),
        ("sd35", transformer, "caption_projection_dim", json!(64)),
        ("sd35", transformer, "dual_attention_layers", json!([0, 3])),
        ("sd35", transformer, "dual_attention_layers", json!("all")),
        ("sd35", transformer, "in_channels", json!(33)),
        ("sd35", transformer, "joint_attention_dim", json!(95)),
        ("sd35", "text_encoder/config.json", "projection_dim", json!(0)),
    ];
    for (id, file, key, value) in cases {
        let message = refusal(id, |model| set_in_file(&model.join(file), key, value.clone()));
        // Parts that do not fit each other are told at either of them.
        let at = |file: &str| message.contains(file);
        assert!(at(file) || at(transformer), "{id}, {file}, {key}: {value}: {message}");
        assert!(message.contains(&format!("`{key}`")), "{id}, {file}, {key}: {value}: {message}");
    }
}

#[test]
fn missing_components_are_named() {
    for (id, gone) in [
        ("flux1-dev", "transformer/diffusion_pytorch_model.safetensors"),
        ("flux1-dev", "text_encoder_2/model.safetensors"),
        ("flux1-dev", "tokenizer_2/tokenizer.json"),
        ("flux2-klein", "tokenizer/tokenizer.json"),
        ("flux2-klein", "vae/config.json"),
        ("sd35", "text_encoder_3/config.json"),
    ] {
        let message = refusal(id, |model| std::fs::remove_file(model.join(gone)).unwrap());
        let folder = gone.split('/').next().unwrap();
        assert!(message.contains(folder), "{id} without {gone}: {message}");
    }
}

#[test]
fn two_published_files_in_one_component_are_not_guessed_between() {
    let message = refusal("flux1-dev", |model| {
        let transformer = model.join("transformer");
        let weights = transformer.join("diffusion_pytorch_model.safetensors");
        std::fs::copy(&weights, transformer.join("one.safetensors")).unwrap();
        std::fs::rename(&weights, transformer.join("two.safetensors")).unwrap();
    });
    assert!(message.contains("`diffusion_pytorch_model.safetensors` is missing"), "{message}");
}
