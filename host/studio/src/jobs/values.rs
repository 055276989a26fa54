//! Values between bricks: live while a job runs, summarised in events and in the results cache, where pictures and
//! tensors are named by their digests and rest in the content store.

use std::collections::BTreeMap;

use qpyt_bricks::{Digest, DigestError, NamedValue, Value};
use qpyt_workflow::{Digest as ValueDigest, PlainValue, value_digest};

use super::progress::ValueSummary;
use crate::store::{Content, ContentKind, Store, StoreError};

/// What a brick gave, as the results cache writes it: port and value, in order.
pub type Kept = Vec<(String, ValueSummary)>;

/// Puts the outputs' pictures and tensors into the content store and returns what stands for the outputs, with
/// the content they refer to.
///
/// # Errors
/// When the content store can't take them.
pub fn keep(store: &Store, outputs: &[NamedValue]) -> Result<(Kept, Vec<Content>), StoreError> {
    let mut content = Vec::new();
    let kept = outputs
        .iter()
        .map(|output| Ok((output.port.clone(), keep_one(store, &output.value, &mut content)?)))
        .collect::<Result<_, StoreError>>()?;
    Ok((kept, content))
}

fn keep_one(store: &Store, value: &Value, content: &mut Vec<Content>) -> Result<ValueSummary, StoreError> {
    Ok(match value {
        Value::Image(image) => {
            let digest = store.content().put_image(image)?;
            content.push(Content { kind: ContentKind::Image, digest });
            ValueSummary::Image { digest: digest.to_string(), width: image.width(), height: image.height() }
        }
        Value::Tensor(tensor) => {
            let digest = store.content().put_tensor(tensor)?;
            content.push(Content { kind: ContentKind::Tensor, digest });
            ValueSummary::Tensor { digest: digest.to_string(), shape: tensor.shape().to_vec() }
        }
        Value::Text(value) => ValueSummary::Text { value: value.clone() },
        Value::Number(value) => ValueSummary::Number { value: *value },
        Value::Boolean(value) => ValueSummary::Boolean { value: *value },
        Value::Json(value) => ValueSummary::Json { value: value.clone() },
    })
}

/// The way back: reads pictures and tensors from the content store.
///
/// # Errors
/// When content is missing or damaged.
pub fn restore(store: &Store, kept: Kept) -> Result<Vec<NamedValue>, StoreError> {
    kept.into_iter()
        .map(|(port, summary)| Ok(NamedValue { port, value: restore_one(store, summary)? }))
        .collect()
}

fn restore_one(store: &Store, summary: ValueSummary) -> Result<Value, StoreError> {
    Ok(match summary {
        ValueSummary::Image { digest, .. } => Value::Image(store.content().open_image(parse(&digest)?)?),
        ValueSummary::Tensor { digest, .. } => Value::Tensor(store.content().open_tensor(parse(&digest)?)?),
        ValueSummary::Text { value } => Value::Text(value),
        ValueSummary::Number { value } => Value::Number(value),
        ValueSummary::Boolean { value } => Value::Boolean(value),
        ValueSummary::Json { value } => Value::Json(value),
    })
}

fn parse(digest: &str) -> Result<Digest, StoreError> {
    digest
        .parse()
        .map_err(|error: DigestError| StoreError::Unstorable { kind: "value", reason: error.to_string() })
}

/// Groups what a brick gave by port.
pub fn by_port(kept: Kept) -> BTreeMap<String, Vec<ValueSummary>> {
    let mut ports: BTreeMap<String, Vec<ValueSummary>> = BTreeMap::new();
    for (port, value) in kept {
        ports.entry(port).or_default().push(value);
    }
    ports
}

/// What stands for an input in a cache key. `None` for numbers that are no numbers: such a run is not kept.
pub fn digest(value: &Value) -> Option<ValueDigest> {
    match value {
        Value::Image(image) => image.digest().to_string().parse().ok(),
        Value::Tensor(tensor) => tensor.digest().to_string().parse().ok(),
        Value::Text(text) => value_digest(PlainValue::Text(text)).ok(),
        Value::Number(number) => value_digest(PlainValue::Number(*number)).ok(),
        Value::Boolean(boolean) => value_digest(PlainValue::Boolean(*boolean)).ok(),
        Value::Json(json) => value_digest(PlainValue::Json(json)).ok(),
    }
}
