//! Runs a tool such as cargo or npm: what it writes is handed on while it works and quoted when it fails.

use std::collections::VecDeque;
use std::ffi::OsStr;
use std::io::{self, BufRead, BufReader, ErrorKind, Read};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::{Mutex, PoisonError};
use std::thread;

/// How many lines of a failed tool are quoted.
const QUOTED_LINES: usize = 120;
/// Longer lines are cut, in bytes.
const LONGEST_LINE: u64 = 1 << 20;

/// Variables of cargo's that say how to reach the network, how to look and where to build; all others are about the
/// cargo that started this program and would mislead the one that it starts.
const KEPT: [&str; 7] = [
    "CARGO_HOME",
    "CARGO_HTTP_",
    "CARGO_NET_",
    "CARGO_REGISTR",
    "CARGO_SOURCE_",
    "CARGO_TARGET_DIR",
    "CARGO_TERM_",
];

/// A tool that may have to be installed.
#[derive(Debug, Clone, Copy)]
pub struct Tool {
    /// Its name for people.
    pub name: &'static str,
    /// What it is for, as a verb.
    pub purpose: &'static str,
    /// Where to get it.
    pub remedy: &'static str,
}

/// Why a tool did not do its work.
#[derive(Debug, thiserror::Error)]
pub enum ToolError {
    /// It is not installed.
    #[error("{tool} is needed to {purpose}, and was not found. {remedy}")]
    Missing {
        /// Its name.
        tool: &'static str,
        /// What for.
        purpose: &'static str,
        /// Where to get it.
        remedy: &'static str,
    },
    /// It failed.
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
}

impl Tool {
    /// Runs the command. `on_said` gets each line that is for people, `on_line` each of its standard output.
    ///
    /// # Errors
    /// [`ToolError`]
    pub fn run(
        &self,
        mut command: Command,
        on_said: impl Fn(&str) + Sync,
        mut on_line: impl FnMut(&str) + Send,
    ) -> Result<(), ToolError> {
        let last_words = Mutex::new(VecDeque::with_capacity(QUOTED_LINES));
        let hear = |line: &str| {
            on_said(line);
            let mut lines = last_words.lock().unwrap_or_else(PoisonError::into_inner);
            if lines.len() == QUOTED_LINES {
                lines.pop_front();
            }
            lines.push_back(line.to_owned());
        };
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|error| self.not_started(&command, &error))?;
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let status = thread::scope(|scope| {
            scope.spawn(|| each_line(stderr, hear));
            each_line(stdout, |line| {
                // Machine-readable output is for the caller, not for people.
                if !line.starts_with('{') {
                    hear(line);
                }
                on_line(line);
            });
            child.wait()
        });
        let output = last_words.into_inner().unwrap_or_else(PoisonError::into_inner);
        match status {
            Ok(status) if status.success() => Ok(()),
            status => Err(ToolError::Failed {
                purpose: self.purpose,
                command: words(&command),
                status: status.as_ref().map_or_else(ToString::to_string, ExitStatus::to_string),
                output: Vec::from(output).join("\n"),
            }),
        }
    }

    /// What the command writes to its standard output, in one piece.
    ///
    /// # Errors
    /// [`ToolError`]
    pub fn ask(&self, mut command: Command) -> Result<String, ToolError> {
        let output =
            command.stdin(Stdio::null()).output().map_err(|error| self.not_started(&command, &error))?;
        if !output.status.success() {
            return Err(ToolError::Failed {
                purpose: self.purpose,
                command: words(&command),
                status: output.status.to_string(),
                output: String::from_utf8_lossy(&output.stderr).into_owned(),
            });
        }
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    fn not_started(&self, command: &Command, error: &io::Error) -> ToolError {
        if error.kind() == ErrorKind::NotFound {
            return ToolError::Missing { tool: self.name, purpose: self.purpose, remedy: self.remedy };
        }
        ToolError::Failed {
            purpose: self.purpose,
            command: words(command),
            status: error.to_string(),
            output: String::new(),
        }
    }
}

fn each_line(source: Option<impl Read>, mut take: impl FnMut(&str)) {
    let Some(source) = source else { return };
    let mut reader = BufReader::new(source);
    let mut line = Vec::new();
    loop {
        line.clear();
        match reader.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return,
            Ok(_) => take(String::from_utf8_lossy(&line).trim_end()),
        }
    }
}

/// The command in this folder, without what an outer cargo says about its own build.
pub fn clean(mut command: Command, folder: &Path) -> Command {
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

/// The command as one would type it.
fn words(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ")
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    const SHELL: Tool = Tool { name: "a shell", purpose: "try this", remedy: "Get one." };

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn the_end_of_what_a_failed_tool_wrote_is_quoted() {
        let script = "for i in $(seq 200); do echo line $i; done; echo oh no >&2; exit 3";
        let error = SHELL.run(shell(script), |_| {}, |_| {}).unwrap_err().to_string();
        assert!(
            error.contains("try this") && error.contains("oh no") && error.contains("line 200"),
            "{error}"
        );
        assert!(error.contains("exit status: 3") && !error.contains("line 10\n"), "{error}");
    }

    #[test]
    fn lines_are_handed_on_while_a_tool_works() {
        let mut lines = Vec::new();
        SHELL.run(shell("echo one; echo two"), |_| {}, |line| lines.push(line.to_owned())).unwrap();
        assert_eq!(lines, ["one", "two"]);
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

    #[test]
    fn a_tool_that_is_not_installed_is_told_with_a_remedy() {
        let error = SHELL.ask(Command::new("/no/such/tool")).unwrap_err();
        assert_eq!(error.to_string(), "a shell is needed to try this, and was not found. Get one.");
    }
}
