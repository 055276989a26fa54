//! What a parameter schema must say beyond being valid, so that the form is complete and its defaults can be used.

use jsonschema::{Draft, PatternOptions, Validator};
use serde_json::{Map, Value};

/// Memory for one compiled pattern, in bytes.
const MAX_PATTERN: usize = 1 << 20;
/// Keywords that refer elsewhere; the studio refuses them.
const REFERENCES: [&str; 6] = ["$ref", "$dynamicRef", "$recursiveRef", "$id", "$anchor", "$dynamicAnchor"];
/// Editors that the app has, with the JSON type that each is for.
const WIDGETS: [(&str, &str); 10] = [
    ("colour", "string"),
    ("folder", "string"),
    ("image", "string"),
    ("mask", "string"),
    ("model", "string"),
    ("prompt", "string"),
    ("seed", "integer"),
    ("size", "integer"),
    ("styles", "array"),
    ("text", "string"),
];

/// Something to change, and where it is.
pub(crate) type Found = (String, String);

/// What is wrong with a schema, and what could be better.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    pub(crate) problems: Vec<Found>,
    pub(crate) hints: Vec<Found>,
}

/// A validator for a schema as the studio compiles it.
pub(crate) fn compile(schema: &Value) -> Result<Validator, String> {
    jsonschema::options()
        .with_draft(Draft::Draft202012)
        .offline()
        .with_pattern_options(PatternOptions::regex().size_limit(MAX_PATTERN).dfa_size_limit(MAX_PATTERN))
        .build(schema)
        .map_err(|error| error.to_string().chars().take(300).collect())
}

/// The parameters by name.
pub(crate) fn properties(schema: &Value) -> impl Iterator<Item = (&String, &Value)> {
    schema.get("properties").and_then(Value::as_object).into_iter().flatten()
}

/// Looks over the schema of a brick's parameters.
pub(crate) fn look_over(schema: &Value) -> Findings {
    let mut findings = Findings::default();
    if let Some(keyword) = reference(schema) {
        findings.problem("the schema", format!("it uses `{keyword}`; write the schema out instead"));
    } else if let Err(problem) = compile(schema) {
        findings.problem("the schema", format!("it is not valid: {problem}"));
    }
    for (name, property) in properties(schema) {
        findings.parameter(name, property);
    }
    findings.order(schema);
    findings
}

impl Findings {
    fn problem(&mut self, at: &str, text: impl Into<String>) {
        self.problems.push((at.to_owned(), text.into()));
    }

    fn hint(&mut self, at: &str, text: impl Into<String>) {
        self.hints.push((at.to_owned(), text.into()));
    }

    fn parameter(&mut self, name: &str, property: &Value) {
        let at = format!("parameter `{name}`");
        if is_blank(property.get("title")) {
            self.problem(&at, "it has no `title` to stand beside its field");
        }
        if is_blank(property.get("description")) {
            self.hint(&at, "a `description` would say what it does");
        }
        match property.get("default") {
            None => self.problem(&at, "it has no `default`"),
            Some(default) => self.check_default(&at, property, default),
        }
        if let Some(widget) = property.get("x-widget") {
            self.widget(&at, property, widget);
        }
        self.labels(&at, property);
    }

    fn check_default(&mut self, at: &str, property: &Value, default: &Value) {
        // That the whole schema can't be compiled is said once, for the whole.
        let Ok(validator) = compile(property) else { return };
        if let Err(error) = validator.validate(default) {
            self.problem(at, format!("its default is not allowed by its own schema: {error}"));
        }
    }

    fn widget(&mut self, at: &str, property: &Value, widget: &Value) {
        let known = WIDGETS.iter().find(|(name, _)| widget.as_str() == Some(name));
        let Some((name, kind)) = known else {
            let names: Vec<_> = WIDGETS.iter().map(|(name, _)| *name).collect();
            return self.problem(at, format!("there is no widget {widget}; there are {}", names.join(", ")));
        };
        if !takes(property, kind) {
            self.problem(at, format!("the widget \"{name}\" is for `\"type\": \"{kind}\"`"));
        }
    }

    fn labels(&mut self, at: &str, property: &Value) {
        let count = |of: &Value, key: &str| of.get(key).and_then(Value::as_array).map(Vec::len);
        let items = property.get("items").unwrap_or(&Value::Null);
        let choices = count(property, "enum").or_else(|| count(items, "enum"));
        for key in ["x-labels", "x-groups"] {
            let labels = count(property, key).or_else(|| count(items, key));
            if let (Some(choices), Some(labels)) = (choices, labels)
                && choices != labels
            {
                self.problem(at, format!("it has {choices} values in `enum`, but {labels} in `{key}`"));
            }
        }
    }

    fn order(&mut self, schema: &Value) {
        let Some(order) = schema.get("x-order") else { return };
        let names: Vec<_> = order.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        for name in &names {
            if !properties(schema).any(|(known, _)| known == name) {
                self.problem("the schema", format!("`x-order` names `{name}`, which is no parameter"));
            }
        }
        for (name, _) in properties(schema) {
            if !names.contains(&name.as_str()) {
                self.hint(
                    "the schema",
                    format!("`x-order` leaves out `{name}`, so it comes last in the form"),
                );
            }
        }
    }
}

fn is_blank(text: Option<&Value>) -> bool {
    text.and_then(Value::as_str).is_none_or(|text| text.trim().is_empty())
}

fn takes(property: &Value, kind: &str) -> bool {
    match property.get("type") {
        Some(Value::String(one)) => one == kind,
        Some(Value::Array(several)) => several.iter().any(|one| one == kind),
        _ => false,
    }
}

/// A keyword that refers elsewhere, anywhere in the schema.
fn reference(schema: &Value) -> Option<&'static str> {
    let mut open = vec![schema];
    while let Some(value) = open.pop() {
        match value {
            Value::Array(items) => open.extend(items),
            Value::Object(members) => {
                let is_used = |keyword: &&&str| members.get(**keyword).is_some_and(Value::is_string);
                if let Some(keyword) = REFERENCES.iter().find(is_used) {
                    return Some(keyword);
                }
                open.extend(members.values());
            }
            _ => {}
        }
    }
    None
}

/// `given` with the defaults of what it leaves out, as the studio fills them in. A seed that is left to chance gets
/// `seed`.
pub(crate) fn with_defaults(schema: &Value, given: &Map<String, Value>, seed: u64) -> Map<String, Value> {
    let mut params = given.clone();
    for (name, property) in properties(schema) {
        if let (None, Some(default)) = (params.get(name), property.get("default")) {
            params.insert(name.clone(), default.clone());
        }
        let is_seed = property.get("x-widget").and_then(Value::as_str) == Some("seed");
        if is_seed && params.get(name).is_none_or(Value::is_null) {
            params.insert(name.clone(), seed.into());
        }
    }
    params
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn problems(property: Value) -> Vec<String> {
        let schema = json!({"type": "object", "properties": {"a": property}, "x-order": ["a"]});
        look_over(&schema).problems.into_iter().map(|(at, text)| format!("{at}: {text}")).collect()
    }

    #[test]
    fn a_complete_parameter_is_fine() {
        let good = json!({"type": "integer", "title": "A", "description": "It.", "default": 1, "minimum": 0});
        assert_eq!(problems(good), Vec::<String>::new());
        let seed = json!({"type": ["integer", "null"], "title": "Seed", "default": null, "x-widget": "seed"});
        assert_eq!(problems(seed), Vec::<String>::new());
    }

    #[test]
    fn each_gap_is_named_with_its_parameter() {
        for (property, hint) in [
            (json!({"type": "string", "default": ""}), "parameter `a`: it has no `title`"),
            (json!({"type": "string", "title": "A"}), "no `default`"),
            (json!({"type": "integer", "title": "A", "default": -1, "minimum": 0}), "default is not allowed"),
            (json!({"type": "string", "title": "A", "default": "", "x-widget": "slider"}), "no widget"),
            (json!({"type": "string", "title": "A", "default": "", "x-widget": "seed"}), "\"integer\""),
            (
                json!({"title": "A", "default": "b", "enum": ["a", "b"], "x-labels": ["A"]}),
                "2 values in `enum`, but 1",
            ),
        ] {
            let found = problems(property);
            assert!(found.iter().any(|problem| problem.contains(hint)), "{found:?} does not say {hint}");
        }
    }

    #[test]
    fn what_is_wrong_with_the_whole_is_said_once() {
        let findings = look_over(&json!({
            "type": "object", "properties": {"a": {"$ref": "#/x", "title": "A", "default": 1}}, "x-order": ["b"]
        }));
        let texts: Vec<_> = findings.problems.iter().map(|(_, text)| text.as_str()).collect();
        assert!(texts.iter().any(|text| text.contains("`$ref`")), "{texts:?}");
        assert!(texts.iter().any(|text| text.contains("`b`, which is no parameter")), "{texts:?}");
        let findings = look_over(&json!({"type": "object", "properties": {"a": {"type": "text"}}}));
        assert_eq!(findings.problems.iter().filter(|(_, text)| text.contains("not valid")).count(), 1);
    }

    #[test]
    fn defaults_are_filled_in_and_a_seed_is_drawn() {
        let schema = json!({"type": "object", "properties": {
            "a": {"default": 1}, "b": {"default": 2}, "s": {"default": null, "x-widget": "seed"}
        }});
        let given = json!({"b": 5});
        let params = with_defaults(&schema, given.as_object().unwrap(), 7);
        assert_eq!(Value::Object(params), json!({"a": 1, "b": 5, "s": 7}));
    }
}
