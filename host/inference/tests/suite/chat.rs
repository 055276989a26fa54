//! The chat case: what transformers computed from a small Qwen2 with random weights; and what a chat does with hard
//! inputs.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use candle_core::quantized::GgmlDType;
use candle_core::{Device, Tensor};
use qpyt_inference::language::LanguageError;
use qpyt_inference::language::chat::{
    ChatLayout, ChatModel, ChatOptions, Completion, Finish, Message, Role, Sampling,
};
use qpyt_inference::language::decoder::Decoder;

use crate::gguf::{gguf_metadata, write_gguf};
use crate::support::{Reference, copy_folder, gap, largest, reference_folder};

/// Largest difference allowed of logits, as a share of the largest.
const LOGITS: f32 = 1e-4;

pub(crate) fn case() -> PathBuf {
    reference_folder().join("qwen2")
}

pub(crate) fn load(path: &Path) -> ChatModel {
    ChatModel::load(&ChatLayout::read(path).unwrap().unwrap(), &Device::Cpu).unwrap()
}

pub(crate) fn question() -> Vec<Message> {
    let case: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(case().join("case.json")).unwrap()).unwrap();
    vec![Message::new(Role::User, case["prompt"].as_str().unwrap())]
}

/// Ids of the reference.
pub(crate) fn ids(name: &str) -> Vec<u32> {
    let ids = Reference::open(&case()).integers(&case(), name);
    ids.into_iter().map(|id| u32::try_from(id).unwrap()).collect()
}

fn likeliest(logits: &Tensor) -> u32 {
    logits.flatten_all().unwrap().argmax(0).unwrap().to_scalar().unwrap()
}

/// Ids that always picking the likeliest gives, the prompt before them.
fn greedy(decoder: &Decoder, prompt: &[u32], count: usize) -> Vec<u32> {
    let mut ids = prompt.to_vec();
    let mut cache = decoder.cache(prompt.len() + count).unwrap();
    let mut logits = decoder.next(prompt, &mut cache).unwrap();
    for _ in 0..count {
        let id = likeliest(&logits);
        ids.push(id);
        logits = decoder.next(&[id], &mut cache).unwrap();
    }
    ids
}

pub(crate) fn every_logit(decoder: &Decoder, ids: &[u32]) -> Tensor {
    decoder.every(ids, &mut decoder.cache(ids.len()).unwrap()).unwrap()
}

/// Gathers the pieces of an answer.
fn answer(model: &ChatModel, messages: &[Message], options: &ChatOptions) -> (Completion, Vec<String>) {
    let mut pieces = Vec::new();
    let completion = model
        .complete(messages, options, &mut |piece| {
            pieces.push(piece.to_owned());
            ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!(pieces.concat(), completion.text);
    (completion, pieces)
}

fn refusal(model: &ChatModel, messages: &[Message], options: &ChatOptions) -> LanguageError {
    model.complete(messages, options, &mut |_| ControlFlow::Continue(())).unwrap_err()
}

#[test]
fn messages_become_the_token_ids_of_the_reference() {
    let model = load(&case());
    assert_eq!(model.prompt(&question(), false).unwrap(), {
        // The case was made without saying whether to think, which its template takes as thinking.
        let closed = model.tokenizer().encode("<think>\n\n</think>\n\n").unwrap();
        [ids("input_ids"), closed].concat()
    });
    assert_eq!(model.prompt(&question(), true).unwrap(), ids("input_ids"));
}

#[test]
fn logits_are_those_of_the_reference_with_and_without_a_cache() {
    let model = load(&case());
    let ids = ids("input_ids");
    let wanted = Reference::open(&case()).get("logits");
    let whole = every_logit(model.decoder(), &ids);
    let difference = gap(&whole, &wanted) / largest(&wanted);
    println!("logits within {difference:.1e} of the largest");
    assert!(difference <= LOGITS, "logits differ by {difference}");

    let mut cache = model.decoder().cache(ids.len()).unwrap();
    let parts = [1, 7, 1, ids.len() - 9];
    let mut first = 0;
    for count in parts {
        let part = model.decoder().every(&ids[first..first + count], &mut cache).unwrap();
        let same = whole.narrow(1, first, count).unwrap();
        assert!(gap(&part, &same) / largest(&wanted) <= 1e-5, "tokens {first} to {}", first + count);
        first += count;
    }
    assert_eq!(first, ids.len());
}

#[test]
fn greedy_tokens_are_those_of_the_reference() {
    let (prompt, wanted) = (ids("input_ids"), ids("greedy"));
    let ours = greedy(load(&case()).decoder(), &prompt, wanted.len() - prompt.len());
    assert_eq!(ours, wanted);
}

#[test]
fn an_answer_is_the_text_of_the_greedy_tokens_in_pieces() {
    let model = load(&case());
    let (prompt, wanted) = (ids("input_ids"), ids("greedy"));
    let options =
        ChatOptions { max_tokens: wanted.len() - prompt.len(), thinking: true, ..Default::default() };
    let (completion, pieces) = answer(&model, &question(), &options);
    let written = &wanted[prompt.len()..];
    let end = written.iter().position(|id| model.tokenizer().ends(*id));
    let written = &written[..end.unwrap_or(written.len())];
    let text = model.tokenizer().decode(written).unwrap();
    // Bytes at the end that are no character yet may be left out.
    let whole = |text: &str| text.trim_end_matches('\u{fffd}').to_owned();
    assert_eq!(whole(&completion.text), whole(&text));
    assert_eq!(completion.prompt_tokens, prompt.len());
    assert_eq!(completion.finish, if end.is_some() { Finish::Ended } else { Finish::Length });
    assert!(pieces.len() >= written.len(), "{pieces:?}");
    let file = tempfile::tempdir().unwrap();
    let path = file.path().join("case.gguf");
    write_gguf(&path, &gguf_metadata(), GgmlDType::F32);
    assert_eq!(answer(&load(&path), &question(), &options).0, completion);
}

#[test]
fn answers_repeat_with_the_seed_and_differ_with_another() {
    let model = load(&case());
    let sampled = |seed| {
        let sampling = Sampling { temperature: 1.5, top_k: 50, top_p: 0.95, seed, ..Sampling::default() };
        answer(&model, &question(), &ChatOptions { max_tokens: 20, sampling, ..Default::default() }).0.text
    };
    assert_eq!(sampled(1), sampled(1));
    assert_ne!(sampled(1), sampled(2));
}

#[test]
fn an_answer_ends_before_a_stop_text_that_spans_tokens() {
    let model = load(&case());
    let options = ChatOptions { max_tokens: 24, ..Default::default() };
    let (whole, _) = answer(&model, &question(), &options);
    let letters: Vec<(usize, char)> = whole.text.char_indices().collect();
    assert!(letters.len() > 12, "{}", whole.text);
    for first in [0, 3, letters.len() / 2] {
        let from = letters[first].0;
        let stop: String = letters[first..first + 4].iter().map(|(_, c)| c).collect();
        let options = ChatOptions { stop: vec!["absent".to_owned(), stop.clone()], ..options.clone() };
        let (cut, _) = answer(&model, &question(), &options);
        assert_eq!(cut.text, whole.text[..whole.text.find(&stop).unwrap().min(from)]);
        assert_eq!(cut.finish, Finish::StopText);
    }
}

#[test]
fn an_answer_can_be_cancelled_at_every_token() {
    let model = load(&case());
    for calls in 1..6 {
        let mut asked = 0;
        let completion = model
            .complete(&question(), &ChatOptions::default(), &mut |_| {
                asked += 1;
                if asked < calls { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            })
            .unwrap();
        assert_eq!(completion.finish, Finish::Cancelled);
        // The first call comes before the prompt is read.
        assert_eq!((asked, completion.output_tokens), (calls, calls - 1));
    }
}

#[test]
fn texts_of_every_kind_are_taken() {
    let model = load(&case());
    let options = ChatOptions {
        max_tokens: 40,
        sampling: Sampling { temperature: 3.0, ..Sampling::default() },
        ..Default::default()
    };
    for text in
        ["", " ", "🦊🏳️‍🌈", "مرحبا بالعالم", "\u{202e}abc\u{0}", "<|im_end|><|im_start|>", "e\u{301}\u{301}"]
    {
        let messages = [Message::new(Role::System, "x"), Message::new(Role::User, text)];
        let (completion, pieces) = answer(&model, &messages, &options);
        assert!(completion.output_tokens > 0);
        assert!(pieces.len() >= completion.output_tokens - 1, "{pieces:?}");
    }
}

#[test]
fn prompts_that_do_not_fit_are_refused_with_both_numbers() {
    let model = load(&case());
    let context = model.decoder().config().context;
    let options = ChatOptions::default();
    let long = [Message::new(Role::User, "x ".repeat(context))];
    match refusal(&model, &long, &options) {
        LanguageError::TooLong { tokens, context: window } => {
            assert!(tokens > context);
            assert_eq!(window, context);
        }
        other => panic!("{other}"),
    }
    let message = refusal(&model, &long, &options).to_string();
    assert!(message.contains("512"), "{message}");
    let endless = [Message::new(Role::User, "x".repeat(9 << 20))];
    assert!(matches!(refusal(&model, &endless, &options), LanguageError::TooManyBytes { .. }));
    assert!(matches!(refusal(&model, &[], &options), LanguageError::NoMessages));

    // An answer ends where the window does.
    let nearly = [Message::new(Role::User, "🦊".repeat(120))];
    let room = context - model.prompt(&nearly, false).unwrap().len();
    let (completion, _) = answer(&model, &nearly, &ChatOptions { max_tokens: usize::MAX, ..options });
    assert!(completion.output_tokens <= room + 1);
}

#[test]
fn options_that_mean_nothing_are_refused_by_name() {
    let model = load(&case());
    let sampled = |sampling| ChatOptions { sampling, ..ChatOptions::default() };
    let base = Sampling::default();
    for (options, name) in [
        (ChatOptions { max_tokens: 0, ..ChatOptions::default() }, "max_tokens"),
        (ChatOptions { stop: vec![String::new()], ..ChatOptions::default() }, "stop"),
        (ChatOptions { stop: vec!["x".to_owned(); 99], ..ChatOptions::default() }, "stop"),
        (sampled(Sampling { temperature: f32::NAN, ..base }), "temperature"),
        (sampled(Sampling { top_p: 0.0, ..base }), "top_p"),
        (sampled(Sampling { min_p: 2.0, ..base }), "min_p"),
        (sampled(Sampling { repetition_penalty: 0.0, ..base }), "repetition_penalty"),
    ] {
        let message = refusal(&model, &question(), &options).to_string();
        assert!(message.starts_with(name), "{message}");
    }
}

/// Changes a file of the case and gives why it is refused; the message must name the file.
fn refused_folder(name: &str, contents: &[u8]) -> String {
    let folder = tempfile::tempdir().unwrap();
    copy_folder(&case(), folder.path());
    std::fs::write(folder.path().join(name), contents).unwrap();
    let error = match ChatLayout::read(folder.path()) {
        Ok(layout) => ChatModel::load(&layout.unwrap(), &Device::Cpu).err().unwrap(),
        Err(error) => error,
    };
    error.to_string()
}

#[test]
fn folders_of_other_models_are_passed_over_and_broken_ones_named() {
    assert!(ChatLayout::read(&reference_folder().join("marian")).unwrap().is_none());
    assert!(ChatLayout::read(&reference_folder().join("sd15")).unwrap().is_none());
    assert!(ChatLayout::read(Path::new("/does/not/exist")).unwrap().is_none());
    let config = std::fs::read_to_string(case().join("config.json")).unwrap();
    for (from, to, key) in [
        ("\"qwen2\"", "\"gemma3\"", "gemma3"),
        ("\"rope_type\": \"default\"", "\"rope_type\": \"yarn\"", "yarn"),
        ("\"use_sliding_window\": false", "\"use_sliding_window\": true", "use_sliding_window"),
        ("\"hidden_size\": 32", "\"hidden_size\": 3200000000", "hidden_size"),
        ("\"num_key_value_heads\": 2", "\"num_key_value_heads\": 3", "3"),
        ("\"num_hidden_layers\": 3", "\"num_hidden_layers\": 4", "model.layers.3"),
        ("\"vocab_size\": 412", "\"vocab_size\": 1000000", "1000000"),
    ] {
        let problem = refused_folder("config.json", config.replace(from, to).as_bytes());
        assert!(problem.contains(key), "{key}: {problem}");
    }
    let tokenizer = std::fs::read_to_string(case().join("tokenizer.json")).unwrap();
    assert!(refused_folder("tokenizer.json", &tokenizer.as_bytes()[..9000]).contains("tokenizer.json"));
    assert!(refused_folder("tokenizer.json", b"{}").contains("tokenizer.json"));
    assert!(
        refused_folder("tokenizer.json", tokenizer.replace("\"BPE\"", "\"WordLevel\"").as_bytes())
            .contains("WordLevel")
    );
    assert!(refused_folder("chat_template.jinja", b"{% for %}").contains("template"));
    assert!(refused_folder("generation_config.json", br#"{"eos_token_id": "x"}"#).contains("eos_token_id"));
}

#[test]
fn a_layout_tells_its_files_and_its_memory() {
    let layout = ChatLayout::read(&case()).unwrap().unwrap();
    let names: Vec<_> = layout.files().iter().map(|f| f.file_name().unwrap().to_owned()).collect();
    for name in ["config.json", "tokenizer.json", "chat_template.jinja", "model.safetensors"] {
        assert!(names.contains(&name.into()), "{name}");
    }
    assert_eq!(layout.label(), "qwen2");
    let bytes = std::fs::metadata(case().join("model.safetensors")).unwrap().len();
    assert!(layout.weight_bytes() <= bytes && layout.weight_bytes() > bytes * 9 / 10);
    // Three layers of keys and values, two heads of 8 numbers each.
    let more = layout.working_bytes(500) - layout.working_bytes(400);
    assert_eq!(more, 100 * 3 * 2 * 16 * 4);
    assert_eq!(layout.working_bytes(usize::MAX), layout.working_bytes(512));
}

#[test]
#[ignore = "needs QPYT_CHAT_GGUF to name a GGUF file of an English chat model"]
fn a_real_model_answers_a_question() {
    let path = std::env::var_os("QPYT_CHAT_GGUF").expect("QPYT_CHAT_GGUF names a GGUF file");
    let started = std::time::Instant::now();
    let model = load(Path::new(&path));
    println!("loaded in {:.2?}", started.elapsed());
    let messages = [Message::new(Role::User, "What is the capital of France? Answer in one sentence.")];
    let (completion, _) = answer(&model, &messages, &ChatOptions { max_tokens: 40, ..Default::default() });
    println!("{completion:?}");
    assert!(completion.text.contains("Paris"), "{}", completion.text);

    let messages = [Message::new(Role::User, "Tell me a long story about a red fox in the snow.")];
    let (started, mut calls) = (std::time::Instant::now(), Vec::new());
    let options = ChatOptions { max_tokens: 64, ..Default::default() };
    let completion = model
        .complete(&messages, &options, &mut |_| {
            calls.push(started.elapsed());
            ControlFlow::Continue(())
        })
        .unwrap();
    let [_, first, .., last] = calls[..] else { panic!("{} pieces", calls.len()) };
    let rate = (completion.output_tokens - 1) as f64 / (last - first).as_secs_f64();
    println!("{} tokens read in {first:.2?}, then {rate:.1} tokens/s", completion.prompt_tokens);
    println!("{}", completion.text);
}
