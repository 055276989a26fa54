//! One text for one JSON value, so that equal parameters have equal digests however they were written.
//!
//! Canonical form: no white space; object keys in code-point order; numbers by value (`1`, `1.0` and `1e0` are `1`,
//! `-0.0` is `0`) in the shortest digits that read back to the same number; texts with the fewest escapes.

use serde_json::{Map, Number, Value};

/// 2^63 and 2^64 as floating point; both are exact.
const TWO_63: f64 = 9_223_372_036_854_775_808.0;
const TWO_64: f64 = 18_446_744_073_709_551_616.0;

/// The canonical text of a JSON value.
pub fn canonical_json(value: &Value) -> String {
    let mut text = String::new();
    write(&mut text, value);
    text
}

fn write(text: &mut String, value: &Value) {
    match value {
        Value::Null => text.push_str("null"),
        Value::Bool(flag) => text.push_str(if *flag { "true" } else { "false" }),
        Value::Number(number) => text.push_str(&normalise_number(number).to_string()),
        Value::String(string) => write_string(text, string),
        Value::Array(items) => {
            text.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                write(text, item);
            }
            text.push(']');
        }
        Value::Object(members) => {
            text.push('{');
            for (index, (key, member)) in sorted(members).into_iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                write_string(text, key);
                text.push(':');
                write(text, member);
            }
            text.push('}');
        }
    }
}

fn write_string(text: &mut String, string: &str) {
    text.push_str(&Value::from(string).to_string());
}

/// The map's own order depends on how `serde_json` was built, so it is never relied on.
fn sorted(members: &Map<String, Value>) -> Vec<(&String, &Value)> {
    let mut members: Vec<_> = members.iter().collect();
    members.sort_unstable_by_key(|(key, _)| key.as_str());
    members
}

/// The same value with every number in its canonical form and object keys in code-point order.
pub fn normalise(value: &Value) -> Value {
    match value {
        Value::Number(number) => Value::Number(normalise_number(number)),
        Value::Array(items) => Value::Array(items.iter().map(normalise).collect()),
        Value::Object(members) => Value::Object(
            sorted(members).into_iter().map(|(key, member)| (key.clone(), normalise(member))).collect(),
        ),
        Value::Null | Value::Bool(_) | Value::String(_) => value.clone(),
    }
}

/// The same members with object keys in code-point order at every level; numbers stay as they are.
pub(crate) fn sorted_keys(members: &Map<String, Value>) -> Map<String, Value> {
    sorted(members).into_iter().map(|(key, member)| (key.clone(), with_sorted_keys(member))).collect()
}

fn with_sorted_keys(value: &Value) -> Value {
    match value {
        Value::Array(items) => Value::Array(items.iter().map(with_sorted_keys).collect()),
        Value::Object(members) => Value::Object(sorted_keys(members)),
        _ => value.clone(),
    }
}

/// A whole number that an integer holds exactly becomes that integer.
fn normalise_number(number: &Number) -> Number {
    match number.as_f64() {
        Some(float) if number.is_f64() && float.fract() == 0.0 => {
            if (-TWO_63..TWO_63).contains(&float) {
                Number::from(float as i64)
            } else if (0.0..TWO_64).contains(&float) {
                Number::from(float as u64)
            } else {
                number.clone()
            }
        }
        _ => number.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn canonical(text: &str) -> String {
        canonical_json(&serde_json::from_str(text).unwrap())
    }

    #[test]
    fn keys_come_in_code_point_order_at_every_level() {
        assert_eq!(
            canonical(r#"{"b":1, "a":{"z":null,"Z":[true, false]}, "é":0}"#),
            r#"{"a":{"Z":[true,false],"z":null},"b":1,"é":0}"#
        );
    }

    #[test]
    fn equal_numbers_have_one_text() {
        for same in
            [["1", "1.0"], ["1", "1e0"], ["0", "-0.0"], ["0", "-0"], ["100", "1.0E+2"], ["0.1", "1e-1"]]
        {
            assert_eq!(canonical(same[0]), canonical(same[1]), "{same:?}");
        }
        assert_eq!(canonical("100000000000000000"), canonical("1e17"));
        assert_eq!(canonical("10000000000000000000"), canonical("1e19"));
        assert_eq!(canonical("100000000000000000000000"), canonical("1e23"));
    }

    #[test]
    fn numbers_that_differ_keep_apart_beyond_the_exact_range_of_floats() {
        assert_ne!(canonical("9007199254740992"), canonical("9007199254740993"));
        assert_ne!(canonical("18446744073709551615"), canonical("18446744073709551616"));
        assert_eq!(canonical("18446744073709551615"), "18446744073709551615");
        assert_eq!(canonical("-9223372036854775808"), canonical("-9223372036854775808.0"));
    }

    #[test]
    fn numbers_take_the_shortest_digits_that_read_back() {
        assert_eq!(canonical("0.30000000000000004"), "0.30000000000000004");
        assert_eq!(canonical("0.1000000000000000055511151231257827"), "0.1");
        assert_eq!(canonical("7.50"), "7.5");
    }

    #[test]
    fn normalising_changes_the_writing_and_not_the_value() {
        assert_eq!(
            normalise(&json!({"steps": 25.0, "guidance": 7.5, "list": [-0.0]})),
            json!({"steps": 25, "guidance": 7.5, "list": [0]})
        );
    }
}
