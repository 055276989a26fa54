//! The key under which the result of one brick's run is kept.
//!
//! It covers what the result depends on and nothing else: the component's bytes, the contract it was linked to, the
//! canonical parameters, the *values* at its inputs (not how they came about), the models and the backend. So a value
//! that is changed and changed back hits again, and an equal input by another way hits too.

use std::fmt;

use serde_json::Value;

use crate::canonical::canonical_json;
use crate::digest::Digest;
use crate::names::{BrickId, PortName};

/// Sets these hashes apart from all others; changes when the layout of the hashed bytes does.
const KEY_CONTEXT: &str = "qpyt-workflow 2026 brick result cache key v1";
const VALUE_CONTEXT: &str = "qpyt-workflow 2026 port value digest v1";

/// What the result of a run depends on.
#[derive(Debug, Clone, Copy)]
pub struct KeyParts<'a> {
    /// Digest of the component.
    pub component: &'a Digest,
    /// Which of the component's bricks.
    pub brick: &'a BrickId,
    /// The contract and its versions, like `qpyt:brick@0.1.0;qpyt:ai@0.1.0`.
    pub contracts: &'a str,
    /// The parameters with defaults filled in.
    pub params: &'a Value,
    /// The digest of each value at each input. The order of the values of one input counts, that of inputs doesn't.
    pub inputs: &'a [(PortName, Digest)],
    /// The digest of each model; their order doesn't count.
    pub models: &'a [(String, Digest)],
    /// What computes, like `candle-cpu-f32`: sums differ between devices.
    pub backend: &'a str,
}

/// The key of a kept result: 64 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CacheKey(String);

impl CacheKey {
    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CacheKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The cache key of a run: BLAKE3 in key derivation mode over the parts in a fixed order, each text with its length in
/// front and each list with its count, so no two different sets of parts hash the same bytes.
pub fn cache_key(parts: &KeyParts<'_>) -> CacheKey {
    let mut inputs: Vec<(&str, &Digest)> =
        parts.inputs.iter().map(|(port, digest)| (port.as_str(), digest)).collect();
    inputs.sort_by_key(|(port, _)| *port);
    let mut models: Vec<(&str, &Digest)> =
        parts.models.iter().map(|(model, digest)| (model.as_str(), digest)).collect();
    models.sort();

    let mut fields = Fields::new(KEY_CONTEXT);
    fields.text(parts.component.as_str());
    fields.text(parts.brick.as_str());
    fields.text(parts.contracts);
    fields.text(&canonical_json(parts.params));
    fields.pairs(&inputs);
    fields.pairs(&models);
    fields.text(parts.backend);
    CacheKey(fields.hasher.finalize().to_hex().to_string())
}

/// A value that travels between bricks as itself. Images, masks and tensors have digests of their own.
#[derive(Debug, Clone, Copy)]
pub enum PlainValue<'a> {
    /// A text.
    Text(&'a str),
    /// A finite number.
    Number(f64),
    /// True or false.
    Boolean(bool),
    /// A JSON value; how it was written doesn't count.
    Json(&'a Value),
}

/// A number that is not finite has no digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a brick gave a number that is not finite; only finite numbers may leave a brick")]
pub struct NotFinite;

/// The digest of a value. Values of different kinds have different digests even when they read the same; `-0` is `0`.
///
/// # Errors
/// For NaN and infinite numbers.
pub fn value_digest(value: PlainValue<'_>) -> Result<Digest, NotFinite> {
    let mut fields = Fields::new(VALUE_CONTEXT);
    match value {
        PlainValue::Text(text) => fields.kind("text").text(text),
        PlainValue::Number(number) if number.is_finite() => {
            let number = if number == 0.0 { 0.0 } else { number };
            fields.kind("number").hasher.update(&number.to_le_bytes());
        }
        PlainValue::Number(_) => return Err(NotFinite),
        PlainValue::Boolean(flag) => {
            fields.kind("boolean").hasher.update(&[u8::from(flag)]);
        }
        PlainValue::Json(json) => fields.kind("json").text(&canonical_json(json)),
    }
    Ok(Digest::from(fields.hasher.finalize()))
}

/// Bytes to hash, in a form that can be read only one way.
struct Fields {
    hasher: blake3::Hasher,
}

impl Fields {
    fn new(context: &str) -> Self {
        Self { hasher: blake3::Hasher::new_derive_key(context) }
    }

    fn kind(&mut self, name: &str) -> &mut Self {
        self.text(name);
        self
    }

    fn count(&mut self, count: usize) {
        self.hasher.update(&(count as u64).to_le_bytes());
    }

    fn text(&mut self, text: &str) {
        self.count(text.len());
        self.hasher.update(text.as_bytes());
    }

    fn pairs(&mut self, pairs: &[(&str, &Digest)]) {
        self.count(pairs.len());
        for (name, digest) in pairs {
            self.text(name);
            self.text(digest.as_str());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn digest(hex: &str) -> Digest {
        format!("blake3:{hex}").parse().unwrap()
    }

    struct Run {
        component: Digest,
        brick: BrickId,
        contracts: String,
        params: Value,
        inputs: Vec<(PortName, Digest)>,
        models: Vec<(String, Digest)>,
        backend: String,
    }

    impl Run {
        fn new() -> Self {
            Self {
                component: digest("aa"),
                brick: "qpyt:render".parse().unwrap(),
                contracts: "qpyt:brick@0.1.0".into(),
                params: json!({"steps": 25, "model": "emoji"}),
                inputs: vec![
                    ("prompt".parse().unwrap(), digest("01")),
                    ("image".parse().unwrap(), digest("02")),
                ],
                models: vec![("emoji".into(), digest("03")), ("other".into(), digest("04"))],
                backend: "candle-cpu-f32".into(),
            }
        }

        fn with(change: impl FnOnce(&mut Self)) -> CacheKey {
            let mut run = Self::new();
            change(&mut run);
            cache_key(&KeyParts {
                component: &run.component,
                brick: &run.brick,
                contracts: &run.contracts,
                params: &run.params,
                inputs: &run.inputs,
                models: &run.models,
                backend: &run.backend,
            })
        }
    }

    #[test]
    fn anything_the_result_depends_on_changes_the_key() {
        let mut keys = vec![
            Run::with(|_| ()),
            Run::with(|run| run.component = digest("ab")),
            Run::with(|run| run.brick = "qpyt:other".parse().unwrap()),
            Run::with(|run| run.contracts.push('1')),
            Run::with(|run| run.params["steps"] = json!(26)),
            Run::with(|run| run.inputs[0].1 = digest("05")),
            Run::with(|run| run.inputs[0].0 = "negative".parse().unwrap()),
            Run::with(|run| drop(run.inputs.pop())),
            Run::with(|run| run.models[0].1 = digest("06")),
            Run::with(|run| drop(run.models.pop())),
            Run::with(|run| run.backend = "candle-cuda-f16".into()),
        ];
        let all = keys.len();
        keys.sort();
        keys.dedup();
        assert_eq!(keys.len(), all);
    }

    #[test]
    fn how_it_was_asked_does_not_change_the_key() {
        let key = Run::with(|_| ());
        assert_eq!(key, Run::with(|run| run.params = json!({"model": "emoji", "steps": 25.0})));
        assert_eq!(key, Run::with(|run| run.inputs.reverse()));
        assert_eq!(key, Run::with(|run| run.models.reverse()));
        assert_eq!(key.as_str().len(), 64);
    }

    #[test]
    fn the_order_of_several_values_at_one_input_counts() {
        let port = || "image".parse::<PortName>().unwrap();
        let one = Run::with(|run| run.inputs = vec![(port(), digest("01")), (port(), digest("02"))]);
        let other = Run::with(|run| run.inputs = vec![(port(), digest("02")), (port(), digest("01"))]);
        assert_ne!(one, other);
    }

    #[test]
    fn text_can_not_slip_from_one_part_into_the_next() {
        let long = Run::with(|run| (run.contracts, run.backend) = ("ab".into(), "c".into()));
        let short = Run::with(|run| (run.contracts, run.backend) = ("a".into(), "bc".into()));
        assert_ne!(long, short);
    }

    #[test]
    fn a_key_stays_the_same_from_one_version_of_the_program_to_the_next() {
        assert_eq!(
            Run::with(|_| ()).as_str(),
            "9cf3df8b37e86dd6ed98743b44be32a3d579e80bd86202836e6494c27429f774"
        );
    }

    #[test]
    fn values_of_different_kinds_have_different_digests() {
        let json = json!(1);
        let text = json!("1");
        let digests = [
            value_digest(PlainValue::Text("1")).unwrap(),
            value_digest(PlainValue::Number(1.0)).unwrap(),
            value_digest(PlainValue::Boolean(true)).unwrap(),
            value_digest(PlainValue::Json(&json)).unwrap(),
            value_digest(PlainValue::Json(&text)).unwrap(),
        ];
        for (index, digest) in digests.iter().enumerate() {
            assert!(!digests[..index].contains(digest), "{index}");
        }
    }

    #[test]
    fn equal_values_have_equal_digests() {
        assert_eq!(value_digest(PlainValue::Number(0.0)), value_digest(PlainValue::Number(-0.0)));
        let (one, other) = (json!({"a": 1, "b": [2.0]}), json!({"b": [2], "a": 1.0}));
        assert_eq!(value_digest(PlainValue::Json(&one)), value_digest(PlainValue::Json(&other)));
    }

    #[test]
    fn a_number_that_is_not_finite_is_refused() {
        for number in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(value_digest(PlainValue::Number(number)), Err(NotFinite));
        }
    }
}
