//! Saved workflows, presets and imports.

use serde_json::json;

use crate::client;
use crate::documents::{first_picture, without_inference};

#[test]
fn a_workflow_is_saved_listed_loaded_and_deleted() {
    let client = client();
    let mut document = without_inference("keep");
    document["mine"] = json!({"kept": true});
    assert_eq!(client.put("/api/workflows/My%20first", &document, &[]).status, 204);
    let listed = client.get("/api/workflows").body;
    assert!(listed["workflows"].as_array().unwrap().iter().any(|saved| saved["name"] == "My first"));
    assert_eq!(client.get("/api/workflows/My%20first").body, document, "unknown keys are kept");
    let refused = client.put("/api/workflows/My%20first", &document, &[("If-None-Match", "*")]);
    assert_eq!(refused.status, 409);
    assert_eq!(client.delete("/api/workflows/My%20first").status, 204);
    assert_eq!(client.get("/api/workflows/My%20first").status, 404);
}

#[test]
fn a_workflow_name_is_not_a_path() {
    let client = client();
    for name in ["..%2F..%2Fevil", "%2Fetc%2Fcron", "a%00b", "."] {
        let answer = client.put(&format!("/api/workflows/{name}"), &without_inference(""), &[]);
        assert_eq!(answer.status, 400, "{name}");
    }
}

#[test]
fn every_preset_can_be_loaded_and_is_a_sound_document() {
    let client = client();
    let presets = client.get("/api/workflows").body["presets"].clone();
    assert_eq!(presets[0]["name"], "first-picture");
    for preset in presets.as_array().unwrap() {
        let document = client.get(&format!("/api/presets/{}", preset["name"].as_str().unwrap())).body;
        let problems = client.post("/api/check", &json!({"document": document})).body["problems"].clone();
        let unfinished = problems.as_array().unwrap().iter().filter(|problem| problem["code"] != "bad-param");
        assert_eq!(unfinished.count(), 0, "{}: {problems:#}", preset["name"]);
    }
}

#[test]
fn an_array_of_the_original_program_becomes_a_document() {
    let original = json!([
        {"id": "qp-prompt-a1b2c3", "type": "qp-prompt", "props": {"prompt": "a lighthouse at dusk", "negative_prompt": "blurry"}},
        {"id": "qp-settings-0f9e8d", "type": "qp-settings", "props": {"width": 832, "height": 1216, "num_inference_steps": 25}},
        {"id": "qp-render-sdxl-5c5c5c", "type": "qp-render-sdxl", "props": {"selectedModel": "base.safetensors"}},
        {"id": "qp-controlnet-1", "type": "qp-controlnet", "props": {"strength": 0.7}}
    ]);
    let answer = client().post("/api/import", &original);
    assert_eq!(answer.status, 200, "{:#}", answer.body);
    let document = &answer.body["document"];
    assert_eq!(document["version"], 1);
    assert_eq!(document["bricks"][0]["params"]["prompt"], "a lighthouse at dusk");
    assert_eq!(document["bricks"][1]["params"]["steps"], 25);
    assert!(!answer.body["notes"].as_array().unwrap().is_empty());
}

#[test]
fn the_openapi_document_names_every_address() {
    let document = client().get("/api/openapi.json").body;
    for path in ["/api/jobs", "/api/jobs/{id}/cancel", "/api/events", "/api/bricks", "/api/content/{digest}"]
    {
        assert!(document["paths"][path].is_object(), "{path}");
    }
    let kept = std::fs::read(crate::server::checkout().join("web/openapi.json")).unwrap();
    let kept: serde_json::Value = serde_json::from_slice(&kept).unwrap();
    assert!(
        kept == document,
        "web/openapi.json is old; write it anew with `qpyt openapi > web/openapi.json`"
    );
}

#[test]
fn the_default_workflow_is_ready_to_run() {
    let answer = client().post("/api/check", &json!({"document": first_picture("anything", 1)}));
    assert_eq!(answer.body["problems"], json!([]));
}
