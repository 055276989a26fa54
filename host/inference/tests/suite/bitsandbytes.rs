//! Weights that bitsandbytes packed to 4 bits: what it unpacks them to, painting with them, and files that mean harm.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use candle_core::{DType, Device, Tensor};
use qpyt_inference::adapter::{Lora, LoraLayout, blend};
use qpyt_inference::diffusion::painter::{Borrowed, FoundPainter};
use qpyt_inference::diffusion::pipeline::{Guide, Pipeline};
use qpyt_inference::weights::{WeightFiles, Weights};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::additions::Addition;
use crate::flow::FlowCase;
use crate::original_layouts::{Tensors, WEIGHTS, flux, flux_original, save, without_transformer};
use crate::support::{copy_folder, own_references, spread, values};

fn case() -> PathBuf {
    own_references().join("flux1-dev-nf4")
}

fn weights(path: &Path) -> Weights {
    Weights::new(Arc::new(WeightFiles::single(path).unwrap()), &Device::Cpu)
}

#[test]
fn matrices_are_unpacked_to_the_numbers_of_bitsandbytes() {
    let (packed, wanted) = (weights(&case().join("matrices.nf4")), weights(&case().join("unpacked.nf4")));
    for (name, shape) in [("plain", [40, 32]), ("nested", [300, 96]), ("fp4", [24, 128]), ("half", [30, 64])]
    {
        let name = format!("{name}.weight");
        let ours = packed.tensor(&name, &shape).unwrap();
        // bitsandbytes rounds to the type that the layer computes in.
        let ours = match name.as_str() {
            "half.weight" => ours.to_dtype(DType::BF16).unwrap().to_dtype(DType::F32).unwrap(),
            _ => ours,
        };
        assert!(values(&ours).iter().any(|number| *number > 0.1), "{name}");
        let wanted = values(&wanted.tensor(&name, &shape).unwrap());
        assert!(values(&ours) == wanted, "{name}");
        assert!(!packed.contains(&format!("{name}.absmax")), "{name}");
    }
}

/// A copy of the model `flux1-dev` whose transformer and T5 are packed.
pub(crate) fn packed_flux() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    copy_folder(&own_references().join("flux1-dev"), folder.path());
    for (from, to) in [
        ("transformer.nf4", "transformer/diffusion_pytorch_model.safetensors"),
        ("text_encoder_2.nf4", "text_encoder_2/model.safetensors"),
    ] {
        std::fs::write(folder.path().join(to), std::fs::read(case().join(from)).unwrap()).unwrap();
    }
    folder
}

#[test]
fn a_packed_model_paints_what_diffusers_paints_with_the_unpacked_weights() {
    let folder = packed_flux();
    let packed = Addition::open_on("flux1-dev-nf4", folder.path());
    packed.check(&packed.runs()[0], "packed");
    let bytes =
        |folder: &Path| FoundPainter::open(folder, &Borrowed::new()).unwrap().read().unwrap().weight_bytes();
    let (small, large) = (bytes(folder.path()), bytes(&own_references().join("flux1-dev")));
    assert!(small < large - 500_000, "{small} of {large} bytes");
}

#[test]
fn a_packed_model_paints_near_the_one_it_was_made_of() {
    let folder = packed_flux();
    let states = |base: &Path| {
        let case = Addition::open_on("flux1-dev-nf4", base);
        case.base.encode_prompt("a lighthouse", 0).unwrap().states
    };
    let (packed, dense) = (states(folder.path()), states(&own_references().join("flux1-dev")));
    let share = spread(&(&packed - &dense).unwrap()) / spread(&dense);
    println!("states of the packed T5 within {share:.1e} of their spread");
    // Numbers of 4 bits are 9 % off; three layers add that up.
    assert!(share > 0.0 && share < 0.3, "{share}");
}

#[test]
fn adapters_go_around_packed_layers_and_leave_nothing_behind() {
    let folder = packed_flux();
    let case = Addition::open_on("flux1-dev-nf4", folder.path());
    let slots = case.base.slots();
    let states = || values(&case.base.encode_prompt("a lighthouse", 0).unwrap().states);
    let plain = states();
    let path = own_references().join("flux1-dev-lora/flux1-dev-t.kohya.safetensors");
    let lora = Lora::load(&LoraLayout::read(&path).unwrap().unwrap(), &Device::Cpu).unwrap();
    let blended = blend(slots, &[(&lora, 1.0)]).unwrap();
    assert_eq!(blended[0].misfits, Vec::<String>::new());
    assert_ne!(states(), plain);
    slots.clear();
    assert_eq!(states(), plain);
}

/// The numbers that the codes of NF4 stand for (Dettmers et al., arXiv 2305.14314).
const NF4: [f32; 16] = [
    -1.0,
    -0.696_192_8,
    -0.525_073_05,
    -0.394_917_5,
    -0.284_441_38,
    -0.184_773_43,
    -0.091_050_04,
    0.0,
    0.079_580_3,
    0.160_930_2,
    0.246_112_3,
    0.337_915_24,
    0.440_709_83,
    0.562_617,
    0.722_956_84,
    1.0,
];

/// The tensors with their matrices packed as bitsandbytes packs them, in blocks of 64.
pub(crate) fn packed(tensors: &Tensors) -> Tensors {
    let mut packed = Tensors::new();
    for (name, tensor) in tensors {
        let Ok((rows, columns)) = tensor.dims2() else {
            packed.insert(name.clone(), tensor.clone());
            continue;
        };
        let numbers = values(tensor);
        let scales: Vec<f32> =
            numbers.chunks(64).map(|block| block.iter().fold(0f32, |most, v| most.max(v.abs()))).collect();
        let code = |(place, number): (usize, &f32)| {
            let share = number / scales[place / 64];
            let near = |a: &usize, b: &usize| (NF4[*a] - share).abs().total_cmp(&(NF4[*b] - share).abs());
            (0..16).min_by(near).unwrap() as u8
        };
        let codes: Vec<u8> = numbers.iter().enumerate().map(code).collect();
        let codes: Vec<u8> = codes.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect();
        let state =
            json!({"quant_type": "nf4", "blocksize": 64, "dtype": "float32", "shape": [rows, columns]});
        for (part, tensor) in [
            ("", Tensor::new(codes, &Device::Cpu)),
            (".absmax", Tensor::new(scales.clone(), &Device::Cpu)),
            (".quant_map", Tensor::new(&NF4, &Device::Cpu)),
            (".quant_state.bitsandbytes__nf4", Tensor::new(state.to_string().into_bytes(), &Device::Cpu)),
        ] {
            packed.insert(format!("{name}{part}"), tensor.unwrap());
        }
    }
    packed
}

#[test]
fn a_packed_file_of_the_makers_predicts_to_the_bit_what_the_packed_folder_of_diffusers_does() {
    let case = FlowCase::own("flux1-dev");
    let latents = case.reference.get("noise.unpacked");
    let predict = |folder: &Path| {
        let model = flux(folder);
        let prompt = model.encode_prompt(case.text("txt2img", "prompt"), 0).unwrap();
        let guide = Guide::new(&prompt, None, 3.5);
        values(&model.predictor(&guide, (16, 16)).unwrap().predict(&latents, 700.0).unwrap())
    };
    let published = without_transformer(&case);
    save(packed(&flux_original(&case)), "model.diffusion_model.", published.path());
    let own = without_transformer(&case);
    let tensors = candle_core::safetensors::load(case.folder.join(WEIGHTS), &Device::Cpu).unwrap();
    candle_core::safetensors::save(&packed(&tensors), own.path().join(WEIGHTS)).unwrap();
    let packed = predict(published.path());
    assert!(packed == predict(own.path()));
    assert!(packed != predict(&case.folder));
}

/// Writes a matrix of zeros with what describes it; `change` may give a part another type and count, or `none`.
fn write(path: &Path, state: &Value, change: impl Fn(&str) -> Option<(&'static str, usize)>) {
    let state = state.to_string();
    let mut header = serde_json::Map::new();
    let mut data: Vec<u8> = Vec::new();
    for (part, dtype, count) in [
        ("", "U8", 64),
        (".absmax", "F32", 2),
        (".quant_map", "F32", 16),
        (".quant_state.bitsandbytes__nf4", "U8", state.len()),
    ] {
        let Some((dtype, count)) =
            change(part).or(Some((dtype, count))).filter(|(dtype, _)| *dtype != "none")
        else {
            continue;
        };
        let begin = data.len();
        let bytes = count * if dtype == "F32" { 4 } else { 1 };
        match part {
            ".quant_state.bitsandbytes__nf4" => data.extend(state.bytes()),
            _ => data.resize(begin + bytes, 0),
        }
        let entry = json!({"dtype": dtype, "shape": [count], "data_offsets": [begin, data.len()]});
        header.insert(format!("layer.weight{part}"), entry);
    }
    let header = Value::Object(header).to_string();
    std::fs::write(path, [&(header.len() as u64).to_le_bytes(), header.as_bytes(), &data].concat()).unwrap();
}

#[test]
fn packed_matrices_whose_parts_do_not_fit_are_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let sound = json!({"quant_type": "nf4", "blocksize": 64, "dtype": "float32", "shape": [4, 32]});
    let with = |key: &str, value: Value| {
        let mut state = sound.clone();
        state[key] = value;
        state
    };
    write(&path, &sound, |_| None);
    assert_eq!(weights(&path).tensor("layer.weight", &[4, 32]).unwrap().dims(), [4, 32]);
    let huge = 1u64 << 60;
    let states = [
        (with("shape", json!([4, 32, 1])), "only matrices"),
        (with("shape", json!([4, 31])), "not supported"),
        (with("shape", json!([huge, huge])), "not supported"),
        (with("shape", json!([0, 32])), "not supported"),
        (with("shape", json!([4, 64])), "numbers are needed"),
        (with("shape", json!("wide")), "does not parse"),
        (with("blocksize", json!(0)), "not supported"),
        (with("blocksize", json!(63)), "not supported"),
        (with("blocksize", json!(32)), "`.absmax`"),
        (with("nested_blocksize", json!(256)), "`.absmax`"),
        (with("nested_blocksize", json!(0)), "not supported"),
        (json!([]), "does not parse"),
    ];
    let refused = |what: &str, problem: &str| {
        let Err(broken) = WeightFiles::single(&path) else { panic!("{what} was taken") };
        let message = broken.to_string();
        assert!(message.contains("layer.weight") && message.contains(problem), "{what}: {message}");
    };
    for (state, problem) in states {
        write(&path, &state, |_| None);
        refused(&state.to_string(), problem);
    }
    for (part, other, problem) in [
        (".absmax", ("none", 0), "has no `.absmax`"),
        (".absmax", ("U8", 2), "`.absmax`"),
        (".absmax", ("F32", 1), "`.absmax`"),
        (".quant_map", ("F32", 15), "`.quant_map`"),
        (".quant_map", ("none", 0), "has no `.quant_map`"),
        ("", ("U8", 63), "numbers are needed"),
        ("", ("none", 0), "has no"),
    ] {
        write(&path, &sound, |name| (name == part).then_some(other));
        refused(part, problem);
    }
}

#[test]
fn a_packed_matrix_of_another_shape_than_the_model_needs_is_told_with_both() {
    let packed = weights(&case().join("matrices.nf4"));
    let message = packed.tensor("plain.weight", &[32, 40]).unwrap_err().to_string();
    assert!(message.contains("[40, 32]") && message.contains("[32, 40]"), "{message}");
}
