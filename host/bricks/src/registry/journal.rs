//! The newest log lines of each brick, from its runs and from what happened to it.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, PoisonError},
    time::SystemTime,
};

use crate::{Digest, capability::Level};

/// Lines kept for each brick; older ones go.
const MAX_LINES: usize = 500;
const MAX_BRICKS: usize = 2000;

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// When it was written.
    pub at: SystemTime,
    /// How much it matters.
    pub level: Level,
    /// What it says.
    pub message: String,
    /// The job that ran the brick.
    pub job: Option<String>,
    /// The version that wrote it.
    pub digest: Digest,
}

impl LogLine {
    /// A line that is written now.
    pub(super) fn now(level: Level, message: &str, job: Option<&str>, digest: Digest) -> Self {
        Self {
            at: SystemTime::now(),
            level,
            message: message.to_owned(),
            job: job.map(str::to_owned),
            digest,
        }
    }
}

/// The lines of all bricks, by id.
#[derive(Debug, Default)]
pub(super) struct Journal(Mutex<HashMap<String, VecDeque<LogLine>>>);

impl Journal {
    pub(super) fn write(&self, brick: &str, line: LogLine) {
        let mut bricks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !bricks.contains_key(brick) && bricks.len() >= MAX_BRICKS {
            return;
        }
        let lines = bricks.entry(brick.to_owned()).or_default();
        if lines.len() >= MAX_LINES {
            lines.pop_front();
        }
        lines.push_back(line);
    }

    /// The newest `limit` lines, oldest first.
    pub(super) fn read(&self, brick: &str, limit: usize) -> Vec<LogLine> {
        let bricks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(lines) = bricks.get(brick) else { return Vec::new() };
        lines.iter().skip(lines.len().saturating_sub(limit)).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_lines_are_kept_in_order() {
        let journal = Journal::default();
        for number in 0..MAX_LINES + 10 {
            journal.write("a:b", LogLine::now(Level::Info, &number.to_string(), None, Digest::of(b"")));
        }
        let read = journal.read("a:b", usize::MAX);
        assert_eq!((read.len(), read[0].message.as_str()), (MAX_LINES, "10"));
        assert_eq!(journal.read("a:b", 2)[1].message, (MAX_LINES + 9).to_string());
        assert!(journal.read("no:brick", 9).is_empty());
    }
}
