//! A run is what its targets need, in an order that works.

use qpyt_workflow::{Document, Plan, ProblemCode, plan, targets};
use serde_json::json;

use crate::generator::Choices;
use crate::support::{catalog, codes, document, id, only, small, with_param};

fn order(plan: &Plan) -> Vec<&str> {
    plan.steps.iter().map(|step| step.node.as_str()).collect()
}

fn planned(document: &Document, targets: &[&str]) -> Plan {
    plan(document, &catalog(), &targets.iter().map(|target| id(target)).collect::<Vec<_>>()).unwrap()
}

#[test]
fn without_targets_everything_runs_in_document_order_as_far_as_links_allow() {
    assert_eq!(order(&planned(&small(), &[])), ["prompt", "settings", "render", "output"]);
    let mut reversed = small();
    reversed.bricks.reverse();
    assert_eq!(order(&planned(&reversed, &[])), ["settings", "prompt", "render", "output"]);
}

#[test]
fn a_target_runs_with_what_it_needs_and_nothing_else() {
    assert_eq!(order(&planned(&small(), &["render"])), ["prompt", "settings", "render"]);
    assert_eq!(order(&planned(&small(), &["settings", "prompt"])), ["prompt", "settings"]);
}

#[test]
fn a_partial_run_works_beside_broken_bricks() {
    let broken =
        with_param(with_param(small(), "settings", "width", json!(8)), "output", "format", json!("tiff"));
    assert_eq!(order(&planned(&broken, &["prompt"])), ["prompt"]);
    assert_eq!(codes(&plan(&broken, &catalog(), &[id("render")]).unwrap_err()), [ProblemCode::BadParam]);
    assert_eq!(plan(&broken, &catalog(), &[]).unwrap_err().len(), 2);
}

#[test]
fn a_target_that_is_not_there_is_told_with_a_near_name() {
    let problem = only(plan(&small(), &catalog(), &[id("rendr")]).unwrap_err());
    assert_eq!(problem.code, ProblemCode::UnknownInstance);
    assert!(problem.message.ends_with("did you mean `render`?"), "{}", problem.message);
}

#[test]
fn targets_from_outside_have_to_be_ids() {
    assert_eq!(targets(&["render".to_owned()]), Ok(vec![id("render")]));
    let problems = targets(&["Render!".to_owned(), "render".to_owned(), "".to_owned()]).unwrap_err();
    assert_eq!(codes(&problems), [ProblemCode::UnknownInstance, ProblemCode::UnknownInstance]);
}

#[test]
fn a_step_has_its_defaults_filled_in_and_whole_numbers_written_as_such() {
    let document =
        with_param(with_param(small(), "settings", "steps", json!(30.0)), "settings", "guidance", json!(2.5));
    let plan = planned(&document, &["settings"]);
    assert_eq!(
        plan.steps[0].params.to_string(),
        r#"{"count":1,"guidance":2.5,"height":512,"seed":null,"steps":30,"width":512}"#
    );
}

#[test]
fn a_step_names_what_feeds_each_input_in_port_order_and_many_in_document_order() {
    let document = document(
        &[("p", "prompt"), ("s", "settings"), ("r", "render"), ("r2", "render"), ("out", "image-out")],
        &[
            "s.settings > r.settings",
            "p.negative > r.negative",
            "p.prompt > r.prompt",
            "p.prompt > r2.prompt",
            "r2.image > out.image",
            "r.info > out.info",
            "r.image > out.image",
        ],
    );
    let plan = planned(&document, &[]);
    let inputs = |node: &str| -> Vec<String> {
        let step = plan.steps.iter().find(|step| step.node.as_str() == node).unwrap();
        step.inputs.iter().map(|input| format!("{}<{}", input.port, input.from)).collect()
    };
    assert_eq!(inputs("r"), ["prompt<p.prompt", "negative<p.negative", "settings<s.settings"]);
    assert_eq!(inputs("out"), ["image<r2.image", "image<r.image", "info<r.info"]);
}

#[test]
fn a_plan_is_heavy_when_one_of_its_steps_is() {
    assert!(planned(&small(), &[]).is_heavy());
    assert!(!planned(&small(), &["prompt", "settings"]).is_heavy());
}

#[test]
fn in_any_document_every_step_comes_after_what_feeds_it() {
    let mut choices = Choices::new(7);
    for _ in 0..300 {
        let count = 2 + choices.below(12);
        let names: Vec<String> = (0..count).map(|index| format!("n{index}")).collect();
        let bricks: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "styles")).collect();
        let mut order: Vec<usize> = (0..count).collect();
        for place in (1..count).rev() {
            order.swap(place, choices.below(place + 1));
        }
        let mut document = document(&bricks, &[]);
        for (place, node) in order.iter().enumerate().skip(1) {
            let source = order[choices.below(place)];
            let (from, to) = (format!("n{source}.prompt"), format!("n{node}.prompt"));
            document.links.push(qpyt_workflow::Link::new(from.parse().unwrap(), to.parse().unwrap()));
        }
        document.bricks.push(qpyt_workflow::BrickNode::new(id("words"), "qpyt:prompt".parse().unwrap()));
        let root = format!("n{}.prompt", order[0]);
        document.links.push(qpyt_workflow::Link::new("words.prompt".parse().unwrap(), root.parse().unwrap()));

        let plan = planned(&document, &[]);
        assert_eq!(plan.steps.len(), count + 1);
        for (place, step) in plan.steps.iter().enumerate() {
            for input in &step.inputs {
                assert!(plan.steps[..place].iter().any(|earlier| earlier.node == input.from.node));
            }
        }
    }
}
