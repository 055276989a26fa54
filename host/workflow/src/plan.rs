//! From a document to the steps of a run: only what the targets need, each brick after those that feed it.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value;

use crate::canonical::normalise;
use crate::catalog::{BrickSpec, Catalog, Port};
use crate::document::{BrickNode, Document};
use crate::graph::Graph;
use crate::names::{NodeId, PortName, PortRef};
use crate::params::fill_defaults;
use crate::problem::{Problem, ProblemCode};
use crate::suggest::hint;
use crate::validate::Check;

/// The steps of a run, in an order in which they can run one after the other.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Each after all that feed it; in document order where that leaves a choice.
    pub steps: Vec<Step>,
}

/// One brick of a run.
#[derive(Debug, Clone)]
pub struct Step {
    /// The brick instance.
    pub node: NodeId,
    /// The brick it runs on.
    pub spec: Arc<BrickSpec>,
    /// Its parameters, an object: defaults filled in, whole numbers written as such, keys in order.
    pub params: Value,
    /// What feeds it, in the order of the brick's inputs; several links into one input in document order.
    pub inputs: Vec<InputLink>,
}

/// A link into a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputLink {
    /// The input.
    pub port: PortName,
    /// The output of an earlier step that feeds it.
    pub from: PortRef,
}

impl Plan {
    /// Whether a step needs the accelerator.
    pub fn is_heavy(&self) -> bool {
        self.steps.iter().any(|step| step.spec.heavy)
    }
}

/// The steps that `targets` need, or all when there are none. Only bricks that are needed are checked, so a partial
/// run works beside broken bricks.
///
/// # Errors
/// All problems of the needed part, or the targets that the document doesn't have.
pub fn plan(document: &Document, catalog: &Catalog, targets: &[NodeId]) -> Result<Plan, Vec<Problem>> {
    let graph = Graph::of(document);
    let part = part(document, &graph, targets)?;
    let check = Check::new(document, catalog);
    let problems = check.part(&graph, &part);
    if !problems.is_empty() {
        return Err(problems);
    }
    let places = graph.order(&part);
    let step = |place: usize| Some(step(document, document.bricks.get(place)?, check.spec(place)?));
    Ok(Plan { steps: places.into_iter().filter_map(step).collect() })
}

/// Run targets from outside as brick instances.
///
/// # Errors
/// A problem for each text that can't be the id of a brick instance.
pub fn targets(texts: &[String]) -> Result<Vec<NodeId>, Vec<Problem>> {
    let (mut targets, mut problems) = (Vec::new(), Vec::new());
    for text in texts {
        match text.parse::<NodeId>() {
            Ok(target) => targets.push(target),
            Err(error) => problems.push(Problem::whole(ProblemCode::UnknownInstance, error.to_string())),
        }
    }
    if problems.is_empty() { Ok(targets) } else { Err(problems) }
}

fn part(document: &Document, graph: &Graph<'_>, targets: &[NodeId]) -> Result<BTreeSet<usize>, Vec<Problem>> {
    if targets.is_empty() {
        return Ok(graph.all());
    }
    let known = || document.bricks.iter().map(|node| node.id.as_str());
    let (mut places, mut problems) = (Vec::new(), Vec::new());
    for target in targets {
        match graph.place(target) {
            Some(place) => places.push(place),
            None => problems.push(Problem::whole(
                ProblemCode::UnknownInstance,
                format!("the workflow has no brick `{target}` to run{}", hint(target.as_str(), known())),
            )),
        }
    }
    if problems.is_empty() { Ok(graph.needed(places)) } else { Err(problems) }
}

fn step(document: &Document, node: &BrickNode, spec: &Arc<BrickSpec>) -> Step {
    Step {
        node: node.id.clone(),
        spec: Arc::clone(spec),
        params: normalise(&Value::Object(fill_defaults(&spec.params_schema, &node.params))),
        inputs: spec.inputs.iter().flat_map(|input| links_into(document, node, input)).collect(),
    }
}

fn links_into(document: &Document, node: &BrickNode, input: &Port) -> Vec<InputLink> {
    let links = document.links.iter().filter(|link| link.to.node == node.id && link.to.port == input.name);
    links.map(|link| InputLink { port: input.name.clone(), from: link.from.clone() }).collect()
}
