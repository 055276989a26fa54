//! What a brick writes: log lines, standard output and standard error, progress. All of it is cut to size before
//! it reaches the studio.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use crate::{
    Limits,
    capability::{Level, Reporter},
};

const MAX_LINE_BYTES: usize = 4096;
const MAX_NOTE_CHARS: usize = 200;
const PROGRESS_PAUSE: Duration = Duration::from_millis(20);

/// The log of one run.
pub(crate) struct Log {
    reporter: Arc<dyn Reporter>,
    state: Mutex<LogState>,
}

struct LogState {
    lines_left: u32,
    lines_dropped: u64,
    pace: Pace,
    last_progress: Option<Instant>,
    told_done: bool,
    /// Unfinished lines of standard output and standard error.
    partial: [Vec<u8>; 2],
}

/// A bucket of tokens, one per line, that fills up again with time.
struct Pace {
    per_second: u32,
    tokens: f64,
    filled: Option<Instant>,
}

impl Pace {
    fn new(per_second: u32) -> Self {
        Self { per_second, tokens: f64::from(per_second), filled: None }
    }

    fn admit(&mut self, now: Instant) -> bool {
        let passed = self.filled.map_or(Duration::ZERO, |filled| now.saturating_duration_since(filled));
        let full = f64::from(self.per_second);
        self.tokens = (self.tokens + passed.as_secs_f64() * full).min(full);
        self.filled = Some(now);
        let admitted = self.tokens >= 1.0;
        if admitted {
            self.tokens -= 1.0;
        }
        admitted
    }
}

/// A standard stream.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Stream {
    Output,
    Error,
}

impl Stream {
    const fn level(self) -> Level {
        match self {
            Self::Output => Level::Info,
            Self::Error => Level::Warn,
        }
    }
}

impl Log {
    pub(crate) fn new(reporter: Arc<dyn Reporter>, limits: &Limits) -> Self {
        let state = LogState {
            lines_left: limits.log_lines,
            lines_dropped: 0,
            pace: Pace::new(limits.log_lines_per_second),
            last_progress: None,
            told_done: false,
            partial: [Vec::new(), Vec::new()],
        };
        Self { reporter, state: Mutex::new(state) }
    }

    /// Passes a line on, cut to 4 KiB and without control characters; drops it when the run has written enough or
    /// writes too fast.
    pub(crate) fn line(&self, level: Level, message: &str) {
        if self.lock().admit_line(Instant::now()) {
            self.reporter.log(level, &printable(message));
        }
    }

    /// Passes on what the runtime itself says about the run. There is one such line at most.
    pub(crate) fn last_word(&self, message: &str) {
        self.reporter.log(Level::Error, &printable(message));
    }

    /// Takes what the brick wrote to a standard stream; whole lines are passed on.
    pub(crate) fn write(&self, stream: Stream, bytes: &[u8]) {
        let mut pieces = bytes.split(|&byte| byte == b'\n').peekable();
        while let Some(piece) = pieces.next() {
            let ended = pieces.peek().is_some();
            let line = self.lock().extend(stream, piece, ended);
            if let Some(line) = line {
                self.line(stream.level(), &line);
            }
        }
    }

    /// Passes progress on, unless it comes too fast.
    pub(crate) fn progress(&self, fraction: f32, note: &str) {
        let now = Instant::now();
        {
            let mut state = self.lock();
            let early = state.last_progress.is_some_and(|last| now.duration_since(last) < PROGRESS_PAUSE);
            if early && (fraction < 1.0 || state.told_done) {
                return;
            }
            state.last_progress = Some(now);
            state.told_done = fraction >= 1.0;
        }
        let fraction = if fraction.is_nan() { 0.0 } else { fraction.clamp(0.0, 1.0) };
        let note: String = note.chars().filter(|c| !c.is_control()).take(MAX_NOTE_CHARS).collect();
        self.reporter.progress(fraction, &note);
    }

    /// Passes on unfinished lines and says how many were dropped.
    pub(crate) fn finish(&self) {
        for stream in [Stream::Output, Stream::Error] {
            let line = self.lock().take(stream);
            if let Some(line) = line {
                self.line(stream.level(), &line);
            }
        }
        let dropped = std::mem::take(&mut self.lock().lines_dropped);
        if dropped > 0 {
            let note = format!(
                "{dropped} more lines were dropped; `log_lines` and `log_lines_per_second` under [limits] in qpyt.toml say how many are kept"
            );
            self.reporter.log(Level::Warn, &note);
        }
    }

    fn lock(&self) -> MutexGuard<'_, LogState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LogState {
    /// Counts a line that comes now; false if it is one too many.
    fn admit_line(&mut self, now: Instant) -> bool {
        if self.lines_left > 0 && self.pace.admit(now) {
            self.lines_left -= 1;
            return true;
        }
        self.lines_dropped += 1;
        false
    }

    fn partial(&mut self, stream: Stream) -> &mut Vec<u8> {
        let [output, error] = &mut self.partial;
        match stream {
            Stream::Output => output,
            Stream::Error => error,
        }
    }

    /// Adds to the unfinished line; gives it once it has `ended`. What is over the longest line is left out.
    fn extend(&mut self, stream: Stream, piece: &[u8], ended: bool) -> Option<String> {
        let partial = self.partial(stream);
        let room = MAX_LINE_BYTES.saturating_sub(partial.len());
        partial.extend(piece.iter().take(room));
        if ended { self.take(stream) } else { None }
    }

    fn take(&mut self, stream: Stream) -> Option<String> {
        let line = std::mem::take(self.partial(stream));
        (!line.is_empty()).then(|| String::from_utf8_lossy(&line).into_owned())
    }
}

fn printable(message: &str) -> String {
    let end = message.floor_char_boundary(MAX_LINE_BYTES);
    let message = message.get(..end).unwrap_or_default();
    message.chars().map(|c| if c.is_control() && c != '\n' && c != '\t' { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Notebook(Mutex<Vec<String>>, Mutex<Vec<(f32, String)>>);

    impl Reporter for Notebook {
        fn log(&self, level: Level, message: &str) {
            self.0.lock().unwrap().push(format!("{level:?} {message}"));
        }

        fn progress(&self, fraction: f32, note: &str) {
            self.1.lock().unwrap().push((fraction, note.to_owned()));
        }
    }

    fn log(lines: u32) -> (Arc<Notebook>, Log) {
        let notebook = Arc::new(Notebook::default());
        let limits = Limits { log_lines: lines, ..Limits::default() };
        (notebook.clone(), Log::new(notebook, &limits))
    }

    #[test]
    fn lines_over_the_limit_are_dropped_and_counted() {
        let (notebook, log) = log(2);
        for i in 0..5 {
            log.line(Level::Info, &format!("line {i}"));
        }
        log.finish();
        let lines = notebook.0.lock().unwrap();
        assert_eq!(lines[..2], ["Info line 0", "Info line 1"]);
        assert!(lines[2].starts_with("Warn 3 more lines") && lines.len() == 3, "{lines:?}");
    }

    #[test]
    fn lines_that_come_too_fast_are_dropped_until_time_has_passed() {
        let start = Instant::now();
        let mut pace = Pace::new(10);
        let admitted = |pace: &mut Pace, after: u64| {
            (0..100).filter(|_| pace.admit(start + Duration::from_millis(after))).count()
        };
        assert_eq!(admitted(&mut pace, 0), 10);
        assert_eq!(admitted(&mut pace, 250), 2);
        assert_eq!(admitted(&mut pace, 60_000), 10);
        assert_eq!((0..100).filter(|_| Pace::new(0).admit(start)).count(), 0);
    }

    #[test]
    fn standard_streams_become_whole_lines() {
        let (notebook, log) = log(9);
        log.write(Stream::Output, b"one\ntw");
        log.write(Stream::Error, b"oh");
        log.write(Stream::Output, b"o\n\nthree");
        log.finish();
        assert_eq!(*notebook.0.lock().unwrap(), ["Info one", "Info two", "Info three", "Warn oh"]);
    }

    #[test]
    fn long_lines_are_cut_and_control_characters_blanked() {
        let (notebook, log) = log(9);
        log.line(Level::Error, &"é".repeat(MAX_LINE_BYTES));
        log.write(Stream::Output, &[b'x'; 3 * MAX_LINE_BYTES]);
        log.write(Stream::Output, b"\n\x1b[2Jgone\n");
        let lines = notebook.0.lock().unwrap();
        assert_eq!(lines[0].len(), "Error ".len() + MAX_LINE_BYTES);
        assert_eq!(lines[1].len(), "Info ".len() + MAX_LINE_BYTES);
        assert_eq!(lines[2], "Info  [2Jgone");
    }

    #[test]
    fn progress_is_thinned_but_the_end_is_told() {
        let (notebook, log) = log(0);
        for i in 0..1000 {
            log.progress(i as f32 / 1000.0, "");
        }
        log.progress(f32::NAN, "");
        for _ in 0..1000 {
            log.progress(7.0, &"n".repeat(999));
        }
        let told = notebook.1.lock().unwrap();
        assert!(told.len() < 500);
        assert_eq!(told.last().unwrap(), &(1.0, "n".repeat(MAX_NOTE_CHARS)));
    }
}
