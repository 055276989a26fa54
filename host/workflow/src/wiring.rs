//! Auto-wiring: how the strip links bricks that stand side by side.
//!
//! For each brick from left to right and each of its inputs: the nearest brick to the left that has an output of the
//! same name whose kind fits. A required input without one takes the nearest output to the left of the very same
//! kind, first in port order. Any other input stays open. The browser follows the same rules; both are held to the
//! cases in `tests/wiring-cases.json`.

use crate::catalog::{Catalog, Port};
use crate::document::{Document, Link};
use crate::names::{NodeId, PortRef};

/// A brick instance as far as wiring goes. A brick that is not installed has no ports.
#[derive(Debug, Clone, Copy)]
pub struct Ports<'a> {
    /// The brick instance.
    pub id: &'a NodeId,
    /// Its inputs, in port order.
    pub inputs: &'a [Port],
    /// Its outputs, in port order.
    pub outputs: &'a [Port],
}

/// The links between bricks that stand in this order, from left to right; at most one into each input.
pub fn auto_links(strip: &[Ports<'_>]) -> Vec<Link> {
    let mut links = Vec::new();
    for (place, brick) in strip.iter().enumerate() {
        let before = strip.get(..place).unwrap_or_default();
        for input in brick.inputs {
            if let Some(from) = source(before, input) {
                links.push(Link::new(from, PortRef { node: brick.id.clone(), port: input.name.clone() }));
            }
        }
    }
    links
}

fn source(before: &[Ports<'_>], input: &Port) -> Option<PortRef> {
    let namesake = nearest(before, |output| output.name == input.name && input.kind.accepts(output.kind));
    let of_the_kind = || nearest(before, |output| output.kind == input.kind);
    namesake.or_else(|| if input.required { of_the_kind() } else { None })
}

/// The output nearest to the right end that serves; within one brick the first.
fn nearest(before: &[Ports<'_>], serves: impl Fn(&Port) -> bool) -> Option<PortRef> {
    before.iter().rev().find_map(|brick| {
        let output = brick.outputs.iter().find(|output| serves(output))?;
        Some(PortRef { node: brick.id.clone(), port: output.name.clone() })
    })
}

/// Replaces the links of a document by those of its strip.
pub fn wire(document: &mut Document, catalog: &Catalog) {
    let strip: Vec<Ports<'_>> = document
        .strip()
        .into_iter()
        .map(|node| match catalog.resolve_node(document, node) {
            Ok(spec) => Ports { id: &node.id, inputs: &spec.inputs, outputs: &spec.outputs },
            Err(_) => Ports { id: &node.id, inputs: &[], outputs: &[] },
        })
        .collect();
    document.links = auto_links(&strip);
}
