//! What can go wrong while a brick is made, with the way out.

use std::path::PathBuf;

use qpyt_bricks::package::{PackageError, PublisherKey};
use qpyt_bricks::{LoadError, MANIFEST_FILE};

use crate::FileError;
use crate::tool::ToolError;

/// Why a tool for authors could not do its work.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AuthorError {
    /// The operating system refused.
    #[error(transparent)]
    File(#[from] FileError),
    /// A tool is missing or failed.
    #[error(transparent)]
    Tool(#[from] ToolError),
    /// The compiler has no library for WebAssembly, and none may be fetched.
    #[error("Rust's target wasm32-wasip2 is missing. Run: rustup target add wasm32-wasip2")]
    MissingTarget,
    /// The name can't be that of a brick.
    #[error(
        "`{0}` is no name for a brick. Take lower-case words joined by `-`, such as `soft-light`, with your own name before it if you like: `me:soft-light`."
    )]
    BadName(String),
    /// There is something already.
    #[error("{} is there already. Choose another name, or another folder with --into.", .0.display())]
    Exists(PathBuf),
    /// This installation came without the SDK.
    #[error(
        "The author kit for {language} is not at {}. Use a source checkout of the studio, or set QPYT_HOME to one.",
        path.display()
    )]
    NoKit {
        /// For people.
        language: &'static str,
        /// Where it should be.
        path: PathBuf,
    },
    /// Nothing here can be built or loaded.
    #[error(
        "{} holds no brick: a source folder has a brick.toml beside a Cargo.toml (Rust), package.json (JavaScript) or brick.py (Python). `qpyt brick new` starts one.",
        .0.display()
    )]
    NoBrick(PathBuf),
    /// The source of the brick is needed, not its component alone.
    #[error("{} is not the source folder of a brick. Name the folder with its Cargo.toml, package.json or brick.py.", .0.display())]
    NoSource(PathBuf),
    /// The manifest is wrong.
    #[error("{}: {problem}", path.display())]
    Manifest {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// The build left nothing behind.
    #[error("The build of {} gave no component. {remedy}", folder.display())]
    NoComponent {
        /// The source folder.
        folder: PathBuf,
        /// What to look at.
        remedy: String,
    },
    /// The component is no brick.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The file can't be watched.
    #[error(
        "{} can't be watched: {problem}. If too many files are watched, raise fs.inotify.max_user_watches.",
        path.display()
    )]
    Watch {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        problem: String,
    },
    /// A case of `qpyt brick test` can't be read.
    #[error("{}: {problem}", path.display())]
    Case {
        /// The file.
        path: PathBuf,
        /// What is wrong, and what it may be.
        problem: String,
    },
    /// There is nothing to test.
    #[error("There are no cases in {}. A case is a file such as first.json: {{\"params\": {{}}, \"inputs\": {{}}}}; then run with --update.", .0.display())]
    NoCases(PathBuf),
    /// The package is not what it says it is.
    #[error("{} can't be installed: {source}", path.display())]
    Package {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: PackageError,
    },
    /// It was never packed.
    #[error("{} is a component without a package section. Make a package of it with `qpyt brick pack`.", .0.display())]
    NotPacked(PathBuf),
    /// Packing failed.
    #[error("it can't be packed: {0}")]
    Pack(#[from] PackageError),
    /// The text is no key file.
    #[error("{} is no key file: {problem}", path.display())]
    KeyFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// Somebody else's key, or none, under a name that is known.
    #[error(
        "the publisher “{publisher}” is known by the key {known}, but this is {}. If it is really theirs, ask them; it is not installed.",
        .found.map_or_else(|| "not signed".to_owned(), |key| format!("signed by {key}"))
    )]
    OtherKey {
        /// The name.
        publisher: String,
        /// The key that was seen first.
        known: PublisherKey,
        /// The key of this package.
        found: Option<PublisherKey>,
    },
    /// Remembering the publisher failed.
    #[error("the publishers can't be looked up: {0}")]
    Publishers(String),
    /// It is not installed.
    #[error("{brick} is not among the packages in {}.", bricks.display())]
    NotInstalled {
        /// The brick, as `id` or `id@version`.
        brick: String,
        /// The folder.
        bricks: PathBuf,
    },
    /// Work on another thread ended early.
    #[error("the work was interrupted: {0}")]
    Interrupted(String),
}

impl AuthorError {
    /// A manifest that is wrong.
    pub(crate) fn manifest(folder: &std::path::Path, problem: impl Into<String>) -> Self {
        Self::Manifest { path: folder.join(MANIFEST_FILE), problem: problem.into() }
    }
}
