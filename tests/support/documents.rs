//! Workflows for tests, made from the factory's default one.

use serde_json::{Value, json};

/// The default workflow with a prompt and a seed.
pub fn first_picture(prompt: &str, seed: u32) -> Value {
    let text = std::fs::read_to_string(super::server::checkout().join("workflows/first-picture.json"))
        .expect("the preset");
    let mut document: Value = serde_json::from_str(&text).expect("a document");
    set(&mut document, "prompt", "prompt", json!(prompt));
    set(&mut document, "settings", "seed", json!(seed));
    document
}

/// A run that takes long enough to be watched, stopped or killed on any machine.
pub fn long_run(prompt: &str, seed: u32) -> Value {
    let mut document = first_picture(prompt, seed);
    for (param, value) in [("steps", 150), ("width", 192), ("height", 192)] {
        set(&mut document, "settings", param, json!(value));
    }
    document
}

/// Sets a parameter of a brick instance.
pub fn set(document: &mut Value, brick: &str, param: &str, value: Value) {
    let bricks = document["bricks"].as_array_mut().expect("bricks");
    let found = bricks.iter_mut().find(|found| found["id"] == brick).expect("the brick");
    found["params"][param] = value;
}

/// A small workflow without inference: a prompt and a style.
pub fn without_inference(prompt: &str) -> Value {
    json!({
        "version": 1, "name": "Words only",
        "bricks": [
            {"id": "prompt", "brick": "qpyt:prompt", "params": {"prompt": prompt}},
            {"id": "styles", "brick": "qpyt:styles", "params": {}}
        ],
        "links": [{"from": "prompt.prompt", "to": "styles.prompt"}]
    })
}
