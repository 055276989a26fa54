//! Everything that can go wrong while setting up.

use std::io;
use std::path::{Path, PathBuf};

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
    /// A tool is not installed.
    #[error("{tool} is needed to {purpose}, and was not found. {remedy}")]
    MissingTool {
        /// Its name.
        tool: &'static str,
        /// What for.
        purpose: &'static str,
        /// Where to get it.
        remedy: &'static str,
    },
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
    /// A tool failed.
    #[error("Could not {purpose}: `{command}` failed ({status}). Its last words:\n{output}")]
    Failed {
        /// What it was to do.
        purpose: &'static str,
        /// What was run.
        command: String,
        /// How it ended.
        status: String,
        /// The end of what it wrote.
        output: String,
    },
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
    #[error("Could not {action} {}: {source}", path.display())]
    Io {
        /// What was attempted, as a verb.
        action: &'static str,
        /// On which file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl SetupError {
    pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Io { action, path, source }
    }
}
