//! Random seeds are drawn once, when a run is asked for, and written into its document, so the same run can be had
//! again.

use serde_json::{Number, Value};

use crate::catalog::Catalog;
use crate::document::Document;
use crate::schema::properties;

/// Gives every seed that is left to chance a number from `draw`. A seed is a parameter with the `x-widget` "seed"; it
/// is left to chance when its value, or without one its default, is null or absent. The number is brought into the
/// parameter's `minimum`..`maximum`. Bricks that are not installed are passed over.
pub fn draw_seeds(document: &mut Document, catalog: &Catalog, mut draw: impl FnMut() -> u32) {
    let mut drawn: Vec<(usize, String, Number)> = Vec::new();
    for (place, node) in document.bricks.iter().enumerate() {
        let Ok(spec) = catalog.resolve_node(document, node) else { continue };
        for (name, property) in properties(&spec.params_schema) {
            let value = node.params.get(name).or_else(|| property.get("default"));
            if is_seed(property) && value.is_none_or(Value::is_null) {
                drawn.push((place, name.clone(), within(property, draw())));
            }
        }
    }
    for (place, name, seed) in drawn {
        if let Some(node) = document.bricks.get_mut(place) {
            node.params.insert(name, Value::Number(seed));
        }
    }
}

fn is_seed(property: &Value) -> bool {
    property.get("x-widget").and_then(Value::as_str) == Some("seed")
}

fn within(property: &Value, drawn: u32) -> Number {
    let bound = |keyword: &str| property.get(keyword).and_then(Value::as_u64);
    let minimum = bound("minimum").unwrap_or(0);
    let maximum = bound("maximum").unwrap_or(u64::from(u32::MAX)).max(minimum);
    let numbers = (maximum - minimum).saturating_add(1);
    Number::from(minimum + u64::from(drawn) % numbers)
}
