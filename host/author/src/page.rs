//! A page about a brick, made from its binary: what it does, its ports and parameters, what it may use.
//!
//! The texts are the brick's own, so they are escaped for what they stand in, Markdown or HTML.

mod markup;

use qpyt_bricks::{Binary, BrickInfo, Port};
use serde_json::Value;

use self::markup::{Block, Cell, code, text};
use crate::check::asks;
use crate::schema::properties;
use crate::size::readable;

/// A page in parts, to be written as Markdown or HTML.
#[derive(Debug)]
pub struct Page {
    title: String,
    blocks: Vec<Block>,
}

impl Page {
    /// The page of all bricks in a binary. `bytes` is the size of its component.
    #[must_use]
    pub fn of(binary: &Binary, bytes: u64) -> Self {
        let labels: Vec<_> = binary.bricks().iter().map(|brick| brick.label.as_str()).collect();
        let mut blocks: Vec<_> = binary.bricks().iter().flat_map(about_brick).collect();
        blocks.extend(about_binary(binary, bytes));
        Self { title: labels.join(", "), blocks }
    }

    /// As Markdown.
    #[must_use]
    pub fn to_markdown(&self) -> String {
        markup::markdown(&self.blocks)
    }

    /// As one HTML file that loads nothing.
    #[must_use]
    pub fn to_html(&self) -> String {
        markup::html(&self.title, &self.blocks)
    }
}

fn about_brick(brick: &BrickInfo) -> Vec<Block> {
    let mut blocks = vec![
        Block::Heading(1, brick.label.clone()),
        Block::Paragraph(vec![
            code(&brick.id),
            text(format!(" {}, {}", brick.version, name_of(&brick.category))),
        ]),
        Block::Paragraph(vec![text(&brick.doc)]),
    ];
    for (title, ports) in [("Inputs", &brick.inputs), ("Outputs", &brick.outputs)] {
        blocks.push(Block::Heading(2, title.to_owned()));
        blocks.push(ports_table(ports));
    }
    blocks.push(Block::Heading(2, "Parameters".to_owned()));
    blocks.push(parameters_table(&brick.params_schema));
    blocks
}

/// The name of a case of an enum, as JSON has it.
fn name_of(value: &impl serde::Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|json| json.as_str().map(str::to_owned)).unwrap_or_default()
}

fn ports_table(ports: &[Port]) -> Block {
    if ports.is_empty() {
        return Block::Paragraph(vec![text("None.")]);
    }
    let row = |port: &Port| -> Vec<Cell> {
        let many = if port.many { ", any number" } else { "" };
        let needed = if port.required { "always" } else { "may be missing" };
        vec![
            vec![code(&port.name)],
            vec![text(format!("{}{many}", name_of(&port.kind)))],
            vec![text(needed)],
            vec![text(&port.doc)],
        ]
    };
    Block::Table {
        head: ["Port", "Kind", "Given", "What it is"].map(str::to_owned).to_vec(),
        rows: ports.iter().map(row).collect(),
    }
}

fn parameters_table(schema: &Value) -> Block {
    let order: Vec<_> = schema
        .get("x-order")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let mut parameters: Vec<_> = properties(schema).collect();
    let place = |name: &str| order.iter().position(|known| *known == name).unwrap_or(order.len());
    parameters.sort_by_key(|(name, _)| place(name));
    if parameters.is_empty() {
        return Block::Paragraph(vec![text("None.")]);
    }
    let said = |property: &Value, key: &str| {
        property.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let row = |(name, property): (&String, &Value)| -> Vec<Cell> {
        let default = property.get("default").map(ToString::to_string).unwrap_or_default();
        vec![
            vec![code(name)],
            vec![text(range(property))],
            vec![code(default)],
            vec![text(said(property, "title")), text(": "), text(said(property, "description"))],
        ]
    };
    Block::Table {
        head: ["Parameter", "What it may be", "Default", "What it does"].map(str::to_owned).to_vec(),
        rows: parameters.into_iter().map(row).collect(),
    }
}

/// What a value may be: `integer 0..10`, `one of "a", "b"`.
fn range(property: &Value) -> String {
    if let Some(choices) = property.get("enum").and_then(Value::as_array) {
        let choices: Vec<_> = choices.iter().map(ToString::to_string).collect();
        return format!("one of {}", choices.join(", "));
    }
    let kind = match property.get("type") {
        Some(Value::String(one)) => one.clone(),
        Some(Value::Array(several)) => {
            several.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" or ")
        }
        _ => "any".to_owned(),
    };
    let limit = |key: &str| property.get(key).filter(|limit| limit.is_number()).map(ToString::to_string);
    let bounds = match (limit("minimum"), limit("maximum")) {
        (None, None) => String::new(),
        (Some(least), Some(most)) => format!(" {least}..{most}"),
        (Some(least), None) => format!(", at least {least}"),
        (None, Some(most)) => format!(", at most {most}"),
    };
    let step = limit("multipleOf").map(|step| format!(", in steps of {step}")).unwrap_or_default();
    format!("{kind}{bounds}{step}")
}

fn about_binary(binary: &Binary, bytes: u64) -> Vec<Block> {
    let manifest = binary.manifest();
    let mut blocks = vec![Block::Heading(2, "What it may use".to_owned())];
    if manifest.uses.is_empty() {
        blocks.push(Block::Paragraph(vec![text("Nothing but its inputs and parameters.")]));
    } else {
        blocks
            .push(Block::List(manifest.uses.iter().map(|interface| vec![code(interface.name())]).collect()));
    }
    let asks = asks(manifest);
    if !asks.is_empty() {
        blocks.push(Block::Paragraph(vec![text("It asks you whether it may:")]));
        blocks.push(Block::List(asks.into_iter().map(|ask| vec![text(ask)]).collect()));
    }
    if binary.is_pure() {
        let pure = "The same inputs and parameters always give the same result, so results are kept.";
        blocks.push(Block::Paragraph(vec![text(pure)]));
    }
    blocks.push(Block::Heading(2, "The component".to_owned()));
    let facts = [
        ("Publisher", manifest.publisher.clone()),
        ("Signed by", binary.signed_by().map(ToString::to_string)),
        ("Digest", Some(binary.digest().to_string())),
        ("Size", Some(format!("{}, {} compiled", readable(bytes), readable(binary.compiled_bytes() as u64)))),
    ];
    let rows = facts.into_iter().filter_map(|(name, fact)| Some(vec![vec![text(name)], vec![text(fact?)]]));
    blocks.push(Block::Table { head: vec!["What".to_owned(), "Value".to_owned()], rows: rows.collect() });
    blocks
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn ranges_are_told_in_words() {
        for (property, told) in [
            (json!({"type": "integer", "minimum": 0, "maximum": 10}), "integer 0..10"),
            (json!({"type": "number", "minimum": 0.5}), "number, at least 0.5"),
            (json!({"type": ["integer", "null"], "multipleOf": 8}), "integer or null, in steps of 8"),
            (json!({"enum": ["a", "b"]}), "one of \"a\", \"b\""),
            (json!({}), "any"),
        ] {
            assert_eq!(range(&property), told);
        }
    }

    #[test]
    fn parameters_stand_in_the_order_of_the_form() {
        let schema = json!({"properties": {"a": {}, "b": {}, "c": {}}, "x-order": ["c", "a"]});
        let Block::Table { rows, .. } = parameters_table(&schema) else { panic!("no table") };
        let names: Vec<_> = rows.iter().map(|row| row[0].clone()).collect();
        assert_eq!(names, [vec![code("c")], vec![code("a")], vec![code("b")]]);
    }
}
