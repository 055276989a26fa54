//! One line for each step of setting up, with the time it took. A terminal also gets a spinner.

use std::io::{IsTerminal, Write, stderr};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// A step that is under way.
pub(super) struct Step {
    title: &'static str,
    began: Instant,
    show: Show,
}

enum Show {
    Line,
    Spinner(ProgressBar),
}

impl Step {
    /// Says that the step begins.
    pub(super) fn begin(title: &'static str) -> Self {
        let show = if stderr().is_terminal() {
            Show::Spinner(spinner(title))
        } else {
            eprint!("{title} … ");
            // Only the look of the log is at stake.
            let _flushed = stderr().flush();
            Show::Line
        };
        Self { title, began: Instant::now(), show }
    }

    /// Shows what is being done right now, where there is room for it.
    pub(super) fn now(&self, what: &str) {
        if let Show::Spinner(spinner) = &self.show {
            spinner.set_message(what.trim().chars().take(60).collect::<String>());
        }
    }

    /// Says that the step is done.
    pub(super) fn done(self) {
        self.end("done");
    }

    /// Says that the step failed; the error itself is told by whoever gets it.
    pub(super) fn failed(self) {
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

fn spinner(title: &'static str) -> ProgressBar {
    let spinner = ProgressBar::new_spinner().with_prefix(title);
    if let Ok(style) = ProgressStyle::with_template("{spinner} {prefix} … {elapsed} {wide_msg:.dim}") {
        spinner.set_style(style);
    }
    spinner.enable_steady_tick(Duration::from_millis(120));
    spinner
}
