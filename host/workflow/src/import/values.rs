//! Fitting values of the original program to the parameters of our bricks: texts that are numbers, choices under
//! another spelling, and values outside what a parameter takes.

use semver::{Comparator, Op, VersionReq};
use serde_json::{Map, Value};

use crate::catalog::{BrickSpec, Catalog};
use crate::document::{BrickNode, cut};
use crate::params::{check_params, fill_defaults};
use crate::schema::{property, takes_type};

/// Most entries of a list of choices that are looked at.
const MAX_CHOICES: usize = 100;

/// Gives a new instance its values as far as its brick takes them; what it doesn't take is told and stays at its
/// default. An instance whose brick is not installed keeps all.
pub(super) fn place(
    node: &mut BrickNode,
    params: Map<String, Value>,
    catalog: &Catalog,
    notes: &mut Vec<String>,
) {
    let Some(spec) = catalog.newest(&node.brick) else {
        node.params = params;
        return;
    };
    node.requires = compatible_with(spec);
    for (name, value) in params {
        for (name, value) in fit(spec, &name, value, notes) {
            match reason_against(spec, &name, &value) {
                None => {
                    node.params.insert(name, value);
                }
                Some(reason) => notes.push(format!("{}: {reason}; it has its default instead.", spec.label)),
            }
        }
    }
}

/// `^major.minor` of the installed version.
fn compatible_with(spec: &BrickSpec) -> VersionReq {
    let (major, minor) = (spec.version.major, Some(spec.version.minor));
    VersionReq {
        comparators: vec![Comparator { op: Op::Caret, major, minor, patch: None, pre: Default::default() }],
    }
}

/// The value as our parameter would have it; nothing when it stood for the default, two when one of theirs is two of
/// ours.
fn fit(spec: &BrickSpec, name: &str, value: Value, notes: &mut Vec<String>) -> Vec<(String, Value)> {
    let Some(property) = property(&spec.params_schema, name) else { return vec![(name.to_owned(), value)] };
    let named = |value: Value| vec![(name.to_owned(), value)];
    match value {
        Value::Null => Vec::new(),
        Value::Number(number) if name == "seed" && number.as_f64().is_some_and(|seed| seed < 0.0) => {
            Vec::new()
        }
        Value::String(text) if text.is_empty() && name != "negative" => Vec::new(),
        Value::String(text) if name == "sampler" => sampler(spec, property, &text, notes),
        Value::String(text) if name == "pattern" => {
            named(Value::from(text.replace(".{ext}", "").replace("{ext}", "")))
        }
        Value::String(text) if property.get("enum").is_some() => {
            named(choice(property, &text).map_or(Value::String(text), Value::from))
        }
        Value::String(text) if !takes_type(property, "string") => {
            named(serde_json::from_str(text.trim()).unwrap_or(Value::String(text)))
        }
        Value::Array(items) => named(choices(spec, property, items, notes)),
        value => named(value),
    }
}

/// "DPM++ 2M Karras" is a sampler and a schedule of ours.
fn sampler(spec: &BrickSpec, property: &Value, text: &str, notes: &mut Vec<String>) -> Vec<(String, Value)> {
    let schedules = self::property(&spec.params_schema, "schedule");
    if let Some(sampler) = choice(property, text) {
        return vec![("sampler".to_owned(), Value::from(sampler))];
    }
    // The schedule's name may be of several words, as "SGM Uniform" is.
    for (space, _) in text.match_indices(' ') {
        let (first, last) = text.split_at(space);
        if let Some(sampler) = choice(property, first)
            && let Some(schedule) = schedules.and_then(|schedules| choice(schedules, last))
        {
            return vec![
                ("sampler".to_owned(), Value::from(sampler)),
                ("schedule".to_owned(), Value::from(schedule)),
            ];
        }
    }
    notes.push(format!(
        "{}: the sampler \"{}\" is not known; the model's own is used.",
        spec.label,
        cut(text)
    ));
    Vec::new()
}

/// Those of a list of choices that are known, without the empty ones.
fn choices(spec: &BrickSpec, property: &Value, items: Vec<Value>, notes: &mut Vec<String>) -> Value {
    let Some(of) = property.get("items").filter(|items| items.get("enum").is_some()) else {
        return Value::Array(items);
    };
    let mut known: Vec<Value> = Vec::new();
    for item in items.into_iter().take(MAX_CHOICES) {
        let Some(text) = item.as_str().filter(|text| !is_none(text)) else { continue };
        match choice_among(of, of.get("x-labels").or_else(|| property.get("x-labels")), text) {
            Some(choice) if !known.contains(&Value::from(choice.as_str())) => known.push(Value::from(choice)),
            Some(_) => {}
            None => notes.push(format!("{}: \"{}\" is not known and was left out.", spec.label, cut(text))),
        }
    }
    Value::Array(known)
}

/// The original's word for an empty choice.
fn is_none(text: &str) -> bool {
    matches!(fold(text).as_str(), "" | "none" | "nostyle")
}

/// The choice of a parameter that `text` means.
fn choice(property: &Value, text: &str) -> Option<String> {
    choice_among(property, property.get("x-labels"), text)
}

/// The choice that `text` means: its id or its label, whatever the case and punctuation. Labels come as a list in the
/// order of the ids, or by id.
fn choice_among(schema: &Value, labels: Option<&Value>, text: &str) -> Option<String> {
    let ids = schema.get("enum")?.as_array()?;
    let label = |place: usize, id: &str| match labels {
        Some(Value::Array(labels)) => labels.get(place).and_then(Value::as_str),
        Some(Value::Object(labels)) => labels.get(id).and_then(Value::as_str),
        _ => None,
    };
    let wanted = fold(text);
    let mut ids = ids.iter().enumerate().filter_map(|(place, id)| Some((place, id.as_str()?)));
    ids.find(|(place, id)| {
        !id.is_empty() && (fold(id) == wanted || label(*place, id).is_some_and(|label| fold(label) == wanted))
    })
    .map(|(_, id)| id.to_owned())
}

/// Letters and digits in lower case, with `+` as `p`, as in "DPM++ 2M" and `dpmpp-2m`.
fn fold(text: &str) -> String {
    text.chars()
        .filter_map(
            |letter| if letter == '+' { Some('p') } else { letter.is_alphanumeric().then_some(letter) },
        )
        .flat_map(char::to_lowercase)
        .collect()
}

/// Why a parameter can't have this value.
fn reason_against(spec: &BrickSpec, name: &str, value: &Value) -> Option<String> {
    let mut params = fill_defaults(&spec.params_schema, &Map::new());
    params.insert(name.to_owned(), value.clone());
    let problems = check_params(&spec.params_schema, &params).ok()?;
    problems.into_iter().find(|problem| problem.name.as_deref() == Some(name)).map(|problem| problem.message)
}
