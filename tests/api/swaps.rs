//! Bricks that change while the studio runs: what jobs, documents and people see of it over HTTP.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::bricks::install;
use crate::documents::{long_run, set};
use crate::fixtures;
use crate::http::Client;
use crate::server::Server;
use crate::variants::{ECHO_1, ECHO_2, Variant, marked, place, variant_of};

const PATIENCE: Duration = Duration::from_secs(60);

/// A studio with a brick folder that the test writes into.
struct House {
    server: Server,
    client: Client,
    data: TempDir,
}

impl House {
    fn with(fixture: &str, variant: Variant) -> Self {
        let data = TempDir::new().unwrap();
        place(&data.path().join("bricks/one"), &variant_of(fixture, variant));
        let server = Server::start(data.path(), &[]);
        let client = Client::new(&server.address);
        Self { server, client, data }
    }

    fn folder(&self, name: &str) -> PathBuf {
        self.data.path().join("bricks").join(name)
    }

    fn brick(&self, id: &str) -> Option<Value> {
        let list = self.client.get("/api/bricks").body;
        list["bricks"].as_array().unwrap().iter().find(|brick| brick["id"] == id).cloned()
    }

    fn wait_for(&self, what: &str, there: impl Fn() -> bool) {
        let started = Instant::now();
        while !there() {
            assert!(
                started.elapsed() < PATIENCE,
                "{what} never came: {:#}",
                self.client.get("/api/bricks").body
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn wait_for_version(&self, id: &str, version: &str) {
        self.wait_for(version, || self.brick(id).is_some_and(|brick| brick["version"] == version));
    }

    fn send(&self, document: &Value) -> String {
        let answer = self.client.post("/api/jobs", &json!({"document": document}));
        assert_eq!(answer.status, 202, "{:#}", answer.body);
        answer.body["id"].as_str().unwrap().to_owned()
    }

    /// Runs one brick alone and gives the finished job.
    fn run(&self, brick: &str) -> Value {
        self.client.wait(&self.send(&alone(brick)))
    }

    fn post(&self, place: &Value, what: &str, body: &Value) -> crate::http::Answer {
        self.client.post(&format!("/api/bricks/places/{}/{what}", place.as_str().unwrap()), body)
    }
}

fn alone(brick: &str) -> Value {
    json!({"version": 1, "name": "One", "bricks": [{"id": "one", "brick": brick}]})
}

/// The first text that a brick of the job gave: the version that ran.
fn said<'a>(job: &'a Value, node: &str) -> &'a str {
    let outputs = job["bricks"][node]["outputs"]["out"].as_array();
    let texts = outputs.into_iter().flatten().find(|output| output["kind"] == "text");
    texts.and_then(|text| text["value"].as_str()).unwrap_or_else(|| panic!("it said nothing: {job:#}"))
}

#[test]
fn a_brick_that_is_written_serves_without_a_restart_and_the_stream_tells_of_it() {
    let house = House::with("versions", ECHO_1);
    let before = house.brick("versions:one").unwrap();
    let address = house.server.address.clone();
    let (ready, told) = std::sync::mpsc::channel();
    let listener = std::thread::spawn(move || {
        ready.send(()).unwrap();
        Client::new(&address).events("/api/events", None, 1)
    });
    told.recv().unwrap();
    std::thread::sleep(Duration::from_millis(200));
    place(&house.folder("one"), &variant_of("versions", ECHO_2));
    house.wait_for_version("versions:one", "0.2.0");
    let after = house.brick("versions:one").unwrap();
    let frames = listener.join().unwrap();
    assert_eq!(frames[0][0], "event: bricks", "{frames:?}");
    let change: Value = serde_json::from_str(frames[0][1].strip_prefix("data: ").unwrap()).unwrap();
    assert_eq!(change["kind"], "swapped");
    assert_eq!((&change["from_digest"], &change["digest"]), (&before["digest"], &after["digest"]));
    assert_eq!(change["bricks"], json!(["versions:one"]));
    assert_eq!(after["metrics"]["swaps"], 1);
    assert_eq!(after["versions"].as_array().unwrap().len(), 2);
    let job = house.run("versions:one");
    assert_eq!(said(&job, "one"), "0.2.0");
    assert_eq!(job["bricks"]["one"]["digest"], after["digest"]);
}

/// A picture that takes a while, then the brick that is swapped meanwhile.
fn picture_then_one() -> Value {
    let mut document = long_run("a red apple", 3);
    document["bricks"].as_array_mut().unwrap().push(json!({"id": "one", "brick": "versions:one"}));
    document["links"].as_array_mut().unwrap().push(json!({"from": "render.image", "to": "one.in"}));
    set(&mut document, "settings", "steps", json!(40));
    document
}

#[test]
fn a_running_and_a_queued_job_end_on_the_versions_they_were_sent_with_and_a_new_one_gets_the_new() {
    let house = House::with("versions", ECHO_1);
    let running = house.send(&picture_then_one());
    let queued = house.send(&picture_then_one());
    house.client.wait_until(&running, |job| job["bricks"]["render"]["state"] == "running");
    place(&house.folder("one"), &variant_of("versions", ECHO_2));
    house.wait_for_version("versions:one", "0.2.0");
    let still = house.client.get(&format!("/api/jobs/{running}")).body;
    assert_eq!(still["bricks"]["render"]["state"], "running", "the swap came too late to show anything");
    let fresh = house.send(&picture_then_one());
    for (job, version) in [(&running, "0.1.0"), (&queued, "0.1.0"), (&fresh, "0.2.0")] {
        let ended = house.client.wait(job);
        assert_eq!(ended["state"], "succeeded", "{ended:#}");
        assert_eq!(said(&ended, "one"), version);
    }
}

#[test]
fn two_versions_run_side_by_side_in_one_document_and_the_lock_pins_their_digests() {
    let house = House::with("versions", ECHO_1);
    place(&house.folder("two"), &variant_of("versions", ECHO_2));
    place(&house.folder("three"), &variant_of("versions", Variant { version: "0.2.3", mode: "echo." }));
    house.wait_for_version("versions:one", "0.2.3");
    house.wait_for("three versions", || {
        let list = house.client.get("/api/bricks").body;
        list["bricks"].as_array().unwrap().iter().filter(|brick| brick["id"] == "versions:one").count() == 3
    });
    let document = json!({"version": 1, "name": "Both", "bricks": [
        {"id": "old", "brick": "versions:one", "requires": "^0.1"},
        {"id": "new", "brick": "versions:one", "requires": "^0.2"},
        {"id": "exact", "brick": "versions:one", "requires": "=0.2.0"},
    ]});
    let job = house.client.wait(&house.send(&document));
    assert_eq!((said(&job, "old"), said(&job, "new"), said(&job, "exact")), ("0.1.0", "0.2.3", "0.2.0"));
    let id = job["id"].as_str().unwrap();
    let pinned = &house.client.get(&format!("/api/jobs/{id}")).body["document"]["lock"]["bricks"];
    assert_eq!(pinned["versions:one@^0.2"]["version"], "0.2.3", "{pinned:#}");
    let digests: std::collections::HashSet<_> =
        pinned.as_object().unwrap().values().map(|locked| locked["digest"].as_str().unwrap()).collect();
    assert_eq!(digests.len(), 3);
}

#[test]
fn a_person_goes_back_to_a_kept_version_and_a_locked_document_finds_a_former_one() {
    let house = House::with("versions", ECHO_1);
    let first = house.brick("versions:one").unwrap();
    place(&house.folder("one"), &variant_of("versions", ECHO_2));
    house.wait_for_version("versions:one", "0.2.0");

    let mut locked = alone("versions:one");
    locked["lock"] = json!({"bricks": {"versions:one@*": {"version": "0.1.0", "digest": first["digest"]}}});
    assert_eq!(said(&house.client.wait(&house.send(&locked)), "one"), "0.1.0");

    let selected = house.post(&first["place_id"], "select", &json!({"digest": first["digest"]}));
    assert_eq!(selected.status, 200, "{:#}", selected.body);
    let now = house.brick("versions:one").unwrap();
    assert_eq!(now["version"], "0.1.0");
    let versions = now["versions"].as_array().unwrap();
    let serving: Vec<_> = versions.iter().filter(|version| version["serving"] == true).collect();
    assert_eq!((serving.len(), &serving[0]["selected"]), (1, &json!(true)), "{versions:#?}");
    let unknown =
        house.post(&first["place_id"], "select", &json!({"digest": format!("blake3:{}", "0".repeat(64))}));
    assert_eq!(unknown.status, 404);
    let nonsense = house.post(&first["place_id"], "select", &json!({"digest": "new"}));
    assert_eq!((nonsense.status, &nonsense.body["error"]["code"]), (400, &json!("bad-digest")));
    let nowhere = house.client.post("/api/bricks/places/nowhere/release", &json!({}));
    assert_eq!(nowhere.status, 404);
}

#[test]
fn a_version_that_fails_its_trial_is_refused_with_the_reason_and_can_be_used_anyway() {
    let house = House::with("versions", ECHO_1);
    assert_eq!(said(&house.run("versions:one"), "one"), "0.1.0");
    // A pure brick that was run is answered from the cache; the trial still plays its last run.
    place(&house.folder("one"), &variant_of("versions", Variant { version: "0.2.0", mode: "fail." }));
    let refused = || house.client.get("/api/bricks").body["refused"].as_array().unwrap().first().cloned();
    house.wait_for("the refusal", || refused().is_some());
    let refusal = refused().unwrap();
    assert_eq!((&refusal["kind"], &refusal["version"]), (&json!("canary"), &json!("0.2.0")), "{refusal:#}");
    assert_eq!((&refusal["serving"], &refusal["can_use_anyway"]), (&json!(true), &json!(true)));
    assert!(refusal["message"].as_str().unwrap().contains("never likes"), "{refusal:#}");
    assert_eq!(house.brick("versions:one").unwrap()["version"], "0.1.0");
    let used = house.post(&refusal["place_id"], "use-anyway", &json!({}));
    assert_eq!(used.status, 200, "{:#}", used.body);
    assert_eq!(house.brick("versions:one").unwrap()["version"], "0.2.0");
    assert_eq!(house.run("versions:one")["error"]["code"], "brick-failed");
    assert_eq!(house.post(&refusal["place_id"], "use-anyway", &json!({})).status, 409);
}

#[test]
fn a_brick_that_crashes_three_times_is_set_aside_until_someone_lifts_it() {
    let house = House::with("versions", Variant { version: "0.1.0", mode: "trap." });
    for _ in 0..3 {
        assert_eq!(house.run("versions:one")["error"]["code"], "brick-crashed");
    }
    assert_eq!(house.run("versions:one")["error"]["code"], "brick-quarantined");
    let brick = house.brick("versions:one").unwrap();
    assert_eq!((&brick["health"], &brick["metrics"]["traps"]), (&json!("quarantined"), &json!(3)));
    let log = house.client.get("/api/bricks/log?brick=versions:one&limit=50").body;
    let lines = log["lines"].as_array().unwrap();
    assert!(lines.iter().any(|line| line["level"] == "error" && line["job"].is_string()), "{lines:#?}");
    assert_eq!(house.post(&brick["place_id"], "release", &json!({})).status, 200);
    assert_eq!(house.run("versions:one")["error"]["code"], "brick-crashed");
}

#[test]
fn a_brick_whose_file_goes_leaves_its_document_whole_and_comes_back_with_the_file() {
    let house = House::with("versions", ECHO_1);
    fs::remove_dir_all(house.folder("one")).unwrap();
    house.wait_for("the removal", || house.brick("versions:one").is_none());
    let refused = house.client.post("/api/jobs", &json!({"document": alone("versions:one")}));
    assert_eq!(refused.status, 400, "{:#}", refused.body);
    place(&house.folder("one"), &variant_of("versions", ECHO_1));
    house.wait_for_version("versions:one", "0.1.0");
    assert_eq!(said(&house.run("versions:one"), "one"), "0.1.0");
}

#[test]
fn what_a_brick_remembers_outlives_a_restart_and_a_new_version_until_it_is_forgotten() {
    let mut house = House::with("memory", ECHO_1);
    let count = |house: &House| {
        let job = house.run("memory:count");
        let numbers = job["bricks"]["one"]["outputs"]["out"].as_array().unwrap().clone();
        numbers[0]["value"].as_f64().unwrap()
    };
    assert_eq!((count(&house), count(&house)), (1.0, 2.0));
    place(&house.folder("one"), &variant_of("memory", ECHO_2));
    house.wait_for_version("memory:count", "0.2.0");
    assert_eq!(count(&house), 3.0);
    house.server = house.server.kill_and_start_again();
    house.client = Client::new(&house.server.address);
    assert_eq!(count(&house), 4.0);
    assert_eq!(house.client.post("/api/bricks/forget", &json!({"brick": "memory:count"})).status, 204);
    assert_eq!(count(&house), 1.0);
    assert_eq!(house.brick("memory:count").unwrap()["stateful"], true);
}

#[test]
fn parameters_are_carried_to_the_installed_version_by_the_brick_s_own_rule() {
    let house = House::with("memory", ECHO_2);
    let document = json!({"version": 1, "name": "Old", "bricks": [
        {"id": "one", "brick": "memory:count", "requires": "^0.0.9", "params": {"old": 3}},
        {"id": "two", "brick": "memory:count", "requires": "*", "params": {}},
    ], "lock": {"bricks": {
        "memory:count@^0.0.9": {"version": "0.0.9", "digest": "blake3:aa"},
        "memory:count@*": {"version": "0.0.8", "digest": "blake3:bb"},
    }}});
    let answer = house.client.post("/api/workflows/migrate", &json!({"document": document}));
    assert_eq!(answer.status, 200, "{:#}", answer.body);
    let [one, two] = [0, 1].map(|index| answer.body["document"]["bricks"][index].clone());
    assert_eq!((&one["params"], &one["requires"]), (&json!({"new": 3, "from": "0.0.9"}), &json!("^0.2")));
    assert_eq!(two["params"], json!({}));
    let notes: Vec<_> = answer.body["notes"].as_array().unwrap().iter().map(ToString::to_string).collect();
    assert!(notes.iter().any(|note| note.contains("from version 0.0.9 to 0.2.0")), "{notes:?}");
    assert!(notes.iter().any(|note| note.contains("there is no `old`")), "{notes:?}");
}

#[test]
fn what_a_person_allowed_a_brick_stays_allowed_in_its_next_version_and_nothing_more() {
    let house = House::with("versions", ECHO_1);
    let fixture = fixtures::folder("capabilities");
    install(&fixture, &house.folder("writer"));
    house.wait_for("the brick", || house.brick("capabilities:all").is_some() || !writers(&house).is_empty());
    let id = writers(&house)[0]["id"].as_str().unwrap().to_owned();
    let folder = house.data.path().canonicalize().unwrap().join("out");
    fs::create_dir(&folder).unwrap();
    let scope = folder.to_str().unwrap();
    let grant = json!({"brick": id, "import": "qpyt:store/files", "scope": scope});
    assert_eq!(house.client.post("/api/grants", &grant).status, 201);
    let before = house.brick(&id).unwrap();

    let wasm = house.folder("writer").join("capabilities.wasm");
    fs::write(wasm.with_extension("wasm.new"), marked(fs::read(&wasm).unwrap(), 1)).unwrap();
    fs::rename(wasm.with_extension("wasm.new"), &wasm).unwrap();
    house.wait_for("the next version", || {
        house.brick(&id).is_some_and(|brick| brick["digest"] != before["digest"])
    });
    let after = house.brick(&id).unwrap();
    assert_eq!(after["granted"], json!([scope]));
    assert!(
        after["asks"].as_array().unwrap().iter().all(|ask| ask["granted"] == true),
        "{:#}",
        after["asks"]
    );

    // The same bytes at another place are another matter: there the person is asked.
    let elsewhere = house.folder("zz-copy");
    install(&house.folder("writer"), &elsewhere);
    let copy = elsewhere.join("capabilities.wasm");
    fs::write(&copy, marked(fs::read(&copy).unwrap(), 2)).unwrap();
    fs::remove_dir_all(house.folder("writer")).unwrap();
    house.wait_for("the copy", || {
        house.brick(&id).is_some_and(|brick| brick["place"] == elsewhere.to_str().unwrap())
    });
    assert_eq!(house.brick(&id).unwrap()["granted"], json!([]));
}

fn writers(house: &House) -> Vec<Value> {
    let list = house.client.get("/api/bricks").body;
    let uses_files = |brick: &&Value| {
        brick["id"].as_str().unwrap().starts_with("capabilities:")
            && brick["uses"].as_array().unwrap().contains(&json!("qpyt:store/files"))
    };
    list["bricks"].as_array().unwrap().iter().filter(uses_files).cloned().collect()
}

#[test]
fn counters_can_be_read_as_openmetrics_text() {
    let house = House::with("versions", ECHO_1);
    house.run("versions:one");
    let text = house.client.fetch("/metrics", &[]).into_body().read_to_string().unwrap();
    for line in [
        "qpyt_brick_runs_total{brick=\"versions:one\"} 1",
        "qpyt_brick_failures_total{brick=\"versions:one\"} 0",
        "qpyt_bricks_refused 0",
        "qpyt_jobs{state=\"queued\"} 0",
        "# EOF",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is missing in\n{text}");
    }
}
