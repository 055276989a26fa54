//! Where the news of a run go: progress, glimpses and the text that grows.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use qpyt_bricks::capability::JobError;
use qpyt_bricks::media::{Container, encode};
use qpyt_inference::{Observer, Picture, StepReport};
use tokio_util::sync::CancellationToken;

use super::image;
use crate::jobs::live::Live;
use crate::jobs::progress::{Preview, ProgressUpdate};
use crate::store::JobId;

/// How good the glimpses are, 1..100; they are gone in a moment.
const PREVIEW_QUALITY: u8 = 80;
/// Least time between two looks at a text that grows.
const TEXT_PAUSE: Duration = Duration::from_millis(80);
/// The most bytes of a growing text that are shown: its end.
const MAX_SHOWN_TEXT: usize = 16 << 10;
/// The most notes of a run that are kept, and the most characters of one.
const MAX_NOTES: usize = 16;
const MAX_NOTE_LENGTH: usize = 400;

/// Where a run's news go.
pub(super) struct RunningBrick {
    live: Arc<Live>,
    pub(super) job: JobId,
    pub(super) node: String,
    said: Mutex<Said>,
    written: Mutex<Written>,
}

/// What there is to say of a run.
#[derive(Default)]
struct Said {
    /// What the brick is doing, in its own words.
    brick: String,
    /// What the studio is doing for it; empty while that shows by itself.
    studio: String,
    /// What the person should know of the result.
    notes: Vec<String>,
    /// How far it was at the last update: the share, and the step of how many.
    reached: (f32, Option<(u32, u32)>),
}

impl Said {
    fn now(&self) -> &str {
        if self.studio.is_empty() { &self.brick } else { &self.studio }
    }

    /// Keeps a note, once, however often it comes: of several pictures each may bring it.
    fn keep(&mut self, note: &str) {
        let note: String = note.chars().take(MAX_NOTE_LENGTH).collect();
        if self.notes.len() < MAX_NOTES && !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }
}

/// The text that a model writes.
#[derive(Default)]
struct Written {
    text: String,
    shown: Option<Instant>,
}

impl Written {
    /// Adds a piece; gives the whole if it is time to show it.
    fn add(&mut self, piece: &str) -> Option<String> {
        self.text.push_str(piece);
        let too_long = self.text.len().saturating_sub(MAX_SHOWN_TEXT);
        let cut = (too_long..=self.text.len()).find(|place| self.text.is_char_boundary(*place));
        self.text.drain(..cut.unwrap_or_default());
        if self.shown.is_some_and(|shown| shown.elapsed() < TEXT_PAUSE) {
            return None;
        }
        self.shown = Some(Instant::now());
        Some(self.text.clone())
    }
}

impl RunningBrick {
    pub(super) fn new(live: Arc<Live>, job: JobId, node: String) -> Self {
        Self { live, job, node, said: Mutex::default(), written: Mutex::default() }
    }

    pub(super) fn update(&self, fraction: f32, step: Option<(u32, u32)>) {
        self.tell(fraction, step, None);
    }

    fn tell(&self, fraction: f32, step: Option<(u32, u32)>, text: Option<String>) {
        let mut said = self.said();
        said.reached = (fraction, step);
        let update = ProgressUpdate {
            job: self.job.to_string(),
            brick: self.node.clone(),
            fraction: fraction.clamp(0.0, 1.0),
            step: step.map(|(step, _)| step),
            steps: step.map(|(_, steps)| steps),
            note: said.now().to_owned(),
            notes: said.notes.clone(),
            text,
        };
        drop(said);
        self.live.progress(self.job, update);
    }

    /// Tells what there is to say, as far as the run was before.
    pub(super) fn tell_again(&self) {
        let (fraction, step) = self.said().reached;
        self.update(fraction, step);
    }

    /// What the brick is doing, told with the next update.
    pub(super) fn say(&self, note: &str) {
        let mut said = self.said();
        note.clone_into(&mut said.brick);
        said.studio.clear();
    }

    /// What the studio is doing for the brick, told with the next update.
    pub(super) fn do_for_it(&self, what: &str) {
        what.clone_into(&mut self.said().studio);
    }

    /// Keeps what the person should know of the result; told with the next update.
    pub(super) fn keep(&self, note: &str) {
        self.said().keep(note);
    }

    fn said(&self) -> MutexGuard<'_, Said> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Passes what the engine tells on to the job.
pub(super) struct Watcher {
    pub(super) run: Arc<RunningBrick>,
    pub(super) stop: CancellationToken,
}

impl Observer for Watcher {
    fn step(&self, report: StepReport<'_>) {
        let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let (step, steps) = (count(report.step), count(report.steps));
        self.run.do_for_it("");
        self.run.update(step as f32 / steps.max(1) as f32, Some((step, steps)));
        if !self.run.live.wants_preview(self.run.job) {
            return;
        }
        if let Ok(image) = data_url(report.preview()) {
            let preview =
                Preview { job: self.run.job.to_string(), brick: self.run.node.clone(), step, steps, image };
            self.run.live.preview(self.run.job, preview);
        }
    }

    fn part(&self, done: usize, parts: usize) {
        self.run.update(done as f32 / parts.max(1) as f32, None);
    }

    fn text(&self, piece: &str) {
        let shown = self.run.written.lock().unwrap_or_else(PoisonError::into_inner).add(piece);
        if shown.is_some() {
            self.run.tell(0.0, None, shown);
        }
    }

    fn doing(&self, what: &str) {
        self.run.do_for_it(what);
        self.run.tell_again();
    }

    fn note(&self, note: &str) {
        self.run.keep(&sentence(note));
        self.run.tell_again();
    }

    fn cancelled(&self) -> bool {
        self.stop.is_cancelled()
    }
}

/// The engine's words as a person reads them: from a capital letter to a full stop.
fn sentence(note: &str) -> String {
    let mut letters = note.chars();
    let Some(first) = letters.next() else { return String::new() };
    let end = if note.ends_with(['.', '!', '?']) { "" } else { "." };
    format!("{}{}{end}", first.to_uppercase(), letters.as_str())
}

fn data_url(picture: Picture) -> Result<String, JobError> {
    let jpeg = encode(&image(picture)?, Container::Jpeg, PREVIEW_QUALITY)
        .map_err(|error| JobError::Other(error.to_string()))?;
    Ok(format!("data:image/jpeg;base64,{}", STANDARD.encode(jpeg)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_kept_once_and_no_more_than_can_be_read() {
        let mut said = Said::default();
        for number in 0..40 {
            said.keep("Left out.");
            said.keep(&format!("{number} {}", "long ".repeat(200)));
        }
        assert_eq!(said.notes.len(), MAX_NOTES);
        assert_eq!(said.notes.iter().filter(|note| *note == "Left out.").count(), 1);
        assert!(said.notes.iter().all(|note| note.chars().count() <= MAX_NOTE_LENGTH));
    }

    #[test]
    fn what_the_studio_does_hides_what_the_brick_says_until_it_is_done() {
        let mut said = Said { brick: "Tile 2 of 9".to_owned(), ..Said::default() };
        "loading".clone_into(&mut said.studio);
        assert_eq!(said.now(), "loading");
        said.studio.clear();
        assert_eq!(said.now(), "Tile 2 of 9");
    }

    #[test]
    fn notes_of_the_engine_become_sentences() {
        assert_eq!(sentence("the prompt is too long"), "The prompt is too long.");
        assert_eq!(sentence("Done."), "Done.");
        assert_eq!(sentence(""), "");
    }

    #[test]
    fn a_growing_text_is_shown_at_once_and_then_at_a_pace_that_eyes_can_follow() {
        let mut written = Written::default();
        assert_eq!(written.add("A red"), Some("A red".to_owned()));
        assert_eq!(written.add(" fox"), None);
        std::thread::sleep(TEXT_PAUSE);
        assert_eq!(written.add("."), Some("A red fox.".to_owned()));
    }

    #[test]
    fn of_a_very_long_text_the_end_is_shown_in_whole_characters() {
        let mut written = Written::default();
        let shown = written.add(&"漢".repeat(MAX_SHOWN_TEXT)).unwrap();
        assert!(shown.len() <= MAX_SHOWN_TEXT && shown.chars().all(|letter| letter == '漢'));
    }
}
