//! Previews are small: pictures are scaled down before a brick gets them, and with them the parameters that are
//! lengths in pixels.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use qpyt_bricks::NamedValue;
use qpyt_bricks::media::{Filter, Image, MediaError};
use serde_json::{Number, Value, json};

use super::PreviewError;
use crate::jobs::progress::ValueSummary;
use crate::jobs::values::restore;
use crate::store::Store;

/// The longest side of a picture that a brick gets, in pixels.
const LONGEST_SIDE: u32 = 1024;
/// The longest side of a picture that is shown. Larger, because scaling down takes longer than to hand over a picture
/// that was turned.
const LONGEST_SHOWN: u32 = 2048;
/// Scaled pictures that are held: those of a slider's next step.
const HELD: usize = 4;

/// Scaled pictures by digest and size, the last used at the end.
#[derive(Default)]
pub(super) struct Pictures(Mutex<VecDeque<(Key, Image)>>);

type Key = (String, u32, u32);

impl Pictures {
    fn held(&self, key: &Key) -> Option<Image> {
        let mut pictures = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = pictures.iter().position(|(known, _)| known == key)?;
        let found = pictures.remove(at)?;
        let picture = found.1.clone();
        pictures.push_back(found);
        Some(picture)
    }

    fn hold(&self, key: Key, picture: Image) {
        let mut pictures = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        pictures.push_back((key, picture));
        if pictures.len() > HELD {
            pictures.pop_front();
        }
    }
}

/// The values with all pictures scaled alike, so that none is too large, and by how much.
pub(super) fn inputs(
    store: &Store,
    pictures: &Pictures,
    values: Vec<(String, ValueSummary)>,
) -> Result<(Vec<NamedValue>, f64), PreviewError> {
    let sides = values.iter().filter_map(|(_, value)| match value {
        ValueSummary::Image { width, height, .. } => Some(*width.max(height)),
        _ => None,
    });
    let longest = sides.max().unwrap_or_default().max(LONGEST_SIDE);
    let scale = f64::from(LONGEST_SIDE) / f64::from(longest);
    let value = |(port, value): (String, ValueSummary)| match &value {
        ValueSummary::Image { digest, width, height } => {
            let [width, height] = [width, height].map(|side| scaled(*side, scale));
            let key = (digest.clone(), width, height);
            if let Some(picture) = pictures.held(&key) {
                return Ok(vec![NamedValue { port, value: qpyt_bricks::Value::Image(picture) }]);
            }
            let mut whole = restore(store, vec![(port, value)])?;
            for input in &mut whole {
                if let qpyt_bricks::Value::Image(picture) = &mut input.value {
                    *picture = picture.resize(width, height, Filter::Bilinear)?;
                    pictures.hold(key.clone(), picture.clone());
                }
            }
            Ok(whole)
        }
        _ => Ok(restore(store, vec![(port, value)])?),
    };
    let inputs = values.into_iter().map(value).collect::<Result<Vec<_>, PreviewError>>()?;
    Ok((inputs.into_iter().flatten().collect(), scale))
}

/// A picture that is not too large.
pub(super) fn fitting(picture: &Image) -> Result<Image, MediaError> {
    let longest = picture.width().max(picture.height()).max(LONGEST_SHOWN);
    let scale = f64::from(LONGEST_SHOWN) / f64::from(longest);
    picture.resize(scaled(picture.width(), scale), scaled(picture.height(), scale), Filter::Bilinear)
}

fn scaled(side: u32, scale: f64) -> u32 {
    ((f64::from(side) * scale).round() as u32).max(1)
}

/// Parameters with the lengths that `x-unit` says to be in pixels at this scale, within their `minimum`.
pub(super) fn in_pixels(schema: &Value, params: &Value, scale: f64) -> Value {
    let mut params = params.clone();
    let properties = schema.get("properties").and_then(Value::as_object);
    for (name, property) in properties.into_iter().flatten() {
        let is_length = property.get("x-unit").and_then(Value::as_str) == Some("px");
        if let (true, Some(value)) = (is_length, params.get_mut(name))
            && let Some(length) = value.as_f64()
        {
            let least = property.get("minimum").and_then(Value::as_f64).unwrap_or(f64::MIN);
            let length = (length * scale).max(least);
            let is_whole = property.get("type").and_then(Value::as_str) == Some("integer");
            *value = if is_whole { json!(length.round() as i64) } else { Number::from_f64(length).into() };
        }
    }
    params
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_in_pixels_shrink_with_the_picture_and_nothing_else_does() {
        let schema = json!({"properties": {
            "blur": {"type": "number", "minimum": 0, "x-unit": "px"},
            "block": {"type": "integer", "minimum": 2, "x-unit": "px"},
            "hue": {"type": "number"}
        }});
        let scaled = in_pixels(&schema, &json!({"blur": 5.0, "block": 3, "hue": 40}), 0.25);
        assert_eq!(scaled, json!({"blur": 1.25, "block": 2, "hue": 40}));
    }
}
