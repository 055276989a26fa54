//! The headers of published single files at full size: what they hold is told right, every tensor of the model is read,
//! and the dimensions are those that their publishers wrote down for diffusers.

use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;
use qpyt_inference::diffusion::architecture::Architecture;
use qpyt_inference::diffusion::control_layout::ControlLayout;
use qpyt_inference::diffusion::flux::{FluxConfig, FluxLayout};
use qpyt_inference::diffusion::layout::ModelLayout;
use qpyt_inference::diffusion::painter::PainterLayout;
use qpyt_inference::diffusion::sd3::Sd3Layout;
use qpyt_inference::diffusion::unet::UnetConfig;
use qpyt_inference::text::t5::T5Tokenizer;
use qpyt_inference::text::{ClipTokenizer, Vocabulary};
use qpyt_inference::weights::ConfigFile;
use qpyt_inference::{Family, Prediction, scan_models};
use serde_json::{Map, Value, json};

use crate::support::own_references;

/// Parts of names that training leaves behind, or that libraries note without reading them.
const LEFT_BEHIND: [&str; 7] = [
    "betas",
    "alphas_cumprod",
    "posterior_variance",
    "model_ema.",
    "position_ids",
    "logit_scale",
    "denoiser.",
];

/// Names and shapes of a published file's tensors.
pub(crate) fn tensors(name: &str) -> Vec<(String, Vec<usize>)> {
    let path = own_references().join(format!("headers/{name}.txt.gz"));
    let mut text = String::new();
    GzDecoder::new(std::fs::File::open(path).unwrap()).read_to_string(&mut text).unwrap();
    let line = |line: &str| {
        let (name, shape) = line.split_once(' ').unwrap_or((line, ""));
        let shape = shape.split('x').filter(|dim| !dim.is_empty()).map(|dim| dim.parse().unwrap());
        (name.to_owned(), shape.collect())
    };
    text.lines().map(line).collect()
}

/// A file with such a header and no data but zeros, which take no room.
pub(crate) fn write(tensors: &[(String, Vec<usize>)], path: &Path) {
    let (mut header, mut end) = (Map::new(), 0usize);
    for (name, shape) in tensors {
        let (dtype, size) = if name.ends_with("position_ids") { ("I64", 8) } else { ("F16", 2) };
        let begin = end;
        end += shape.iter().product::<usize>() * size;
        header.insert(name.clone(), json!({"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}));
    }
    let header = Value::Object(header).to_string();
    let bytes = [(header.len() as u64).to_le_bytes().as_slice(), header.as_bytes()].concat();
    std::fs::write(path, &bytes).unwrap();
    let file = std::fs::File::options().write(true).open(path).unwrap();
    file.set_len((bytes.len() + end) as u64).unwrap();
}

/// A file as [`write`] makes it, in which bitsandbytes packed matrices to 4 bits: those that `packs` says.
fn write_packed(tensors: &[(String, Vec<usize>)], path: &Path, packs: impl Fn(&str) -> bool) {
    let (mut header, mut states, mut end) = (Map::new(), Vec::new(), 0usize);
    let mut add = |name: String, dtype: &str, shape: &[usize], size: usize| {
        let begin = end;
        end += shape.iter().product::<usize>() * size;
        header.insert(name, json!({"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}));
        begin
    };
    for (name, shape) in tensors {
        if shape.len() != 2 || !packs(name) {
            add(name.clone(), "BF16", shape, 2);
            continue;
        }
        let count = shape.iter().product::<usize>();
        let state =
            json!({"quant_type": "nf4", "blocksize": 64, "dtype": "bfloat16", "shape": shape}).to_string();
        add(name.clone(), "U8", &[count / 2, 1], 1);
        add(format!("{name}.absmax"), "F32", &[count / 64], 4);
        add(format!("{name}.quant_map"), "F32", &[16], 4);
        let place = add(format!("{name}.quant_state.bitsandbytes__nf4"), "U8", &[state.len()], 1);
        states.push((place, state));
    }
    let header = Value::Object(header).to_string();
    let start = 8 + header.len();
    std::fs::write(path, [(header.len() as u64).to_le_bytes().as_slice(), header.as_bytes()].concat())
        .unwrap();
    let mut file = std::fs::File::options().write(true).open(path).unwrap();
    file.set_len((start + end) as u64).unwrap();
    for (place, state) in states {
        file.seek(SeekFrom::Start((start + place) as u64)).unwrap();
        file.write_all(state.as_bytes()).unwrap();
    }
}

/// A published file in half precision.
struct Published {
    path: PathBuf,
    /// The number of its model's weights.
    weights: u64,
    /// Bytes of them in memory: matrices and kernels as they are stored, the rest in f32.
    bytes: u64,
}

fn published(name: &str, folder: &Path) -> Published {
    let tensors = tensors(name);
    let path = folder.join(format!("{name}.safetensors"));
    write(&tensors, &path);
    let read = tensors.iter().filter(|(name, _)| !LEFT_BEHIND.iter().any(|left| name.contains(left)));
    let (mut weights, mut bytes) = (0, 0);
    for (_, shape) in read {
        weights += shape.iter().product::<usize>() as u64;
        bytes += held_bytes(shape);
    }
    Published { path, weights, bytes }
}

/// Bytes of a tensor in memory.
fn held_bytes(shape: &[usize]) -> u64 {
    let count = shape.iter().product::<usize>() as u64;
    count * if shape.len() > 1 { 2 } else { 4 }
}

fn unet(settings: Value) -> UnetConfig {
    let mut config = json!({
        "_class_name": "UNet2DConditionModel", "in_channels": 4, "out_channels": 4, "layers_per_block": 2
    });
    config.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
    UnetConfig::read(&ConfigFile::parse(Path::new("config.json"), &config.to_string()).unwrap()).unwrap()
}

fn four_levels(settings: Value) -> UnetConfig {
    let mut config = json!({
        "block_out_channels": [320, 640, 1280, 1280],
        "down_block_types":
            ["CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"],
        "up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"],
    });
    config.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
    unet(config)
}

#[test]
fn every_tensor_of_stable_diffusion_1_5_is_read_as_published() {
    let folder = tempfile::tempdir().unwrap();
    let Published { path, weights, bytes } = published("sd15", folder.path());
    let layout = ModelLayout::read(&path).unwrap();
    assert_eq!(weights, 859_520_964 + 83_653_863 + 123_060_480);
    assert_eq!(layout.weight_bytes(), bytes);
    let wanted = four_levels(json!({"cross_attention_dim": 768, "attention_head_dim": 8, "sample_size": 64}));
    assert_eq!(layout.unet, wanted);
    let traits = layout.traits();
    assert_eq!((traits.prediction, traits.native_size, traits.text_layers), (Prediction::Epsilon, 512, 12));
    assert_eq!(layout.vae.channels, [128, 256, 512, 512]);
    assert!(layout.vae.quant_conv && layout.vae.post_quant_conv && layout.vae.layers == 2);
    let scan = scan_models(&[folder.path().to_path_buf()]);
    assert_eq!((scan.models.len(), scan.models[0].family), (1, Family::StableDiffusion));
}

#[test]
fn every_tensor_of_stable_diffusion_2_1_is_read_as_published() {
    let folder = tempfile::tempdir().unwrap();
    let Published { path, bytes, .. } = published("sd21", folder.path());
    let layout = ModelLayout::read(&path).unwrap();
    let tensors = tensors("sd21");
    let unread = tensors.iter().filter(|(name, _)| {
        name.contains("cond_stage_model.model.transformer.resblocks.23.") || name.ends_with("text_projection")
    });
    let unread: u64 = unread.map(|(_, shape)| held_bytes(shape)).sum();
    assert!(unread > 25 << 20);
    assert_eq!(layout.weight_bytes(), bytes - unread);
    let settings = json!({
        "cross_attention_dim": 1024, "attention_head_dim": [5, 10, 20, 20], "use_linear_projection": true
    });
    assert_eq!(layout.unet, four_levels(settings));
    // Its last layer is not run.
    assert_eq!((layout.text.config.layers, layout.text.config.width), (23, 1024));
    assert_eq!(layout.traits().prediction, Prediction::Epsilon);
}

#[test]
fn what_networks_predict_is_told_by_marks_and_notes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("marked.safetensors");
    let mut tensors = tensors("sd21");
    tensors.push(("v_pred".to_owned(), Vec::new()));
    write(&tensors, &path);
    let traits = ModelLayout::read(&path).unwrap().traits();
    assert_eq!((traits.prediction, traits.native_size), (Prediction::Velocity, 768));
    tensors.push(("ztsnr".to_owned(), Vec::new()));
    write(&tensors, &path);
    let layout = ModelLayout::read(&path).unwrap();
    let last = layout.scheduler.table.product(999.0);
    assert!(last < 1e-6, "{last} of the picture is left in the noise");
}

#[test]
fn networks_that_inpaint_are_told_by_their_channels() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("inpaint.safetensors");
    let mut tensors = tensors("sd15");
    let first = "model.diffusion_model.input_blocks.0.0.weight";
    tensors.iter_mut().find(|(name, _)| name == first).unwrap().1[1] = 9;
    write(&tensors, &path);
    let layout = ModelLayout::read(&path).unwrap();
    assert_eq!(layout.unet.in_channels, 9);
    assert!(layout.traits().only_inpaints);
}

#[test]
fn every_tensor_of_stable_diffusion_xl_is_read_as_published() {
    let folder = tempfile::tempdir().unwrap();
    let Published { path, weights, bytes } = published("sdxl", folder.path());
    let layout = ModelLayout::read(&path).unwrap();
    assert_eq!(weights, 2_567_463_684 + 83_653_863 + 123_060_480 + 694_659_840);
    assert_eq!(layout.weight_bytes(), bytes);
    let wanted = unet(json!({
        "block_out_channels": [320, 640, 1280],
        "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
        "up_block_types": ["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"],
        "transformer_layers_per_block": [1, 2, 10],
        "cross_attention_dim": 2048,
        "attention_head_dim": [5, 10, 20],
        "use_linear_projection": true,
        "addition_embed_type": "text_time",
        "addition_time_embed_dim": 256,
        "projection_class_embeddings_input_dim": 2816,
        "sample_size": 128,
    }));
    assert_eq!(layout.unet, wanted);
    let second = &layout.second_text.as_ref().unwrap().config;
    assert_eq!((second.layers, second.heads, second.projection), (32, 20, Some(1280)));
    assert_eq!(layout.text.config.heads, 12);
}

#[test]
fn every_tensor_of_flux_1_with_its_encoders_is_read_as_published() {
    let folder = tempfile::tempdir().unwrap();
    let Published { path, bytes, .. } = published("flux1-dev", folder.path());
    let layout = FluxLayout::read(&path).unwrap();
    assert_eq!(layout.weight_bytes(), bytes);
    check_flux1_dev(&layout);
}

/// Checks a layout against the dimensions that were published.
fn check_flux1_dev(layout: &FluxLayout) {
    let published = json!({
        "_class_name": "FluxTransformer2DModel", "attention_head_dim": 128, "guidance_embeds": true,
        "in_channels": 64, "joint_attention_dim": 4096, "num_attention_heads": 24, "num_layers": 19,
        "num_single_layers": 38, "patch_size": 1, "pooled_projection_dim": 768
    });
    let published = ConfigFile::parse(Path::new("config.json"), &published.to_string()).unwrap();
    assert_eq!(layout.transformer, FluxConfig::read(&published).unwrap());
    assert_eq!((layout.t5.heads, layout.t5.head_width, layout.t5.layers), (64, 64, 24));
    assert_eq!((layout.text_tokens, layout.vae.quant_conv), (512, false));
}

#[test]
fn flux_1_that_bitsandbytes_packed_with_its_encoders_in_one_file_is_told_by_what_its_matrices_stand_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("flux1-dev-nf4.safetensors");
    let linear = |name: &str| {
        let block = name.contains("t5xxl.transformer.encoder.block.") && !name.contains("relative");
        block || name.starts_with("model.diffusion_model.")
    };
    write_packed(&tensors("flux1-dev"), &path, linear);
    let layout = FluxLayout::read(&path).unwrap();
    check_flux1_dev(&layout);
    let whole = published("flux1-dev", folder.path()).bytes;
    assert!(layout.weight_bytes() < whole / 3, "{} of {whole} bytes", layout.weight_bytes());
    let scan = scan_models(&[folder.path().to_path_buf()]);
    let families: Vec<_> = scan.models.iter().map(|model| (model.id.as_str(), model.family)).collect();
    assert_eq!(families, [("flux1-dev", Family::Flux), ("flux1-dev-nf4", Family::Flux)], "{:?}", scan.broken);
}

#[test]
fn every_tensor_of_stable_diffusion_3_5_with_its_encoders_is_read_as_published() {
    let folder = tempfile::tempdir().unwrap();
    let Published { path, bytes, .. } = published("sd35-large", folder.path());
    let layout = Sd3Layout::read(&path).unwrap();
    assert_eq!(layout.weight_bytes(), bytes);
    let transformer = &layout.transformer;
    assert_eq!((transformer.layers, transformer.width(), transformer.places), (38, 2432, 192));
    assert!(transformer.normalised && !transformer.twice.contains(&true) && !layout.distilled);
    let turbo = folder.path().join("sd3.5_large_turbo.safetensors");
    std::fs::rename(path, &turbo).unwrap();
    assert!(Sd3Layout::read(&turbo).unwrap().distilled);
}

#[test]
fn every_tensor_of_a_controlnet_is_read_under_either_names() {
    let folder = tempfile::tempdir().unwrap();
    let Published { path: makers, bytes, .. } = published("control-sd15", folder.path());
    let Published { path: diffusers, .. } = published("control-sd15-diffusers", folder.path());
    for path in [&makers, &diffusers] {
        let layout = ControlLayout::read(path).unwrap().unwrap();
        assert_eq!(layout.weight_bytes(), bytes, "{}", path.display());
        assert_eq!(layout.architecture(), Some(Architecture::StableDiffusion1));
        assert_eq!(
            (layout.config.hint_channels.as_slice(), layout.config.scale()),
            ([16, 32, 96, 256].as_slice(), 8)
        );
    }
    let read = |path: &Path| ControlLayout::read(path).unwrap().unwrap().config;
    assert_eq!(read(&makers), read(&diffusers));
    let scan = scan_models(&[folder.path().to_path_buf()]);
    assert_eq!((scan.models.len(), scan.broken.len()), (2, 0), "{:?}", scan.broken);
    assert!(scan.models.iter().all(|model| model.family == Family::ControlNet));
}

#[test]
fn flux_2_with_its_parts_apart_lacks_nothing_but_its_text_encoder() {
    let folder = tempfile::tempdir().unwrap();
    published("flux2-klein-4b", folder.path());
    published("flux2-vae", folder.path());
    let scan = scan_models(&[folder.path().to_path_buf()]);
    let [broken] = scan.broken.as_slice() else { panic!("{scan:?}") };
    assert_eq!(broken.family, Some(Family::Flux2));
    assert!(broken.message.contains("without the text encoder Qwen3;"), "{}", broken.message);
    assert!(broken.message.contains("`qpyt models pull flux.2-klein-4b-parts`"), "{}", broken.message);
}

/// Draws numbers below a bound, the same ones every time.
struct Draw(u64);

impl Draw {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % bound
    }
}

#[test]
fn headers_that_contradict_themselves_never_panic() {
    let folder = tempfile::tempdir().unwrap();
    let mut draw = Draw(7);
    let (mut usable, mut refused) = (0, 0);
    for name in ["sd15", "sd21", "sdxl", "flux1-dev", "sd35-large"] {
        let whole = tensors(name);
        for round in 0..12 {
            let mut changed = whole.clone();
            for _ in 0..1 << (round % 6) {
                let place = draw.below(changed.len());
                match draw.below(4) {
                    0 => drop(changed.swap_remove(place)),
                    1 => changed[place].1 = vec![draw.below(8); draw.below(6)],
                    2 => {
                        changed[place].0 =
                            changed[place].0.replace(|c: char| c.is_ascii_digit(), "77777777777777777777")
                    }
                    _ => {
                        let other = draw.below(changed.len());
                        let shape = changed[other].1.clone();
                        changed[place].1 = shape;
                    }
                }
            }
            changed.sort();
            changed.dedup_by(|a, b| a.0 == b.0);
            write(&changed, &folder.path().join("changed.safetensors"));
            let scan = scan_models(&[folder.path().to_path_buf()]);
            usable += scan.models.len();
            refused += scan.broken.len();
            assert!(
                scan.broken.iter().all(|broken| broken.message.contains("changed.safetensors")),
                "{scan:?}"
            );
        }
    }
    println!("{usable} still look whole, {refused} were refused");
    assert!(refused > 0, "nothing was refused");
}

#[test]
fn a_tensor_that_tells_dimensions_and_has_none_is_named() {
    let folder = tempfile::tempdir().unwrap();
    for (file, name) in [
        ("sd15", "model.diffusion_model.middle_block.1.transformer_blocks.0.attn2.to_k.weight"),
        ("sd15", "model.diffusion_model.input_blocks.4.0.out_layers.3.weight"),
        ("sd15", "first_stage_model.encoder.down.2.block.0.conv1.weight"),
        ("sdxl", "conditioner.embedders.1.model.transformer.resblocks.0.mlp.c_fc.weight"),
        ("flux1-dev", "model.diffusion_model.vector_in.in_layer.weight"),
        ("flux1-dev", "text_encoders.t5xxl.transformer.encoder.block.0.layer.1.DenseReluDense.wi_0.weight"),
        ("sd35-large", "model.diffusion_model.pos_embed"),
    ] {
        let mut tensors = tensors(file);
        tensors.iter_mut().find(|(own, _)| own == name).unwrap().1.clear();
        write(&tensors, &folder.path().join("changed.safetensors"));
        let scan = scan_models(&[folder.path().to_path_buf()]);
        let [broken] = scan.broken.as_slice() else { panic!("{name}: {:?}", scan.models) };
        let told = broken.message.contains("changed.safetensors") && broken.family.is_some();
        let named = broken.message.contains(name) || broken.message.contains("attention at its bottom");
        assert!(told && named, "{name}: {broken:?}");
    }
}

#[test]
fn prompts_become_the_published_tokens() {
    let folder = tempfile::tempdir().unwrap();
    let Published { path, .. } = published("flux1-dev", folder.path());
    let layout = FluxLayout::read(&path).unwrap();
    for (vocabulary, filler) in [(Vocabulary::Clip, 49_407), (Vocabulary::OpenClip, 0)] {
        let window =
            ClipTokenizer::load(vocabulary, &layout.clip).unwrap().window("A photo of a CAT").unwrap();
        assert_eq!(window.ids[..8], [49_406, 320, 1_125, 539, 320, 2_368, 49_407, filler]);
        assert_eq!((window.ids.len(), window.dropped), (77, 0));
    }
    let window = T5Tokenizer::load(Vocabulary::T5, &layout.t5).unwrap().window("Hello world", 6).unwrap();
    assert_eq!(window.ids, [8_774, 296, 1, 0, 0, 0]);
}
