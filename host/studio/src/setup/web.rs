//! Builds the web app with npm.

use std::path::Path;
use std::process::Command;

use qpyt_author::sources::{self, Stamp};
use qpyt_author::tool::Tool;

use super::lock::SetupLock;
use super::{Layout, SetupError, SetupOptions, progress};

/// The oldest Node whose major version will do.
const OLDEST_NODE: u32 = 20;

const NODE: Tool = Tool {
    name: "Node 20 or newer",
    purpose: "build the web app",
    remedy: "Install it (with npm) from https://nodejs.org.",
};

/// Fetches the web app's packages and builds it unless both are up to date.
pub(super) fn ensure(layout: &Layout, options: SetupOptions) -> Result<(), SetupError> {
    let web = layout.root.join("web");
    let notes = layout.setup_folder();
    let _lock = SetupLock::wait(&notes.join("web.lock"))?;

    let packages = web.join("node_modules");
    let wanted = sources::digest(&[web.join("package.json"), web.join("package-lock.json")], &[])?;
    // Inside the folder it is about, so that both go together.
    let fetched = Stamp::at(packages.join(".fetched"));
    let source = sources::digest(std::slice::from_ref(&web), &[])?;
    let built = Stamp::at(notes.join("web.stamp"));
    let is_built = built.is(&[source]) && layout.web_dist.join("index.html").is_file();
    if is_built && fetched.is(&[wanted]) {
        return Ok(());
    }
    check_node(&web)?;
    if !fetched.is(&[wanted]) {
        let mut command = npm(&web, &["ci", "--include=dev", "--no-audit", "--no-fund"]);
        if options.offline {
            command.arg("--offline");
        }
        progress::run(&NODE, "Fetching the packages of the web app", command, |_| {})?;
        fetched.set(&[wanted])?;
    }
    progress::run(&NODE, "Building the web app", npm(&web, &["run", "build"]), |_| {})?;
    built.set(&[source])?;
    Ok(())
}

fn npm(web: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(if cfg!(windows) { "npm.cmd" } else { "npm" });
    command.current_dir(web).args(arguments);
    command
}

fn check_node(web: &Path) -> Result<(), SetupError> {
    let mut command = Command::new("node");
    command.current_dir(web).arg("--version");
    let found = NODE.ask(command)?;
    if major(&found).is_some_and(|major| major >= OLDEST_NODE) {
        Ok(())
    } else {
        Err(SetupError::OldNode { found })
    }
}

/// The first number of a version such as `v20.11.1`.
fn major(version: &str) -> Option<u32> {
    version.trim_start_matches('v').split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_major_version_of_node_is_read() {
        assert_eq!(major("v20.11.1"), Some(20));
        assert_eq!(major("v8.0.0"), Some(8));
        assert_eq!(major("nonsense"), None);
    }
}
