//! One file from its source to the disk: goes on where it was left, tries again when the connection breaks, and is a
//! file of the model only once its size and digest are right.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use qpyt_bricks::capability::HttpError;
use reqwest::StatusCode;
use reqwest::header::{CONTENT_RANGE, ETAG};
use tokio_util::sync::CancellationToken;

use super::error::PullError;
use super::hub::Hub;
use super::part::{Part, measure};
use super::plan::{Origin, PlannedFile};
use crate::catalogue::Sha256;
use crate::network::download::Download;

/// Attempts in a row that bring not one byte.
const MOST_TRIES: u32 = 6;
/// Attempts in all, for sources that bring something each time and never the whole file.
const MOST_ATTEMPTS: u32 = 200;
/// The wait after the first failed attempt; it doubles with each one after.
const FIRST_WAIT: Duration = Duration::from_millis(500);
/// The longest wait, whatever a server asks for.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// Bytes that are written at once.
const BLOCK: usize = 1 << 20;
/// The largest file that is taken where nobody said its size.
const MOST_UNSAID: u64 = 64 << 30;

/// The work on one file.
pub(super) struct Transfer {
    pub(super) hub: Arc<Hub>,
    pub(super) file: PlannedFile,
    pub(super) part: PathBuf,
    pub(super) etag: PathBuf,
    /// Where it goes once it is whole.
    pub(super) place: PathBuf,
    /// Counts the bytes that are here.
    pub(super) done: Arc<AtomicU64>,
    pub(super) cancel: CancellationToken,
}

impl Transfer {
    /// Fetches the file. What is here when it fails or is cancelled stays for the next time, unless it is wrong.
    pub(super) async fn run(self) -> Result<(u64, Sha256), PullError> {
        if let Some(whole) = self.kept().await? {
            return Ok(whole);
        }
        let (path, etag) = (self.part.clone(), self.etag.clone());
        let mut part = Some(blocking(move || Part::open(path, etag)).await?);
        let mut tries = 0;
        for _ in 0..MOST_ATTEMPTS {
            let before = here(&part);
            let Err(error) = self.attempt(&mut part).await else { return self.accept(part).await };
            tries = if here(&part) > before { 1 } else { tries + 1 };
            if !error.passes() || tries >= MOST_TRIES {
                return Err(self.give_up(part, error).await);
            }
            tracing::info!(file = %self.file.save_as, %error, "a download broke and is tried again");
            self.wait(error.wait().unwrap_or(FIRST_WAIT * 2_u32.pow(tries - 1))).await?;
        }
        Err(changed(&self.file))
    }

    /// The file as an earlier pull left it, if it is whole and still what was promised.
    async fn kept(&self) -> Result<Option<(u64, Sha256)>, PullError> {
        let place = self.place.clone();
        let found = blocking(move || measure(&place)).await?;
        let right = |(bytes, sha256): &(u64, Sha256)| {
            self.file.bytes.is_none_or(|expected| expected == *bytes)
                && self.file.sha256.is_none_or(|expected| expected == *sha256)
        };
        Ok(found.filter(right))
    }

    /// Brings what is missing.
    async fn attempt(&self, slot: &mut Option<Part>) -> Result<(), PullError> {
        let (from, etag) = slot.as_ref().map_or((0, None), |part| (part.length(), part.etag()));
        if self.file.bytes == Some(from) && from > 0 {
            return Ok(());
        }
        let (repo, url) = self.address()?;
        let asked = self.hub.file(repo, &url, from, etag);
        let download = tokio::select! {
            biased;
            () = self.cancel.cancelled() => return Err(PullError::Cancelled),
            download = asked => download?,
        };
        let from = self.begin(slot, &download, from).await?;
        let expected = self.expected(&download, from)?;
        self.pour(slot, download, expected).await?;
        let found = here(slot);
        match expected {
            Some(expected) if found < expected => {
                let problem = format!("{} ended early.", self.file.save_as);
                Err(HttpError::Unreachable(problem).into())
            }
            _ => Ok(()),
        }
    }

    /// Fits the part to what the server sends: the rest of the same file, or all of it. Gives where it begins.
    async fn begin(&self, slot: &mut Option<Part>, download: &Download, from: u64) -> Result<u64, PullError> {
        let etag = download.header(&ETAG).map(ToOwned::to_owned);
        let same = slot.as_ref().is_some_and(|part| part.etag() == etag.as_deref());
        let goes_on = download.status() == StatusCode::PARTIAL_CONTENT
            && same
            && download.header(&CONTENT_RANGE).and_then(first_byte) == Some(from);
        if goes_on {
            return Ok(from);
        }
        let whole = download.status() == StatusCode::OK;
        self.with(slot, move |part| part.restart(etag.as_deref())).await?;
        // The rest of another file: all of it is asked for at the next attempt.
        if whole { Ok(0) } else { Err(changed(&self.file)) }
    }

    /// Bytes that the whole file will have. A server that says something else than was promised is not waited for.
    fn expected(&self, download: &Download, from: u64) -> Result<Option<u64>, PullError> {
        let said = download.content_length().and_then(|length| length.checked_add(from));
        match (self.file.bytes, said) {
            (Some(expected), Some(found)) if expected != found => {
                Err(PullError::WrongSize { file: self.file.save_as.to_string(), expected, found })
            }
            (expected, said) => Ok(expected.or(said)),
        }
    }

    async fn pour(
        &self,
        slot: &mut Option<Part>,
        mut download: Download,
        expected: Option<u64>,
    ) -> Result<(), PullError> {
        let most = expected.unwrap_or(MOST_UNSAID);
        let mut block = Vec::with_capacity(BLOCK);
        loop {
            let piece = tokio::select! {
                biased;
                () = self.cancel.cancelled() => Err(PullError::Cancelled),
                piece = download.piece() => piece.map_err(PullError::from),
            };
            let ended = match piece {
                Ok(Some(piece)) => {
                    block.extend_from_slice(&piece);
                    None
                }
                Ok(None) => Some(Ok(())),
                Err(error) => Some(Err(error)),
            };
            let found = here(slot) + block.len() as u64;
            if found > most {
                return Err(PullError::WrongSize {
                    file: self.file.save_as.to_string(),
                    expected: most,
                    found,
                });
            }
            if block.len() >= BLOCK || ended.is_some() {
                let full = std::mem::replace(&mut block, Vec::with_capacity(BLOCK));
                self.with(slot, move |part| part.append(&full)).await?;
            }
            if let Some(ended) = ended {
                return ended;
            }
        }
    }

    /// Checks the whole file and moves it to its place.
    async fn accept(&self, slot: Option<Part>) -> Result<(u64, Sha256), PullError> {
        let part = slot.ok_or(PullError::Cancelled)?;
        let (bytes, found) = (part.length(), part.sha256());
        if let Some(expected) = self.file.sha256.filter(|expected| *expected != found) {
            let file = self.file.save_as.to_string();
            return Err(self.give_up(Some(part), PullError::WrongDigest { file, expected, found }).await);
        }
        let place = self.place.clone();
        blocking(move || part.finish(&place)).await?;
        Ok((bytes, found))
    }

    /// The error, with the part thrown away where it is of no use.
    async fn give_up(&self, slot: Option<Part>, error: PullError) -> PullError {
        let wrong = matches!(error, PullError::WrongDigest { .. } | PullError::WrongSize { .. });
        if let Some(part) = slot.filter(|part| wrong || part.length() == 0) {
            self.done.store(0, Ordering::Relaxed);
            if let Err(error) = blocking(move || part.discard()).await {
                tracing::warn!(%error, "a part that is of no use stays");
            }
        }
        error
    }

    /// Works on the part off the async threads and counts what is here then. The part is away only if that panicked.
    async fn with(
        &self,
        slot: &mut Option<Part>,
        work: impl FnOnce(&mut Part) -> Result<(), PullError> + Send + 'static,
    ) -> Result<(), PullError> {
        let Some(mut part) = slot.take() else { return Err(PullError::Cancelled) };
        let (part, worked) = blocking(move || {
            let worked = work(&mut part);
            Ok((part, worked))
        })
        .await?;
        self.done.store(part.length(), Ordering::Relaxed);
        *slot = Some(part);
        worked
    }

    async fn wait(&self, time: Duration) -> Result<(), PullError> {
        tokio::select! {
            () = self.cancel.cancelled() => Err(PullError::Cancelled),
            () = tokio::time::sleep(time.min(LONGEST_WAIT)) => Ok(()),
        }
    }

    fn address(&self) -> Result<(Option<&str>, String), PullError> {
        match &self.file.origin {
            Origin::Hub { repo, commit, path } => {
                Ok((Some(repo.as_str()), self.hub.file_url(repo, commit, path)?))
            }
            Origin::Url { url } => Ok((None, url.clone())),
        }
    }
}

/// Bytes of a part. It is away only while it is worked on.
fn here(slot: &Option<Part>) -> u64 {
    slot.as_ref().map_or(0, Part::length)
}

/// What is said of a file that is not the one whose first bytes are here. It passes.
fn changed(file: &PlannedFile) -> PullError {
    HttpError::Unreachable(format!("{} changed at its source.", file.save_as)).into()
}

/// The first byte of a `Content-Range: bytes 5-9/10` (RFC 9110, 14.4).
fn first_byte(range: &str) -> Option<u64> {
    range.strip_prefix("bytes ")?.split_once('-')?.0.trim().parse().ok()
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, PullError> + Send + 'static,
) -> Result<T, PullError> {
    let worked = tokio::task::spawn_blocking(work).await;
    worked.unwrap_or_else(|error| Err(PullError::Store(error.to_string())))
}
