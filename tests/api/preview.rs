//! What a brick would make, before a workflow is run.

use std::io::Read;

use qpyt_bricks::media::{Container, DecodeLimits, Image, PixelFormat, decode, encode};
use serde_json::{Value, json};

use crate::client;
use crate::documents::set;
use crate::http::Client;
use crate::jobs::submit;

fn grey(width: u32, height: u32) -> Image {
    Image::new(PixelFormat::Rgb8, width, height, vec![100; (width * height * 3) as usize]).unwrap()
}

/// The digest of the picture in the studio.
fn upload(client: &Client, picture: &Image) -> Value {
    client.send("/api/uploads", &encode(picture, Container::Png, 90).unwrap()).body["digest"].clone()
}

/// A picture through the photo editor.
fn edited(picture: &Value, editor: Value) -> Value {
    json!({
        "version": 1, "name": "Edited",
        "bricks": [
            {"id": "source", "brick": "qpyt:image-input", "params": {"image": picture}},
            {"id": "editor", "brick": "qpyt:filter", "params": editor}
        ],
        "links": [{"from": "source.image", "to": "editor.image"}]
    })
}

/// What a page asks for; each job has a page of its own, whose newest wish counts.
fn wish(document: &Value, brick: &str, job: &str) -> Value {
    json!({"document": document, "brick": brick, "job": job, "page": job})
}

fn preview(client: &Client, document: &Value, job: &str) -> Image {
    let answer = client.fetch_posted("/api/preview", &wish(document, "editor", job));
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-type"], "image/png");
    assert_eq!(answer.headers()["cache-control"], "no-store");
    let mut file = Vec::new();
    answer.into_body().into_reader().read_to_end(&mut file).unwrap();
    decode(&file, DecodeLimits::default()).unwrap()
}

#[track_caller]
fn refused(client: &Client, wish: &Value, status: u16, code: &str) {
    let answer = client.post("/api/preview", wish);
    assert_eq!((answer.status, &answer.body["error"]["code"]), (status, &json!(code)), "{:#}", answer.body);
}

#[test]
fn a_slider_s_move_is_previewed_and_leaves_nothing_behind() {
    let client = client();
    let mut document = edited(&upload(&client, &grey(64, 48)), json!({}));
    let job = submit(&client, &document);
    let before = client.wait(&job);
    let traces = || {
        let bricks = client.get("/api/bricks").body;
        let editor = bricks["bricks"].as_array().unwrap().iter().find(|brick| brick["id"] == "qpyt:filter");
        (client.get(&format!("/api/jobs/{job}")).body, editor.unwrap()["metrics"].clone())
    };
    let known = traces();
    for (brightness, grey) in [(1.5, 150), (0.5, 50), (1.0, 100)] {
        set(&mut document, "editor", "brightness", json!(brightness));
        let picture = preview(&client, &document, &job);
        assert_eq!((picture.width(), picture.height()), (64, 48));
        assert!(picture.pixels().iter().all(|value| *value == grey), "{:?}", &picture.pixels()[..4]);
    }
    assert_eq!(traces(), known, "neither the job nor the brick's counters tell of it");
    assert_eq!(known.0["last_seq"], before["last_seq"], "and there were no events");
}

#[test]
fn a_large_picture_is_previewed_small_and_its_lengths_in_pixels_with_it() {
    let client = client();
    let halves = (0..2048 * 512).flat_map(|at| [if at % 2048 < 1024 { 0 } else { 255 }; 3]).collect();
    let halves = Image::new(PixelFormat::Rgb8, 2048, 512, halves).unwrap();
    let mut document = edited(&upload(&client, &halves), json!({}));
    let job = submit(&client, &document);
    client.wait(&job);
    set(&mut document, "editor", "rotate", json!(90));
    let picture = preview(&client, &document, &job);
    assert_eq!((picture.width(), picture.height()), (256, 1024));
    // One deviation from the edge: 25 pixels of the preview are 50 of the picture.
    set(&mut document, "editor", "rotate", json!(0));
    set(&mut document, "editor", "blur", json!(50));
    let picture = preview(&client, &document, &job);
    let value = picture.pixels()[3 * (128 * picture.width() as usize + 512 + 25)];
    assert!((205..225).contains(&value), "{value} is not 84 % of white");
    set(&mut document, "editor", "blur", json!(0));
    set(&mut document, "editor", "zoom", json!(4));
    let picture = preview(&client, &document, &job);
    assert_eq!((picture.width(), picture.height()), (2048, 512), "what becomes large is shown small");
}

#[test]
fn what_comes_before_must_be_as_it_was() {
    let client = client();
    let document = edited(&upload(&client, &grey(32, 32)), json!({}));
    let job = submit(&client, &document);
    client.wait(&job);
    let mut other = document.clone();
    set(&mut other, "source", "image", upload(&client, &grey(16, 32)));
    refused(&client, &wish(&other, "editor", &job), 409, "preview-stale");
    let mut unlinked = document.clone();
    unlinked["links"] = json!([]);
    refused(&client, &wish(&unlinked, "editor", &job), 400, "invalid-document");
    let nobody = "00000000-0000-4000-8000-000000000000";
    refused(&client, &wish(&document, "editor", nobody), 404, "not-found");
    refused(&client, &wish(&document, "nothing", &job), 400, "invalid-document");
}

#[test]
fn a_job_that_never_came_so_far_feeds_nothing() {
    let client = client();
    let gone = format!("blake3:{}", "0".repeat(64));
    let first = edited(&upload(&client, &grey(32, 32)), json!({}));
    let mut both = first.clone();
    let bricks = both["bricks"].as_array_mut().unwrap();
    bricks.push(json!({"id": "second", "brick": "qpyt:filter", "params": {"contrast": 1.2}}));
    both["links"].as_array_mut().unwrap().push(json!({"from": "editor.image", "to": "second.image"}));
    let answer = client.post("/api/jobs", &json!({"document": both, "targets": ["source"]}));
    let job = answer.body["id"].as_str().unwrap().to_owned();
    client.wait(&job);
    refused(&client, &wish(&both, "second", &job), 409, "preview-unfed");
    set(&mut both, "source", "image", json!(gone));
    refused(&client, &wish(&both, "second", &job), 409, "preview-stale");
}

#[test]
fn only_bricks_that_ask_for_it_and_for_no_power_are_previewed() {
    let client = client();
    let document = edited(&upload(&client, &grey(32, 32)), json!({}));
    let job = submit(&client, &document);
    client.wait(&job);
    refused(&client, &wish(&document, "source", &job), 409, "preview-not-offered");
}

#[test]
fn parameters_are_checked_as_for_a_run() {
    let client = client();
    let mut document = edited(&upload(&client, &grey(32, 32)), json!({}));
    let job = submit(&client, &document);
    client.wait(&job);
    set(&mut document, "editor", "blur", json!(1e9));
    refused(&client, &wish(&document, "editor", &job), 400, "invalid-document");
}
