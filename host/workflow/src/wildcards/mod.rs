//! Prompts left to chance are settled once, when a run is asked for: `__animal__` becomes a line of the list `animal`,
//! `{red|blue}` one of the two. What came of it, the seed and the text as it was are written into the document, so the
//! same run can be had again.

mod expand;

use serde_json::{Map, Value, json};

pub use expand::WildcardError;

use self::expand::{Chance, expand, has_wildcards};
use crate::catalog::Catalog;
use crate::document::{BrickNode, Document};
use crate::names::NodeId;
use crate::problem::{Problem, ProblemCode};
use crate::schema::properties;

/// The keyword of parameters whose text is expanded.
const KEYWORD: &str = "x-wildcards";
/// Where a brick instance keeps the seed and the texts as they were.
const RECORD: &str = "wildcards";

/// Expands the texts of all parameters that their schema marks with `x-wildcards`. `lines` gives the lines of a list by
/// its name. The seed of a brick instance is `wildcards.seed` of the document, or else comes from `draw`; one seed and
/// the same lists always give the same texts. Bricks that are not installed are passed over.
///
/// Gives what could not be expanded, which stays as it was.
pub fn expand_wildcards(
    document: &mut Document,
    catalog: &Catalog,
    mut lines: impl FnMut(&str) -> Option<Vec<String>>,
    mut draw: impl FnMut() -> u32,
) -> Vec<Problem> {
    let mut problems = Vec::new();
    let texts: Vec<_> = document.bricks.iter().map(|node| texts_of(document, node, catalog)).collect();
    for (node, texts) in document.bricks.iter_mut().zip(texts) {
        if texts.is_empty() {
            continue;
        }
        let seed = recorded_seed(node).unwrap_or_else(&mut draw);
        let mut chance = Chance::new(seed);
        let mut before = Map::new();
        for (name, text) in texts {
            match expand(&text, &mut lines, &mut chance) {
                Ok(same) if same == text => {}
                Ok(expanded) => {
                    node.params.insert(name.clone(), Value::String(expanded));
                    before.insert(name, Value::String(text));
                }
                Err(error) => problems.push(problem(&node.id, name, &error)),
            }
        }
        if !before.is_empty() {
            node.other.insert(RECORD.to_owned(), json!({ "seed": seed, "texts": before }));
        }
    }
    problems
}

/// The parameters of a brick instance that have something to expand, with their texts.
fn texts_of(document: &Document, node: &BrickNode, catalog: &Catalog) -> Vec<(String, String)> {
    let Ok(spec) = catalog.resolve_node(document, node) else { return Vec::new() };
    let marked = properties(&spec.params_schema).filter(|(_, property)| property.get(KEYWORD).is_some());
    let texts = marked.filter_map(|(name, property)| {
        let text = node.params.get(name).or_else(|| property.get("default"))?.as_str()?;
        has_wildcards(text).then(|| (name.clone(), text.to_owned()))
    });
    texts.collect()
}

/// The seed that a document asks for.
fn recorded_seed(node: &BrickNode) -> Option<u32> {
    node.other.get(RECORD)?.get("seed")?.as_u64()?.try_into().ok()
}

fn problem(node: &NodeId, name: String, error: &WildcardError) -> Problem {
    Problem {
        code: ProblemCode::BadParam,
        brick: Some(node.clone()),
        message: format!("`{name}`: {error}"),
        name: Some(name),
    }
}
