//! Models in one file with the names of their makers paint what the same weights paint under the names of diffusers, bit
//! for bit.

use std::path::{Path, PathBuf};

use candle_core::{Device, Tensor};
use qpyt_inference::diffusion::checkpoint::Checkpoint;
use qpyt_inference::{
    Control, Engine, EngineOptions, Family, ImageRequest, InstalledModel, ModelScan, Observer, Picture,
    StepReport, scan_models,
};
use tempfile::TempDir;

use crate::bitsandbytes::packed;
use crate::flow::FlowCase;
use crate::original_layouts::{flux_original, flux2_original, sd3_original};
use crate::original_names::{Tensors, below, hint, load, open_clip, unet, vae};
use crate::pickled::{Numbers, checkpoint};
use crate::support::{copy_folder, patterned_picture, reference_folder, values};

/// Listens to nothing.
struct Silent;

impl Observer for Silent {
    fn step(&self, _report: StepReport<'_>) {}
    fn part(&self, _done: usize, _parts: usize) {}
    fn text(&self, _piece: &str) {}
    fn note(&self, note: &str) {
        println!("note: {note}");
    }
    fn cancelled(&self) -> bool {
        false
    }
}

pub(crate) fn engine() -> Engine {
    Engine::new(EngineOptions { memory_budget: 2 << 30, threads: None }).unwrap()
}

pub(crate) fn request(prompt: &str) -> ImageRequest {
    ImageRequest {
        negative: "blurry".to_owned(),
        guidance: 4.0,
        seed: 11,
        ..ImageRequest::new(prompt, (32, 32), 3)
    }
}

fn find(scan: &ModelScan, id: &str) -> InstalledModel {
    let found = scan.models.iter().find(|model| model.id == id);
    found.unwrap_or_else(|| panic!("{id}: {:?}", scan.broken)).clone()
}

pub(crate) fn paint(folder: &Path, id: &str) -> Picture {
    let model = find(&scan_models(&[folder.to_path_buf()]), id);
    engine().text_to_image(&model, &request("a cat on a chair"), &Silent).unwrap()
}

/// A copy of a case's model without the weights of some components.
fn without_weights(case: &str, components: &[&str]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join(case);
    copy_folder(&reference_folder().join(case), &model);
    for component in components {
        for entry in std::fs::read_dir(model.join(component)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|ending| ending == "safetensors") {
                std::fs::remove_file(path).unwrap();
            }
        }
    }
    folder
}

fn component(case: &str, component: &str) -> Tensors {
    let folder = reference_folder().join(case).join(component);
    let names = ["diffusion_pytorch_model.safetensors", "model.safetensors"];
    load(&names.map(|name| folder.join(name)).into_iter().find(|path| path.is_file()).unwrap())
}

fn save(tensors: &Tensors, path: &Path) -> PathBuf {
    candle_core::safetensors::save(tensors, path).unwrap();
    path.to_path_buf()
}

const PARTS: [&str; 3] = ["unet", "vae", "text_encoder"];

/// The case of Stable Diffusion 1 as one file.
fn sd15() -> Tensors {
    let mut tensors = below("model.diffusion_model.", unet(component("sd15", "unet")));
    tensors.extend(below("first_stage_model.", vae(component("sd15", "vae"))));
    tensors.extend(below("cond_stage_model.transformer.", component("sd15", "text_encoder")));
    tensors
}

/// The case of Stable Diffusion XL as one file.
fn sdxl() -> Tensors {
    let mut tensors = below("model.diffusion_model.", unet(component("sdxl", "unet")));
    tensors.extend(below("first_stage_model.", vae(component("sdxl", "vae"))));
    tensors.extend(below("conditioner.embedders.0.transformer.", component("sdxl", "text_encoder")));
    tensors.extend(below("conditioner.embedders.1.model.", open_clip(component("sdxl", "text_encoder_2"))));
    tensors
}

#[test]
fn stable_diffusion_in_one_file_paints_what_the_folder_paints() {
    let whole = paint(&reference_folder(), "sd15");
    let folder = without_weights("sd15", &PARTS);
    save(&sd15(), &folder.path().join("sd15/model.safetensors"));
    assert_eq!(paint(folder.path(), "sd15"), whole);
}

#[test]
fn stable_diffusion_in_a_trainers_checkpoint_paints_what_the_folder_paints() {
    let whole = paint(&reference_folder(), "sd15");
    let folder = without_weights("sd15", &PARTS);
    let mut tensors = sd15();
    // What trainers leave behind: averages of the weights, and noise tables.
    let average = Tensor::zeros(3, candle_core::DType::F32, &Device::Cpu).unwrap();
    tensors.insert("model_ema.diffusion_modeltime_embed0bias".to_owned(), average.clone());
    tensors.insert("betas".to_owned(), average);
    for numbers in [Numbers::Narrow, Numbers::Wide] {
        std::fs::write(folder.path().join("sd15/model.ckpt"), checkpoint(&tensors, numbers)).unwrap();
        assert_eq!(paint(folder.path(), "sd15"), whole, "{numbers:?}");
    }
}

#[test]
fn stable_diffusion_xl_in_one_file_paints_what_the_folder_paints() {
    let whole = paint(&reference_folder(), "sdxl");
    let folder = without_weights("sdxl", &["unet", "vae", "text_encoder", "text_encoder_2"]);
    save(&sdxl(), &folder.path().join("sdxl/model.safetensors"));
    assert_eq!(paint(folder.path(), "sdxl"), whole);
}

#[test]
fn networks_that_inpaint_are_read_from_one_file() {
    let fill = |folder: &Path| {
        let model = find(&scan_models(&[folder.to_path_buf()]), "sd15");
        assert!(model.painting.unwrap().only_inpaints);
        let source = patterned_picture(32, 32);
        let mask: Vec<u8> = (0..32 * 32).map(|i| if i % 32 < 16 { 255 } else { 0 }).collect();
        engine().inpaint(&model, &request("a cat"), &source, &mask, 1.0, &Silent).unwrap()
    };
    let network = reference_folder().join("sd15-inpaint9/unet");
    let folder = without_weights("sd15", &[]);
    copy_folder(&network, &folder.path().join("sd15/unet"));
    let whole = fill(folder.path());
    let folder = without_weights("sd15", &PARTS);
    std::fs::copy(network.join("config.json"), folder.path().join("sd15/unet/config.json")).unwrap();
    let mut tensors = sd15();
    tensors.extend(below("model.diffusion_model.", unet(component("sd15-inpaint9", "unet"))));
    save(&tensors, &folder.path().join("sd15/model.safetensors"));
    assert_eq!(fill(folder.path()), whole);
}

/// Checks that a case of a transformer paints the same from its folder and from one file beside its index, which holds the
/// transformer under a prefix, the autoencoder, and the text encoders by what their names begin with.
fn check_transformer(case: &str, transformer: Tensors, encoders: &[(&str, &str)]) {
    let encoders: Vec<_> =
        encoders.iter().map(|(part, prefix)| (*part, *prefix, component(case, part))).collect();
    assert_eq!(paint_one_file(case, transformer, &encoders), paint(&reference_folder(), case));
}

/// What a case paints from one file beside its index; of the text encoders are given the names of their components, what
/// their tensors' names begin with, and the tensors.
fn paint_one_file(case: &str, transformer: Tensors, encoders: &[(&str, &str, Tensors)]) -> Picture {
    let mut components = vec!["transformer", "vae"];
    components.extend(encoders.iter().map(|(component, ..)| *component));
    let folder = without_weights(case, &components);
    let mut tensors = below("model.diffusion_model.", transformer);
    tensors.extend(below("vae.", vae(component(case, "vae"))));
    for (_, prefix, encoder) in encoders {
        tensors.extend(below(prefix, encoder.clone()));
    }
    save(&tensors, &folder.path().join(case).join("model.safetensors"));
    paint(folder.path(), case)
}

#[test]
fn flux_packed_to_four_bits_in_one_file_with_all_its_parts_paints_what_its_packed_folder_paints() {
    let case = "flux1-dev";
    let folder = without_weights(case, &["transformer", "text_encoder_2"]);
    let model = folder.path().join(case);
    let t5 = packed(&component(case, "text_encoder_2"));
    let transformer = packed(&component(case, "transformer"));
    save(&transformer, &model.join("transformer/diffusion_pytorch_model.safetensors"));
    save(&t5, &model.join("text_encoder_2/model.safetensors"));
    let whole = paint(folder.path(), case);
    assert_ne!(whole, paint(&reference_folder(), case));
    let encoders = [
        ("text_encoder", "text_encoders.clip_l.transformer.", component(case, "text_encoder")),
        ("text_encoder_2", "text_encoders.t5xxl.transformer.", t5),
    ];
    let one_file = paint_one_file(case, packed(&flux_original(&FlowCase::open(case))), &encoders);
    assert_eq!(one_file, whole);
}

#[test]
fn transformers_in_one_file_with_all_their_parts_paint_what_their_folders_paint() {
    check_transformer(
        "flux1-dev",
        flux_original(&FlowCase::open("flux1-dev")),
        &[
            ("text_encoder", "text_encoders.clip_l.transformer."),
            ("text_encoder_2", "text_encoders.t5xxl.transformer."),
        ],
    );
    check_transformer(
        "flux2-klein",
        flux2_original(&FlowCase::open("flux2-klein")),
        &[("text_encoder", "text_encoders.qwen3_4b.transformer.")],
    );
    check_transformer(
        "sd35",
        sd3_original(&FlowCase::open("sd35")),
        &[
            ("text_encoder", "text_encoders.clip_l.transformer."),
            ("text_encoder_2", "text_encoders.clip_g.transformer."),
            ("text_encoder_3", "text_encoders.t5xxl.transformer."),
        ],
    );
}

/// A tensor as a file holds it.
struct Stored {
    name: String,
    shape: Vec<usize>,
    dtype: &'static str,
    bytes: Vec<u8>,
}

/// Eight-bit floats with a factor for each tensor, or none, and what they stand for.
fn in_eight_bits(tensors: Tensors, scaled: bool) -> (Vec<Stored>, Tensors) {
    let factor = if scaled { 0.5f32 } else { 1.0 };
    let (mut stored, mut meant) = (Vec::new(), Tensors::new());
    for (name, tensor) in tensors {
        let (values, shape) = (values(&tensor), tensor.dims().to_vec());
        if !name.ends_with(".weight") || shape.len() < 2 {
            let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
            stored.push(Stored { name: name.clone(), shape, dtype: "F32", bytes });
            meant.insert(name, tensor);
            continue;
        }
        let bytes: Vec<u8> = values.iter().map(|value| nearest_e4m3(value / factor)).collect();
        let back: Vec<f32> = bytes.iter().map(|byte| e4m3(*byte) * factor).collect();
        meant.insert(name.clone(), Tensor::from_vec(back, shape.as_slice(), &Device::Cpu).unwrap());
        if scaled {
            let name = format!("{}scale_weight", name.strip_suffix("weight").unwrap());
            let bytes = factor.to_le_bytes().to_vec();
            stored.push(Stored { name, shape: Vec::new(), dtype: "F32", bytes });
        }
        stored.push(Stored { name, shape, dtype: "F8_E4M3", bytes });
    }
    (stored, meant)
}

/// The value of an eight-bit float, by its definition in words: sign, four bits of exponent, three of fraction.
fn e4m3(byte: u8) -> f32 {
    let (exponent, fraction) = (i32::from(byte >> 3 & 15), f32::from(byte & 7) / 8.0);
    let value =
        if exponent == 0 { fraction * 2f32.powi(-6) } else { (1.0 + fraction) * 2f32.powi(exponent - 7) };
    if byte & 0x80 == 0 { value } else { -value }
}

fn nearest_e4m3(value: f32) -> u8 {
    let distance = |byte: &u8| (e4m3(*byte) - value).abs();
    (0..=255u8).filter(|byte| byte & 0x7f != 0x7f).min_by(|a, b| distance(a).total_cmp(&distance(b))).unwrap()
}

fn write_safetensors(tensors: &[Stored], path: &Path) {
    let (mut header, mut data) = (serde_json::Map::new(), Vec::new());
    for Stored { name, shape, dtype, bytes } in tensors {
        let offsets = [data.len(), data.len() + bytes.len()];
        let entry = serde_json::json!({"dtype": dtype, "shape": shape, "data_offsets": offsets});
        header.insert(name.clone(), entry);
        data.extend(bytes);
    }
    let header = serde_json::Value::Object(header).to_string();
    let length = (header.len() as u64).to_le_bytes();
    std::fs::write(path, [length.as_slice(), header.as_bytes(), &data].concat()).unwrap();
}

#[test]
fn eight_bit_floats_are_their_values_times_their_factors() {
    for scaled in [false, true] {
        let folder = without_weights("sd15", &PARTS);
        let path = folder.path().join("sd15/model.safetensors");
        let (stored, meant) = in_eight_bits(sd15(), scaled);
        save(&meant, &path);
        let widened = paint(folder.path(), "sd15");
        write_safetensors(&stored, &path);
        assert_eq!(paint(folder.path(), "sd15"), widened, "scaled: {scaled}");
        assert_ne!(widened, paint(&reference_folder(), "sd15"), "nothing was rounded");
    }
}

/// The case's ControlNet under the names of its makers.
fn control() -> Tensors {
    let tensors = load(&reference_folder().join("sd15-controlnet/diffusion_pytorch_model.safetensors"));
    let block = |number: &usize| format!("controlnet_cond_embedding.blocks.{number}.weight");
    let blocks = (0..).take_while(|number| tensors.contains_key(&block(number))).count();
    let (hints, rest): (Tensors, Tensors) =
        tensors.into_iter().partition(|(name, _)| name.starts_with("controlnet_cond_embedding."));
    let mut makers = unet(rest);
    makers.extend(hints.into_iter().map(|(name, tensor)| (hint(&name, blocks).unwrap(), tensor)));
    below("control_model.", makers)
}

#[test]
fn a_controlnet_under_its_makers_names_steers_as_it_does_under_those_of_diffusers() {
    let steered = |folder: &Path| {
        let scan = scan_models(&[folder.to_path_buf(), reference_folder()]);
        let control = Control {
            model: find(&scan, "sd15-controlnet"),
            picture: patterned_picture(32, 32),
            weight: 1.0,
            start: 0.0,
            end: 1.0,
        };
        let request = ImageRequest { controls: vec![control], ..request("a cat") };
        engine().text_to_image(&find(&scan, "sd15"), &request, &Silent).unwrap()
    };
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("sd15-controlnet");
    std::fs::create_dir(&model).unwrap();
    std::fs::copy(reference_folder().join("sd15-controlnet/config.json"), model.join("config.json")).unwrap();
    save(&control(), &model.join("control.safetensors"));
    assert_eq!(steered(folder.path()), steered(&reference_folder()));
}

#[test]
fn a_controlnet_in_one_file_is_found_as_such() {
    let folder = tempfile::tempdir().unwrap();
    save(&control(), &folder.path().join("makers.safetensors"));
    let diffusers = reference_folder().join("sd15-controlnet/diffusion_pytorch_model.safetensors");
    std::fs::copy(diffusers, folder.path().join("diffusers.safetensors")).unwrap();
    let scan = scan_models(&[folder.path().to_path_buf()]);
    // Its norms have fewer groups than published ones, which a file can't tell.
    assert_eq!(scan.broken.len(), 2, "{scan:?}");
    for broken in &scan.broken {
        assert_eq!(broken.family, Some(Family::ControlNet));
        assert!(broken.message.contains("32 groups do not divide"), "{}", broken.message);
    }
}

#[test]
fn files_that_can_not_be_run_say_what_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let refused = |tensors: &[(&str, &[usize])]| {
        let path = folder.path().join("model.safetensors");
        let zeros = |shape: &[usize]| Tensor::zeros(shape, candle_core::DType::F32, &Device::Cpu).unwrap();
        let tensors: Tensors =
            tensors.iter().map(|(name, shape)| ((*name).to_owned(), zeros(shape))).collect();
        save(&tensors, &path);
        let error = Checkpoint::open(&path).err().unwrap_or_else(|| panic!("{tensors:?} was taken"));
        error.to_string()
    };
    let unet = |told: usize, inputs: usize| {
        refused(&[
            ("model.diffusion_model.input_blocks.0.0.weight", &[8, inputs, 3, 3]),
            ("model.diffusion_model.out.2.weight", &[4, 8, 3, 3]),
            ("model.diffusion_model.label_emb.0.0.weight", &[8, told]),
        ])
    };
    assert!(unet(2560, 4).contains("is the refiner of Stable Diffusion XL, which this version can't run"));
    assert!(unet(2816, 8).contains("InstructPix2Pix"));
    assert!(refused(&[("cap_embedder.0.weight", &[4])]).contains("Z-Image"));
    assert!(refused(&[("model.diffusion_model.txtfusion.projector.weight", &[4])]).contains("Krea 2"));
    assert!(
        refused(&[("model.diffusion_model.input_blocks.1.0.time_stack.in_layers.0.weight", &[4])])
            .contains("Stable Video Diffusion")
    );
    assert!(
        refused(&[("transformer_blocks.0.attn.norm_added_k.weight", &[4])]).contains("as diffusers saves it")
    );
}
