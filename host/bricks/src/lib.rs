//! The component runtime: loads bricks, checks what they may import, limits what they may use and runs each call
//! in a fresh sandbox. It knows no models, no store and no HTTP: what bricks reach is given as traits
//! ([`capability`]).
//!
//! [`Runtime`] loads folders into [`Binary`]s; [`Binary::run`] runs one of their bricks once.

mod brick;
pub mod capability;
mod digest;
mod error;
mod limits;
mod link;
mod load;
mod manifest;
pub mod media;
mod run;
mod sandbox;
mod value;

pub use brick::{BrickInfo, Category, Port, PortKind};
pub use digest::{Digest, DigestError};
pub use error::{HostError, LoadError, RunError, RuntimeError};
pub use limits::Limits;
pub use load::{Loaded, Refused, Runtime, RuntimeOptions};
pub use manifest::{Interface, MANIFEST_FILE, Manifest};
pub use run::{Binary, RunOutcome, RunRequest, Usage};
pub use tokio_util::sync::CancellationToken;
pub use value::{NamedValue, Value};
