//! Transformers in single files with the names of their makers, as safetensors and as GGUF: what they compute is what the
//! same weights compute under the names of diffusers.

use std::collections::HashMap;
use std::path::Path;

use candle_core::quantized::gguf_file::{self, Value};
use candle_core::quantized::{GgmlDType, QTensor};
use candle_core::{Device, Tensor};
use qpyt_inference::diffusion::flux::{Flux, FluxLayout};
use qpyt_inference::diffusion::flux2::{Flux2, Flux2Layout};
use qpyt_inference::diffusion::painter::PainterLayout;
use qpyt_inference::diffusion::pipeline::{Guide, Pipeline};
use qpyt_inference::diffusion::sd3::{Sd3, Sd3Layout};
use tempfile::TempDir;

use crate::flow::FlowCase;
use crate::gguf::gguf_name;
use crate::support::{copy_folder, spread};

pub(crate) const WEIGHTS: &str = "transformer/diffusion_pytorch_model.safetensors";

pub(crate) type Tensors = HashMap<String, Tensor>;

/// Takes tensors out under the names of diffusers and puts them in under others.
struct Renaming {
    from: Tensors,
    to: Tensors,
}

impl Renaming {
    fn of(case: &FlowCase) -> Self {
        let from = candle_core::safetensors::load(case.folder.join(WEIGHTS), &Device::Cpu).unwrap();
        Self { from, to: Tensors::new() }
    }

    fn take(&mut self, name: &str) -> Tensor {
        self.from.remove(name).unwrap_or_else(|| panic!("{name} is taken twice or not there"))
    }

    fn tensor(&mut self, from: &str, to: &str) {
        let tensor = self.take(from);
        self.to.insert(to.to_owned(), tensor);
    }

    /// Layers whose outputs come to lie side by side; with biases where they have them.
    fn layers(&mut self, from: &[&str], to: &str) {
        for kind in ["weight", "bias"] {
            if self.from.contains_key(&format!("{}.{kind}", from[0])) {
                let parts: Vec<_> = from.iter().map(|name| self.take(&format!("{name}.{kind}"))).collect();
                self.to.insert(format!("{to}.{kind}"), Tensor::cat(&parts, 0).unwrap());
            }
        }
    }

    /// A layer whose first and second half of outputs change places.
    fn halves(&mut self, from: &str, to: &str) {
        for kind in ["weight", "bias"] {
            if let Some(tensor) = self.from.remove(&format!("{from}.{kind}")) {
                let halves = tensor.chunk(2, 0).unwrap();
                let tensor = Tensor::cat(&[&halves[1], &halves[0]], 0).unwrap();
                self.to.insert(format!("{to}.{kind}"), tensor);
            }
        }
    }

    /// How many blocks there are below a name.
    fn blocks(&self, name: &str) -> usize {
        (0..).take_while(|i| self.from.keys().any(|key| key.starts_with(&format!("{name}.{i}.")))).count()
    }

    fn done(self) -> Tensors {
        assert!(self.from.is_empty(), "left over: {:?}", self.from.keys());
        self.to
    }
}

fn flux_attention(r: &mut Renaming, block: &str, stored: &str) {
    let name = |part: &str| format!("{block}.attn.{part}");
    let own = ["to_q", "to_k", "to_v"].map(name);
    r.layers(&own.each_ref().map(String::as_str), &format!("{stored}.img_attn.qkv"));
    let added = ["add_q_proj", "add_k_proj", "add_v_proj"].map(name);
    r.layers(&added.each_ref().map(String::as_str), &format!("{stored}.txt_attn.qkv"));
    r.layers(&[&name("to_out.0")], &format!("{stored}.img_attn.proj"));
    r.layers(&[&name("to_add_out")], &format!("{stored}.txt_attn.proj"));
    for (from, to) in [
        ("norm_q", "img_attn.norm.query_norm"),
        ("norm_k", "img_attn.norm.key_norm"),
        ("norm_added_q", "txt_attn.norm.query_norm"),
        ("norm_added_k", "txt_attn.norm.key_norm"),
    ] {
        r.tensor(&format!("{}.weight", name(from)), &format!("{stored}.{to}.scale"));
    }
}

pub(crate) fn flux_original(case: &FlowCase) -> Tensors {
    let mut r = Renaming::of(case);
    r.layers(&["x_embedder"], "img_in");
    r.layers(&["context_embedder"], "txt_in");
    for (from, to) in [
        ("timestep_embedder", "time_in"),
        ("guidance_embedder", "guidance_in"),
        ("text_embedder", "vector_in"),
    ] {
        r.layers(&[&format!("time_text_embed.{from}.linear_1")], &format!("{to}.in_layer"));
        r.layers(&[&format!("time_text_embed.{from}.linear_2")], &format!("{to}.out_layer"));
    }
    for i in 0..r.blocks("transformer_blocks") {
        let (block, stored) = (format!("transformer_blocks.{i}"), format!("double_blocks.{i}"));
        flux_attention(&mut r, &block, &stored);
        for (from, to) in [
            ("norm1.linear", "img_mod.lin"),
            ("norm1_context.linear", "txt_mod.lin"),
            ("ff.net.0.proj", "img_mlp.0"),
            ("ff.net.2", "img_mlp.2"),
            ("ff_context.net.0.proj", "txt_mlp.0"),
            ("ff_context.net.2", "txt_mlp.2"),
        ] {
            r.layers(&[&format!("{block}.{from}")], &format!("{stored}.{to}"));
        }
    }
    for i in 0..r.blocks("single_transformer_blocks") {
        let (block, stored) = (format!("single_transformer_blocks.{i}"), format!("single_blocks.{i}"));
        let inputs =
            ["attn.to_q", "attn.to_k", "attn.to_v", "proj_mlp"].map(|part| format!("{block}.{part}"));
        r.layers(&inputs.each_ref().map(String::as_str), &format!("{stored}.linear1"));
        r.layers(&[&format!("{block}.proj_out")], &format!("{stored}.linear2"));
        r.layers(&[&format!("{block}.norm.linear")], &format!("{stored}.modulation.lin"));
        r.tensor(&format!("{block}.attn.norm_q.weight"), &format!("{stored}.norm.query_norm.scale"));
        r.tensor(&format!("{block}.attn.norm_k.weight"), &format!("{stored}.norm.key_norm.scale"));
    }
    r.layers(&["proj_out"], "final_layer.linear");
    r.halves("norm_out.linear", "final_layer.adaLN_modulation.1");
    r.done()
}

pub(crate) fn flux2_original(case: &FlowCase) -> Tensors {
    let mut r = Renaming::of(case);
    for (from, to) in [
        ("x_embedder", "img_in"),
        ("context_embedder", "txt_in"),
        ("time_guidance_embed.timestep_embedder.linear_1", "time_in.in_layer"),
        ("time_guidance_embed.timestep_embedder.linear_2", "time_in.out_layer"),
        ("double_stream_modulation_img.linear", "double_stream_modulation_img.lin"),
        ("double_stream_modulation_txt.linear", "double_stream_modulation_txt.lin"),
        ("single_stream_modulation.linear", "single_stream_modulation.lin"),
        ("proj_out", "final_layer.linear"),
    ] {
        r.layers(&[from], to);
    }
    for i in 0..r.blocks("transformer_blocks") {
        let (block, stored) = (format!("transformer_blocks.{i}"), format!("double_blocks.{i}"));
        flux_attention(&mut r, &block, &stored);
        for (from, to) in [("ff", "img_mlp"), ("ff_context", "txt_mlp")] {
            r.layers(&[&format!("{block}.{from}.linear_in")], &format!("{stored}.{to}.0"));
            r.layers(&[&format!("{block}.{from}.linear_out")], &format!("{stored}.{to}.2"));
        }
    }
    for i in 0..r.blocks("single_transformer_blocks") {
        let (block, stored) = (format!("single_transformer_blocks.{i}.attn"), format!("single_blocks.{i}"));
        r.layers(&[&format!("{block}.to_qkv_mlp_proj")], &format!("{stored}.linear1"));
        r.layers(&[&format!("{block}.to_out")], &format!("{stored}.linear2"));
        r.tensor(&format!("{block}.norm_q.weight"), &format!("{stored}.norm.query_norm.scale"));
        r.tensor(&format!("{block}.norm_k.weight"), &format!("{stored}.norm.key_norm.scale"));
    }
    r.halves("norm_out.linear", "final_layer.adaLN_modulation.1");
    r.done()
}

pub(crate) fn sd3_original(case: &FlowCase) -> Tensors {
    let mut r = Renaming::of(case);
    r.tensor("pos_embed.pos_embed", "pos_embed");
    for (from, to) in [
        ("pos_embed.proj", "x_embedder.proj"),
        ("context_embedder", "context_embedder"),
        ("time_text_embed.timestep_embedder.linear_1", "t_embedder.mlp.0"),
        ("time_text_embed.timestep_embedder.linear_2", "t_embedder.mlp.2"),
        ("time_text_embed.text_embedder.linear_1", "y_embedder.mlp.0"),
        ("time_text_embed.text_embedder.linear_2", "y_embedder.mlp.2"),
        ("proj_out", "final_layer.linear"),
    ] {
        r.layers(&[from], to);
    }
    let blocks = r.blocks("transformer_blocks");
    for i in 0..blocks {
        let last = i + 1 == blocks;
        let (block, stored) = (format!("transformer_blocks.{i}"), format!("joint_blocks.{i}"));
        let twice = r.from.contains_key(&format!("{block}.attn2.to_q.weight"));
        let mut attention = |from: &str, qkv: [&str; 3], norms: [&str; 2], out: Option<&str>, to: &str| {
            let qkv = qkv.map(|part| format!("{block}.{from}.{part}"));
            r.layers(&qkv.each_ref().map(String::as_str), &format!("{stored}.{to}.qkv"));
            for (norm, kind) in norms.into_iter().zip(["ln_q", "ln_k"]) {
                r.tensor(&format!("{block}.{from}.{norm}.weight"), &format!("{stored}.{to}.{kind}.weight"));
            }
            if let Some(out) = out {
                r.layers(&[&format!("{block}.{from}.{out}")], &format!("{stored}.{to}.proj"));
            }
        };
        let own = ["to_q", "to_k", "to_v"];
        attention("attn", own, ["norm_q", "norm_k"], Some("to_out.0"), "x_block.attn");
        if twice {
            attention("attn2", own, ["norm_q", "norm_k"], Some("to_out.0"), "x_block.attn2");
        }
        let added = ["add_q_proj", "add_k_proj", "add_v_proj"];
        let out = (!last).then_some("to_add_out");
        attention("attn", added, ["norm_added_q", "norm_added_k"], out, "context_block.attn");
        r.layers(&[&format!("{block}.norm1.linear")], &format!("{stored}.x_block.adaLN_modulation.1"));
        r.layers(&[&format!("{block}.ff.net.0.proj")], &format!("{stored}.x_block.mlp.fc1"));
        r.layers(&[&format!("{block}.ff.net.2")], &format!("{stored}.x_block.mlp.fc2"));
        let (context, modulation) =
            (format!("{block}.norm1_context.linear"), format!("{stored}.context_block"));
        if last {
            r.halves(&context, &format!("{modulation}.adaLN_modulation.1"));
        } else {
            r.layers(&[&context], &format!("{modulation}.adaLN_modulation.1"));
            r.layers(&[&format!("{block}.ff_context.net.0.proj")], &format!("{modulation}.mlp.fc1"));
            r.layers(&[&format!("{block}.ff_context.net.2")], &format!("{modulation}.mlp.fc2"));
        }
    }
    r.halves("norm_out.linear", "final_layer.adaLN_modulation.1");
    r.done()
}

/// A copy of a case's model without its transformer.
pub(crate) fn without_transformer(case: &FlowCase) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    copy_folder(&case.folder, folder.path());
    std::fs::remove_file(folder.path().join(WEIGHTS)).unwrap();
    folder
}

pub(crate) fn save(tensors: Tensors, prefix: &str, folder: &Path) {
    let tensors: Tensors = tensors.into_iter().map(|(name, t)| (format!("{prefix}{name}"), t)).collect();
    candle_core::safetensors::save(&tensors, folder.join("transformer/published.safetensors")).unwrap();
}

/// Writes a GGUF file whose matrices that divide into blocks are quantised, and all else plain.
fn save_gguf(tensors: &Tensors, dtype: GgmlDType, component: &Path) {
    let stored: Vec<(&String, QTensor)> = tensors
        .iter()
        .map(|(name, tensor)| {
            let blocks = tensor.rank() == 2 && tensor.dims()[1].is_multiple_of(dtype.block_size());
            (name, QTensor::quantize(tensor, if blocks { dtype } else { GgmlDType::F32 }).unwrap())
        })
        .collect();
    let named: Vec<_> = stored.iter().map(|(name, tensor)| (name.as_str(), tensor)).collect();
    let mut file = std::fs::File::create(component.join("published.gguf")).unwrap();
    let architecture = Value::String("flux".to_owned());
    gguf_file::write(&mut file, &[("general.architecture", &architecture)], &named).unwrap();
}

/// A copy of the model `flux1-dev` whose transformer is quantised, in the layout of its makers.
pub(crate) fn quantised_flux(dtype: GgmlDType) -> TempDir {
    let case = FlowCase::own("flux1-dev");
    let folder = without_transformer(&case);
    save_gguf(&flux_original(&case), dtype, &folder.path().join("transformer"));
    folder
}

pub(crate) fn flux(folder: &Path) -> Flux {
    let mut layout = FluxLayout::read(folder).unwrap();
    layout.text_tokens = 32;
    Flux::load(&layout, &Device::Cpu).unwrap()
}

fn check_flux(case: &FlowCase, model: &Flux) {
    let prompt = model.encode_prompt(case.text("txt2img", "prompt"), 0).unwrap();
    let guide = Guide::new(&prompt, None, case.number("txt2img", "guidance_scale"));
    case.check_text_to_image(model, "txt2img", &guide);
}

#[test]
fn flux_1_in_one_file_of_its_makers_follows_the_reference() {
    let case = FlowCase::open("flux1-dev");
    for prefix in ["", "model.diffusion_model."] {
        let folder = without_transformer(&case);
        save(flux_original(&case), prefix, folder.path());
        check_flux(&case, &flux(folder.path()));
    }
}

#[test]
fn flux_2_in_one_file_of_its_makers_follows_the_reference() {
    let case = FlowCase::open("flux2-klein");
    let folder = without_transformer(&case);
    save(flux2_original(&case), "", folder.path());
    let mut layout = Flux2Layout::read(folder.path()).unwrap();
    layout.text_tokens = 64;
    let model = Flux2::load(&layout, &Device::Cpu).unwrap();
    let prompt = model.encode_prompt(case.text("txt2img", "prompt"), 0).unwrap();
    case.check_text_to_image(&model, "txt2img", &Guide::prompt(&prompt));
}

#[test]
fn stable_diffusion_3_in_one_file_of_its_makers_follows_the_reference() {
    let case = FlowCase::open("sd35");
    let folder = without_transformer(&case);
    save(sd3_original(&case), "model.diffusion_model.", folder.path());
    let mut layout = Sd3Layout::read(folder.path()).unwrap();
    layout.text_tokens = 32;
    let model = Sd3::load(&layout, &Device::Cpu).unwrap();
    let prompt = model.encode_prompt(case.text("txt2img.turbo", "prompt"), 0).unwrap();
    case.check_text_to_image(&model, "txt2img.turbo", &Guide::prompt(&prompt));
}

#[test]
fn gguf_files_of_plain_numbers_follow_the_reference() {
    let case = FlowCase::open("flux1-dev");
    let folder = without_transformer(&case);
    save_gguf(&flux_original(&case), GgmlDType::F32, &folder.path().join("transformer"));
    check_flux(&case, &flux(folder.path()));
}

/// llama.cpp's name for a tensor of T5's encoder.
fn t5_gguf_name(name: &str) -> String {
    let name = name.replace("encoder.block.", "enc.blk.");
    [
        ("shared", "token_embd"),
        ("encoder.final_layer_norm", "enc.output_norm"),
        (".layer.0.SelfAttention.relative_attention_bias", ".attn_rel_b"),
        (".layer.0.SelfAttention.", ".attn_"),
        (".layer.0.layer_norm", ".attn_norm"),
        (".layer.1.DenseReluDense.wi_0", ".ffn_gate"),
        (".layer.1.DenseReluDense.wi_1", ".ffn_up"),
        (".layer.1.DenseReluDense.wo", ".ffn_down"),
        (".layer.1.layer_norm", ".ffn_norm"),
    ]
    .iter()
    .fold(name, |name, (from, to)| name.replace(from, to))
}

#[test]
fn text_encoders_in_gguf_files_give_the_states_of_the_reference() {
    for (dtype, allowed) in [(GgmlDType::F32, 1e-5), (GgmlDType::Q8_0, 0.1)] {
        let case = FlowCase::open("flux1-dev");
        let folder = tempfile::tempdir().unwrap();
        copy_folder(&case.folder, folder.path());
        let component = folder.path().join("text_encoder_2");
        let weights = component.join("model.safetensors");
        let tensors = candle_core::safetensors::load(&weights, &Device::Cpu).unwrap();
        let tensors = tensors.into_iter().map(|(name, t)| (t5_gguf_name(&name), t)).collect();
        std::fs::remove_file(weights).unwrap();
        save_gguf(&tensors, dtype, &component);
        let prompt = flux(folder.path()).encode_prompt(case.text("txt2img", "prompt"), 0).unwrap();
        check_states(&prompt.states, &case, &format!("T5 in {dtype:?}"), allowed);

        let case = FlowCase::open("flux2-klein");
        let folder = tempfile::tempdir().unwrap();
        copy_folder(&case.folder, folder.path());
        let component = folder.path().join("text_encoder");
        let weights = component.join("model.safetensors");
        let tensors = candle_core::safetensors::load(&weights, &Device::Cpu).unwrap();
        let tensors = tensors.into_iter().map(|(name, t)| (gguf_name(&name), t)).collect();
        std::fs::remove_file(weights).unwrap();
        save_gguf(&tensors, dtype, &component);
        let mut layout = Flux2Layout::read(folder.path()).unwrap();
        layout.text_tokens = 64;
        let model = Flux2::load(&layout, &Device::Cpu).unwrap();
        let prompt = model.encode_prompt(case.text("txt2img", "prompt"), 0).unwrap();
        check_states(&prompt.states, &case, &format!("Qwen3 in {dtype:?}"), allowed);
    }
}

fn check_states(states: &Tensor, case: &FlowCase, what: &str, allowed: f32) {
    let wanted = case.reference.get("prompt_embeds");
    let share = spread(&(states - &wanted).unwrap()) / spread(&wanted);
    println!("{what}: states within {share:.1e} of their spread");
    assert!(share <= allowed, "{what}: the states differ by {share} of their spread");
}

#[test]
fn quantised_transformers_predict_nearly_the_same_in_less_memory() {
    let case = FlowCase::own("flux1-dev");
    let plain = flux(&case.folder);
    let latents = case.reference.get("noise.unpacked");
    let predict = |model: &Flux| {
        let prompt = model.encode_prompt(case.text("txt2img", "prompt"), 0).unwrap();
        let guide = Guide::new(&prompt, None, 3.5);
        model.predictor(&guide, (16, 16)).unwrap().predict(&latents, 700.0).unwrap()
    };
    let wanted = predict(&plain);
    let plain_bytes = FluxLayout::read(&case.folder).unwrap().weight_bytes();
    for (dtype, allowed) in [(GgmlDType::Q8_0, 0.1), (GgmlDType::Q5_0, 0.4), (GgmlDType::Q4_0, 0.8)] {
        let folder = quantised_flux(dtype);
        let difference = (predict(&flux(folder.path())) - &wanted).unwrap();
        let share = spread(&difference) / spread(&wanted);
        let bytes = FluxLayout::read(folder.path()).unwrap().weight_bytes();
        println!("{dtype:?}: within {share:.1e} of the spread, {bytes} bytes instead of {plain_bytes}");
        assert!(share <= allowed && share > 0.0, "{dtype:?} differs by {share} of the spread");
        assert!(bytes < plain_bytes - 300_000, "{dtype:?}: {bytes} bytes");
    }
}

#[test]
fn a_published_file_that_lacks_rows_is_refused_with_the_name_of_the_layer() {
    let case = FlowCase::own("flux1-dev");
    for gguf in [false, true] {
        let folder = without_transformer(&case);
        let mut tensors = flux_original(&case);
        let short = tensors["double_blocks.0.img_attn.qkv.weight"].narrow(0, 0, 90).unwrap();
        tensors.insert("double_blocks.0.img_attn.qkv.weight".to_owned(), short.copy().unwrap());
        match gguf {
            true => save_gguf(&tensors, GgmlDType::Q8_0, &folder.path().join("transformer")),
            false => save(tensors, "", folder.path()),
        }
        let layout = FluxLayout::read(folder.path()).unwrap();
        let Err(refused) = Flux::load(&layout, &Device::Cpu) else { panic!("it was taken") };
        let message = refused.to_string();
        assert!(
            message.contains("transformer_blocks.0.attn.to_q") && message.contains("published"),
            "{message}"
        );
    }
}
