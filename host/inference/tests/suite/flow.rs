//! What the tests of flow-matching painters share: a case, and a run held against it step by step.

use std::path::PathBuf;

use candle_core::{Device, Tensor};
use qpyt_inference::SamplerId;
use qpyt_inference::ScheduleId;
use qpyt_inference::diffusion::footprint::Extent;
use qpyt_inference::diffusion::noise::NoiseSource;
use qpyt_inference::diffusion::pipeline::{CallReport, Guide, Outside, Pipeline, RunStart, Watcher};
use qpyt_inference::diffusion::samplers::{Sampler, SamplerChoice};
use serde_json::Value;

use crate::support::{Recorded, Reference, case_folder, gap, own_references, spread};

/// Largest difference allowed of a single module.
pub(crate) const MODULE: f32 = 1e-4;
/// Largest difference allowed of latents, as a share of their spread.
const LATENTS: f32 = 1e-3;
/// Largest difference allowed of a picture in 0..1.
const IMAGE: f32 = 2e-3;

/// A reference case.
pub(crate) struct FlowCase {
    pub(crate) folder: PathBuf,
    pub(crate) reference: Reference,
    description: Value,
}

impl FlowCase {
    pub(crate) fn open(name: &str) -> Self {
        Self::in_folder(case_folder(name))
    }

    /// The case that comes with the tests, for what depends on its dimensions.
    pub(crate) fn own(name: &str) -> Self {
        Self::in_folder(own_references().join(name))
    }

    fn in_folder(folder: PathBuf) -> Self {
        let description = std::fs::read_to_string(folder.join("case.json")).unwrap();
        Self {
            reference: Reference::open(&folder),
            description: serde_json::from_str(&description).unwrap(),
            folder,
        }
    }

    /// A case of another one's model.
    pub(crate) fn of_model(name: &str, model: &str) -> Self {
        let case = Self::open(name);
        Self { folder: case.folder.with_file_name(model), ..case }
    }

    pub(crate) fn run(&self, name: &str) -> &Value {
        self.description["runs"].as_array().unwrap().iter().find(|r| r["run"] == name).unwrap()
    }

    pub(crate) fn number(&self, run: &str, key: &str) -> f64 {
        self.run(run)[key].as_f64().unwrap()
    }

    pub(crate) fn text(&self, run: &str, key: &str) -> &str {
        self.run(run)[key].as_str().unwrap_or_default()
    }

    /// The case's picture as the autoencoder takes it.
    pub(crate) fn picture(&self) -> Tensor {
        let picture = self.reference.get("picture").permute((0, 3, 1, 2)).unwrap();
        ((picture * 2.0).unwrap() - 1.0).unwrap().contiguous().unwrap()
    }

    /// The sampler of the model's own scheduler for a run.
    pub(crate) fn sampler(&self, model: &dyn Pipeline, run: &str) -> Box<dyn Sampler> {
        let size = (self.number(run, "width") as usize, self.number(run, "height") as usize);
        let steps = self.number(run, "num_inference_steps") as usize;
        let choice = SamplerChoice { rule: None, schedule: ScheduleId::Normal, steps };
        model.sampler(choice, size).unwrap()
    }

    /// Calls that a run with a strength leaves out.
    fn skipped(&self, run: &str) -> usize {
        let steps = self.number(run, "num_inference_steps");
        (steps - steps * self.number(run, "strength")).floor().max(0.0) as usize
    }

    /// Follows a text-to-image run from its start noise, which the case holds as a map or packed.
    pub(crate) fn check_text_to_image(&self, model: &dyn Pipeline, run: &str, guide: &Guide<'_>) {
        let sampler = self.sampler(model, run);
        let noise = self.reference.get(&format!("{run}.noise"));
        let (width, height) = (self.number(run, "width") as usize, self.number(run, "height") as usize);
        let map = model.noise_latents(width, height, sampler.as_ref(), &mut Zeros).unwrap();
        let latents = as_map(&noise, &map);
        let latents = self.check(model, run, guide, sampler, RunStart { latents, first: 0, outside: None });
        self.check_picture(run, &model.decode(&latents).unwrap());
    }

    /// Follows an image-to-image run.
    pub(crate) fn check_image_to_image(&self, model: &dyn Pipeline, run: &str, guide: &Guide<'_>) {
        let (sampler, first) = (self.sampler(model, run), self.skipped(run));
        let mut noise = Recorded::of_run(&self.reference, run);
        let clean = model.picture_latents(&self.picture(), Extent::Whole, &mut noise).unwrap();
        let fresh = Tensor::from_vec(noise.0.next().unwrap(), clean.shape(), &Device::Cpu).unwrap();
        let latents = sampler.schedule().add_noise(&clean, &fresh, first).unwrap();
        let latents = self.check(model, run, guide, sampler, RunStart { latents, first, outside: None });
        self.check_picture(run, &model.decode(&latents).unwrap());
    }

    /// Follows an inpainting run; gives its latents.
    pub(crate) fn check_inpainting(&self, model: &dyn Pipeline, run: &str, guide: &Guide<'_>) -> Tensor {
        let (sampler, first) = (self.sampler(model, run), self.skipped(run));
        let mut noise = Recorded::of_run(&self.reference, run);
        let clean = model.picture_latents(&self.picture(), Extent::Whole, &mut noise).unwrap();
        let fresh = Tensor::from_vec(noise.0.next().unwrap(), clean.shape(), &Device::Cpu).unwrap();
        let latents = sampler.schedule().add_noise(&clean, &fresh, first).unwrap();
        let mask = self.reference.get("mask").permute((0, 3, 1, 2)).unwrap().contiguous().unwrap();
        let outside = Outside::new(model.latent_mask(&mask).unwrap(), clean, fresh);
        self.check(model, run, guide, sampler, RunStart { latents, first, outside: Some(&outside) })
    }

    /// Compares a decoded picture.
    pub(crate) fn check_picture(&self, run: &str, decoded: &Tensor) {
        let image = ((decoded / 2.0).unwrap() + 0.5).unwrap().clamp(0f32, 1f32).unwrap();
        let image = image.permute((0, 2, 3, 1)).unwrap();
        let gap = gap(&image, &self.reference.get(&format!("{run}.image")));
        println!("{} {run}: picture within {gap:.1e}", self.description["case"]);
        assert!(gap <= IMAGE, "{run}: the picture differs by {gap}");
    }

    /// Compares timesteps and the latents after every call; gives the last.
    fn check(
        &self,
        model: &dyn Pipeline,
        run: &str,
        guide: &Guide<'_>,
        mut sampler: Box<dyn Sampler>,
        start: RunStart<'_>,
    ) -> Tensor {
        let first = start.first;
        let timesteps = sampler.schedule().timesteps[first..].to_vec();
        for (i, timestep) in timesteps.iter().enumerate() {
            let wanted = self.reference.values(&format!("{run}.timestep.{i}"))[0];
            assert!(
                (*timestep as f32 - wanted).abs() < 1e-2,
                "{run}: timestep {i} is {timestep}, not {wanted}"
            );
        }
        assert!(!self.reference.has(&format!("{run}.timestep.{}", timesteps.len())), "{run}: too few calls");
        let mut watcher = Comparison { case: self, run, first, worst: 0.0 };
        let latents = model.denoise(
            guide,
            sampler.as_mut(),
            start,
            &mut Recorded(Vec::new().into_iter()),
            &mut watcher,
        );
        println!("{} {run}: latents within {:.1e} of their spread", self.description["case"], watcher.worst);
        latents.unwrap()
    }
}

struct Comparison<'a> {
    case: &'a FlowCase,
    run: &'a str,
    first: usize,
    worst: f32,
}

impl Watcher for Comparison<'_> {
    fn cancelled(&mut self) -> bool {
        false
    }

    fn called(&mut self, report: CallReport<'_>) {
        let call = report.index - self.first;
        let wanted = self.case.reference.get(&format!("{}.latents.{call}", self.run));
        let wanted = as_map(&wanted, report.latents);
        let share = gap(report.latents, &wanted) / spread(&wanted);
        self.worst = self.worst.max(share);
        assert!(
            share <= LATENTS,
            "{}: latents after call {call} differ by {share} of their spread",
            self.run
        );
    }
}

/// Latents of a case in the shape of ours: the case holds maps, or tokens of their pixels or of their patches.
pub(crate) fn as_map(latents: &Tensor, ours: &Tensor) -> Tensor {
    let (_, channels, height, width) = ours.dims4().unwrap();
    let Ok((_, tokens, packed)) = latents.dims3() else { return latents.clone() };
    let map = latents.transpose(1, 2).unwrap();
    if tokens == height * width {
        return map.reshape((1, channels, height, width)).unwrap();
    }
    assert_eq!((tokens, packed), (height / 2 * (width / 2), channels * 4));
    let map = map.reshape((1, channels, 2, 2, height / 2, width / 2)).unwrap();
    map.permute((0, 1, 4, 2, 5, 3)).unwrap().reshape((1, channels, height, width)).unwrap()
}

/// No noise at all.
pub(crate) struct Zeros;

impl NoiseSource for Zeros {
    fn draw(&mut self, count: usize) -> Vec<f32> {
        vec![0.0; count]
    }
}

/// Schedules that pick from the table of other models are refused, with those that are not.
pub(crate) fn check_refused_schedules(model: &dyn Pipeline) {
    let choice = SamplerChoice { rule: Some(SamplerId::Euler), schedule: ScheduleId::Leading, steps: 4 };
    let Err(refused) = model.sampler(choice, (32, 32)) else { panic!("it was taken") };
    assert_eq!(refused.field, "schedule");
    assert!(refused.problem.contains("normal, karras, exponential, sgm-uniform"), "{refused}");
}
