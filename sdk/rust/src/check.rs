//! Looks over what a brick says about itself, for a test in the brick's own crate:
//!
//! ```
//! # use qpyt_sdk::prelude::*;
//! # /// Does nothing.
//! # #[derive(Params)]
//! # struct Nothing {}
//! # impl Brick for Nothing {
//! #     const ID: &'static str = "docs:nothing";
//! #     const LABEL: &'static str = "Nothing";
//! #     const CATEGORY: Category = Category::Input;
//! #     type Inputs = ();
//! #     type Outputs = ();
//! #     fn run(self, (): ()) -> Result<()> {
//! #         Ok(())
//! #     }
//! # }
//! assert_eq!(qpyt_sdk::check::problems::<Nothing>(), Vec::<String>::new());
//! ```

use serde_json::Value;

use crate::brick::{Brick, describe};
use crate::ports::Port;
use crate::{BrickInfo, JsonObject};

/// Everything about the brick's description that the studio would refuse or that a person would miss.
pub fn problems<B: Brick>() -> Vec<String> {
    let info = describe::<B>("0.0.0");
    let mut problems = texts(&info);
    problems.extend(ports("input", &info.inputs));
    problems.extend(ports("output", &info.outputs));
    match serde_json::from_str::<JsonObject>(&info.params_schema) {
        Ok(schema) => problems.extend(parameters(&schema)),
        Err(error) => problems.push(format!("the schema is not a JSON object: {error}")),
    }
    if let Err(error) = B::defaults() {
        problems.push(format!("the defaults can't be read back: {error:?}"));
    }
    problems
}

fn texts(info: &BrickInfo) -> Vec<String> {
    let mut problems = Vec::new();
    if !info.id.split_once(':').is_some_and(|(namespace, name)| is_name(namespace) && is_name(name)) {
        problems.push(format!(
            "id `{}`: it should be `namespace:name`, both lower-case words joined by `-`",
            info.id
        ));
    }
    if info.label.is_empty() {
        problems.push("the label is empty".to_owned());
    }
    if info.doc.is_empty() {
        problems.push("the struct has no doc comment to tell the person what the brick does".to_owned());
    }
    problems
}

fn ports(side: &str, ports: &[Port]) -> Vec<String> {
    let mut problems = Vec::new();
    for port in ports {
        let name = &port.name;
        if !is_name(name) {
            problems.push(format!("{side} `{name}`: it should be lower-case words joined by `-`"));
        }
        if port.doc.is_empty() {
            problems.push(format!("{side} `{name}`: it has no doc comment to explain it"));
        }
        if ports.iter().filter(|other| other.name == *name).count() > 1 {
            problems.push(format!("{side} `{name}`: there are two of it"));
        }
    }
    problems
}

fn parameters(schema: &JsonObject) -> Vec<String> {
    let properties = schema.get("properties").and_then(Value::as_object);
    let problems = properties.into_iter().flatten().filter_map(|(name, property)| parameter(name, property));
    let order = schema.get("x-order").and_then(Value::as_array).into_iter().flatten();
    let order: Vec<_> = order.filter_map(Value::as_str).collect();
    let again = order.iter().enumerate().filter(|(at, name)| order.iter().take(*at).any(|it| it == *name));
    problems.chain(again.map(|(_, name)| format!("parameter `{name}`: there are two of it"))).collect()
}

fn parameter(name: &str, property: &Value) -> Option<String> {
    let default = property.get("default")?;
    let number = |key: &str| property.get(key).and_then(Value::as_f64);
    let outside = default.as_f64().is_some_and(|value| {
        number("minimum").is_some_and(|min| value < min) || number("maximum").is_some_and(|max| value > max)
    });
    let not_offered =
        property.get("enum").and_then(Value::as_array).is_some_and(|choices| !choices.contains(default));
    (outside || not_offered).then(|| format!("parameter `{name}`: its default {default} is not allowed"))
}

/// Lower-case words of letters and digits joined by `-`, beginning with a letter.
fn is_name(text: &str) -> bool {
    let is_part = |part: &str| {
        !part.is_empty() && part.chars().all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit())
    };
    text.len() <= 64
        && text.starts_with(|first: char| first.is_ascii_lowercase())
        && text.split('-').all(is_part)
}
