//! What goes wrong gives one clear message that names the thing, and loses nothing.

use std::fs;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::client;
use crate::documents::{first_picture, set};
use crate::http::Client;
use crate::server::{self, Server};

fn refused(document: &Value) -> Value {
    let answer = client().post("/api/jobs", &json!({"document": document}));
    assert_eq!(answer.status, 400, "{:#}", answer.body);
    answer.body["error"].clone()
}

fn problem(document: &Value) -> Value {
    let error = refused(document);
    assert_eq!(error["problems"].as_array().map(Vec::len), Some(1), "{error:#}");
    error["problems"][0].clone()
}

#[test]
fn a_malformed_document_says_where() {
    let error = refused(&json!({"version": 1, "name": "x", "bricks": {"not": "a list"}}));
    assert_eq!(error["code"], "malformed-document");
    assert!(error["message"].as_str().unwrap().contains("bricks"), "{error:#}");
    let future = refused(&json!({"version": 99, "name": "x", "bricks": []}));
    assert!(future["message"].as_str().unwrap().contains("99"), "{future:#}");
}

#[test]
fn an_unknown_brick_is_named_with_a_near_one() {
    let mut document = first_picture("x", 1);
    document["bricks"][0]["brick"] = json!("qpyt:promt");
    let error = refused(&document);
    let unknown = error["problems"]
        .as_array()
        .unwrap()
        .iter()
        .find(|problem| problem["code"] == "unknown-brick")
        .unwrap();
    assert!(unknown["message"].as_str().unwrap().contains("qpyt:prompt"), "{unknown:#}");
}

#[test]
fn a_wrong_type_on_a_wire_names_both_ends() {
    let mut document = first_picture("x", 1);
    let links = document["links"].as_array_mut().unwrap();
    links.retain(|link| link["to"] != "render.prompt");
    links.push(json!({"from": "settings.settings", "to": "render.prompt"}));
    let problem = problem(&document);
    assert_eq!(problem["code"], "wrong-kind");
    assert!(problem["message"].as_str().unwrap().contains("json"), "{problem:#}");
}

#[test]
fn a_missing_model_is_named_with_what_is_there() {
    let mut document = first_picture("x", 1);
    set(&mut document, "render", "model", json!("dreams"));
    let problem = problem(&document);
    assert_eq!(
        (&problem["code"], &problem["brick"], &problem["name"]),
        (&json!("model-missing"), &json!("render"), &json!("model"))
    );
    let message = problem["message"].as_str().unwrap();
    assert!(message.contains("dreams") && message.contains("emoji"), "{message}");
}

#[test]
fn an_over_large_size_names_the_limit() {
    let mut document = first_picture("x", 1);
    set(&mut document, "settings", "width", json!(1_000_000));
    let problem = problem(&document);
    assert_eq!((&problem["code"], &problem["name"]), (&json!("bad-param"), &json!("width")));
    assert!(problem["message"].as_str().unwrap().contains("2048"), "{problem:#}");
}

#[test]
fn an_empty_prompt_is_the_brick_s_own_kind_refusal() {
    let client = client();
    let answer = client.post("/api/jobs", &json!({"document": first_picture("", 1)}));
    let job = client.wait(answer.body["id"].as_str().unwrap());
    assert_eq!(job["state"], "failed");
    assert_eq!((&job["error"]["brick"], &job["error"]["name"]), (&json!("render"), &json!("prompt")));
}

#[test]
fn a_missing_picture_is_named_at_its_brick() {
    let mut document = first_picture("x", 1);
    let digest = format!("blake3:{}", "1".repeat(64));
    document["bricks"]
        .as_array_mut()
        .unwrap()
        .push(json!({"id": "source", "brick": "qpyt:image-input", "params": {"image": digest}}));
    let problem = problem(&document);
    assert_eq!((&problem["code"], &problem["brick"]), (&json!("picture-missing"), &json!("source")));
}

#[test]
fn a_folder_that_was_not_allowed_is_refused_with_the_way_to_allow_it() {
    let client = client();
    let folder = TempDir::new().unwrap();
    let path = folder.path().canonicalize().unwrap();
    let mut document = first_picture("orange cat", 6);
    document["bricks"].as_array_mut().unwrap().push(json!({
        "id": "save", "brick": "qpyt:save-to-disk", "params": {"folder": path, "pattern": "{seed}-{prompt}"}
    }));
    document["links"].as_array_mut().unwrap().extend([
        json!({"from": "render.image", "to": "save.image"}),
        json!({"from": "render.info", "to": "save.info"}),
    ]);
    let run =
        || client.wait(client.post("/api/jobs", &json!({"document": document})).body["id"].as_str().unwrap());
    let refused = run();
    assert_eq!(refused["state"], "failed");
    let message = refused["error"]["message"].as_str().unwrap();
    assert!(message.contains("qpyt bricks grant qpyt:save-to-disk --folder"), "{message}");

    let grant = json!({"brick": "qpyt:save-to-disk", "import": "qpyt:store/files", "scope": path});
    let granted = client.post("/api/grants", &grant);
    assert_eq!(granted.status, 201, "{:#}", granted.body);
    for expected in ["6-orange-cat.png", "6-orange-cat (2).png"] {
        let saved = run();
        assert_eq!(saved["state"], "succeeded", "{saved:#}");
        assert!(path.join(expected).exists(), "{expected} was not written; nothing is overwritten");
    }
    assert_eq!(client.delete(&format!("/api/grants/{}", granted.body["id"])).status, 204);
    assert_eq!(run()["state"], "failed");
}

#[test]
fn a_corrupt_checkpoint_is_named_and_the_others_still_work() {
    let data = TempDir::new().unwrap();
    let broken = data.path().join("models/broken");
    copy(&server::checkout().join("models/emoji"), &broken);
    let weights = broken.join("unet/diffusion_pytorch_model.safetensors");
    let bytes = fs::read(&weights).unwrap();
    fs::write(&weights, &bytes[..bytes.len() / 2]).unwrap();
    let server = Server::start(data.path(), &[]);
    let client = Client::new(&server.address);
    let mut document = first_picture("key", 8);
    let good = client.post("/api/jobs", &json!({"document": document})).body["id"].clone();
    assert_eq!(client.wait(good.as_str().unwrap())["state"], "succeeded");
    set(&mut document, "render", "model", json!("broken"));
    let answer = client.post("/api/jobs", &json!({"document": document}));
    let message = if answer.status == 202 {
        client.wait(answer.body["id"].as_str().unwrap())["error"]["message"].to_string()
    } else {
        answer.body["error"]["message"].to_string()
    };
    assert!(message.contains("diffusion_pytorch_model.safetensors"), "{message}");
}

fn copy(from: &std::path::Path, to: &std::path::Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}
