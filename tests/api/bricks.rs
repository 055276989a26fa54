//! Bricks that misbehave inside the studio: the job fails with a clear message and everything else goes on.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::documents::without_inference;
use crate::fixtures;
use crate::http::Client;
use crate::server::Server;

/// A studio that has the fixture bricks beside its own, with little time and memory for each.
fn studio_with(bricks: &[&str]) -> (Server, Client, TempDir) {
    let data = TempDir::new().unwrap();
    fs::write(data.path().join("qpyt.toml"), "[limits]\ncpu_seconds = 1\nmemory_mib = 64\n").unwrap();
    for brick in bricks {
        install(&fixtures::folder(brick), &data.path().join("bricks").join(brick));
    }
    let server = Server::start(data.path(), &[]);
    let client = Client::new(&server.address);
    (server, client, data)
}

/// Copies a brick's folder.
pub fn install(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for file in fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), to.join(file.file_name())).unwrap();
    }
}

fn run(client: &Client, brick: &str) -> Value {
    let document = json!({"version": 1, "name": "Trouble", "bricks": [{"id": "trouble", "brick": brick}]});
    let answer = client.post("/api/jobs", &json!({"document": document}));
    assert_eq!(answer.status, 202, "{:#}", answer.body);
    answer.body
}

#[test]
fn a_brick_that_traps_fails_its_job_by_name_and_nothing_else() {
    let (_server, client, _data) = studio_with(&["limits"]);
    let job = client.wait(run(&client, "limits:trap")["id"].as_str().unwrap());
    assert_eq!(
        (&job["state"], &job["error"]["code"]),
        (&json!("failed"), &json!("brick-crashed")),
        "{job:#}"
    );
    assert_eq!(job["error"]["brick"], "trouble");
    assert!(job["error"]["message"].as_str().unwrap().contains("limits:trap"), "{}", job["error"]["message"]);
    let next = client.post("/api/jobs", &json!({"document": without_inference("still here")})).body;
    assert_eq!(client.wait(next["id"].as_str().unwrap())["state"], "succeeded");
}

#[test]
fn a_brick_that_computes_for_ever_is_stopped_at_its_budget_or_by_the_person() {
    let (_server, client, _data) = studio_with(&["limits"]);
    let over = client.wait(run(&client, "limits:loop")["id"].as_str().unwrap());
    assert_eq!(over["error"]["code"], "brick-cpu-budget");
    assert!(over["error"]["message"].as_str().unwrap().contains("cpu_seconds"));
    let id = run(&client, "limits:loop")["id"].as_str().unwrap().to_owned();
    client.wait_until(&id, |job| job["bricks"]["trouble"]["state"] == "running");
    client.post(&format!("/api/jobs/{id}/cancel"), &json!({}));
    assert_eq!(client.wait(&id)["state"], "cancelled");
}

#[test]
fn a_brick_that_grows_without_end_is_stopped_at_its_memory_limit() {
    let (_server, client, _data) = studio_with(&["limits"]);
    let job = client.wait(run(&client, "limits:grow")["id"].as_str().unwrap());
    assert_eq!(job["error"]["code"], "brick-memory");
    assert!(job["error"]["message"].as_str().unwrap().contains("memory_mib"), "{}", job["error"]["message"]);
}

#[test]
fn a_brick_that_can_not_be_loaded_is_listed_with_the_reason_and_the_others_load() {
    let (_server, client, data) = studio_with(&["no-run", "bad-schema"]);
    fs::create_dir_all(data.path().join("bricks/empty")).unwrap();
    let listed = client.get("/api/bricks").body;
    let refused = listed["refused"].as_array().unwrap();
    let paths: Vec<_> = refused.iter().map(|refused| refused["path"].as_str().unwrap()).collect();
    for name in ["no-run", "bad-schema"] {
        assert!(paths.iter().any(|path| path.ends_with(name)), "{name} is missing in {refused:#?}");
    }
    assert!(refused.iter().all(|refused| refused["message"].as_str().unwrap().len() > 20));
    assert!(listed["bricks"].as_array().unwrap().len() >= 7);
}

#[test]
fn what_a_brick_logs_is_kept_with_its_job_and_bounded() {
    let (_server, client, _data) = studio_with(&["limits"]);
    let sent = run(&client, "limits:flood");
    let job = client.wait(sent["id"].as_str().unwrap());
    assert_eq!(job["state"], "succeeded", "{job:#}");
    let count =
        usize::try_from(job["last_seq"].as_i64().unwrap() - sent["last_seq"].as_i64().unwrap()).unwrap();
    assert!((100..2000).contains(&count), "{count} events for 100,000 lines");
    let frames = client.events("/api/events", Some(sent["last_seq"].as_i64().unwrap()), 10);
    assert!(frames.iter().flatten().any(|line| line.contains("\"kind\":\"log\"")), "{frames:#?}");
}

#[test]
fn a_warning_of_a_brick_is_told_with_its_run_and_bounded() {
    let (_server, client, _data) = studio_with(&["limits"]);
    let job = client.wait(run(&client, "limits:loud")["id"].as_str().unwrap());
    let bricks: Vec<_> = job["bricks"].as_object().unwrap().values().collect();
    let notes = bricks[0]["notes"].as_array().unwrap();
    assert_eq!(notes.len(), 1, "{job:#}");
    let length = notes[0].as_str().unwrap().len();
    assert!((100..=400).contains(&length), "{length} bytes of a line of a million");
}
