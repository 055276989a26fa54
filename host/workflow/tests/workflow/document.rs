//! Nothing in a document is lost by opening and saving it.

use qpyt_workflow::{Document, MAX_BYTES};
use serde_json::{Value, json};

use crate::generator::Choices;

const ROUNDS: u64 = 1000;

#[test]
fn loading_and_saving_keeps_every_key_at_every_level() {
    let mut choices = Choices::new(4);
    for _ in 0..ROUNDS {
        let written = choices.document();
        let document = Document::from_json(written.to_string()).unwrap();
        let saved: Value = serde_json::from_str(&document.to_json().unwrap()).unwrap();
        assert_eq!(saved, written);
    }
}

#[test]
fn saving_again_gives_the_same_bytes() {
    let mut choices = Choices::new(5);
    for _ in 0..ROUNDS {
        let first = Document::from_json(choices.document().to_string()).unwrap().to_json().unwrap();
        assert_eq!(Document::from_json(&first).unwrap().to_json().unwrap(), first);
    }
}

#[test]
fn a_document_travels_inside_other_json() {
    let posted: Document = serde_json::from_value(
        json!({"version": 1, "name": "x", "bricks": [{"id": "a", "brick": "qpyt:prompt"}]}),
    )
    .unwrap();
    assert_eq!(posted.bricks[0].requires.to_string(), "*");
    let error =
        serde_json::from_value::<Document>(json!({"version": 1, "name": "x", "bricks": {}})).unwrap_err();
    assert_eq!(error.to_string(), "`bricks` must be a list, not an object");
}

#[test]
fn no_damage_to_a_document_makes_the_reader_panic() {
    let mut choices = Choices::new(6);
    for _ in 0..ROUNDS {
        let mut bytes = choices.document().to_string().into_bytes();
        for _ in 0..1 + choices.below(3) {
            let place = choices.below(bytes.len());
            match choices.below(3) {
                0 => bytes[place] = b"{}[],:\"0e-."[choices.below(11)],
                1 => drop(bytes.remove(place)),
                _ => bytes.truncate(place.max(1)),
            }
        }
        if let Err(error) = Document::from_json(&bytes) {
            assert!(!error.to_string().is_empty());
        }
    }
}

#[test]
fn bytes_that_are_no_text_are_refused_with_their_place() {
    let message = Document::from_json(b"{\"name\": \"\xff\"}").unwrap_err().to_string();
    assert!(message.contains("line 1"), "{message}");
    const { assert!(MAX_BYTES == 8 << 20) };
}
