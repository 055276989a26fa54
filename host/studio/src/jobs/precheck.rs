//! What can be wrong with a document that only the studio can see: models that are not installed and pictures that
//! are not in the content store.

use qpyt_bricks::Digest;
use qpyt_workflow::{Catalog, Document, NodeId, Problem, ProblemCode};
use serde_json::Value;

use crate::models::{ModelProblem, Models};
use crate::store::{ContentKind, Store};

/// Everything that the document names and the studio does not have.
pub fn missing(document: &Document, catalog: &Catalog, models: &Models, store: &Store) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (node, name, widget, value) in named_things(document, catalog) {
        let problem = match widget.as_str() {
            "model" if !value.is_empty() => models.find(&value).err().map(|problem| {
                let code = match problem {
                    ModelProblem::Missing { .. } | ModelProblem::MissingLora { .. } => {
                        ProblemCode::ModelMissing
                    }
                    ModelProblem::Broken(_) => ProblemCode::ModelBroken,
                };
                (code, problem.to_string())
            }),
            "image" | "mask" if !value.is_empty() && !has_picture(store, &value) => Some((
                ProblemCode::PictureMissing,
                "The picture is not here any more. Choose it again.".to_owned(),
            )),
            _ => None,
        };
        problems.extend(problem.map(|(code, message)| Problem {
            code,
            brick: Some(node),
            name: Some(name),
            message,
        }));
    }
    problems
}

/// The ids of the models that a brick's parameters name.
pub fn models_of(schema: &Value, params: &Value) -> Vec<String> {
    widgets(schema)
        .filter(|(_, widget)| *widget == "model")
        .filter_map(|(name, _)| params.get(name)?.as_str())
        .filter(|model| !model.is_empty())
        .map(str::to_owned)
        .collect()
}

/// Every parameter of a document whose widget is known and whose value is a text, with the default where it is
/// not set.
fn named_things(document: &Document, catalog: &Catalog) -> Vec<(NodeId, String, String, String)> {
    let mut found = Vec::new();
    for node in &document.bricks {
        let Ok(spec) = catalog.resolve_node(document, node) else { continue };
        let value_of = |name: &str| {
            let default = || spec.params_schema.pointer(&format!("/properties/{name}/default"));
            node.params.get(name).or_else(default)
        };
        for (name, widget) in widgets(&spec.params_schema) {
            let Some(value) = value_of(name).and_then(Value::as_str) else { continue };
            if counts(&spec.params_schema, name, value_of) {
                found.push((node.id.clone(), name.to_owned(), widget.to_owned(), value.to_owned()));
            }
        }
    }
    found
}

/// Whether a parameter means anything beside the others: `"x-when": "place=studio"` ties it to the value of another.
fn counts<'a>(schema: &Value, name: &str, value_of: impl Fn(&str) -> Option<&'a Value>) -> bool {
    let condition = schema.pointer(&format!("/properties/{name}/x-when")).and_then(Value::as_str);
    condition.and_then(|condition| condition.split_once('=')).is_none_or(|(other, wanted)| {
        let is_wanted = |value: &Value| match value {
            Value::String(text) => text == wanted,
            other => serde_json::from_str::<Value>(wanted).is_ok_and(|wanted| wanted == *other),
        };
        value_of(other).is_none_or(is_wanted)
    })
}

/// The parameters of a schema that ask for a widget.
fn widgets(schema: &Value) -> impl Iterator<Item = (&str, &str)> {
    schema
        .get("properties")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .filter_map(|(name, property)| Some((name.as_str(), property.get("x-widget")?.as_str()?)))
}

fn has_picture(store: &Store, digest: &str) -> bool {
    digest.parse::<Digest>().is_ok_and(|digest| store.content().kind(digest) == Some(ContentKind::Image))
}
