//! Seeds left to chance are drawn once and written down.

use qpyt_workflow::{Catalog, draw_seeds};
use serde_json::{Value, json};

use crate::support::{catalog, document, id, small, spec, with_param};

fn seed_after(document: qpyt_workflow::Document, catalog: &Catalog, drawn: u32) -> Option<Value> {
    let mut document = document;
    draw_seeds(&mut document, catalog, || drawn);
    document.node(&id("settings")).unwrap().params.get("seed").cloned()
}

#[test]
fn a_seed_that_is_null_or_absent_is_drawn() {
    assert_eq!(seed_after(small(), &catalog(), u32::MAX), Some(json!(u32::MAX)));
    assert_eq!(
        seed_after(with_param(small(), "settings", "seed", json!(null)), &catalog(), 7),
        Some(json!(7))
    );
}

#[test]
fn a_seed_that_is_given_stays() {
    assert_eq!(seed_after(with_param(small(), "settings", "seed", json!(0)), &catalog(), 7), Some(json!(0)));
}

#[test]
fn a_seed_with_a_default_is_not_left_to_chance_and_a_drawn_one_keeps_within_its_bounds() {
    let bricks =
        |seed: Value| Catalog::new(vec![spec("qpyt:settings", "0.1.0", "", "", json!({"seed": seed}))]);
    let only = || document(&[("settings", "settings")], &[]);
    let fixed = bricks(json!({"type": "integer", "x-widget": "seed", "default": 3}));
    assert_eq!(seed_after(only(), &fixed, 7), None);
    let small = bricks(json!({"type": "integer", "x-widget": "seed", "minimum": 10, "maximum": 19}));
    for drawn in [0, 1, 9, 10, u32::MAX] {
        let seed = seed_after(only(), &small, drawn).unwrap().as_u64().unwrap();
        assert!((10..=19).contains(&seed), "{seed}");
    }
}

#[test]
fn each_seed_is_drawn_by_itself_and_other_parameters_are_not() {
    let mut document = document(&[("a", "settings"), ("b", "settings"), ("c", "not-installed")], &[]);
    let mut next = 0;
    draw_seeds(&mut document, &catalog(), || {
        next += 1;
        next
    });
    let params: Vec<String> =
        document.bricks.iter().map(|node| Value::Object(node.params.clone()).to_string()).collect();
    assert_eq!(params, [r#"{"seed":1}"#, r#"{"seed":2}"#, "{}"]);
}
