//! Everything that can go wrong while setting up.

use std::path::PathBuf;

use qpyt_author::FileError;
use qpyt_author::tool::ToolError;

/// Why the studio could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// `QPYT_HOME` points elsewhere.
    #[error(
        "QPYT_HOME is {}, but that folder holds no qpyt installation (plugins/ and workflows/ are expected in it).",
        .0.display()
    )]
    NotAnInstallation(PathBuf),
    /// Nothing was found.
    #[error(
        "The files of qpyt were not found near the program. Set QPYT_HOME to the folder with plugins/ and workflows/."
    )]
    NoInstallation,
    /// A tool is missing or failed.
    #[error(transparent)]
    Tool(#[from] ToolError),
    /// Node is too old.
    #[error(
        "Node 20 or newer is needed to build the web app; this is {found}. Install it from https://nodejs.org."
    )]
    OldNode {
        /// What `node --version` says.
        found: String,
    },
    /// The compiler has no library for WebAssembly, and none may be fetched.
    #[error("Rust's target wasm32-wasip2 is missing. Run: rustup target add wasm32-wasip2")]
    MissingTarget,
    /// A brick's manifest is wrong.
    #[error("{} is not right: {reason}", path.display())]
    BadManifest {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The build gave no component for a brick.
    #[error("Building {} gave no component. Its Cargo.toml needs [lib] with crate-type = [\"cdylib\"].", .0.display())]
    NoComponent(PathBuf),
    /// The operating system refused.
    #[error(transparent)]
    File(#[from] FileError),
}
