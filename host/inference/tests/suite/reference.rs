//! The Stable Diffusion 1.x cases: what diffusers computed from small random weights, module by module and step by
//! step. Nothing is fitted to the numbers; other cases of the same shapes run by setting `QPYT_REFERENCE_DIR`.

use std::path::{Path, PathBuf};

use crate::support::{Recorded, Reference, gap, reference_folder, spread};
use candle_core::{Device, Tensor};
use qpyt_inference::SamplerId;
use qpyt_inference::ScheduleId;
use qpyt_inference::diffusion::layout::ModelLayout;
use qpyt_inference::diffusion::samplers::{Sampler, SchedulerConfig};
use qpyt_inference::diffusion::stable_diffusion::{CallReport, Outside, RunStart, StableDiffusion, Watcher};
use qpyt_inference::text::ClipTokenizer;
use qpyt_inference::weights::ConfigFile;
use serde_json::{Value, json};

/// Largest difference allowed of a single module.
const MODULE: f32 = 1e-4;
/// Largest difference allowed of latents, as a share of their spread.
const LATENTS: f32 = 1e-3;
/// Largest difference allowed of a picture in 0..1.
const IMAGE: f32 = 2e-3;

struct Case {
    folder: PathBuf,
    model: StableDiffusion,
    reference: Reference,
    description: Value,
}

impl Case {
    fn open() -> Self {
        let folder = reference_folder().join("sd15");
        let layout = ModelLayout::read(&folder).unwrap();
        let description = std::fs::read_to_string(folder.join("case.json")).unwrap();
        Self {
            model: StableDiffusion::load(&layout, &Device::Cpu).unwrap(),
            reference: Reference::open(&folder),
            description: serde_json::from_str(&description).unwrap(),
            folder,
        }
    }

    fn run(&self, name: &str) -> &Value {
        self.description["runs"].as_array().unwrap().iter().find(|r| r["run"] == name).unwrap()
    }

    fn prompt(&self) -> String {
        self.run("txt2img.ddim")["prompt"].as_str().unwrap().to_owned()
    }

    /// The case's picture as the autoencoder takes it.
    fn picture(&self) -> Tensor {
        let picture = self.reference.get("picture").permute((0, 3, 1, 2)).unwrap();
        ((picture * 2.0).unwrap() - 1.0).unwrap()
    }

    /// Steps that a run with a strength leaves out.
    fn skipped_steps(&self, name: &str) -> usize {
        let run = self.run(name);
        let (steps, strength) = (&run["num_inference_steps"], &run["strength"]);
        (steps.as_f64().unwrap() - (steps.as_f64().unwrap() * strength.as_f64().unwrap()).floor()) as usize
    }

    /// Runs a text-to-image case from its start noise with the sampler that the reference gave it.
    fn check_text_to_image(&self, name: &str) {
        let mut sampler = self.sampler(name);
        let noise = self.reference.get(&format!("{name}.noise"));
        let latents = (noise * sampler.schedule().initial_scale).unwrap();
        let mut noise = Recorded::of_run(&self.reference, name);
        let start = RunStart { latents, first: 0, outside: None };
        self.check_run(name, sampler.as_mut(), start, &mut noise);
        assert!(noise.0.next().is_none(), "{name}: the reference drew more noise");
    }

    /// The sampler of a run, set up as the scheduler that the reference constructed for it.
    fn sampler(&self, name: &str) -> Box<dyn Sampler> {
        let run = self.run(name);
        let mut config = json!({
            "_class_name": run["scheduler"], "num_train_timesteps": 1000, "beta_start": 0.00085,
            "beta_end": 0.012, "beta_schedule": "scaled_linear"
        });
        let own = match name.rsplit('.').next().unwrap() {
            "euler" | "euler-a" => json!({"steps_offset": 1}),
            "euler-trailing" => json!({"timestep_spacing": "trailing"}),
            "euler-karras" | "dpmpp-2m-karras" => json!({"use_karras_sigmas": true}),
            "dpmpp-2m-sde-karras" => json!({"use_karras_sigmas": true, "algorithm_type": "sde-dpmsolver++"}),
            "pndm" => json!({"steps_offset": 1, "skip_prk_steps": true}),
            _ if run["scheduler"] == "DDIMScheduler" => {
                json!({"clip_sample": false, "set_alpha_to_one": false, "steps_offset": 1})
            }
            _ => json!({}),
        };
        config.as_object_mut().unwrap().extend(own.as_object().unwrap().clone());
        let file = ConfigFile::parse(Path::new("scheduler_config.json"), &config.to_string()).unwrap();
        let config = SchedulerConfig::read(&file).unwrap();
        let steps = run["num_inference_steps"].as_u64().unwrap() as usize;
        config.sampler.prepare(&config, ScheduleId::Normal, steps).unwrap()
    }

    /// Runs the sampler from a call on and compares timesteps, latents after every call, and the picture.
    fn check_run(&self, name: &str, sampler: &mut dyn Sampler, start: RunStart<'_>, noise: &mut Recorded) {
        let (run, first) = (self.run(name), start.first);
        let text = |key: &str| run[key].as_str().unwrap_or_default();
        let guidance = run["guidance_scale"].as_f64().unwrap();
        let prompt = self.model.encode_prompt(text("prompt"), 0).unwrap().states;
        let negative = self.model.encode_prompt(text("negative_prompt"), 0).unwrap().states;
        let negative = (guidance > 1.0).then_some((&negative, guidance));
        let conditioning = self.model.conditioning(&prompt, negative).unwrap();
        let timesteps = sampler.schedule().timesteps[first..].to_vec();
        for (i, timestep) in timesteps.iter().enumerate() {
            let wanted = self.reference.values(&format!("{name}.timestep.{i}"))[0];
            assert!(
                (*timestep as f32 - wanted).abs() < 1e-2,
                "{name}: timestep {i} is {timestep}, not {wanted}"
            );
        }
        assert!(
            !self.reference.has(&format!("{name}.timestep.{}", timesteps.len())),
            "{name}: too few calls"
        );

        let mut watcher = Comparison { case: self, name, first, worst: 0.0 };
        let latents = self.model.denoise(&conditioning, sampler, start, noise, &mut watcher).unwrap();
        let image = self.model.decode(&latents).unwrap();
        let image = ((image / 2.0).unwrap() + 0.5).unwrap().clamp(0f32, 1f32).unwrap();
        let image = image.permute((0, 2, 3, 1)).unwrap();
        let image_gap = gap(&image, &self.reference.get(&format!("{name}.image")));
        println!(
            "{name}: latents within {:.1e} of their spread, picture within {image_gap:.1e}",
            watcher.worst
        );
        assert!(image_gap <= IMAGE, "{name}: the picture differs by {image_gap}");
    }
}

struct Comparison<'a> {
    case: &'a Case,
    name: &'a str,
    first: usize,
    worst: f32,
}

impl Watcher for Comparison<'_> {
    fn cancelled(&mut self) -> bool {
        false
    }

    fn called(&mut self, report: CallReport<'_>) {
        let call = report.index - self.first;
        let wanted = self.case.reference.get(&format!("{}.latents.{call}", self.name));
        let share = gap(report.latents, &wanted) / spread(&wanted);
        self.worst = self.worst.max(share);
        assert!(
            share <= LATENTS,
            "{}: latents after call {call} differ by {share} of their spread",
            self.name
        );
    }
}

#[test]
fn prompts_become_the_token_ids_of_the_reference() {
    let case = Case::open();
    let wanted = case.reference.integers(&case.folder, "token_ids");
    let window = case.model.tokenizer().window(&case.prompt()).unwrap();
    assert_eq!(window.ids.iter().map(|&id| i64::from(id)).collect::<Vec<_>>(), wanted);
    assert_eq!(window.dropped, 0);
}

#[test]
fn a_vocabulary_with_merges_tokenizes_like_the_joined_tokenizer_file() {
    let case = Case::open();
    let folder = tempfile::tempdir().unwrap();
    for name in ["vocab.json", "merges.txt", "tokenizer_config.json"] {
        std::fs::copy(case.folder.join("tokenizer").join(name), folder.path().join(name)).unwrap();
    }
    let encoder = ModelLayout::read(&case.folder).unwrap().text;
    let split = ClipTokenizer::load(folder.path(), &encoder).unwrap();
    for prompt in [&case.prompt(), "", "  Two CATS,(sleeping:1.2)  don't\tmind é 漢字 42!", "🦊"] {
        assert_eq!(split.window(prompt).unwrap(), case.model.tokenizer().window(prompt).unwrap(), "{prompt}");
    }
}

#[test]
fn prompt_states_are_those_of_the_reference() {
    let case = Case::open();
    let negative = case.run("txt2img.ddim")["negative_prompt"].as_str().unwrap();
    for (prompt, skip, name) in [
        (case.prompt().as_str(), 0, "prompt_embeds"),
        (negative, 0, "negative_prompt_embeds"),
        (case.prompt().as_str(), 1, "prompt_embeds.clip_skip_1"),
    ] {
        let states = case.model.encode_prompt(prompt, skip).unwrap().states;
        let gap = gap(&states, &case.reference.get(name));
        assert!(gap <= MODULE, "{name} differs by {gap}");
    }
}

#[test]
fn a_single_pass_of_the_noise_predictor_is_that_of_the_reference() {
    let case = Case::open();
    let context = case.model.unet().context(&case.reference.get("prompt_embeds")).unwrap();
    let timestep = case.reference.integers(&case.folder, "unet.t")[0] as f64;
    let out = case.model.unet().forward(&case.reference.get("unet.in"), timestep, &context).unwrap();
    let gap = gap(&out, &case.reference.get("unet.out"));
    assert!(gap <= MODULE, "the prediction differs by {gap}");
}

#[test]
fn the_autoencoder_encodes_and_decodes_as_the_reference() {
    let case = Case::open();
    let latents = case.model.vae().encode(&case.picture()).unwrap();
    let decoded = case.model.vae().decode(&case.reference.get("vae.mean")).unwrap();
    for (name, ours) in [("vae.mean", &latents.mean), ("vae.std", &latents.std), ("vae.decoded", &decoded)] {
        let gap = gap(ours, &case.reference.get(name));
        assert!(gap <= MODULE, "{name} differs by {gap}");
    }
}

#[test]
fn every_text_to_image_run_follows_the_reference_step_by_step() {
    let case = Case::open();
    let runs = case.description["runs"].as_array().unwrap();
    let names: Vec<_> =
        runs.iter().filter_map(|r| r["run"].as_str()).filter(|n| n.starts_with("txt2img")).collect();
    assert!(names.len() >= 17, "only {} runs", names.len());
    for name in names {
        case.check_text_to_image(name);
    }
}

#[test]
fn image_to_image_follows_the_reference_step_by_step() {
    let case = Case::open();
    let first = case.skipped_steps("img2img");
    let mut sampler = case.sampler("img2img");
    let mut noise = Recorded::of_run(&case.reference, "img2img");
    let clean = case.model.picture_latents(&case.picture(), &mut noise).unwrap();
    let fresh = Tensor::from_vec(noise.0.next().unwrap(), clean.shape(), &Device::Cpu).unwrap();
    let latents = sampler.schedule().add_noise(&clean, &fresh, first).unwrap();
    let start = RunStart { latents, first, outside: None };
    case.check_run("img2img", sampler.as_mut(), start, &mut noise);
}

#[test]
fn inpainting_follows_the_reference_step_by_step() {
    let case = Case::open();
    let first = case.skipped_steps("inpaint");
    let mut sampler = case.sampler("inpaint");
    let mut noise = Recorded::of_run(&case.reference, "inpaint");
    let clean = case.model.picture_latents(&case.picture(), &mut noise).unwrap();
    let fresh = Tensor::from_vec(noise.0.next().unwrap(), clean.shape(), &Device::Cpu).unwrap();
    let latents = sampler.schedule().add_noise(&clean, &fresh, first).unwrap();
    let mask = case.reference.get("mask").permute((0, 3, 1, 2)).unwrap().contiguous().unwrap();
    let outside = Outside::new(case.model.latent_mask(&mask).unwrap(), clean, fresh);
    let start = RunStart { latents, first, outside: Some(&outside) };
    case.check_run("inpaint", sampler.as_mut(), start, &mut noise);
}

#[test]
fn every_sampler_that_is_offered_has_a_reference_run() {
    let case = Case::open();
    let runs = case.description["runs"].as_array().unwrap();
    let names: Vec<_> =
        runs.iter().filter_map(|r| r["run"].as_str()).filter(|n| n.starts_with("txt2img.")).collect();
    let covered: Vec<SamplerId> = names.iter().map(|name| sampler_id(&case, name)).collect();
    for id in SamplerId::ALL {
        assert!(covered.contains(id), "{id} is offered but no run of the reference covers it");
    }
}

fn sampler_id(case: &Case, run: &str) -> SamplerId {
    let class = case.run(run)["scheduler"].as_str().unwrap();
    let algorithm = if run.contains("sde-karras") { "sde-dpmsolver++" } else { "dpmsolver++" };
    let text = json!({"_class_name": class, "algorithm_type": algorithm, "skip_prk_steps": true}).to_string();
    SchedulerConfig::read(&ConfigFile::parse(Path::new("x.json"), &text).unwrap()).unwrap().sampler
}
