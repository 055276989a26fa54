//! Dev mode: watches a source folder, builds when it changes, and puts the result where a studio watches in turn. A
//! build that fails leaves its errors there as a file, so they reach the editor without any other channel.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use qpyt_bricks::registry::{BUILD_ERROR_FILE, DEV_PREFIX};
use qpyt_bricks::{Digest, MANIFEST_FILE};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::build::{self, BuildOptions, Built};
use crate::files::{make_folder, read_bounded, remove, replace};
use crate::source::Source;
use crate::sources::MADE;
use crate::{AuthorError, FileError};

const MAX_ERROR_BYTES: usize = 64 << 10;
const MAX_FILE_BYTES: u64 = 128 << 20;
/// Editors write in several steps; what follows within this time is the same change.
const SETTLE: Duration = Duration::from_millis(20);
/// How long a failed build waits for the word that it was ended on purpose.
const LAST_MOMENT: Duration = Duration::from_millis(50);

/// Builds one source folder again and again.
#[derive(Debug)]
pub struct DevLoop {
    source: Source,
    place: PathBuf,
    options: BuildOptions,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DevEvent {
    /// A build began.
    Building,
    /// It gave a component, which is in place.
    Placed {
        /// Digest of the component.
        digest: Digest,
        /// Its size.
        bytes: u64,
        /// How long the build took.
        build: Duration,
        /// How long putting it into place took.
        place: Duration,
        /// False if the component is the one that was there.
        changed: bool,
    },
    /// It failed; the text is in place.
    Failed {
        /// The errors.
        message: String,
        /// How long it took.
        build: Duration,
    },
}

impl DevLoop {
    /// For the source folder `source`; the result goes to the folder `dev-NAME` in `bricks`, a folder that a studio
    /// loads bricks from.
    ///
    /// # Errors
    /// When `source` is no source folder.
    pub fn new(source: &Path, bricks: &Path, options: BuildOptions) -> Result<Self, AuthorError> {
        let source = Source::open(source)?;
        let plain = |c: char| if c.is_alphanumeric() || "-_.".contains(c) { c } else { '-' };
        let name: String = source.name().chars().map(plain).collect();
        Ok(Self { place: bricks.join(format!("{DEV_PREFIX}{name}")), source, options })
    }

    /// The folder that gets the result.
    pub fn place(&self) -> &Path {
        &self.place
    }

    /// Builds now and after every change, until cancelled. The last result stays in place. A tool that is at work
    /// when it is cancelled is left to end by itself.
    ///
    /// # Errors
    /// When the source can't be watched or the result can't be written; a build that fails is an event.
    pub async fn run(
        &self,
        cancel: CancellationToken,
        mut on_event: impl FnMut(DevEvent) + Send,
    ) -> Result<(), AuthorError> {
        let (told, mut changes) = mpsc::channel(1);
        let mut watcher = watcher(told).map_err(|error| self.unwatchable(&error))?;
        let mut built_from = None;
        while !cancel.is_cancelled() {
            // Folders come and go, so this is done anew each time.
            self.watch(&mut watcher)?;
            // A file that vanishes while it is read is a change of its own.
            let sources = build::source_digest(&self.source).ok();
            if sources.is_none() || built_from != sources {
                on_event(DevEvent::Building);
                let Some(event) = self.build(&cancel).await? else { break };
                on_event(event);
                built_from = sources;
            }
            tokio::select! {
                () = cancel.cancelled() => break,
                _ = changes.recv() => {}
            }
            tokio::time::sleep(SETTLE).await;
            while changes.try_recv().is_ok() {}
        }
        Ok(())
    }

    /// Removes what was put into place.
    ///
    /// # Errors
    /// When it can't be removed.
    pub fn clean(&self) -> Result<(), AuthorError> {
        if self.place.exists() {
            fs::remove_dir_all(&self.place).map_err(FileError::on("remove", &self.place))?;
        }
        Ok(())
    }

    /// Builds once and puts the result, or the errors, into place. None if it was cancelled.
    async fn build(&self, cancel: &CancellationToken) -> Result<Option<DevEvent>, AuthorError> {
        let (source, options, place) = (self.source.clone(), self.options.clone(), self.place.clone());
        let stop = cancel.clone();
        let work = tokio::task::spawn_blocking(move || build_into(&source, &options, &place, &stop));
        let event = tokio::select! {
            () = cancel.cancelled() => return Ok(None),
            event = work => event.map_err(|error| AuthorError::Interrupted(error.to_string()))??,
        };
        if let DevEvent::Failed { message, .. } = &event {
            // A Ctrl+C ends the tools as well, and they may be faster than whoever cancels.
            if tokio::time::timeout(LAST_MOMENT, cancel.cancelled()).await.is_ok() {
                return Ok(None);
            }
            leave_words(&self.place, message)?;
        }
        Ok(Some(event))
    }

    /// Watches the source folder, and what is below it and matters.
    fn watch(&self, watcher: &mut RecommendedWatcher) -> Result<(), AuthorError> {
        let folder = self.source.folder();
        watcher.watch(folder, RecursiveMode::NonRecursive).map_err(|error| self.unwatchable(&error))?;
        for entry in fs::read_dir(folder).map_err(FileError::on("read", folder))?.filter_map(Result::ok) {
            let name = entry.file_name();
            let is_source =
                !MADE.iter().any(|made| name == *made) && !name.to_string_lossy().starts_with('.');
            if is_source && entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                match watcher.watch(&entry.path(), RecursiveMode::Recursive) {
                    Ok(()) => {}
                    // It was there a moment ago.
                    Err(_) if !entry.path().exists() => {}
                    Err(error) => return Err(self.unwatchable(&error)),
                }
            }
        }
        Ok(())
    }

    fn unwatchable(&self, error: &notify::Error) -> AuthorError {
        AuthorError::Watch { path: self.source.folder().to_owned(), problem: error.to_string() }
    }
}

/// Tells of changes; of several that nobody has looked at yet, once.
fn watcher(told: mpsc::Sender<()>) -> notify::Result<RecommendedWatcher> {
    notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        let only_read = event.is_ok_and(|event| matches!(event.kind, EventKind::Access(_)));
        if !only_read {
            // Full means that it was told already.
            let _ = told.try_send(());
        }
    })
}

fn build_into(
    source: &Source,
    options: &BuildOptions,
    place: &Path,
    cancel: &CancellationToken,
) -> Result<DevEvent, AuthorError> {
    let began = Instant::now();
    let result = build::build(source, options, &|_| {});
    let build = began.elapsed();
    match result {
        Ok(Built { dist, digest, bytes, .. }) => {
            let began = Instant::now();
            let changed = !cancel.is_cancelled() && put(source, &dist, place)?;
            Ok(DevEvent::Placed { digest, bytes, build, place: began.elapsed(), changed })
        }
        Err(error) => Ok(DevEvent::Failed { message: error.to_string(), build }),
    }
}

/// Writes why a build failed to where the component would be.
fn leave_words(place: &Path, message: &str) -> Result<(), AuthorError> {
    make_folder(place)?;
    let end = message.floor_char_boundary(MAX_ERROR_BYTES);
    replace(&place.join(BUILD_ERROR_FILE), message.get(..end).unwrap_or_default().as_bytes())?;
    Ok(())
}

/// Copies what was built to its place. Says whether the component is another one than before.
fn put(source: &Source, dist: &Path, place: &Path) -> Result<bool, AuthorError> {
    let (manifest, text) = source.manifest()?;
    let wasm = read_bounded(&dist.join(&manifest.wasm), MAX_FILE_BYTES)?;
    if !place.exists() {
        put_first(place, &manifest.wasm, &wasm, &text)?;
        return Ok(true);
    }
    // The manifest last: it names the component.
    let changed = replace(&place.join(&manifest.wasm), &wasm)?;
    replace(&place.join(MANIFEST_FILE), text.as_bytes())?;
    remove(&place.join(BUILD_ERROR_FILE))?;
    Ok(changed)
}

/// Makes the place in one step, so that nobody sees it half filled.
fn put_first(place: &Path, name: &str, wasm: &[u8], manifest: &str) -> Result<(), AuthorError> {
    let bricks = place.parent().unwrap_or(Path::new("."));
    make_folder(bricks)?;
    let draft = tempfile::Builder::new()
        .prefix(".dev-")
        .tempdir_in(bricks)
        .map_err(FileError::on("write into", bricks))?;
    let filled = draft.path().join("place");
    make_folder(&filled)?;
    replace(&filled.join(name), wasm)?;
    replace(&filled.join(MANIFEST_FILE), manifest.as_bytes())?;
    fs::rename(&filled, place).map_err(FileError::on("write", place))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A source folder whose build is done already.
    fn source(folder: &Path) -> Source {
        fs::write(folder.join("brick.py"), "").unwrap();
        fs::write(folder.join("brick.toml"), "[brick]\nwasm = \"a.wasm\"\n").unwrap();
        make_folder(&folder.join("dist")).unwrap();
        fs::write(folder.join("dist/a.wasm"), "one").unwrap();
        Source::open(folder).unwrap()
    }

    #[test]
    fn a_place_is_filled_in_one_step_and_then_changed_file_by_file() {
        let (folder, bricks) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let source = source(folder.path());
        let place = bricks.path().join("dev-a");
        assert!(put(&source, &source.dist(), &place).unwrap());
        assert!(!put(&source, &source.dist(), &place).unwrap(), "nothing changed");
        fs::write(place.join(BUILD_ERROR_FILE), "oh no").unwrap();
        fs::write(folder.path().join("dist/a.wasm"), "two").unwrap();
        assert!(put(&source, &source.dist(), &place).unwrap());
        assert_eq!(fs::read(place.join("a.wasm")).unwrap(), b"two");
        assert!(!place.join(BUILD_ERROR_FILE).exists());
        assert_eq!(fs::read_dir(bricks.path()).unwrap().count(), 1, "no draft is left");
        assert_eq!(fs::read_dir(&place).unwrap().count(), 2);
    }

    /// Runs a loop, whose tools are not there, until its first build has failed.
    async fn run_until_it_fails(dev: &DevLoop) -> Vec<DevEvent> {
        let cancel = CancellationToken::new();
        let stop = cancel.clone();
        let mut events = Vec::new();
        dev.run(cancel, |event| {
            if matches!(event, DevEvent::Failed { .. }) {
                stop.cancel();
            }
            events.push(event);
        })
        .await
        .unwrap();
        events
    }

    fn without_kit(folder: &Path, bricks: &Path) -> DevLoop {
        let options = BuildOptions { sdk: folder.join("no/sdk"), offline: true };
        DevLoop::new(folder, bricks, options).unwrap()
    }

    #[tokio::test]
    async fn a_build_that_fails_leaves_its_words_in_place_and_the_component_alone() {
        let (folder, bricks) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let source = source(folder.path());
        let dev = without_kit(folder.path(), bricks.path());
        put(&source, &source.dist(), dev.place()).unwrap();
        run_until_it_fails(&dev).await;
        let words = fs::read_to_string(dev.place().join(BUILD_ERROR_FILE)).unwrap();
        assert!(words.contains("Python"), "{words}");
        assert_eq!(fs::read(dev.place().join("a.wasm")).unwrap(), b"one");
    }

    #[test]
    fn long_errors_are_cut() {
        let bricks = tempfile::tempdir().unwrap();
        leave_words(bricks.path(), &"é".repeat(MAX_ERROR_BYTES)).unwrap();
        let words = fs::read(bricks.path().join(BUILD_ERROR_FILE)).unwrap();
        assert_eq!(words.len(), MAX_ERROR_BYTES);
    }

    #[tokio::test]
    async fn a_cancelled_loop_ends_and_can_clean_up() {
        let (folder, bricks) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        source(folder.path());
        let dev = without_kit(folder.path(), bricks.path());
        let events = run_until_it_fails(&dev).await;
        assert!(matches!(events[..], [DevEvent::Building, DevEvent::Failed { .. }]), "{events:?}");
        assert!(dev.place().join(BUILD_ERROR_FILE).exists());
        dev.clean().unwrap();
        assert!(!dev.place().exists());
    }

    #[tokio::test]
    async fn a_loop_that_is_cancelled_during_a_failing_build_leaves_no_words() {
        let (folder, bricks) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        source(folder.path());
        let dev = without_kit(folder.path(), bricks.path());
        let cancel = CancellationToken::new();
        let stop = cancel.clone();
        dev.run(cancel, |event| {
            assert_eq!(event, {
                stop.cancel();
                DevEvent::Building
            })
        })
        .await
        .unwrap();
        assert!(!dev.place().exists());
    }
}
