//! What survives the death of the program.

use serde_json::json;
use tempfile::TempDir;

use crate::documents::{first_picture, long_run, without_inference};
use crate::http::Client;
use crate::server::Server;

#[test]
fn a_killed_studio_runs_what_it_left_and_keeps_the_queue() {
    let data = TempDir::new().unwrap();
    let server = Server::start(data.path(), &[]);
    let client = Client::new(&server.address);
    let done = client.post("/api/jobs", &json!({"document": without_inference("before")})).body["id"].clone();
    client.wait(done.as_str().unwrap());
    let running =
        client.post("/api/jobs", &json!({"document": long_run("patient turtle", 1)})).body["id"].clone();
    let waiting =
        client.post("/api/jobs", &json!({"document": long_run("patient turtle", 2)})).body["id"].clone();
    let dropped =
        client.post("/api/jobs", &json!({"document": long_run("patient turtle", 3)})).body["id"].clone();
    client.wait_until(running.as_str().unwrap(), |job| job["bricks"]["render"]["step"].as_u64() >= Some(2));
    client.post(&format!("/api/jobs/{}/cancel", dropped.as_str().unwrap()), &json!({}));

    let server = server.kill_and_start_again();
    let client = Client::new(&server.address);
    let of = |id: &serde_json::Value| client.get(&format!("/api/jobs/{}", id.as_str().unwrap())).body;
    assert_eq!(of(&done)["state"], "succeeded");
    assert_eq!(of(&dropped)["state"], "cancelled");
    assert_eq!(of(&waiting)["state"], "queued");
    let again = client.wait_until(running.as_str().unwrap(), |job| job["state"] == "running");
    assert_eq!(again["attempt"], 2, "the interrupted job runs before those that waited");

    let server = server.kill_and_start_again();
    let client = Client::new(&server.address);
    let gone = client.get(&format!("/api/jobs/{}", running.as_str().unwrap())).body;
    assert_eq!(gone["state"], "interrupted", "it had its two attempts");
    client.wait_until(waiting.as_str().unwrap(), |job| job["state"] == "running");
}

#[test]
fn a_cached_picture_survives_a_restart() {
    let data = TempDir::new().unwrap();
    let server = Server::start(data.path(), &[]);
    let submit = |client: &Client| {
        let id =
            client.post("/api/jobs", &json!({"document": first_picture("blue heart", 4)})).body["id"].clone();
        client.wait(id.as_str().unwrap())
    };
    let first = submit(&Client::new(&server.address));
    let server = server.kill_and_start_again();
    let second = submit(&Client::new(&server.address));
    assert_eq!(second["bricks"]["render"]["state"], "cached");
    assert_eq!(first["results"][0]["file"], second["results"][0]["file"]);
}
