//! What the studio calls, for every family of models besides painting: that the right model is found, loaded within
//! the budget, followed and stopped.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use qpyt_inference::chat::{ChatOptions, Message, Role};
use qpyt_inference::{
    Engine, EngineError, EngineOptions, Family, InstalledModel, Observer, Picture, StepReport, scan_models,
};

use crate::support::{own_references, repository};

/// Keeps what the engine tells, and cancels after some of it.
#[derive(Default)]
struct Witness {
    parts: Mutex<Vec<(usize, usize)>>,
    text: Mutex<String>,
    pieces: AtomicUsize,
    cancel_after: Option<usize>,
    cancelled: AtomicBool,
}

impl Witness {
    fn cancelling_after(told: usize) -> Self {
        Self { cancel_after: Some(told), ..Self::default() }
    }

    fn told(&self) {
        let told = self.pieces.fetch_add(1, Ordering::SeqCst) + 1;
        if self.cancel_after.is_some_and(|most| told >= most) {
            self.cancelled.store(true, Ordering::SeqCst);
        }
    }
}

impl Observer for Witness {
    fn step(&self, _report: StepReport<'_>) {
        panic!("only painting is done in steps");
    }

    fn part(&self, done: usize, parts: usize) {
        self.parts.lock().unwrap().push((done, parts));
        self.told();
    }

    fn text(&self, piece: &str) {
        self.text.lock().unwrap().push_str(piece);
        self.told();
    }

    fn note(&self, _note: &str) {}

    fn cancelled(&self) -> bool {
        self.cancelled.load(Ordering::SeqCst)
    }
}

fn engine(memory_budget: u64) -> Engine {
    Engine::new(EngineOptions { memory_budget, threads: None }).unwrap()
}

/// A model that ships, or one of the reference cases.
fn model(id: &str) -> InstalledModel {
    let scan = scan_models(&[repository().join("models"), own_references()]);
    scan.models
        .iter()
        .find(|model| model.id == id)
        .unwrap_or_else(|| panic!("{id}: {:?}", scan.broken))
        .clone()
}

/// A red disc, half as wide as the picture, on light blue.
fn disc(width: u32, height: u32) -> Picture {
    let (w, h) = (f64::from(width), f64::from(height));
    let inside = |x: u32, y: u32| {
        let (x, y) = (f64::from(x) + 0.5 - w / 2.0, f64::from(y) + 0.5 - h / 2.0);
        x.hypot(y) < w.min(h) / 4.0
    };
    let pixels = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
    let rgb = pixels.flat_map(|(x, y)| if inside(x, y) { [200, 30, 20] } else { [170, 200, 240] }).collect();
    Picture { width, height, rgb }
}

#[test]
fn models_of_every_family_are_recognised_by_what_is_in_their_files() {
    for (id, family) in [
        ("emoji", Family::StableDiffusion),
        ("u2netp", Family::BackgroundRemoval),
        ("realesr-animevideov3-x4", Family::Upscaler),
        ("depth-anything-v2", Family::Depth),
        ("marian", Family::Translator),
        ("qwen2", Family::Chat),
    ] {
        let model = model(id);
        assert_eq!(model.family, family, "{id}");
        assert!(model.bytes > 0 && !model.files().is_empty(), "{id}");
        assert_eq!(model.painting.is_some(), family == Family::StableDiffusion, "{id}");
    }
}

#[test]
fn a_file_alone_in_its_folder_has_the_folders_name_and_others_have_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let weights = repository().join("models/u2netp/u2netp.safetensors");
    std::fs::create_dir_all(folder.path().join("alone")).unwrap();
    std::fs::create_dir_all(folder.path().join("pair")).unwrap();
    for copy in ["alone/any.safetensors", "pair/one.safetensors", "pair/two.safetensors", "loose.safetensors"]
    {
        std::fs::copy(&weights, folder.path().join(copy)).unwrap();
    }
    std::fs::create_dir_all(folder.path().join(".fetching")).unwrap();
    std::fs::copy(&weights, folder.path().join(".fetching/half.safetensors")).unwrap();
    let scan = scan_models(&[folder.path().to_path_buf()]);
    assert_eq!(
        scan.models.iter().map(|m| m.id.as_str()).collect::<Vec<_>>(),
        ["alone", "loose", "one", "two"]
    );
    assert_eq!(scan.broken, []);
}

#[test]
fn a_weight_file_that_is_cut_off_is_named_and_one_of_something_else_is_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = std::fs::read(repository().join("models/u2netp/u2netp.safetensors")).unwrap();
    std::fs::write(folder.path().join("half.safetensors"), &bytes[..bytes.len() / 2]).unwrap();
    let other = repository().join("models/emoji/vae/diffusion_pytorch_model.safetensors");
    std::fs::copy(other, folder.path().join("other.safetensors")).unwrap();
    let scan = scan_models(&[folder.path().to_path_buf()]);
    assert_eq!(scan.models, []);
    assert_eq!(scan.broken.len(), 1);
    assert!(scan.broken[0].message.contains("half.safetensors"), "{:?}", scan.broken);
}

#[test]
fn the_subject_of_a_picture_is_found() {
    let matte = engine(1 << 30).matte(&model("u2netp"), &disc(160, 120), &Witness::default()).unwrap();
    assert_eq!(matte.len(), 160 * 120);
    let at = |x: usize, y: usize| matte[y * 160 + x];
    assert!(at(80, 60) > 240, "the middle is {}", at(80, 60));
    for corner in [at(2, 2), at(157, 2), at(2, 117), at(157, 117)] {
        assert!(corner < 15, "a corner is {corner}");
    }
}

#[test]
fn a_picture_is_enlarged_in_pieces_that_are_told() {
    let (small, witness) = (disc(100, 60), Witness::default());
    let model = model("realesr-animevideov3-x4");
    let large = engine(1 << 30).upscale(&model, &small, 2.5, Some(32), &witness).unwrap();
    assert_eq!((large.width, large.height, large.rgb.len()), (250, 150, 250 * 150 * 3));
    let pixel = |x: usize, y: usize| &large.rgb[(y * 250 + x) * 3..][..3];
    for (seen, painted) in [(pixel(125, 75), [200, 30, 20]), (pixel(8, 8), [170, 200, 240])] {
        assert!(seen.iter().zip(painted).all(|(a, b)| a.abs_diff(b) < 12), "{seen:?} is not {painted:?}");
    }
    let parts = witness.parts.lock().unwrap();
    assert_eq!(parts.first(), Some(&(1, 8)));
    assert_eq!(parts.last(), Some(&(8, 8)));
}

#[test]
fn enlarging_stops_after_the_piece_at_which_it_was_cancelled() {
    let witness = Witness::cancelling_after(2);
    let model = model("realesr-animevideov3-x4");
    let stopped = engine(1 << 30).upscale(&model, &disc(100, 60), 4.0, Some(32), &witness);
    assert_eq!(stopped, Err(EngineError::Cancelled));
    assert_eq!(witness.parts.lock().unwrap().len(), 2);
}

#[test]
fn depth_has_a_value_for_every_pixel() {
    let depth =
        engine(1 << 30).depth(&model("depth-anything-v2"), &disc(41, 30), &Witness::default()).unwrap();
    assert_eq!(depth.len(), 41 * 30);
    assert!(depth.iter().all(|value| (0.0..=1.0).contains(value)));
}

#[test]
fn an_answer_is_told_as_it_grows_and_stops_within_one_token() {
    let (engine, model) = (engine(1 << 30), model("qwen2"));
    let messages = [Message::new(Role::User, "a red fox")];
    let options = ChatOptions { max_tokens: 24, ..ChatOptions::default() };
    let witness = Witness::default();
    let completion = engine.complete(&model, &messages, &options, &witness).unwrap();
    assert_eq!(*witness.text.lock().unwrap(), completion.text);
    assert!(completion.prompt_tokens > 0 && completion.output_tokens <= 24);
    let stopping = Witness::cancelling_after(1);
    let stopped = engine.complete(&model, &messages, &options, &stopping);
    assert_eq!(stopped.unwrap_err(), EngineError::Cancelled);
    assert_eq!(stopping.pieces.load(Ordering::SeqCst), 1);
}

#[test]
fn a_translation_is_told_sentence_by_sentence() {
    let (engine, model) = (engine(1 << 30), model("marian"));
    let witness = Witness::default();
    let translation = engine.translate(&model, "Renard roux. Dans la neige.", &witness).unwrap();
    assert_eq!(*witness.text.lock().unwrap(), translation);
    let stopping = Witness::cancelling_after(1);
    let stopped = engine.translate(&model, "Renard roux. Dans la neige. Renard.", &stopping);
    assert_eq!(stopped.unwrap_err(), EngineError::Cancelled);
}

#[test]
fn a_model_of_another_family_is_refused_by_its_name_and_family() {
    let engine = engine(1 << 30);
    let refused = engine.matte(&model("qwen2"), &disc(8, 8), &Witness::default()).unwrap_err();
    assert_eq!(refused.to_string(), "model: `qwen2` is a model of the family chat, not background-removal");
}

#[test]
fn a_picture_without_pixels_is_refused() {
    let engine = engine(1 << 30);
    let none = Picture { width: 0, height: 0, rgb: Vec::new() };
    for refused in [
        engine.matte(&model("u2netp"), &none, &Witness::default()).map(drop),
        engine.depth(&model("depth-anything-v2"), &none, &Witness::default()).map(drop),
        engine.upscale(&model("realesr-animevideov3-x4"), &none, 2.0, None, &Witness::default()).map(drop),
    ] {
        assert!(matches!(refused, Err(EngineError::BadRequest { field: "picture", .. })), "{refused:?}");
    }
}

#[test]
fn what_does_not_fit_the_memory_is_refused_with_sizes_before_it_starts() {
    let witness = Witness::default();
    let refused = engine(4 << 20).matte(&model("u2netp"), &disc(64, 64), &witness).unwrap_err();
    assert!(matches!(refused, EngineError::OutOfMemory { needed, budget } if needed > budget), "{refused:?}");
}
