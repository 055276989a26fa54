//! Overrides from the command line, `instance.param=value`.

use serde_json::Value;

use crate::catalog::{Catalog, ResolveError};
use crate::document::{Document, cut};
use crate::names::NodeId;
use crate::schema::{properties, property, takes_type, types};
use crate::suggest::hint;

/// Why an override can't be applied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SetError {
    /// Not of the form `instance.param=value`.
    #[error("`{0}` is not an override; write it as `brick.param=value`, like `settings.seed=7`")]
    NotAnOverride(String),
    /// The document has no such brick instance.
    #[error("the workflow has no brick `{node}`{hint}")]
    UnknownInstance {
        /// What was asked for.
        node: String,
        /// The way out.
        hint: String,
    },
    /// The brick's parameters are not known.
    #[error("`{node}` can't be set: {reason}")]
    NotInstalled {
        /// The brick instance.
        node: NodeId,
        /// Why.
        reason: ResolveError,
    },
    /// The brick has no such parameter.
    #[error("`{node}` has no parameter `{param}`{hint}")]
    UnknownParam {
        /// The brick instance.
        node: NodeId,
        /// What was asked for.
        param: String,
        /// The way out.
        hint: String,
    },
    /// The text is not a value of the parameter's type.
    #[error("`{node}.{param}` must be {expected}, not `{value}`")]
    BadValue {
        /// The brick instance.
        node: NodeId,
        /// The parameter.
        param: String,
        /// What it takes.
        expected: String,
        /// What was given.
        value: String,
    },
}

/// Applies one override to the document. The value is taken as text where the parameter takes text, and read as JSON
/// where it takes something else; `null` where it may be null. Whether the value is allowed is for
/// [`validate`](crate::validate()) to say.
///
/// # Errors
/// When the brick instance or the parameter doesn't exist (with the nearest that does) or the value isn't of its type.
pub fn set_param(document: &mut Document, catalog: &Catalog, assignment: &str) -> Result<(), SetError> {
    let not_an_override = || SetError::NotAnOverride(cut(assignment));
    let (target, value) = assignment.split_once('=').ok_or_else(not_an_override)?;
    let (node, param) = target.split_once('.').ok_or_else(not_an_override)?;
    let (node, param) = (node.trim(), param.trim());

    let known = document.bricks.iter().map(|node| node.id.as_str());
    let found = document.bricks.iter().find(|candidate| candidate.id.as_str() == node);
    let found =
        found.ok_or_else(|| SetError::UnknownInstance { node: cut(node), hint: hint(node, known) })?;
    let id = found.id.clone();
    let spec = catalog
        .resolve_node(document, found)
        .map_err(|reason| SetError::NotInstalled { node: id.clone(), reason })?;
    let schema = property(&spec.params_schema, param).ok_or_else(|| SetError::UnknownParam {
        node: id.clone(),
        param: cut(param),
        hint: hint(param, properties(&spec.params_schema).map(|(name, _)| name.as_str())),
    })?;
    let value = read(schema, value).ok_or_else(|| SetError::BadValue {
        node: id.clone(),
        param: param.to_owned(),
        expected: expected(schema),
        value: cut(value),
    })?;
    if let Some(node) = document.node_mut(&id) {
        node.params.insert(param.to_owned(), value);
    }
    Ok(())
}

fn read(schema: &Value, text: &str) -> Option<Value> {
    let parsed = || serde_json::from_str::<Value>(text).ok();
    let as_text = || Some(Value::from(text));
    if types(schema).next().is_none() {
        return parsed().or_else(as_text);
    }
    if !takes_type(schema, "string") {
        return parsed().filter(|value| fits(schema, value));
    }
    parsed().filter(|value| !value.is_string() && fits(schema, value)).or_else(as_text)
}

fn fits(schema: &Value, value: &Value) -> bool {
    types(schema).any(|name| match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.as_f64().is_some_and(|number| number.fract() == 0.0),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => false,
    })
}

fn expected(schema: &Value) -> String {
    let words = types(schema).map(|name| match name {
        "integer" => "a whole number",
        "number" => "a number",
        "boolean" => "`true` or `false`",
        "null" => "`null`",
        "array" => "a list in JSON, like `[\"a\", \"b\"]`",
        "object" => "an object in JSON, like `{\"a\": 1}`",
        other => other,
    });
    words.collect::<Vec<_>>().join(" or ")
}
