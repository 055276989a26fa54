//! Adapters of transformers: every spelling of a layer reaches the rows that compute it, be they computed alone or
//! together with others.

use std::path::Path;
use std::sync::Arc;

use candle_core::{DType, Device, Tensor};
use qpyt_inference::adapter::{Lora, LoraLayout, blend};
use qpyt_inference::nn::Linear;
use qpyt_inference::slots::Slots;
use qpyt_inference::weights::{WeightFiles, Weights};

use crate::support::values;

const WIDTH: usize = 4;

/// Layers of these names and rows, joined in this order to one.
fn joined(folder: &Path, layers: &[(&str, usize)]) -> (Slots, Linear) {
    let zeros = |rows: usize| Tensor::zeros((rows, WIDTH), DType::F32, &Device::Cpu).unwrap();
    let path = folder.join("model.safetensors");
    let tensors = layers.iter().map(|(name, rows)| (format!("{name}.weight"), zeros(*rows)));
    candle_core::safetensors::save(&tensors.collect(), &path).unwrap();
    let slots = Slots::default();
    let files = Arc::new(WeightFiles::single(&path).unwrap());
    let weights = Weights::new(files, &Device::Cpu).with_slots(&slots, "transformer");
    let parts =
        layers.iter().map(|(name, rows)| Linear::load_unbiased(&weights.sub(name), WIDTH, *rows).unwrap());
    (slots, Linear::side_by_side(&parts.collect::<Vec<_>>()).unwrap())
}

/// Which of the joined rows an adapter of some rows of a layer changes.
fn changed_rows(layers: &[(&str, usize)], layer: &str, rows: usize) -> Vec<usize> {
    let folder = tempfile::tempdir().unwrap();
    let (slots, linear) = joined(folder.path(), layers);
    let path = folder.path().join("adapter.safetensors");
    let ones = |shape: (usize, usize)| Tensor::ones(shape, DType::F32, &Device::Cpu).unwrap();
    let names = if layer.contains(".processor.") { ["down", "up"] } else { ["lora_A", "lora_B"] };
    let parts = names.into_iter().zip([ones((1, WIDTH)), ones((rows, 1))]);
    let tensors = parts.map(|(part, tensor)| (format!("{layer}.{part}.weight"), tensor));
    candle_core::safetensors::save(&tensors.collect(), &path).unwrap();
    let lora = Lora::load(&LoraLayout::read(&path).unwrap().unwrap(), &Device::Cpu).unwrap();
    let blended = blend(&slots, &[(&lora, 1.0)]).unwrap();
    assert_eq!(blended[0].misfits, Vec::<String>::new(), "{layer}");
    let seen = values(&linear.forward(&ones((1, WIDTH))).unwrap());
    seen.iter().enumerate().filter(|(_, value)| **value == WIDTH as f32).map(|(row, _)| row).collect()
}

#[test]
fn rows_of_a_joined_layer_are_changed_alone_or_together() {
    let flux1 = ["to_q", "to_k", "to_v"].map(|name| format!("single_transformer_blocks.3.attn.{name}"));
    let inner = "single_transformer_blocks.3.proj_mlp".to_owned();
    let single: Vec<(&str, usize)> =
        flux1.iter().map(|name| (name.as_str(), 4)).chain([(inner.as_str(), 6)]).collect();
    let whole: Vec<usize> = (0..18).collect();
    for (layer, rows) in [
        ("transformer.single_transformer_blocks.3.attn.to_k", &whole[4..8]),
        ("lora_transformer_single_transformer_blocks_3_attn_to_v", &whole[8..12]),
        ("transformer.single_transformer_blocks.3.proj_mlp", &whole[12..]),
        ("diffusion_model.single_blocks.3.linear1", &whole),
        ("lora_unet_single_blocks_3_linear1", &whole),
        ("single_blocks.3.processor.qkv_lora", &whole[..12]),
    ] {
        assert_eq!(changed_rows(&single, layer, rows.len()), rows, "{layer}");
    }
    let names =
        ["add_q_proj", "add_k_proj", "add_v_proj"].map(|name| format!("transformer_blocks.7.attn.{name}"));
    let text: Vec<(&str, usize)> = names.iter().map(|name| (name.as_str(), 4)).collect();
    for layer in ["lora_unet_double_blocks_7_txt_attn_qkv", "lora_unet_joint_blocks_7_context_block_attn_qkv"]
    {
        assert_eq!(changed_rows(&text, layer, 12), whole[..12], "{layer}");
    }
    for (layer, own) in [
        ("lora_unet_single_blocks_2_linear2", "single_transformer_blocks.2.attn.to_out"),
        ("lora_unet_single_blocks_2_linear2", "single_transformer_blocks.2.proj_out"),
        ("diffusion_model.double_blocks.2.img_mlp.0", "transformer_blocks.2.ff.net.0.proj"),
        ("diffusion_model.double_blocks.2.txt_mlp.2", "transformer_blocks.2.ff_context.linear_out"),
        ("lora_unet_joint_blocks_2_x_block_mlp_fc2", "transformer_blocks.2.ff.net.2"),
        ("diffusion_model.txt_in", "context_embedder"),
    ] {
        assert_eq!(changed_rows(&[(own, 4)], layer, 4), whole[..4], "{layer}");
    }
}
