//! Workflows of the original program come over with everything we have a place for, and say what we don't.

use qpyt_workflow::{Catalog, Imported, import, validate};
use serde_json::{Value, json};

use crate::support::{catalog, id, links};

fn imported(original: Value) -> Imported {
    import(original.to_string(), &catalog()).unwrap()
}

fn entry(tag: &str, props: Value) -> Value {
    json!({"id": format!("{tag}-1a2b3c"), "type": tag, "props": props})
}

fn params(imported: &Imported, node: &str) -> Value {
    Value::Object(imported.document.node(&id(node)).unwrap().params.clone())
}

fn bricks(imported: &Imported) -> Vec<String> {
    imported.document.bricks.iter().map(|node| format!("{} {}", node.id, node.brick)).collect()
}

fn settings() -> Value {
    entry(
        "qp-settings",
        json!({"width": 832, "height": 1216, "guidance_scale": 6.5, "num_inference_steps": 25,
               "batch_count": 2, "seed": null, "output_format": "webp"}),
    )
}

#[test]
fn a_plain_workflow_comes_over_whole_and_can_run() {
    let imported = imported(json!([
        entry("qp-prompt", json!({"prompt": "a lighthouse at dusk", "negative_prompt": "blurry"})),
        settings(),
        entry(
            "qp-render-sdxl",
            json!({"selectedModel": "base.safetensors", "selectedSampler": "DPM++ 2M Karras", "selectedVae": "",
              "denoisingStrength": 0.5, "lastImageUrl": "/outputs/a.png", "useLowVram": false})
        ),
        entry("qp-image-out", json!({})),
        entry(
            "qp-save-to-disk",
            json!({"custom_path": "/home/me/pictures", "pattern": "{seed}_{date}.{ext}", "output_format": "png"})
        ),
    ]));
    assert_eq!(imported.notes, Vec::<String>::new());
    assert_eq!(imported.document.name, "Imported workflow");
    assert_eq!(
        bricks(&imported),
        [
            "prompt qpyt:prompt",
            "settings qpyt:settings",
            "render qpyt:render",
            "image-out qpyt:image-out",
            "save-to-disk qpyt:save-to-disk"
        ]
    );
    assert_eq!(imported.document.bricks[0].requires.to_string(), "^0.1");
    assert_eq!(params(&imported, "prompt"), json!({"prompt": "a lighthouse at dusk", "negative": "blurry"}));
    assert_eq!(
        params(&imported, "settings"),
        json!({"width": 832, "height": 1216, "guidance": 6.5, "steps": 25, "count": 2})
    );
    assert_eq!(
        params(&imported, "render"),
        json!({"model": "base.safetensors", "sampler": "dpmpp-2m", "schedule": "karras", "strength": 0.5})
    );
    assert_eq!(params(&imported, "image-out"), json!({"format": "webp"}));
    assert_eq!(
        params(&imported, "save-to-disk"),
        json!({"folder": "/home/me/pictures", "pattern": "{seed}_{date}", "format": "png"})
    );
    assert_eq!(
        links(&imported.document),
        [
            "prompt.prompt > render.prompt",
            "prompt.negative > render.negative",
            "settings.settings > render.settings",
            "render.image > image-out.image",
            "render.info > image-out.info",
            "image-out.image > save-to-disk.image",
            "render.info > save-to-disk.info"
        ]
    );
    assert_eq!(validate(&imported.document, &catalog()), []);
}

#[test]
fn a_brick_that_is_not_there_yet_becomes_a_placeholder_that_keeps_its_values() {
    let loras = json!({"loras": [{"path": "film/grain.safetensors", "weight": 0.8, "enabled": true}]});
    let imported = imported(json!([
        entry("qp-prompt", json!({"prompt": "x"})),
        entry("qp-lora-manager", loras.clone()),
        entry("Odd Tag!", json!({}))
    ]));
    assert_eq!(
        bricks(&imported),
        ["prompt qpyt:prompt", "qp-lora-manager qpyt-ui:qp-lora-manager", "odd-tag- qpyt-ui:odd-tag-"]
    );
    assert_eq!(params(&imported, "qp-lora-manager"), loras);
    assert!(
        imported
            .notes
            .contains(&"qp-lora-manager has no brick yet; a placeholder keeps its values.".to_owned()),
        "{:?}",
        imported.notes
    );
}

#[test]
fn bricks_are_moved_so_that_each_stands_behind_what_it_needs() {
    let imported = imported(json!([
        entry("qp-styles", json!({"selectedKeys": ["Ink Wash", "", "no style", "mystery"]})),
        entry("qp-prompt", json!({"prompt": "x"})),
        entry("qp-render", json!({})),
        settings(),
        entry("qp-image-out", json!({})),
    ]));
    let order: Vec<&str> = imported.document.bricks.iter().map(|node| node.id.as_str()).collect();
    assert_eq!(order, ["prompt", "styles", "settings", "render", "image-out"]);
    assert_eq!(params(&imported, "styles"), json!({"styles": ["ink-wash"]}));
    assert!(imported.notes.iter().any(|note| note.contains("moved")), "{:?}", imported.notes);
    assert!(
        imported.notes.iter().any(|note| note.contains("\"mystery\" is not known")),
        "{:?}",
        imported.notes
    );
    assert_eq!(validate(&imported.document, &catalog()), []);
}

#[test]
fn a_picture_inside_the_file_is_told_to_be_chosen_again() {
    let imported = imported(json!([
        entry("qp-image-input", json!({"image": "data:image/png;base64,AAAA"})),
        entry("qp-prompt", json!({"prompt": "x"})),
        entry("qp-img2img", json!({}))
    ]));
    assert_eq!(params(&imported, "image-input"), json!({}));
    assert!(imported.notes[0].contains("choose it again"), "{:?}", imported.notes);
    assert!(links(&imported.document).contains(&"image-input.image > render.image".to_owned()));
}

#[test]
fn text_to_image_takes_no_source_picture_as_it_did_not() {
    let imported = imported(json!([
        entry("qp-image-input", json!({})),
        entry("qp-prompt", json!({"prompt": "x"})),
        entry("qp-render-sdxl", json!({}))
    ]));
    assert!(!links(&imported.document).iter().any(|link| link.ends_with("render.image")));
}

#[test]
fn a_workflow_that_shows_nothing_gets_an_output() {
    let imported =
        imported(json!([entry("qp-prompt", json!({"prompt": "x"})), entry("qp-render-sdxl", json!({}))]));
    assert!(bricks(&imported).contains(&"image-out qpyt:image-out".to_owned()));
    assert!(imported.notes.iter().any(|note| note.contains("output brick was added")));
}

#[test]
fn values_that_do_not_fit_are_told_and_stay_at_their_default() {
    let imported = imported(json!([entry(
        "qp-settings",
        json!({"width": 8192, "num_inference_steps": "30", "seed": -1, "theme": "glass", "magic": 3})
    )]));
    assert_eq!(params(&imported, "settings"), json!({"steps": 30}));
    assert_eq!(
        imported.notes,
        [
            "`magic` of qp-settings has no counterpart and was left out.",
            "settings: `width` must be at most 2048, not 8192; it has its default instead."
        ]
    );
}

#[test]
fn two_bricks_of_one_kind_get_ids_of_their_own() {
    let imported = imported(json!([
        entry("qp-prompt", json!({})),
        entry("qp-prompt", json!({})),
        entry("qp-prompt", json!({}))
    ]));
    assert_eq!(bricks(&imported), ["prompt qpyt:prompt", "prompt-2 qpyt:prompt", "prompt-3 qpyt:prompt"]);
}

#[test]
fn entries_that_are_no_bricks_are_told_and_a_list_without_any_is_refused() {
    let imported = imported(json!([7, {"id": "x"}, entry("qp-prompt", json!(null))]));
    assert_eq!(
        imported.notes,
        ["Entry 1 is not a brick and was left out.", "Entry 2 has no type and was left out."]
    );
    assert!(import("[1, 2]", &catalog()).unwrap_err().to_string().contains("holds no bricks"));
    let many: Value = (0..501).map(|_| entry("qp-prompt", json!({}))).collect();
    assert!(import(many.to_string(), &catalog()).unwrap_err().to_string().contains("at most 500"));
}

#[test]
fn a_document_is_taken_as_it_is() {
    let text = json!({"version": 1, "name": "New one", "bricks": []}).to_string();
    let imported = import(text, &Catalog::default()).unwrap();
    assert_eq!((imported.document.name.as_str(), imported.notes.len()), ("New one", 0));
}

#[test]
fn without_installed_bricks_the_values_still_come_over() {
    let original = json!([entry("qp-prompt", json!({"prompt": "x"})), settings()]);
    let imported = import(original.to_string(), &Catalog::default()).unwrap();
    assert_eq!(imported.document.name, "Imported workflow");
    assert_eq!(params(&imported, "prompt"), json!({"prompt": "x"}));
    assert_eq!(imported.document.bricks[0].requires.to_string(), "*");
}
