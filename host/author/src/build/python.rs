//! Bricks in Python: the kit is a package of the SDK, and finds its own tools.

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

use super::{BuildOptions, Say};
use crate::AuthorError;
use crate::source::{Language, Source};
use crate::tool::{Tool, clean};

const PYTHON: Tool = Tool {
    name: "Python 3",
    purpose: "build a brick in Python",
    remedy: "Install it from https://www.python.org.",
};

/// Leaves the component in `dist`.
pub(super) fn build(source: &Source, options: &BuildOptions, say: Say) -> Result<(), AuthorError> {
    let kit = options.sdk.join(Language::Python.folder());
    if !kit.is_dir() {
        return Err(AuthorError::NoKit { language: Language::Python.name(), path: kit });
    }
    let program = if cfg!(windows) { "python" } else { "python3" };
    let mut command = clean(Command::new(program), source.folder());
    command.args(["-m", "qpyt_brick", "build"]).env("PYTHONPATH", python_path(&kit));
    PYTHON.run(command, say, |_| {})?;
    Ok(())
}

/// The kit, before what the person has there.
fn python_path(kit: &Path) -> OsString {
    let kit = std::path::absolute(kit).unwrap_or_else(|_| kit.to_owned());
    let theirs = std::env::var_os("PYTHONPATH").unwrap_or_default();
    let parts = std::iter::once(kit.clone())
        .chain(std::env::split_paths(&theirs).filter(|part| part != Path::new("")));
    std::env::join_paths(parts).unwrap_or_else(|_| kit.into_os_string())
}
