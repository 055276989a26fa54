//! Parameters as an author declares them: the schema that is shown and the values that are read.

use qpyt_sdk::media::types::Container;
use qpyt_sdk::prelude::*;
use qpyt_sdk::serde_json::{self, Value, json};

const MODES: [(&str, &str); 2] = [("soft", "Soft"), ("hard", "Hard")];

/// Tries out
/// every kind of parameter.
#[derive(Debug, PartialEq, Params)]
struct Everything {
    /// Words.
    #[param(title = "Your words", default = "hello", widget = "prompt")]
    text: String,
    #[param(choices = MODES, default = "soft")]
    mode: String,
    #[param(default = true)]
    on: bool,
    #[param(default = 512, min = 64, max = 2048, multiple_of = 8)]
    width: u32,
    #[param(default = 7.5, min = 0, max = 30, step = 0.1)]
    guidance: f64,
    #[param(default = -3)]
    shift: i32,
    #[param(max = u32::MAX, widget = "seed")]
    seed: Option<u32>,
    #[param(choices = MODES, max_items = 2)]
    modes: Vec<String>,
    #[param(default = Container::Jpeg)]
    format: Container,
    #[param(hint("x-unit", "%"), hint("x-rank", 3))]
    r#type: u8,
}

#[expect(clippy::unwrap_used, reason = "this is how a test fails")]
fn schema() -> Value {
    serde_json::from_str(&Everything::schema().to_json()).unwrap()
}

fn property(name: &str) -> Value {
    schema().pointer(&format!("/properties/{name}")).cloned().unwrap_or_default()
}

#[expect(clippy::unwrap_used, reason = "this is how a test fails")]
fn read(params: Value) -> Result<Everything> {
    Everything::from_json(params.as_object().unwrap())
}

#[expect(clippy::panic, reason = "this is how a test fails")]
fn problem(name: &str, value: Value) -> String {
    match read(json!({ name: value })) {
        Err(BrickError::BadParam(problem)) if problem.name == name => problem.problem,
        other => panic!("not a problem with `{name}`: {other:?}"),
    }
}

#[test]
fn the_doc_comment_of_the_struct_is_one_sentence_for_the_person() {
    assert_eq!(Everything::DOC, "Tries out every kind of parameter.");
}

#[test]
fn the_form_keeps_the_order_of_the_fields() {
    let order =
        json!(["text", "mode", "on", "width", "guidance", "shift", "seed", "modes", "format", "type"]);
    assert_eq!(schema()["x-order"], order);
    assert_eq!(schema()["properties"].as_object().unwrap().len(), 10);
}

#[test]
fn only_a_struct_that_says_so_offers_live_previews() {
    #[derive(Params)]
    #[param(live_preview)]
    struct Light {
        #[param(default = 1.0)]
        _brightness: f64,
    }
    let light: Value = serde_json::from_str(&Light::schema().to_json()).unwrap();
    assert_eq!((&light["x-live-preview"], schema().get("x-live-preview")), (&json!(true), None));
}

#[test]
fn a_text_has_title_description_default_and_widget() {
    let expected = json!({
        "type": "string", "title": "Your words", "description": "Words.", "default": "hello", "x-widget": "prompt",
    });
    assert_eq!(property("text"), expected);
}

#[test]
fn without_a_title_the_name_is_put_in_words() {
    #[derive(Params)]
    struct Short {
        #[expect(dead_code, reason = "only its name matters")]
        clip_skip: u32,
    }
    let schema: Value = serde_json::from_str(&Short::schema().to_json()).unwrap();
    assert_eq!(
        schema["properties"]["clip_skip"],
        json!({"type": "integer", "title": "Clip skip", "default": 0})
    );
}

#[test]
fn numbers_have_bounds_and_steps() {
    let width = json!({"type": "integer", "title": "Width", "default": 512, "minimum": 64, "maximum": 2048, "multipleOf": 8, "x-step": 8});
    assert_eq!(property("width"), width);
    let guidance = json!({"type": "number", "title": "Guidance", "default": 7.5, "minimum": 0, "maximum": 30, "x-step": 0.1});
    assert_eq!(property("guidance"), guidance);
}

#[test]
fn an_option_may_be_null_and_is_null_at_first() {
    let expected = json!({"type": ["integer", "null"], "title": "Seed", "default": null, "maximum": 4_294_967_295_u32, "x-widget": "seed"});
    assert_eq!(property("seed"), expected);
}

#[test]
fn choices_have_labels_beside_them() {
    assert_eq!(property("mode")["enum"], json!(["soft", "hard"]));
    assert_eq!(property("mode")["x-labels"], json!(["Soft", "Hard"]));
    assert_eq!(property("mode").get("x-groups"), None);
}

#[test]
fn the_choices_of_a_list_are_those_of_its_items() {
    let items = json!({"type": "string", "enum": ["soft", "hard"], "x-labels": ["Soft", "Hard"]});
    assert_eq!(
        property("modes"),
        json!({"type": "array", "title": "Modes", "default": [], "maxItems": 2, "items": items})
    );
}

#[test]
fn a_keyword_may_name_a_parameter_and_hints_are_passed_on() {
    assert_eq!(
        property("type"),
        json!({"type": "integer", "title": "Type", "default": 0, "x-unit": "%", "x-rank": 3})
    );
}

#[test]
fn what_is_missing_has_its_default() {
    let defaults = Everything::defaults().unwrap();
    assert_eq!(defaults, read(json!({})).unwrap());
    assert_eq!((defaults.text.as_str(), defaults.mode.as_str(), defaults.on), ("hello", "soft", true));
    assert_eq!((defaults.width, defaults.guidance, defaults.shift, defaults.r#type), (512, 7.5, -3, 0));
    assert_eq!((defaults.seed, defaults.modes, defaults.format), (None, Vec::new(), Container::Jpeg));
}

#[test]
fn what_is_given_is_read() {
    let given = json!({
        "text": "hi", "mode": "hard", "on": false, "width": 64, "guidance": 1, "shift": -9, "seed": 4_294_967_295_u32,
        "modes": ["hard", "soft"], "format": "webp", "type": 7,
    });
    let expected = Everything {
        text: "hi".to_owned(),
        mode: "hard".to_owned(),
        on: false,
        width: 64,
        guidance: 1.0,
        shift: -9,
        seed: Some(u32::MAX),
        modes: vec!["hard".to_owned(), "soft".to_owned()],
        format: Container::Webp,
        r#type: 7,
    };
    assert_eq!(read(given).unwrap(), expected);
}

#[test]
fn a_float_without_a_fraction_is_a_whole_number() {
    assert_eq!(read(json!({"width": 512.0})).unwrap().width, 512);
}

#[test]
fn a_value_of_another_type_is_named_with_what_is_wanted() {
    assert_eq!(problem("text", json!(3)), "This wants a text.");
    assert_eq!(problem("on", json!("yes")), "This wants yes or no.");
    assert_eq!(problem("guidance", json!("7")), "This wants a number.");
    assert_eq!(problem("modes", json!("soft")), "This wants a list.");
    assert_eq!(problem("modes", json!([1])), "This wants a list.");
    assert_eq!(problem("format", json!("tiff")), "This wants png, jpeg or webp.");
    for not_whole in [json!(1.5), json!(-1), json!(4_294_967_296_u64), json!(1e300), json!(null)] {
        assert_eq!(problem("width", not_whole), "This wants a whole number from 0 to 4294967295.");
    }
}

#[derive(Debug, PartialEq, Params)]
struct Around {
    first: bool,
    #[param(flatten)]
    inside: Everything,
    last: u32,
}

#[test]
fn the_parameters_of_a_flattened_struct_stand_where_it_stands_and_are_read_there() {
    let around: Value = serde_json::from_str(&Around::schema().to_json()).unwrap();
    let order = around["x-order"].as_array().unwrap();
    assert_eq!(
        (&order[0], &order[1], order.last().unwrap()),
        (&json!("first"), &json!("text"), &json!("last"))
    );
    assert_eq!(around["properties"]["mode"], property("mode"));
    let read = Around::from_json(json!({"first": true, "width": 640}).as_object().unwrap()).unwrap();
    assert_eq!((read.first, read.inside.width, read.inside.text.as_str()), (true, 640, "hello"));
}
