//! Embedding files: found by their headers in the layouts of different programs, and left to be words where they do not
//! fit.

use std::path::Path;
use std::sync::Mutex;

use candle_core::{DType, Device, Tensor};
use qpyt_inference::text::{InversionLayout, TextualInversion};
use qpyt_inference::{
    Architecture, Engine, EngineOptions, Family, ImageRequest, Observer, StepReport, scan_models,
};

use crate::support::own_references;

/// Keeps what is noted.
#[derive(Default)]
struct Notes(Mutex<Vec<String>>);

impl Observer for Notes {
    fn step(&self, _report: StepReport<'_>) {}
    fn part(&self, _done: usize, _parts: usize) {}
    fn text(&self, _piece: &str) {}
    fn note(&self, note: &str) {
        self.0.lock().unwrap().push(note.to_owned());
    }
    fn cancelled(&self) -> bool {
        false
    }
}

fn write(path: &Path, tensors: &[(&str, &[usize])]) {
    let zeros = |shape: &[usize]| Tensor::zeros(shape, DType::F32, &Device::Cpu).unwrap();
    let tensors = tensors.iter().map(|(name, shape)| ((*name).to_owned(), zeros(shape)));
    candle_core::safetensors::save(&tensors.collect(), path).unwrap();
}

#[test]
fn embeddings_are_found_by_their_files_names_with_the_network_they_are_made_for() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join("embeddings").join(name);
    std::fs::create_dir(folder.path().join("embeddings")).unwrap();
    write(&file("one.safetensors"), &[("emb_params", &[8, 768])]);
    write(&file("two.safetensors"), &[("emb_params", &[1, 1024])]);
    write(&file("both.safetensors"), &[("clip_l", &[4, 768]), ("clip_g", &[4, 1280])]);
    write(&file("toy.safetensors"), &[("<cat-toy>", &[768])]);
    for name in ["automatic1111.pt", "diffusers.bin"] {
        std::fs::copy(own_references().join("embeddings").join(name), file(name)).unwrap();
    }
    std::fs::write(file("other.bin"), "no embedding at all").unwrap();
    let scan = scan_models(&[folder.path().to_path_buf()]);
    assert_eq!(scan.broken, []);
    let found: Vec<_> =
        scan.models.iter().map(|model| (model.id.as_str(), model.family, model.architecture)).collect();
    let (one, two, xl) = (
        Some(Architecture::StableDiffusion1),
        Some(Architecture::StableDiffusion2),
        Some(Architecture::StableDiffusionXl),
    );
    let embedding = Family::Embedding;
    assert_eq!(
        found,
        [
            ("automatic1111", embedding, one),
            ("both", embedding, xl),
            ("diffusers", embedding, one),
            ("one", embedding, one),
            ("toy", embedding, one),
            ("two", embedding, two)
        ]
    );
}

#[test]
fn a_single_embedding_in_a_folder_keeps_its_own_name() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("embeddings")).unwrap();
    write(&folder.path().join("embeddings/mood.safetensors"), &[("emb_params", &[2, 768])]);
    assert_eq!(scan_models(&[folder.path().to_path_buf()]).models[0].id, "mood");
}

#[test]
fn files_of_other_shapes_are_no_embeddings() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("it.safetensors");
    for tensors in [
        &[("a", &[768, 768][..])][..],
        &[("a", &[4, 700])],
        &[("a", &[1, 4, 768])],
        &[("a", &[4, 768]), ("b", &[4, 768])],
    ] {
        write(&file, tensors);
        assert!(InversionLayout::read(&file).unwrap().is_none(), "{tensors:?}");
    }
}

#[test]
fn a_file_that_is_said_to_be_an_embedding_and_is_none_tells_why() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("it.safetensors");
    for (tensors, why) in [
        (&[("a", &[768, 768][..])][..], "768 vectors"),
        (&[("a", &[4, 700])], "700 numbers, not 768"),
        (&[("a", &[1, 4, 768])], "`a` is no row of vectors"),
        (&[("a", &[4, 768]), ("b", &[4, 768])], "`b` has no place"),
    ] {
        write(&file, tensors);
        let told = InversionLayout::require(&file).err().unwrap().to_string();
        assert!(told.contains(why) && told.contains("it.safetensors"), "{told}");
    }
    std::fs::write(&file, "cut").unwrap();
    assert!(InversionLayout::require(&file).err().unwrap().to_string().contains("too short"));
}

#[test]
fn rows_are_read_from_a_pickle_as_from_safetensors() {
    for (name, rows) in [("automatic1111.pt", 2), ("diffusers.bin", 1)] {
        let layout = InversionLayout::read(&own_references().join("embeddings").join(name)).unwrap().unwrap();
        let inversion = TextualInversion::load(&layout, &Device::Cpu).unwrap();
        let tensor = inversion.rows(768).unwrap();
        assert_eq!(tensor.dims(), [rows, 768]);
        let first: Vec<f32> = tensor.narrow(0, 0, 1).unwrap().flatten_all().unwrap().to_vec1().unwrap();
        assert!(first.iter().enumerate().all(|(place, value)| *value == place as f32), "{name}");
    }
}

#[test]
fn an_embedding_for_another_network_is_words_with_a_note() {
    let folder = tempfile::tempdir().unwrap();
    write(&folder.path().join("mood.safetensors"), &[("emb_params", &[2, 768])]);
    let scan = scan_models(&[own_references().join("sd15"), folder.path().to_path_buf()]);
    let model = |id: &str| scan.models.iter().find(|model| model.id == id).unwrap().clone();
    let engine = Engine::new(EngineOptions { memory_budget: 1 << 30, threads: None }).unwrap();
    let request =
        |embeddings| ImageRequest { embeddings, seed: 3, ..ImageRequest::new("a red mood", (32, 32), 1) };
    let notes = Notes::default();
    let with = engine.text_to_image(&model("sd15"), &request(vec![model("mood")]), &notes).unwrap();
    let without = engine.text_to_image(&model("sd15"), &request(Vec::new()), &Notes::default()).unwrap();
    assert_eq!(with, without);
    let notes = notes.0.into_inner().unwrap();
    assert!(notes.iter().any(|note| note.contains("`mood`") && note.contains("read as words")), "{notes:?}");
    let refused = engine.text_to_image(&model("sd15"), &request(vec![model("sd15")]), &Notes::default());
    assert!(refused.unwrap_err().to_string().starts_with("embeddings: "));
}
