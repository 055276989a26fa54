//! A catalogue with the ports and parameters of the first-party bricks, and short ways to write documents.

use qpyt_workflow::{BrickSpec, Catalog, Category, Document, NodeId, Problem, ProblemCode};
use serde_json::{Value, json};

/// `name kind` with `*` for required and `[]` for many, as in `image*[] image`.
fn ports(list: &str) -> Value {
    let port = |text: &str| {
        let (name, kind) = text.trim().split_once(' ').unwrap();
        let (required, many) = (name.contains('*'), name.contains("[]"));
        json!({"name": name.trim_end_matches("[]").trim_end_matches('*'), "kind": kind, "label": "", "required": required, "many": many, "doc": ""})
    };
    list.split(',').filter(|text| !text.trim().is_empty()).map(port).collect()
}

/// One installed brick.
pub(crate) fn spec(id: &str, version: &str, inputs: &str, outputs: &str, properties: Value) -> BrickSpec {
    let digest = format!(
        "blake3:{:x}",
        id.bytes()
            .chain(version.bytes())
            .fold(7u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()))
    );
    let generator = ["qpyt:render", "qpyt:inpaint"].contains(&id);
    BrickSpec {
        id: id.parse().unwrap(),
        version: version.parse().unwrap(),
        digest: digest.parse().unwrap(),
        label: id.rsplit(':').next().unwrap().to_owned(),
        category: if generator { Category::Generator } else { Category::Input },
        doc: String::new(),
        inputs: serde_json::from_value(ports(inputs)).unwrap(),
        outputs: serde_json::from_value(ports(outputs)).unwrap(),
        params_schema: json!({"type": "object", "properties": properties}),
        pure: true,
        heavy: generator,
    }
}

/// The first-party bricks that the presets are made of.
pub(crate) fn first_party() -> Vec<BrickSpec> {
    let text = || json!({"type": "string", "default": ""});
    let side = || json!({"type": ["integer", "null"], "minimum": 64, "maximum": 2048, "multipleOf": 8, "default": 512});
    let format = || json!({"type": "string", "enum": ["png", "jpeg", "webp"], "default": "png"});
    let quality = || json!({"type": "integer", "minimum": 1, "maximum": 100, "default": 90});
    vec![
        spec(
            "qpyt:prompt",
            "0.1.0",
            "",
            "prompt text, negative text",
            json!({"prompt": text(), "negative": text()}),
        ),
        spec(
            "qpyt:styles",
            "0.1.0",
            "prompt* text, negative text",
            "prompt text, negative text",
            json!({"styles": {"type": "array", "maxItems": 4, "default": [], "x-labels": ["Ink wash", "Oil painting", "Poster"],
                "items": {"type": "string", "enum": ["ink-wash", "oil-painting", "poster"]}}}),
        ),
        spec(
            "qpyt:settings",
            "0.1.0",
            "",
            "settings json",
            json!({
                "width": side(), "height": side(),
                "steps": {"type": ["integer", "null"], "minimum": 1, "maximum": 150, "default": 25},
                "guidance": {"type": ["number", "null"], "minimum": 0, "maximum": 30, "default": 7.0},
                "seed": {"type": ["integer", "null"], "minimum": 0, "maximum": 4294967295u32, "default": null, "x-widget": "seed"},
                "count": {"type": "integer", "minimum": 1, "maximum": 16, "default": 1}
            }),
        ),
        spec("qpyt:image-input", "0.1.0", "", "image image", json!({"image": text()})),
        spec(
            "qpyt:render",
            "0.1.0",
            "prompt* text, negative text, settings json, image image",
            "image[] image, info json",
            json!({
                "model": {"type": "string", "default": "emoji"},
                "sampler": {"type": "string", "enum": ["", "euler", "euler-a", "ddim", "dpmpp-2m"], "default": "",
                    "x-labels": {"": "The model's own", "euler": "Euler", "euler-a": "Euler a", "ddim": "DDIM", "dpmpp-2m": "DPM++ 2M"}},
                "schedule": {"type": "string", "enum": ["", "karras"], "default": ""},
                "strength": {"type": "number", "minimum": 0, "maximum": 1, "default": 0.6},
                "clip_skip": {"type": "integer", "minimum": 0, "maximum": 4, "default": 0}
            }),
        ),
        spec("qpyt:mask", "0.1.0", "image image", "mask mask", json!({"mask": text()})),
        spec(
            "qpyt:inpaint",
            "0.1.0",
            "prompt* text, negative text, settings json, image* image, mask* mask",
            "image[] image, info json",
            json!({"model": {"type": "string", "default": "emoji"}}),
        ),
        spec(
            "qpyt:upscaler",
            "0.1.0",
            "image*[] image",
            "image[] image",
            json!({"model": text(), "factor": {"type": "number", "minimum": 1, "maximum": 8, "default": 4}}),
        ),
        spec(
            "qpyt:rembg",
            "0.1.0",
            "image*[] image, background image",
            "image[] image, mask[] mask",
            json!({"model": text()}),
        ),
        spec(
            "qpyt:image-out",
            "0.1.0",
            "image*[] image, info json",
            "image[] image",
            json!({"title": text(), "format": format(), "quality": quality()}),
        ),
        spec(
            "qpyt:save-to-disk",
            "0.1.0",
            "image*[] image, info json",
            "image[] image, paths json",
            json!({"folder": text(), "pattern": {"type": "string", "default": "{date}_{time}_{seed}"}, "format": format(), "quality": quality()}),
        ),
    ]
}

/// A catalogue of the first-party bricks.
pub(crate) fn catalog() -> Catalog {
    Catalog::new(first_party())
}

/// A document from `id brick` pairs and `from > to` links.
pub(crate) fn document(bricks: &[(&str, &str)], links: &[&str]) -> Document {
    let bricks: Vec<Value> =
        bricks.iter().map(|(id, brick)| json!({"id": id, "brick": format!("qpyt:{brick}")})).collect();
    let links: Vec<Value> = links
        .iter()
        .map(|link| {
            let (from, to) = link.split_once(" > ").unwrap();
            json!({"from": from, "to": to})
        })
        .collect();
    Document::from_json(json!({"version": 1, "name": "Test", "bricks": bricks, "links": links}).to_string())
        .unwrap()
}

/// prompt → render → output, with settings.
pub(crate) fn small() -> Document {
    document(
        &[("prompt", "prompt"), ("settings", "settings"), ("render", "render"), ("output", "image-out")],
        &[
            "prompt.prompt > render.prompt",
            "settings.settings > render.settings",
            "render.image > output.image",
        ],
    )
}

/// The document with a parameter set.
pub(crate) fn with_param(mut document: Document, node: &str, param: &str, value: Value) -> Document {
    document.node_mut(&id(node)).unwrap().params.insert(param.to_owned(), value);
    document
}

pub(crate) fn id(text: &str) -> NodeId {
    text.parse().unwrap()
}

/// The only problem there is.
pub(crate) fn only(problems: Vec<Problem>) -> Problem {
    assert_eq!(problems.len(), 1, "{problems:#?}");
    problems.into_iter().next().unwrap()
}

pub(crate) fn codes(problems: &[Problem]) -> Vec<ProblemCode> {
    problems.iter().map(|problem| problem.code).collect()
}

/// `from > to` of each link.
pub(crate) fn links(document: &Document) -> Vec<String> {
    document.links.iter().map(|link| format!("{} > {}", link.from, link.to)).collect()
}
