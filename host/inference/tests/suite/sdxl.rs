//! The Stable Diffusion XL case: what diffusers computed from small random weights, step by step, and what its folder may
//! say.

use std::path::Path;

use candle_core::Device;
use qpyt_inference::diffusion::architecture::Architecture;
use qpyt_inference::diffusion::layout::ModelLayout;
use qpyt_inference::diffusion::painter::{Borrowed, FoundPainter, Guidance, PainterKind};
use qpyt_inference::diffusion::pipeline::Pipeline;
use qpyt_inference::diffusion::stable_diffusion::StableDiffusion;
use qpyt_inference::diffusion::unet::{AdditionConfig, BlockKind, UnetConfig};
use qpyt_inference::weights::ConfigFile;
use qpyt_inference::{
    Adapter, Control, Engine, EngineOptions, Family, ImageRequest, Observer, StepReport, scan_models,
};
use serde_json::{Value, json};

use crate::support::{copy_folder, gap, largest, own_references, patterned_picture, set_in_file, values};
use crate::unet_case::{Case, MODULE};

#[test]
fn prompts_become_states_and_a_vector_as_in_the_reference() {
    let case = Case::open("sdxl");
    let run = case.run("txt2img.euler");
    for (key, states, pooled) in [
        ("prompt", "prompt_embeds", "pooled"),
        ("negative_prompt", "negative_prompt_embeds", "negative_pooled"),
    ] {
        let read = case.model.encode_prompt(run[key].as_str().unwrap(), 0).unwrap();
        for (name, ours) in [(states, read.states), (pooled, read.pooled.unwrap())] {
            let gap = gap(&ours, &case.reference.get(name));
            println!("sdxl: {name} within {gap:.1e}");
            assert!(gap <= MODULE, "{name} differs by {gap}");
        }
    }
}

#[test]
fn every_text_to_image_run_follows_the_reference_step_by_step() {
    Case::open("sdxl").check_texts_to_images(8);
}

#[test]
fn image_to_image_follows_the_reference_step_by_step() {
    Case::open("sdxl").check_image_to_image();
}

#[test]
fn inpainting_follows_the_reference_step_by_step() {
    Case::open("sdxl").check_inpainting();
}

/// A copy of the case's folder in which keys of files are set.
fn changed(keys: &[(&str, &str, Value)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    copy_folder(&own_references().join("sdxl"), folder.path());
    for (file, key, value) in keys {
        set_in_file(&folder.path().join(file), key, value.clone());
    }
    folder
}

fn load(folder: &tempfile::TempDir) -> StableDiffusion {
    StableDiffusion::load(&ModelLayout::read(folder.path()).unwrap(), &Device::Cpu).unwrap()
}

#[test]
fn skipping_a_layer_reads_the_states_before_it_and_keeps_the_vector() {
    let model = load(&changed(&[]));
    let shortened = load(&changed(&[
        ("text_encoder/config.json", "num_hidden_layers", json!(2)),
        ("text_encoder_2/config.json", "num_hidden_layers", json!(3)),
    ]));
    let read = |model: &StableDiffusion, skip| model.encode_prompt("red fox", skip).unwrap();
    let (whole, skipped) = (read(&model, 0), read(&model, 1));
    assert_eq!(values(&skipped.states), values(&read(&shortened, 0).states));
    assert_ne!(values(&skipped.states), values(&whole.states));
    assert_eq!(values(&skipped.pooled.unwrap()), values(&whole.pooled.unwrap()));
}

#[test]
fn nothing_to_keep_away_from_is_zeros_where_the_index_says_so() {
    let nothing = |model: &StableDiffusion, negative| model.encode_negative(negative, 0).unwrap();
    let zeros = nothing(&load(&changed(&[])), " ");
    assert_eq!((largest(&zeros.states), largest(&zeros.pooled.unwrap())), (0.0, 0.0));
    let wordy = load(&changed(&[("model_index.json", "force_zeros_for_empty_prompt", json!(false))]));
    let (read, wordless) = (nothing(&wordy, ""), wordy.encode_prompt("", 0).unwrap());
    assert_eq!(values(&read.states), values(&wordless.states));
    assert_eq!(values(&read.pooled.unwrap()), values(&wordless.pooled.unwrap()));
}

#[test]
fn the_vector_is_read_at_the_first_end_mark_or_in_older_files_at_the_largest_number() {
    let pooled = |end: Value| {
        let model = load(&changed(&[("text_encoder_2/config.json", "eos_token_id", end)]));
        values(&model.encode_prompt("red fox", 0).unwrap().pooled.unwrap())
    };
    let named = pooled(json!(410));
    assert_eq!(pooled(json!(2)), named);
    assert_ne!(pooled(json!(409)), named, "409 is the start mark");
}

#[test]
fn the_pipelines_of_diffusers_are_recognised() {
    for class in
        ["StableDiffusionXLPipeline", "StableDiffusionXLImg2ImgPipeline", "StableDiffusionXLInpaintPipeline"]
    {
        let folder = changed(&[("model_index.json", "_class_name", json!(class))]);
        let found = FoundPainter::open(folder.path(), &Borrowed::new()).unwrap();
        assert_eq!(found.kind(), PainterKind::StableDiffusionXl, "{class}");
        let layout = found.read().unwrap();
        assert_eq!(layout.architecture(), Some(Architecture::StableDiffusionXl));
        let traits = layout.traits();
        assert_eq!((traits.size_multiple, traits.native_size, traits.text_layers), (4, 32, 3));
        assert_eq!(traits.guidance, Guidance::Classifier);
        let files = layout.files();
        for file in ["text_encoder_2/config.json", "tokenizer_2/tokenizer.json", "unet/config.json"] {
            assert!(files.contains(&folder.path().join(file)), "{file}");
        }
    }
}

#[test]
fn folders_whose_parts_do_not_fit_are_refused_with_the_key() {
    for (file, key, value, told) in [
        ("model_index.json", "requires_aesthetics_score", json!(true), "requires_aesthetics_score"),
        ("unet/config.json", "addition_embed_type", json!("text_image"), "`text_image` is not supported"),
        ("unet/config.json", "addition_time_embed_dim", json!(20), "leaves no room"),
        ("unet/config.json", "projection_class_embeddings_input_dim", json!(80), "takes 32 values"),
        ("unet/config.json", "cross_attention_dim", json!(64), "the text states are 96 wide"),
        ("model_index.json", "_class_name", json!("StableDiffusionPipeline"), "the text states are 32 wide"),
    ] {
        let folder = changed(&[(file, key, value)]);
        let error = ModelLayout::read(folder.path()).err().unwrap().to_string();
        assert!(error.contains(told), "{key}: {error}");
    }
}

#[test]
fn a_network_that_takes_a_vector_refuses_states_alone() {
    let model = load(&changed(&[]));
    let states = model.encode_prompt("red fox", 0).unwrap().states;
    assert!(model.unet().context(&states, None).is_err());
}

#[test]
fn the_engine_finds_the_model_and_paints_with_adapters_and_controls() {
    let folders = ["sdxl", "sdxl-lora", "sdxl-controlnet"].map(|case| own_references().join(case));
    let scan = scan_models(&folders);
    assert_eq!(scan.broken, []);
    let model = |id: &str| scan.models.iter().find(|model| model.id == id).unwrap().clone();
    assert_eq!((model("sdxl").family, Family::StableDiffusionXl.name()), (Family::StableDiffusionXl, "sdxl"));
    let control = model("sdxl-controlnet");
    assert_eq!(control.architecture, model("sdxl").architecture);

    let engine = Engine::new(EngineOptions { memory_budget: 1 << 30, threads: None }).unwrap();
    let plain = ImageRequest { guidance: 5.0, seed: 7, ..ImageRequest::new("a lighthouse", (32, 48), 3) };
    let paint = |request: ImageRequest| engine.text_to_image(&model("sdxl"), &request, &Silent).unwrap();
    let first = paint(plain.clone());
    let adapters = vec![Adapter { model: model("a.kohya"), weight: 1.0 }];
    let picture = patterned_picture(32, 48);
    let controls = vec![Control { model: control, picture, weight: 1.0, start: 0.0, end: 1.0 }];
    for changed in [
        ImageRequest { negative: "blurry".to_owned(), ..plain.clone() },
        ImageRequest { clip_skip: 1, ..plain.clone() },
        ImageRequest { adapters, ..plain.clone() },
        ImageRequest { controls, ..plain.clone() },
    ] {
        assert_ne!(paint(changed), first);
    }
    assert_eq!(paint(plain), first);
}

/// Fails on notes: nothing is left out.
struct Silent;

impl Observer for Silent {
    fn step(&self, _report: StepReport<'_>) {}
    fn part(&self, _done: usize, _parts: usize) {}
    fn text(&self, _piece: &str) {}
    fn note(&self, note: &str) {
        assert!(note.starts_with("loading"), "{note}");
    }
    fn cancelled(&self) -> bool {
        false
    }
}

#[test]
fn the_published_network_is_read_and_told_by_what_it_adds() {
    let config = json!({
        "_class_name": "UNet2DConditionModel", "act_fn": "silu", "addition_embed_type": "text_time",
        "addition_embed_type_num_heads": 64, "addition_time_embed_dim": 256,
        "attention_head_dim": [5, 10, 20], "block_out_channels": [320, 640, 1280],
        "center_input_sample": false, "class_embed_type": null, "cross_attention_dim": 2048,
        "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
        "in_channels": 4, "layers_per_block": 2, "num_attention_heads": null, "out_channels": 4,
        "projection_class_embeddings_input_dim": 2816, "sample_size": 128,
        "transformer_layers_per_block": [1, 2, 10], "upcast_attention": null,
        "up_block_types": ["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"],
        "use_linear_projection": true
    });
    let file = ConfigFile::parse(Path::new("config.json"), &config.to_string()).unwrap();
    let unet = UnetConfig::read(&file).unwrap();
    assert_eq!(unet.addition, Some(AdditionConfig { pooled_width: 1280, wave_width: 256 }));
    assert_eq!(unet.architecture(), Some(Architecture::StableDiffusionXl));
    let levels = unet.levels.iter().map(|level| (level.down, level.heads, level.transformer_layers));
    let crossed = BlockKind::CrossAttention;
    assert_eq!(levels.collect::<Vec<_>>(), [(BlockKind::Plain, 5, 1), (crossed, 10, 2), (crossed, 20, 10)]);
    assert_eq!((unet.sample_size, unet.size_multiple()), ((128, 128), 4));
}
