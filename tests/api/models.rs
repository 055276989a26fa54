//! Models that are fetched: whole, checked, resumed, and never from where they should not come.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::http::{Answer, Client};
use crate::hub::{Hub, MODEL, REPO};
use crate::server::Server;

/// A studio whose Hub is a server beside it.
struct Place {
    server: Server,
    client: Client,
    data: TempDir,
    hub: Hub,
}

impl Place {
    fn new(weights: usize) -> Self {
        Self::of(Hub::with_weights(weights))
    }

    fn of(hub: Hub) -> Self {
        let data = TempDir::new().unwrap();
        hub.allow(data.path());
        let server = start(&hub, &data);
        let client = Client::new(&server.address);
        Self { server, client, data, hub }
    }

    /// Kills the studio and starts another one on the same data.
    fn power_cut(&mut self) {
        self.server.kill();
        self.server = start(&self.hub, &self.data);
        self.client = Client::new(&self.server.address);
    }

    fn pull(&self) -> Answer {
        self.client.post(&format!("/api/models/{MODEL}/pull"), &json!({}))
    }

    fn show(&self) -> Value {
        self.client.get(&format!("/api/models/{MODEL}/pull")).body
    }

    /// Waits until the model stands like this.
    fn wait(&self, state: &str) -> Value {
        self.wait_until(state, |model| model["state"] == state)
    }

    fn wait_until(&self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let started = Instant::now();
        loop {
            let model = self.show();
            if wanted(&model) {
                return model;
            }
            assert!(started.elapsed() < Duration::from_secs(60), "it was never {what}: {model:#}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn fetched(&self) -> Value {
        let answer = self.pull();
        assert_eq!(answer.status, 202, "{:#}", answer.body);
        self.wait("installed")
    }

    fn folder(&self) -> PathBuf {
        self.data.path().join("models").join(MODEL)
    }

    /// Everything below the folder of models, but for locks.
    fn left(&self) -> Vec<String> {
        let mut found = Vec::new();
        let mut folders = vec![self.data.path().join("models")];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).into_iter().flatten() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_none_or(|ending| ending != "lock") {
                    let below = path.strip_prefix(self.data.path()).unwrap();
                    found.push(below.display().to_string());
                }
            }
        }
        found.sort();
        found
    }
}

fn start(hub: &Hub, data: &TempDir) -> Server {
    Server::start_with(data.path(), &[], &[("HF_ENDPOINT", &hub.endpoint()), ("HF_TOKEN", "")])
}

#[test]
fn a_model_comes_whole_and_checked_and_goes_again() {
    let place = Place::new(300_000);
    let before = place.show();
    assert_eq!((&before["state"], &before["removable"]), (&json!("available"), &json!(false)));
    let size = place.client.get(&format!("/api/models/{MODEL}/size")).body;
    assert!(size["missing_bytes"].as_u64().unwrap() > 300_000, "{size:#}");
    assert!(size["free_bytes"].as_u64().is_some());

    let model = place.fetched();
    assert_eq!(model["removable"], true, "{model:#}");
    assert_eq!(model["path"].as_str().unwrap(), place.folder().display().to_string());
    assert_eq!(fs::read(place.folder().join("model.safetensors")).unwrap(), place.hub.weights());
    assert_eq!(fs::read(place.folder().join("merges.txt")).unwrap(), b"a b\n");
    assert!(!place.folder().join("README.md").exists(), "nobody asked for it");
    let record: Value =
        serde_json::from_slice(&fs::read(place.folder().join("qpyt-model.json")).unwrap()).unwrap();
    let file = &record["files"]["model.safetensors"];
    assert_eq!((&file["bytes"], &file["promised"]), (&json!(300_000), &json!(true)), "{record:#}");
    assert_eq!(file["origin"]["repo"], REPO);
    assert_eq!(record["files"].as_object().unwrap().len(), 4);
    assert_eq!(place.left().len(), 5, "{:?}", place.left());

    let again = place.pull();
    assert_eq!((again.status, &again.body["error"]["code"]), (409, &json!("installed")));
    assert_eq!(place.client.delete(&format!("/api/models/{MODEL}")).status, 204);
    assert_eq!(place.show()["state"], "available");
    assert!(place.left().is_empty(), "{:?}", place.left());
    assert_eq!(place.client.delete(&format!("/api/models/{MODEL}")).body["error"]["code"], "not-ours");
}

#[test]
fn the_catalogue_tells_what_ships_and_what_is_unknown() {
    let place = Place::new(10);
    let listed = place.client.get("/api/models/catalogue").body;
    let models = listed["models"].as_array().unwrap();
    let emoji = models.iter().find(|model| model["name"] == "emoji").unwrap();
    assert_eq!(emoji["state"], "ships");
    assert!(listed["free_bytes"].as_u64().is_some());
    let ships = place.client.post("/api/models/emoji/pull", &json!({}));
    assert_eq!((ships.status, &ships.body["error"]["code"]), (409, &json!("installed")));
    let unknown = place.client.post("/api/models/..%2F..%2Fetc/pull", &json!({}));
    assert_eq!((unknown.status, &unknown.body["error"]["code"]), (404, &json!("not-found")));
    assert!(place.hub.asked().is_empty());
}

#[test]
fn a_killed_studio_shows_the_interrupted_pull_and_goes_on_where_it_was() {
    let mut place = Place::new(3 << 20);
    place.hub.manners().slow = Some(Duration::from_millis(25));
    assert_eq!(place.pull().status, 202);
    place.wait_until("half-way", |model| model["done_bytes"].as_u64() >= Some(1 << 20));
    place.power_cut();
    let model = place.show();
    assert_eq!(model["state"], "interrupted", "{model:#}");
    let done = model["done_bytes"].as_u64().unwrap();
    assert!((1 << 20..3 << 20).contains(&done), "{model:#}");

    place.hub.manners().slow = None;
    place.fetched();
    assert_eq!(fs::read(place.folder().join("model.safetensors")).unwrap(), place.hub.weights());
    let asked = place.hub.asked_for_weights();
    assert_eq!(asked.len(), 2, "{asked:#?}");
    let range = asked[1].head.lines().find_map(|line| line.strip_prefix("range: bytes=")).unwrap();
    assert!(range.trim_end_matches('-').parse::<u64>().unwrap() >= 1 << 20, "{range}");
    assert!(asked[1].head.contains("if-range: \"first\""), "{}", asked[1].head);
}

#[test]
fn a_file_under_another_etag_starts_anew() {
    let mut place = Place::new(3 << 20);
    place.hub.manners().slow = Some(Duration::from_millis(25));
    place.pull();
    place.wait_until("half-way", |model| model["done_bytes"].as_u64() >= Some(1 << 20));
    place.power_cut();
    place.hub.manners().slow = None;
    place.hub.manners().etag = "\"second".to_owned();
    place.fetched();
    assert_eq!(fs::read(place.folder().join("model.safetensors")).unwrap(), place.hub.weights());
}

#[test]
fn a_connection_that_breaks_and_a_server_that_is_busy_are_tried_again() {
    let place = Place::new(2 << 20);
    place.hub.manners().truncated = Some((2, 700_000));
    place.hub.manners().busy = 1;
    place.fetched();
    assert_eq!(fs::read(place.folder().join("model.safetensors")).unwrap(), place.hub.weights());
    let asked = place.hub.asked_for_weights();
    assert_eq!(asked.len(), 4, "{asked:#?}");
    assert!(asked[2].head.contains("range: bytes=700000-"), "{}", asked[2].head);
    assert!(asked[3].head.contains("range: bytes=1400000-"), "{}", asked[3].head);
}

#[test]
fn a_forged_file_is_refused_and_not_kept() {
    let place = Place::new(200_000);
    place.hub.manners().forged = true;
    place.pull();
    let model = place.wait("failed");
    let message = model["message"].as_str().unwrap();
    assert!(message.contains("model.safetensors") && message.contains("SHA-256"), "{message}");
    assert!(!place.folder().exists());
    assert!(place.left().iter().all(|path| !path.contains("safetensors") && !path.ends_with(".part")));

    place.hub.manners().forged = false;
    place.fetched();
    assert_eq!(fs::read(place.folder().join("model.safetensors")).unwrap(), place.hub.weights());
}

#[test]
fn names_that_lead_out_of_the_folder_end_the_pull_before_a_file_is_asked_for() {
    for path in ["../escaped.json", "/tmp/escaped.json", "a/../../escaped.json", "a\\..\\escaped.json"] {
        let place = Place::new(1000);
        place.hub.manners().more = vec![json!({"type": "file", "path": path, "size": 2, "oid": "0"})];
        place.pull();
        let model = place.wait("failed");
        assert!(model["message"].as_str().unwrap().contains("can't be used"), "{model:#}");
        assert!(place.left().is_empty(), "{:?}", place.left());
        assert!(place.hub.asked().iter().all(|asked| !asked.path.contains("/resolve/")));
    }
}

#[test]
fn a_disk_that_is_too_small_is_told_before_anything_comes() {
    let place = Place::new(1000);
    let huge = json!({"oid": "00".repeat(32), "size": 1_u64 << 60});
    place.hub.manners().more =
        vec![json!({"type": "file", "path": "huge.json", "size": 1_u64 << 60, "lfs": huge})];
    place.pull();
    let message = place.wait("failed")["message"].as_str().unwrap().to_owned();
    assert!(message.contains("1.0 EiB are needed") && message.contains("Free some space"), "{message}");
    assert!(place.left().is_empty(), "{:?}", place.left());
}

#[test]
fn a_gated_model_says_where_to_accept_and_the_token_goes_to_the_hub_alone() {
    let place = Place::new(100_000);
    place.hub.manners().token = Some("hf_right".to_owned());
    place.pull();
    let message = place.wait("failed")["message"].as_str().unwrap().to_owned();
    for word in [REPO, "/settings/tokens", "qpyt secrets set huggingface", "HF_TOKEN"] {
        assert!(message.contains(word), "{word}: {message}");
    }
    let set =
        |value: &str| place.client.put("/api/secrets/huggingface", &json!({ "value": value }), &[]).status;
    assert_eq!(set("hf_wrong"), 200);
    place.pull();
    let message =
        place.wait_until("told", |model| model["message"] != message.as_str() && model["state"] == "failed");
    assert!(message["message"].as_str().unwrap().contains("your token"), "{message:#}");

    assert_eq!(set("hf_right"), 200);
    place.fetched();
    let asked = place.hub.asked();
    assert!(
        asked.iter().any(|asked| !asked.at_store && asked.head.contains("authorization: bearer hf_right"))
    );
    assert!(asked.iter().all(|asked| !asked.at_store || !asked.head.contains("hf_")), "{asked:#?}");
}

#[test]
fn the_offline_switch_refuses_pulls_and_ends_those_under_way() {
    let place = Place::new(3 << 20);
    let switch = |offline: bool| place.client.put("/api/network", &json!({ "offline": offline }), &[]).status;
    assert_eq!(switch(true), 200);
    let refused = place.pull();
    assert_eq!((refused.status, &refused.body["error"]["code"]), (409, &json!("offline")));
    assert!(refused.body["error"]["message"].as_str().unwrap().contains("Bricks page"));
    assert!(place.hub.asked().is_empty());

    assert_eq!(switch(false), 200);
    place.hub.manners().slow = Some(Duration::from_millis(25));
    place.pull();
    place.wait_until("half-way", |model| model["done_bytes"].as_u64() >= Some(1 << 20));
    assert_eq!(switch(true), 200);
    let model = place.wait("failed");
    assert!(model["message"].as_str().unwrap().contains("switched off"), "{model:#}");
    assert!(model["done_bytes"].as_u64() >= Some(1 << 20), "what came is kept: {model:#}");
    assert_eq!(switch(false), 200);
    place.hub.manners().slow = None;
    place.fetched();
}

#[test]
fn private_servers_that_nobody_exempted_are_not_asked() {
    let hub = Hub::with_weights(100);
    let data = TempDir::new().unwrap();
    let server = start(&hub, &data);
    let client = Client::new(&server.address);
    client.post(&format!("/api/models/{MODEL}/pull"), &json!({}));
    let place = Place { server, client, data, hub };
    let message = place.wait("failed")["message"].as_str().unwrap().to_owned();
    assert!(message.contains("private_hosts"), "{message}");
    assert!(place.hub.asked().is_empty());
}

#[test]
fn a_pull_is_joined_stopped_and_thrown_away() {
    let place = Place::new(3 << 20);
    place.hub.manners().slow = Some(Duration::from_millis(25));
    assert_eq!((place.pull().status, place.pull().status), (202, 202));
    place.wait_until("half-way", |model| model["done_bytes"].as_u64() >= Some(1 << 20));
    assert_eq!(place.pull().status, 202);
    assert_eq!(place.hub.asked_for_weights().len(), 1, "all of them join the first");

    let path = format!("/api/models/{MODEL}/pull");
    let stopped = place.client.delete(&path).body;
    assert_eq!(stopped["state"], "interrupted", "{stopped:#}");
    assert!(stopped["done_bytes"].as_u64() >= Some(1 << 20));
    assert!(place.client.get("/api/models").body["broken"].as_array().unwrap().is_empty());
    let gone = place.client.delete(&format!("{path}?discard=true")).body;
    assert_eq!((&gone["state"], &gone["done_bytes"]), (&json!("available"), &Value::Null));
    assert!(place.left().is_empty(), "{:?}", place.left());
}

#[test]
fn listeners_hear_how_far_a_pull_is() {
    let place = Place::new(1 << 20);
    place.hub.manners().slow = Some(Duration::from_millis(10));
    let address = place.server.address.clone();
    let listening = std::thread::spawn(move || Client::new(&address).events("/api/events", None, 3));
    std::thread::sleep(Duration::from_millis(200));
    place.fetched();
    for frame in listening.join().unwrap() {
        assert_eq!(frame[0], "event: models", "{frame:?}");
        let model: Value = serde_json::from_str(frame[1].strip_prefix("data: ").unwrap()).unwrap();
        assert_eq!(model["name"], MODEL);
    }
}
