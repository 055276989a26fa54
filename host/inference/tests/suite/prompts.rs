//! The prompt language at work: states of weighed, long and broken prompts and of embeddings against reference numbers,
//! and prompts that change over the steps.

use candle_core::{Device, Tensor};
use qpyt_inference::PromptSyntax;
use qpyt_inference::diffusion::layout::ModelLayout;
use qpyt_inference::diffusion::noise::{NoiseSource, TorchGenerator};
use qpyt_inference::diffusion::pipeline::{
    CallReport, Guide, Pipeline, PromptStates, RunStart, Stage, Watcher, WeighedPrompt, Wording,
};
use qpyt_inference::diffusion::samplers::SamplerChoice;
use qpyt_inference::diffusion::stable_diffusion::StableDiffusion;
use qpyt_inference::prompt::{PromptText, forms_over_steps, mentions, summands, take_loras};
use qpyt_inference::text::TextualInversion;
use qpyt_inference::{SamplerId, ScheduleId};
use serde_json::Value;

use crate::support::{Reference, gap, own_references, spread, values};

/// Largest difference allowed of states.
const STATES: f32 = 1e-4;

fn model(name: &str) -> StableDiffusion {
    StableDiffusion::load(&ModelLayout::read(&own_references().join(name)).unwrap(), &Device::Cpu).unwrap()
}

fn reference() -> Reference {
    Reference::open(&own_references().join("prompts"))
}

fn prompt(name: &str) -> String {
    let text = std::fs::read_to_string(own_references().join("prompts/case.json")).unwrap();
    let case: Value = serde_json::from_str(&text).unwrap();
    case["prompts"][name].as_str().unwrap().to_owned()
}

fn read(text: &str) -> PromptText {
    PromptText::read(text, PromptSyntax::Weighted, &[])
}

#[test]
fn weights_long_prompts_and_breaks_give_the_states_that_they_should() {
    let reference = reference();
    for name in ["sd15", "sdxl"] {
        let model = model(name);
        for case in ["weighted", "long", "break"] {
            let states = model.encode_wording(&Wording::plain(&read(&prompt(case)), 0)).unwrap();
            let gap_of_states = gap(&states.states, &reference.get(&format!("{name}.{case}.states")));
            println!("{name} {case}: states within {gap_of_states:.1e}");
            assert!(gap_of_states <= STATES, "{name} {case}: states differ by {gap_of_states}");
            if let Some(pooled) = &states.pooled {
                let gap = gap(pooled, &reference.get(&format!("{name}.{case}.pooled")));
                assert!(gap <= STATES, "{name} {case}: the vector differs by {gap}");
            }
        }
    }
}

#[test]
fn rows_of_an_embedding_take_the_place_of_its_name() {
    let (reference, model) = (reference(), model("sd15"));
    let inversion = TextualInversion::new(vec![reference.get("embedding.rows")]);
    let text = PromptText::read(&prompt("embedding"), PromptSyntax::Weighted, &["my-style"]);
    let wording = Wording { inversions: &[&inversion], ..Wording::plain(&text, 0) };
    let gap = gap(&model.encode_wording(&wording).unwrap().states, &reference.get("sd15.embedding.states"));
    assert!(gap <= STATES, "states differ by {gap}");
}

#[test]
fn a_prompt_without_syntax_is_encoded_to_the_same_bits_in_both_ways_of_reading() {
    for name in ["sd15", "sdxl"] {
        let model = model(name);
        let states =
            |text: &PromptText| values(&model.encode_wording(&Wording::plain(text, 0)).unwrap().states);
        for prompt in ["red fox", "", "a fox, 16:9, snow", " fox "] {
            assert_eq!(states(&read(prompt)), states(&PromptText::plain(prompt)), "{prompt}");
        }
    }
}

#[test]
fn a_shorter_text_is_read_in_as_many_windows_as_the_one_beside_it() {
    let model = model("sdxl");
    let text = read("red fox");
    let longer = model.encode_wording(&Wording { windows: 3, ..Wording::plain(&text, 0) }).unwrap();
    assert_eq!(longer.states.dims()[1], 3 * 77);
    let nothing = read("");
    let unwanted = model.encode_unwanted(&Wording { windows: 2, ..Wording::plain(&nothing, 0) }).unwrap();
    assert_eq!(unwanted.states.dims()[1], 2 * 77);
}

/// Keeps the latents after every call.
#[derive(Default)]
struct Latents(Vec<Vec<f32>>);

impl Watcher for Latents {
    fn cancelled(&mut self) -> bool {
        false
    }

    fn called(&mut self, report: CallReport<'_>) {
        self.0.push(values(report.latents));
    }
}

fn run(model: &StableDiffusion, rule: SamplerId, guide: &Guide<'_>) -> Vec<Vec<f32>> {
    let choice = SamplerChoice { rule: Some(rule), schedule: ScheduleId::Normal, steps: 4 };
    let mut sampler = model.sampler(choice, (32, 32)).unwrap();
    let mut noise = TorchGenerator::new(3);
    let latents = model.noise_latents(32, 32, sampler.as_ref(), &mut noise).unwrap();
    let (start, mut seen) = (RunStart { latents, first: 0, outside: None }, Latents::default());
    model.denoise(guide, sampler.as_mut(), start, &mut noise, &mut seen).unwrap();
    seen.0
}

/// A prompt alone, from a step on.
fn stage(first_step: usize, prompt: &PromptStates) -> Stage {
    Stage { first_step, prompt: prompt.clone(), weight: 1.0, others: Vec::new(), negative: None }
}

#[test]
fn several_prompts_add_up_to_the_sum_of_what_each_changes() {
    for name in ["sd15", "sdxl"] {
        let model = model(name);
        let [fox, hill, snow] =
            ["red fox", "blue hill", "snow"].map(|it| model.encode_prompt(it, 0).unwrap());
        let nothing = model.encode_negative("", 0).unwrap();
        let others =
            [(&hill, 0.8), (&snow, -0.3)].map(|(it, weight)| WeighedPrompt { prompt: it.clone(), weight });
        let guide = Guide { weight: 1.3, others: &others, ..Guide::new(&fox, Some(&nothing), 6.0) };
        let latents = TorchGenerator::new(5).draw(4 * 16 * 16);
        let latents = Tensor::from_vec(latents, (1, 4, 16, 16), &Device::Cpu).unwrap();
        let predict =
            |guide: &Guide<'_>| model.predictor(guide, (16, 16)).unwrap().predict(&latents, 601.0).unwrap();
        let [fox, hill, snow, nothing] =
            [&fox, &hill, &snow, &nothing].map(|states| predict(&Guide::prompt(states)));
        let mut wanted = nothing.clone();
        for (alone, weight) in [(&fox, 1.3), (&hill, 0.8), (&snow, -0.3)] {
            wanted = (wanted + ((alone - &nothing).unwrap() * (6.0 * weight)).unwrap()).unwrap();
        }
        let gap = gap(&predict(&guide), &wanted) / spread(&wanted);
        println!("{name}: a sum of prompts within {gap:.1e} of its spread");
        assert!(gap < 1e-4, "{name}: the prediction differs by {gap} of its spread");
    }
}

#[test]
fn another_prompt_counts_from_its_step_on_also_where_a_step_is_two_calls() {
    let model = model("sd15");
    let [fox, hill] = ["red fox", "blue hill"].map(|text| model.encode_prompt(text, 0).unwrap());
    for (rule, same) in [(SamplerId::Euler, 2), (SamplerId::Heun, 4)] {
        let plain = run(&model, rule, &Guide::prompt(&fox));
        let stages = [stage(0, &fox), stage(2, &hill)];
        let changed = run(&model, rule, &Guide { stages: &stages, ..Guide::prompt(&fox) });
        assert_eq!(plain[..same], changed[..same], "{rule}");
        assert!(plain.iter().zip(&changed).skip(same).all(|(a, b)| a != b), "{rule}");
        let never = [stage(0, &fox), stage(4, &hill)];
        assert_eq!(run(&model, rule, &Guide { stages: &never, ..Guide::prompt(&fox) }), plain, "{rule}");
    }
}

#[test]
fn prompts_that_take_turns_come_back_to_what_they_were() {
    let model = model("sd15");
    let [fox, hill] = ["red fox", "blue hill"].map(|text| model.encode_prompt(text, 0).unwrap());
    let stages = [stage(0, &fox), stage(1, &hill), stage(2, &fox), stage(3, &hill)];
    let turns = run(&model, SamplerId::Euler, &Guide { stages: &stages, ..Guide::prompt(&fox) });
    // The same, with states that were encoded anew for each step.
    let again: Vec<_> = ["red fox", "blue hill", "red fox", "blue hill"]
        .iter()
        .enumerate()
        .map(|(step, text)| stage(step, &model.encode_prompt(text, 0).unwrap()))
        .collect();
    assert_eq!(run(&model, SamplerId::Euler, &Guide { stages: &again, ..Guide::prompt(&fox) }), turns);
}

/// Texts of random pieces of syntax, the same in every run of the tests.
fn random_texts() -> impl Iterator<Item = String> {
    const PIECES: [&str; 25] = [
        "(",
        ")",
        "[",
        "]",
        ":",
        "|",
        "\\",
        "BREAK",
        "AND",
        " ",
        ",",
        "fox",
        "é",
        "🦊",
        "0.5",
        "1.3",
        "-2",
        "9",
        "<lora:",
        ">",
        "<",
        "embedding:",
        "cat",
        "\n",
        "_",
    ];
    let mut state = 9u64;
    let mut random = move |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    (0..4000).map(move |_| (0..random(40)).map(|_| PIECES[random(PIECES.len())]).collect())
}

#[test]
fn every_text_can_be_read_and_loses_no_words() {
    for text in random_texts() {
        let (rest, loras) = take_loras(&text);
        assert!(rest.len() <= text.len() && loras.iter().all(|lora| lora.weight.is_finite()), "{text}");
        let foxes = text.matches("fox").count();
        for steps in [1, 7, 30] {
            let Ok(forms) = forms_over_steps(&text, steps) else { continue };
            assert_eq!(forms[0].first_step, 0, "{text}");
            assert!(forms.windows(2).all(|pair| pair[0].first_step < pair[1].first_step), "{text}");
            for form in forms {
                assert!(form.text.matches("fox").count() <= foxes, "{text}");
                let kept =
                    summands(&form.text).iter().map(|it| it.text.matches("fox").count()).sum::<usize>();
                assert_eq!(kept, form.text.matches("fox").count(), "{text}");
                let read = PromptText::read(&form.text, PromptSyntax::Weighted, &["cat"]);
                assert_eq!(read.words().matches("fox").count(), form.text.matches("fox").count(), "{text}");
                assert!(!mentions(&read.words(), "cat"), "{text}");
            }
        }
    }
}

#[test]
fn states_of_an_embedding_are_of_the_width_that_was_asked_for() {
    let rows = |width: usize| Tensor::zeros((2, width), candle_core::DType::F32, &Device::Cpu).unwrap();
    let inversion = TextualInversion::new(vec![rows(768), rows(1280)]);
    assert_eq!(inversion.rows(1280).unwrap().dims(), [2, 1280]);
    assert!(inversion.rows(1024).is_none());
}
