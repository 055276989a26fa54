//! The prompt language on a real studio: what a prompt names is found or said to be missing, and what it leaves to
//! chance is settled and written down.

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::http::Client;
use crate::jobs::submit;
use crate::server::{Server, checkout};

/// A studio with the little models of the references.
fn studio(data: &TempDir) -> (Server, Client) {
    let folder = checkout().join("tests/reference");
    let server = Server::start_with(data.path(), &[], &[("QPYT_MODEL_FOLDERS", folder.to_str().unwrap())]);
    let client = Client::new(&server.address);
    (server, client)
}

/// A picture of a prompt, by the little Stable Diffusion.
fn painting(prompt: &str) -> Value {
    json!({
        "version": 1, "name": "Prompts",
        "bricks": [
            {"id": "prompt", "brick": "qpyt:prompt", "params": {"prompt": prompt}},
            {"id": "settings", "brick": "qpyt:settings",
             "params": {"width": 64, "height": 64, "steps": 2, "guidance": 1, "seed": 7, "count": 1}},
            {"id": "render", "brick": "qpyt:render", "params": {"model": "sd15"}}
        ],
        "links": [
            {"from": "prompt.prompt", "to": "render.prompt"},
            {"from": "settings.settings", "to": "render.settings"}
        ]
    })
}

fn image(client: &Client, prompt: &str) -> Value {
    let job = client.wait(&submit(client, &painting(prompt)));
    assert_eq!(job["state"], "succeeded", "{job:#}");
    job["bricks"]["render"]["outputs"]["image"][0]["digest"].clone()
}

#[test]
fn weights_and_loras_in_a_prompt_change_the_picture_and_a_lora_that_is_not_there_is_named() {
    let data = TempDir::new().unwrap();
    let (_server, client) = studio(&data);
    let plain = image(&client, "a red apple");
    assert_eq!(image(&client, "[a red apple|a red apple]"), plain);
    assert_ne!(image(&client, "a (red:1.5) apple"), plain);
    let styled = image(&client, "a red apple <lora:A.Kohya:1.5>");
    assert_ne!(styled, plain);
    assert_eq!(image(&client, "a red apple <lora:a.kohya:0>"), plain);

    let failed = client.wait(&submit(&client, &painting("a red apple <lora:nowhere:1>")));
    assert_eq!(failed["state"], "failed", "{failed:#}");
    let message = failed["error"]["message"].as_str().unwrap();
    assert!(message.contains("<lora:nowhere>") && message.contains("not installed"), "{message}");
    assert!(message.contains("nowhere.safetensors") && !message.contains("sd15"), "{message}");
    let failed = client.wait(&submit(&client, &painting("a red apple <lora:a-kohia:1>")));
    let message = failed["error"]["message"].as_str().unwrap();
    assert!(message.contains("Did you mean a.kohya"), "{message}");
}

/// Whether a finished job's picture was there already, and its digest.
fn painted(client: &Client, prompt: &str) -> (bool, Value) {
    let job = client.wait(&submit(client, &painting(prompt)));
    let render = &job["bricks"]["render"];
    (render["state"] == "cached", render["outputs"]["image"][0]["digest"].clone())
}

#[test]
fn a_file_that_a_prompt_names_unsettles_what_was_painted_before_it_came_changed_or_went() {
    let data = TempDir::new().unwrap();
    let (_server, client) = studio(&data);
    let references = checkout().join("tests/reference");
    let models = data.path().join("models");
    std::fs::create_dir_all(&models).unwrap();
    // The shelf looks into its folders every two seconds.
    let seen = || std::thread::sleep(std::time::Duration::from_millis(2500));

    let (word, inked) = ("a red apple, mytoken", "a red apple <lora:ink:1>");
    let (_, before) = painted(&client, word);
    assert_eq!(painted(&client, word), (true, before.clone()));
    assert_eq!(painted(&client, inked).1, Value::Null, "there is no such LoRA");
    std::fs::copy(references.join("embeddings/automatic1111.pt"), models.join("mytoken.pt")).unwrap();
    std::fs::copy(references.join("sd15-lora/a.kohya.safetensors"), models.join("ink.safetensors")).unwrap();
    seen();
    let (known, _) = painted(&client, word);
    assert!(!known, "the word is an embedding now");
    let (known, first) = painted(&client, inked);
    assert!(!known && first != Value::Null);
    assert_eq!(painted(&client, inked), (true, first.clone()), "with the same file it is the same picture");

    std::fs::copy(references.join("sd15-lora/b.kohya.safetensors"), models.join("ink.safetensors")).unwrap();
    std::fs::remove_file(models.join("mytoken.pt")).unwrap();
    seen();
    let (known, second) = painted(&client, inked);
    assert!(!known && second != first, "the LoRA is another one");
    assert_eq!(painted(&client, word), (true, before), "the word is a word again");
    std::fs::remove_file(models.join("ink.safetensors")).unwrap();
    seen();
    assert_eq!(painted(&client, inked).1, Value::Null, "the LoRA is gone");
}

#[test]
fn wildcards_are_settled_before_the_job_is_queued_and_written_down_with_their_seed() {
    let data = TempDir::new().unwrap();
    let (_server, client) = studio(&data);
    std::fs::create_dir_all(data.path().join("wildcards/things")).unwrap();
    std::fs::write(data.path().join("wildcards/things/fruit.txt"), "# what grows\nan apple\n").unwrap();

    let lists = client.get("/api/wildcards").body;
    assert_eq!(lists["names"], json!(["things/fruit"]));
    let job = submit(&client, &painting("{red|red} __things/fruit__"));
    assert_eq!(client.wait(&job)["state"], "succeeded");
    let document = client.get(&format!("/api/jobs/{job}")).body["document"].clone();
    let prompt = &document["bricks"][0];
    assert_eq!(prompt["params"]["prompt"], "red an apple");
    assert_eq!(prompt["wildcards"]["texts"]["prompt"], "{red|red} __things/fruit__");
    assert!(prompt["wildcards"]["seed"].is_u64(), "{prompt:#}");

    let refused = client.post("/api/jobs", &json!({"document": painting("a __dragon__")}));
    assert_eq!(refused.status, 400, "{:#}", refused.body);
    assert!(refused.body.to_string().contains("dragon.txt"), "{:#}", refused.body);
}
