//! The translation case: what transformers computed from a small MarianMT model with random weights; and what
//! translating does with hard inputs.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use candle_core::{Device, Tensor};
use qpyt_inference::language::LanguageError;
use qpyt_inference::language::marian::{GenerationConfig, MarianModel};
use qpyt_inference::language::sentencepiece::SentencePiece;
use qpyt_inference::language::translate::{Translation, Translator, TranslatorLayout};
use qpyt_inference::text::beam::EarlyStopping;
use qpyt_inference::weights::SafetensorsFile;

use crate::support::{Reference, copy_folder, gap, largest, reference_folder, repository};

/// Largest difference allowed of logits, as a share of the largest but for the padding's.
const LOGITS: f32 = 1e-4;

fn case() -> PathBuf {
    reference_folder().join("marian")
}

fn layout(path: &Path) -> TranslatorLayout {
    TranslatorLayout::read(path).unwrap().unwrap()
}

/// The case's model, limited to translations of a few tokens.
fn load(max_length: usize) -> Translator {
    let mut layout = layout(&case());
    layout.generation.max_length = max_length;
    Translator::load(&layout, &Device::Cpu).unwrap()
}

/// The case's model as it was when the reference was computed. All its matrices had been widened by 3, the tables of
/// positions among them, which transformers does not write to files; here they are.
fn load_as_computed() -> Translator {
    let folder = tempfile::tempdir().unwrap();
    copy_folder(&case(), folder.path());
    let config = layout(&case()).model;
    let half = config.width / 2;
    let table: Vec<f32> = (0..config.positions)
        .flat_map(|position| (0..config.width).map(move |i| (position as f64, i)))
        .map(|(position, i)| {
            let angle = position / 10000f64.powf((2 * (i % half)) as f64 / config.width as f64);
            3.0 * (if i < half { angle.sin() } else { angle.cos() }) as f32
        })
        .collect();
    let table = Tensor::from_vec(table, (config.positions, config.width), &Device::Cpu).unwrap();
    let weights = SafetensorsFile::open(&case().join("model.safetensors")).unwrap();
    let mut tensors: HashMap<String, Tensor> = weights
        .entries()
        .keys()
        .map(|name| (name.clone(), weights.tensor(name, &Device::Cpu).unwrap()))
        .collect();
    for stack in ["encoder", "decoder"] {
        tensors.insert(format!("model.{stack}.embed_positions.weight"), table.clone());
    }
    candle_core::safetensors::save(&tensors, folder.path().join("model.safetensors")).unwrap();
    Translator::load(&layout(folder.path()), &Device::Cpu).unwrap()
}

fn ids(name: &str) -> Vec<u32> {
    let ids = Reference::open(&case()).integers(&case(), name);
    ids.into_iter().map(|id| u32::try_from(id).unwrap()).collect()
}

fn source_text() -> String {
    let text = std::fs::read_to_string(case().join("case.json")).unwrap();
    serde_json::from_str::<serde_json::Value>(&text).unwrap()["text"].as_str().unwrap().to_owned()
}

fn generate(model: &MarianModel, config: &GenerationConfig) -> Vec<u32> {
    model.generate(&ids("input_ids"), config, &mut || ControlFlow::Continue(())).unwrap().unwrap()
}

fn translate(translator: &Translator, text: &str) -> Translation {
    let mut told = String::new();
    let translation = translator
        .translate(text, &mut |piece| {
            told.push_str(piece);
            ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!(told, translation.text);
    translation
}

#[test]
fn a_text_becomes_the_token_ids_of_the_reference() {
    let translator = load(24);
    let mut ours = translator.vocabulary().encode(&source_text());
    ours.push(translator.model().config().end);
    assert_eq!(ours, ids("input_ids"));
}

#[test]
fn logits_are_those_of_the_reference_with_and_without_a_cache() {
    let translator = load_as_computed();
    let (model, start) = (translator.model(), ids("decoder_input_ids"));
    let wanted = Reference::open(&case()).get("logits");
    let padding = model.config().padding as usize;
    let words = |logits: &Tensor| {
        // The padding's logit is pushed far below all others.
        let logits = logits.narrow(2, 0, padding).unwrap();
        logits.contiguous().unwrap()
    };
    let whole = model.next(&start, &mut model.read(&ids("input_ids")).unwrap()).unwrap();
    let difference = gap(&words(&whole), &words(&wanted)) / largest(&words(&wanted));
    println!("logits within {difference:.1e} of the largest");
    assert!(difference <= LOGITS, "logits differ by {difference}");

    let mut state = model.read(&ids("input_ids")).unwrap();
    for (place, id) in start.iter().enumerate() {
        let one = model.next(&[*id], &mut state).unwrap();
        let same = whole.narrow(1, place, 1).unwrap();
        assert!(gap(&words(&one), &words(&same)) / largest(&words(&wanted)) <= 1e-5, "token {place}");
    }
}

#[test]
fn beams_are_independent_of_each_other() {
    let translator = load(24);
    let model = translator.model();
    let alone = |ids: &[u32]| {
        let mut state = model.read(&self::ids("input_ids")).unwrap();
        ids.iter().map(|id| model.next(&[*id], &mut state).unwrap()).last().unwrap()
    };
    let mut state = model.read(&ids("input_ids")).unwrap();
    state.reorder(&[0, 0]).unwrap();
    model.next(&[5, 9], &mut state).unwrap();
    state.reorder(&[1, 0, 1]).unwrap();
    let together = model.next(&[7, 6, 5], &mut state).unwrap();
    for (beam, written) in [[9, 7], [5, 6], [9, 5]].iter().enumerate() {
        let ours = together.narrow(0, beam, 1).unwrap();
        assert!(gap(&ours, &alone(written)) < 1e-4, "beam {beam}");
    }
}

#[test]
fn greedy_and_beam_tokens_are_those_of_the_reference() {
    let translator = load_as_computed();
    let layout = layout(&case());
    for (beams, name) in [(1, "greedy"), (4, "beam4")] {
        let config = GenerationConfig { beams, max_length: 24, ..layout.generation.clone() };
        assert_eq!(generate(translator.model(), &config), ids(name), "{name}");
    }
}

#[test]
fn what_may_not_be_written_is_not_and_the_longest_end_as_they_must() {
    let layout = layout(&case());
    let translator = Translator::load(&layout, &Device::Cpu).unwrap();
    let base = GenerationConfig { beams: 3, max_length: 12, ..layout.generation.clone() };
    let written = generate(translator.model(), &base);
    let unwanted = written[1];
    let without = GenerationConfig { forbidden: vec![unwanted], renormalize: true, ..base.clone() };
    assert!(!generate(translator.model(), &without)[1..].contains(&unwanted));
    for early_stopping in [EarlyStopping::Full, EarlyStopping::Heuristic, EarlyStopping::Never] {
        for length_penalty in [0.0, 1.0, 2.0] {
            let config = GenerationConfig { early_stopping, length_penalty, ..base.clone() };
            let ids = generate(translator.model(), &config);
            assert!(ids.len() <= 12);
            assert_eq!(ids.last(), Some(&translator.model().config().end), "{early_stopping:?}");
        }
    }
}

#[test]
fn settings_for_generating_come_from_either_file() {
    let folder = tempfile::tempdir().unwrap();
    copy_folder(&case(), folder.path());
    let settings =
        r#"{"num_beams": 6, "bad_words_ids": [[76]], "max_length": 64, "early_stopping": "never"}"#;
    std::fs::write(folder.path().join("generation_config.json"), settings).unwrap();
    let read = layout(folder.path()).generation;
    assert_eq!((read.beams, read.max_length, read.forbidden), (6, 64, vec![76]));
    assert_eq!((read.early_stopping, read.forced_end), (EarlyStopping::Never, Some(0)));
    for (settings, key) in [
        (r#"{"no_repeat_ngram_size": 3}"#, "no_repeat_ngram_size"),
        (r#"{"num_beams": 100000}"#, "num_beams"),
        (r#"{"bad_words_ids": [[1, 2]]}"#, "bad_words_ids"),
        (r#"{"forced_eos_token_id": 99999}"#, "forced_eos_token_id"),
    ] {
        std::fs::write(folder.path().join("generation_config.json"), settings).unwrap();
        let error = TranslatorLayout::read(folder.path()).err().unwrap().to_string();
        assert!(error.contains(key), "{error}");
    }
}

#[test]
fn a_text_is_translated_sentence_by_sentence_and_keeps_its_lines() {
    let translator = load(64);
    let one = translate(&translator, "renard roux.");
    let other = translate(&translator, "dans la neige!");
    assert_eq!(translate(&translator, "le M. a dit: oui. non").sentences, 1);
    let both = translate(&translator, "\n renard roux.\n\n  dans la neige!\n");
    assert_eq!(both.text, format!("\n {}\n\n  {}\n", one.text, other.text));
    assert_eq!((both.sentences, both.cancelled), (2, false));
}

#[test]
fn empty_texts_foreign_scripts_and_emoji_are_taken() {
    let translator = load(64);
    assert_eq!(translate(&translator, "").text, "");
    assert_eq!(translate(&translator, " \n\t\n").text, " \n\t\n");
    for text in ["🦊🦊🦊", "مرحبا بالعالم", "\u{200f}\u{0}", ">>fra<< le phare", "e\u{301}\u{301}\u{301}"]
    {
        assert_eq!(translate(&translator, text).sentences, 1, "{text}");
    }
}

#[test]
fn sentences_longer_than_the_window_are_cut() {
    let translator = load(64);
    let positions = translator.model().config().positions;
    let long = "le renard, dans la neige ".repeat(20);
    let translation = translate(&translator, &long);
    assert!(translation.source_tokens > positions, "{translation:?}");
    assert!(translation.sentences > 1);
    let word = "a".repeat(40_000);
    let mut asked = 0;
    let stopped = translator.translate(&word, &mut |_| {
        asked += 1;
        if asked < 50 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    assert!(stopped.unwrap().cancelled);
    let error = translator.translate(&"a ".repeat(1 << 20), &mut |_| ControlFlow::Continue(())).unwrap_err();
    assert!(matches!(error, LanguageError::TooManyBytes { bytes: 2_097_152, .. }), "{error}");
}

#[test]
fn a_translation_can_be_stopped_before_any_token() {
    let translator = load(24);
    for calls in [1, 2, 5] {
        let mut asked = 0;
        let translation = translator
            .translate("renard roux dans la neige", &mut |piece| {
                assert!(piece.is_empty());
                asked += 1;
                if asked < calls { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            })
            .unwrap();
        assert!(translation.cancelled);
        assert_eq!((asked, translation.sentences), (calls, 0));
    }
}

#[test]
fn folders_of_other_models_are_passed_over_and_broken_ones_named() {
    assert!(TranslatorLayout::read(&reference_folder().join("qwen2")).unwrap().is_none());
    assert!(TranslatorLayout::read(Path::new("/does/not/exist")).unwrap().is_none());
    let folder = tempfile::tempdir().unwrap();
    let refusal = |name: &str, contents: &[u8]| {
        copy_folder(&case(), folder.path());
        std::fs::write(folder.path().join(name), contents).unwrap();
        let error = match TranslatorLayout::read(folder.path()) {
            Ok(layout) => Translator::load(&layout.unwrap(), &Device::Cpu).err().unwrap(),
            Err(error) => error,
        };
        assert_eq!(error.file.file_name().unwrap().to_str().unwrap(), name, "{error}");
        error.problem
    };
    let config = std::fs::read_to_string(case().join("config.json")).unwrap();
    for (from, to, key) in [
        ("\"d_model\": 32", "\"d_model\": 32000000", "d_model"),
        ("\"d_model\": 32", "\"normalize_before\": true, \"d_model\": 32", "normalize_before"),
        ("\"swish\"", "\"mish\"", "activation_function"),
        ("\"pad_token_id\": 76", "\"pad_token_id\": 77", "pad_token_id"),
    ] {
        let problem = refusal("config.json", config.replace(from, to).as_bytes());
        assert!(problem.contains(key), "{problem}");
    }
    assert!(refusal("vocab.json", br#"{"<unk>": 1, "a": 500000}"#).contains("500000"));
    assert!(refusal("vocab.json", b"{}").contains("<unk>"));
    let model = std::fs::read(case().join("model.safetensors")).unwrap();
    refusal("model.safetensors", &model[..model.len() / 2]);
    let pieces = std::fs::read(case().join("source.spm")).unwrap();
    refusal("source.spm", &pieces[..pieces.len() - 3]);
    refusal("source.spm", b"");
    refusal("source.spm", b"no model at all");
}

#[test]
fn pieces_are_those_that_sentencepiece_cuts() {
    // Cut by SentencePiece 0.2.3.
    let model = SentencePiece::read(&repository().join("tests/reference/marian/source.spm")).unwrap();
    for (text, wanted) in [
        (
            "  Two   CATS,(sleeping:1.2)\ton a sofa ",
            "▁ T w o ▁ CATS , ( s le e p ing : 1 . 2 ) ▁ on ▁a ▁sofa",
        ),
        ("ﬁn ½ café ＡＢＣ １２", "▁f in ▁ 1 ⁄ 2 ▁ca f é ▁ ABC ▁ 1 2"),
        ("e\u{301}\u{301} naïve\u{a0}x\u{200b}z\u{ad}", "▁ \u{e9}\u{301} ▁ na ï v e ▁ x ▁ z\u{ad}"),
        ("🦊🦊 fox", "▁ 🦊🦊 ▁f o x"),
        ("مرحبا", "▁ مرحبا"),
        ("a\u{0}b\u{7}c\nd", "▁a \u{0} b c ▁d"),
        ("ｶﾞ ㌔ ①", "▁ ガ ▁ キロ ▁ 1"),
        ("", ""),
        ("   ", ""),
    ] {
        assert_eq!(model.pieces(text).join(" "), wanted, "{text:?}");
    }
}

#[test]
fn sentencepiece_models_that_were_changed_at_random_do_no_harm() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("changed.spm");
    let pieces = std::fs::read(case().join("source.spm")).unwrap();
    let (mut random, mut read) = (1u64, 0);
    for _ in 0..60 {
        let mut changed = pieces.clone();
        for _ in 0..40 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            // Most of the file is the table of replacements, which is behind the pieces.
            let place = (random >> 20) as usize % changed.len();
            changed[place] = (random >> 56) as u8;
        }
        std::fs::write(&path, changed).unwrap();
        if let Ok(model) = SentencePiece::read(&path) {
            assert!(!model.pieces("Le renard ﬁn, dans la neige ½ 🦊").is_empty());
            read += 1;
        }
    }
    assert!(read > 0, "none could be read, so no table was used");
}
