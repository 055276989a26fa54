//! The event stream.

use serde_json::{Value, json};

use crate::client;
use crate::documents::without_inference;

fn data(frame: &[String]) -> Value {
    let line = frame.iter().find_map(|line| line.strip_prefix("data: ")).expect("data");
    serde_json::from_str(line).expect("JSON")
}

#[test]
fn a_client_that_was_away_gets_what_it_missed_in_order() {
    let client = client();
    let answer =
        client.post("/api/jobs", &json!({"document": without_inference("while you were away")})).body;
    let id = answer["id"].as_str().unwrap();
    let job = client.wait(id);
    let before = answer["last_seq"].as_i64().unwrap() - 1;
    let count = usize::try_from(job["last_seq"].as_i64().unwrap() - before).unwrap();
    let frames = client.events("/api/events", Some(before), count);
    let seqs: Vec<_> = frames.iter().map(|frame| data(frame)["seq"].as_i64().unwrap()).collect();
    assert!(seqs.windows(2).all(|pair| pair[0] < pair[1]), "{seqs:?}");
    let kinds: Vec<_> = frames
        .iter()
        .map(|frame| data(frame))
        .filter(|event| event["job"] == id)
        .map(|event| event["kind"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(kinds.first().map(String::as_str), Some("queued"));
    assert_eq!(kinds.last().map(String::as_str), Some("succeeded"));
    assert!(kinds.contains(&"brick-finished".to_owned()), "{kinds:?}");
}

#[test]
fn every_kept_event_carries_its_number_as_id() {
    let client = client();
    client.wait(
        client.post("/api/jobs", &json!({"document": without_inference("ids")})).body["id"].as_str().unwrap(),
    );
    for frame in client.events("/api/events?after=0", None, 3) {
        let id = frame.iter().find_map(|line| line.strip_prefix("id: ")).expect("an id");
        assert_eq!(data(&frame)["seq"].to_string(), id);
    }
}
