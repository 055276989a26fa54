//! Everything that keeps a document from running is said at once, by name, with the way out.

use qpyt_workflow::{Catalog, Document, ProblemCode, validate};
use serde_json::json;

use crate::support::{catalog, codes, document, first_party, id, only, small, spec, with_param};

fn problems(document: &Document) -> Vec<qpyt_workflow::Problem> {
    validate(document, &catalog())
}

#[test]
fn a_good_document_has_no_problems() {
    assert_eq!(problems(&small()), []);
}

#[test]
fn a_document_without_bricks_says_so() {
    assert_eq!(only(problems(&document(&[], &[]))).code, ProblemCode::NoBricks);
}

#[test]
fn an_unknown_brick_suggests_a_near_one() {
    let problem = only(problems(&document(&[("prompt", "promt")], &[])));
    assert_eq!((problem.code, problem.brick), (ProblemCode::UnknownBrick, Some(id("prompt"))));
    assert_eq!(problem.message, "the brick `qpyt:promt` is not installed; did you mean `qpyt:prompt`?");
}

#[test]
fn a_version_that_is_not_installed_lists_those_that_are() {
    let mut document = document(&[("prompt", "prompt")], &[]);
    document.bricks[0].requires = "^2".parse().unwrap();
    let problem = only(problems(&document));
    assert_eq!(problem.code, ProblemCode::VersionNotInstalled);
    assert!(
        problem.message.contains("`^2`") && problem.message.ends_with("installed: 0.1.0"),
        "{}",
        problem.message
    );
}

#[test]
fn two_bricks_with_one_id_are_told_once() {
    let document = document(&[("a", "prompt"), ("a", "prompt"), ("a", "settings")], &[]);
    let problem = only(problems(&document));
    assert_eq!((problem.code, problem.brick), (ProblemCode::DuplicateId, Some(id("a"))));
}

#[test]
fn a_link_to_a_brick_that_is_not_there_suggests_one_that_is() {
    let mut from = small();
    from.links[0].from = "promt.prompt".parse().unwrap();
    let problem = only(problems(&from));
    assert_eq!(
        (problem.code, problem.brick, problem.name.as_deref()),
        (ProblemCode::UnknownInstance, Some(id("render")), Some("prompt"))
    );
    assert!(problem.message.ends_with("did you mean `prompt`?"), "{}", problem.message);

    let mut to = small();
    to.links[1].to = "rendr.settings".parse().unwrap();
    let problem = only(problems(&to));
    assert_eq!((problem.code, problem.brick), (ProblemCode::UnknownInstance, None));
    assert!(problem.message.ends_with("did you mean `render`?"), "{}", problem.message);
}

#[test]
fn a_link_to_a_port_that_is_not_there_suggests_one_that_is() {
    let mut document = small();
    document.links[1].to = "render.setings".parse().unwrap();
    let problem = only(problems(&document));
    assert_eq!(
        (problem.code, problem.brick, problem.name.as_deref()),
        (ProblemCode::UnknownPort, Some(id("render")), Some("setings"))
    );
    assert!(
        problem.message.contains("has no input `setings`; did you mean `settings`?"),
        "{}",
        problem.message
    );

    document.links[1].to = "render.settings".parse().unwrap();
    document.links[1].from = "settings.values".parse().unwrap();
    let problem = only(problems(&document));
    assert_eq!((problem.code, problem.brick), (ProblemCode::UnknownPort, Some(id("settings"))));
    assert!(problem.message.contains("has no output `values`; there is `settings`"), "{}", problem.message);
}

#[test]
fn a_wire_of_the_wrong_kind_names_both_ports_and_kinds() {
    let mut document = small();
    document.links[1].from = "prompt.negative".parse().unwrap();
    let problem = only(problems(&document));
    assert_eq!(problem.code, ProblemCode::WrongKind);
    assert_eq!(problem.message, "`prompt.negative` gives text, but `render.settings` takes json");
}

#[test]
fn two_links_into_an_input_for_one_are_told_and_into_one_for_many_are_not() {
    let bricks = [("a", "prompt"), ("b", "prompt"), ("r", "render"), ("r2", "render"), ("out", "image-out")];
    let links =
        ["a.prompt > r.prompt", "a.prompt > r2.prompt", "r.image > out.image", "r2.image > out.image"];
    assert_eq!(problems(&document(&bricks, &links)), []);
    let problem = only(problems(&document(&bricks, &[&links[..], &["b.prompt > r.prompt"]].concat())));
    assert_eq!(
        (problem.code, problem.brick, problem.name.as_deref()),
        (ProblemCode::InputTaken, Some(id("r")), Some("prompt"))
    );
}

#[test]
fn a_required_input_without_a_link_is_told() {
    let mut document = small();
    document.links.remove(0);
    let problem = only(problems(&document));
    assert_eq!(
        (problem.code, problem.brick, problem.name.as_deref()),
        (ProblemCode::MissingInput, Some(id("render")), Some("prompt"))
    );
}

#[test]
fn a_circle_names_its_path() {
    let bricks = [("a", "styles"), ("b", "styles"), ("c", "styles")];
    let document = document(&bricks, &["a.prompt > b.prompt", "b.prompt > c.prompt", "c.prompt > a.prompt"]);
    let problem = only(problems(&document));
    assert_eq!(problem.code, ProblemCode::Cycle);
    assert!(problem.message.contains("`a` → `b` → `c` → `a`"), "{}", problem.message);
}

#[test]
fn a_bad_parameter_is_pinned_to_its_brick_and_name() {
    let problem = only(problems(&with_param(small(), "settings", "width", json!(4096))));
    assert_eq!(
        (problem.code, problem.brick, problem.name.as_deref()),
        (ProblemCode::BadParam, Some(id("settings")), Some("width"))
    );
    assert_eq!(problem.message, "`width` must be at most 2048, not 4096");
}

#[test]
fn a_brick_whose_schema_is_broken_is_told_apart_from_bad_parameters() {
    let mut broken = spec("qpyt:broken", "0.1.0", "", "", json!({}));
    broken.params_schema = json!({"$ref": "https://example.org/x"});
    let catalog = Catalog::new(vec![broken]);
    assert_eq!(only(validate(&document(&[("a", "broken")], &[]), &catalog)).code, ProblemCode::BadSchema);
}

#[test]
fn all_problems_come_at_once() {
    let mut document = document(
        &[("prompt", "promt"), ("settings", "settings"), ("render", "render"), ("output", "image-out")],
        &[
            "settings.settings > render.settings",
            "settings.settings > output.image",
            "nowhere.a > render.image",
        ],
    );
    document = with_param(document, "settings", "steps", json!(0));
    document = with_param(document, "settings", "count", json!(99));
    let mut found = codes(&problems(&document));
    found.sort();
    use ProblemCode::*;
    assert_eq!(found, [UnknownBrick, UnknownInstance, WrongKind, MissingInput, BadParam, BadParam]);
}

#[test]
fn a_brick_that_is_not_installed_causes_no_second_problem_at_its_links() {
    let catalog =
        Catalog::new(first_party().into_iter().filter(|spec| spec.id.as_str() != "qpyt:prompt").collect());
    assert_eq!(only(validate(&small(), &catalog)).code, ProblemCode::UnknownBrick);
}

#[test]
fn problems_without_end_are_cut() {
    let bricks: Vec<String> = (0..500).map(|number| format!("b{number}")).collect();
    let bricks: Vec<(&str, &str)> = bricks.iter().map(|id| (id.as_str(), "nothing")).collect();
    assert_eq!(problems(&document(&bricks, &vec!["here.a > b0.b"; 2000])).len(), 200);
}
