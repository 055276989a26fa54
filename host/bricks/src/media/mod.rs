//! Pictures and tensors as the host owns them. Bricks hold handles; a handle is one more reference to the same
//! immutable buffer, so handing an image from brick to brick copies no pixel.

mod canvas;
mod codec;
mod convert;
mod image;
mod resample;
mod tensor;

pub(crate) use self::codec::encode_scratch;
pub use self::{
    canvas::Canvas,
    codec::{Container, DecodeLimits, decode, encode, encode_quickly},
    image::{Image, PixelFormat, Rect},
    resample::Filter,
    tensor::{Element, Layout, Tensor},
};

use wasmtime::component::{ComponentType, Lift, Lower};

/// Why an operation on media failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, ComponentType, Lift, Lower)]
#[component(variant)]
#[non_exhaustive]
pub enum MediaError {
    /// An argument is out of its range; the text says which and what it may be.
    #[error("{0}")]
    #[component(name = "bad-argument")]
    BadArgument(String),
    /// The data is of a kind that is not supported; the text names what is.
    #[error("{0}")]
    #[component(name = "unsupported")]
    Unsupported(String),
    /// The result would be this many bytes, which is over the limit.
    #[error(
        "this needs {0} bytes, which is over the limit; use a smaller picture or raise `memory_mib` under [limits] in qpyt.toml"
    )]
    #[component(name = "too-large")]
    TooLarge(u64),
    /// Anything else.
    #[error("{0}")]
    #[component(name = "other")]
    Other(String),
}
