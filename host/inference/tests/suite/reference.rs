//! The Stable Diffusion 1.x cases: what diffusers computed from small random weights, module by module and step by
//! step. Nothing is fitted to the numbers; other cases of the same shapes run by setting `QPYT_REFERENCE_DIR`.

use std::path::Path;

use qpyt_inference::SamplerId;
use qpyt_inference::diffusion::layout::ModelLayout;
use qpyt_inference::diffusion::pipeline::Pipeline;
use qpyt_inference::diffusion::samplers::SchedulerConfig;
use qpyt_inference::text::ClipTokenizer;
use qpyt_inference::weights::ConfigFile;
use serde_json::json;

use crate::support::gap;
use crate::unet_case::{Case, MODULE};

#[test]
fn prompts_become_the_token_ids_of_the_reference() {
    let case = Case::open("sd15");
    let wanted = case.reference.integers(&case.folder, "token_ids");
    let window = case.model.tokenizer().window(&case.prompt()).unwrap();
    assert_eq!(window.ids.iter().map(|&id| i64::from(id)).collect::<Vec<_>>(), wanted);
    assert_eq!(window.dropped, 0);
}

#[test]
fn a_vocabulary_with_merges_tokenizes_like_the_joined_tokenizer_file() {
    let case = Case::open("sd15");
    let folder = tempfile::tempdir().unwrap();
    for name in ["vocab.json", "merges.txt", "tokenizer_config.json"] {
        std::fs::copy(case.folder.join("tokenizer").join(name), folder.path().join(name)).unwrap();
    }
    let encoder = ModelLayout::read(&case.folder).unwrap().text.config;
    let split = ClipTokenizer::load(folder.path(), &encoder).unwrap();
    for prompt in [&case.prompt(), "", "  Two CATS,(sleeping:1.2)  don't\tmind é 漢字 42!", "🦊"] {
        assert_eq!(split.window(prompt).unwrap(), case.model.tokenizer().window(prompt).unwrap(), "{prompt}");
    }
}

#[test]
fn prompt_states_are_those_of_the_reference() {
    let case = Case::open("sd15");
    let negative = case.run("txt2img.ddim")["negative_prompt"].as_str().unwrap();
    for (prompt, skip, name) in [
        (case.prompt().as_str(), 0, "prompt_embeds"),
        (negative, 0, "negative_prompt_embeds"),
        (case.prompt().as_str(), 1, "prompt_embeds.clip_skip_1"),
    ] {
        let states = case.model.encode_prompt(prompt, skip).unwrap().states;
        let gap = gap(&states, &case.reference.get(name));
        assert!(gap <= MODULE, "{name} differs by {gap}");
    }
}

#[test]
fn a_single_pass_of_the_noise_predictor_is_that_of_the_reference() {
    let case = Case::open("sd15");
    let context = case.model.unet().context(&case.reference.get("prompt_embeds"), None).unwrap();
    let timestep = case.reference.integers(&case.folder, "unet.t")[0] as f64;
    let out = case.model.unet().forward(&case.reference.get("unet.in"), timestep, &context).unwrap();
    let gap = gap(&out, &case.reference.get("unet.out"));
    assert!(gap <= MODULE, "the prediction differs by {gap}");
}

#[test]
fn the_autoencoder_encodes_and_decodes_as_the_reference() {
    let case = Case::open("sd15");
    let latents = case.model.vae().encode(&case.picture()).unwrap();
    let decoded = case.model.vae().decode(&case.reference.get("vae.mean")).unwrap();
    for (name, ours) in [("vae.mean", &latents.mean), ("vae.std", &latents.std), ("vae.decoded", &decoded)] {
        let gap = gap(ours, &case.reference.get(name));
        assert!(gap <= MODULE, "{name} differs by {gap}");
    }
}

#[test]
fn every_text_to_image_run_follows_the_reference_step_by_step() {
    Case::open("sd15").check_texts_to_images(17);
}

#[test]
fn image_to_image_follows_the_reference_step_by_step() {
    Case::open("sd15").check_image_to_image();
}

#[test]
fn inpainting_follows_the_reference_step_by_step() {
    Case::open("sd15").check_inpainting();
}

#[test]
fn every_sampler_that_is_offered_has_a_reference_run() {
    let case = Case::open("sd15");
    let runs = case.description["runs"].as_array().unwrap();
    let names: Vec<_> =
        runs.iter().filter_map(|r| r["run"].as_str()).filter(|n| n.starts_with("txt2img.")).collect();
    let in_runs = names.iter().map(|name| sampler_id(&case, name));
    let covered: Vec<SamplerId> = in_runs.chain(crate::sampler_cases::covered()).collect();
    for id in SamplerId::ALL {
        assert!(covered.contains(id), "{id} is offered but no run of the reference covers it");
    }
}

fn sampler_id(case: &Case, run: &str) -> SamplerId {
    let class = case.run(run)["scheduler"].as_str().unwrap();
    let algorithm = if run.contains("sde-karras") { "sde-dpmsolver++" } else { "dpmsolver++" };
    let text = json!({"_class_name": class, "algorithm_type": algorithm, "skip_prk_steps": true}).to_string();
    SchedulerConfig::read(&ConfigFile::parse(Path::new("x.json"), &text).unwrap()).unwrap().sampler
}
