//! The component runtime: loads bricks, checks what they may import, limits what they may use and runs each call
//! in a fresh sandbox. It knows no models, no store and no HTTP: what bricks reach is given as traits
//! ([`capability`]).
//!
//! [`Runtime`] loads folders and files into [`Binary`]s; [`Binary::run`] runs one of their bricks once. A
//! [`Registry`](registry::Registry) keeps the bricks of whole folders and swaps them while they are in use.

mod brick;
pub mod capability;
mod contract;
mod digest;
mod error;
mod limits;
mod link;
mod load;
mod manifest;
pub mod media;
pub mod package;
pub mod registry;
mod run;
mod sandbox;
mod scope;
mod value;

pub use brick::{BrickInfo, Category, Port, PortKind};
pub use contract::PACKAGES;
pub use digest::{Digest, DigestError};
pub use error::{HostError, LoadError, MigrateError, RunError, RuntimeError};
pub use limits::Limits;
pub use load::{Runtime, RuntimeOptions};
pub use manifest::{Interface, MANIFEST_FILE, Manifest, Wants};
pub use run::{Binary, MAX_STATE_BYTES, Memory, RunOutcome, RunRequest, SavedState, Usage};
pub use sandbox::Leftovers;
pub use scope::{HostScope, check_secret_name};
pub use tokio_util::sync::CancellationToken;
pub use value::{NamedValue, Value};
