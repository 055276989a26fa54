//! The strip is wired here and in the browser by the same rules, held to the same cases.

use std::fs;
use std::path::Path;

use qpyt_workflow::{NodeId, Port, Ports, auto_links, wire};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::support::{catalog, document, links};

#[derive(Deserialize)]
struct Case {
    name: String,
    bricks: Vec<Brick>,
    links: Value,
}

#[derive(Deserialize)]
struct Brick {
    id: NodeId,
    inputs: Vec<Port>,
    outputs: Vec<Port>,
}

#[test]
fn every_shared_case_is_wired_as_it_says() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/wiring-cases.json");
    let cases: Vec<Case> = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
    assert!(cases.len() > 10, "the shared cases are all there");
    for case in cases {
        let strip: Vec<Ports<'_>> = case
            .bricks
            .iter()
            .map(|brick| Ports { id: &brick.id, inputs: &brick.inputs, outputs: &brick.outputs })
            .collect();
        let links = serde_json::to_value(auto_links(&strip)).unwrap();
        assert_eq!(links, case.links, "{}", case.name);
    }
}

#[test]
fn a_document_is_wired_in_the_order_of_its_strip() {
    let mut document = document(
        &[("render", "render"), ("other", "not-installed"), ("prompt", "prompt")],
        &["render.info > x.y"],
    );
    wire(&mut document, &catalog());
    assert_eq!(links(&document), Vec::<String>::new());
    document.layout.insert("strip".into(), json!(["prompt", "other", "render"]));
    wire(&mut document, &catalog());
    assert_eq!(links(&document), ["prompt.prompt > render.prompt", "prompt.negative > render.negative"]);
}
