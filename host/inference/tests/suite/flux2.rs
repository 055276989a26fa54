//! The FLUX.2 Klein case: what diffusers computed from small random weights, with a picture to look at, and with
//! guidance as models take it that were not distilled.

use candle_core::Device;
use qpyt_inference::diffusion::flux2::{Flux2, Flux2Layout};
use qpyt_inference::diffusion::footprint::Extent;
use qpyt_inference::diffusion::painter::PainterLayout;
use qpyt_inference::diffusion::pipeline::{Guide, Pipeline};
use qpyt_inference::diffusion::usual::Usual;
use qpyt_inference::weights::WeightFiles;

use crate::flow::{FlowCase, MODULE, check_refused_schedules};
use crate::support::{Recorded, copy_folder, gap, set_in_file};

/// The case and its model, with the text window of the case.
fn open() -> (FlowCase, Flux2) {
    let case = FlowCase::open("flux2-klein");
    let mut layout = Flux2Layout::read(&case.folder).unwrap();
    layout.text_tokens = case.number("txt2img", "max_sequence_length") as usize;
    (case, Flux2::load(&layout, &Device::Cpu).unwrap())
}

#[test]
fn prompts_become_states_of_three_depths_as_in_the_reference() {
    let (case, model) = open();
    let prompt = model.encode_prompt(case.text("txt2img", "prompt"), 0).unwrap();
    let gap = gap(&prompt.states, &case.reference.get("prompt_embeds"));
    println!("flux2-klein: prompt_embeds within {gap:.1e}");
    assert!(gap <= MODULE, "the states differ by {gap}");
    assert_eq!(prompt.dropped_tokens, 0);
    assert!(model.encode_prompt(&"red fox ".repeat(40), 0).unwrap().dropped_tokens > 0);
}

#[test]
fn a_prompt_alone_follows_the_reference_step_by_step() {
    let (case, model) = open();
    let prompt = model.encode_prompt(case.text("txt2img", "prompt"), 0).unwrap();
    case.check_text_to_image(&model, "txt2img", &Guide::prompt(&prompt));
}

#[test]
fn a_picture_to_look_at_follows_the_reference_step_by_step() {
    let (case, model) = open();
    let prompt = model.encode_prompt(case.text("reference-image", "prompt"), 0).unwrap();
    let mut none = Recorded(Vec::new().into_iter());
    let references = [model.picture_latents(&case.picture(), Extent::Whole, &mut none).unwrap()];
    let guide = Guide { references: &references, ..Guide::prompt(&prompt) };
    case.check_text_to_image(&model, "reference-image", &guide);
}

#[test]
fn guidance_follows_the_reference_step_by_step() {
    let (case, model) = open();
    let run = "txt2img.base-cfg";
    let prompt = model.encode_prompt(case.text(run, "prompt"), 0).unwrap();
    let negative = model.encode_prompt("", 0).unwrap();
    let guide = Guide::new(&prompt, Some(&negative), case.number(run, "guidance_scale"));
    case.check_text_to_image(&model, run, &guide);
}

#[test]
fn the_index_says_whether_the_model_needs_guidance() {
    let case = FlowCase::open("flux2-klein");
    assert_eq!(Flux2Layout::read(&case.folder).unwrap().traits().usual, Usual { steps: 4, guidance: 1.0 });
    let folder = tempfile::tempdir().unwrap();
    copy_folder(&case.folder, folder.path());
    set_in_file(&folder.path().join("model_index.json"), "is_distilled", false.into());
    assert_eq!(Flux2Layout::read(folder.path()).unwrap().traits().usual, Usual { steps: 50, guidance: 4.0 });
}

#[test]
fn layers_of_the_decoder_that_no_one_reads_take_no_memory() {
    let case = FlowCase::open("flux2-klein");
    let layout = Flux2Layout::read(&case.folder).unwrap();
    let numbers = |part: &str, stem: &str| {
        let files = WeightFiles::open(&case.folder.join(part), stem).unwrap();
        files.weight_count()
    };
    let all = numbers("transformer", "diffusion_pytorch_model")
        + numbers("vae", "diffusion_pytorch_model")
        + numbers("text_encoder", "model");
    let config = std::fs::read_to_string(case.folder.join("text_encoder/config.json")).unwrap();
    let config: serde_json::Value = serde_json::from_str(&config).unwrap();
    let number = |key: &str| config[key].as_u64().unwrap();
    let (width, inner, head) = (number("hidden_size"), number("intermediate_size"), number("head_dim"));
    let (queries, keys) = (head * number("num_attention_heads"), head * number("num_key_value_heads"));
    // The last of 28 layers: three square maps' worth of attention, three of feed-forward, and the norms.
    let layer = width * (queries + 2 * keys + queries + 3 * inner) + 2 * width + 2 * head;
    let final_norm = width;
    assert_eq!(layout.weight_bytes(), (all - layer - final_norm) * 4);
}

#[test]
fn schedules_that_do_not_fit_a_flow_are_refused() {
    check_refused_schedules(&open().1);
}
