//! Cases that add something to a base model, adapters or controls: the base, and a run held against what diffusers
//! computed, step by step.

use std::path::{Path, PathBuf};

use candle_core::Device;
use qpyt_inference::ScheduleId;
use qpyt_inference::adapter::{Lora, LoraLayout};
use qpyt_inference::diffusion::painter::{Borrowed, FoundPainter};
use qpyt_inference::diffusion::pipeline::{CallReport, Guide, Pipeline, RunStart, Steering, Watcher};
use qpyt_inference::diffusion::samplers::SamplerChoice;
use serde_json::Value;

use crate::flow::{Zeros, as_map};
use crate::support::{Recorded, Reference, case_folder, gap, spread};

/// Largest difference allowed of latents, as a share of their spread.
const LATENTS: f32 = 1e-3;
/// Largest difference allowed of a picture in 0..1.
const IMAGE: f32 = 2e-3;

/// A case and the base that it adds to.
pub(crate) struct Addition {
    pub(crate) folder: PathBuf,
    pub(crate) base: Box<dyn Pipeline>,
    pub(crate) reference: Reference,
    description: Value,
}

impl Addition {
    pub(crate) fn open(name: &str) -> Self {
        let description = read_description(name);
        let base = case_folder(name).with_file_name(description["base"].as_str().unwrap());
        Self::open_on(name, &base)
    }

    /// The case on another file of the same base.
    pub(crate) fn open_on(name: &str, base: &Path) -> Self {
        let (folder, description) = (case_folder(name), read_description(name));
        let layout = FoundPainter::open(base, &Borrowed::new()).unwrap().read().unwrap();
        let base = layout.load(&Device::Cpu).unwrap();
        Self { base, reference: Reference::open(&folder), description, folder }
    }

    /// The layouts in which the case has its adapters.
    pub(crate) fn layouts(&self) -> Vec<&str> {
        self.description["layouts"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect()
    }

    /// What the names of its adapters' files begin with.
    pub(crate) fn prefix(&self) -> &str {
        self.description["prefix"].as_str().unwrap_or_default()
    }

    pub(crate) fn runs(&self) -> &[Value] {
        self.description["runs"].as_array().unwrap()
    }

    /// An adapter of the case, by file name.
    pub(crate) fn adapter(&self, file: &str) -> Lora {
        let layout = LoraLayout::read(&self.folder.join(file)).unwrap().expect("the file is no adapter");
        Lora::load(&layout, &Device::Cpu).unwrap()
    }

    /// Runs a case from its start noise and compares timesteps, latents after every call, and the picture.
    pub(crate) fn check(&self, run: &Value, what: &str) {
        self.check_steered(run, what, &[]);
    }

    /// The same with controls.
    pub(crate) fn check_steered(&self, run: &Value, what: &str, controls: &[Steering]) {
        let name = run["run"].as_str().unwrap();
        let (base, text) = (self.base.as_ref(), |key: &str| run[key].as_str().unwrap_or_default());
        let number = |key: &str| run[key].as_f64().unwrap();
        let guidance = number("guidance_scale");
        let prompt = base.encode_prompt(text("prompt"), 0).unwrap();
        let negative = base.encode_prompt(text("negative_prompt"), 0).unwrap();
        let negative = (guidance > 1.0).then_some(&negative);
        let guide = Guide { controls, ..Guide::new(&prompt, negative, guidance) };
        let choice = SamplerChoice {
            rule: None,
            schedule: ScheduleId::Normal,
            steps: number("num_inference_steps") as usize,
        };
        let size = (number("width") as usize, number("height") as usize);
        let mut sampler = base.sampler(choice, size).unwrap();
        for (i, timestep) in sampler.schedule().timesteps.iter().enumerate() {
            let wanted = self.reference.values(&format!("{name}.timestep.{i}"))[0];
            assert!(
                (*timestep as f32 - wanted).abs() < 1e-2,
                "{name}: timestep {i} is {timestep}, not {wanted}"
            );
        }
        let drawn = self.reference.get(&format!("{name}.noise"));
        let map = base.noise_latents(size.0, size.1, sampler.as_ref(), &mut Zeros).unwrap();
        let latents = (as_map(&drawn, &map) * sampler.schedule().initial_scale).unwrap();
        let mut watcher = Comparison { reference: &self.reference, name, calls: 0, worst: 0.0 };
        let start = RunStart { latents, first: 0, outside: None };
        let mut drawn = Recorded::of_run(&self.reference, name);
        let latents = base.denoise(&guide, sampler.as_mut(), start, &mut drawn, &mut watcher).unwrap();
        assert!(!self.reference.has(&format!("{name}.latents.{}", watcher.calls)), "{name}: too few calls");
        let image = ((base.decode(&latents).unwrap() / 2.0).unwrap() + 0.5).unwrap();
        let image = image.clamp(0f32, 1f32).unwrap().permute((0, 2, 3, 1)).unwrap();
        let image_gap = gap(&image, &self.reference.get(&format!("{name}.image")));
        println!(
            "{what} {name}: latents within {:.1e} of their spread, picture within {image_gap:.1e}",
            watcher.worst
        );
        assert!(image_gap <= IMAGE, "{what} {name}: the picture differs by {image_gap}");
    }
}

fn read_description(name: &str) -> Value {
    let description = std::fs::read_to_string(case_folder(name).join("case.json")).unwrap();
    serde_json::from_str(&description).unwrap()
}

struct Comparison<'a> {
    reference: &'a Reference,
    name: &'a str,
    calls: usize,
    worst: f32,
}

impl Watcher for Comparison<'_> {
    fn cancelled(&mut self) -> bool {
        false
    }

    fn called(&mut self, report: CallReport<'_>) {
        let wanted = self.reference.get(&format!("{}.latents.{}", self.name, report.index));
        let wanted = as_map(&wanted, report.latents);
        let share = gap(report.latents, &wanted) / spread(&wanted);
        self.worst = self.worst.max(share);
        self.calls += 1;
        assert!(share <= LATENTS, "{}: latents after call {} differ by {share}", self.name, report.index);
    }
}
