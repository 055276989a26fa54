//! Models whose network, text encoders and autoencoder lie in files of their own: the scan brings them together, and says
//! what is missing and where to get it.

use std::path::Path;

use candle_core::quantized::gguf_file::{self, Value};
use candle_core::quantized::{GgmlDType, QTensor};
use qpyt_inference::{Family, scan_models};

use crate::original_names::{Tensors, below};
use crate::published_files::{tensors as published_tensors, write as write_header};
use crate::single_files::paint;
use crate::small_model::{Drawer, autoencoder, network, text_encoder, whole};
use crate::support::{copy_folder, own_references};

fn save(tensors: &Tensors, path: &Path) {
    candle_core::safetensors::save(tensors, path).unwrap();
}

#[test]
fn one_file_holds_a_whole_model_and_reads_prompts_with_clips_vocabulary() {
    let folder = tempfile::tempdir().unwrap();
    save(&whole(), &folder.path().join("small.safetensors"));
    let scan = scan_models(&[folder.path().to_path_buf()]);
    assert!(scan.broken.is_empty(), "{:?}", scan.broken);
    let model = &scan.models[0];
    assert_eq!((model.family, model.files().len()), (Family::StableDiffusion, 1));
    assert_eq!(model.painting.unwrap().size_multiple, 4);
    let picture = paint(folder.path(), &model.id);
    assert_eq!(picture, paint(folder.path(), &model.id));
    assert!(picture.rgb.iter().any(|byte| *byte != picture.rgb[0]), "a picture of one colour");
}

#[test]
fn parts_in_files_of_their_own_paint_what_the_whole_file_paints() {
    let one = tempfile::tempdir().unwrap();
    save(&whole(), &one.path().join("small.safetensors"));
    let apart = tempfile::tempdir().unwrap();
    std::fs::create_dir(apart.path().join("parts")).unwrap();
    save(&below("model.diffusion_model.", network()), &apart.path().join("network.safetensors"));
    save(&autoencoder(), &apart.path().join("parts/vae.safetensors"));
    save(&text_encoder(), &apart.path().join("parts/clip_l.safetensors"));
    let scan = scan_models(&[apart.path().to_path_buf()]);
    let ids: Vec<_> = scan.models.iter().map(|model| model.id.as_str()).collect();
    assert_eq!((ids.len(), scan.broken.len()), (1, 0), "{scan:?}");
    assert_eq!(scan.models[0].files().len(), 3);
    let id = one.path().file_name().unwrap().to_str().unwrap();
    let whole_id = scan_models(&[one.path().to_path_buf()]).models[0].id.clone();
    assert!(whole_id == "small" || whole_id == id);
    assert_eq!(paint(apart.path(), ids[0]), paint(one.path(), &whole_id));
}

#[test]
fn a_network_alone_borrows_from_a_whole_model_of_its_kind() {
    let folder = tempfile::tempdir().unwrap();
    save(&whole(), &folder.path().join("whole.safetensors"));
    save(&network(), &folder.path().join("network.safetensors"));
    let scan = scan_models(&[folder.path().to_path_buf()]);
    assert_eq!((scan.models.len(), scan.broken.len()), (2, 0), "{:?}", scan.broken);
    assert_eq!(paint(folder.path(), "network"), paint(folder.path(), "whole"));
}

#[test]
fn quantised_networks_keep_the_shapes_that_did_not_fit_blocks() {
    let folder = tempfile::tempdir().unwrap();
    save(&whole(), &folder.path().join("whole.safetensors"));
    let mut keys = vec![("general.architecture".to_owned(), Value::String("sd1".to_owned()))];
    let mut stored = Vec::new();
    for (name, tensor) in network() {
        // As the usual converter does it: what does not divide into blocks is written in rows that do.
        let rows =
            tensor.rank() > 1 && tensor.elem_count() % 256 == 0 && tensor.dims()[tensor.rank() - 1] != 256;
        if rows {
            let shape = tensor.dims().iter().map(|dim| Value::I32(*dim as i32)).collect();
            keys.push((format!("comfy.gguf.orig_shape.{name}"), Value::Array(shape)));
        }
        let tensor = if rows { tensor.reshape(((), 256)).unwrap() } else { tensor };
        stored.push((name, QTensor::quantize(&tensor, GgmlDType::F32).unwrap()));
    }
    let keys: Vec<_> = keys.iter().map(|(name, value)| (name.as_str(), value)).collect();
    let named: Vec<_> = stored.iter().map(|(name, tensor)| (name.as_str(), tensor)).collect();
    let mut file = std::fs::File::create(folder.path().join("network.gguf")).unwrap();
    gguf_file::write(&mut file, &keys, &named).unwrap();
    assert_eq!(paint(folder.path(), "network"), paint(folder.path(), "whole"));
}

#[test]
fn what_is_missing_is_named_with_the_way_to_get_it() {
    let folder = tempfile::tempdir().unwrap();
    save(&network(), &folder.path().join("network.safetensors"));
    save(&text_encoder(), &folder.path().join("clip_l.safetensors"));
    let scan = scan_models(&[folder.path().to_path_buf()]);
    assert!(scan.models.is_empty());
    let [broken] = scan.broken.as_slice() else { panic!("{scan:?}") };
    assert_eq!(broken.family, Some(Family::StableDiffusion));
    for part in
        ["network.safetensors", "without the autoencoder (VAE);", "`qpyt models pull ", "sd-vae-ft-mse"]
    {
        assert!(broken.message.contains(part), "{part}: {}", broken.message);
    }
    save(&autoencoder(), &folder.path().join("vae.safetensors"));
    assert_eq!(scan_models(&[folder.path().to_path_buf()]).models.len(), 1);
}

#[test]
fn parts_of_the_large_families_are_fetched_together() {
    let folder = tempfile::tempdir().unwrap();
    for (name, entry, parts) in [
        ("flux1-dev", "flux.1-parts", ["ae.safetensors of", "clip_l.safetensors of", "t5xxl_fp8"].as_slice()),
        ("sd35-large", "stable-diffusion-3.5-parts", &["clip_l.safetensors of", "clip_g.safetensors of"]),
    ] {
        let network = |tensor: &(String, Vec<usize>)| tensor.0.starts_with("model.diffusion_model.");
        let tensors: Vec<_> = published_tensors(name).into_iter().filter(network).collect();
        write_header(&tensors, &folder.path().join("network.safetensors"));
        let scan = scan_models(&[folder.path().to_path_buf()]);
        let [broken] = scan.broken.as_slice() else { panic!("{scan:?}") };
        assert!(broken.message.contains(&format!("`qpyt models pull {entry}`")), "{}", broken.message);
        assert_eq!(broken.entry, Some(entry));
        assert!(broken.problem().starts_with("holds the network alone"), "{}", broken.problem());
        assert!(parts.iter().all(|part| broken.message.contains(part)), "{}", broken.message);
        // Stable Diffusion 3 does without T5.
        assert_eq!(broken.message.contains("T5-XXL"), name == "flux1-dev", "{}", broken.message);
    }
}

/// A transformer of FLUX.1 with heads of the published width, for the text encoders and autoencoder of the case.
fn flux(channels: usize, text: usize, pooled: usize) -> Tensors {
    let width = 128;
    let mut draw = Drawer::new(5);
    for (name, out, input) in [
        ("img_in", width, channels),
        ("txt_in", width, text),
        ("time_in.in_layer", width, 256),
        ("time_in.out_layer", width, width),
        ("vector_in.in_layer", width, pooled),
        ("vector_in.out_layer", width, width),
        ("guidance_in.in_layer", width, 256),
        ("guidance_in.out_layer", width, width),
        ("final_layer.linear", channels, width),
        ("final_layer.adaLN_modulation.1", 2 * width, width),
        ("single_blocks.0.linear1", 7 * width, width),
        ("single_blocks.0.linear2", width, 5 * width),
        ("single_blocks.0.modulation.lin", 3 * width, width),
    ] {
        draw.linear(name, out, input);
    }
    for stream in ["img", "txt"] {
        let block = format!("double_blocks.0.{stream}");
        draw.linear(&format!("{block}_mod.lin"), 6 * width, width);
        draw.linear(&format!("{block}_attn.qkv"), 3 * width, width);
        draw.linear(&format!("{block}_attn.proj"), width, width);
        draw.linear(&format!("{block}_mlp.0"), 4 * width, width);
        draw.linear(&format!("{block}_mlp.2"), width, 4 * width);
        for kind in ["query", "key"] {
            draw.weight(&format!("{block}_attn.norm.{kind}_norm.scale"), &[width]);
        }
    }
    for kind in ["query", "key"] {
        draw.weight(&format!("single_blocks.0.norm.{kind}_norm.scale"), &[width]);
    }
    draw.tensors
}

#[test]
fn a_transformer_alone_borrows_its_encoders_and_their_tokenizers_from_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    copy_folder(&own_references().join("flux1-dev"), &folder.path().join("flux1-dev"));
    let config = |name: &str| -> serde_json::Value {
        let path = own_references().join("flux1-dev").join(name).join("config.json");
        serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
    };
    let size = |name: &str, key: &str| config(name)[key].as_u64().unwrap() as usize;
    let tensors = flux(
        4 * size("vae", "latent_channels"),
        size("text_encoder_2", "d_model"),
        size("text_encoder", "hidden_size"),
    );
    std::fs::create_dir(folder.path().join("single")).unwrap();
    save(&below("model.diffusion_model.", tensors), &folder.path().join("single/flux.safetensors"));
    let scan = scan_models(&[folder.path().to_path_buf()]);
    assert!(scan.broken.is_empty(), "{:?}", scan.broken);
    let model = scan.models.iter().find(|model| model.id == "single").unwrap();
    assert_eq!(model.family, Family::Flux);
    paint(folder.path(), "single");
}
