//! Tools for brick authors: [`template`] starts a brick, [`build`] and [`dev`] make components of its source,
//! [`check`] says what is wrong with one, [`golden`] runs it against a fake studio and compares, [`package`],
//! [`install`] and [`keys`] bring it to others, [`page`] describes it.
//!
//! It knows the runtime (`qpyt-bricks`) and neither models nor documents; the command line and the studio's dev mode
//! are thin layers over it.

pub mod build;
pub mod cargo;
pub mod check;
mod component;
pub mod dev;
mod error;
pub mod files;
pub mod golden;
pub mod install;
pub mod keys;
pub mod package;
pub mod page;
mod schema;
mod size;
pub mod source;
pub mod sources;
pub mod subject;
pub mod template;
pub mod tool;

pub use error::AuthorError;
pub use files::FileError;
pub use size::readable;
