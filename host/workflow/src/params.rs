//! The parameters of one brick instance: defaults filled in, and everything that is wrong with them said at once in
//! plain language.

use jsonschema::ValidationError;
use jsonschema::error::{TypeKind, ValidationErrorKind};
use jsonschema::paths::LocationSegment;
use serde_json::{Map, Value};

use crate::document::{cut, show};
use crate::schema::{SchemaError, compile, properties, property};
use crate::suggest::{hint, nearest};

/// Most problems that are listed for one brick instance.
const MAX_PROBLEMS: usize = 50;
/// Most choices that are listed in a message.
const MAX_CHOICES: usize = 24;

/// What is wrong with one parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParamProblem {
    /// The parameter; none when it is the parameters as a whole.
    pub name: Option<String>,
    /// What is wrong and what to do.
    pub message: String,
}

/// The parameters with the schema's `default` for each that is left out, in objects within parameters too. What is
/// there stays as it is, `null` included.
pub fn fill_defaults(schema: &Value, params: &Map<String, Value>) -> Map<String, Value> {
    let mut filled = params.clone();
    for (name, property) in properties(schema) {
        match filled.get_mut(name) {
            Some(Value::Object(inner)) => *inner = fill_defaults(property, inner),
            Some(_) => {}
            None => {
                if let Some(default) = property.get("default") {
                    filled.insert(name.clone(), default.clone());
                }
            }
        }
    }
    filled
}

/// Everything that is wrong with parameters whose defaults are filled in; nothing when they are good. A parameter
/// that the schema does not name is a problem unless the schema says `additionalProperties`.
///
/// # Errors
/// When the schema itself can't be used.
pub fn check_params(schema: &Value, params: &Map<String, Value>) -> Result<Vec<ParamProblem>, SchemaError> {
    let validator = compile(schema)?;
    let whole = Value::Object(params.clone());
    let mut problems = unknown(schema, params);
    let rest = MAX_PROBLEMS - problems.len().min(MAX_PROBLEMS);
    problems.extend(validator.iter_errors(&whole).flat_map(|error| describe(schema, &error)).take(rest));
    Ok(problems)
}

fn unknown(schema: &Value, params: &Map<String, Value>) -> Vec<ParamProblem> {
    if schema.get("additionalProperties").is_some() || schema.get("patternProperties").is_some() {
        return Vec::new();
    }
    let names = params.keys().filter(|name| property(schema, name).is_none());
    names.take(MAX_PROBLEMS).map(|name| unknown_param(schema, name)).collect()
}

fn unknown_param(schema: &Value, name: &str) -> ParamProblem {
    let known = properties(schema).map(|(known, _)| known.as_str());
    ParamProblem {
        name: Some(name.to_owned()),
        message: format!("`{}` is not a parameter of this brick{}", cut(name), hint(name, known)),
    }
}

/// A validator's error in plain language; several when it names several parameters.
fn describe(schema: &Value, error: &ValidationError<'_>) -> Vec<ParamProblem> {
    let path = Path::of(error);
    let at_top = path.name.is_none();
    match error.kind() {
        ValidationErrorKind::AdditionalProperties { unexpected } if at_top => {
            unexpected.iter().take(MAX_PROBLEMS).map(|name| unknown_param(schema, name)).collect()
        }
        ValidationErrorKind::Required { property } => {
            let missing = property.as_str().unwrap_or_default();
            let whole = if at_top { missing.to_owned() } else { format!("{}.{missing}", path.text) };
            let name = path.name.unwrap_or_else(|| missing.to_owned());
            vec![ParamProblem { name: Some(name), message: format!("`{whole}` is missing") }]
        }
        kind => {
            let subject = if at_top { "the parameters".to_owned() } else { format!("`{}`", path.text) };
            vec![ParamProblem { name: path.name, message: format!("{subject} {}", rule(kind, error)) }]
        }
    }
}

/// What the value has to be, as the end of a sentence that begins with the parameter.
fn rule(kind: &ValidationErrorKind, error: &ValidationError<'_>) -> String {
    use ValidationErrorKind as Kind;
    let value = error.instance();
    match kind {
        Kind::Type { kind } => format!("must be {}, not {}", type_words(kind), show(value)),
        Kind::Minimum { limit } => format!("must be at least {limit}, not {}", show(value)),
        Kind::Maximum { limit } => format!("must be at most {limit}, not {}", show(value)),
        Kind::ExclusiveMinimum { limit } => format!("must be more than {limit}, not {}", show(value)),
        Kind::ExclusiveMaximum { limit } => format!("must be less than {limit}, not {}", show(value)),
        Kind::MultipleOf { multiple_of } => {
            format!("must be a multiple of {multiple_of}, not {}", show(value))
        }
        Kind::MinLength { limit } => format!("must have at least {}", count(*limit, "character")),
        Kind::MaxLength { limit } => format!("must have at most {}", count(*limit, "character")),
        Kind::MinItems { limit } => format!("must have at least {}", count(*limit, "entry")),
        Kind::MaxItems { limit } => format!("must have at most {}", count(*limit, "entry")),
        Kind::MinProperties { limit } => format!("must have at least {}", count(*limit, "entry")),
        Kind::MaxProperties { limit } => format!("must have at most {}", count(*limit, "entry")),
        Kind::UniqueItems => "must not have the same entry twice".to_owned(),
        Kind::Enum { options } => format!("can't be {}{}", show(value), choices(value, options)),
        Kind::Constant { expected_value } => format!("must be {}", show(expected_value)),
        Kind::Pattern { pattern } => format!("must match the pattern `{pattern}`, not {}", show(value)),
        Kind::Format { format } => format!("must be a valid {format}, not {}", show(value)),
        Kind::AnyOf { .. } | Kind::OneOfNotValid { .. } => {
            format!("has none of the allowed forms: {}", show(value))
        }
        Kind::AdditionalProperties { unexpected } => format!("has no {}", quoted(unexpected)),
        Kind::FalseSchema | Kind::Not { .. } => format!("can't be {}", show(value)),
        _ => format!(
            "doesn't fit the brick's schema: {}",
            error.to_string().chars().take(200).collect::<String>()
        ),
    }
}

fn type_words(kind: &TypeKind) -> String {
    let words: Vec<&str> = match kind {
        TypeKind::Single(one) => vec![type_word(one.as_str())],
        TypeKind::Multiple(several) => several.iter().map(|one| type_word(one.as_str())).collect(),
    };
    words.join(" or ")
}

fn type_word(name: &str) -> &str {
    match name {
        "integer" => "a whole number",
        "number" => "a number",
        "string" => "a text",
        "boolean" => "true or false",
        "array" => "a list",
        "object" => "an object",
        "null" => "null",
        other => other,
    }
}

fn count(limit: u64, unit: &str) -> String {
    match (limit, unit) {
        (1, unit) => format!("1 {unit}"),
        (limit, "entry") => format!("{limit} entries"),
        (limit, unit) => format!("{limit} {unit}s"),
    }
}

fn quoted(names: &[String]) -> String {
    names.iter().take(MAX_CHOICES).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

fn choices(value: &Value, options: &Value) -> String {
    let options = options.as_array().map(Vec::as_slice).unwrap_or_default();
    let near = value.as_str().and_then(|text| nearest(text, options.iter().filter_map(Value::as_str)));
    match near {
        Some(near) => format!("; did you mean \"{near}\"?"),
        None if options.len() <= MAX_CHOICES => {
            format!("; choose one of {}", options.iter().map(show).collect::<Vec<_>>().join(", "))
        }
        None => String::new(),
    }
}

/// Where in the parameters an error is.
struct Path {
    /// The parameter.
    name: Option<String>,
    /// The parameter and what is within it, like `styles[2]`.
    text: String,
}

impl Path {
    fn of(error: &ValidationError<'_>) -> Self {
        let mut path = Self { name: None, text: String::new() };
        for segment in error.instance_path().segments() {
            match segment {
                LocationSegment::Property(key) if path.name.is_none() => {
                    path.text.push_str(&key);
                    path.name = Some(key.into_owned());
                }
                LocationSegment::Property(key) => path.text.push_str(&format!(".{key}")),
                LocationSegment::Index(index) => path.text.push_str(&format!("[{index}]")),
            }
        }
        path
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn schema() -> Value {
        json!({
            "type": "object",
            "properties": {
                "width": {"type": "integer", "minimum": 64, "maximum": 2048, "multipleOf": 8, "default": 512},
                "guidance": {"type": "number", "minimum": 0, "maximum": 30, "multipleOf": 0.1, "default": 7},
                "seed": {"type": ["integer", "null"], "minimum": 0, "default": null},
                "sampler": {"type": "string", "enum": ["", "euler", "heun"], "default": ""},
                "styles": {"type": "array", "maxItems": 2, "items": {"type": "string", "enum": ["ink", "oil"]}, "default": []},
                "title": {"type": "string", "maxLength": 5, "default": ""},
                "crop": {"type": "object", "properties": {"left": {"type": "number", "default": 0}}}
            }
        })
    }

    fn messages(params: Value) -> Vec<String> {
        let params = params.as_object().unwrap();
        check_params(&schema(), params).unwrap().into_iter().map(|problem| problem.message).collect()
    }

    #[test]
    fn what_is_left_out_takes_its_default_and_what_is_there_stays() {
        let filled =
            fill_defaults(&schema(), json!({"width": 64, "seed": null, "crop": {}}).as_object().unwrap());
        assert_eq!(
            Value::Object(filled),
            json!({"width": 64, "guidance": 7, "seed": null, "sampler": "", "styles": [], "title": "", "crop": {"left": 0}})
        );
    }

    #[test]
    fn good_parameters_have_no_problems() {
        assert_eq!(
            messages(json!({"width": 512, "guidance": 7.3, "seed": 4294967295u32, "styles": ["ink"]})),
            Vec::<String>::new()
        );
        assert_eq!(messages(json!({"width": 512.0, "seed": null})), Vec::<String>::new());
    }

    #[test]
    fn each_rule_is_told_in_plain_language_with_the_parameter() {
        for (params, expected) in [
            (json!({"width": 4096}), "`width` must be at most 2048, not 4096"),
            (json!({"width": 56}), "`width` must be at least 64, not 56"),
            (json!({"width": 100}), "`width` must be a multiple of 8, not 100"),
            (json!({"width": "wide"}), "`width` must be a whole number, not \"wide\""),
            (json!({"width": 64.5, "guidance": true}), "`guidance` must be a number, not true"),
            (json!({"seed": "x"}), "`seed` must be null or a whole number, not \"x\""),
            (json!({"sampler": "eulr"}), "`sampler` can't be \"eulr\"; did you mean \"euler\"?"),
            (json!({"styles": ["ink", "x"]}), "`styles[1]` can't be \"x\"; choose one of \"ink\", \"oil\""),
            (json!({"styles": ["ink", "oil", "ink"]}), "`styles` must have at most 2 entries"),
            (json!({"title": "too long"}), "`title` must have at most 5 characters"),
            (json!({"crop": {"left": "x"}}), "`crop.left` must be a number, not \"x\""),
        ] {
            assert!(
                messages(params.clone()).contains(&expected.to_owned()),
                "{params}: {:?}",
                messages(params.clone())
            );
        }
    }

    #[test]
    fn all_problems_come_at_once() {
        assert_eq!(messages(json!({"width": "x", "guidance": 31, "title": 3})).len(), 3);
    }

    #[test]
    fn the_problem_is_pinned_to_the_parameter_it_is_about() {
        let params = json!({"styles": ["x"]});
        let problems = check_params(&schema(), params.as_object().unwrap()).unwrap();
        assert_eq!(problems[0].name.as_deref(), Some("styles"));
    }

    #[test]
    fn a_parameter_the_brick_does_not_have_is_told_with_a_near_name() {
        assert_eq!(
            messages(json!({"widht": 64})),
            ["`widht` is not a parameter of this brick; did you mean `width`?"]
        );
        let strict = json!({"properties": {"a": {}}, "additionalProperties": false, "required": ["a"]});
        let problems = check_params(&strict, json!({"b": 1}).as_object().unwrap()).unwrap();
        let messages: Vec<_> = problems.iter().map(|problem| problem.message.as_str()).collect();
        assert!(messages.contains(&"`a` is missing"), "{messages:?}");
        assert!(messages.contains(&"`b` is not a parameter of this brick; there is `a`"), "{messages:?}");
    }

    #[test]
    fn problems_without_end_are_cut() {
        let many: Map<String, Value> = (0..1000).map(|index| (format!("p{index}"), json!(1))).collect();
        assert_eq!(check_params(&schema(), &many).unwrap().len(), MAX_PROBLEMS);
    }
}
