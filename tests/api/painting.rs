//! Painting with everything that bricks can ask for, on a real studio: LoRAs, ControlNets, parts of pictures, and models
//! of other families. The little models have random weights: what they paint means nothing, what changes it counts.

use qpyt_bricks::media::{DecodeLimits, Image, decode};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::client;
use crate::http::Client;
use crate::jobs::submit;
use crate::server::{Server, checkout};

/// A studio with the little models of the references.
fn with_references() -> (Server, Client, TempDir) {
    let data = TempDir::new().unwrap();
    let folder = checkout().join("tests/reference");
    let server = Server::start_with(data.path(), &[], &[("QPYT_MODEL_FOLDERS", folder.to_str().unwrap())]);
    let client = Client::new(&server.address);
    (server, client, data)
}

/// `bricks` (id, brick, parameters) behind a prompt and settings, all linked by `links`.
fn strip(bricks: &[(&str, &str, Value)], links: &[(&str, &str)]) -> Value {
    let settings = json!({"width": 64, "height": 64, "steps": 2, "guidance": 1, "seed": 7, "count": 1});
    let given = [
        ("prompt", "qpyt:prompt", json!({"prompt": "a red apple"})),
        ("settings", "qpyt:settings", settings),
    ];
    let bricks: Vec<_> = given
        .iter()
        .chain(bricks)
        .map(|(id, brick, params)| json!({"id": id, "brick": brick, "params": params}))
        .collect();
    let links: Vec<_> = links.iter().map(|(from, to)| json!({"from": from, "to": to})).collect();
    json!({"version": 1, "name": "Painting", "bricks": bricks, "links": links})
}

/// Runs a document to its end and gives what its bricks gave.
fn outputs(client: &Client, document: &Value) -> Value {
    let job = client.wait(&submit(client, document));
    assert_eq!(job["state"], "succeeded", "{job:#}");
    job["bricks"].clone()
}

fn picture(client: &Client, output: &Value) -> Image {
    let digest = output["digest"].as_str().unwrap();
    let mut bytes = Vec::new();
    let body = client.fetch(&format!("/api/content/{digest}"), &[]).into_body();
    std::io::Read::read_to_end(&mut body.into_reader(), &mut bytes).unwrap();
    decode(&bytes, DecodeLimits::default()).unwrap()
}

#[test]
fn a_lora_and_a_controlnet_change_what_is_painted_and_stand_in_its_facts() {
    let (_server, client, _data) = with_references();
    let render = |id: &'static str| (id, "qpyt:render", json!({"model": "sd15"}));
    let words = |id: &'static str| {
        [("prompt.prompt", format!("{id}.prompt")), ("settings.settings", format!("{id}.settings"))]
    };
    let mut links: Vec<(String, String)> = ["plain", "styled", "guided"]
        .into_iter()
        .flat_map(words)
        .map(|(from, to)| (from.to_owned(), to))
        .collect();
    for (from, to) in [
        ("loras.loras", "styled.loras"),
        ("plain.image", "control.image"),
        ("control.controls", "guided.controls"),
    ] {
        links.push((from.to_owned(), to.to_owned()));
    }
    let links: Vec<_> = links.iter().map(|(from, to)| (from.as_str(), to.as_str())).collect();
    let bricks = [
        ("loras", "qpyt:lora-manager", json!({"first": "a.kohya", "first_weight": 1.5})),
        render("plain"),
        ("control", "qpyt:controlnet", json!({"model": "sd15-controlnet"})),
        render("styled"),
        render("guided"),
    ];
    let made = outputs(&client, &strip(&bricks, &links));
    let image = |id: &str| made[id]["outputs"]["image"][0]["digest"].clone();
    assert!(image("plain").is_string(), "{made:#}");
    assert_ne!(image("plain"), image("styled"));
    assert_ne!(image("plain"), image("guided"));
    let info = |id: &str| made[id]["outputs"]["info"][0]["value"].clone();
    assert_eq!(info("styled")["loras"], json!([{"model": "a.kohya", "weight": 1.5}]));
    assert_eq!(info("guided")["controls"][0]["picture"], image("plain"));
}

#[test]
fn models_of_each_family_paint_with_their_own_brick() {
    let (_server, client, _data) = with_references();
    for (brick, model) in [
        ("qpyt:render-flux", "flux1-schnell"),
        ("qpyt:render-flux2-klein", "flux2-klein"),
        ("qpyt:render-sd35", "sd35"),
    ] {
        let links = [("prompt.prompt", "render.prompt"), ("settings.settings", "render.settings")];
        let made = outputs(&client, &strip(&[("render", brick, json!({ "model": model }))], &links));
        let painted = picture(&client, &made["render"]["outputs"]["image"][0]);
        assert_eq!((painted.width(), painted.height()), (64, 64), "{brick}");
    }
}

#[test]
fn what_lies_outside_of_a_mask_stays_to_the_bit_and_a_picture_grows_at_its_edges() {
    let client = client();
    let links = [
        ("prompt.prompt", "render.prompt"),
        ("settings.settings", "render.settings"),
        ("prompt.prompt", "wider.prompt"),
        ("settings.settings", "wider.settings"),
        ("render.image", "wider.image"),
    ];
    let bricks = [
        ("render", "qpyt:render", json!({"model": "emoji"})),
        (
            "wider",
            "qpyt:outpaint",
            json!({"model": "emoji", "left": 16, "right": 0, "bottom": 8, "overlap": 0}),
        ),
    ];
    let made = outputs(&client, &strip(&bricks, &links));
    let before = picture(&client, &made["render"]["outputs"]["image"][0]);
    let after = picture(&client, &made["wider"]["outputs"]["image"][0]);
    assert_eq!((after.width(), after.height()), (80, 72));
    for y in 0..64 {
        let old = &before.pixels()[y * 64 * 3..][..64 * 3];
        let new = &after.pixels()[(y * 80 + 16) * 3..][..64 * 3];
        assert_eq!(old, new, "row {y}");
    }
    assert_eq!(made["wider"]["outputs"]["info"][0]["value"]["strength"], 0.95);
}
