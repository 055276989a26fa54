//! Samplers held against schedulers of diffusers, call by call, on a network that anyone can compute:
//! `input * t / (t + 200)`.

use std::path::Path;

use candle_core::{Device, Tensor};
use qpyt_inference::diffusion::samplers::{FlowScheduler, Ramp, Sampler, SamplerChoice, SchedulerConfig};
use qpyt_inference::weights::ConfigFile;
use qpyt_inference::{SamplerId, ScheduleId};
use serde_json::Value;

use crate::support::{Recorded, largest, own_references, values};

/// Largest difference of latents, as a share of the largest of them.
const LATENTS: f32 = 1e-4;

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

fn singles(value: &Value) -> Vec<f32> {
    numbers(value).into_iter().map(|number| number as f32).collect()
}

/// The sampler of a run as the model's own scheduler, and as one that the request asks for.
fn samplers(run: &Value) -> [Box<dyn Sampler>; 2] {
    let steps = run["steps"].as_u64().unwrap() as usize;
    let named: SamplerId = run["sampler"].as_str().unwrap().parse().unwrap();
    let asked: ScheduleId = run["schedule"].as_str().unwrap().parse().unwrap();
    let file =
        |config: &Value| ConfigFile::parse(Path::new("scheduler_config.json"), &config.to_string()).unwrap();
    let mut plain = run["scheduler"].clone();
    let settings = plain.as_object_mut().unwrap();
    settings.retain(|key, _| !key.ends_with("_sigmas") && key != "timestep_spacing");
    [(&run["scheduler"], ScheduleId::Normal), (&plain, asked)].map(|(config, schedule)| {
        if let Ok(flow) = FlowScheduler::read(&file(config)) {
            let choice = SamplerChoice { rule: Some(named), schedule, steps };
            return flow.prepare(choice, Ramp::Table, run["logarithm"].as_f64().unwrap_or(0.0)).unwrap();
        }
        let config = SchedulerConfig::read(&file(config)).unwrap();
        assert_eq!(config.sampler, named);
        named.prepare(&config, schedule, steps).unwrap()
    })
}

fn case() -> Value {
    let text = std::fs::read_to_string(own_references().join("samplers/case.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// The samplers that are held against diffusers here.
pub(crate) fn covered() -> Vec<SamplerId> {
    let case = case();
    let runs = case["runs"].as_array().unwrap();
    runs.iter().map(|run| run["sampler"].as_str().unwrap().parse().unwrap()).collect()
}

#[test]
fn samplers_go_where_diffusers_goes_as_the_models_own_and_by_request() {
    let mut worst = 0f32;
    for run in case()["runs"].as_array().unwrap() {
        let name = format!("{} {}", run["sampler"], run["schedule"]);
        for mut sampler in samplers(run) {
            let timesteps = numbers(&run["timesteps"]);
            let ours = sampler.schedule().timesteps.clone();
            assert_eq!(ours.len(), timesteps.len(), "{name}: {ours:?} is not {timesteps:?}");
            // Where diffusers cuts off the fraction of a timestep, the last bit decides between two.
            let near = if timesteps.iter().all(|t| t.fract() == 0.0) { 1.0 } else { 2e-3 };
            for (a, b) in ours.iter().zip(&timesteps) {
                assert!((a - b).abs() <= near, "{name}: {ours:?} is not {timesteps:?}");
            }
            let drawn: Vec<_> = run["drawn"].as_array().unwrap().iter().map(singles).collect();
            let mut noise = Recorded(drawn.into_iter());
            let start = Tensor::new(&[-1.5f32, -0.5, 0.5, 1.5], &Device::Cpu).unwrap();
            let mut sample =
                (start.reshape((1, 1, 2, 2)).unwrap() * sampler.schedule().initial_scale).unwrap();
            let latents = run["latents"].as_array().unwrap();
            for (index, (wanted, time)) in latents.iter().zip(&timesteps).enumerate() {
                let input = sampler.schedule().model_input(&sample, index).unwrap();
                let output = (input * (time / (time + 200.0))).unwrap();
                sample = sampler.step(index, &sample, &output, &mut noise).unwrap();
                let wanted = singles(wanted);
                let gaps = values(&sample).into_iter().zip(&wanted).map(|(a, b)| (a - b).abs());
                let share = gaps.fold(0f32, f32::max) / largest(&sample).max(1e-3);
                assert!(share <= LATENTS, "{name}: call {index}: {sample} is not {wanted:?}");
                worst = worst.max(share);
            }
        }
    }
    println!("latents within {worst:.1e}");
}
