//! What goes in and comes out is what the brick described, or the run fails and says which port.

use std::sync::Arc;

use qpyt_bricks::{
    Limits, NamedValue, RunError, RunOutcome, RunRequest, Value,
    media::{Image, PixelFormat},
};

use crate::{
    fixtures::{outputs, request},
    host::FakeHost,
};

fn text(text: &str) -> NamedValue {
    NamedValue { port: "text".to_owned(), value: Value::Text(text.to_owned()) }
}

async fn run(inputs: Vec<NamedValue>) -> Result<RunOutcome, RunError> {
    let host = Arc::new(FakeHost::default());
    outputs().await.run(RunRequest { inputs, ..request("outputs:any", vec![], &host) }).await
}

#[tokio::test]
async fn outputs_that_fit_the_description_pass() {
    assert_eq!(run(vec![text("good")]).await.unwrap().outputs, [text("good")]);
}

#[tokio::test]
async fn outputs_that_do_not_fit_the_description_fail_the_run() {
    for (how, port, hint) in [
        ("missing", "text", "always gives"),
        ("twice", "text", "gave 2"),
        ("undeclared", "surprise", "describes no such output"),
        ("wrong kind", "text", "given a number"),
        ("not a number", "number", "NaN"),
        ("bad json", "json", "not valid JSON"),
        ("coloured mask", "mask", "one channel"),
    ] {
        let result = run(vec![text(how)]).await;
        let Err(RunError::BadOutput { brick, port: named, problem }) = result else {
            panic!("{how}: {result:?}");
        };
        assert_eq!((brick.as_str(), named.as_str()), ("outputs:any", port), "{how}");
        assert!(problem.contains(hint), "{how}: {problem}");
    }
}

#[tokio::test]
async fn outputs_over_the_limit_fail_the_run() {
    let host = Arc::new(FakeHost::default());
    let limits = Some(Limits { output_bytes: 1 << 19, ..Limits::default() });
    let large = RunRequest { inputs: vec![text("large")], limits, ..request("outputs:any", vec![], &host) };
    let result = outputs().await.run(large).await;
    assert_eq!(result, Err(RunError::TooMuchOutput { brick: "outputs:any".to_owned(), limit: 1 << 19 }));
}

#[tokio::test]
async fn an_error_without_end_is_cut() {
    let Err(RunError::Brick { message, .. }) = run(vec![text("endless words")]).await else { panic!() };
    assert_eq!(message.chars().count(), 2001);
}

#[tokio::test]
async fn a_brick_s_own_errors_keep_their_names() {
    let problem = || "not this one".to_owned();
    let bad_input = RunError::BadInput { port: "text".to_owned(), problem: problem() };
    assert_eq!(run(vec![text("bad input")]).await, Err(bad_input));
    let bad_param = RunError::BadParam { param: "strength".to_owned(), problem: problem() };
    assert_eq!(run(vec![text("bad param")]).await, Err(bad_param));
    let other = RunError::Brick { brick: "outputs:any".to_owned(), message: "out of ideas".to_owned() };
    assert_eq!(run(vec![text("other")]).await, Err(other));
}

#[tokio::test]
async fn inputs_that_do_not_fit_the_description_do_not_start_the_run() {
    let coloured = Image::new(PixelFormat::Rgb8, 1, 1, vec![1, 2, 3]).unwrap();
    let at = |port: &str, value| NamedValue { port: port.to_owned(), value };
    for (inputs, port, hint) in [
        (vec![], "text", "can't start without"),
        (vec![text("good"), text("good")], "text", "2 were given"),
        (vec![at("text", Value::Number(1.0))], "text", "given a number"),
        (vec![text("good"), at("nowhere", Value::Boolean(true))], "nowhere", "no such input"),
        (vec![text("good"), at("mask", Value::Image(coloured))], "mask", "one channel"),
    ] {
        let result = run(inputs).await;
        let Err(RunError::BadInput { port: named, problem }) = result else { panic!("{hint}: {result:?}") };
        assert_eq!(named, port);
        assert!(problem.contains(hint), "{problem} does not say {hint}");
    }
}

#[tokio::test]
async fn parameters_that_are_no_object_and_bricks_that_are_not_there_are_refused() {
    let host = Arc::new(FakeHost::default());
    let binary = outputs().await;
    let params = serde_json::json!([]);
    let array = RunRequest { params, inputs: vec![text("good")], ..request("outputs:any", vec![], &host) };
    assert!(matches!(binary.run(array).await, Err(RunError::BadParam { .. })));
    let unknown = binary.run(request("outputs:none", vec![], &host)).await;
    assert_eq!(unknown, Err(RunError::UnknownBrick { brick: "outputs:none".to_owned() }));
}
