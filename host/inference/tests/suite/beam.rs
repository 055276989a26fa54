//! The search for a text, with decoders whose scores are written down.

use std::ops::ControlFlow;
use std::path::Path;

use candle_core::{Device, Tensor};
use qpyt_inference::text::beam::{EarlyStopping, SearchError, SearchRules, StepDecoder, search};
use qpyt_inference::text::generation::GenerationConfig;
use qpyt_inference::weights::{ConfigFile, Loaded};
use serde_json::{Value, json};

const END: u32 = 1;

/// Scores of the next token by the last one.
struct Chain(Vec<Vec<f32>>);

impl StepDecoder for Chain {
    fn step(&mut self, tokens: &[u32]) -> candle_core::Result<Tensor> {
        let rows: Vec<_> = tokens.iter().map(|&token| self.0[token as usize].clone()).collect();
        Tensor::new(rows, &Device::Cpu)
    }

    fn reorder(&mut self, _parents: &[usize]) -> candle_core::Result<()> {
        Ok(())
    }
}

fn rules(beams: usize) -> SearchRules {
    SearchRules {
        start: 0,
        ends: vec![END],
        beams,
        length_penalty: 1.0,
        early_stopping: EarlyStopping::Heuristic,
        no_repeat_ngram: 0,
        bad_words: Vec::new(),
        forced_first: None,
        forced_last: None,
        renormalize: false,
        longest: 6,
    }
}

fn found(decoder: &mut dyn StepDecoder, rules: &SearchRules) -> Vec<u32> {
    search(decoder, rules, &mut |_, _| ControlFlow::Continue(())).unwrap()
}

/// Four tokens: the better first step, 2, leads to a dead end that the other, 3, avoids.
fn trap() -> Chain {
    let logs = |probabilities: [f32; 4]| probabilities.map(|p| p.ln()).to_vec();
    Chain(vec![
        logs([0.01, 0.01, 0.6, 0.38]),
        logs([0.25, 0.25, 0.25, 0.25]),
        logs([0.3, 0.3, 0.2, 0.2]),
        logs([0.01, 0.97, 0.01, 0.01]),
    ])
}

#[test]
fn beams_find_what_the_best_first_step_misses() {
    let shorter = SearchRules { longest: 2, ..rules(1) };
    assert_eq!(found(&mut trap(), &shorter)[0], 2);
    assert_eq!(found(&mut trap(), &SearchRules { beams: 2, ..shorter }), [3, END]);
}

#[test]
fn length_penalties_favour_longer_or_shorter_texts() {
    let logs = |probabilities: [f32; 4]| probabilities.map(|p| p.ln()).to_vec();
    let chain = || {
        Chain(vec![
            logs([0.01, 0.3, 0.68, 0.01]),
            logs([0.25, 0.25, 0.25, 0.25]),
            logs([0.02, 0.39, 0.57, 0.02]),
            logs([0.25, 0.25, 0.25, 0.25]),
        ])
    };
    let full = SearchRules { early_stopping: EarlyStopping::Never, ..rules(2) };
    let short = found(&mut chain(), &SearchRules { length_penalty: -2.0, ..full.clone() });
    let long = found(&mut chain(), &SearchRules { length_penalty: 3.0, ..full });
    assert!(short.len() < long.len(), "{short:?} and {long:?}");
}

#[test]
fn first_and_last_tokens_can_be_forced() {
    for beams in [1, 3] {
        let forced = SearchRules { forced_first: Some(3), forced_last: Some(2), longest: 4, ..rules(beams) };
        let chain = || Chain(vec![vec![5.0, 0.0, 1.0, 0.0]; 4]);
        assert_eq!(found(&mut chain(), &forced), [3, 0, 0, 2], "{beams} beams");
    }
}

#[test]
fn runs_of_tokens_do_not_occur_twice_and_bad_words_never() {
    let chain = || Chain(vec![vec![4.0, -9.0, 3.0, 2.0]; 4]);
    let twice = SearchRules { no_repeat_ngram: 2, ..rules(1) };
    // 0 0 is taken, then 0 2, then 2 0, so that after 0 only 3 is left.
    assert_eq!(found(&mut chain(), &twice), [0, 2, 0, 3, 0, 1]);
    let without = SearchRules { bad_words: vec![vec![0], vec![2, 2], vec![END]], ..rules(1) };
    assert_eq!(found(&mut chain(), &without), [2, 3, 2, 3, 2, 3]);
}

#[test]
fn the_caller_hears_of_every_token_and_can_stop() {
    for beams in [1, 2] {
        let mut heard = Vec::new();
        let mut chain = Chain(vec![vec![2.0, -50.0, 1.0, 0.0]; 4]);
        search(&mut chain, &rules(beams), &mut |done, most| {
            heard.push((done, most));
            ControlFlow::Continue(())
        })
        .unwrap();
        assert_eq!(heard, [(1, 6), (2, 6), (3, 6), (4, 6), (5, 6), (6, 6)], "{beams} beams");
        let error = search(&mut chain, &rules(beams), &mut |done, _| {
            if done == 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        assert!(matches!(error, Err(SearchError::Cancelled)), "{beams} beams");
    }
}

#[test]
fn scores_that_make_no_sense_end_the_search_with_an_error() {
    let going = &mut |_: usize, _: usize| ControlFlow::Continue(());
    for beams in [1, 2] {
        let mut chain = Chain(vec![vec![0.0, f32::NAN, 0.0, 0.0]; 4]);
        let error = search(&mut chain, &rules(beams), going);
        assert!(matches!(error, Err(SearchError::NotANumber)), "{beams} beams");
    }
    let error = search(&mut Chain(vec![vec![0.0]]), &rules(3), going).unwrap_err().to_string();
    assert!(error.contains("1 tokens are too few for 3 beams"), "{error}");
}

fn read(main: Value, fallback: Value) -> Loaded<SearchRules> {
    let file = |name: &str, value: Value| ConfigFile::parse(Path::new(name), &value.to_string()).unwrap();
    let (main, fallback) = (file("generation_config.json", main), file("config.json", fallback));
    GenerationConfig { main: &main, fallbacks: &[&fallback] }.rules(50, 200)
}

#[test]
fn rules_are_read_from_the_first_file_that_states_them() {
    let rules = read(
        json!({
            "num_beams": 4, "early_stopping": "never", "length_penalty": 0.5, "eos_token_id": [2, 3],
            "bad_words_ids": [[7], [8, 9]], "forced_eos_token_id": 2, "max_new_tokens": 30
        }),
        json!({
            "num_beams": 9, "decoder_start_token_id": 2, "no_repeat_ngram_size": 3, "forced_bos_token_id": 0
        }),
    );
    let wanted = SearchRules {
        start: 2,
        ends: vec![2, 3],
        beams: 4,
        length_penalty: 0.5,
        early_stopping: EarlyStopping::Never,
        no_repeat_ngram: 3,
        bad_words: vec![vec![7], vec![8, 9]],
        forced_first: Some(0),
        forced_last: Some(2),
        renormalize: false,
        longest: 30,
    };
    assert_eq!(rules.unwrap(), wanted);
    let silent = read(json!({"decoder_start_token_id": 5}), json!({})).unwrap();
    assert_eq!((silent.beams, silent.longest, silent.early_stopping), (1, 200, EarlyStopping::Heuristic));
}

#[test]
fn rules_that_are_not_there_or_out_of_range_are_refused_by_file_and_key() {
    for (key, value) in [
        ("num_beams", json!(0)),
        ("num_beams", json!(1_000_000)),
        ("num_beams", json!("many")),
        ("length_penalty", json!("long")),
        ("early_stopping", json!("soon")),
        ("repetition_penalty", json!(1.2)),
        ("num_beam_groups", json!(2)),
        ("min_length", json!(5)),
        ("eos_token_id", json!(50)),
        ("eos_token_id", json!(-1)),
        ("bad_words_ids", json!([[]])),
        ("bad_words_ids", json!([3])),
        ("forced_bos_token_id", json!(99)),
        ("suppress_tokens", json!([1])),
        ("decoder_start_token_id", json!(null)),
    ] {
        let mut main = json!({"decoder_start_token_id": 2});
        main[key] = value.clone();
        let error = read(main, json!({})).unwrap_err().to_string();
        assert!(
            error.contains("generation_config.json: `") && error.contains(key),
            "{key}: {value}: {error}"
        );
    }
}
