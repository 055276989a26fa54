//! What ports carry.

use crate::{
    brick::PortKind,
    media::{Image, PixelFormat, Tensor},
};

/// One value. Images and tensors share their buffers.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A picture; on a mask port one with a single channel.
    Image(Image),
    /// Numbers in a shape.
    Tensor(Tensor),
    /// Text.
    Text(String),
    /// A number; outputs are finite.
    Number(f64),
    /// Yes or no.
    Boolean(bool),
    /// A JSON value.
    Json(serde_json::Value),
}

/// A value at a port. A port that takes many appears once per value, in order.
#[derive(Debug, Clone, PartialEq)]
pub struct NamedValue {
    /// Name of the port.
    pub port: String,
    /// What it carries.
    pub value: Value,
}

impl Value {
    /// Fails if a port of this kind can't carry the value; the text says why.
    pub(crate) fn check_kind(&self, kind: PortKind) -> Result<(), String> {
        match (kind, self) {
            (PortKind::Any, _)
            | (PortKind::Image, Self::Image(_))
            | (PortKind::Text, Self::Text(_))
            | (PortKind::Number, Self::Number(_))
            | (PortKind::Boolean, Self::Boolean(_))
            | (PortKind::Json, Self::Json(_))
            | (PortKind::Tensor, Self::Tensor(_)) => Ok(()),
            (PortKind::Mask, Self::Image(image)) => match image.format() {
                PixelFormat::Luma8 | PixelFormat::Luma32f => Ok(()),
                format => Err(format!("a mask has one channel, but this picture is {format:?}")),
            },
            (kind, value) => Err(format!("it takes {kind:?}, but it was given {}", value.kind_name())),
        }
    }

    fn kind_name(&self) -> &'static str {
        match self {
            Self::Image(_) => "an image",
            Self::Tensor(_) => "a tensor",
            Self::Text(_) => "text",
            Self::Number(_) => "a number",
            Self::Boolean(_) => "a boolean",
            Self::Json(_) => "JSON",
        }
    }
}
