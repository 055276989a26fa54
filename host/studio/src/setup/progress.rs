//! One line for each step of setting up, with the time it took. A terminal also gets a spinner.

use std::io::{IsTerminal, Write, stderr};
use std::process::Command;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use qpyt_author::tool::{Tool, ToolError};

/// Runs a tool as a step under this title; `on_line` gets each line of its standard output.
pub(super) fn run(
    tool: &Tool,
    title: &str,
    command: Command,
    on_line: impl FnMut(&str) + Send,
) -> Result<(), ToolError> {
    during(title, |now| tool.run(command, now, on_line))
}

/// Does the work as a step under this title; the work says what it does right now.
pub(crate) fn during<T, E>(
    title: &str,
    work: impl FnOnce(&(dyn Fn(&str) + Sync)) -> Result<T, E>,
) -> Result<T, E> {
    let step = Step::begin(title);
    let result = work(&|what| step.now(what));
    if result.is_ok() {
        step.done();
    } else {
        step.failed();
    }
    result
}

/// A step that is under way.
struct Step {
    title: String,
    began: Instant,
    show: Show,
}

enum Show {
    Line,
    Spinner(ProgressBar),
}

impl Step {
    /// Says that the step begins.
    fn begin(title: &str) -> Self {
        let show = if stderr().is_terminal() {
            Show::Spinner(spinner(title))
        } else {
            eprint!("{title} … ");
            // Only the look of the log is at stake.
            let _flushed = stderr().flush();
            Show::Line
        };
        Self { title: title.to_owned(), began: Instant::now(), show }
    }

    /// Shows what is being done right now, where there is room for it.
    fn now(&self, what: &str) {
        if let Show::Spinner(spinner) = &self.show {
            spinner.set_message(what.trim().chars().take(60).collect::<String>());
        }
    }

    /// Says that the step is done.
    fn done(self) {
        self.end("done");
    }

    /// Says that the step failed; the error itself is told by whoever gets it.
    fn failed(self) {
        self.end("failed");
    }

    fn end(self, how: &str) {
        let seconds = self.began.elapsed().as_secs_f32();
        match self.show {
            Show::Line => eprintln!("{how} ({seconds:.1} s)"),
            Show::Spinner(spinner) => {
                spinner.finish_and_clear();
                eprintln!("{} … {how} ({seconds:.1} s)", self.title);
            }
        }
    }
}

fn spinner(title: &str) -> ProgressBar {
    let spinner = ProgressBar::new_spinner().with_prefix(title.to_owned());
    if let Ok(style) = ProgressStyle::with_template("{spinner} {prefix} … {elapsed} {wide_msg:.dim}") {
        spinner.set_style(style);
    }
    spinner.enable_steady_tick(Duration::from_millis(120));
    spinner
}
