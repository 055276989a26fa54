//! The bundled model, end to end through the engine: seeds, pictures, progress, and what may go wrong.

use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::support::{Reference, copy_folder, emoji_folder, gap, patterned_picture, spread, values};
use candle_core::{Device, Tensor};
use qpyt_inference::diffusion::layout::ModelLayout;
use qpyt_inference::diffusion::noise::{NoiseSource, TorchGenerator};
use qpyt_inference::diffusion::painter::PainterLayout;
use qpyt_inference::diffusion::pipeline::{CallReport, Guide, Pipeline, RunStart, Watcher};
use qpyt_inference::diffusion::samplers::ScheduleId;
use qpyt_inference::diffusion::stable_diffusion::StableDiffusion;
use qpyt_inference::diffusion::usual::Usual;
use qpyt_inference::{
    Engine, EngineError, EngineOptions, ImageRequest, InstalledModel, Observer, Picture, PromptSyntax,
    SamplerId, StepReport, scan_models,
};
use serde_json::Value;

const GIGABYTE: u64 = 1 << 30;

fn engine(memory_budget: u64) -> Engine {
    Engine::new(EngineOptions { memory_budget, threads: None }).unwrap()
}

fn emoji() -> InstalledModel {
    let scan = scan_models(&[emoji_folder()]);
    assert_eq!(scan.broken, []);
    scan.models.into_iter().next().unwrap()
}

fn request(prompt: &str) -> ImageRequest {
    ImageRequest { guidance: 3.0, seed: 7, ..ImageRequest::new(prompt, (64, 64), 25) }
}

/// Counts and keeps what the engine reports; cancels after a number of steps.
#[derive(Default)]
struct Witness {
    steps: AtomicUsize,
    cancel_after: Option<usize>,
    cancelled: AtomicBool,
    notes: Mutex<Vec<String>>,
    last_preview: Mutex<Option<Picture>>,
}

impl Observer for Witness {
    fn step(&self, report: StepReport<'_>) {
        let seen = self.steps.fetch_add(1, Ordering::SeqCst) + 1;
        assert_eq!(report.step, seen);
        *self.last_preview.lock().unwrap() = Some(report.preview());
        if self.cancel_after == Some(seen) {
            self.cancelled.store(true, Ordering::SeqCst);
        }
    }

    fn part(&self, done: usize, parts: usize) {
        panic!("a picture is made in steps, not in parts: {done} of {parts}");
    }

    fn text(&self, piece: &str) {
        panic!("a picture says nothing: {piece}");
    }

    /// What is done shows by itself, but for loading, which is counted.
    fn doing(&self, what: &str) {
        if what.starts_with("loading") {
            self.note(what);
        }
    }

    fn note(&self, note: &str) {
        self.notes.lock().unwrap().push(note.to_owned());
    }

    fn cancelled(&self) -> bool {
        self.cancelled.load(Ordering::SeqCst)
    }
}

/// The reference picture of a prompt, as bytes.
fn reference_bytes(reference: &Reference, prompt: usize) -> Vec<u8> {
    let image = reference.get("image").narrow(0, prompt, 1).unwrap();
    values(&image).into_iter().map(|v| (v * 255.0).round_ties_even() as u8).collect()
}

#[test]
fn the_noise_of_seed_7_is_that_of_torch() {
    let reference = Reference::open(&emoji_folder());
    let wanted = reference.values("noise");
    let drawn = TorchGenerator::new(7).draw(wanted.len());
    let worst = drawn.iter().zip(&wanted).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(worst < 5e-6, "noise differs by {worst}");
}

#[test]
fn seed_7_gives_the_picture_that_diffusers_gives() {
    let reference = Reference::open(&emoji_folder());
    let picture = engine(GIGABYTE)
        .text_to_image(&emoji(), &request("red apple on a blue background"), &Witness::default())
        .unwrap();
    assert_eq!((picture.width, picture.height), (64, 64));
    let wanted = reference_bytes(&reference, 0);
    let worst = picture.rgb.iter().zip(&wanted).map(|(a, b)| a.abs_diff(*b)).max().unwrap();
    assert!(picture.rgb.len() == wanted.len() && worst <= 1, "a byte differs by {worst}");
}

#[test]
fn all_prompts_of_the_case_give_the_latents_and_pictures_of_the_reference() {
    struct Silent;
    impl Watcher for Silent {
        fn cancelled(&mut self) -> bool {
            false
        }
        fn called(&mut self, _report: CallReport<'_>) {}
    }
    let reference = Reference::open(&emoji_folder());
    let model = StableDiffusion::load(&ModelLayout::read(&emoji_folder()).unwrap(), &Device::Cpu).unwrap();
    let negative = model.encode_prompt("", 0).unwrap();
    let text = std::fs::read_to_string(emoji_folder().join("case.json")).unwrap();
    let description: serde_json::Value = serde_json::from_str(&text).unwrap();
    for (i, prompt) in description["prompts"].as_array().unwrap().iter().enumerate() {
        let states = model.encode_prompt(prompt.as_str().unwrap(), 0).unwrap();
        let guide = Guide::new(&states, Some(&negative), 3.0);
        let mut sampler = SamplerId::Ddim.prepare(model.scheduler(), ScheduleId::Normal, 25).unwrap();
        let part = |name: &str| reference.get(name).narrow(0, i, 1).unwrap();
        let mut no_noise = TorchGenerator::new(0);
        let start = RunStart { latents: part("noise"), first: 0, outside: None };
        let latents = model.denoise(&guide, sampler.as_mut(), start, &mut no_noise, &mut Silent).unwrap();
        let share = gap(&latents, &part("latents")) / spread(&part("latents"));
        assert!(share <= 1e-3, "{prompt}: latents differ by {share} of their spread");
        let image = ((model.decode(&latents).unwrap() / 2.0).unwrap() + 0.5).unwrap();
        let image = image.clamp(0f32, 1f32).unwrap().permute((0, 2, 3, 1)).unwrap();
        let image_gap = gap(&image, &part("image"));
        assert!(image_gap <= 2e-3, "{prompt}: the picture differs by {image_gap}");
    }
}

#[test]
fn the_same_request_gives_the_same_bytes_with_any_number_of_threads() {
    let model = emoji();
    let request = ImageRequest {
        steps: 4,
        sampler: Some(SamplerId::EulerAncestral),
        width: 128,
        height: 96,
        ..request("dog face")
    };
    let pictures: Vec<_> = [1, 2, 3, 2]
        .into_iter()
        .map(|threads| {
            let engine =
                Engine::new(EngineOptions { memory_budget: GIGABYTE, threads: Some(threads) }).unwrap();
            let first = engine.text_to_image(&model, &request, &Witness::default()).unwrap();
            let again = engine.text_to_image(&model, &request, &Witness::default()).unwrap();
            assert_eq!(first, again, "{threads} threads");
            first
        })
        .collect();
    assert!(pictures.windows(2).all(|pair| pair[0] == pair[1]));
    let other = ImageRequest { seed: 8, ..request };
    assert_ne!(engine(GIGABYTE).text_to_image(&model, &other, &Witness::default()).unwrap(), pictures[0]);
}

#[test]
fn every_sampler_and_schedule_makes_a_picture_of_the_prompt() {
    let (engine, model) = (engine(GIGABYTE), emoji());
    let reference = reference_bytes(&Reference::open(&emoji_folder()), 0);
    for &sampler in SamplerId::ALL {
        for &schedule in sampler.schedules() {
            let request = ImageRequest {
                sampler: Some(sampler),
                schedule: Some(schedule),
                steps: 12,
                ..request("red apple on a blue background")
            };
            let picture = engine.text_to_image(&model, &request, &Witness::default()).unwrap();
            let distance: u64 =
                picture.rgb.iter().zip(&reference).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
            let mean = distance / reference.len() as u64;
            // Another sampler gives another apple, but still an apple on blue; noise would lie near 85.
            println!("{sampler}, {schedule}: {mean}");
            assert!(mean < 45, "{sampler}, {schedule}: the mean byte differs by {mean}");
        }
    }
}

#[test]
fn a_model_whose_index_says_how_it_is_sampled_is_believed_within_reason() {
    let folder = tempfile::tempdir().unwrap();
    copy_folder(&emoji_folder(), folder.path());
    let usual = |said: &str| {
        let index = std::fs::read_to_string(emoji_folder().join("model_index.json")).unwrap();
        let mut index: Value = serde_json::from_str(&index).unwrap();
        index["usual_sampling"] = serde_json::from_str(said).unwrap();
        std::fs::write(folder.path().join("model_index.json"), index.to_string()).unwrap();
        ModelLayout::read(folder.path()).unwrap().traits().usual
    };
    assert_eq!(
        ModelLayout::read(&emoji_folder()).unwrap().traits().usual,
        Usual { steps: 25, guidance: 3.0 }
    );
    assert_eq!(usual("{\"steps\": 9, \"guidance\": 1.5}"), Usual { steps: 9, guidance: 1.5 });
    for said in
        ["null", "7", "{\"steps\": 9}", "{\"steps\": 0, \"guidance\": 3}", "{\"steps\": 9, \"guidance\": -1}"]
    {
        assert_eq!(usual(said), Usual { steps: 25, guidance: 7.0 }, "{said}");
    }
}

#[test]
fn a_schedule_that_the_sampler_cannot_follow_gives_way_to_the_models_own_and_is_told() {
    let (engine, model) = (engine(GIGABYTE), emoji());
    let paint = |schedule| {
        let witness = Witness::default();
        let request =
            ImageRequest { sampler: Some(SamplerId::DpmPpSde), schedule, steps: 4, ..request("rocket") };
        let picture = engine.text_to_image(&model, &request, &witness).unwrap();
        let notes = witness.notes.into_inner().unwrap();
        (picture, notes.into_iter().find(|note| note.contains("schedule")))
    };
    let (own, none) = paint(None);
    let (fitted, note) = paint(Some(ScheduleId::Trailing));
    assert!(own == fitted && none.is_none());
    let note = note.unwrap();
    assert!(
        note.contains("DPM++ SDE") && note.contains("Trailing") && note.contains("model's own"),
        "{note}"
    );
}

#[test]
fn cancelling_ends_the_run_within_one_step() {
    let witness = Witness { cancel_after: Some(3), ..Witness::default() };
    let result = engine(GIGABYTE).text_to_image(&emoji(), &request("rocket"), &witness);
    assert_eq!(result, Err(EngineError::Cancelled));
    assert_eq!(witness.steps.load(Ordering::SeqCst), 3);
}

#[test]
fn cancelling_after_the_last_step_leaves_out_the_decoding() {
    let witness = Witness { cancel_after: Some(25), ..Witness::default() };
    let result = engine(GIGABYTE).text_to_image(&emoji(), &request("rocket"), &witness);
    assert_eq!(result, Err(EngineError::Cancelled));
}

#[test]
fn the_last_preview_looks_like_the_picture() {
    let witness = Witness::default();
    let picture = engine(GIGABYTE).text_to_image(&emoji(), &request("dog face"), &witness).unwrap();
    let preview = witness.last_preview.lock().unwrap().clone().unwrap();
    assert_eq!((preview.width, preview.height), (16, 16));
    let small = Tensor::from_vec(
        picture.rgb.iter().map(|&b| f32::from(b)).collect::<Vec<_>>(),
        (1, 64, 64, 3),
        &Device::Cpu,
    )
    .and_then(|t| t.permute((0, 3, 1, 2))?.contiguous()?.avg_pool2d(4)?.permute((0, 2, 3, 1)))
    .unwrap();
    let small = values(&small);
    let preview: Vec<f32> = preview.rgb.iter().map(|&b| f32::from(b)).collect();
    let mean = |v: &[f32]| v.iter().sum::<f32>() / v.len() as f32;
    let (a, b) = (mean(&small), mean(&preview));
    let dot = |x: &[f32], x0: f32, y: &[f32], y0: f32| {
        x.iter().zip(y).map(|(x, y)| (x - x0) * (y - y0)).sum::<f32>()
    };
    let correlation =
        dot(&small, a, &preview, b) / (dot(&small, a, &small, a) * dot(&preview, b, &preview, b)).sqrt();
    assert!(correlation > 0.8, "the preview correlates by {correlation} only");
}

#[test]
fn image_to_image_keeps_more_of_the_source_the_lower_the_strength() {
    let (engine, model) = (engine(GIGABYTE), emoji());
    let source = engine.text_to_image(&model, &request("sunflower"), &Witness::default()).unwrap();
    let distance = |strength: f32| -> u64 {
        let witness = Witness::default();
        let made = engine.image_to_image(&model, &request("rocket"), &source, strength, &witness).unwrap();
        assert_eq!(witness.steps.load(Ordering::SeqCst), (25.0 * strength).floor() as usize);
        made.rgb.iter().zip(&source.rgb).map(|(a, b)| u64::from(a.abs_diff(*b))).sum()
    };
    let (little, some, much) = (distance(0.08), distance(0.4), distance(1.0));
    assert!(little * 2 < some && some < much, "{little}, {some}, {much}");
}

#[test]
fn inpainting_changes_what_the_mask_shows_and_keeps_the_rest() {
    let (engine, model) = (engine(GIGABYTE), emoji());
    let source = engine.text_to_image(&model, &request("sunflower"), &Witness::default()).unwrap();
    let masked = |pixel: usize| pixel % 64 >= 32;
    let mask: Vec<u8> = (0..64 * 64).map(|pixel| if masked(pixel) { 255 } else { 0 }).collect();
    for strength in [0.8, 1.0] {
        let made = engine
            .inpaint(
                &model,
                &request("rocket on a black background"),
                &source,
                &mask,
                strength,
                &Witness::default(),
            )
            .unwrap();
        let mean = |inside: bool| {
            let gaps = made.rgb.iter().zip(&source.rgb).enumerate().filter(|(i, _)| masked(i / 3) == inside);
            gaps.map(|(_, (a, b))| u64::from(a.abs_diff(*b))).sum::<u64>() / (64 * 32 * 3)
        };
        assert!(mean(false) * 4 < mean(true), "{} outside, {} inside", mean(false), mean(true));
    }
    let result = engine.inpaint(&model, &request("rocket"), &source, &mask[1..], 0.8, &Witness::default());
    assert!(matches!(result, Err(EngineError::BadRequest { field: "mask", .. })));
}

#[test]
fn requests_that_do_not_fit_are_refused_with_the_field_and_the_way_out() {
    let (engine, model) = (engine(GIGABYTE), emoji());
    let refused = |request: ImageRequest| match engine.text_to_image(&model, &request, &Witness::default()) {
        Err(EngineError::BadRequest { field, problem }) => format!("{field}: {problem}"),
        other => panic!("{other:?}"),
    };
    let good = request("dog face");
    let message = refused(ImageRequest { width: 70, ..good.clone() });
    assert!(message.starts_with("width: 70 ") && message.contains("64 and 72"), "{message}");
    assert!(refused(ImageRequest { height: 0, ..good.clone() }).starts_with("height: 0 "));
    assert!(refused(ImageRequest { height: 100_000, ..good.clone() }).contains("4096"));
    assert!(refused(ImageRequest { steps: 0, ..good.clone() }).starts_with("steps"));
    assert!(refused(ImageRequest { steps: 1001, ..good.clone() }).contains("1000"));
    assert!(refused(ImageRequest { guidance: f32::NAN, ..good.clone() }).starts_with("guidance"));
    assert!(refused(ImageRequest { clip_skip: 2, ..good.clone() }).contains("up to 1"));
    assert!(refused(ImageRequest { prompt: "a".repeat(40_000), ..good.clone() }).starts_with("prompt"));
    let lcm = ImageRequest { sampler: Some(SamplerId::Lcm), steps: 51, ..good };
    assert!(refused(lcm).contains("at most 50"));
}

#[test]
fn sources_that_do_not_fit_are_refused() {
    let (engine, model) = (engine(GIGABYTE), emoji());
    let refused = |source: &Picture, strength: f32| match engine.image_to_image(
        &model,
        &request("dog"),
        source,
        strength,
        &Witness::default(),
    ) {
        Err(EngineError::BadRequest { field, problem }) => format!("{field}: {problem}"),
        other => panic!("{other:?}"),
    };
    let blank =
        |width: u32, height: u32| Picture { width, height, rgb: vec![0; (width * height * 3) as usize] };
    assert!(refused(&blank(32, 64), 0.5).contains("32x64"));
    assert!(refused(&Picture { rgb: vec![0; 5], ..blank(64, 64) }, 0.5).starts_with("image: 5 bytes"));
    assert!(refused(&blank(64, 64), 0.01).starts_with("strength: 0.01 of 25 steps is none"));
    assert!(refused(&blank(64, 64), 1.5).starts_with("strength"));
}

#[test]
fn a_prompt_longer_than_the_window_is_read_to_its_end() {
    let engine = engine(GIGABYTE);
    let paint = |prompt: &str| {
        let (request, witness) = (ImageRequest { steps: 1, ..request(prompt) }, Witness::default());
        let picture = engine.text_to_image(&emoji(), &request, &witness).unwrap();
        let notes = witness.notes.into_inner().unwrap();
        assert!(notes.iter().all(|note| note == "loading Emoji"), "{notes:?}");
        picture
    };
    let long = "dog face ".repeat(80);
    assert_ne!(paint(&long), paint(&(long.clone() + "cat")));
}

#[test]
fn prompts_are_read_with_their_syntax_unless_they_are_to_be_plain() {
    let engine = engine(GIGABYTE);
    let paint = |prompt: &str, syntax| {
        let request = ImageRequest { steps: 4, syntax, ..request(prompt) };
        engine.text_to_image(&emoji(), &request, &Witness::default()).unwrap()
    };
    let weighted = |prompt| paint(prompt, PromptSyntax::Weighted);
    assert_eq!(weighted("[dog|dog] face"), weighted("dog face"));
    assert_eq!(weighted("[dog:cat:9] face"), weighted("dog face"));
    assert_ne!(weighted("[dog:cat:0.5] face"), weighted("dog face"));
    assert_ne!(weighted("(dog:1.6) face"), weighted("dog face"));
    assert_eq!(paint("dog face", PromptSyntax::Plain), weighted("dog face"));
    assert_eq!(paint("(dog) face", PromptSyntax::Plain), weighted(r"\(dog\) face"));
}

#[test]
fn prompts_add_up_also_without_guidance_and_only_in_the_prompt() {
    let engine = engine(GIGABYTE);
    let paint = |prompt: &str, negative: &str, guidance| {
        let negative = negative.to_owned();
        let request = ImageRequest { steps: 4, negative, guidance, ..request(prompt) };
        engine.text_to_image(&emoji(), &request, &Witness::default()).unwrap()
    };
    assert_ne!(paint("dog face AND cat face", "", 3.0), paint("dog face", "", 3.0));
    assert_ne!(paint("dog face AND cat face :0.5", "", 3.0), paint("dog face AND cat face", "", 3.0));
    assert_eq!(paint("dog face AND cat face :0", "", 3.0), paint("dog face", "", 3.0));
    assert_ne!(paint("dog face AND cat face", "", 1.0), paint("dog face", "", 1.0));
    assert_ne!(paint("dog face", "cat AND hat", 3.0), paint("dog face", "cat", 3.0));
    assert_eq!(
        paint("[dog face|dog face] AND [cat face:dog face:9]", "", 3.0),
        paint("dog face AND cat face", "", 3.0)
    );
}

#[test]
fn a_prompt_that_says_too_many_things_is_refused_by_name() {
    let many: Vec<_> = (0..100).map(|number| number.to_string()).collect();
    let request = ImageRequest { steps: 100, ..request(&format!("[{}]", many.join("|"))) };
    match engine(GIGABYTE).text_to_image(&emoji(), &request, &Witness::default()) {
        Err(EngineError::BadRequest { field: "prompt", problem }) => {
            assert!(problem.contains("64"), "{problem}")
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_does_not_fit_the_memory_budget_is_refused_with_sizes_before_it_starts() {
    let (model, witness) = (emoji(), Witness::default());
    match engine(1 << 20).text_to_image(&model, &request("dog face"), &witness) {
        Err(EngineError::OutOfMemory { needed, budget }) => assert!(needed > budget && budget == 1 << 20),
        other => panic!("{other:?}"),
    }
    assert!(witness.notes.lock().unwrap().is_empty(), "nothing was loaded");
    let large = ImageRequest { width: 4096, height: 4096, ..request("dog face") };
    let error = engine(GIGABYTE).text_to_image(&model, &large, &witness).unwrap_err();
    assert!(error.to_string().contains("1024 MB"), "{error}");
    engine(GIGABYTE)
        .text_to_image(&model, &ImageRequest { steps: 1, ..request("dog face") }, &witness)
        .unwrap();
}

#[test]
fn a_picture_that_does_not_fit_as_a_whole_is_decoded_in_tiles_and_said_to_be() {
    let large = ImageRequest { width: 320, height: 384, steps: 1, guidance: 1.0, ..request("dog face") };
    let least = match engine(1).text_to_image(&emoji(), &large, &Witness::default()) {
        Err(EngineError::OutOfMemory { needed, .. }) => needed,
        other => panic!("{other:?}"),
    };
    let make = |budget: u64| {
        let witness = Witness::default();
        let picture = engine(budget).text_to_image(&emoji(), &large, &witness).unwrap();
        let said = witness.notes.lock().unwrap().iter().any(|note| note.contains("in tiles"));
        (picture, said)
    };
    let ((whole, at_once), (tiled, said)) = (make(GIGABYTE), make(least));
    assert!(!at_once && said);
    assert_eq!((tiled.width, tiled.height), (320, 384));
    let gaps = tiled.rgb.iter().zip(&whole.rgb).map(|(a, b)| u64::from(a.abs_diff(*b))).sum::<u64>();
    let mean = gaps as f64 / whole.rgb.len() as f64;
    assert!(mean > 0.0 && mean < 12.0, "pixels differ by {mean} in the mean");
}

#[test]
fn a_picture_that_is_encoded_in_bands_has_the_latents_of_the_whole_one() {
    let layout = ModelLayout::read(&emoji_folder()).unwrap();
    let model = StableDiffusion::load(&layout, &Device::Cpu).unwrap();
    for (height, width) in [(512, 320), (1024, 64), (640, 576), (64, 64)] {
        let source = patterned_picture(width, height);
        let values: Vec<f32> = (0..3)
            .flat_map(|c| source.rgb.iter().skip(c).step_by(3))
            .map(|v| f32::from(*v) / 127.5 - 1.0)
            .collect();
        let shape = (1, 3, height as usize, width as usize);
        let picture = Tensor::from_vec(values, shape, &Device::Cpu).unwrap();
        let whole = model.vae().encode(&picture).unwrap();
        let banded = model.vae().encode_in_bands(&picture).unwrap();
        for (part, whole, banded) in [("mean", whole.mean, banded.mean), ("std", whole.std, banded.std)] {
            let share = gap(&whole, &banded) / spread(&whole);
            println!("{width}x{height}: {part} within {share:.1e} of its spread");
            assert!(share < 1e-4, "{width}x{height}: {part} differs by {share} of its spread");
        }
    }
}

#[test]
fn a_model_stays_loaded_while_there_is_room_and_goes_when_another_needs_it() {
    let folder = tempfile::tempdir().unwrap();
    copy_folder(&emoji_folder(), &folder.path().join("first"));
    copy_folder(&emoji_folder(), &folder.path().join("second"));
    let scan = scan_models(&[folder.path().to_path_buf()]);
    let [first, second] = scan.models.as_slice() else { panic!("{scan:?}") };
    let loads = |budget: u64| {
        let (engine, witness) = (engine(budget), Witness::default());
        for model in [first, first, second, first] {
            let request = ImageRequest { steps: 1, ..request("dog") };
            witness.steps.store(0, Ordering::SeqCst);
            engine.text_to_image(model, &request, &witness).unwrap();
        }
        witness.notes.lock().unwrap().len()
    };
    assert_eq!(loads(GIGABYTE), 2);
    assert_eq!(loads(20 << 20), 3);
}

#[test]
fn a_model_whose_folder_is_gone_is_reported_as_missing() {
    let mut model = emoji();
    model.path = PathBuf::from("/nowhere/emoji");
    let result = engine(GIGABYTE).text_to_image(&model, &request("dog"), &Witness::default());
    assert!(matches!(result, Err(EngineError::ModelMissing { id, .. }) if id == "emoji"));
}
