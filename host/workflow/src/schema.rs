//! The parameter schema of a brick, compiled within bounds.
//!
//! Schemas come with bricks, so they are not trusted: a schema is small and flat enough, refers to nothing (neither
//! inside itself nor outside), and its patterns run on the linear-time regex engine.

use jsonschema::{Draft, PatternOptions, Validator};
use serde_json::{Map, Value};

/// Most JSON values in a schema.
const MAX_VALUES: usize = 20_000;
/// Deepest nesting of a schema.
const MAX_DEPTH: usize = 24;
/// Memory for one compiled pattern, in bytes.
const MAX_PATTERN: usize = 1 << 20;
/// Keywords that refer elsewhere.
const REFERENCES: [&str; 6] = ["$ref", "$dynamicRef", "$recursiveRef", "$id", "$anchor", "$dynamicAnchor"];

/// Why a brick's parameter schema can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SchemaError {
    /// Not an object schema.
    #[error("the parameter schema must be an object with `properties`")]
    NotAnObject,
    /// Larger or deeper than what is compiled.
    #[error("the parameter schema is too large: at most {MAX_VALUES} values, {MAX_DEPTH} levels deep")]
    TooLarge,
    /// Refers to another schema.
    #[error("the parameter schema uses `{0}`; write the schema out instead")]
    Reference(String),
    /// Not a valid schema.
    #[error("the parameter schema is not valid: {0}")]
    Invalid(String),
}

/// Checks that a brick's parameter schema can be used.
///
/// # Errors
/// With what is wrong with it.
pub fn check_schema(schema: &Value) -> Result<(), SchemaError> {
    compile(schema).map(drop)
}

/// A validator for a brick's parameters.
pub(crate) fn compile(schema: &Value) -> Result<Validator, SchemaError> {
    if !schema.is_object() {
        return Err(SchemaError::NotAnObject);
    }
    check_bounds(schema)?;
    jsonschema::options()
        .with_draft(Draft::Draft202012)
        .offline()
        .with_pattern_options(PatternOptions::regex().size_limit(MAX_PATTERN).dfa_size_limit(MAX_PATTERN))
        .build(schema)
        .map_err(|error| SchemaError::Invalid(error.to_string().chars().take(300).collect()))
}

fn check_bounds(schema: &Value) -> Result<(), SchemaError> {
    let mut open = vec![(schema, 0)];
    let mut values = 0;
    while let Some((value, depth)) = open.pop() {
        values += 1;
        if values > MAX_VALUES || depth > MAX_DEPTH {
            return Err(SchemaError::TooLarge);
        }
        match value {
            Value::Array(items) => open.extend(items.iter().map(|item| (item, depth + 1))),
            Value::Object(members) => {
                if let Some(reference) =
                    REFERENCES.iter().find(|keyword| members.get(**keyword).is_some_and(Value::is_string))
                {
                    return Err(SchemaError::Reference((*reference).to_owned()));
                }
                open.extend(members.values().map(|member| (member, depth + 1)));
            }
            _ => {}
        }
    }
    Ok(())
}

/// The schemas of the parameters by name.
pub(crate) fn properties(schema: &Value) -> impl Iterator<Item = (&String, &Value)> + Clone {
    schema.get("properties").and_then(Value::as_object).into_iter().flatten()
}

/// The schema of one parameter.
pub(crate) fn property<'a>(schema: &'a Value, name: &str) -> Option<&'a Value> {
    schema
        .get("properties")
        .and_then(Value::as_object)
        .and_then(|properties: &Map<String, Value>| properties.get(name))
}

/// Whether a parameter's schema names this JSON type among those it takes.
pub(crate) fn takes_type(property: &Value, wanted: &str) -> bool {
    types(property).any(|name| name == wanted)
}

/// The JSON types a parameter's schema names.
pub(crate) fn types(property: &Value) -> impl Iterator<Item = &str> {
    let named = property.get("type");
    let one = named.and_then(Value::as_str);
    let several = named.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    one.into_iter().chain(several)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_plain_object_schema_is_accepted() {
        assert_eq!(
            check_schema(
                &json!({"type": "object", "properties": {"a": {"type": "integer", "x-widget": "seed"}}})
            ),
            Ok(())
        );
    }

    #[test]
    fn a_schema_that_refers_elsewhere_is_refused() {
        for keyword in REFERENCES {
            let schema = json!({"properties": {"a": {keyword: "https://example.org/schema"}}});
            assert_eq!(check_schema(&schema), Err(SchemaError::Reference(keyword.to_owned())));
        }
    }

    #[test]
    fn a_schema_without_end_is_refused() {
        let deep = (0..100).fold(json!({}), |inner, _| json!({"not": inner}));
        assert_eq!(check_schema(&deep), Err(SchemaError::TooLarge));
        let wide = json!({"properties": {"a": {"enum": (0..MAX_VALUES).collect::<Vec<_>>()}}});
        assert_eq!(check_schema(&wide), Err(SchemaError::TooLarge));
    }

    #[test]
    fn a_pattern_that_would_need_much_memory_or_backtracking_is_refused() {
        for pattern in ["(a{1000}){1000}", "(?=a)b", r"(a)\1"] {
            let schema = json!({"properties": {"a": {"type": "string", "pattern": pattern}}});
            assert!(matches!(check_schema(&schema), Err(SchemaError::Invalid(_))), "{pattern}");
        }
    }

    #[test]
    fn a_schema_with_a_wrong_keyword_value_is_refused() {
        assert!(matches!(
            check_schema(&json!({"properties": {"a": {"type": "colour"}}})),
            Err(SchemaError::Invalid(_))
        ));
        assert_eq!(check_schema(&json!([])), Err(SchemaError::NotAnObject));
    }
}
