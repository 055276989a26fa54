//! The bricks that are installed, as the rest of the crate needs to know them: ports, parameters, versions.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use semver::{Version, VersionReq};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::digest::Digest;
use crate::document::{BrickNode, Document};
use crate::names::{BrickId, PortName};
use crate::suggest::nearest;

/// What flows through a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PortKind {
    /// A picture.
    Image,
    /// A picture with one channel; white is "in".
    Mask,
    /// A text.
    Text,
    /// A number.
    Number,
    /// True or false.
    Boolean,
    /// A JSON value.
    Json,
    /// A tensor.
    Tensor,
    /// Whatever comes.
    Any,
}

impl PortKind {
    /// Whether a value of kind `given` may flow into an input of this kind: the same kind, either side `any`, or a
    /// mask where a picture is wanted.
    pub fn accepts(self, given: PortKind) -> bool {
        self == given
            || self == PortKind::Any
            || given == PortKind::Any
            || (self == PortKind::Image && given == PortKind::Mask)
    }

    /// The kind as it is written in documents and messages.
    pub fn as_str(self) -> &'static str {
        match self {
            PortKind::Image => "image",
            PortKind::Mask => "mask",
            PortKind::Text => "text",
            PortKind::Number => "number",
            PortKind::Boolean => "boolean",
            PortKind::Json => "json",
            PortKind::Tensor => "tensor",
            PortKind::Any => "any",
        }
    }
}

/// An input or an output of a brick.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Port {
    /// Unique among the brick's inputs, or among its outputs.
    pub name: PortName,
    /// What flows through it.
    pub kind: PortKind,
    /// For the person.
    #[serde(default)]
    pub label: String,
    /// Inputs: the brick can't run without it. Outputs: always given.
    #[serde(default)]
    pub required: bool,
    /// May carry several values, in order.
    #[serde(default)]
    pub many: bool,
    /// One sentence for the person.
    #[serde(default)]
    pub doc: String,
}

/// The four families of bricks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Category {
    /// Inputs and aids.
    Input,
    /// Makes pictures.
    Generator,
    /// Values that other bricks use.
    Setting,
    /// Shows or stores results.
    Output,
}

impl Category {
    /// The family as it is written in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Category::Input => "input",
            Category::Generator => "generator",
            Category::Setting => "setting",
            Category::Output => "output",
        }
    }
}

/// One installed version of one brick.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BrickSpec {
    /// The brick's name.
    pub id: BrickId,
    /// Its version.
    pub version: Version,
    /// Digest of the component that holds it.
    pub digest: Digest,
    /// For the person.
    pub label: String,
    /// Its family.
    pub category: Category,
    /// One or two sentences for the person.
    pub doc: String,
    /// Inputs in the order they are shown.
    pub inputs: Vec<Port>,
    /// Outputs in the order they are shown.
    pub outputs: Vec<Port>,
    /// JSON Schema of the parameters: an object with `properties`.
    pub params_schema: Value,
    /// A function of its inputs and parameters alone, so its results may be kept.
    pub pure: bool,
    /// Needs the accelerator.
    pub heavy: bool,
}

/// Why no installed brick serves.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ResolveError {
    /// No brick of that name is installed.
    #[error("the brick `{brick}` is not installed{}", did_you_mean(.suggestion.as_ref()))]
    UnknownBrick {
        /// The name that was asked for.
        brick: BrickId,
        /// An installed name that is near.
        suggestion: Option<BrickId>,
    },
    /// Installed, but in no version that is accepted.
    #[error("the brick `{brick}` is not installed in a version that fits `{requires}`; installed: {}", list(.installed))]
    VersionNotInstalled {
        /// The brick.
        brick: BrickId,
        /// What was asked for.
        requires: VersionReq,
        /// What there is, newest first.
        installed: Vec<Version>,
    },
}

fn did_you_mean(near: Option<&BrickId>) -> String {
    near.map_or(String::new(), |near| format!("; did you mean `{near}`?"))
}

fn list(versions: &[Version]) -> String {
    versions.iter().map(Version::to_string).collect::<Vec<_>>().join(", ")
}

/// The installed bricks, several versions side by side.
#[derive(Debug, Clone, Default)]
pub struct Catalog {
    /// Newest first.
    bricks: BTreeMap<BrickId, Vec<Arc<BrickSpec>>>,
    /// Former versions, for documents that are locked to one.
    former: BTreeMap<BrickId, Vec<Arc<BrickSpec>>>,
}

impl Catalog {
    /// A catalogue of these bricks. The same component given twice counts once; of two components with one version
    /// the one given first is preferred.
    pub fn new(specs: Vec<BrickSpec>) -> Self {
        let mut bricks: BTreeMap<BrickId, Vec<Arc<BrickSpec>>> = BTreeMap::new();
        for spec in specs {
            let versions = bricks.entry(spec.id.clone()).or_default();
            if !versions.iter().any(|known| known.version == spec.version && known.digest == spec.digest) {
                versions.push(Arc::new(spec));
            }
        }
        for versions in bricks.values_mut() {
            versions.sort_by_key(|spec| Reverse(spec.version.clone()));
        }
        Self { bricks, former: BTreeMap::new() }
    }

    /// The same catalogue with former versions. They serve only documents whose lock names their digest.
    #[must_use]
    pub fn with_former(mut self, specs: Vec<BrickSpec>) -> Self {
        for spec in specs {
            self.former.entry(spec.id.clone()).or_default().push(Arc::new(spec));
        }
        self
    }

    /// All bricks by name, newest version first.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<BrickSpec>> {
        self.bricks.values().flatten()
    }

    /// The newest version of a brick.
    pub fn newest(&self, brick: &BrickId) -> Option<&Arc<BrickSpec>> {
        self.bricks.get(brick)?.first()
    }

    /// The version of `brick` to use: the component with the digest `locked` when it is installed or kept as a former
    /// version and fits, else the newest version that fits.
    ///
    /// # Errors
    /// When the brick or a fitting version is not installed.
    pub fn resolve(
        &self,
        brick: &BrickId,
        requires: &VersionReq,
        locked: Option<&Digest>,
    ) -> Result<&Arc<BrickSpec>, ResolveError> {
        let versions = self.bricks.get(brick).ok_or_else(|| ResolveError::UnknownBrick {
            brick: brick.clone(),
            suggestion: self.near(brick),
        })?;
        let fits = || versions.iter().filter(|spec| requires.matches(&spec.version));
        let former = self.former.get(brick).into_iter().flatten();
        let former = former.filter(|spec| requires.matches(&spec.version));
        let locked = fits().chain(former).find(|spec| Some(&spec.digest) == locked);
        locked.or_else(|| fits().next()).ok_or_else(|| ResolveError::VersionNotInstalled {
            brick: brick.clone(),
            requires: requires.clone(),
            installed: versions.iter().map(|spec| spec.version.clone()).collect(),
        })
    }

    /// The brick that one instance of a document runs on, by its requirement and the document's lock.
    ///
    /// # Errors
    /// When the brick or a fitting version is not installed.
    pub fn resolve_node(
        &self,
        document: &Document,
        node: &BrickNode,
    ) -> Result<&Arc<BrickSpec>, ResolveError> {
        self.resolve(&node.brick, &node.requires, document.lock.digest_of(node))
    }

    /// An installed name near to one that is not: a slip in the whole, or the right name in another namespace.
    fn near(&self, brick: &BrickId) -> Option<BrickId> {
        let namesake = self.bricks.keys().find(|known| known.name() == brick.name());
        let near = nearest(brick.as_str(), self.bricks.keys().map(BrickId::as_str));
        namesake.cloned().or_else(|| near.and_then(|near| near.parse().ok()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn spec(id: &str, version: &str, digest: &str) -> BrickSpec {
        BrickSpec {
            id: id.parse().unwrap(),
            version: version.parse().unwrap(),
            digest: digest.parse().unwrap(),
            label: String::new(),
            category: Category::Input,
            doc: String::new(),
            inputs: vec![],
            outputs: vec![],
            params_schema: json!({}),
            pure: true,
            heavy: false,
        }
    }

    fn catalog() -> Catalog {
        Catalog::new(vec![
            spec("qpyt:prompt", "0.1.0", "blake3:aa"),
            spec("qpyt:prompt", "0.2.0", "blake3:cc"),
            spec("qpyt:prompt", "0.1.3", "blake3:bb"),
            spec("qpyt:render", "1.0.0", "blake3:dd"),
        ])
    }

    fn resolve(brick: &str, requires: &str, locked: Option<&str>) -> Result<String, String> {
        let locked = locked.map(|digest| digest.parse().unwrap());
        catalog()
            .resolve(&brick.parse().unwrap(), &requires.parse().unwrap(), locked.as_ref())
            .map(|spec| spec.version.to_string())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn the_newest_version_that_fits_is_used() {
        assert_eq!(resolve("qpyt:prompt", "*", None).unwrap(), "0.2.0");
        assert_eq!(resolve("qpyt:prompt", "^0.1", None).unwrap(), "0.1.3");
    }

    #[test]
    fn a_locked_component_is_used_while_it_is_installed_and_fits() {
        assert_eq!(resolve("qpyt:prompt", "^0.1", Some("blake3:aa")).unwrap(), "0.1.0");
        assert_eq!(resolve("qpyt:prompt", "^0.1", Some("blake3:ee")).unwrap(), "0.1.3");
        assert_eq!(resolve("qpyt:prompt", "^0.1", Some("blake3:cc")).unwrap(), "0.1.3");
    }

    #[test]
    fn a_former_version_serves_only_who_is_locked_to_it() {
        let catalog = catalog().with_former(vec![spec("qpyt:prompt", "0.3.0", "blake3:ff")]);
        let resolve = |requires: &str, locked: Option<&str>| {
            let locked = locked.map(|digest| digest.parse().unwrap());
            let brick = "qpyt:prompt".parse().unwrap();
            let found = catalog.resolve(&brick, &requires.parse().unwrap(), locked.as_ref());
            found.unwrap().version.to_string()
        };
        assert_eq!(resolve("*", None), "0.2.0");
        assert_eq!(resolve("*", Some("blake3:ff")), "0.3.0");
        assert_eq!(resolve("^0.1", Some("blake3:ff")), "0.1.3");
        assert_eq!(catalog.iter().count(), 4);
    }

    #[test]
    fn an_unknown_brick_suggests_a_near_name() {
        assert_eq!(
            resolve("qpyt:promt", "*", None).unwrap_err(),
            "the brick `qpyt:promt` is not installed; did you mean `qpyt:prompt`?"
        );
        assert!(resolve("other:render", "*", None).unwrap_err().contains("`qpyt:render`"));
        assert_eq!(resolve("zzz:yyy", "*", None).unwrap_err(), "the brick `zzz:yyy` is not installed");
    }

    #[test]
    fn a_version_that_is_not_there_lists_those_that_are() {
        let message = resolve("qpyt:prompt", "^3", None).unwrap_err();
        assert!(message.ends_with("installed: 0.2.0, 0.1.3, 0.1.0"), "{message}");
    }

    #[test]
    fn a_mask_fits_where_a_picture_is_wanted_and_not_the_other_way_round() {
        assert!(PortKind::Image.accepts(PortKind::Mask));
        assert!(!PortKind::Mask.accepts(PortKind::Image));
        assert!(PortKind::Any.accepts(PortKind::Tensor) && PortKind::Text.accepts(PortKind::Any));
        assert!(!PortKind::Text.accepts(PortKind::Number));
    }
}
