//! Layers that use weights as their file holds them compute the same bits as with weights that were widened before.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use candle_core::{DType, Device, Tensor};
use qpyt_inference::WeightStorage;
use qpyt_inference::adapter::{Lora, LoraLayout, blend};
use qpyt_inference::nn::{Conv2d, Linear, Projection};
use qpyt_inference::slots::Slots;
use qpyt_inference::tensor::Conv2dGeometry;
use qpyt_inference::weights::{Holding, WeightFiles, Weights};

use crate::support::values;

const WIDTH: usize = 48;

fn wave(shape: &[usize], step: f64) -> Tensor {
    let count: usize = shape.iter().product();
    let values: Vec<f32> = (0..count).map(|i| (i as f64 * step).sin() as f32).collect();
    Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
}

/// A file of some layers in a type, and one with the same numbers in f32.
fn files(folder: &Path, dtype: DType) -> [Weights; 2] {
    let mut tensors: HashMap<String, Tensor> = HashMap::new();
    // More rows than one tile of a product has, so that parts meet within tiles.
    for (name, step) in [("q", 0.11), ("k", 0.23), ("v", 0.37)] {
        tensors.insert(format!("{name}.weight"), wave(&[700, WIDTH], step));
    }
    for edge in [1, 3] {
        tensors.insert(format!("conv{edge}.weight"), wave(&[20, WIDTH, edge, edge], 0.53));
        tensors.insert(format!("conv{edge}.bias"), wave(&[20], 0.7));
    }
    ["stored", "wide"].map(|name| {
        let path = folder.join(format!("{name}.safetensors"));
        let saved = tensors.iter().map(|(key, tensor)| {
            let stored = tensor.to_dtype(dtype).unwrap();
            let saved = if name == "wide" { stored.to_dtype(DType::F32).unwrap() } else { stored };
            (key.clone(), saved)
        });
        candle_core::safetensors::save(&saved.collect(), &path).unwrap();
        Weights::new(Arc::new(WeightFiles::single(&path).unwrap()), &Device::Cpu)
    })
}

fn joined(weights: &Weights) -> Linear {
    let parts = ["q", "k", "v"].map(|name| Linear::load_unbiased(&weights.sub(name), WIDTH, 700).unwrap());
    Linear::side_by_side(&parts).unwrap()
}

#[test]
fn products_and_convolutions_are_those_of_widened_weights_to_the_bit() {
    for dtype in [DType::F16, DType::BF16, DType::F32] {
        let folder = tempfile::tempdir().unwrap();
        let weights = files(folder.path(), dtype);
        let rows = wave(&[300, WIDTH], 0.013);
        let [stored, wide] =
            weights.each_ref().map(|weights| values(&joined(weights).forward(&rows).unwrap()));
        assert!(stored == wide, "{dtype:?}");
        for edge in [1, 3] {
            let maps = wave(&[2, WIDTH, 40, 40], 0.017);
            let [stored, wide] = weights.each_ref().map(|weights| {
                let geometry = Conv2dGeometry::padded(edge / 2);
                let weights = weights.sub(format!("conv{edge}"));
                let layer = Conv2d::load(&weights, WIDTH, 20, edge, geometry).unwrap();
                values(&layer.forward(&maps).unwrap())
            });
            assert!(stored == wide, "{dtype:?} {edge}");
        }
    }
}

#[test]
fn half_precision_takes_half_the_memory() {
    let folder = tempfile::tempdir().unwrap();
    files(folder.path(), DType::F16);
    let [stored, wide] = ["stored", "wide"].map(|name| {
        WeightFiles::single(&folder.path().join(format!("{name}.safetensors"))).unwrap().loaded_bytes()
    });
    // Biases are kept in f32.
    let biases = 2 * 20 * 4;
    assert_eq!((stored - biases) * 2, wide - biases);
}

#[test]
fn projections_quantised_at_load_are_near_and_take_what_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let matrix = wave(&[96, 256], 0.37).to_dtype(DType::BF16).unwrap();
    let odd = wave(&[96, 40], 0.37).to_dtype(DType::BF16).unwrap();
    let tensors = HashMap::from([("wide.weight".to_owned(), matrix), ("odd.weight".to_owned(), odd)]);
    candle_core::safetensors::save(&tensors, &path).unwrap();
    let weights = Weights::new(Arc::new(WeightFiles::single(&path).unwrap()), &Device::Cpu);
    let outputs = |name: &str, width: usize, storage: WeightStorage| {
        let weights = weights.clone().held(&Holding { storage, ..Holding::default() }).sub(name);
        let layer = Projection::load(&weights, width, 96, false).unwrap();
        values(&layer.forward(&wave(&[20, width], 0.21)).unwrap())
    };
    let spread = |values: &[f32]| (values.iter().map(|v| v * v).sum::<f32>() / values.len() as f32).sqrt();
    let dense = outputs("wide", 256, WeightStorage::AsStored);
    for (storage, least, most) in [(WeightStorage::Q8_0, 1e-4, 0.02), (WeightStorage::Q4K, 0.005, 0.15)] {
        let quantised = outputs("wide", 256, storage);
        let gaps: Vec<f32> = quantised.iter().zip(&dense).map(|(a, b)| a - b).collect();
        let gap = spread(&gaps) / spread(&dense);
        assert!((least..most).contains(&gap), "{storage:?} is {gap} off");
        assert_eq!(outputs("odd", 40, storage), outputs("odd", 40, WeightStorage::AsStored));
    }
}

#[test]
fn adapters_change_layers_in_half_precision_as_they_change_others() {
    let folder = tempfile::tempdir().unwrap();
    let weights = files(folder.path(), DType::F16);
    let path = folder.path().join("adapter.safetensors");
    let change = HashMap::from([
        ("lora_unet_q.lora_down.weight".to_owned(), wave(&[4, WIDTH], 0.3)),
        ("lora_unet_q.lora_up.weight".to_owned(), wave(&[700, 4], 0.2)),
        ("lora_unet_k.diff".to_owned(), wave(&[700, WIDTH], 0.9)),
    ]);
    candle_core::safetensors::save(&change, &path).unwrap();
    let lora = Lora::load(&LoraLayout::read(&path).unwrap().unwrap(), &Device::Cpu).unwrap();
    let rows = wave(&[3, WIDTH], 0.05);
    let [stored, wide] = weights.map(|weights| {
        let slots = Slots::default();
        let layer = joined(&weights.with_slots(&slots, "unet"));
        let plain = values(&layer.forward(&rows).unwrap());
        let blended = blend(&slots, &[(&lora, 0.5)]).unwrap();
        assert_eq!(blended[0].layers, 2, "{blended:?}");
        let changed = values(&layer.forward(&rows).unwrap());
        assert!(plain != changed);
        changed
    });
    assert!(stored == wide);
}
