//! Everything that keeps a document from running, said at once and by name.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use crate::catalog::{BrickSpec, Catalog, Port, ResolveError};
use crate::document::{BrickNode, Document, Link};
use crate::graph::Graph;
use crate::names::{NodeId, PortRef};
use crate::params::{check_params, fill_defaults};
use crate::problem::{Problem, ProblemCode};
use crate::suggest::hint;

/// Most problems that are reported for one document.
const MAX_PROBLEMS: usize = 200;

/// Everything that keeps the document from running with these bricks; nothing when it can run.
pub fn validate(document: &Document, catalog: &Catalog) -> Vec<Problem> {
    let graph = Graph::of(document);
    let part = graph.all();
    Check::new(document, catalog).part(&graph, &part)
}

/// A document whose bricks were looked up once.
pub(crate) struct Check<'a> {
    document: &'a Document,
    /// By place in the document.
    specs: Vec<Result<Arc<BrickSpec>, ResolveError>>,
}

impl<'a> Check<'a> {
    pub(crate) fn new(document: &'a Document, catalog: &Catalog) -> Self {
        let resolve = |node| catalog.resolve_node(document, node).cloned();
        Self { document, specs: document.bricks.iter().map(resolve).collect() }
    }

    /// The brick at a place, when it is installed.
    pub(crate) fn spec(&self, place: usize) -> Option<&Arc<BrickSpec>> {
        self.specs.get(place)?.as_ref().ok()
    }

    /// The problems of the bricks at these places and of the links that lead into them.
    pub(crate) fn part(&self, graph: &Graph<'_>, part: &BTreeSet<usize>) -> Vec<Problem> {
        if self.document.bricks.is_empty() {
            let message = "the workflow has no bricks; add one, for example from a preset";
            return vec![Problem::whole(ProblemCode::NoBricks, message)];
        }
        let mut problems = Vec::new();
        problems.extend(self.duplicates());
        for &place in part {
            if problems.len() >= MAX_PROBLEMS {
                break;
            }
            problems.extend(self.brick(place));
        }
        problems.extend(self.links(graph, part));
        for &place in part {
            problems.extend(self.missing_inputs(place));
        }
        problems.extend(graph.cycles(part).iter().filter_map(|cycle| cycle_problem(cycle)));
        problems.truncate(MAX_PROBLEMS);
        problems
    }

    fn duplicates(&self) -> Vec<Problem> {
        let mut seen = HashSet::new();
        let mut told = HashSet::new();
        let nodes = self.document.bricks.iter().map(|node| &node.id);
        nodes
            .filter(|id| !seen.insert(*id) && told.insert(*id))
            .map(|id| {
                let message = format!("two bricks have the id `{id}`; give one of them another id");
                Problem::of(ProblemCode::DuplicateId, id, message)
            })
            .collect()
    }

    fn brick(&self, place: usize) -> Vec<Problem> {
        match (self.document.bricks.get(place), self.specs.get(place)) {
            (Some(node), Some(Ok(spec))) => params(node, spec),
            (Some(node), Some(Err(error))) => vec![not_installed(node, error)],
            _ => Vec::new(),
        }
    }

    fn links(&self, graph: &Graph<'_>, part: &BTreeSet<usize>) -> Vec<Problem> {
        let mut fed: HashSet<&PortRef> = HashSet::new();
        let mut problems = Vec::new();
        for link in &self.document.links {
            if problems.len() >= MAX_PROBLEMS {
                break;
            }
            match graph.place(&link.to.node) {
                Some(place) if part.contains(&place) => {
                    problems.extend(self.link(graph, link, place, &mut fed))
                }
                Some(_) => {}
                None if part.len() == self.document.bricks.len() => {
                    problems.push(self.no_instance(link, &link.to.node, None));
                }
                None => {}
            }
        }
        problems
    }

    fn link(
        &self,
        graph: &Graph<'_>,
        link: &'a Link,
        to: usize,
        fed: &mut HashSet<&'a PortRef>,
    ) -> Vec<Problem> {
        let mut problems = Vec::new();
        let input = self.spec(to).map(|spec| find(&spec.inputs, link, &link.to, "input"));
        let output = match graph.place(&link.from.node) {
            Some(from) => self.spec(from).map(|spec| find(&spec.outputs, link, &link.from, "output")),
            None => Some(Err(self.no_instance(link, &link.from.node, Some(&link.to)))),
        };
        if let (Some(Ok(input)), Some(Ok(output))) = (&input, &output)
            && !input.kind.accepts(output.kind)
        {
            problems.push(wrong_kind(link, output, input));
        }
        if let Some(Ok(input)) = &input
            && !fed.insert(&link.to)
            && !input.many
        {
            problems.push(taken(link));
        }
        problems.extend([input, output].into_iter().flatten().filter_map(Result::err));
        problems
    }

    fn no_instance(&self, link: &Link, missing: &NodeId, at: Option<&PortRef>) -> Problem {
        let known = self.document.bricks.iter().map(|node| node.id.as_str());
        Problem {
            code: ProblemCode::UnknownInstance,
            brick: at.map(|port| port.node.clone()),
            name: at.map(|port| port.port.to_string()),
            message: format!(
                "the link from `{}` to `{}` names the brick `{missing}`, which is not in the workflow{}",
                link.from,
                link.to,
                hint(missing.as_str(), known)
            ),
        }
    }

    fn missing_inputs(&self, place: usize) -> Vec<Problem> {
        let (Some(node), Some(spec)) = (self.document.bricks.get(place), self.spec(place)) else {
            return Vec::new();
        };
        let fed = |input: &&Port| {
            self.document.links.iter().any(|link| link.to.node == node.id && link.to.port == input.name)
        };
        let missing = spec.inputs.iter().filter(|input| input.required && !fed(input));
        missing.map(|input| missing_input(node, spec, input)).collect()
    }
}

fn params(node: &BrickNode, spec: &BrickSpec) -> Vec<Problem> {
    match check_params(&spec.params_schema, &fill_defaults(&spec.params_schema, &node.params)) {
        Err(error) => {
            let message = format!("the brick `{}` {} has a fault: {error}", spec.id, spec.version);
            vec![Problem::of(ProblemCode::BadSchema, &node.id, message)]
        }
        Ok(problems) => problems
            .into_iter()
            .map(|problem| Problem {
                code: ProblemCode::BadParam,
                brick: Some(node.id.clone()),
                name: problem.name,
                message: problem.message,
            })
            .collect(),
    }
}

fn not_installed(node: &BrickNode, error: &ResolveError) -> Problem {
    let code = match error {
        ResolveError::UnknownBrick { .. } => ProblemCode::UnknownBrick,
        ResolveError::VersionNotInstalled { .. } => ProblemCode::VersionNotInstalled,
    };
    Problem::of(code, &node.id, error.to_string())
}

/// The port at one end of a link.
fn find<'p>(ports: &'p [Port], link: &Link, end: &PortRef, side: &str) -> Result<&'p Port, Problem> {
    ports.iter().find(|port| port.name == end.port).ok_or_else(|| {
        let known = ports.iter().map(|port| port.name.as_str());
        let hint = hint(end.port.as_str(), known);
        let message = format!(
            "the link from `{}` to `{}`: `{}` has no {side} `{}`{hint}",
            link.from, link.to, end.node, end.port
        );
        Problem::at(ProblemCode::UnknownPort, &end.node, end.port.to_string(), message)
    })
}

fn wrong_kind(link: &Link, output: &Port, input: &Port) -> Problem {
    let message = format!(
        "`{}` gives {}, but `{}` takes {}",
        link.from,
        output.kind.as_str(),
        link.to,
        input.kind.as_str()
    );
    Problem::at(ProblemCode::WrongKind, &link.to.node, link.to.port.to_string(), message)
}

fn taken(link: &Link) -> Problem {
    let message = format!("`{}` takes one link; remove the one from `{}` or another", link.to, link.from);
    Problem::at(ProblemCode::InputTaken, &link.to.node, link.to.port.to_string(), message)
}

fn missing_input(node: &BrickNode, spec: &BrickSpec, input: &Port) -> Problem {
    let label = if spec.label.is_empty() { spec.id.as_str() } else { spec.label.as_str() };
    let message = format!(
        "{label} (`{}`) needs its input `{}` ({}); link something to it",
        node.id,
        input.name,
        input.kind.as_str()
    );
    Problem::at(ProblemCode::MissingInput, &node.id, input.name.to_string(), message)
}

fn cycle_problem(cycle: &[&NodeId]) -> Option<Problem> {
    let first = cycle.first()?;
    let path: Vec<String> = cycle.iter().chain([first]).map(|id| format!("`{id}`")).collect();
    let message = format!("these bricks wait for each other: {}; remove one of the links", path.join(" → "));
    Some(Problem::of(ProblemCode::Cycle, first, message))
}
