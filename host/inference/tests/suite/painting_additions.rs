//! Adapters and controls through what the studio calls: that they are found, change the picture, are told of when they
//! do not fit, fit into the memory, and leave nothing behind.

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use candle_core::{DType, Device, Tensor};
use qpyt_inference::{
    Adapter, Architecture, Control, Engine, EngineError, EngineOptions, Family, ImageRequest, InstalledModel,
    Observer, Picture, StepReport, scan_models,
};

use crate::support::{own_references, patterned_picture};

const GIGABYTE: u64 = 1 << 30;

/// Keeps what is noted.
#[derive(Default)]
struct Notes(Mutex<Vec<String>>);

impl Observer for Notes {
    fn step(&self, _report: StepReport<'_>) {}
    fn part(&self, _done: usize, _parts: usize) {}
    fn text(&self, _piece: &str) {}
    /// What is done shows by itself, but for loading, which is counted.
    fn doing(&self, what: &str) {
        if what.starts_with("loading") {
            self.note(what);
        }
    }

    fn note(&self, note: &str) {
        self.0.lock().unwrap().push(note.to_owned());
    }
    fn cancelled(&self) -> bool {
        false
    }
}

/// An engine with the models of the cases, and some adapters made up here.
struct Studio {
    engine: Engine,
    models: Vec<InstalledModel>,
    _made_up: tempfile::TempDir,
}

impl Studio {
    fn new(memory_budget: u64) -> Self {
        let made_up = tempfile::tempdir().unwrap();
        let layer = "down_blocks_0_attentions_0_proj_in";
        let text = "lora_te_text_model_encoder_layers_0_mlp_fc1";
        for (file, layers) in [
            ("flux", vec![("lora_unet_double_blocks_18_img_attn_qkv".to_owned(), 9216, 3072)]),
            ("text", vec![(text.to_owned(), 64, 32)]),
            ("foreign", vec![("lora_unet_nowhere".to_owned(), 4, 4)]),
            ("partly", vec![(format!("lora_unet_{layer}"), 16, 16), ("lora_unet_nowhere".to_owned(), 4, 4)]),
        ] {
            write_adapter(&made_up.path().join(format!("{file}.safetensors")), &layers);
        }
        let folders = ["sd15", "sd15-lora", "sd15-controlnet"].map(|case| own_references().join(case));
        let scan = scan_models(&[&folders[..], &[made_up.path().to_path_buf()]].concat());
        assert_eq!(scan.broken, []);
        let engine = Engine::new(EngineOptions { memory_budget, threads: None }).unwrap();
        Self { engine, models: scan.models, _made_up: made_up }
    }

    fn model(&self, id: &str) -> InstalledModel {
        self.models.iter().find(|model| model.id == id).unwrap_or_else(|| panic!("{id}")).clone()
    }

    fn adapter(&self, id: &str, weight: f32) -> Adapter {
        Adapter { model: self.model(id), weight }
    }

    fn control(&self) -> Control {
        let model = self.model("sd15-controlnet");
        Control { model, picture: patterned_picture(32, 32), weight: 1.0, start: 0.0, end: 1.0 }
    }

    /// The picture with these additions, and what was noted.
    fn paint(&self, adapters: Vec<Adapter>, controls: Vec<Control>) -> (Picture, Vec<String>) {
        let notes = Notes::default();
        let picture = self.try_paint(adapters, controls, &notes).unwrap();
        (picture, notes.0.into_inner().unwrap())
    }

    fn try_paint(
        &self,
        adapters: Vec<Adapter>,
        controls: Vec<Control>,
        notes: &Notes,
    ) -> Result<Picture, EngineError> {
        let request = ImageRequest { adapters, controls, ..request() };
        self.engine.text_to_image(&self.model("sd15"), &request, notes)
    }
}

fn request() -> ImageRequest {
    ImageRequest {
        negative: "blurry".to_owned(),
        guidance: 5.0,
        seed: 3,
        ..ImageRequest::new("red fox in the snow", (32, 32), 4)
    }
}

/// Low-rank changes of layers of these sizes (out, in), in kohya's layout.
fn write_adapter(path: &Path, layers: &[(String, usize, usize)]) {
    let half = |shape: &[usize]| (Tensor::ones(shape, DType::F32, &Device::Cpu).unwrap() * 0.5).unwrap();
    let parts = layers.iter().flat_map(|(layer, out, input)| {
        let part = |end: &str, shape: &[usize]| (format!("{layer}.lora_{end}.weight"), half(shape));
        [part("down", &[1, *input]), part("up", &[*out, 1])]
    });
    candle_core::safetensors::save(&parts.collect(), path).unwrap();
}

#[test]
fn adapters_and_controls_are_found_with_the_network_they_are_made_for() {
    let studio = Studio::new(GIGABYTE);
    for (id, family, name, made_for) in [
        ("a.kohya", Family::Lora, "lora", None),
        ("flux", Family::Lora, "lora", Some(Architecture::Flux1)),
        ("sd15-controlnet", Family::ControlNet, "controlnet", None),
    ] {
        let model = studio.model(id);
        assert_eq!((model.family, model.family.name(), model.architecture), (family, name, made_for));
        assert!(model.painting.is_none() && model.bytes > 0 && !model.files().is_empty());
    }
    assert!(!studio.models.iter().any(|model| model.id.contains("reference")));
}

#[test]
fn an_adapter_changes_the_picture_and_costs_no_reload() {
    let studio = Studio::new(GIGABYTE);
    let (plain, notes) = studio.paint(vec![], vec![]);
    assert_eq!(notes, ["loading Sd15"]);
    let (with, notes) =
        studio.paint(vec![studio.adapter("a.kohya", 0.7), studio.adapter("b.kohya", 1.2)], vec![]);
    assert_eq!(notes, ["loading A.kohya", "loading B.kohya"]);
    assert_ne!(with, plain);
    let (switched, notes) = studio.paint(vec![studio.adapter("b.kohya", -2.0)], vec![]);
    assert_eq!(notes, Vec::<String>::new());
    assert!(switched != with && switched != plain);
    for adapters in [vec![], vec![studio.adapter("a.kohya", 0.0)]] {
        assert_eq!(
            studio.paint(adapters, vec![]),
            (plain.clone(), vec![]),
            "the adapter left something behind"
        );
    }
}

#[test]
fn both_layouts_of_an_adapter_give_the_same_picture() {
    let studio = Studio::new(GIGABYTE);
    // The diffusers layout of the case leaves out that its alpha is twice the rank.
    let (kohya, _) = studio.paint(vec![studio.adapter("a.kohya", 0.5)], vec![]);
    let (diffusers, _) = studio.paint(vec![studio.adapter("a.diffusers", 1.0)], vec![]);
    let apart = kohya.rgb.iter().zip(&diffusers.rgb).map(|(a, b)| a.abs_diff(*b)).max();
    assert!(apart <= Some(1), "{apart:?}");
}

#[test]
fn an_adapter_of_the_text_encoder_alone_changes_what_a_prompt_says() {
    let studio = Studio::new(GIGABYTE);
    let (plain, _) = studio.paint(vec![], vec![]);
    let (with, notes) = studio.paint(vec![studio.adapter("text", 3.0)], vec![]);
    assert_eq!(notes, ["loading Text"]);
    assert_ne!(with, plain);
    assert_eq!(studio.paint(vec![], vec![]).0, plain);
}

#[test]
fn what_does_not_fit_is_left_out_and_told() {
    let studio = Studio::new(GIGABYTE);
    let (plain, _) = studio.paint(vec![], vec![]);
    let left_out = |id: &str| {
        let (picture, notes) = studio.paint(vec![studio.adapter(id, 1.0)], vec![]);
        assert_eq!(picture, plain, "{id}");
        notes
    };
    // One for another network is not even loaded.
    assert_eq!(left_out("flux"), ["the LoRA `flux` is made for FLUX.1, which `sd15` is not; it is left out"]);
    assert_eq!(
        left_out("foreign"),
        ["loading Foreign", "no layer of the LoRA `foreign` fits this model; it is left out"]
    );
    let (picture, notes) = studio.paint(vec![studio.adapter("partly", 1.0)], vec![]);
    assert_ne!(picture, plain);
    let told = "1 of 2 layers of the LoRA `partly` do not fit this model and are left out: lora_unet_nowhere";
    assert_eq!(notes, ["loading Partly", told]);
}

#[test]
fn a_control_steers_in_its_part_of_the_steps() {
    let studio = Studio::new(GIGABYTE);
    let (plain, _) = studio.paint(vec![], vec![]);
    let (whole, notes) = studio.paint(vec![], vec![studio.control()]);
    assert_eq!(notes, ["loading Sd15 controlnet"]);
    let (half, _) = studio.paint(vec![], vec![Control { end: 0.5, ..studio.control() }]);
    assert!(plain != whole && whole != half && half != plain);
    for idle in
        [Control { weight: 0.0, ..studio.control() }, Control { start: 0.6, end: 0.7, ..studio.control() }]
    {
        assert_eq!(studio.paint(vec![], vec![idle]).0, plain);
    }
    let large = Control { picture: patterned_picture(50, 70), ..studio.control() };
    assert_ne!(studio.paint(vec![], vec![large]).0, whole);
    // Together with an adapter, and two at once.
    let both = vec![studio.control(), Control { weight: 0.5, ..studio.control() }];
    assert_ne!(studio.paint(vec![studio.adapter("a.kohya", 1.0)], both).0, whole);
}

#[test]
fn controls_steer_pictures_made_from_pictures() {
    let studio = Studio::new(GIGABYTE);
    let source = patterned_picture(32, 32);
    let paint = |controls: Vec<Control>| {
        let request = ImageRequest { controls, ..request() };
        studio
            .engine
            .image_to_image(&studio.model("sd15"), &request, &source, 0.5, &Notes::default())
            .unwrap()
    };
    assert_ne!(paint(vec![studio.control()]), paint(vec![]));
}

#[test]
fn requests_that_cannot_be_are_refused_by_field() {
    let studio = Studio::new(GIGABYTE);
    let refused = |adapters: Vec<Adapter>, controls: Vec<Control>| {
        studio.try_paint(adapters, controls, &Notes::default()).unwrap_err().to_string()
    };
    let adapter = |id: &str, weight: f32| vec![studio.adapter(id, weight)];
    assert!(refused(adapter("sd15", 1.0), vec![]).starts_with("LoRAs: `sd15` is a model of the family"));
    assert!(refused(adapter("a.kohya", 10.5), vec![]).starts_with("LoRAs: the weight of `a.kohya` is 10.5"));
    assert!(
        refused(adapter("a.kohya", f32::NAN), vec![]).starts_with("LoRAs: the weight of `a.kohya` is NaN")
    );
    assert!(refused(vec![studio.adapter("a.kohya", 1.0); 65], vec![]).starts_with("LoRAs: 65 are more"));
    let control = || studio.control();
    let empty = Picture { width: 0, height: 0, rgb: vec![] };
    for (control, problem) in [
        (Control { model: studio.model("sd15"), ..control() }, "controls: `sd15` is a model of the family"),
        (Control { weight: -1.0, ..control() }, "controls: the weight of `sd15-controlnet` is -1"),
        (Control { start: 0.6, end: 0.5, ..control() }, "controls: 0.6 to 0.5"),
        (Control { end: 1.5, ..control() }, "controls: 0 to 1.5"),
        (Control { start: f32::NAN, ..control() }, "controls: NaN to 1"),
        (Control { picture: empty, ..control() }, "controls: a picture of 0x0"),
    ] {
        let message = refused(vec![], vec![control]);
        assert!(message.starts_with(problem), "{message}");
    }
    assert!(refused(vec![], vec![control(); 9]).starts_with("controls: 9 are more"));
}

#[test]
fn model_and_additions_must_fit_the_memory_together() {
    let needed = |adapters: &[&str], controls: usize| {
        let studio = Studio::new(1);
        let adapters = adapters.iter().map(|id| studio.adapter(id, 1.0)).collect();
        match studio.try_paint(adapters, vec![studio.control(); controls], &Notes::default()) {
            Err(EngineError::OutOfMemory { needed, budget: 1 }) => needed,
            other => panic!("{other:?}"),
        }
    };
    let (plain, adapted, steered, all) =
        (needed(&[], 0), needed(&["a.kohya"], 0), needed(&[], 1), needed(&["a.kohya"], 1));
    assert!(plain < adapted && plain < steered);
    assert_eq!(adapted + steered, plain + all);
    // What fits exactly is painted; what is a byte too much is not started.
    let studio = Studio::new(all);
    studio.paint(vec![studio.adapter("a.kohya", 1.0)], vec![studio.control()]);
    studio.paint(vec![studio.adapter("b.kohya", 1.0)], vec![]);
    let (_, notes) = studio.paint(vec![], vec![studio.control()]);
    assert!(!notes.contains(&"loading Sd15".to_owned()), "the base was dropped: {notes:?}");
    let studio = Studio::new(all - 1);
    let refused =
        studio.try_paint(vec![studio.adapter("a.kohya", 1.0)], vec![studio.control()], &Notes::default());
    assert!(matches!(refused, Err(EngineError::OutOfMemory { .. })), "{refused:?}");
}

#[test]
fn an_addition_that_is_gone_or_broken_is_named() {
    let studio = Studio::new(GIGABYTE);
    let mut gone = studio.model("a.kohya");
    gone.path = PathBuf::from("/nowhere/a.safetensors");
    let refused = studio.try_paint(vec![Adapter { model: gone, weight: 1.0 }], vec![], &Notes::default());
    assert!(matches!(refused, Err(EngineError::ModelMissing { .. })), "{refused:?}");
    let path = own_references().join("sd15-lora/reference.safetensors");
    let mut other = studio.model("a.kohya");
    other.path = path.clone();
    let refused = studio.try_paint(vec![Adapter { model: other, weight: 1.0 }], vec![], &Notes::default());
    assert!(matches!(&refused, Err(EngineError::ModelBroken { file, .. }) if *file == path), "{refused:?}");
}
