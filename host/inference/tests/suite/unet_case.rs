//! Cases of models with a UNet: the model, and runs held against what diffusers computed, step by step.

use std::path::{Path, PathBuf};

use candle_core::{Device, Tensor};
use qpyt_inference::ScheduleId;
use qpyt_inference::diffusion::footprint::Extent;
use qpyt_inference::diffusion::layout::ModelLayout;
use qpyt_inference::diffusion::pipeline::{CallReport, Guide, Outside, Pipeline, RunStart, Watcher};
use qpyt_inference::diffusion::samplers::{Sampler, SchedulerConfig};
use qpyt_inference::diffusion::stable_diffusion::StableDiffusion;
use qpyt_inference::diffusion::unet::Framing;
use qpyt_inference::weights::ConfigFile;
use serde_json::{Value, json};

use crate::support::{Recorded, Reference, case_folder, gap, spread};

/// Largest difference allowed of a single module.
pub(crate) const MODULE: f32 = 1e-4;
/// Largest difference allowed of latents, as a share of their spread.
const LATENTS: f32 = 1e-3;
/// Largest difference allowed of a picture in 0..1.
const IMAGE: f32 = 2e-3;

/// A case with its model.
pub(crate) struct Case {
    pub(crate) folder: PathBuf,
    pub(crate) model: StableDiffusion,
    pub(crate) reference: Reference,
    pub(crate) description: Value,
}

impl Case {
    pub(crate) fn open(name: &str) -> Self {
        let folder = case_folder(name);
        Self::open_with(&folder, folder.clone())
    }

    /// The case in `folder` for the model in another.
    pub(crate) fn open_with(model: &Path, folder: PathBuf) -> Self {
        let layout = ModelLayout::read(model).unwrap();
        let description = std::fs::read_to_string(folder.join("case.json")).unwrap();
        Self {
            model: StableDiffusion::load(&layout, &Device::Cpu).unwrap(),
            reference: Reference::open(&folder),
            description: serde_json::from_str(&description).unwrap(),
            folder,
        }
    }

    pub(crate) fn run(&self, name: &str) -> &Value {
        self.description["runs"].as_array().unwrap().iter().find(|r| r["run"] == name).unwrap()
    }

    pub(crate) fn prompt(&self) -> String {
        self.run("txt2img.ddim")["prompt"].as_str().unwrap().to_owned()
    }

    /// The case's picture as the autoencoder takes it.
    pub(crate) fn picture(&self) -> Tensor {
        let picture = self.reference.get("picture").permute((0, 3, 1, 2)).unwrap();
        ((picture * 2.0).unwrap() - 1.0).unwrap()
    }

    /// The case's mask, 1 where the picture is to be made anew.
    fn mask(&self) -> Tensor {
        self.reference.get("mask").permute((0, 3, 1, 2)).unwrap().contiguous().unwrap()
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
        self.check_run(name, sampler.as_mut(), start, &mut noise, None);
        assert!(noise.0.next().is_none(), "{name}: the reference drew more noise");
    }

    /// Runs every text-to-image case, of which there are at least some.
    pub(crate) fn check_texts_to_images(&self, least: usize) {
        let runs = self.description["runs"].as_array().unwrap();
        let names: Vec<_> =
            runs.iter().filter_map(|r| r["run"].as_str()).filter(|n| n.starts_with("txt2img")).collect();
        assert!(names.len() >= least, "only {} runs", names.len());
        for name in names {
            self.check_text_to_image(name);
        }
    }

    /// Runs the case `img2img` from the case's picture.
    pub(crate) fn check_image_to_image(&self) {
        let first = self.skipped_steps("img2img");
        let mut sampler = self.sampler("img2img");
        let mut noise = Recorded::of_run(&self.reference, "img2img");
        let clean = self.model.picture_latents(&self.picture(), Extent::Whole, &mut noise).unwrap();
        let fresh = Tensor::from_vec(noise.0.next().unwrap(), clean.shape(), &Device::Cpu).unwrap();
        let latents = sampler.schedule().add_noise(&clean, &fresh, first).unwrap();
        let start = RunStart { latents, first, outside: None };
        self.check_run("img2img", sampler.as_mut(), start, &mut noise, None);
    }

    /// Runs the case `inpaint` from the case's picture and mask.
    pub(crate) fn check_inpainting(&self) {
        let first = self.skipped_steps("inpaint");
        let mut sampler = self.sampler("inpaint");
        let mut noise = Recorded::of_run(&self.reference, "inpaint");
        let clean = self.model.picture_latents(&self.picture(), Extent::Whole, &mut noise).unwrap();
        let fresh = Tensor::from_vec(noise.0.next().unwrap(), clean.shape(), &Device::Cpu).unwrap();
        let latents = sampler.schedule().add_noise(&clean, &fresh, first).unwrap();
        let outside = Outside::new(self.model.latent_mask(&self.mask()).unwrap(), clean, fresh);
        let start = RunStart { latents, first, outside: Some(&outside) };
        self.check_run("inpaint", sampler.as_mut(), start, &mut noise, None);
    }

    /// Runs the case `inpaint` with a network that sees what surrounds the mask, from noise alone.
    pub(crate) fn check_filling(&self) {
        let mut sampler = self.sampler("inpaint");
        let mut noise = Recorded::of_run(&self.reference, "inpaint");
        let run = self.run("inpaint");
        let [width, height] = ["width", "height"].map(|edge| run[edge].as_u64().unwrap() as usize);
        let latents = self.model.noise_latents(width, height, sampler.as_ref(), &mut noise).unwrap();
        let surroundings =
            self.model.surroundings(&self.picture(), &self.mask(), Extent::Whole, &mut noise).unwrap();
        let start = RunStart { latents, first: 0, outside: None };
        self.check_run("inpaint", sampler.as_mut(), start, &mut noise, Some(&surroundings));
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
    fn check_run(
        &self,
        name: &str,
        sampler: &mut dyn Sampler,
        start: RunStart<'_>,
        noise: &mut Recorded,
        surroundings: Option<&Tensor>,
    ) {
        let (run, first) = (self.run(name), start.first);
        let text = |key: &str| run[key].as_str().unwrap_or_default();
        let guidance = run["guidance_scale"].as_f64().unwrap();
        let prompt = self.model.encode_prompt(text("prompt"), 0).unwrap();
        let negative = self.model.encode_negative(text("negative_prompt"), 0).unwrap();
        let guide = Guide {
            framing: framing(run),
            surroundings,
            ..Guide::new(&prompt, (guidance > 1.0).then_some(&negative), guidance)
        };
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
        let latents = self.model.denoise(&guide, sampler, start, noise, &mut watcher).unwrap();
        let image = self.model.decode(&latents).unwrap();
        let image = ((image / 2.0).unwrap() + 0.5).unwrap().clamp(0f32, 1f32).unwrap();
        let image = image.permute((0, 2, 3, 1)).unwrap();
        let image_gap = gap(&image, &self.reference.get(&format!("{name}.image")));
        println!(
            "{} {name}: latents within {:.1e} of their spread, picture within {image_gap:.1e}",
            self.folder.file_name().unwrap().display(),
            watcher.worst
        );
        assert!(image_gap <= IMAGE, "{name}: the picture differs by {image_gap}");
    }
}

/// How a run says that its picture lies in a larger one.
fn framing(run: &Value) -> Option<Framing> {
    let pair = |key: &str| {
        let values = run[key].as_array()?;
        Some((values[0].as_u64()? as usize, values[1].as_u64()? as usize))
    };
    Some(Framing {
        original: pair("original_size")?,
        corner: pair("crops_coords_top_left")?,
        target: pair("target_size")?,
    })
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
