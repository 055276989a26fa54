//! The bricks that are installed: the binaries that run, and the catalog that documents are checked against.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use qpyt_bricks::{Binary, BrickInfo, Refused, Runtime};
use qpyt_workflow::{BrickSpec, Catalog, Category, DigestError, NameError, Port, PortKind};
use serde::Serialize;
use utoipa::ToSchema;

use crate::store::Grant;

/// All installed bricks.
pub struct Library {
    binaries: HashMap<qpyt_workflow::Digest, Arc<Binary>>,
    catalog: Arc<Catalog>,
    refused: Vec<Refused>,
}

/// A brick that describes itself in a way that workflows can't take.
#[derive(Debug, thiserror::Error)]
#[error("the brick {brick} can't be used in workflows: {reason}")]
struct Unusable {
    brick: String,
    reason: String,
}

impl Library {
    /// Loads every brick below `folders`. What can't be loaded is kept with the reason.
    pub async fn load(runtime: &Runtime, folders: &[PathBuf]) -> Self {
        let loaded = runtime.load_all(folders).await;
        let mut specs = Vec::new();
        let mut binaries = HashMap::new();
        for binary in loaded.binaries {
            for brick in binary.bricks() {
                match spec(brick, &binary) {
                    Ok(spec) => {
                        binaries.insert(spec.digest.clone(), binary.clone());
                        specs.push(spec);
                    }
                    Err(error) => tracing::error!(%error),
                }
            }
        }
        Self { binaries, catalog: Arc::new(Catalog::new(specs)), refused: loaded.refused }
    }

    /// What documents are checked against.
    pub fn catalog(&self) -> Arc<Catalog> {
        self.catalog.clone()
    }

    /// The binary that holds a brick of the catalog.
    pub fn binary_of(&self, spec: &BrickSpec) -> Option<&Arc<Binary>> {
        self.binaries.get(&spec.digest)
    }

    /// What the HTTP API and `qpyt bricks` show, with what the person allowed.
    pub fn list(&self, grants: &[Grant]) -> BrickList {
        let bricks = self.catalog.iter().map(|spec| self.view(spec, grants)).collect();
        let refused = self
            .refused
            .iter()
            .map(|refused| RefusedView {
                path: refused.path.display().to_string(),
                message: refused.error.to_string(),
            })
            .collect();
        BrickList { bricks, refused }
    }

    fn view(&self, spec: &BrickSpec, grants: &[Grant]) -> BrickView {
        let uses = self
            .binary_of(spec)
            .map(|binary| binary.manifest().uses.iter().map(ToString::to_string).collect())
            .unwrap_or_default();
        let is_for = |grant: &&Grant| {
            grant.allows.brick == spec.id.as_str() && grant.allows.digest.to_string() == spec.digest.as_str()
        };
        BrickView {
            id: spec.id.to_string(),
            version: spec.version.to_string(),
            digest: spec.digest.to_string(),
            label: spec.label.clone(),
            category: spec.category.as_str(),
            doc: spec.doc.clone(),
            inputs: spec.inputs.iter().map(PortView::from).collect(),
            outputs: spec.outputs.iter().map(PortView::from).collect(),
            params_schema: spec.params_schema.clone(),
            uses,
            granted: grants.iter().filter(is_for).map(|grant| grant.allows.scope.clone()).collect(),
            pure: spec.pure,
            heavy: spec.heavy,
        }
    }
}

/// A brick as the workflow crate knows it.
fn spec(brick: &BrickInfo, binary: &Binary) -> Result<BrickSpec, Unusable> {
    let unusable = |error: NameError| Unusable { brick: brick.id.clone(), reason: error.to_string() };
    let digest = binary.digest().to_string();
    Ok(BrickSpec {
        id: brick.id.parse().map_err(unusable)?,
        version: brick.version.clone(),
        digest: digest
            .parse()
            .map_err(|error: DigestError| Unusable { brick: brick.id.clone(), reason: error.to_string() })?,
        label: brick.label.clone(),
        category: match brick.category {
            qpyt_bricks::Category::Input => Category::Input,
            qpyt_bricks::Category::Generator => Category::Generator,
            qpyt_bricks::Category::Setting => Category::Setting,
            qpyt_bricks::Category::Output => Category::Output,
        },
        doc: brick.doc.clone(),
        inputs: brick.inputs.iter().map(port).collect::<Result<_, _>>().map_err(unusable)?,
        outputs: brick.outputs.iter().map(port).collect::<Result<_, _>>().map_err(unusable)?,
        params_schema: brick.params_schema.clone(),
        pure: binary.is_pure(),
        heavy: binary.is_heavy(),
    })
}

fn port(port: &qpyt_bricks::Port) -> Result<Port, NameError> {
    Ok(Port {
        name: port.name.parse()?,
        kind: match port.kind {
            qpyt_bricks::PortKind::Image => PortKind::Image,
            qpyt_bricks::PortKind::Mask => PortKind::Mask,
            qpyt_bricks::PortKind::Text => PortKind::Text,
            qpyt_bricks::PortKind::Number => PortKind::Number,
            qpyt_bricks::PortKind::Boolean => PortKind::Boolean,
            qpyt_bricks::PortKind::Json => PortKind::Json,
            qpyt_bricks::PortKind::Tensor => PortKind::Tensor,
            qpyt_bricks::PortKind::Any => PortKind::Any,
        },
        label: port.label.clone(),
        required: port.required,
        many: port.many,
        doc: port.doc.clone(),
    })
}

/// The installed bricks.
#[derive(Debug, Serialize, ToSchema)]
pub struct BrickList {
    /// By id, newest version first.
    pub bricks: Vec<BrickView>,
    /// What could not be loaded.
    pub refused: Vec<RefusedView>,
}

/// One version of one brick.
#[derive(Debug, Serialize, ToSchema)]
pub struct BrickView {
    /// `namespace:name`
    pub id: String,
    /// Semantic version.
    pub version: String,
    /// Digest of its binary.
    pub digest: String,
    /// For the person.
    pub label: String,
    /// `input`, `generator`, `setting` or `output`.
    pub category: &'static str,
    /// One or two sentences for the person.
    pub doc: String,
    /// Inputs in the order they are shown.
    pub inputs: Vec<PortView>,
    /// Outputs in the order they are shown.
    pub outputs: Vec<PortView>,
    /// JSON Schema of the parameters.
    pub params_schema: serde_json::Value,
    /// The interfaces of the host that it may use.
    pub uses: Vec<String>,
    /// The folders that the person allowed this binary to write into.
    pub granted: Vec<String>,
    /// A function of its inputs and parameters alone, so its results are kept.
    pub pure: bool,
    /// Needs the accelerator.
    pub heavy: bool,
}

/// An input or output.
#[derive(Debug, Serialize, ToSchema)]
pub struct PortView {
    /// Unique among the inputs, or among the outputs.
    pub name: String,
    /// `image`, `mask`, `text`, `number`, `boolean`, `json`, `tensor` or `any`.
    pub kind: &'static str,
    /// For the person.
    pub label: String,
    /// Inputs: the run needs it. Outputs: always given.
    pub required: bool,
    /// May carry several values.
    pub many: bool,
    /// One sentence for the person.
    pub doc: String,
}

impl From<&Port> for PortView {
    fn from(port: &Port) -> Self {
        Self {
            name: port.name.to_string(),
            kind: port.kind.as_str(),
            label: port.label.clone(),
            required: port.required,
            many: port.many,
            doc: port.doc.clone(),
        }
    }
}

/// A brick that could not be loaded.
#[derive(Debug, Serialize, ToSchema)]
pub struct RefusedView {
    /// Where it is.
    pub path: String,
    /// Why, and what to do.
    pub message: String,
}
