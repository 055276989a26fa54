//! The Stable Diffusion 3.5 case: what diffusers computed from small random weights.

use candle_core::{Device, Tensor};
use qpyt_inference::diffusion::painter::PainterLayout;
use qpyt_inference::diffusion::pipeline::{Guide, LayerSkipping, Pipeline, PromptStates};
use qpyt_inference::diffusion::sd3::{Sd3, Sd3Layout};
use qpyt_inference::diffusion::vae::Normalization;

use crate::flow::{FlowCase, MODULE, check_refused_schedules};
use crate::support::{copy_folder, gap, largest, set_in_file};

/// The case and its model, with the text window of the case.
fn open() -> (FlowCase, Sd3) {
    let case = FlowCase::open("sd35");
    let mut layout = Sd3Layout::read(&case.folder).unwrap();
    layout.text_tokens = case.number("txt2img", "max_sequence_length") as usize;
    (case, Sd3::load(&layout, &Device::Cpu).unwrap())
}

/// The prompt of a run, and what it keeps away from.
fn texts(case: &FlowCase, model: &Sd3, run: &str) -> [PromptStates; 2] {
    ["prompt", "negative_prompt"].map(|key| model.encode_prompt(case.text(run, key), 0).unwrap())
}

#[test]
fn prompts_become_states_and_a_vector_as_in_the_reference() {
    let (case, model) = open();
    let [prompt, negative] = texts(&case, &model, "txt2img");
    for (what, ours) in [
        ("prompt_embeds", prompt.states),
        ("negative_prompt_embeds", negative.states),
        ("pooled", prompt.pooled.unwrap()),
        ("negative_pooled", negative.pooled.unwrap()),
    ] {
        let gap = gap(&ours, &case.reference.get(what));
        println!("sd35: {what} within {gap:.1e}");
        assert!(gap <= MODULE, "{what} differs by {gap}");
    }
}

#[test]
fn guidance_follows_the_reference_step_by_step() {
    let (case, model) = open();
    let [prompt, negative] = texts(&case, &model, "txt2img");
    let guide = Guide::new(&prompt, Some(&negative), case.number("txt2img", "guidance_scale"));
    case.check_text_to_image(&model, "txt2img", &guide);
    case.check_image_to_image(&model, "img2img", &guide);
    let latents = case.check_inpainting(&model, "inpaint", &guide);
    // That pipeline of diffusers leaves out the shift when it decodes, which its others and this one add.
    let vae = model.vae();
    let Normalization::Affine { shift, .. } = vae.config().normalization else { panic!("not shifted") };
    let unshifted = (vae.denormalize(&latents).unwrap() - shift).unwrap();
    case.check_picture("inpaint", &vae.decode(&unshifted).unwrap());
}

#[test]
fn guidance_away_from_skipped_layers_follows_the_reference_step_by_step() {
    let case = FlowCase::of_model("sd35-skip-layers", "sd35");
    let mut layout = Sd3Layout::read(&case.folder).unwrap();
    layout.text_tokens = case.number("txt2img", "max_sequence_length") as usize;
    let model = Sd3::load(&layout, &Device::Cpu).unwrap();
    assert_eq!(model.skippable_layers(), 3);
    let [prompt, negative] = texts(&case, &model, "txt2img");
    let skipping = LayerSkipping { layers: vec![1], scale: 2.8, start: 0.01, end: 0.7 };
    let guide = Guide::new(&prompt, Some(&negative), case.number("txt2img", "guidance_scale"));
    let guide = Guide { skipping: Some(&skipping), ..guide };
    case.check_text_to_image(&model, "txt2img", &guide);
}

#[test]
fn a_prompt_alone_follows_the_reference_step_by_step() {
    let (case, model) = open();
    let [prompt, _] = texts(&case, &model, "txt2img.turbo");
    case.check_text_to_image(&model, "txt2img.turbo", &Guide::prompt(&prompt));
}

#[test]
fn a_model_without_t5_reads_zeros_in_its_place() {
    let case = FlowCase::open("sd35");
    let folder = tempfile::tempdir().unwrap();
    copy_folder(&case.folder, folder.path());
    std::fs::remove_dir_all(folder.path().join("text_encoder_3")).unwrap();
    std::fs::remove_dir_all(folder.path().join("tokenizer_3")).unwrap();
    set_in_file(&folder.path().join("model_index.json"), "text_encoder_3", serde_json::json!([null, null]));
    let mut layout = Sd3Layout::read(folder.path()).unwrap();
    layout.text_tokens = 32;
    let model = Sd3::load(&layout, &Device::Cpu).unwrap();
    let states = model.encode_prompt(case.text("txt2img", "prompt"), 0).unwrap().states;
    let wanted = case.reference.get("prompt_embeds");
    let part = |states: &Tensor, first, count| states.narrow(1, first, count).unwrap().contiguous().unwrap();
    assert!(gap(&part(&states, 0, 77), &part(&wanted, 0, 77)) <= MODULE);
    assert_eq!(largest(&part(&states, 77, 32)), 0.0);
}

#[test]
fn a_turbo_is_told_by_its_name_and_by_the_index() {
    let case = FlowCase::open("sd35");
    let parent = tempfile::tempdir().unwrap();
    let guidance = |name: &str, distilled: Option<bool>| {
        let folder = parent.path().join(name);
        copy_folder(&case.folder, &folder);
        if let Some(distilled) = distilled {
            set_in_file(&folder.join("model_index.json"), "is_distilled", distilled.into());
        }
        Sd3Layout::read(&folder).unwrap().traits().usual.guidance
    };
    assert_eq!(guidance("large", None), 4.5);
    assert_eq!(guidance("Large-Turbo", None), 1.0);
    assert_eq!(guidance("not-a-turbo", Some(false)), 4.5);
}

#[test]
fn pictures_larger_than_the_table_of_places_are_refused() {
    let (case, model) = open();
    let layout = Sd3Layout::read(&case.folder).unwrap();
    let most = layout.traits().max_edge as usize / layout.vae.scale();
    let [prompt, _] = texts(&case, &model, "txt2img");
    assert!(model.predictor(&Guide::prompt(&prompt), (most, 2)).is_ok());
    assert!(model.predictor(&Guide::prompt(&prompt), (most + 2, 2)).is_err());
}

#[test]
fn schedules_that_do_not_fit_a_flow_are_refused() {
    check_refused_schedules(&open().1);
}
