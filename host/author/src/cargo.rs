//! How cargo builds bricks: the target, the command, and which file is whose component.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::tool::{Tool, ToolError, clean};

/// What bricks are compiled for.
pub const TARGET: &str = "wasm32-wasip2";

/// Cargo.
pub const CARGO: Tool =
    Tool { name: "cargo", purpose: "build the bricks", remedy: "Install Rust from https://rustup.rs." };

/// What adds targets to Rust.
pub const RUSTUP: Tool = Tool {
    name: "rustup",
    purpose: "add Rust's target wasm32-wasip2",
    remedy: "Install the target wasm32-wasip2 the way this Rust was installed, or get rustup from https://rustup.rs.",
};

/// Whether the Rust that is used in `folder` can compile for [`TARGET`].
///
/// # Errors
/// When there is no Rust.
pub fn has_target(folder: &Path) -> Result<bool, ToolError> {
    let mut ask = clean(Command::new("rustc"), folder);
    ask.args(["--print", "target-libdir", "--target", TARGET]);
    Ok(Path::new(&CARGO.ask(ask)?).is_dir())
}

/// The command that adds [`TARGET`].
pub fn add_target(folder: &Path) -> Command {
    let mut add = clean(Command::new("rustup"), folder);
    add.args(["target", "add", TARGET]);
    add
}

/// The command that builds the package or workspace in `folder`.
pub fn build(folder: &Path, offline: bool) -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let mut command = clean(Command::new(program), folder);
    command.args(["build", "--release", "--target", TARGET, "--color", "never"]);
    command.args(["--message-format", "json-render-diagnostics"]);
    if offline {
        command.arg("--offline");
    }
    command
}

/// The package's folder and its component, if cargo's message tells of one.
pub fn component(message: &str) -> Option<(PathBuf, PathBuf)> {
    let message: serde_json::Value = serde_json::from_str(message).ok()?;
    if message.get("reason")?.as_str()? != "compiler-artifact" {
        return None;
    }
    let package = Path::new(message.get("manifest_path")?.as_str()?).parent()?;
    let files = message.get("filenames")?.as_array()?.iter().filter_map(|file| file.as_str());
    let wasm = files.map(PathBuf::from).find(|file| file.extension() == Some(OsStr::new("wasm")))?;
    Some((package.to_path_buf(), wasm))
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
}
