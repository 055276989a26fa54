//! Bricks that ask models to look at pictures and to write, on a real studio.

use std::io::{BufRead, BufReader};

use qpyt_bricks::media::{DecodeLimits, PixelFormat, decode};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::client;
use crate::http::Client;
use crate::jobs::submit;
use crate::neighbour::Neighbour;
use crate::server::{Server, checkout};

/// `prompt` through one brick more.
fn words(brick: &str, prompt: &str, params: Value) -> Value {
    json!({
        "version": 1, "name": "Words",
        "bricks": [
            {"id": "prompt", "brick": "qpyt:prompt", "params": {"prompt": prompt}},
            {"id": "words", "brick": brick, "params": params}
        ],
        "links": [{"from": "prompt.prompt", "to": "words.prompt"}]
    })
}

#[test]
fn a_picture_is_painted_enlarged_and_cut_out() {
    let client = client();
    let text = std::fs::read_to_string(checkout().join("workflows/sticker.json")).unwrap();
    let mut sticker: Value = serde_json::from_str(&text).unwrap();
    crate::documents::set(&mut sticker, "settings", "seed", json!(7));
    let job = client.wait(&submit(&client, &sticker));
    assert_eq!(job["state"], "succeeded", "{job:#}");
    let file = job["results"][0]["file"].as_str().unwrap();
    let mut bytes = Vec::new();
    std::io::Read::read_to_end(
        &mut client.fetch(&format!("/api/content/{file}"), &[]).into_body().into_reader(),
        &mut bytes,
    )
    .unwrap();
    let picture = decode(&bytes, DecodeLimits::default()).unwrap();
    assert_eq!((picture.format(), picture.width(), picture.height()), (PixelFormat::Rgba8, 256, 256));
    let pixel = |x: usize, y: usize| &picture.pixels()[(y * 256 + x) * 4..][..4];
    assert!(pixel(4, 4)[3] < 20, "the corner shows: {:?}", pixel(4, 4));
    let middle = pixel(128, 140);
    assert!(middle[3] > 230 && middle[0] > 150 && middle[2] < 100, "no apple in the middle: {middle:?}");
    let lock = &job["document"]["lock"]["models"];
    assert!(lock["u2netp"].is_string() && lock["realesr-animevideov3-x4"].is_string(), "{lock:#}");
    let again = client.wait(&submit(&client, &sticker));
    assert_eq!(again["bricks"]["rembg"]["state"], "cached", "{again:#}");
}

#[test]
fn a_model_that_is_not_there_is_named_with_the_way_to_get_it() {
    let client = client();
    let refused =
        client.post("/api/jobs", &json!({"document": words("qpyt:translator", "renard", json!({}))}));
    assert_eq!(refused.status, 400, "{:#}", refused.body);
    let problem = &refused.body["error"]["problems"][0];
    assert_eq!(
        (&problem["code"], &problem["name"]),
        (&json!("model-missing"), &json!("model")),
        "{problem:#}"
    );
    let message = problem["message"].as_str().unwrap();
    assert!(message.contains("`qpyt models pull opus-mt-fr-en`"), "{message}");
}

#[test]
fn a_model_of_another_family_is_refused_by_its_name() {
    let client = client();
    let document = words("qpyt:translator", "renard", json!({"model": "u2netp"}));
    let job = client.wait(&submit(&client, &document));
    assert_eq!(job["state"], "failed", "{job:#}");
    let message = job["error"]["message"].as_str().unwrap();
    assert!(message.contains("`u2netp`") && message.contains("background-removal"), "{message}");
}

/// The little model has random weights: what it writes means nothing, how it arrives is what counts.
#[test]
fn a_text_that_a_model_writes_is_seen_while_it_grows() {
    let data = TempDir::new().unwrap();
    let folder = checkout().join("tests/reference");
    let server = Server::start_with(data.path(), &[], &[("QPYT_MODEL_FOLDERS", folder.to_str().unwrap())]);
    let client = Client::new(&server.address);
    let stream = client.fetch("/api/events", &[]);
    let lines = BufReader::new(stream.into_body().into_reader()).lines().map(Result::unwrap);
    let params =
        json!({"model": "qwen2", "role": "tagger", "max_tokens": 200, "temperature": 1.5, "seed": 3});
    let id = submit(&client, &words("qpyt:llm-prompter", "a red fox", params));
    let mut grown: Vec<String> = Vec::new();
    for line in lines {
        let Some(data) = line.strip_prefix("data: ") else { continue };
        let event: Value = serde_json::from_str(data).unwrap();
        if event["job"] != id.as_str() {
            continue;
        }
        if let Some(text) = event["text"].as_str() {
            grown.push(text.to_owned());
        }
        if ["succeeded", "failed"].iter().any(|end| event["kind"] == *end) {
            break;
        }
    }
    let job = client.wait(&id);
    assert_eq!(job["state"], "succeeded", "{job:#}");
    assert!(!grown.is_empty());
    assert!(grown.windows(2).all(|pair| pair[1].starts_with(pair[0].as_str())), "{grown:?}");
}

#[test]
fn a_server_of_the_persons_own_writes_once_it_is_allowed() {
    let neighbour = Neighbour::start();
    let data = TempDir::new().unwrap();
    let host = neighbour.host();
    let configuration = format!("[network]\nprivate_hosts = [\"{host}\"]\n");
    std::fs::write(data.path().join("qpyt.toml"), configuration).unwrap();
    let server = Server::start(data.path(), &[]);
    let client = Client::new(&server.address);
    let params = json!({"place": "server", "server": neighbour.url("/v1"), "seed": 3});
    let document = words("qpyt:llm-prompter", "a red fox", params);
    let denied = client.wait(&submit(&client, &document));
    assert_eq!(denied["state"], "failed");
    let message = denied["error"]["message"].as_str().unwrap();
    assert!(message.contains(&host) && message.contains("grant"), "{message}");
    assert_eq!(neighbour.asked().len(), 0);
    let grant = json!({"brick": "qpyt:llm-prompter", "import": "qpyt:store/http", "scope": host});
    assert_eq!(client.post("/api/grants", &grant).status, 201);
    let written = client.wait(&submit(&client, &document));
    assert_eq!(written["state"], "succeeded", "{written:#}");
    assert_eq!(written["bricks"]["words"]["outputs"]["prompt"][0]["value"], "A red fox in snow.");
    let asked = neighbour.asked();
    let body: Value = serde_json::from_slice(&asked[0].body).unwrap();
    assert_eq!(body["messages"][1]["content"], "a red fox");
}
