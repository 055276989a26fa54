//! Import of workflows of the original Qpyt-UI: a bare list of `{id, type, props}` in strip order, without links,
//! ports or a version.
//!
//! The nearest brick we have takes over the values it knows. A brick that has none yet becomes a placeholder that keeps
//! its values, so nothing the person made is lost. Links come from the rules of the strip. Whatever could not be kept is
//! told in the notes.

mod bricks;
mod values;

use serde_json::{Map, Value};

use crate::catalog::Catalog;
use crate::document::{BrickNode, Document, DocumentError, MAX_BRICKS, parse_bounded};
use crate::names::{BrickId, NodeId};
use crate::wiring::wire;
use bricks::{Brick, Rank, counterpart, placeholder};

/// Title of an imported workflow; the original kept none in the file.
const TITLE: &str = "Imported workflow";

/// Most notes of an import.
const MAX_NOTES: usize = 200;

/// What an import gave.
#[derive(Debug, Clone, PartialEq)]
pub struct Imported {
    /// The workflow.
    pub document: Document,
    /// What was dropped, changed or has no brick yet; one sentence each, for the person.
    pub notes: Vec<String>,
}

/// Reads a workflow of the original program, or a document as it is.
///
/// # Errors
/// As [`Document::from_json`], and when a list holds no brick at all.
pub fn import(text: impl AsRef<[u8]>, catalog: &Catalog) -> Result<Imported, DocumentError> {
    let text = text.as_ref();
    if !text.trim_ascii_start().starts_with(b"[") {
        return Ok(Imported { document: Document::from_json(text)?, notes: Vec::new() });
    }
    match parse_bounded(text)? {
        Value::Array(entries) => from_original(entries, catalog),
        _ => Err(DocumentError::NoOriginalBricks),
    }
}

fn from_original(entries: Vec<Value>, catalog: &Catalog) -> Result<Imported, DocumentError> {
    if entries.len() > MAX_BRICKS {
        return Err(DocumentError::TooManyBricks { bricks: entries.len() });
    }
    let mut notes = Vec::new();
    let mut bricks = read(entries, &mut notes);
    if bricks.is_empty() {
        return Err(DocumentError::NoOriginalBricks);
    }
    pass_on_format(&mut bricks, &mut notes);
    add_output(&mut bricks, &mut notes);
    put_in_order(&mut bricks, &mut notes);

    let mut document = Document::new(TITLE);
    let mut without_source = Vec::new();
    for brick in bricks {
        let node = node(&document, brick.id.name(), brick.id.clone());
        let Some(mut node) = node else { continue };
        values::place(&mut node, brick.params, catalog, &mut notes);
        if brick.ignores_source {
            without_source.push(node.id.clone());
        }
        document.bricks.push(node);
    }
    wire(&mut document, catalog);
    document
        .links
        .retain(|link| !(without_source.contains(&link.to.node) && link.to.port.as_str() == "image"));
    notes.truncate(MAX_NOTES);
    Ok(Imported { document, notes })
}

/// The entries as bricks; what is no brick is told and left out.
fn read(entries: Vec<Value>, notes: &mut Vec<String>) -> Vec<Brick> {
    let mut bricks = Vec::new();
    for (index, entry) in entries.into_iter().enumerate() {
        let Value::Object(mut entry) = entry else {
            notes.push(format!("Entry {} is not a brick and was left out.", index + 1));
            continue;
        };
        let Some(tag) = entry.get("type").and_then(Value::as_str).map(str::to_owned) else {
            notes.push(format!("Entry {} has no type and was left out.", index + 1));
            continue;
        };
        let props = match entry.remove("props") {
            Some(Value::Object(props)) => props,
            _ => Map::new(),
        };
        bricks.extend(counterpart(&tag, &props, notes).or_else(|| placeholder(&tag, props, notes)));
    }
    bricks
}

/// The original kept the file format in its settings; here it belongs to each output.
fn pass_on_format(bricks: &mut [Brick], notes: &mut Vec<String>) {
    let format = bricks.iter_mut().find_map(|brick| brick.output_format.take());
    let Some(format) = format else { return };
    let mut outputs = bricks.iter_mut().filter(|brick| brick.rank == Rank::Output).peekable();
    if outputs.peek().is_none() {
        notes.push(format!(
            "The file format {format} of the settings was left out: there is no output brick to take it."
        ));
    }
    for output in outputs {
        output.params.entry("format").or_insert_with(|| format.clone());
    }
}

/// The original showed each picture in the brick that made it; here an output brick does.
fn add_output(bricks: &mut Vec<Brick>, notes: &mut Vec<String>) {
    let renders = bricks.iter().any(|brick| brick.rank == Rank::Generator);
    let shows = bricks.iter().any(|brick| brick.rank == Rank::Output);
    if renders && !shows {
        bricks.extend(counterpart("qp-image-out", &Map::new(), notes));
        notes.push("An output brick was added to show the pictures.".to_owned());
    }
}

/// In the original, bricks found each other wherever they stood; here values flow from left to right. A placeholder
/// stays behind the brick it stood behind.
fn put_in_order(bricks: &mut Vec<Brick>, notes: &mut Vec<String>) {
    let mut rank = Rank::Source;
    let mut ranked: Vec<(Rank, Brick)> = Vec::new();
    for brick in bricks.drain(..) {
        if brick.rank != Rank::Unknown {
            rank = brick.rank;
        }
        ranked.push((rank, brick));
    }
    if !ranked.is_sorted_by_key(|(rank, _)| *rank) {
        ranked.sort_by_key(|(rank, _)| *rank);
        notes.push("Bricks were moved so that each stands behind those it takes values from.".to_owned());
    }
    bricks.extend(ranked.into_iter().map(|(_, brick)| brick));
}

/// A new instance, named after its brick.
fn node(document: &Document, name: &str, brick: BrickId) -> Option<BrickNode> {
    /// Leaves room for a number within the longest id.
    const LONGEST: usize = 58;
    let base = name.get(..name.len().min(LONGEST))?;
    let id = (1..=MAX_BRICKS + 1)
        .map(|number| if number == 1 { base.to_owned() } else { format!("{base}-{number}") })
        .filter_map(|id| id.parse::<NodeId>().ok())
        .find(|id| document.node(id).is_none())?;
    Some(BrickNode::new(id, brick))
}
