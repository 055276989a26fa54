//! The workflow document: one JSON format that is saved, shared, posted and run as it is.
//!
//! Keys that this version does not know are kept at every level, so a document survives being opened and saved by an
//! older or newer program. The text that [`Document::to_json`] writes is the same for equal documents.

mod place;
mod read;

use std::collections::{BTreeMap, HashMap};

use semver::{Version, VersionReq};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::canonical::sorted_keys;
use crate::digest::Digest;
use crate::names::{BrickId, NodeId, PortRef};

pub use place::Place;
pub use read::{DocumentError, KeyPath, MAX_BRICKS, MAX_BYTES, MAX_DEPTH, MAX_LINKS};
pub(crate) use read::{cut, parse_bounded, show};

/// The version of the format that this program writes, and the newest it reads.
pub const VERSION: u64 = 1;

/// A workflow: bricks, the links between them, and how they are laid out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Value")]
pub struct Document {
    /// Version of the format; always [`VERSION`] once read.
    pub version: u64,
    /// Title for the person; at most 200 characters.
    pub name: String,
    /// One sentence on what the workflow does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub doc: Option<String>,
    /// The bricks, in strip order unless the layout says otherwise.
    pub bricks: Vec<BrickNode>,
    /// The links, from an output to an input each.
    pub links: Vec<Link>,
    /// Where things stand on the screen; of no meaning to a run.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub layout: Map<String, Value>,
    /// What the document was last run with.
    #[serde(skip_serializing_if = "Lock::is_empty")]
    pub lock: Lock,
    /// Keys that this version does not know.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// One brick in a workflow.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BrickNode {
    /// Unique within the document.
    pub id: NodeId,
    /// Which brick it is.
    pub brick: BrickId,
    /// Which versions of the brick serve.
    pub requires: VersionReq,
    /// Parameters by name; those left out have their default.
    pub params: Map<String, Value>,
    /// Keys that this version does not know.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// A wire from an output to an input.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Link {
    /// The output.
    pub from: PortRef,
    /// The input.
    pub to: PortRef,
    /// Keys that this version does not know.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// The exact bricks and models of the last run.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Lock {
    /// By `brick@requirement`, like `qpyt:prompt@^0.1`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub bricks: BTreeMap<String, LockedBrick>,
    /// Digests by model id.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub models: BTreeMap<String, Digest>,
    /// Keys that this version does not know.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// The component that served a brick.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LockedBrick {
    /// Its version.
    pub version: Version,
    /// Its digest.
    pub digest: Digest,
    /// Keys that this version does not know.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl Document {
    /// An empty workflow.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            version: VERSION,
            name: name.into(),
            doc: None,
            bricks: Vec::new(),
            links: Vec::new(),
            layout: Map::new(),
            lock: Lock::default(),
            other: Map::new(),
        }
    }

    /// The document as indented JSON with a final line break. Equal documents give equal texts: the keys of the
    /// format in a fixed order, all other keys in code-point order.
    ///
    /// # Errors
    /// Never for a document that was read; a number in a hand-made one may be one that JSON can't hold.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        let mut text = serde_json::to_string_pretty(&self.with_sorted_keys())?;
        text.push('\n');
        Ok(text)
    }

    fn with_sorted_keys(&self) -> Self {
        let mut document = self.clone();
        document.layout = sorted_keys(&document.layout);
        document.other = sorted_keys(&document.other);
        document.lock.other = sorted_keys(&document.lock.other);
        for locked in document.lock.bricks.values_mut() {
            locked.other = sorted_keys(&locked.other);
        }
        for node in &mut document.bricks {
            node.params = sorted_keys(&node.params);
            node.other = sorted_keys(&node.other);
        }
        for link in &mut document.links {
            link.other = sorted_keys(&link.other);
        }
        document
    }

    /// The brick instance of that id; the first when a broken document has two.
    pub fn node(&self, id: &NodeId) -> Option<&BrickNode> {
        self.bricks.iter().find(|node| node.id == *id)
    }

    /// The brick instance of that id, to change it.
    pub fn node_mut(&mut self, id: &NodeId) -> Option<&mut BrickNode> {
        self.bricks.iter_mut().find(|node| node.id == *id)
    }

    /// The bricks as the strip shows them: first those that `layout.strip` lists, then the rest in document order.
    pub fn strip(&self) -> Vec<&BrickNode> {
        let listed = self.layout.get("strip").and_then(Value::as_array).into_iter().flatten();
        let places: HashMap<&str, usize> =
            listed.enumerate().filter_map(|(place, id)| Some((id.as_str()?, place))).collect();
        let mut strip: Vec<&BrickNode> = self.bricks.iter().collect();
        strip.sort_by_key(|node| places.get(node.id.as_str()).copied().unwrap_or(usize::MAX));
        strip
    }
}

impl BrickNode {
    /// A brick instance with default parameters, in any version.
    pub fn new(id: NodeId, brick: BrickId) -> Self {
        Self { id, brick, requires: VersionReq::STAR, params: Map::new(), other: Map::new() }
    }

    /// The brick's key in the lock: `brick@requirement`.
    pub fn lock_key(&self) -> String {
        format!("{}@{}", self.brick, self.requires)
    }
}

impl Link {
    /// A link.
    pub fn new(from: PortRef, to: PortRef) -> Self {
        Self { from, to, other: Map::new() }
    }
}

impl Lock {
    /// Whether nothing is locked.
    pub fn is_empty(&self) -> bool {
        self.bricks.is_empty() && self.models.is_empty() && self.other.is_empty()
    }

    /// The component that last served a brick instance.
    pub fn digest_of(&self, node: &BrickNode) -> Option<&Digest> {
        self.bricks.get(&node.lock_key()).map(|locked| &locked.digest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_document_is_written_in_the_order_of_the_format_with_sorted_parameters() {
        let mut document = Document::new("Small");
        let mut node = BrickNode::new("prompt".parse().unwrap(), "qpyt:prompt".parse().unwrap());
        node.params.insert("prompt".into(), json!("a lamp"));
        node.params.insert("negative".into(), json!(""));
        document.bricks.push(node);
        assert_eq!(
            document.to_json().unwrap(),
            r#"{
  "version": 1,
  "name": "Small",
  "bricks": [
    {
      "id": "prompt",
      "brick": "qpyt:prompt",
      "requires": "*",
      "params": {
        "negative": "",
        "prompt": "a lamp"
      }
    }
  ],
  "links": []
}
"#
        );
    }

    #[test]
    fn the_strip_follows_the_layout_and_then_the_document() {
        let mut document = Document::new("Order");
        for id in ["a", "b", "c", "d"] {
            document.bricks.push(BrickNode::new(id.parse().unwrap(), "qpyt:prompt".parse().unwrap()));
        }
        let strip =
            |document: &Document| document.strip().iter().map(|node| node.id.to_string()).collect::<String>();
        assert_eq!(strip(&document), "abcd");
        document.layout.insert("strip".into(), json!(["d", "gone", "b"]));
        assert_eq!(strip(&document), "dbac");
    }
}
