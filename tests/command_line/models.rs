//! `qpyt models` as a person types it, with a Hub beside.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::hub::{Hub, MODEL};
use crate::server::{QPYT, checkout};
use crate::{complaint, json};

struct Place {
    hub: Hub,
    data: TempDir,
}

impl Place {
    fn new(weights: usize) -> Self {
        let (hub, data) = (Hub::with_weights(weights), TempDir::new().unwrap());
        hub.allow(data.path());
        let place = Self { hub, data };
        // A data folder that somebody used before.
        assert_eq!(place.model()["state"], "available");
        place
    }

    fn begin(&self, arguments: &[&str]) -> Child {
        Command::new(QPYT)
            .args(["models"])
            .args(arguments)
            .arg("--data")
            .arg(self.data.path())
            .current_dir(checkout())
            .env("HF_ENDPOINT", self.hub.endpoint())
            .env("HF_TOKEN", "")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.begin(arguments).wait_with_output().unwrap()
    }

    fn model(&self) -> Value {
        let listed = json(&self.run(&["catalogue", "--json"]));
        listed["models"].as_array().unwrap().iter().find(|model| model["name"] == MODEL).unwrap().clone()
    }
}

#[test]
fn a_model_is_fetched_by_name_and_removed_after_a_word() {
    let place = Place::new(100_000);
    let fetched = place.run(&["pull", MODEL]);
    assert!(fetched.status.success(), "{}", String::from_utf8_lossy(&fetched.stderr));
    let folder = String::from_utf8(fetched.stdout).unwrap();
    assert_eq!(fs::read(Path::new(folder.trim()).join("model.safetensors")).unwrap(), place.hub.weights());
    assert_eq!(place.model()["state"], "installed");
    assert!(complaint(&place.run(&["pull", MODEL])).contains("installed already"));
    assert!(complaint(&place.run(&["remove", MODEL])).contains("--yes"));
    assert!(place.run(&["remove", MODEL, "--yes"]).status.success());
    assert_eq!(place.model()["state"], "available");
    assert!(complaint(&place.run(&["remove", "emoji", "--yes"])).contains("not fetched by the studio"));
}

#[test]
fn a_slip_in_a_name_is_answered_with_the_right_one() {
    let place = Place::new(10);
    assert!(complaint(&place.run(&["pull", "u2nett"])).contains("did you mean \"u2net"));
    let listed = String::from_utf8(place.run(&["catalogue"]).stdout).unwrap();
    assert!(listed.contains("u2net ") && listed.contains("background-removal"), "{listed}");
}

#[cfg(unix)]
#[test]
fn ctrl_c_keeps_what_came_and_says_how_to_go_on() {
    let place = Place::new(3 << 20);
    place.hub.manners().slow = Some(Duration::from_millis(25));
    let running = place.begin(&["pull", MODEL]);
    let started = Instant::now();
    while place.model()["done_bytes"].as_u64() < Some(1 << 20) {
        assert!(started.elapsed() < Duration::from_secs(60), "nothing came");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(place.model()["state"], "fetching", "another process sees that it is fetched");
    let pid = running.id().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    let ended = running.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(130));
    let told = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(told.contains("are kept") && told.contains(&format!("qpyt models pull {MODEL}")), "{told}");
    assert_eq!(place.model()["state"], "interrupted");

    place.hub.manners().slow = None;
    assert!(place.run(&["pull", MODEL]).status.success());
    assert_eq!(place.hub.asked_for_weights().len(), 2);
}

#[test]
fn two_processes_fetch_a_model_once() {
    let place = Place::new(2 << 20);
    place.hub.manners().slow = Some(Duration::from_millis(10));
    let (first, second) = (place.begin(&["pull", MODEL]), place.begin(&["pull", MODEL]));
    for running in [first, second] {
        let ended = running.wait_with_output().unwrap();
        assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    }
    assert_eq!(place.hub.asked_for_weights().len(), 1);
}
