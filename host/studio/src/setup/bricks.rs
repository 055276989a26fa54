//! Builds a workspace of bricks to WebAssembly components.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::lock::SetupLock;
use super::sources::{self, Stamp};
use super::tool::Tool;
use super::{Layout, SetupError, SetupOptions, install};

const TARGET: &str = "wasm32-wasip2";

const CARGO: Tool =
    Tool { name: "cargo", purpose: "build the bricks", remedy: "Install Rust from https://rustup.rs." };
const RUSTUP: Tool = Tool {
    name: "rustup",
    purpose: "add Rust's target wasm32-wasip2",
    remedy: "Install the target wasm32-wasip2 the way this Rust was installed, or get rustup from https://rustup.rs.",
};

/// Variables of cargo's that say how to reach the network or how to look; all others are about the cargo that
/// started this program and would mislead the one that it starts.
const KEPT: [&str; 6] =
    ["CARGO_HOME", "CARGO_HTTP_", "CARGO_NET_", "CARGO_REGISTR", "CARGO_SOURCE_", "CARGO_TERM_"];

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
    let sources = sources::digest(&folders)?;
    let locked = || sources::digest(&[bricks.workspace.join("Cargo.lock")]);
    let stamp = Stamp::at(target.join("setup.stamp"));
    if stamp.is(&[sources, locked()?]) && bricks.dist.is_dir() {
        return Ok(());
    }
    ensure_target(&bricks.workspace, options)?;
    let components = build(bricks, options)?;
    install::install(bricks, &components)?;
    stamp.set(&[sources, locked()?])
}

fn ensure_target(workspace: &Path, options: SetupOptions) -> Result<(), SetupError> {
    let mut ask = clean(Command::new("rustc"), workspace);
    ask.args(["--print", "target-libdir", "--target", TARGET]);
    if Path::new(&CARGO.ask(ask)?).is_dir() {
        return Ok(());
    }
    if options.offline {
        return Err(SetupError::MissingTarget);
    }
    let mut add = clean(Command::new("rustup"), workspace);
    add.args(["target", "add", TARGET]);
    RUSTUP.step("Adding Rust's target wasm32-wasip2", add, |_| {})
}

/// Builds all bricks. Gives the component of each by the folder of its package.
fn build(bricks: &BrickSources, options: SetupOptions) -> Result<BTreeMap<PathBuf, PathBuf>, SetupError> {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let mut command = clean(Command::new(program), &bricks.workspace);
    command.args(["build", "--release", "--target", TARGET]);
    command.args(["--message-format", "json-render-diagnostics"]);
    command.arg("--target-dir").arg(bricks.target());
    if options.offline {
        command.arg("--offline");
    }
    let mut components = BTreeMap::new();
    CARGO.step("Building the bricks", command, |line| components.extend(component(line)))?;
    Ok(components)
}

/// The package's folder and its component, if cargo's message tells of one.
fn component(message: &str) -> Option<(PathBuf, PathBuf)> {
    let message: serde_json::Value = serde_json::from_str(message).ok()?;
    if message.get("reason")?.as_str()? != "compiler-artifact" {
        return None;
    }
    let package = Path::new(message.get("manifest_path")?.as_str()?).parent()?;
    let files = message.get("filenames")?.as_array()?.iter().filter_map(|file| file.as_str());
    let wasm = files.map(PathBuf::from).find(|file| file.extension() == Some(OsStr::new("wasm")))?;
    Some((package.to_path_buf(), wasm))
}

/// The command in this folder, without what an outer cargo says about its own build.
fn clean(mut command: Command, folder: &Path) -> Command {
    command.current_dir(folder);
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        let about_a_build = text.starts_with("CARGO") && !KEPT.iter().any(|kept| text.starts_with(kept));
        if about_a_build || text == "RUSTFLAGS" {
            command.env_remove(&name);
        }
    }
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn components_are_found_in_the_messages_of_cargo() {
        let message = r#"{"reason":"compiler-artifact","manifest_path":"/p/image-input/Cargo.toml","filenames":["/p/target/wasm32-wasip2/release/image_input.wasm"]}"#;
        assert_eq!(
            component(message),
            Some(("/p/image-input".into(), "/p/target/wasm32-wasip2/release/image_input.wasm".into()))
        );
        for other in [
            "",
            "not json",
            r#"{"reason":"build-finished","success":true}"#,
            &message.replace(".wasm", ".rlib"),
        ] {
            assert_eq!(component(other), None, "{other}");
        }
    }

    #[test]
    fn the_outer_build_does_not_reach_the_inner_one() {
        // Under `cargo test`, cargo itself has set these.
        assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some());
        let command = clean(Command::new("cargo"), Path::new("."));
        let removed: Vec<_> =
            command.get_envs().filter(|(_, value)| value.is_none()).map(|(name, _)| name).collect();
        assert!(removed.contains(&OsStr::new("CARGO_MANIFEST_DIR")));
        assert!(!removed.contains(&OsStr::new("CARGO_HOME")) && !removed.contains(&OsStr::new("PATH")));
    }
}
