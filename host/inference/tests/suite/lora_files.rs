//! Adapter files: every spelling of layers, the network they are made for, and files that mean harm.

use std::path::Path;

use candle_core::{DType, Device, Tensor};
use qpyt_inference::Architecture;
use qpyt_inference::adapter::LoraLayout;

/// Writes a file of zeros in these shapes.
fn write(path: &Path, tensors: &[(String, Vec<usize>)]) {
    let zeros = |shape: &[usize]| Tensor::zeros(shape, DType::F32, &Device::Cpu).unwrap();
    let tensors = tensors.iter().map(|(name, shape)| (name.clone(), zeros(shape)));
    candle_core::safetensors::save(&tensors.collect(), path).unwrap();
}

fn read(tensors: &[(String, Vec<usize>)]) -> Result<Option<LoraLayout>, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("adapter.safetensors");
    write(&path, tensors);
    LoraLayout::read(&path).map_err(|broken| {
        assert_eq!(broken.file, path);
        broken.problem
    })
}

/// Low-rank changes of layers of these sizes (out, in).
fn low_rank(layers: &[(&str, usize, usize)]) -> Vec<(String, Vec<usize>)> {
    let parts = |(layer, out, input): &(&str, usize, usize)| {
        [
            (format!("{layer}.lora_down.weight"), vec![1, *input]),
            (format!("{layer}.lora_up.weight"), vec![*out, 1]),
        ]
    };
    layers.iter().flat_map(parts).collect()
}

#[test]
fn the_network_that_an_adapter_is_made_for_is_told_by_names_and_sizes() {
    use Architecture::{
        Flux1, Flux2Dev, Flux2Klein4B, Flux2Klein9B, StableDiffusion1, StableDiffusion2,
        StableDiffusion3Large, StableDiffusion3Medium, StableDiffusionXl,
    };
    let attention = "lora_unet_down_blocks_1_attentions_0_transformer_blocks_0_attn2_to_k";
    let original = "lora_unet_input_blocks_4_1_transformer_blocks_1_attn2_to_v";
    let text = |number: &str| format!("lora_te{number}_text_model_encoder_layers_0_self_attn_q_proj");
    let (te, te1, te2) = (text(""), text("1"), text("2"));
    let flux = "lora_unet_double_blocks_0_img_attn_qkv";
    for (layers, made_for) in [
        (vec![(attention, 320, 768)], Some(StableDiffusion1)),
        (vec![(attention, 320, 1024)], Some(StableDiffusion2)),
        (vec![(original, 640, 2048)], Some(StableDiffusionXl)),
        (vec![(te.as_str(), 768, 768)], Some(StableDiffusion1)),
        (vec![(te.as_str(), 1024, 1024)], Some(StableDiffusion2)),
        (vec![(te1.as_str(), 768, 768), (te2.as_str(), 1280, 1280)], Some(StableDiffusionXl)),
        (
            vec![("lora_unet_middle_block_1_transformer_blocks_9_attn1_to_q", 1280, 1280)],
            Some(StableDiffusionXl),
        ),
        (vec![("lora_unet_mid_block_attentions_0_transformer_blocks_0_attn1_to_q", 1280, 1280)], None),
        (vec![("lora_unet_joint_blocks_0_x_block_attn_qkv", 4608, 1536)], Some(StableDiffusion3Medium)),
        (vec![("lora_unet_joint_blocks_0_x_block_mlp_fc2", 2432, 9728)], Some(StableDiffusion3Large)),
        (
            vec![("transformer.transformer_blocks.0.attn.add_q_proj", 1536, 1536)],
            Some(StableDiffusion3Medium),
        ),
        (vec![("transformer.transformer_blocks.0.attn.add_q_proj", 32, 32)], None),
        (vec![("lora_unet_double_blocks_18_img_attn_qkv", 9216, 3072)], Some(Flux1)),
        (vec![("lora_unet_single_blocks_37_linear1", 21504, 3072)], Some(Flux1)),
        (vec![("lora_unet_double_blocks_0_img_mlp_0", 12288, 3072)], Some(Flux1)),
        (vec![("lora_unet_single_blocks_0_linear1", 21504, 3072)], Some(Flux1)),
        (vec![("transformer.single_transformer_blocks.0.attn.to_k", 3072, 3072)], Some(Flux1)),
        (vec![("transformer.single_transformer_blocks.0.proj_mlp", 12288, 3072)], Some(Flux1)),
        (vec![(flux, 9216, 3072), ("diffusion_model.txt_in", 3072, 4096)], Some(Flux1)),
        (vec![(flux, 9216, 3072)], None),
        (vec![(flux, 12288, 4096)], Some(Flux2Klein9B)),
        (vec![(flux, 18432, 6144)], Some(Flux2Dev)),
        (vec![(flux, 96, 32)], None),
        (vec![("lora_unet_double_blocks_0_img_mlp_0", 18432, 3072)], Some(Flux2Klein4B)),
        (vec![("lora_unet_double_blocks_0_img_mlp_2", 3072, 9216)], Some(Flux2Klein4B)),
        (vec![("diffusion_model.single_stream_modulation.lin", 9216, 3072)], Some(Flux2Klein4B)),
        (
            vec![("transformer.single_transformer_blocks.0.attn.to_qkv_mlp_proj", 27648, 3072)],
            Some(Flux2Klein4B),
        ),
        (
            vec![("transformer.single_transformer_blocks.47.attn.to_qkv_mlp_proj", 55296, 6144)],
            Some(Flux2Dev),
        ),
        (
            vec![
                ("diffusion_model.single_blocks.1.linear1", 27648, 3072),
                ("diffusion_model.txt_in", 3072, 7680),
            ],
            Some(Flux2Klein4B),
        ),
    ] {
        let layout = read(&low_rank(&layers)).unwrap().unwrap();
        assert_eq!(layout.architecture(), made_for, "{layers:?}");
    }
}

#[test]
fn what_is_no_adapter_is_passed_over() {
    let base = vec![("down_blocks.0.resnets.0.conv1.weight".to_owned(), vec![4, 4, 3, 3])];
    assert!(read(&base).unwrap().is_none());
    let alphas = vec![("lora_unet_mid_block_attentions_0_proj_in.alpha".to_owned(), vec![])];
    assert!(read(&alphas).unwrap().is_none());
    let mut mixed = low_rank(&[("unet.conv_in", 4, 4)]);
    mixed.extend([("vae.a".to_owned(), vec![1]), ("vae.b".to_owned(), vec![1])]);
    assert!(read(&mixed).unwrap().is_none());
}

#[test]
fn parts_that_do_not_go_together_are_refused_by_file_and_layer() {
    let parts = |down: &[usize], up: &[usize]| {
        vec![
            ("unet.conv_in.lora_A.weight".to_owned(), down.to_vec()),
            ("unet.conv_in.lora_B.weight".to_owned(), up.to_vec()),
        ]
    };
    for (tensors, problem) in [
        (parts(&[2, 4], &[6, 3]), "do not go together"),
        (parts(&[0, 4], &[6, 0]), "empty"),
        (parts(&[], &[6, 2]), "single number"),
        (parts(&[20_000, 1], &[1, 20_000]), "more than a layer has"),
    ] {
        let refused = read(&tensors).err().expect("the file was taken");
        assert!(refused.contains("unet.conv_in") && refused.contains(problem), "{refused}");
    }
    let mut twice = parts(&[2, 4], &[6, 2]);
    twice.push(("lora_unet_conv_in.lora_down.weight".to_owned(), vec![2, 4]));
    let refused = read(&twice).err().expect("the file was taken");
    assert!(refused.contains("the same part of one layer"), "{refused}");
}

#[test]
fn no_header_makes_reading_panic() {
    let names = [
        "lora_A.weight",
        "lora_B.weight",
        "lora_mid.weight",
        "hada_w1_a",
        "hada_t1",
        "lokr_w1",
        "diff",
        "alpha",
    ];
    let shapes: [&[usize]; 4] = [&[], &[0, 2], &[3, 2], &[2, 3, 1, 1, 1, 1, 1, 2]];
    for first in names {
        for second in names {
            for (a, b) in shapes.iter().flat_map(|a| shapes.iter().map(move |b| (a, b))) {
                let tensors =
                    [(format!("unet.x.{first}"), a.to_vec()), (format!("unet.x.{second}"), b.to_vec())];
                // A file that is taken has to say how much memory it needs.
                if let Ok(Some(layout)) = read(&tensors) {
                    assert!(layout.weight_bytes() > 0);
                }
            }
        }
    }
}

#[test]
fn a_kronecker_product_takes_its_factors_in_memory_and_not_the_matrix_that_they_span() {
    let factors = |right: &[usize]| {
        let name = |part: &str| format!("diffusion_model.double_blocks.0.img_attn.proj.lokr_{part}");
        read(&[(name("w1"), vec![16, 16]), (name("w2"), right.to_vec())]).unwrap().unwrap()
    };
    let linear = factors(&[192, 192]);
    assert_eq!(linear.blended_bytes(), linear.weight_bytes() + 192 * 192 * 4);
    // Around a convolution there is no such way.
    let convolution = factors(&[192, 192, 3, 3]);
    assert_eq!(convolution.blended_bytes(), convolution.weight_bytes() + 3072 * 3072 * 9 * 4);
}
