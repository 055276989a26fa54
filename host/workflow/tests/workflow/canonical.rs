//! Canonical JSON holds for any value, not only for those one thinks of.

use qpyt_workflow::{canonical_json, normalise};
use serde_json::{Map, Value};

use crate::generator::Choices;

const ROUNDS: u64 = 3000;

/// The same value written another way: whole numbers as floats where that is exact, members in reverse.
fn rewritten(value: &Value) -> Value {
    match value {
        Value::Number(number) => match number.as_i64() {
            Some(whole) if whole.unsigned_abs() < 1 << 53 => Value::from(whole as f64),
            _ => value.clone(),
        },
        Value::Array(items) => items.iter().map(rewritten).collect(),
        Value::Object(members) => {
            let members: Map<String, Value> =
                members.iter().rev().map(|(key, member)| (key.clone(), rewritten(member))).collect();
            Value::Object(members)
        }
        _ => value.clone(),
    }
}

#[test]
fn canonical_text_reads_back_to_itself() {
    let mut choices = Choices::new(1);
    for _ in 0..ROUNDS {
        let value = choices.json(4);
        let text = canonical_json(&value);
        let back: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(canonical_json(&back), text, "{value}");
        assert_eq!(back, normalise(&value));
    }
}

#[test]
fn a_value_has_one_text_however_it_was_written() {
    let mut choices = Choices::new(2);
    for _ in 0..ROUNDS {
        let value = choices.json(4);
        assert_eq!(canonical_json(&rewritten(&value)), canonical_json(&value));
    }
}

#[test]
fn values_that_differ_have_texts_that_differ() {
    let mut choices = Choices::new(3);
    for _ in 0..ROUNDS {
        let (one, other) = (choices.json(2), choices.json(2));
        assert_eq!(
            canonical_json(&one) == canonical_json(&other),
            normalise(&one) == normalise(&other),
            "{one} {other}"
        );
    }
}
