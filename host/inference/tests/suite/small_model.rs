//! A very small Stable Diffusion with random weights whose dimensions follow the published models' in all that no shape
//! shows: 8 heads, 32 groups, and the whole vocabulary of CLIP. So it can be read from one file alone.

use candle_core::{Device, Tensor};

use crate::original_names::{Tensors, below, unet, vae};

const TEXT: usize = 64;
const WORDS: usize = 49_408;

/// Draws weights whose size keeps activations in bounds.
pub(crate) struct Drawer {
    state: u64,
    pub(crate) tensors: Tensors,
}

impl Drawer {
    pub(crate) fn new(seed: u64) -> Self {
        Self { state: seed, tensors: Tensors::new() }
    }

    fn number(&mut self) -> f32 {
        self.state =
            self.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    }

    pub(crate) fn weight(&mut self, name: &str, shape: &[usize]) {
        let inputs: usize = shape.iter().skip(1).product();
        let size = 1.0 / (inputs.max(1) as f32).sqrt();
        let values: Vec<f32> = (0..shape.iter().product()).map(|_| self.number() * size).collect();
        self.tensors.insert(name.to_owned(), Tensor::from_vec(values, shape, &Device::Cpu).unwrap());
    }

    pub(crate) fn linear(&mut self, name: &str, out: usize, input: usize) {
        self.weight(&format!("{name}.weight"), &[out, input]);
        self.weight(&format!("{name}.bias"), &[out]);
    }

    fn conv(&mut self, name: &str, out: usize, input: usize, kernel: usize) {
        self.weight(&format!("{name}.weight"), &[out, input, kernel, kernel]);
        self.weight(&format!("{name}.bias"), &[out]);
    }

    pub(crate) fn norm(&mut self, name: &str, width: usize) {
        let ones = Tensor::ones(width, candle_core::DType::F32, &Device::Cpu).unwrap();
        self.tensors.insert(format!("{name}.bias"), ones.zeros_like().unwrap());
        self.tensors.insert(format!("{name}.weight"), ones);
    }

    fn resnet(&mut self, name: &str, input: usize, out: usize, time: Option<usize>) {
        self.norm(&format!("{name}.norm1"), input);
        self.conv(&format!("{name}.conv1"), out, input, 3);
        if let Some(time) = time {
            self.linear(&format!("{name}.time_emb_proj"), out, time);
        }
        self.norm(&format!("{name}.norm2"), out);
        self.conv(&format!("{name}.conv2"), out, out, 3);
        if input != out {
            self.conv(&format!("{name}.conv_shortcut"), out, input, 1);
        }
    }

    fn transformer(&mut self, name: &str, width: usize) {
        self.norm(&format!("{name}.norm"), width);
        self.conv(&format!("{name}.proj_in"), width, width, 1);
        self.conv(&format!("{name}.proj_out"), width, width, 1);
        let block = format!("{name}.transformer_blocks.0");
        for (attention, context) in [("attn1", width), ("attn2", TEXT)] {
            self.weight(&format!("{block}.{attention}.to_q.weight"), &[width, width]);
            self.weight(&format!("{block}.{attention}.to_k.weight"), &[width, context]);
            self.weight(&format!("{block}.{attention}.to_v.weight"), &[width, context]);
            self.linear(&format!("{block}.{attention}.to_out.0"), width, width);
        }
        for norm in ["norm1", "norm2", "norm3"] {
            self.norm(&format!("{block}.{norm}"), width);
        }
        self.linear(&format!("{block}.ff.net.0.proj"), 8 * width, width);
        self.linear(&format!("{block}.ff.net.2"), width, 4 * width);
    }

    fn pixel_attention(&mut self, name: &str, width: usize) {
        self.norm(&format!("{name}.group_norm"), width);
        for part in ["to_q", "to_k", "to_v", "to_out.0"] {
            self.linear(&format!("{name}.{part}"), width, width);
        }
    }
}

/// The network, under its makers' names.
pub(crate) fn network() -> Tensors {
    let mut draw = Drawer::new(1);
    let time = Some(128);
    draw.conv("conv_in", 32, 4, 3);
    draw.linear("time_embedding.linear_1", 128, 32);
    draw.linear("time_embedding.linear_2", 128, 128);
    draw.resnet("down_blocks.0.resnets.0", 32, 32, time);
    draw.transformer("down_blocks.0.attentions.0", 32);
    draw.conv("down_blocks.0.downsamplers.0.conv", 32, 32, 3);
    draw.resnet("down_blocks.1.resnets.0", 32, 64, time);
    draw.resnet("mid_block.resnets.0", 64, 64, time);
    draw.transformer("mid_block.attentions.0", 64);
    draw.resnet("mid_block.resnets.1", 64, 64, time);
    draw.resnet("up_blocks.0.resnets.0", 128, 64, time);
    draw.resnet("up_blocks.0.resnets.1", 96, 64, time);
    draw.conv("up_blocks.0.upsamplers.0.conv", 64, 64, 3);
    draw.resnet("up_blocks.1.resnets.0", 96, 32, time);
    draw.transformer("up_blocks.1.attentions.0", 32);
    draw.resnet("up_blocks.1.resnets.1", 64, 32, time);
    draw.transformer("up_blocks.1.attentions.1", 32);
    draw.norm("conv_norm_out", 32);
    draw.conv("conv_out", 4, 32, 3);
    unet(draw.tensors)
}

/// The autoencoder, under its makers' names.
pub(crate) fn autoencoder() -> Tensors {
    let mut draw = Drawer::new(2);
    draw.conv("encoder.conv_in", 32, 3, 3);
    draw.resnet("encoder.down_blocks.0.resnets.0", 32, 32, None);
    draw.conv("encoder.down_blocks.0.downsamplers.0.conv", 32, 32, 3);
    draw.resnet("encoder.down_blocks.1.resnets.0", 32, 64, None);
    draw.conv("decoder.conv_in", 64, 4, 3);
    for half in ["encoder", "decoder"] {
        draw.resnet(&format!("{half}.mid_block.resnets.0"), 64, 64, None);
        draw.pixel_attention(&format!("{half}.mid_block.attentions.0"), 64);
        draw.resnet(&format!("{half}.mid_block.resnets.1"), 64, 64, None);
    }
    draw.norm("encoder.conv_norm_out", 64);
    draw.conv("encoder.conv_out", 8, 64, 3);
    draw.conv("quant_conv", 8, 8, 1);
    draw.conv("post_quant_conv", 4, 4, 1);
    draw.resnet("decoder.up_blocks.0.resnets.0", 64, 64, None);
    draw.resnet("decoder.up_blocks.0.resnets.1", 64, 64, None);
    draw.conv("decoder.up_blocks.0.upsamplers.0.conv", 64, 64, 3);
    draw.resnet("decoder.up_blocks.1.resnets.0", 64, 32, None);
    draw.resnet("decoder.up_blocks.1.resnets.1", 32, 32, None);
    draw.norm("decoder.conv_norm_out", 32);
    draw.conv("decoder.conv_out", 3, 32, 3);
    vae(draw.tensors)
}

/// The text encoder, under the names of transformers.
pub(crate) fn text_encoder() -> Tensors {
    let mut draw = Drawer::new(3);
    draw.weight("text_model.embeddings.token_embedding.weight", &[WORDS, TEXT]);
    draw.weight("text_model.embeddings.position_embedding.weight", &[77, TEXT]);
    draw.norm("text_model.final_layer_norm", TEXT);
    for number in 0..2 {
        let layer = format!("text_model.encoder.layers.{number}");
        for part in ["q_proj", "k_proj", "v_proj", "out_proj"] {
            draw.linear(&format!("{layer}.self_attn.{part}"), TEXT, TEXT);
        }
        draw.linear(&format!("{layer}.mlp.fc1"), 2 * TEXT, TEXT);
        draw.linear(&format!("{layer}.mlp.fc2"), TEXT, 2 * TEXT);
        draw.norm(&format!("{layer}.layer_norm1"), TEXT);
        draw.norm(&format!("{layer}.layer_norm2"), TEXT);
    }
    draw.tensors
}

/// All of it as one file has it.
pub(crate) fn whole() -> Tensors {
    let mut tensors = below("model.diffusion_model.", network());
    tensors.extend(below("first_stage_model.", autoencoder()));
    tensors.extend(below("cond_stage_model.transformer.", text_encoder()));
    tensors
}
