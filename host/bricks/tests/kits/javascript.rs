//! The JavaScript kit's example and template.

use std::sync::LazyLock;

use qpyt_bricks::{NamedValue, RunError, Value};
use serde_json::json;

use crate::{
    Test,
    brick::{Brick, filled_in},
    counter, golden,
    kit::Kit,
    tour,
};

pub const TESTS: &[Test] = &[
    ("the_javascript_example_gives_what_its_golden_tests_expect", golden_tests),
    ("the_javascript_example_gives_the_same_prompt_for_the_same_seed_and_others_for_others", seeds),
    ("the_javascript_example_expands_a_template_that_comes_through_its_input", input),
    ("errors_of_a_javascript_brick_name_the_parameter", errors),
    ("a_javascript_brick_remembers_and_carries_parameters_over", || counter::check(Kit::JavaScript)),
    ("a_javascript_brick_reaches_every_interface_of_the_host", || tour::check(Kit::JavaScript)),
    ("the_javascript_template_builds_and_passes_its_golden_test", template),
];

static EXAMPLE: LazyLock<Brick> =
    LazyLock::new(|| Brick::of(Kit::JavaScript, Kit::JavaScript.folder().join("examples/dynamic-prompt")));

fn prompt(params: serde_json::Value) -> String {
    let outcome = EXAMPLE.run(vec![], params).unwrap();
    assert_eq!(outcome.usage.open_handles, 0);
    let Value::Text(prompt) = &outcome.outputs[0].value else { panic!("{outcome:?}") };
    prompt.clone()
}

fn golden_tests() {
    golden::check(&EXAMPLE);
}

fn seeds() {
    let params = |seed: u32| json!({ "template": "{a|b|c|d|e|f|g|h}{a|b|c|d|e|f|g|h}", "seed": seed });
    assert_eq!(prompt(params(5)), prompt(params(5)));
    let different: std::collections::HashSet<_> = (0..20).map(|seed| prompt(params(seed))).collect();
    assert!(different.len() > 10, "{different:?}");
}

fn input() {
    let template = Value::Text("only {this}".to_owned());
    let inputs = vec![NamedValue { port: "prompt".to_owned(), value: template }];
    let outcome = EXAMPLE.run(inputs, json!({ "template": "not {that}" })).unwrap();
    assert_eq!(outcome.outputs[0].value, Value::Text("only this".to_owned()));
    assert_eq!(outcome.outputs[1].value, Value::Json(json!(["this"])));
}

fn errors() {
    for (params, named, hint) in [
        (json!({ "template": "a {red|blue" }), "template", "without its }"),
        (json!({ "template": "__planet__" }), "template", "no list \"planet\""),
        (json!({ "lists": "animal fox" }), "lists", "name: entry, entry"),
        (json!({ "template": "__a__", "lists": "a: __b__\nb: __a__" }), "template", "again and again"),
    ] {
        let result = EXAMPLE.run(vec![], params);
        let Err(RunError::BadParam { param, problem }) = result else { panic!("{result:?}") };
        assert_eq!(param, named);
        assert!(problem.contains(hint), "{problem} does not say {hint}");
    }
}

fn template() {
    let brick = Brick::of(Kit::JavaScript, filled_in(Kit::JavaScript));
    assert_eq!(brick.binary.bricks()[0].id, "me:my-brick");
    golden::check(&brick);
}
