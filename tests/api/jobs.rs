//! Sending, watching, stopping and removing jobs.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::documents::{first_picture, long_run, set, without_inference};
use crate::{client, http};

/// Sends a document that is in order, and gives the job's id.
pub fn submit(client: &http::Client, document: &serde_json::Value) -> String {
    let answer = client.post("/api/jobs", &json!({"document": document}));
    assert_eq!(answer.status, 202, "{:#}", answer.body);
    answer.body["id"].as_str().unwrap().to_owned()
}

#[test]
fn a_workflow_becomes_a_picture() {
    let client = client();
    let job = client.wait(&submit(&client, &first_picture("red apple on a blue background", 7)));
    assert_eq!(job["state"], "succeeded", "{job:#}");
    let result = &job["results"][0];
    assert_eq!((result["width"].as_u64(), result["height"].as_u64()), (Some(64), Some(64)));
    assert_eq!(result["info"]["seed"], 7);
    let file = client.fetch(&format!("/api/content/{}", result["file"].as_str().unwrap()), &[]);
    assert_eq!(file.headers()["content-type"], "image/png");
    assert_eq!(job["bricks"]["render"]["state"], "done");
    let lock = &job["document"]["lock"];
    assert!(
        lock["bricks"]["qpyt:render@^0.1"]["digest"].as_str().unwrap().starts_with("blake3:"),
        "{lock:#}"
    );
    assert!(lock["models"]["emoji"].as_str().unwrap().starts_with("blake3:"), "{lock:#}");
}

#[test]
fn the_same_job_is_answered_from_the_cache() {
    let client = client();
    let document = first_picture("green frog", 11);
    let first = client.wait(&submit(&client, &document));
    let second = client.wait(&submit(&client, &document));
    assert_eq!(first["bricks"]["render"]["state"], "done");
    assert_eq!(second["bricks"]["render"]["state"], "cached");
    assert_eq!(first["results"][0]["file"], second["results"][0]["file"]);
}

#[test]
fn a_size_left_open_is_the_model_s_own_and_its_picture_is_remembered() {
    let client = client();
    let mut document = first_picture("orange", 13);
    set(&mut document, "settings", "width", json!(null));
    set(&mut document, "settings", "height", json!(null));
    let first = client.wait(&submit(&client, &document));
    assert_eq!(first["results"][0]["width"], 64, "{first:#}");
    let second = client.wait(&submit(&client, &document));
    assert_eq!(second["bricks"]["render"]["state"], "cached");
}

#[test]
fn only_what_a_change_touches_runs_again() {
    let client = client();
    let mut document = first_picture("yellow banana", 12);
    client.wait(&submit(&client, &document));
    set(&mut document, "output", "format", json!("jpeg"));
    let job = client.wait(&submit(&client, &document));
    assert_eq!(job["bricks"]["render"]["state"], "cached");
    assert_eq!(job["bricks"]["output"]["state"], "done");
    assert_eq!(job["results"][0]["container"], "jpeg");
}

#[test]
fn a_seed_left_to_chance_is_drawn_and_written_into_the_job() {
    let client = client();
    let mut document = first_picture("castle", 0);
    set(&mut document, "settings", "seed", json!(null));
    let job = client.post("/api/jobs", &json!({"document": document})).body;
    let whole = client.get(&format!("/api/jobs/{}", job["id"].as_str().unwrap())).body;
    let bricks = whole["document"]["bricks"].as_array().unwrap();
    let settings = bricks.iter().find(|brick| brick["id"] == "settings").unwrap();
    assert!(settings["params"]["seed"].is_u64(), "{settings:#}");
    client.post(&format!("/api/jobs/{}/cancel", job["id"].as_str().unwrap()), &json!({}));
}

#[test]
fn sending_a_job_twice_with_one_id_runs_it_once() {
    let client = client();
    let id = "0197f0a0-0000-7000-8000-000000000001";
    let body = json!({"id": id, "document": without_inference("twice")});
    let first = client.post("/api/jobs", &body);
    let again = client.post("/api/jobs", &body);
    assert_eq!((first.status, again.status), (202, 202));
    assert_eq!(first.body["number"], again.body["number"]);
    let other = client.post("/api/jobs", &json!({"id": id, "document": without_inference("another")}));
    assert_eq!(other.status, 409, "{:#}", other.body);
}

#[test]
fn a_partial_run_stops_at_its_target() {
    let client = client();
    let answer =
        client.post("/api/jobs", &json!({"document": first_picture("moon", 3), "targets": ["styles"]}));
    let job = client.wait(answer.body["id"].as_str().unwrap());
    assert_eq!(job["state"], "succeeded");
    assert_eq!(job["lane"], "cpu");
    let ran: Vec<_> = job["bricks"].as_object().unwrap().keys().collect();
    assert_eq!(ran, ["prompt", "styles"]);
}

#[test]
fn a_job_without_inference_does_not_wait_for_one_with() {
    let client = client();
    let long = long_run("slow rocket", 21);
    let long = submit(&client, &long);
    let short = client.wait(&submit(&client, &without_inference("quick")));
    assert_eq!(short["state"], "succeeded");
    let still = client.get(&format!("/api/jobs/{long}")).body;
    assert!(["queued", "running"].contains(&still["state"].as_str().unwrap()), "{}", still["state"]);
    client.post(&format!("/api/jobs/{long}/cancel"), &json!({}));
}

#[test]
fn waiting_and_running_jobs_can_be_cancelled() {
    let client = client();
    let mut document = long_run("rainbow", 31);
    let running = submit(&client, &document);
    set(&mut document, "settings", "seed", json!(32));
    let waiting = submit(&client, &document);
    let seen = client.wait_until(&running, |job| job["bricks"]["render"]["step"].as_u64() >= Some(2));
    let cancelled = client.post(&format!("/api/jobs/{waiting}/cancel"), &json!({})).body;
    assert_eq!(cancelled["state"], "cancelled", "a waiting job stops at once");
    client.post(&format!("/api/jobs/{running}/cancel"), &json!({}));
    let ended = client.wait(&running);
    assert_eq!(ended["state"], "cancelled");
    assert_eq!(
        ended["bricks"]["render"]["state"], "skipped",
        "saw it at step {}",
        seen["bricks"]["render"]["step"]
    );
    assert_eq!(ended["results"].as_array().map(Vec::len), Some(0));
}

#[test]
fn a_running_job_shows_steps_and_a_preview() {
    let client = client();
    let id = submit(&client, &long_run("sunflower", 41));
    let job = client.wait_until(&id, |job| {
        job["preview"].is_object() || job["state"] != "running" && job["state"] != "queued"
    });
    let image = job["preview"]["image"].as_str().expect("a preview while it runs");
    assert!(image.starts_with("data:image/jpeg;base64,"));
    assert_eq!(job["bricks"]["render"]["steps"], 150);
    client.post(&format!("/api/jobs/{id}/cancel"), &json!({}));
}

#[test]
fn a_finished_job_can_be_removed_and_a_running_one_not() {
    let client = client();
    let done = submit(&client, &without_inference("remove me"));
    client.wait(&done);
    assert_eq!(client.delete(&format!("/api/jobs/{done}")).status, 204);
    assert_eq!(client.get(&format!("/api/jobs/{done}")).status, 404);
    let document = long_run("keep me", 51);
    let running = submit(&client, &document);
    assert_eq!(client.delete(&format!("/api/jobs/{running}")).status, 409);
    client.post(&format!("/api/jobs/{running}/cancel"), &json!({}));
}

#[test]
fn posting_a_job_answers_before_it_runs() {
    let client = client();
    let mut document = long_run("patience", 61);
    let ids: Vec<_> = (0..3)
        .map(|seed| {
            set(&mut document, "settings", "seed", json!(seed));
            let answer = client.post("/api/jobs", &json!({"document": document}));
            assert!(["queued", "running"].contains(&answer.body["state"].as_str().unwrap()));
            answer.body["id"].as_str().unwrap().to_owned()
        })
        .collect();
    let started = Instant::now();
    for id in ids {
        client.post(&format!("/api/jobs/{id}/cancel"), &json!({}));
        client.wait(&id);
    }
    assert!(
        started.elapsed() < Duration::from_secs(60),
        "cancelling three jobs took longer than running them"
    );
}
