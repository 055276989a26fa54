//! The FLUX.1 cases: what diffusers computed from small random weights, with guidance as an input and without.

use candle_core::Device;
use qpyt_inference::diffusion::flux::{Flux, FluxLayout};
use qpyt_inference::diffusion::pipeline::{Guide, Pipeline};

use crate::flow::{FlowCase, MODULE, check_refused_schedules};
use crate::support::gap;

/// The case and its model, with the text window of the case.
fn open(name: &str) -> (FlowCase, Flux) {
    let case = FlowCase::open(name);
    let mut layout = FluxLayout::read(&case.folder).unwrap();
    layout.text_tokens = case.number("txt2img", "max_sequence_length") as usize;
    (case, Flux::load(&layout, &Device::Cpu).unwrap())
}

fn check(name: &str) {
    let (case, model) = open(name);
    let prompt = model.encode_prompt(case.text("txt2img", "prompt"), 0).unwrap();
    let guide = Guide::new(&prompt, None, case.number("txt2img", "guidance_scale"));
    case.check_text_to_image(&model, "txt2img", &guide);
    case.check_text_to_image(&model, "txt2img.wide", &guide);
    case.check_image_to_image(&model, "img2img", &guide);
    let latents = case.check_inpainting(&model, "inpaint", &guide);
    case.check_picture("inpaint", &model.decode(&latents).unwrap());
}

#[test]
fn prompts_become_states_and_a_vector_as_in_the_reference() {
    for name in ["flux1-dev", "flux1-schnell"] {
        let (case, model) = open(name);
        let prompt = model.encode_prompt(case.text("txt2img", "prompt"), 0).unwrap();
        for (what, ours) in [("prompt_embeds", prompt.states), ("pooled", prompt.pooled.unwrap())] {
            let gap = gap(&ours, &case.reference.get(what));
            println!("{name}: {what} within {gap:.1e}");
            assert!(gap <= MODULE, "{name}: {what} differs by {gap}");
        }
    }
}

#[test]
fn the_model_with_guidance_as_an_input_follows_the_reference_step_by_step() {
    check("flux1-dev");
}

#[test]
fn the_distilled_model_follows_the_reference_step_by_step() {
    check("flux1-schnell");
}

#[test]
fn schedules_that_do_not_fit_a_flow_are_refused() {
    check_refused_schedules(&open("flux1-schnell").1);
}
