//! Runs a tool: what it writes is shown while it works and quoted when it fails.

use std::collections::VecDeque;
use std::ffi::OsStr;
use std::io::{self, BufRead, BufReader, ErrorKind, Read};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::{Mutex, PoisonError};
use std::thread;

use super::SetupError;
use super::progress::Step;

/// How many lines of a failed tool are quoted.
const QUOTED_LINES: usize = 40;
/// Longer lines are cut, in bytes.
const LONGEST_LINE: u64 = 1 << 20;

/// A tool that may have to be installed.
pub(super) struct Tool {
    /// Its name for people.
    pub(super) name: &'static str,
    /// What it is for, as a verb.
    pub(super) purpose: &'static str,
    /// Where to get it.
    pub(super) remedy: &'static str,
}

impl Tool {
    /// Runs the command as a step under this title; `on_line` gets each line of its standard output.
    pub(super) fn step(
        &self,
        title: &'static str,
        command: Command,
        on_line: impl FnMut(&str) + Send,
    ) -> Result<(), SetupError> {
        let step = Step::begin(title);
        let result = self.run(command, &step, on_line);
        if result.is_ok() {
            step.done()
        } else {
            step.failed()
        }
        result
    }

    fn run(
        &self,
        mut command: Command,
        step: &Step,
        mut on_line: impl FnMut(&str) + Send,
    ) -> Result<(), SetupError> {
        let last_words = Mutex::new(VecDeque::with_capacity(QUOTED_LINES));
        let hear = |line: &str| {
            step.now(line);
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
            status => Err(SetupError::Failed {
                purpose: self.purpose,
                command: words(&command),
                status: status.as_ref().map_or_else(ToString::to_string, ExitStatus::to_string),
                output: Vec::from(output).join("\n"),
            }),
        }
    }

    /// What the command writes to its standard output, in one piece.
    pub(super) fn ask(&self, mut command: Command) -> Result<String, SetupError> {
        let output =
            command.stdin(Stdio::null()).output().map_err(|error| self.not_started(&command, &error))?;
        if !output.status.success() {
            return Err(SetupError::Failed {
                purpose: self.purpose,
                command: words(&command),
                status: output.status.to_string(),
                output: String::from_utf8_lossy(&output.stderr).into_owned(),
            });
        }
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    fn not_started(&self, command: &Command, error: &io::Error) -> SetupError {
        if error.kind() == ErrorKind::NotFound {
            return SetupError::MissingTool { tool: self.name, purpose: self.purpose, remedy: self.remedy };
        }
        SetupError::Failed {
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
        let script = "for i in $(seq 100); do echo line $i; done; echo oh no >&2; exit 3";
        let error = SHELL.step("Trying", shell(script), |_| {}).unwrap_err().to_string();
        assert!(
            error.contains("try this") && error.contains("oh no") && error.contains("line 100"),
            "{error}"
        );
        assert!(error.contains("exit status: 3") && !error.contains("line 10\n"), "{error}");
    }

    #[test]
    fn lines_are_handed_on_while_a_tool_works() {
        let mut lines = Vec::new();
        SHELL.step("Trying", shell("echo one; echo two"), |line| lines.push(line.to_owned())).unwrap();
        assert_eq!(lines, ["one", "two"]);
    }

    #[test]
    fn a_tool_that_is_not_installed_is_told_with_a_remedy() {
        let error = SHELL.ask(Command::new("/no/such/tool")).unwrap_err();
        assert_eq!(error.to_string(), "a shell is needed to try this, and was not found. Get one.");
    }
}
