//! Bricks of the runtime as the workflow crate knows them.

use qpyt_bricks::{Binary, BrickInfo};
use qpyt_workflow::{BrickSpec, Category, DigestError, NameError, Port, PortKind};

/// A brick that describes itself in a way that workflows can't take.
#[derive(Debug, thiserror::Error)]
#[error("the brick {brick} can't be used in workflows: {reason}")]
struct Unusable {
    brick: String,
    reason: String,
}

/// The bricks in a binary. One that workflows can't take is left out.
pub(super) fn specs(binary: &Binary) -> Vec<BrickSpec> {
    let usable = |brick| spec(brick, binary).inspect_err(|error| tracing::error!(%error)).ok();
    binary.bricks().iter().filter_map(usable).collect()
}

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
