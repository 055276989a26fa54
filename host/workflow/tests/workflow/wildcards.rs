//! Prompts left to chance are settled once and written down.

use qpyt_workflow::{Catalog, Document, Problem, expand_wildcards};
use serde_json::{Value, json};

use crate::support::{document, id, spec, with_param};

fn bricks() -> Catalog {
    let prompt = json!({"type": "string", "x-wildcards": true});
    let other = json!({"type": "string"});
    Catalog::new(vec![spec("qpyt:prompt", "0.1.0", "", "", json!({"prompt": prompt, "other": other}))])
}

fn lines(name: &str) -> Option<Vec<String>> {
    let lines: &[&str] = match name {
        "animal" => &["fox", "hare", "owl", "{red|grey} wolf"],
        "places/wild" => &["a hill"],
        "scene" => &["__animal__ on __places/wild__"],
        "loop" => &["__loop__"],
        "grows" => &["__grows____grows__"],
        "empty" => &[],
        _ => return None,
    };
    Some(lines.iter().map(|line| (*line).to_owned()).collect())
}

fn with(prompt: &str) -> Document {
    with_param(document(&[("prompt", "prompt")], &[]), "prompt", "prompt", json!(prompt))
}

fn expanded(prompt: &str, seed: u32) -> Result<String, Vec<Problem>> {
    let mut document = with(prompt);
    let problems = expand_wildcards(&mut document, &bricks(), lines, || seed);
    if !problems.is_empty() {
        return Err(problems);
    }
    Ok(document.node(&id("prompt")).unwrap().params["prompt"].as_str().unwrap().to_owned())
}

#[test]
fn every_choice_comes_up_and_a_seed_always_gives_the_same() {
    let animals: Vec<_> = (0..200).map(|seed| expanded("a __animal__", seed).unwrap()).collect();
    for wanted in ["a fox", "a hare", "a owl", "a red wolf", "a grey wolf"] {
        assert!(animals.iter().any(|it| it == wanted), "{wanted}");
    }
    let again: Vec<_> = (0..200).map(|seed| expanded("a __animal__", seed).unwrap()).collect();
    assert_eq!(animals, again);
    assert_eq!(expanded("{a|b|c|d} {a|b|c|d} {a|b|c|d} __animal__", 7).unwrap(), "b a d owl");
}

#[test]
fn several_options_are_each_taken_once() {
    for seed in 0..50 {
        let text = expanded("{2$$a|b|c}", seed).unwrap();
        let (first, second) = text.split_once(", ").unwrap();
        assert!(first != second && "abc".contains(first) && "abc".contains(second), "{text}");
        assert_eq!(expanded("{9$$a|b}", seed).unwrap().len(), 4);
        assert_eq!(expanded("x{0$$a|b}", seed).unwrap(), "x");
    }
}

#[test]
fn lists_may_name_lists_and_lie_in_folders() {
    for seed in 0..20 {
        assert!(expanded("__scene__", seed).unwrap().ends_with(" on a hill"));
    }
}

#[test]
fn what_is_no_choice_stays_as_it_is() {
    for text in ["a {fox}", "a } fox {", "snake__case", "__ x __", "____", "{a|b", "(a:1.2) [b|c]"] {
        assert_eq!(expanded(text, 1).unwrap(), text);
    }
    assert_eq!(expanded(r"\{a|b\}", 1).unwrap(), "{a|b}");
}

#[test]
fn the_seed_and_the_text_as_it_was_are_written_down_and_serve_again() {
    let mut first = with("{a|b|c|d} __animal__");
    expand_wildcards(&mut first, &bricks(), lines, || 11);
    let node = first.node(&id("prompt")).unwrap();
    let record = json!({"seed": 11, "texts": {"prompt": "{a|b|c|d} __animal__"}});
    assert_eq!(node.other["wildcards"], record);

    let mut again = with("{a|b|c|d} __animal__");
    again.node_mut(&id("prompt")).unwrap().other.insert("wildcards".to_owned(), record);
    expand_wildcards(&mut again, &bricks(), lines, || panic!("a seed was drawn"));
    assert_eq!(again, first);
}

#[test]
fn only_texts_that_are_marked_are_expanded_and_others_are_left_alone() {
    let mut document = with_param(with("a fox"), "prompt", "other", json!("__animal__"));
    let before = document.clone();
    assert_eq!(expand_wildcards(&mut document, &bricks(), lines, || panic!("a seed was drawn")), []);
    assert_eq!(document, before);
}

#[test]
fn what_cannot_be_expanded_is_said_of_its_parameter() {
    for (text, wanted) in [
        ("a __dragon__", "no wildcard list \"dragon\"; put a file dragon.txt"),
        ("__empty__", "\"empty\" is empty"),
        ("__loop__", "levels deep"),
        ("__grows__", "levels deep"),
    ] {
        let problems = expanded(text, 1).unwrap_err();
        assert_eq!((problems.len(), problems[0].name.as_deref()), (1, Some("prompt")));
        assert!(problems[0].message.contains(wanted), "{}", problems[0].message);
    }
    assert!(expanded(&"{a|b}".repeat(1001), 1).unwrap_err()[0].message.contains("too long"));
}

#[test]
fn braces_without_end_do_not_take_long() {
    let open = "{".repeat(30_000);
    assert_eq!(expanded(&open, 1).unwrap(), open);
    assert!(Value::String(expanded(&"{|".repeat(10_000), 1).unwrap()).is_string());
}
