//! Adapters: what diffusers computes with them, in both of its layouts, and that they leave nothing behind.

use candle_core::quantized::GgmlDType;
use candle_core::{Device, Tensor};
use qpyt_inference::ScheduleId;
use qpyt_inference::adapter::{Lora, LoraLayout, blend};
use qpyt_inference::diffusion::pipeline::Guide;
use qpyt_inference::diffusion::samplers::SamplerChoice;
use qpyt_inference::slots::Slots;
use serde_json::Value;

use crate::additions::Addition;
use crate::flow::{Zeros, as_map};
use crate::original_layouts::quantised_flux;
use crate::support::{own_references, spread, values};

/// The adapters of UNets were made with alpha twice the rank, which their diffusers layout does not say.
const LAYOUTS: [(&str, f64); 2] = [("kohya", 1.0), ("diffusers", 2.0)];

fn slots(case: &Addition) -> &Slots {
    case.base.slots()
}

/// The adapters of a run in a layout, with their strengths.
fn adapters(case: &Addition, run: &Value, (layout, factor): (&str, f64)) -> Vec<(Lora, f64)> {
    let Some(asked) = run["adapters"].as_object() else { return Vec::new() };
    let adapter = |name: &String| case.adapter(&format!("{}{name}.{layout}.safetensors", case.prefix()));
    asked.iter().map(|(name, weight)| (adapter(name), weight.as_f64().unwrap() * factor)).collect()
}

fn put(case: &Addition, adapters: &[(Lora, f64)]) {
    let borrowed: Vec<_> = adapters.iter().map(|(lora, strength)| (lora, *strength)).collect();
    for blended in blend(slots(case), &borrowed).unwrap() {
        assert_eq!(blended.misfits, Vec::<String>::new());
        assert!(blended.layers > 8, "only {} layers", blended.layers);
    }
}

#[test]
fn every_run_with_adapters_follows_the_reference_in_both_layouts() {
    for name in ["sd15-lora", "sdxl-lora"] {
        let case = Addition::open(name);
        for layout in LAYOUTS {
            for run in case.runs() {
                put(&case, &adapters(&case, run, layout));
                case.check(run, &format!("{name} {}", layout.0));
            }
        }
    }
}

#[test]
fn an_adapter_that_was_taken_out_leaves_nothing_behind() {
    let case = Addition::open("sd15-lora");
    let states = || values(&case.base.encode_prompt("red fox", 0).unwrap().states);
    let before = states();
    let run = &case.runs()[0];
    put(&case, &adapters(&case, run, LAYOUTS[0]));
    slots(&case).clear();
    assert_eq!(states(), before);
    case.check(case.runs().last().unwrap(), "after another");
}

const TRANSFORMERS: [&str; 3] = ["flux1-dev-lora", "sd35-lora", "flux2-klein-lora"];

#[test]
fn adapters_of_transformers_and_their_text_encoders_follow_the_reference_in_both_layouts() {
    for name in TRANSFORMERS {
        let case = Addition::open(name);
        assert_eq!(case.runs().iter().filter(|run| run["adapters"].is_object()).count(), 3, "{name}");
        for layout in case.layouts() {
            for run in case.runs() {
                put(&case, &adapters(&case, run, (layout, 1.0)));
                case.check(run, &format!("{name} {layout}"));
            }
        }
    }
}

/// The network's prediction for a run's noise, late in the run.
fn prediction(case: &Addition, run: &Value) -> Tensor {
    let base = case.base.as_ref();
    let prompt = base.encode_prompt(run["prompt"].as_str().unwrap(), 0).unwrap();
    let size = (run["height"].as_u64().unwrap() as usize, run["width"].as_u64().unwrap() as usize);
    let choice = SamplerChoice { rule: None, schedule: ScheduleId::Normal, steps: 3 };
    let sampler = base.sampler(choice, (size.1, size.0)).unwrap();
    let map = base.noise_latents(size.1, size.0, sampler.as_ref(), &mut Zeros).unwrap();
    let noise = as_map(&case.reference.get(&format!("{}.noise", run["run"].as_str().unwrap())), &map);
    let (_, _, height, width) = noise.dims4().unwrap();
    let guide = Guide::new(&prompt, None, run["guidance_scale"].as_f64().unwrap());
    base.predictor(&guide, (height, width)).unwrap().predict(&noise, 300.0).unwrap()
}

#[test]
fn a_transformer_computes_the_same_bits_once_an_adapter_is_taken_out() {
    for name in TRANSFORMERS {
        let case = Addition::open(name);
        let plain = values(&prediction(&case, &case.runs()[0]));
        for run in case.runs().iter().filter(|run| run["adapters"].is_object()) {
            put(&case, &adapters(&case, run, ("diffusers", 1.0)));
            assert_ne!(values(&prediction(&case, run)), plain, "{name}");
            slots(&case).clear();
            assert_eq!(values(&prediction(&case, run)), plain, "{name}");
        }
    }
}

#[test]
fn an_adapter_of_a_quantised_transformer_moves_it_as_it_moves_the_dense_one() {
    let dense = Addition::open_on("flux1-dev-lora", &own_references().join("flux1-dev"));
    let folder = quantised_flux(GgmlDType::Q8_0);
    let quantised = Addition::open_on("flux1-dev-lora", folder.path());
    let plain = (prediction(&dense, &dense.runs()[0]), prediction(&quantised, &dense.runs()[0]));
    let rounding = spread(&(&plain.1 - &plain.0).unwrap());
    for run in dense.runs().iter().filter(|run| run["adapters"].is_object()) {
        for layout in dense.layouts() {
            put(&dense, &adapters(&dense, run, (layout, 1.0)));
            put(&quantised, &adapters(&quantised, run, (layout, 1.0)));
            let (wanted, ours) = (prediction(&dense, run), prediction(&quantised, run));
            let moved = spread(&(&wanted - &plain.0).unwrap());
            let apart = spread(&(&ours - &wanted).unwrap());
            println!(
                "{} {layout}: apart {apart:.1e}, rounding {rounding:.1e}, moved {moved:.1e}",
                run["run"]
            );
            assert!(apart < 2.0 * rounding && moved > 3.0 * rounding, "{}", run["run"]);
        }
    }
    slots(&quantised).clear();
    assert_eq!(values(&prediction(&quantised, &dense.runs()[0])), values(&plain.1));
}

#[test]
fn changes_of_any_kind_reach_quantised_layers() {
    let folder = quantised_flux(GgmlDType::Q4_0);
    let case = Addition::open_on("flux1-dev-lora", folder.path());
    let run = &case.runs()[0];
    let plain = values(&prediction(&case, run));
    let layer = "transformer.single_transformer_blocks.1.attn.to_k";
    let part = |name: &str, shape: &[usize]| {
        let numbers = (0..shape.iter().product()).map(|i: usize| ((i * 7 % 11) as f32 - 5.0) / 20.0);
        let tensor = Tensor::from_iter(numbers, &Device::Cpu).unwrap().reshape(shape).unwrap();
        (format!("{layer}.{name}"), tensor)
    };
    let low = || vec![part("lora_A.weight", &[2, 32]), part("lora_B.weight", &[32, 2])];
    let dora = low().into_iter().chain([part("dora_scale", &[32, 1])]).collect();
    let loha = ["a", "b"].map(|half| if half == "a" { [32, 2] } else { [2, 32] });
    let loha = ["hada_w1_a", "hada_w1_b", "hada_w2_a", "hada_w2_b"].iter().zip(loha.iter().cycle());
    for (what, tensors) in [
        ("low rank", low()),
        ("DoRA", dora),
        ("LoHa", loha.map(|(name, shape)| part(name, shape)).collect()),
        ("LoKr", vec![part("lokr_w1", &[4, 8]), part("lokr_w2", &[8, 4])]),
        ("full", vec![part("diff", &[32, 32])]),
    ] {
        let path = folder.path().join("adapter.safetensors");
        candle_core::safetensors::save(&tensors.into_iter().collect(), &path).unwrap();
        let lora = Lora::load(&LoraLayout::read(&path).unwrap().unwrap(), &Device::Cpu).unwrap();
        let blended = blend(slots(&case), &[(&lora, 1.0)]).unwrap();
        assert_eq!((blended[0].layers, blended[0].misfits.len()), (1, 0), "{what}");
        assert_ne!(values(&prediction(&case, run)), plain, "{what}");
        slots(&case).clear();
        assert_eq!(values(&prediction(&case, run)), plain, "{what}");
    }
}
