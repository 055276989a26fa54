//! Finding models, and refusing those whose configuration or files this engine cannot compute exactly.

use std::path::{Path, PathBuf};

use candle_core::Device;
use qpyt_inference::diffusion::layout::ModelLayout;
use qpyt_inference::diffusion::pipeline::Pipeline;
use qpyt_inference::diffusion::stable_diffusion::StableDiffusion;
use qpyt_inference::text::ClipTokenizer;
use qpyt_inference::{Family, Prediction, scan_models};
use serde_json::{Value, json};

use crate::support::{copy_folder, own_references, values};

/// A copy of the small reference model that a test may spoil.
struct Copy(tempfile::TempDir);

impl Copy {
    fn new() -> Self {
        let copy = Self(tempfile::tempdir().unwrap());
        copy_folder(&own_references().join("sd15"), &copy.folder());
        copy
    }

    fn folder(&self) -> PathBuf {
        self.0.path().join("model")
    }

    fn set(&self, file: &str, key: &str, value: Value) {
        let path = self.folder().join(file);
        let mut config: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        config[key] = value;
        std::fs::write(path, config.to_string()).unwrap();
    }

    /// Why the only model of the folder is refused.
    fn refusal(&self) -> String {
        let scan = scan_models(&[self.0.path().to_path_buf()]);
        assert!(scan.models.is_empty(), "the model was accepted");
        scan.broken.into_iter().next().unwrap().message
    }
}

#[test]
fn a_model_is_described_from_its_configuration() {
    let scan = scan_models(&[own_references(), PathBuf::from("/nowhere")]);
    let model = scan.models.iter().find(|m| m.id == "sd15").unwrap();
    assert_eq!((model.label.as_str(), model.family), ("Sd15", Family::StableDiffusion));
    let traits = model.painting.unwrap();
    assert_eq!((traits.size_multiple, traits.native_size), (4, 32));
    assert_eq!(traits.prediction, Prediction::Epsilon);
    let names: Vec<_> = model.files().iter().map(|f| f.strip_prefix(&model.path).unwrap()).collect();
    for name in ["model_index.json", "unet/diffusion_pytorch_model.safetensors", "tokenizer/tokenizer.json"] {
        assert!(names.contains(&Path::new(name)), "{name} is not in {names:?}");
    }
    let bytes: u64 = model.files().iter().map(|f| f.metadata().unwrap().len()).sum();
    assert_eq!(model.bytes, bytes);
}

#[test]
fn models_are_looked_for_three_folders_deep_and_once_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let source = own_references().join("sd15");
    copy_folder(&source, &folder.path().join("a/b/near"));
    copy_folder(&source, &folder.path().join("a/b/c/far"));
    copy_folder(&source, &folder.path().join("twin"));
    copy_folder(&source, &folder.path().join("z/twin"));
    let scan = scan_models(&[folder.path().to_path_buf()]);
    assert_eq!(scan.models.iter().map(|m| m.id.as_str()).collect::<Vec<_>>(), ["near", "twin"]);
    assert_eq!(scan.broken.len(), 1);
    assert!(scan.broken[0].message.contains("already a model `twin`"));
}

#[test]
fn settings_that_would_change_the_mathematics_are_refused_by_file_and_key() {
    let unet = "unet/config.json";
    let scheduler = "scheduler/scheduler_config.json";
    for (file, key, value) in [
        ("model_index.json", "_class_name", json!("StableDiffusionUpscalePipeline")),
        ("model_index.json", "text_encoder", json!(["transformers", "T5EncoderModel"])),
        (unet, "_class_name", json!("UNet3DConditionModel")),
        (unet, "act_fn", json!("mish")),
        (unet, "down_block_types", json!(["CrossAttnDownBlock2D", "AttnDownBlock2D"])),
        (unet, "up_block_types", json!(["UpBlock2D", "SimpleCrossAttnUpBlock2D"])),
        (unet, "mid_block_type", json!("UNetMidBlock2DSimpleCrossAttn")),
        (unet, "addition_embed_type", json!("text_image")),
        (unet, "class_embed_type", json!("timestep")),
        (unet, "num_class_embeds", json!(10)),
        (unet, "encoder_hid_dim", json!(64)),
        (unet, "time_cond_proj_dim", json!(256)),
        (unet, "resnet_time_scale_shift", json!("scale_shift")),
        (unet, "only_cross_attention", json!(true)),
        (unet, "in_channels", json!(8)),
        (unet, "norm_num_groups", json!(7)),
        (unet, "attention_head_dim", json!([2, 3])),
        (unet, "attention_head_dim", json!([2, 4, 8])),
        (unet, "block_out_channels", json!([])),
        (unet, "transformer_layers_per_block", json!([[1], [2]])),
        ("vae/config.json", "up_block_types", json!(["UpDecoderBlock2D", "AttnUpDecoderBlock2D"])),
        ("vae/config.json", "shift_factor", json!(0.1)),
        ("vae/config.json", "latents_mean", json!([0, 0, 0, 0])),
        ("vae/config.json", "scaling_factor", json!(0)),
        ("text_encoder/config.json", "hidden_act", json!("relu")),
        (unet, "cross_attention_dim", json!(64)),
        (scheduler, "_class_name", json!("CogVideoXDDIMScheduler")),
        (scheduler, "prediction_type", json!("sample")),
        (scheduler, "beta_schedule", json!("sigmoid")),
        (scheduler, "thresholding", json!(true)),
        (scheduler, "timestep_spacing", json!("even")),
        (scheduler, "num_train_timesteps", json!(0)),
    ] {
        let copy = Copy::new();
        copy.set(file, key, value.clone());
        let message = copy.refusal();
        assert!(message.contains(file), "{file}, {key}: {value}: {message}");
        assert!(message.contains(&format!("`{key}`")), "{file}, {key}: {value}: {message}");
    }
}

#[test]
fn a_missing_or_truncated_file_is_reported_by_name() {
    for file in [
        "unet/config.json",
        "vae/diffusion_pytorch_model.safetensors",
        "text_encoder/model.safetensors",
        "scheduler/scheduler_config.json",
    ] {
        let copy = Copy::new();
        let path = copy.folder().join(file);
        let content = std::fs::read(&path).unwrap();
        std::fs::write(&path, &content[..content.len() / 2]).unwrap();
        assert!(copy.refusal().contains(file), "{file} cut in half");
        std::fs::remove_file(&path).unwrap();
        let parent = path.parent().unwrap().to_string_lossy().into_owned();
        assert!(copy.refusal().contains(&parent), "{file} removed");
    }
}

#[test]
fn tokenizers_that_do_not_fit_the_text_encoder_are_refused() {
    let copy = Copy::new();
    let tokenizer = copy.folder().join("tokenizer");
    let load = || ClipTokenizer::load(&tokenizer, &ModelLayout::read(&copy.folder()).unwrap().text.config);
    copy.set("text_encoder/config.json", "vocab_size", json!(400));
    let error = load().err().unwrap().to_string();
    assert!(error.contains("411 tokens") && error.contains("400"), "{error}");
    copy.set("text_encoder/config.json", "vocab_size", json!(411));
    copy.set("tokenizer/tokenizer_config.json", "pad_token", json!({"content": "<|none|>"}));
    assert!(load().err().unwrap().to_string().contains("`<|none|>` (pad_token)"));
    for name in ["tokenizer.json", "vocab.json"] {
        std::fs::remove_file(tokenizer.join(name)).unwrap();
    }
    assert!(copy.refusal().contains("has neither `tokenizer.json`"));
}

#[test]
fn padding_is_the_token_that_the_tokenizer_names() {
    let copy = Copy::new();
    copy.set("tokenizer/tokenizer_config.json", "pad_token", json!("!"));
    let layout = ModelLayout::read(&copy.folder()).unwrap();
    let window = ClipTokenizer::load(&copy.folder().join("tokenizer"), &layout.text.config)
        .unwrap()
        .window("")
        .unwrap();
    assert_eq!((window.ids.len(), &window.ids[..3]), (77, [409, 410, 0].as_slice()));
}

#[test]
fn weights_that_do_not_fit_the_configuration_are_refused_with_both_shapes() {
    let copy = Copy::new();
    copy.set("unet/config.json", "layers_per_block", json!(3));
    let layout = ModelLayout::read(&copy.folder()).unwrap();
    let error = StableDiffusion::load(&layout, &Device::Cpu).err().unwrap().to_string();
    assert!(error.contains("has no tensor `down_blocks.0.resnets.2."), "{error}");

    let copy = Copy::new();
    copy.set("vae/config.json", "block_out_channels", json!([16, 64]));
    let layout = ModelLayout::read(&copy.folder()).unwrap();
    let error = StableDiffusion::load(&layout, &Device::Cpu).err().unwrap().to_string();
    assert!(error.contains("[64") && error.contains("[32"), "{error}");
}

#[test]
fn text_encoders_without_the_outer_name_are_loaded_as_well() {
    let copy = Copy::new();
    let path = copy.folder().join("text_encoder/model.safetensors");
    let content = std::fs::read(&path).unwrap();
    let length = u64::from_le_bytes(content[..8].try_into().unwrap()) as usize;
    let header = String::from_utf8(content[8..8 + length].to_vec()).unwrap().replace("text_model.", "");
    let rewritten =
        [(header.len() as u64).to_le_bytes().as_slice(), header.as_bytes(), &content[8 + length..]].concat();
    std::fs::write(&path, rewritten).unwrap();
    let states = |folder: &Path| {
        let model = StableDiffusion::load(&ModelLayout::read(folder).unwrap(), &Device::Cpu).unwrap();
        values(&model.encode_prompt("red fox", 0).unwrap().states)
    };
    assert_eq!(states(&copy.folder()), states(&own_references().join("sd15")));
}

#[test]
fn heads_and_layers_may_be_given_per_level() {
    let copy = Copy::new();
    for (key, value) in [
        ("attention_head_dim", json!([2, 2])),
        ("layers_per_block", json!([2, 2])),
        ("transformer_layers_per_block", json!([1, 1])),
        ("cross_attention_dim", json!([32, 32])),
        ("sample_size", json!([16, 24])),
    ] {
        copy.set("unet/config.json", key, value);
    }
    let layout = ModelLayout::read(&copy.folder()).unwrap();
    assert_eq!(layout.native_size(), (32, 48));
    StableDiffusion::load(&layout, &Device::Cpu).unwrap();
}
