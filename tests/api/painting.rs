//! Painting with everything that bricks can ask for, on a real studio: LoRAs, ControlNets, parts of pictures, and models
//! of other families. The little models have random weights: what they paint means nothing, what changes it counts.

use qpyt_bricks::media::{Container, DecodeLimits, Image, PixelFormat, decode, encode};
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

/// Writes a file of safetensors with matrices of zeros of these names and shapes.
fn write_zeros(path: &std::path::Path, matrices: &[(&str, [usize; 2])]) {
    let mut header = serde_json::Map::new();
    let mut end = 0;
    for (name, [rows, columns]) in matrices {
        let begin = end;
        end += rows * columns * 4;
        let entry = json!({"dtype": "F32", "shape": [rows, columns], "data_offsets": [begin, end]});
        header.insert((*name).to_owned(), entry);
    }
    let header = Value::Object(header).to_string();
    let length = (header.len() as u64).to_le_bytes();
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, [&length, header.as_bytes(), &vec![0; end]].concat()).unwrap();
}

#[test]
fn loras_change_what_transformers_paint_and_one_for_another_network_is_left_out_with_a_note() {
    let (_server, client, data) = with_references();
    write_zeros(
        &data.path().join("models/foreign.safetensors"),
        &[
            (
                "lora_unet_down_blocks_1_attentions_0_transformer_blocks_0_attn2_to_k.lora_down.weight",
                [1, 768],
            ),
            ("lora_unet_down_blocks_1_attentions_0_transformer_blocks_0_attn2_to_k.lora_up.weight", [320, 1]),
        ],
    );
    for (brick, model, lora) in [
        ("qpyt:render-flux", "flux1-dev", "flux1-dev-a.kohya"),
        ("qpyt:render-flux2-klein", "flux2-klein", "flux2-klein-a.bfl"),
        ("qpyt:render-sd35", "sd35", "sd35-a.diffusers"),
    ] {
        let bricks = [
            ("loras", "qpyt:lora-manager", json!({"first": lora, "first_weight": 0.8})),
            ("foreign", "qpyt:lora-manager", json!({"first": "foreign"})),
            ("plain", brick, json!({ "model": model })),
            ("styled", brick, json!({ "model": model })),
            ("unmoved", brick, json!({ "model": model })),
        ];
        let links: Vec<_> = ["plain", "styled", "unmoved"]
            .into_iter()
            .flat_map(|id| {
                [("prompt.prompt", format!("{id}.prompt")), ("settings.settings", format!("{id}.settings"))]
            })
            .chain([
                ("loras.loras", "styled.loras".to_owned()),
                ("foreign.loras", "unmoved.loras".to_owned()),
            ])
            .collect();
        let links: Vec<_> = links.iter().map(|(from, to)| (*from, to.as_str())).collect();
        let made = outputs(&client, &strip(&bricks, &links));
        let image = |id: &str| made[id]["outputs"]["image"][0]["digest"].clone();
        assert!(image("plain").is_string(), "{made:#}");
        assert_ne!(image("plain"), image("styled"), "{brick}");
        assert_eq!(image("plain"), image("unmoved"), "{brick}");
        let told = made["unmoved"].to_string();
        assert!(told.contains("`foreign` is made for Stable Diffusion 1.5"), "{brick}: {told}");
        assert!(told.contains("it is left out"), "{brick}: {told}");
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

#[test]
fn what_is_in_a_reference_picture_changes_what_klein_paints() {
    let (_server, client, _data) = with_references();
    let klein = |id: &'static str| (id, "qpyt:render-flux2-klein", json!({"model": "flux2-klein"}));
    let bricks = [klein("plain"), ("look", "qpyt:reference", json!({})), klein("seeing")];
    let links = [
        ("prompt.prompt", "plain.prompt"),
        ("settings.settings", "plain.settings"),
        ("plain.image", "look.image"),
        ("prompt.prompt", "seeing.prompt"),
        ("settings.settings", "seeing.settings"),
        ("look.references", "seeing.references"),
    ];
    let made = outputs(&client, &strip(&bricks, &links));
    let image = |id: &str| made[id]["outputs"]["image"][0]["digest"].clone();
    assert_ne!(image("plain"), image("seeing"));
    assert_eq!(made["seeing"]["outputs"]["info"][0]["value"]["references"], json!([image("plain")]));
}

#[test]
fn a_second_pass_and_repainted_tiles_make_pictures_of_just_the_size_that_was_asked_for() {
    let client = client();
    let links = [
        ("prompt.prompt", "render.prompt"),
        ("settings.settings", "render.settings"),
        ("prompt.prompt", "tiled.prompt"),
        ("settings.settings", "tiled.settings"),
        ("render.image", "tiled.image"),
    ];
    let hires = json!({"model": "emoji", "hires": true, "hires_factor": 1.5, "hires_strength": 0.6});
    let tiled = json!({
        "model": "emoji", "factor": 1.37, "tile": 64, "overlap": 24, "strength": 0.5,
        "upscaler": "realesr-animevideov3-x4"
    });
    let bricks = [("render", "qpyt:render", hires), ("tiled", "qpyt:upscale-painted", tiled)];
    let made = outputs(&client, &strip(&bricks, &links));
    let size = |id: &str| {
        let painted = picture(&client, &made[id]["outputs"]["image"][0]);
        (painted.width(), painted.height())
    };
    let info = |id: &str| made[id]["outputs"]["info"][0]["value"].clone();
    assert_eq!(size("render"), (96, 96));
    assert_eq!((&info("render")["width"], &info("render")["enlarging"]["factor"]), (&json!(96), &json!(1.5)));
    assert_eq!(size("tiled"), (132, 132));
    assert_eq!(info("tiled")["enlarging"]["upscaler"], "realesr-animevideov3-x4");
}

#[test]
fn what_a_run_left_out_is_told_at_its_brick_also_when_the_answer_is_kept() {
    let (_server, client, _data) = with_references();
    let links = [
        ("prompt.prompt", "render.prompt"),
        ("prompt.negative", "render.negative"),
        ("settings.settings", "render.settings"),
    ];
    let mut document = strip(&[("render", "qpyt:render-flux", json!({"model": "flux1-schnell"}))], &links);
    document["bricks"][0]["params"]["negative"] = json!("rain");
    document["bricks"][1]["params"]["guidance"] = json!(3);
    for state in ["done", "cached"] {
        let made = outputs(&client, &document);
        assert_eq!(made["render"]["state"], state);
        let notes = made["render"]["notes"].as_array().unwrap();
        let told = |part: &str| notes.iter().filter(|note| note.as_str().unwrap().contains(part)).count();
        for part in ["takes no negative prompt", "3 is taken as 1"] {
            assert_eq!(told(part), 1, "{part}: {notes:?}");
        }
        assert!(!notes.iter().any(|note| note.as_str().unwrap().contains("loading")), "{notes:?}");
        assert_eq!(made["render"]["outputs"]["info"][0]["value"]["guidance"], 1.0);
    }
}

#[test]
fn what_the_settings_leave_open_follows_the_model_and_what_it_can_not_paint_is_fitted() {
    let (_server, client, _data) = with_references();
    let links = [("prompt.prompt", "render.prompt"), ("settings.settings", "render.settings")];
    for (model, steps, guidance) in
        [("flux1-schnell", 4, 1.0), ("flux1-dev", 28, 3.5), ("flux2-klein", 4, 1.0)]
    {
        let mut document = strip(&[("render", "qpyt:render-flux", json!({"model": model}))], &links);
        document["bricks"][1]["params"] = json!({"width": 65, "height": 64, "seed": 7});
        let made = outputs(&client, &document);
        let info = &made["render"]["outputs"]["info"][0]["value"];
        assert_eq!((&info["steps"], &info["guidance"]), (&json!(steps), &json!(guidance)), "{model}");
        assert_eq!(info["width"], 64, "{model}");
        let notes = made["render"]["notes"].to_string();
        assert!(notes.contains("Painted at 64 × 64"), "{model}: {notes}");
        assert_eq!(notes.contains("made to work without guidance"), guidance == 1.0, "{model}: {notes}");
    }
}

#[test]
fn a_preset_leaves_to_the_model_how_it_is_run() {
    let (_server, client, _data) = with_references();
    let document = client.get("/api/presets/first-picture").body;
    let info = outputs(&client, &document)["render"]["outputs"]["info"][0]["value"].clone();
    let given = ["model", "width", "height", "steps", "guidance"].map(|key| info[key].clone());
    assert_eq!(given, [json!("emoji"), json!(64), json!(64), json!(25), json!(3.0)], "{info:#}");
}

#[test]
fn embeddings_that_can_not_be_used_are_told_with_the_file_and_the_rest_is_painted() {
    let (_server, client, data) = with_references();
    let file = |name: &str| data.path().join("models").join(name);
    write_zeros(&file("narrow.safetensors"), &[("emb_params", [2, 700])]);
    write_zeros(&file("mood.safetensors"), &[("emb_params", [2, 768])]);
    for torn in ["torn.safetensors", "torn too.pt", "mood.pt"] {
        std::fs::write(file(torn), "torn").unwrap();
    }
    let links = [("prompt.prompt", "render.prompt"), ("settings.settings", "render.settings")];
    let mut document = strip(&[("render", "qpyt:render", json!({"model": "sd15"}))], &links);
    let prompt = "a fox, embedding:narrow, (embedding:Torn:1.2), embedding:torn too, embedding:nowhere, embedding:mood";
    document["bricks"][0]["params"]["prompt"] = json!(prompt);
    let made = outputs(&client, &document);
    assert!(made["render"]["outputs"]["image"][0]["digest"].is_string());
    let notes: Vec<&str> =
        made["render"]["notes"].as_array().unwrap().iter().map(|note| note.as_str().unwrap()).collect();
    for (name, part) in [
        ("“narrow”", "narrow.safetensors: is for no model that takes embeddings here: its vectors have 700"),
        ("“torn”", "torn.safetensors: is 4 bytes long"),
        ("“torn too”", "torn too.pt: is 4 bytes long"),
        ("“nowhere”", "There is no embedding"),
        // The file beside it that can be used counts.
        ("`mood`", "made for Stable Diffusion 1.5"),
    ] {
        let told =
            |note: &&&str| note.contains(name) && note.contains(part) && note.contains("read as words");
        assert_eq!(notes.iter().filter(told).count(), 1, "{name}: {notes:?}");
    }
    assert_eq!(notes.len(), 5, "{notes:?}");

    let listed = client.get("/api/models").body;
    let paths =
        |kind: &str| listed[kind].as_array().unwrap().iter().map(|it| it["path"].to_string()).collect();
    let (broken, unknown): (Vec<String>, Vec<String>) = (paths("broken"), paths("unknown"));
    assert!(broken.iter().any(|path| path.contains("torn.safetensors")), "{listed:#}");
    assert!(unknown.iter().any(|path| path.contains("narrow.safetensors")), "{listed:#}");
    assert!(!listed.to_string().contains("torn too.pt"), "such endings are used for many things");
}

#[test]
fn a_picture_of_which_nothing_may_change_stays_as_it_is() {
    let (_server, client, _data) = with_references();
    let links = [
        ("prompt.prompt", "render.prompt"),
        ("settings.settings", "render.settings"),
        ("prompt.prompt", "again.prompt"),
        ("settings.settings", "again.settings"),
        ("render.image", "again.image"),
    ];
    let bricks = [
        ("render", "qpyt:render", json!({"model": "sd15"})),
        ("again", "qpyt:img2img", json!({"model": "sd15", "strength": 0})),
    ];
    let made = outputs(&client, &strip(&bricks, &links));
    let picture = |brick: &str| made[brick]["outputs"]["image"][0]["digest"].clone();
    assert!(picture("render").is_string());
    assert_eq!(picture("render"), picture("again"));
}

/// A grey picture of 128 × 128 with squares (left, top, side) of other greys.
fn squares(squares: &[((usize, usize, usize), u8)]) -> Image {
    let grey = |at: usize| {
        let (x, y) = (at % 128, at / 128);
        let covers = |&&((left, top, side), _): &&((usize, usize, usize), u8)| {
            (left..left + side).contains(&x) && (top..top + side).contains(&y)
        };
        squares.iter().rev().find(covers).map_or(100, |(_, grey)| *grey)
    };
    let pixels = (0..128 * 128).flat_map(|at| [grey(at); 3]).collect();
    Image::new(PixelFormat::Rgb8, 128, 128, pixels).unwrap()
}

fn upload(client: &Client, picture: &Image) -> Value {
    let file = encode(picture, Container::Png, 90).unwrap();
    client.send("/api/uploads", &file).body["digest"].clone()
}

#[test]
fn a_part_of_which_nothing_may_change_keeps_its_pixels_at_whatever_size_it_would_be_painted() {
    let client = client();
    let source = squares(&[((60, 60, 9), 255), ((64, 64, 3), 0)]);
    let bricks = [
        ("source", "qpyt:image-input", json!({"image": upload(&client, &source)})),
        ("mask", "qpyt:mask", json!({"mask": upload(&client, &squares(&[((0, 0, 128), 255)]))})),
        ("part", "qpyt:inpaint", json!({"model": "emoji", "strength": 0})),
    ];
    let links = [
        ("prompt.prompt", "part.prompt"),
        ("settings.settings", "part.settings"),
        ("source.image", "part.image"),
        ("mask.mask", "part.mask"),
    ];
    let made = outputs(&client, &strip(&bricks, &links));
    let kept = picture(&client, &made["part"]["outputs"]["image"][0]);
    assert!(kept.pixels() == source.pixels(), "it was painted at 64 pixels and enlarged again");
}

#[test]
fn a_controlnet_sees_of_its_picture_what_the_model_sees_of_the_other() {
    let (_server, client, _data) = with_references();
    let source = upload(&client, &squares(&[]));
    let mask = upload(&client, &squares(&[((0, 0, 128), 0), ((80, 80, 16), 255)]));
    let painted = |map: Image, brick: &'static str, params: Value| {
        let bricks = [
            ("source", "qpyt:image-input", json!({ "image": source })),
            ("mask", "qpyt:mask", json!({ "mask": mask })),
            ("map", "qpyt:image-input", json!({"image": upload(&client, &map)})),
            ("control", "qpyt:controlnet", json!({"model": "sd15-controlnet", "weight": 2})),
            ("paint", brick, params),
        ];
        let mut links = vec![
            ("prompt.prompt", "paint.prompt"),
            ("settings.settings", "paint.settings"),
            ("map.image", "control.image"),
            ("control.controls", "paint.controls"),
            ("source.image", "paint.image"),
        ];
        if brick == "qpyt:inpaint" {
            links.push(("mask.mask", "paint.mask"));
        }
        let made = outputs(&client, &strip(&bricks, &links));
        picture(&client, &made["paint"]["outputs"]["image"][0])
    };
    let near = ((84, 84, 8), 255);
    let far = ((8, 8, 24), 255);
    let part = json!({"model": "sd15", "closely": true, "margin": 8, "feather": 0});
    let inpainted = |map| painted(map, "qpyt:inpaint", part.clone());
    assert!(inpainted(squares(&[far])) == inpainted(squares(&[])), "what lies far from the part was seen");
    assert!(inpainted(squares(&[near])) != inpainted(squares(&[])), "what lies at the part was not seen");

    let tiles = json!({"model": "sd15", "factor": 1, "tile": 64, "overlap": 0, "strength": 1});
    let enlarged = |map| painted(map, "qpyt:upscale-painted", tiles.clone());
    let (with, without) = (enlarged(squares(&[far])), enlarged(squares(&[])));
    let same = |(left, top): (usize, usize)| {
        (top..top + 64).all(|y| {
            let row = (y * 128 + left) * 3..(y * 128 + left + 64) * 3;
            with.pixels()[row.clone()] == without.pixels()[row]
        })
    };
    let tiles = [(0, 0), (64, 0), (0, 64), (64, 64)].map(same);
    assert_eq!(tiles, [false, true, true, true], "the square is in the first tile alone");
}

#[test]
fn a_picture_can_be_painted_over_without_a_prompt() {
    let client = client();
    let bricks = [
        ("words", "qpyt:prompt", json!({"prompt": " "})),
        ("render", "qpyt:render", json!({"model": "emoji"})),
        ("again", "qpyt:img2img", json!({"model": "emoji"})),
    ];
    let links = [
        ("prompt.prompt", "render.prompt"),
        ("settings.settings", "render.settings"),
        ("words.prompt", "again.prompt"),
        ("settings.settings", "again.settings"),
        ("render.image", "again.image"),
    ];
    let made = outputs(&client, &strip(&bricks, &links));
    assert_eq!(made["again"]["outputs"]["info"][0]["value"]["prompt"], "", "{made:#}");
    let wordless = client.wait(&submit(&client, &strip(&bricks[..2], &[("words.prompt", "render.prompt")])));
    assert!(wordless["error"]["message"].as_str().unwrap().contains("Write what"), "{wordless:#}");
}
