//! Inputs and outputs as an author declares them: the ports that are shown and the values that pass.

use qpyt_sdk::bindings::qpyt::brick::types::{PortKind, Value};
use qpyt_sdk::ports::NamedValue;
use qpyt_sdk::prelude::*;
use qpyt_sdk::{JsonObject, Mask};

#[derive(Debug, Inputs)]
struct Taken {
    /// What to paint.
    #[port(label = "Your words")]
    prompt: String,
    note: Option<String>,
    all_numbers: Vec<f64>,
    #[port(required)]
    flags: Vec<bool>,
    info: Option<Json<JsonObject>>,
    #[expect(dead_code, reason = "only its port matters")]
    image: Option<Image>,
    #[expect(dead_code, reason = "only its port matters")]
    mask: Option<Mask>,
    anything: Option<Value>,
}

#[derive(Outputs)]
struct Given {
    text: String,
    note: Option<String>,
    numbers: Vec<f64>,
    #[port(required)]
    flags: Vec<bool>,
    list: Json<Vec<u32>>,
}

fn named(port: &str, value: Value) -> NamedValue {
    NamedValue { port: port.to_owned(), value }
}

fn text(port: &str, text: &str) -> NamedValue {
    named(port, Value::Text(text.to_owned()))
}

/// The least that `Taken` needs.
fn least() -> Vec<NamedValue> {
    vec![text("prompt", "a fox"), named("flags", Value::Boolean(true))]
}

fn take(more: Vec<NamedValue>) -> Result<Taken> {
    let mut received = least();
    received.extend(more);
    Taken::take(&mut received)
}

#[expect(clippy::panic, reason = "this is how a test fails")]
fn problem(port: &str, result: Result<Taken>) -> String {
    match result {
        Err(BrickError::BadInput(problem)) if problem.name == port => problem.problem,
        other => panic!("not a problem with `{port}`: {other:?}"),
    }
}

#[test]
fn fields_are_ports_in_their_order() {
    let ports = Taken::ports();
    let names: Vec<_> = ports.iter().map(|port| port.name.as_str()).collect();
    assert_eq!(names, ["prompt", "note", "all-numbers", "flags", "info", "image", "mask", "anything"]);
    assert_eq!((ports[0].label.as_str(), ports[0].doc.as_str()), ("Your words", "What to paint."));
    assert_eq!((ports[2].label.as_str(), ports[2].doc.as_str()), ("All numbers", ""));
}

#[test]
fn the_type_of_a_field_says_the_kind_of_its_port() {
    use PortKind::{Any, Boolean, Image, Json, Mask, Number, Text};
    let kinds: Vec<_> = Taken::ports().iter().map(|port| port.kind).collect();
    assert_eq!(kinds, [Text, Text, Number, Boolean, Json, Image, Mask, Any]);
}

#[test]
fn options_are_not_required_and_lists_take_many() {
    let ports = Taken::ports();
    let required: Vec<_> = ports.iter().filter(|port| port.required).map(|port| port.name.as_str()).collect();
    let many: Vec<_> = ports.iter().filter(|port| port.many).map(|port| port.name.as_str()).collect();
    assert_eq!(required, ["prompt", "flags"]);
    assert_eq!(many, ["all-numbers", "flags"]);
}

#[test]
fn values_reach_their_fields_in_order() {
    let taken = take(vec![
        named("all-numbers", Value::Number(2.0)),
        text("note", "hello"),
        named("all-numbers", Value::Number(1.0)),
        named("info", Value::Json(r#"{"seed": 7}"#.to_owned())),
        named("anything", Value::Boolean(false)),
    ])
    .unwrap();
    assert_eq!((taken.prompt.as_str(), taken.note.as_deref()), ("a fox", Some("hello")));
    assert_eq!((taken.all_numbers, taken.flags), (vec![2.0, 1.0], vec![true]));
    assert_eq!(taken.info.unwrap().0["seed"], 7);
    assert!(matches!(taken.anything, Some(Value::Boolean(false))));
}

#[test]
fn what_is_not_required_may_be_missing() {
    let taken = take(Vec::new()).unwrap();
    assert!(taken.note.is_none() && taken.all_numbers.is_empty() && taken.info.is_none());
}

#[test]
fn a_missing_input_is_named() {
    assert!(problem("prompt", Taken::take(&mut Vec::new())).contains("needed"));
    assert!(problem("flags", Taken::take(&mut vec![text("prompt", "a fox")])).contains("needed"));
}

#[test]
fn several_values_where_one_is_taken_are_refused() {
    assert!(problem("prompt", take(vec![text("prompt", "two")])).contains("one value"));
    assert!(problem("note", take(vec![text("note", "one"), text("note", "two")])).contains("one value"));
}

#[test]
fn a_value_of_another_kind_is_named_with_what_is_wanted() {
    let number = || Value::Number(1.0);
    assert_eq!(
        problem("note", take(vec![named("note", number())])),
        "This input wants a text and got a number."
    );
    assert_eq!(
        problem("mask", take(vec![named("mask", number())])),
        "This input wants a mask and got a number."
    );
    assert_eq!(
        problem("flags", take(vec![text("flags", "x")])),
        "This input wants yes or no and got a text."
    );
    assert_eq!(
        problem("info", take(vec![text("info", "{}")])),
        "This input wants a JSON value and got a text."
    );
}

#[test]
fn json_of_another_shape_is_explained() {
    let broken = problem("info", take(vec![named("info", Value::Json("[1]".to_owned()))]));
    assert!(broken.starts_with("This JSON can't be used: invalid type"), "{broken}");
}

#[test]
fn fields_of_the_outputs_are_given_in_their_order() {
    let outputs = Given {
        text: "a fox".to_owned(),
        note: None,
        numbers: vec![1.0, 2.0],
        flags: vec![true],
        list: Json(vec![7, 8]),
    };
    let mut given = Vec::new();
    outputs.give(&mut given).unwrap();
    let shown: Vec<_> = given.iter().map(|named| format!("{}: {:?}", named.port, named.value)).collect();
    let expected = [
        r#"text: Value::Text("a fox")"#,
        "numbers: Value::Number(1.0)",
        "numbers: Value::Number(2.0)",
        "flags: Value::Boolean(true)",
        r#"list: Value::Json("[7,8]")"#,
    ];
    assert_eq!(shown, expected);
}

#[test]
fn outputs_say_what_they_always_give() {
    let always: Vec<_> =
        Given::ports().into_iter().filter(|port| port.required).map(|port| port.name).collect();
    assert_eq!(always, ["text", "flags", "list"]);
}

#[test]
fn an_output_that_is_always_given_must_not_be_empty() {
    let outputs = Given {
        text: String::new(),
        note: None,
        numbers: Vec::new(),
        flags: Vec::new(),
        list: Json(Vec::new()),
    };
    let error = outputs.give(&mut Vec::new()).unwrap_err();
    assert!(matches!(error, BrickError::Other(message) if message.contains("`flags`")));
}

#[test]
fn a_brick_without_ports_takes_and_gives_nothing() {
    let mut values = least();
    assert!(<() as Inputs>::ports().is_empty() && <() as Outputs>::ports().is_empty());
    <() as Inputs>::take(&mut values).unwrap();
    ().give(&mut values).unwrap();
    assert_eq!(values.len(), least().len());
}

#[derive(Inputs)]
struct Wider {
    #[port(flatten)]
    taken: Taken,
    /// One more.
    more: f64,
}

#[derive(Outputs)]
struct Giving {
    #[port(flatten)]
    given: Given,
    more: f64,
}

#[test]
fn the_ports_of_a_flattened_struct_stand_where_it_stands() {
    let names =
        |ports: Vec<qpyt_sdk::ports::Port>| ports.into_iter().map(|port| port.name).collect::<Vec<_>>();
    let inside = names(Taken::ports());
    let wider = names(Wider::ports());
    assert_eq!(
        (&wider[..inside.len()], wider[inside.len()..].to_vec()),
        (&inside[..], vec!["more".to_owned()])
    );
    assert_eq!(names(Giving::ports()).len(), names(Given::ports()).len() + 1);
}

#[test]
fn a_flattened_struct_takes_and_gives_its_own_values() {
    let mut received = least();
    received.push(named("more", Value::Number(4.0)));
    let wider = Wider::take(&mut received).unwrap();
    assert_eq!((wider.taken.prompt.as_str(), wider.more), ("a fox", 4.0));
    let mut given = Vec::new();
    let inside = Given {
        text: "hi".to_owned(),
        note: None,
        numbers: Vec::new(),
        flags: vec![true],
        list: Json(Vec::new()),
    };
    Giving { given: inside, more: 2.0 }.give(&mut given).unwrap();
    assert_eq!(
        given.iter().map(|value| value.port.as_str()).collect::<Vec<_>>(),
        ["text", "flags", "list", "more"]
    );
}
