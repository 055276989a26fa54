//! What a brick says about itself, checked: nothing that comes out of `describe` is believed before it went
//! through here.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use wasmtime::component::{ComponentType, Lift};

const MAX_BRICKS: usize = 32;
const MAX_PORTS: usize = 64;
const MAX_NAME: usize = 64;
const MAX_LABEL: usize = 120;
const MAX_DOC: usize = 4000;
const MAX_SCHEMA_BYTES: usize = 256 << 10;

/// What flows through a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ComponentType, Lift)]
#[serde(rename_all = "lowercase")]
#[component(enum)]
#[repr(u8)]
pub enum PortKind {
    /// A picture.
    #[component(name = "image")]
    Image,
    /// A picture with one channel; white is "in".
    #[component(name = "mask")]
    Mask,
    /// Text.
    #[component(name = "text")]
    Text,
    /// A number.
    #[component(name = "number")]
    Number,
    /// Yes or no.
    #[component(name = "boolean")]
    Boolean,
    /// A JSON value.
    #[component(name = "json")]
    Json,
    /// Numbers in a shape.
    #[component(name = "tensor")]
    Tensor,
    /// Accepts what comes.
    #[component(name = "any")]
    Any,
}

/// One input or output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ComponentType, Lift)]
#[component(record)]
pub struct Port {
    /// Lower-case words joined by `-`; unique among the brick's inputs, or among its outputs.
    pub name: String,
    /// What flows through it.
    pub kind: PortKind,
    /// Name for the person.
    pub label: String,
    /// Inputs: the run can't start without it. Outputs: always given.
    pub required: bool,
    /// May carry several values, in order.
    pub many: bool,
    /// One sentence for the person.
    pub doc: String,
}

/// The four families of bricks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ComponentType, Lift)]
#[serde(rename_all = "lowercase")]
#[component(enum)]
#[repr(u8)]
pub enum Category {
    /// Inputs and aids.
    #[component(name = "input")]
    Input,
    /// Makes something new.
    #[component(name = "generator")]
    Generator,
    /// Settings for others.
    #[component(name = "setting")]
    Setting,
    /// Keeps or shows results.
    #[component(name = "output")]
    Output,
}

/// What a brick says about itself.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BrickInfo {
    /// `namespace:name`, lower case.
    pub id: String,
    /// Version of the brick.
    pub version: semver::Version,
    /// Name for the person.
    pub label: String,
    /// Its family.
    pub category: Category,
    /// One or two sentences for the person.
    pub doc: String,
    /// What goes in.
    pub inputs: Vec<Port>,
    /// What comes out.
    pub outputs: Vec<Port>,
    /// JSON Schema (2020-12) of the parameters: an object schema with `properties`.
    pub params_schema: serde_json::Value,
}

/// The record as the brick gives it.
#[derive(Debug, ComponentType, Lift)]
#[component(record)]
pub(crate) struct Described {
    id: String,
    version: String,
    label: String,
    category: Category,
    doc: String,
    inputs: Vec<Port>,
    outputs: Vec<Port>,
    #[component(name = "params-schema")]
    params_schema: String,
}

/// Checks what `describe` gave. The error names the brick and what is wrong with it.
pub(crate) fn check(described: Vec<Described>) -> Result<Vec<BrickInfo>, String> {
    if described.is_empty() || described.len() > MAX_BRICKS {
        return Err(format!(
            "a binary holds 1 to {MAX_BRICKS} bricks, this one describes {}",
            described.len()
        ));
    }
    let mut ids = HashSet::new();
    described
        .into_iter()
        .map(|brick| {
            check_id(&brick.id)?;
            if !ids.insert(brick.id.clone()) {
                return Err(format!("it describes `{}` twice", brick.id));
            }
            let id = brick.id.clone();
            check_one(brick).map_err(|problem| format!("`{id}`: {problem}"))
        })
        .collect()
}

fn check_one(brick: Described) -> Result<BrickInfo, String> {
    let version = brick.version.parse().map_err(|error| {
        format!(
            "its version `{}` is no semantic version such as 0.1.0: {error}",
            cut(&brick.version, MAX_NAME)
        )
    })?;
    check_text("label", &brick.label, MAX_LABEL)?;
    check_text("doc", &brick.doc, MAX_DOC)?;
    check_ports("input", &brick.inputs)?;
    check_ports("output", &brick.outputs)?;
    Ok(BrickInfo {
        id: brick.id,
        version,
        label: brick.label,
        category: brick.category,
        doc: brick.doc,
        inputs: brick.inputs,
        outputs: brick.outputs,
        params_schema: check_schema(&brick.params_schema)?,
    })
}

fn check_id(id: &str) -> Result<(), String> {
    if id.split_once(':').is_some_and(|(namespace, name)| is_kebab(namespace) && is_kebab(name)) {
        return Ok(());
    }
    Err(format!(
        "`{}` is no brick id; it is `namespace:name`, lower-case words joined by `-`, such as `qpyt:prompt`",
        cut(id, MAX_NAME)
    ))
}

fn check_text(name: &str, text: &str, longest: usize) -> Result<(), String> {
    let length = text.chars().count();
    if length <= longest {
        return Ok(());
    }
    Err(format!("its {name} has {length} characters, at most {longest} are allowed"))
}

fn check_ports(side: &str, ports: &[Port]) -> Result<(), String> {
    if ports.len() > MAX_PORTS {
        return Err(format!("it has {} {side}s, at most {MAX_PORTS} are allowed", ports.len()));
    }
    let mut names = HashSet::new();
    for port in ports {
        if !is_kebab(&port.name) {
            return Err(format!(
                "the {side} `{}` must be named by lower-case words joined by `-`",
                cut(&port.name, MAX_NAME)
            ));
        }
        if !names.insert(&port.name) {
            return Err(format!("it has two {side}s named `{}`", port.name));
        }
        check_text("label", &port.label, MAX_LABEL)
            .and_then(|()| check_text("doc", &port.doc, MAX_DOC))
            .map_err(|problem| format!("{side} `{}`: {problem}", port.name))?;
    }
    Ok(())
}

fn check_schema(text: &str) -> Result<serde_json::Value, String> {
    if text.len() > MAX_SCHEMA_BYTES {
        return Err(format!(
            "its parameter schema has {} bytes, at most {MAX_SCHEMA_BYTES} are allowed",
            text.len()
        ));
    }
    let schema: serde_json::Value = serde_json::from_str(text)
        .map_err(|error| format!("its parameter schema is not valid JSON: {error}"))?;
    if schema.get("type").and_then(serde_json::Value::as_str) != Some("object") {
        return Err("its parameter schema must be an object with `\"type\": \"object\"`".to_owned());
    }
    let properties = schema.get("properties").and_then(serde_json::Value::as_object).ok_or_else(|| {
        "its parameter schema needs `\"properties\"`, an object that may be empty".to_owned()
    })?;
    match properties.iter().find(|(_, property)| !property.is_object()) {
        Some((name, _)) => {
            Err(format!("the property `{}` of its parameter schema is no object", cut(name, MAX_NAME)))
        }
        None => Ok(schema),
    }
}

/// Lower-case words of letters and digits joined by `-`, beginning with a letter.
fn is_kebab(name: &str) -> bool {
    let word = |word: &str| {
        !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    name.len() <= MAX_NAME && name.starts_with(|c: char| c.is_ascii_lowercase()) && name.split('-').all(word)
}

fn cut(text: &str, longest: usize) -> String {
    text.chars().take(longest).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn port(name: &str) -> Port {
        Port {
            name: name.to_owned(),
            kind: PortKind::Text,
            label: String::new(),
            required: false,
            many: false,
            doc: String::new(),
        }
    }

    fn described() -> Described {
        Described {
            id: "qpyt:prompt".to_owned(),
            version: "0.1.0".to_owned(),
            label: "Prompt".to_owned(),
            category: Category::Input,
            doc: String::new(),
            inputs: vec![port("in")],
            outputs: vec![port("in"), port("negative-prompt")],
            params_schema: r#"{"type":"object","properties":{"prompt":{"type":"string"}}}"#.to_owned(),
        }
    }

    #[test]
    fn a_well_formed_brick_is_accepted() {
        let bricks = check(vec![described()]).unwrap();
        assert_eq!(bricks[0].version, semver::Version::new(0, 1, 0));
        assert_eq!(bricks[0].params_schema["properties"]["prompt"]["type"], "string");
    }

    #[test]
    fn each_mistake_is_named() {
        type Spoil = fn(&mut Described);
        let cases: [(Spoil, &str); 12] = [
            (|brick| brick.id = "prompt".to_owned(), "namespace:name"),
            (|brick| brick.id = "qpyt:Prompt".to_owned(), "namespace:name"),
            (|brick| brick.version = "1".to_owned(), "semantic version"),
            (|brick| brick.label = "x".repeat(MAX_LABEL + 1), "label"),
            (|brick| brick.inputs = vec![port("a"), port("a")], "two inputs"),
            (|brick| brick.inputs = vec![port("A")], "lower-case"),
            (|brick| brick.outputs = vec![port("a-"); 1], "lower-case"),
            (|brick| brick.outputs = vec![port("a"); MAX_PORTS + 1], "at most"),
            (|brick| brick.params_schema = "{".to_owned(), "not valid JSON"),
            (|brick| brick.params_schema = "[]".to_owned(), "object"),
            (|brick| brick.params_schema = r#"{"type":"object"}"#.to_owned(), "properties"),
            (|brick| brick.params_schema = " ".repeat(MAX_SCHEMA_BYTES + 1), "bytes"),
        ];
        for (spoil, hint) in cases {
            let mut brick = described();
            spoil(&mut brick);
            let message = check(vec![brick]).unwrap_err();
            assert!(message.contains(hint), "{message} does not say {hint}");
        }
    }

    #[test]
    fn a_binary_holds_at_least_one_brick_and_none_twice() {
        assert!(check(vec![]).is_err());
        assert!(check(vec![described(), described()]).unwrap_err().contains("twice"));
    }
}
