//! Bricks in JavaScript: npm fetches the kit and runs its build.

use std::process::Command;

use super::{BuildOptions, Say};
use crate::AuthorError;
use crate::source::Source;
use crate::tool::{Tool, clean};

const NPM: Tool = Tool {
    name: "Node 20 or newer with npm",
    purpose: "build a brick in JavaScript",
    remedy: "Install it from https://nodejs.org.",
};

/// Leaves the component in `dist`.
pub(super) fn build(source: &Source, options: &BuildOptions, say: Say) -> Result<(), AuthorError> {
    if !source.folder().join("node_modules").is_dir() {
        let mut install = npm(source, &["install", "--no-audit", "--no-fund"]);
        if options.offline {
            install.arg("--offline");
        }
        NPM.run(install, say, |_| {})?;
    }
    NPM.run(npm(source, &["run", "build"]), say, |_| {})?;
    Ok(())
}

fn npm(source: &Source, arguments: &[&str]) -> Command {
    let program = if cfg!(windows) { "npm.cmd" } else { "npm" };
    let mut command = clean(Command::new(program), source.folder());
    command.args(arguments);
    command
}
