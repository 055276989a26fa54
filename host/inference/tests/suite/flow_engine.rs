//! What the studio calls, for models that flow: that they are found, paint, repaint and inpaint, and say what they leave
//! out of a request.

use std::sync::Mutex;

use qpyt_inference::{
    Engine, EngineError, EngineOptions, Family, ImageRequest, InstalledModel, LayerSkipping, Observer,
    Picture, Prediction, PromptSyntax, StepReport, scan_models,
};

use crate::support::{copy_folder, own_references, patterned_picture, set_in_file};

const CASES: [(&str, Family); 4] = [
    ("flux1-dev", Family::Flux),
    ("flux1-schnell", Family::Flux),
    ("flux2-klein", Family::Flux2),
    ("sd35", Family::StableDiffusion3),
];

fn engine() -> Engine {
    Engine::new(EngineOptions { memory_budget: 1 << 30, threads: None }).unwrap()
}

fn model(id: &str) -> InstalledModel {
    let scan = scan_models(&[own_references()]);
    scan.models.iter().find(|m| m.id == id).unwrap_or_else(|| panic!("{id}: {:?}", scan.broken)).clone()
}

/// Skip-layer guidance with some layers.
fn skipping(layers: &[usize]) -> LayerSkipping {
    LayerSkipping { layers: layers.to_vec(), scale: 2.8, start: 0.01, end: 0.2 }
}

fn request() -> ImageRequest {
    ImageRequest { seed: 7, ..ImageRequest::new("a lighthouse on a cliff at dusk", (48, 32), 4) }
}

/// Keeps notes and the sizes of previews.
#[derive(Default)]
struct Witness {
    notes: Mutex<Vec<String>>,
    previews: Mutex<Vec<(u32, u32)>>,
}

impl Observer for Witness {
    fn step(&self, report: StepReport<'_>) {
        let preview = report.preview();
        self.previews.lock().unwrap().push((preview.width, preview.height));
    }

    fn part(&self, done: usize, parts: usize) {
        panic!("a picture is made in steps, not in parts: {done} of {parts}");
    }

    fn text(&self, piece: &str) {
        panic!("a picture says nothing: {piece}");
    }

    fn note(&self, note: &str) {
        self.notes.lock().unwrap().push(note.to_owned());
    }

    fn cancelled(&self) -> bool {
        false
    }
}

#[test]
fn models_that_flow_are_told_by_their_index() {
    for (id, family) in CASES {
        let model = model(id);
        let traits = model.painting.unwrap();
        assert_eq!((model.family, traits.prediction), (family, Prediction::Flow), "{id}");
        assert_eq!(traits.size_multiple, 4, "{id}: two autoencoder pixels by patches of two");
        assert!(model.files().len() > 8 && model.bytes > 1 << 20, "{id}");
    }
    assert_eq!(CASES.map(|(_, family)| family.name()), ["flux", "flux", "flux2", "sd3"]);
}

#[test]
fn every_kind_paints_the_same_bytes_again_and_shows_how_far_it_is() {
    let engine = engine();
    for (id, _) in CASES {
        let (model, witness) = (model(id), Witness::default());
        let first = engine.text_to_image(&model, &request(), &witness).unwrap();
        assert_eq!((first.width, first.height, first.rgb.len()), (48, 32, 48 * 32 * 3), "{id}");
        assert_eq!(*witness.previews.lock().unwrap(), [(24, 16); 4], "{id}");
        let again = engine.text_to_image(&model, &request(), &Witness::default()).unwrap();
        assert_eq!(first, again, "{id}");
        let other = ImageRequest { seed: 8, ..request() };
        assert_ne!(first, engine.text_to_image(&model, &other, &Witness::default()).unwrap(), "{id}");
    }
}

/// Mean difference of bytes where `of` says so.
fn difference(a: &Picture, b: &Picture, of: impl Fn(usize) -> bool) -> f64 {
    let bytes = a.rgb.iter().zip(&b.rgb).enumerate().filter(|(i, _)| of(i / 3));
    let gaps: Vec<f64> = bytes.map(|(_, (a, b))| f64::from(a.abs_diff(*b))).collect();
    gaps.iter().sum::<f64>() / gaps.len() as f64
}

#[test]
fn every_kind_keeps_more_of_a_picture_the_lower_the_strength_and_all_of_it_outside_a_mask() {
    let (engine, source) = (engine(), patterned_picture(48, 32));
    let request = ImageRequest { steps: 10, ..request() };
    for (id, _) in CASES {
        let (model, witness) = (model(id), Witness::default());
        let repaint = |strength| {
            engine.image_to_image(&model, &request, &source, strength, &Witness::default()).unwrap()
        };
        // The random autoencoders do not give pictures back: what little changes is told from what it gives.
        let least = repaint(0.1);
        let (some, most) =
            (difference(&least, &repaint(0.3), |_| true), difference(&least, &repaint(1.0), |_| true));
        assert!(some < most, "{id}: {some} is not less than {most}");

        let inside = |pixel: usize| pixel % 48 < 24;
        let mask: Vec<u8> = (0..48 * 32).map(|pixel| if inside(pixel) { 255 } else { 0 }).collect();
        let inpainted = engine.inpaint(&model, &request, &source, &mask, 1.0, &witness).unwrap();
        let far_outside = |pixel: usize| pixel % 48 >= 40;
        let (changed, kept) =
            (difference(&least, &inpainted, inside), difference(&least, &inpainted, far_outside));
        assert!(kept < changed, "{id}: {kept} outside is not less than {changed} inside");
    }
}

#[test]
fn a_model_that_looks_at_pictures_paints_something_else_for_each_and_others_say_that_they_cannot() {
    let engine = engine();
    let with = |references: Vec<Picture>| ImageRequest { references, ..request() };
    let look =
        |references| engine.text_to_image(&model("flux2-klein"), &with(references), &Witness::default());
    let blind = look(vec![]).unwrap();
    let (wide, small) = (patterned_picture(96, 32), patterned_picture(21, 19));
    let one = look(vec![wide.clone()]).unwrap();
    assert_ne!(blind, one);
    assert_ne!(one, look(vec![wide.clone(), small]).unwrap());
    let torn = Picture { rgb: vec![0; 5], ..wide.clone() };
    for (refused, hint) in [
        (look(vec![torn]), "bytes"),
        (look(vec![wide.clone(); 9]), "more than 8"),
        (engine.text_to_image(&model("flux1-dev"), &with(vec![wide]), &Witness::default()), "FLUX.2"),
    ] {
        let message = refused.unwrap_err().to_string();
        assert!(message.contains("references") && message.contains(hint), "{message}");
    }
}

#[test]
fn models_that_follow_one_prompt_read_and_as_a_word_and_say_so() {
    let (engine, model, witness) = (engine(), model("sd35"), Witness::default());
    let paint = |prompt: &str, syntax, observer: &Witness| {
        let request = ImageRequest { prompt: prompt.to_owned(), guidance: 4.0, syntax, ..request() };
        engine.text_to_image(&model, &request, observer).unwrap()
    };
    let text = "a sign that says ROCK AND ROLL";
    let read = paint(text, PromptSyntax::Weighted, &witness);
    assert!(witness.notes.lock().unwrap().iter().any(|note| note.contains("AND")));
    assert_eq!(read, paint(text, PromptSyntax::Plain, &Witness::default()));
}

#[test]
fn pictures_that_come_in_are_encoded_in_bands_where_the_whole_does_not_fit_the_budget() {
    let folder = tempfile::tempdir().unwrap();
    for id in ["flux1-schnell", "flux2-klein"] {
        copy_folder(&own_references().join(id), &folder.path().join(id));
        // Attention over all pixels takes as much in these narrow networks as everything else.
        set_in_file(&folder.path().join(id).join("vae/config.json"), "mid_block_add_attention", false.into());
    }
    let scan = scan_models(&[folder.path().to_path_buf()]);
    let model = |id: &str| scan.models.iter().find(|m| m.id == id).unwrap_or_else(|| panic!("{scan:?}"));
    let size = 256;
    let request = ImageRequest { width: size, height: size, steps: 2, ..request() };
    let source = patterned_picture(size, size);
    let mask = vec![255; (size * size) as usize];
    let looking = ImageRequest { references: vec![source.clone()], ..request.clone() };
    let told = Witness::default();
    let pixels = u64::from(size * size);
    type Make<'a> = &'a dyn Fn(Engine) -> Result<Picture, EngineError>;
    let ways: [(&str, u64, Make<'_>); 3] = [
        ("repainted", pixels, &|engine| {
            engine.image_to_image(model("flux1-schnell"), &request, &source, 0.5, &told)
        }),
        ("inpainted", pixels, &|engine| {
            engine.inpaint(model("flux1-schnell"), &request, &source, &mask, 0.5, &told)
        }),
        ("looked at", 2 * pixels, &|engine| engine.text_to_image(model("flux2-klein"), &looking, &told)),
    ];
    for (way, pixels, make) in ways {
        let make = |memory_budget| make(Engine::new(EngineOptions { memory_budget, threads: None }).unwrap());
        let Err(EngineError::OutOfMemory { needed: least, .. }) = make(1) else { panic!("{way}") };
        // At once, encoding takes five maps of sixteen channels.
        assert!(least < pixels * 16 * 5 * 4, "{way}: {least} bytes are planned");
        assert!(make(least - 1).is_err());
        assert_eq!(told.notes.lock().unwrap().iter().filter(|note| note.contains("in tiles")).count(), 0);
        let (parts, whole) = (make(least).unwrap(), make(1 << 30).unwrap());
        let gap = difference(&parts, &whole, |_| true);
        println!("{way}: {least} bytes, pixels differ by {gap} in the mean");
        assert!(gap < 12.0, "{way}: pixels differ by {gap} in the mean");
        assert!(told.notes.lock().unwrap().iter().any(|note| note.contains("in tiles")), "{way}");
        told.notes.lock().unwrap().clear();
    }
}

#[test]
fn what_a_model_has_no_use_for_is_left_out_with_a_note() {
    let engine = engine();
    let asked = ImageRequest { guidance: 5.0, negative: "blurry".to_owned(), clip_skip: 1, ..request() };
    let no_layers = "this model's text encoder has no layers to skip; CLIP skip is left out";
    for (id, guided, notes) in [
        ("flux1-dev", true, vec!["this model takes no negative prompt; it is left out", no_layers]),
        (
            "flux1-schnell",
            false,
            vec![
                "this model takes no negative prompt; it is left out",
                "this model was made to work without guidance; 5 is taken as 1",
                no_layers,
            ],
        ),
        (
            "flux2-klein",
            true,
            vec![
                "this model was made to work without guidance; at 5 each step takes twice as long and colours may be \
                 too strong",
                no_layers,
            ],
        ),
        ("sd35", true, vec![]),
    ] {
        let (model, witness) = (model(id), Witness::default());
        let picture = engine.text_to_image(&model, &asked, &witness).unwrap();
        let told: Vec<String> = witness.notes.lock().unwrap().clone();
        let told: Vec<_> = told.iter().filter(|note| !note.starts_with("loading")).collect();
        assert_eq!(told, notes, "{id}");
        let plain = engine.text_to_image(&model, &request(), &Witness::default()).unwrap();
        assert_eq!(picture != plain, guided, "{id}");
    }
}

#[test]
fn requests_that_do_not_fit_a_flow_are_refused_with_the_field() {
    let engine = engine();
    for (id, asked, field) in [
        ("flux1-dev", ImageRequest { skipping: Some(skipping(&[0])), ..request() }, "skipping"),
        ("sd35", ImageRequest { skipping: Some(skipping(&[7])), ..request() }, "skipping"),
        ("sd35", ImageRequest { skipping: Some(skipping(&[])), ..request() }, "skipping"),
        ("flux2-klein", ImageRequest { width: 46, ..request() }, "width"),
        ("sd35", ImageRequest { height: 196, ..request() }, "height"),
        ("sd35", ImageRequest { clip_skip: 3, ..request() }, "clip_skip"),
    ] {
        let refused = engine.text_to_image(&model(id), &asked, &Witness::default());
        assert!(
            matches!(&refused, Err(EngineError::BadRequest { field: told, .. }) if *told == field),
            "{id}, {field}: {refused:?}"
        );
    }
}
