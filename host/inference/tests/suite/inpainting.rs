//! Models that only fill masked parts of pictures: what diffusers computes with one, and through the engine.

use std::path::Path;

use qpyt_inference::{
    Engine, EngineError, EngineOptions, Family, ImageRequest, InstalledModel, Observer, Picture, StepReport,
    scan_models,
};

use crate::support::{copy_folder, own_references, patterned_picture, reference_folder, set_in_file};
use crate::unet_case::Case;

/// The model of the case in the references at a folder: its network, and all else from the base.
fn model(references: &Path) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("filler");
    copy_folder(&references.join("sd15"), &model);
    copy_folder(&references.join("sd15-inpaint9/unet"), &model.join("unet"));
    set_in_file(&model.join("model_index.json"), "_class_name", "StableDiffusionInpaintPipeline".into());
    folder
}

#[test]
fn filling_a_mask_follows_the_reference_step_by_step() {
    let references = reference_folder();
    let folder = model(&references);
    Case::open_with(&folder.path().join("filler"), references.join("sd15-inpaint9")).check_filling();
}

/// Takes no notice.
struct Silent;

impl Observer for Silent {
    fn step(&self, _report: StepReport<'_>) {}
    fn part(&self, _done: usize, _parts: usize) {}
    fn text(&self, _piece: &str) {}
    fn note(&self, _note: &str) {}
    fn cancelled(&self) -> bool {
        false
    }
}

fn engine() -> Engine {
    Engine::new(EngineOptions { memory_budget: 1 << 30, threads: None }).unwrap()
}

fn installed(folder: &tempfile::TempDir) -> InstalledModel {
    let scan = scan_models(&[folder.path().to_path_buf()]);
    assert_eq!(scan.broken, []);
    scan.models[0].clone()
}

fn request() -> ImageRequest {
    ImageRequest { guidance: 4.0, seed: 7, ..ImageRequest::new("a lighthouse", (32, 32), 4) }
}

#[test]
fn what_surrounds_the_mask_is_seen_and_at_less_strength_what_it_hides_as_well() {
    let (engine, folder) = (engine(), model(&own_references()));
    let model = installed(&folder);
    assert_eq!(model.family, Family::StableDiffusion);
    let mask: Vec<u8> = (0..32 * 32).map(|pixel| if pixel % 32 < 16 { 255 } else { 0 }).collect();
    let source = patterned_picture(32, 32);
    let changed = |hidden: bool| {
        let mut picture = source.clone();
        for (pixel, rgb) in picture.rgb.chunks_exact_mut(3).enumerate() {
            if (mask[pixel] > 0) == hidden {
                rgb.fill(90);
            }
        }
        picture
    };
    let fill = |picture: &Picture, strength| {
        engine.inpaint(&model, &request(), picture, &mask, strength, &Silent).unwrap()
    };
    let filled = fill(&source, 1.0);
    assert_eq!(fill(&changed(true), 1.0), filled);
    assert_ne!(fill(&changed(false), 1.0), filled);
    assert_ne!(fill(&changed(true), 0.5), fill(&source, 0.5));
}

#[test]
fn whole_pictures_are_refused_with_the_way_out() {
    let (engine, folder) = (engine(), model(&own_references()));
    let (model, source) = (installed(&folder), patterned_picture(32, 32));
    for refused in [
        engine.text_to_image(&model, &request(), &Silent),
        engine.image_to_image(&model, &request(), &source, 0.5, &Silent),
    ] {
        let error = refused.unwrap_err();
        assert!(matches!(error, EngineError::BadRequest { field: "model", .. }), "{error}");
        assert!(error.to_string().contains("inpaint with it, or choose another model"), "{error}");
    }
}
