//! The component runtime: loads bricks, checks what they may import, limits what they may use and runs each call
//! in a fresh sandbox. It knows no models, no store and no HTTP: what bricks reach is given as traits.

mod digest;
pub mod media;

pub use digest::{Digest, DigestError};
