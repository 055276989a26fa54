//! The command line, as a person types it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

#[path = "../support/fixtures.rs"]
mod fixtures;
#[path = "../support/hub.rs"]
mod hub;
#[path = "../support/server.rs"]
mod server;

mod models;
mod single_files;

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

fn qpyt(data: &Path, arguments: &[&str]) -> Output {
    Command::new(server::QPYT)
        .args(arguments)
        .arg("--data")
        .arg(data)
        .current_dir(server::checkout())
        .output()
        .expect("qpyt runs")
}

fn json(output: &Output) -> Value {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON on stdout")
}

fn complaint(output: &Output) -> String {
    assert!(!output.status.success(), "it should have failed");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

const APPLE: [&str; 5] =
    ["run", "workflows/first-picture.json", "--set", "prompt.prompt=red apple on a blue background", "--set"];

fn apple(data: &Path, out: &Path) -> Value {
    let mut arguments = APPLE.to_vec();
    arguments.extend(["settings.seed=7", "--json", "--out", out.to_str().unwrap()]);
    json(&qpyt(data, &arguments))
}

/// The mean colour of the corners and of the middle.
fn colours(file: &Path) -> ([f64; 3], [f64; 3]) {
    let image =
        qpyt_bricks::media::decode(&fs::read(file).unwrap(), qpyt_bricks::media::DecodeLimits::default())
            .unwrap();
    let image = image.convert(qpyt_bricks::media::PixelFormat::Rgb8).unwrap();
    let (width, height) = (image.width() as usize, image.height() as usize);
    let mean = |points: &[(usize, usize)]| {
        let mut sum = [0.0; 3];
        for (x, y) in points {
            for (channel, total) in sum.iter_mut().enumerate() {
                *total += f64::from(image.pixels()[(y * width + x) * 3 + channel]) / points.len() as f64;
            }
        }
        sum
    };
    let corners = [(2, 2), (width - 3, 2), (2, height - 3), (width - 3, height - 3)];
    let middle: Vec<_> = (0..16).map(|at| (width / 2 - 6 + at % 4 * 4, height / 2 + at / 4 * 3)).collect();
    (mean(&corners), mean(&middle))
}

#[test]
fn the_default_workflow_paints_a_red_apple_on_blue_the_same_way_every_time() {
    let (data, other, out) = (TempDir::new().unwrap(), TempDir::new().unwrap(), TempDir::new().unwrap());
    let first = apple(data.path(), out.path());
    let file = Path::new(first["files"][0]["path"].as_str().unwrap());
    let (corners, middle) = colours(file);
    assert!(corners[2] > corners[0] + 40.0, "the background is not blue: {corners:?}");
    assert!(middle[0] > middle[1] + 60.0 && middle[0] > middle[2] + 60.0, "the apple is not red: {middle:?}");

    let cached = apple(data.path(), out.path());
    assert_eq!(cached["bricks"]["render"]["state"], "cached");
    assert_eq!(
        cached["files"][0]["path"], first["files"][0]["path"],
        "the same picture is not written twice"
    );

    let again = TempDir::new().unwrap();
    let fresh = apple(other.path(), again.path());
    assert_eq!(fresh["bricks"]["render"]["state"], "done");
    let bytes = |run: &Value| fs::read(run["files"][0]["path"].as_str().unwrap()).unwrap();
    assert_eq!(bytes(&first), bytes(&fresh));
}

#[test]
fn the_data_folder_may_come_before_the_command() {
    let data = TempDir::new().unwrap();
    let output = Command::new(server::QPYT)
        .arg("--data")
        .arg(data.path())
        .args(["models", "--json"])
        .output()
        .unwrap();
    let listed = json(&output);
    assert_eq!(listed["models"][0]["id"], "emoji");
}

#[test]
fn bricks_are_listed_with_what_they_may_do() {
    let data = TempDir::new().unwrap();
    let listed = json(&qpyt(data.path(), &["bricks", "--json"]));
    let bricks = listed["bricks"].as_array().unwrap();
    let ids: Vec<_> = bricks.iter().map(|brick| brick["id"].as_str().unwrap()).collect();
    for id in ["image-input", "image-out", "prompt", "render", "save-to-disk", "settings", "styles"] {
        assert!(ids.contains(&format!("qpyt:{id}").as_str()), "{id}");
    }
    let save = bricks.iter().find(|brick| brick["id"] == "qpyt:save-to-disk").unwrap();
    assert!(save["uses"].as_array().unwrap().iter().any(|import| import == "qpyt:store/files"));
    assert!(save["digest"].as_str().unwrap().starts_with("blake3:"));
    assert_eq!(listed["refused"], serde_json::json!([]));
}

#[test]
fn a_sound_workflow_is_ready_and_a_broken_one_is_told_everything() {
    let data = TempDir::new().unwrap();
    let sound = qpyt(data.path(), &["check", "workflows/first-picture.json"]);
    assert!(sound.status.success());
    let file = data.path().join("broken.json");
    fs::write(
        &file,
        r#"{"version": 1, "name": "Broken", "bricks": [
        {"id": "a", "brick": "qpyt:settings", "params": {"width": 1000000, "steps": 0}},
        {"id": "b", "brick": "qpyt:nothing"}]}"#,
    )
    .unwrap();
    let broken = qpyt(data.path(), &["check", file.to_str().unwrap()]);
    assert_eq!(broken.status.code(), Some(2));
    let told = complaint(&broken);
    for word in ["width", "steps", "qpyt:nothing"] {
        assert!(told.contains(word), "{word} is missing in {told}");
    }
}

#[test]
fn a_slip_in_a_setting_is_answered_with_the_right_name() {
    let data = TempDir::new().unwrap();
    let told =
        complaint(&qpyt(data.path(), &["run", "workflows/first-picture.json", "--set", "settings.sede=7"]));
    assert!(told.contains("seed"), "{told}");
    fs::write(data.path().join("qpyt.toml"), "prot = 9000\n").unwrap();
    let told = complaint(&qpyt(data.path(), &["models"]));
    assert!(told.contains("prot") && told.contains("port"), "{told}");
}

#[test]
fn a_file_that_is_not_there_or_not_json_is_named() {
    let data = TempDir::new().unwrap();
    assert!(complaint(&qpyt(data.path(), &["run", "nowhere.json"])).contains("nowhere.json"));
    let file = data.path().join("half.json");
    fs::write(&file, "{\"version\": 1, \"bricks\": [").unwrap();
    let told = complaint(&qpyt(data.path(), &["check", file.to_str().unwrap()]));
    assert!(told.contains("half.json") && told.contains("line"), "{told}");
}

#[test]
fn a_command_works_beside_a_running_studio() {
    let (server, data) = server::Server::fresh();
    let out = TempDir::new().unwrap();
    let run = apple(data.path(), out.path());
    assert_eq!(run["state"], "succeeded");
    assert!(Path::new(run["files"][0]["path"].as_str().unwrap()).exists());
    drop(server);
}

#[test]
fn a_second_studio_on_the_same_data_says_who_has_it() {
    let (server, data) = server::Server::fresh();
    let told = complaint(&qpyt(data.path(), &["serve", "--no-open", "--port", "0"]));
    assert!(told.contains("--data") && told.contains("process"), "{told}");
    drop(server);
}

#[test]
fn a_folder_is_granted_and_taken_back() {
    let (data, folder) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let path = folder.path().to_str().unwrap();
    assert!(qpyt(data.path(), &["bricks", "grant", "qpyt:save-to-disk", "--folder", path]).status.success());
    let listed = json(&qpyt(data.path(), &["bricks", "--json"]));
    let save =
        listed["bricks"].as_array().unwrap().iter().find(|brick| brick["id"] == "qpyt:save-to-disk").unwrap();
    assert_eq!(save["granted"].as_array().map(Vec::len), Some(1), "{save:#}");
    assert!(qpyt(data.path(), &["bricks", "revoke", "qpyt:save-to-disk", "--folder", path]).status.success());
    let told = complaint(&qpyt(data.path(), &["bricks", "revoke", "qpyt:save-to-disk", "--folder", path]));
    assert!(told.contains("no permission"), "{told}");
    let told = complaint(&qpyt(data.path(), &["bricks", "grant", "qpyt:prompt", "--folder", path]));
    assert!(told.contains("does not use"), "{told}");
}

#[test]
fn a_host_and_a_secret_are_granted_tried_without_and_taken_back() {
    let data = TempDir::new().unwrap();
    install_network(data.path());
    let run = |action: &str, more: &[&str]| {
        let mut arguments = vec!["bricks", action, "network:send"];
        arguments.extend(more);
        qpyt(data.path(), &arguments)
    };
    let said = |output: Output| {
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(said(run("grant", &["--host", "API.example.org:443"])).contains("reach api.example.org:443"));
    assert!(said(run("grant", &["--secret", "example-key", "--trial"])).contains("on trial"));
    let listed = said(qpyt(data.path(), &["bricks"]));
    assert!(listed.contains("may reach api.example.org:443\n"), "{listed}");
    assert!(listed.contains("may use the secret example-key (on trial, needed 0 times)"), "{listed}");
    assert!(said(run("revoke", &["--host", "api.example.org:443", "--trial"])).contains("may still"));
    let listed = said(qpyt(data.path(), &["bricks"]));
    assert!(listed.contains("may reach api.example.org:443 (on trial"), "{listed}");
    assert!(said(run("revoke", &["--host", "api.example.org:443"])).contains("no longer"));
    assert!(
        complaint(&run("revoke", &["--host", "api.example.org:443", "--trial"])).contains("no permission")
    );
    assert!(complaint(&run("grant", &["--host", "api.example.org"])).contains("with its port"));
    assert!(complaint(&run("grant", &[])).contains("--host"));
    assert!(!run("grant", &["--host", "a.example.org:443", "--secret", "b"]).status.success());
}

/// A brick that uses the network, beside those that come with the studio.
fn install_network(data: &Path) {
    let target = data.join("bricks/network");
    fs::create_dir_all(&target).unwrap();
    for file in fs::read_dir(fixtures::folder("network")).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), target.join(file.file_name())).unwrap();
    }
}

#[test]
fn the_audit_is_listed_with_what_was_denied() {
    let (data, out) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    install_network(data.path());
    let empty = qpyt(data.path(), &["bricks", "audit"]);
    assert!(String::from_utf8_lossy(&empty.stdout).contains("nothing was asked for"));
    let file = data.path().join("out.json");
    fs::write(
        &file,
        r#"{"version": 1, "name": "Out", "bricks": [
        {"id": "x", "brick": "network:send", "params": {"url": "https://api.example.org/"}}]}"#,
    )
    .unwrap();
    let out = out.path().to_str().unwrap();
    let told = complaint(&qpyt(data.path(), &["run", file.to_str().unwrap(), "--out", out]));
    assert!(told.contains("qpyt bricks grant network:send --host api.example.org:443"), "{told}");
    let listed = json(&qpyt(data.path(), &["bricks", "audit", "network:send", "--json"]));
    let call = &listed["calls"][0];
    assert_eq!((&call["outcome"], &call["scope"]), (&"denied".into(), &"api.example.org:443".into()));
    let other = json(&qpyt(data.path(), &["bricks", "audit", "network:try", "--json"]));
    assert_eq!(other["calls"], serde_json::json!([]));
}

#[test]
fn a_secret_comes_from_the_standard_input_and_its_value_never_out() {
    let data = TempDir::new().unwrap();
    let set = |name: &str, value: &str| {
        let mut process = Command::new(server::QPYT)
            .args(["secrets", "set", name, "--data"])
            .arg(data.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        process.stdin.take().unwrap().write_all(value.as_bytes()).unwrap();
        process.wait_with_output().unwrap()
    };
    let kept = set("example-key", "s3cret-of-the-fox\n");
    assert!(kept.status.success() && String::from_utf8_lossy(&kept.stdout).contains("--secret example-key"));
    let listed = qpyt(data.path(), &["secrets", "list"]);
    assert!(String::from_utf8_lossy(&listed.stdout).contains("example-key"));
    let listed = json(&qpyt(data.path(), &["secrets", "list", "--json"]));
    assert_eq!(listed["secrets"][0]["name"], "example-key");
    assert!(!listed.to_string().contains("s3cret"));
    for (name, value, hint) in [
        ("Example Key", "x", "lower-case"),
        ("empty", "\n", "empty"),
        ("lines", "s3cret\nof\nthe fox", "visible ASCII"),
    ] {
        let told = complaint(&set(name, value));
        assert!(told.contains(hint) && !told.contains("s3cret"), "{told}");
    }
    assert!(qpyt(data.path(), &["secrets", "remove", "example-key"]).status.success());
    assert!(complaint(&qpyt(data.path(), &["secrets", "remove", "example-key"])).contains("no secret"));
}

#[test]
fn every_preset_that_needs_nothing_of_the_person_makes_its_pictures() {
    let (data, out) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    for (preset, pictures) in [
        ("four-variations", 4),
        ("second-look", 1),
        ("sticker", 1),
        ("styled-poster", 1),
        ("two-samplers", 2),
    ] {
        let file = format!("workflows/{preset}.json");
        let run = json(&qpyt(data.path(), &["run", &file, "--json", "--out", out.path().to_str().unwrap()]));
        assert_eq!(run["state"], "succeeded", "{preset}");
        assert_eq!(run["files"].as_array().map(Vec::len), Some(pictures), "{preset}: {:#}", run["files"]);
    }
}
