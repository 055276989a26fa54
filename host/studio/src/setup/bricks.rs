//! Builds a workspace of bricks to WebAssembly components.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use qpyt_author::cargo::{self, CARGO, RUSTUP};
use qpyt_author::sources::{self, Stamp};

use super::lock::SetupLock;
use super::{Layout, SetupError, SetupOptions, install, progress};

/// A workspace of bricks, and where they go when built.
pub(super) struct BrickSources {
    /// The cargo workspace. Each folder in it with a `brick.toml` is a brick.
    pub(super) workspace: PathBuf,
    /// Other folders that the bricks are built from.
    pub(super) shared: Vec<PathBuf>,
    /// Gets one folder for each brick, with its `brick.toml` and component.
    pub(super) dist: PathBuf,
}

impl BrickSources {
    /// The bricks that come with the studio.
    pub(super) fn first_party(layout: &Layout) -> Self {
        Self {
            workspace: layout.root.join("plugins"),
            shared: vec![layout.root.join("sdk/rust"), layout.root.join("wit")],
            dist: layout.plugins_dist.clone(),
        }
    }

    /// Where cargo builds, apart from the host's own target folder.
    fn target(&self) -> PathBuf {
        self.workspace.join("target")
    }
}

/// Builds and installs the bricks unless they are up to date.
pub(super) fn ensure(bricks: &BrickSources, options: SetupOptions) -> Result<(), SetupError> {
    let target = bricks.target();
    let _lock = SetupLock::wait(&target.join("setup.lock"))?;
    let folders: Vec<_> = std::iter::once(bricks.workspace.clone()).chain(bricks.shared.clone()).collect();
    let sources = sources::digest(&folders, &[])?;
    let locked = || sources::digest(&[bricks.workspace.join("Cargo.lock")], &[]);
    let stamp = Stamp::at(target.join("setup.stamp"));
    if stamp.is(&[sources, locked()?]) && bricks.dist.is_dir() {
        return Ok(());
    }
    ensure_target(&bricks.workspace, options)?;
    let components = build(bricks, options)?;
    install::install(bricks, &components)?;
    stamp.set(&[sources, locked()?])?;
    Ok(())
}

/// Builds all bricks. Gives the component of each by the folder of its package.
fn build(bricks: &BrickSources, options: SetupOptions) -> Result<BTreeMap<PathBuf, PathBuf>, SetupError> {
    let mut command = cargo::build(&bricks.workspace, options.offline);
    command.arg("--target-dir").arg(bricks.target());
    let mut components = BTreeMap::new();
    progress::run(&CARGO, "Building the bricks", command, |line| components.extend(cargo::component(line)))?;
    Ok(components)
}

fn ensure_target(workspace: &Path, options: SetupOptions) -> Result<(), SetupError> {
    if cargo::has_target(workspace)? {
        return Ok(());
    }
    if options.offline {
        return Err(SetupError::MissingTarget);
    }
    progress::run(&RUSTUP, "Adding Rust's target wasm32-wasip2", cargo::add_target(workspace), |_| {})?;
    Ok(())
}
