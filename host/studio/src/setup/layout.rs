//! Where the parts of the installation are.

use std::path::{Path, PathBuf};

use super::SetupError;

/// The folders of an installation: a source checkout, or a release unpacked somewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// The folder that holds all the others.
    pub root: PathBuf,
    /// The built first-party bricks.
    pub plugins_dist: PathBuf,
    /// The built web app.
    pub web_dist: PathBuf,
    /// The factory presets.
    pub workflows: PathBuf,
    /// The bundled models.
    pub models: PathBuf,
}

impl Layout {
    /// Finds the installation: `home` (the variable `QPYT_HOME`) if given, else the nearest folder above the
    /// program, else the checkout that the program was compiled in.
    ///
    /// # Errors
    /// [`SetupError::NotAnInstallation`], [`SetupError::NoInstallation`].
    pub fn find(home: Option<&Path>) -> Result<Self, SetupError> {
        if let Some(home) = home {
            return Self::at(home).ok_or_else(|| SetupError::NotAnInstallation(home.to_path_buf()));
        }
        let program = std::env::current_exe().ok().and_then(|path| path.canonicalize().ok());
        let above = program.iter().flat_map(|path| path.ancestors().skip(1));
        let compiled_in = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2);
        above.chain(compiled_in).find_map(Self::at).ok_or(SetupError::NoInstallation)
    }

    /// The installation in this folder, if there is one.
    fn at(root: &Path) -> Option<Self> {
        let whole = root.join("plugins").is_dir() && root.join("workflows").is_dir();
        let root = whole.then(|| root.canonicalize().ok()).flatten()?;
        Some(Self {
            plugins_dist: root.join("plugins/dist"),
            web_dist: root.join("web/dist"),
            workflows: root.join("workflows"),
            models: root.join("models"),
            root,
        })
    }

    /// Whether this is a source checkout, whose bricks and web app can be built.
    #[must_use]
    pub fn has_sources(&self) -> bool {
        self.root.join("plugins/Cargo.toml").is_file() && self.root.join("web/package.json").is_file()
    }

    /// Where setting up keeps what it must remember.
    pub(super) fn setup_folder(&self) -> PathBuf {
        self.root.join("target/setup")
    }
}
