//! Overrides from the command line take the type of the parameter they set.

use qpyt_workflow::{Catalog, set_param};
use serde_json::{Value, json};

use crate::support::{catalog, document, id, small, spec};

fn set(assignment: &str) -> Result<Value, String> {
    let mut document = small();
    set_param(&mut document, &catalog(), assignment).map_err(|error| error.to_string())?;
    let (node, param) = assignment.split_once('=').unwrap().0.split_once('.').unwrap();
    Ok(document.node(&id(node)).unwrap().params[param].clone())
}

#[test]
fn a_text_stays_a_text_whatever_it_looks_like() {
    assert_eq!(set("prompt.prompt=red apple").unwrap(), json!("red apple"));
    assert_eq!(set("prompt.prompt=7").unwrap(), json!("7"));
    assert_eq!(set("prompt.prompt=null").unwrap(), json!("null"));
    assert_eq!(set("prompt.prompt=a=b \"c\"").unwrap(), json!("a=b \"c\""));
    assert_eq!(set("prompt.prompt=").unwrap(), json!(""));
}

#[test]
fn a_number_is_read_as_a_number_and_null_where_it_may_be() {
    assert_eq!(set("settings.seed=7").unwrap(), json!(7));
    assert_eq!(set("settings.seed=null").unwrap(), json!(null));
    assert_eq!(set("settings.guidance=2.5").unwrap(), json!(2.5));
}

#[test]
fn a_list_is_read_as_json() {
    let mut document = document(&[("styles", "styles")], &[]);
    set_param(&mut document, &catalog(), r#"styles.styles=["ink-wash"]"#).unwrap();
    assert_eq!(document.bricks[0].params["styles"], json!(["ink-wash"]));
    let message = set_param(&mut document, &catalog(), "styles.styles=ink-wash").unwrap_err().to_string();
    assert!(message.contains("must be a list in JSON"), "{message}");
}

#[test]
fn a_parameter_that_takes_text_or_something_else_takes_what_it_reads_as() {
    let catalog = Catalog::new(vec![spec(
        "qpyt:x",
        "0.1.0",
        "",
        "",
        json!({"a": {"type": ["string", "number", "null"]}, "b": {}}),
    )]);
    let mut document = document(&[("x", "x")], &[]);
    for (assignment, param, value) in [
        ("x.a=7", "a", json!(7)),
        ("x.a=seven", "a", json!("seven")),
        ("x.a=true", "a", json!("true")),
        ("x.a=null", "a", json!(null)),
        ("x.b={\"c\": 1}", "b", json!({"c": 1})),
        ("x.b=words", "b", json!("words")),
    ] {
        set_param(&mut document, &catalog, assignment).unwrap();
        assert_eq!(document.bricks[0].params[param], value, "{assignment}");
    }
}

#[test]
fn what_does_not_fit_names_what_would() {
    assert_eq!(
        set("settings.steps=many").unwrap_err(),
        "`settings.steps` must be a whole number or `null`, not `many`"
    );
    assert_eq!(
        set("settings.steps=2.5").unwrap_err(),
        "`settings.steps` must be a whole number or `null`, not `2.5`"
    );
    assert_eq!(
        set("settings.seed=x").unwrap_err(),
        "`settings.seed` must be a whole number or `null`, not `x`"
    );
}

#[test]
fn unknown_names_suggest_known_ones() {
    assert_eq!(
        set("setings.seed=7").unwrap_err(),
        "the workflow has no brick `setings`; did you mean `settings`?"
    );
    assert_eq!(set("settings.sed=7").unwrap_err(), "`settings` has no parameter `sed`; did you mean `seed`?");
    assert!(set("seed").unwrap_err().contains("`brick.param=value`"));
    assert!(set("seed=7").unwrap_err().contains("`brick.param=value`"));
}

#[test]
fn a_brick_that_is_not_installed_can_not_be_set() {
    let mut document = document(&[("x", "promt")], &[]);
    let message = set_param(&mut document, &catalog(), "x.prompt=a").unwrap_err().to_string();
    assert!(message.contains("`x` can't be set") && message.contains("`qpyt:prompt`"), "{message}");
}
