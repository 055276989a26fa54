//! Plays a tape to a new version: the studio's answers as they were recorded. Nothing here has an effect.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use async_trait::async_trait;

use super::tape::{Answer, Tape, WriteLine};
use crate::{
    Digest,
    capability::{
        ChatRequest, Clock, Completion, Content, Detail, Files, Gallery, Host, Http, HttpError, HttpRequest,
        HttpResponse, Imaging, JobError, Language, Level, ModelInfo, Models, Moment, Painting, Reporter,
        Saved, SecretHandle, Secrets, StoreError, Upscaling, UsualSampling, Vision,
    },
    media::{Container, Image},
};

/// What a played run is told when it asks for something that is not on the tape.
const OFF_TAPE: &str = "a trial run can only have what the last good run had";

/// The next answer, if it is of this kind.
macro_rules! played {
    ($player:expr, $kind:ident) => {
        $player.next(|answer| if let Answer::$kind(given) = answer { Some(given) } else { None })
    };
}

/// Answers from a tape. Nothing it does has an effect.
pub(super) struct Player {
    answers: Mutex<VecDeque<Answer>>,
    write_line: WriteLine,
    off_tape: AtomicBool,
}

impl Player {
    pub(super) fn of(tape: &Tape, write_line: WriteLine) -> Self {
        Self {
            answers: Mutex::new(tape.answers.iter().cloned().collect()),
            write_line,
            off_tape: AtomicBool::new(false),
        }
    }

    /// Whether the run asked for something that was not recorded, so that its end tells nothing.
    pub(super) fn went_off_tape(&self) -> bool {
        self.off_tape.load(Ordering::Relaxed)
    }

    /// With an empty tape, and without a journal.
    fn silent() -> Self {
        Self { answers: Mutex::default(), write_line: Box::new(|_, _| {}), off_tape: AtomicBool::new(false) }
    }

    fn next<T>(&self, pick: impl FnOnce(Answer) -> Option<T>) -> Option<T> {
        let next = self.answers.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        let picked = next.and_then(pick);
        if picked.is_none() {
            self.off_tape.store(true, Ordering::Relaxed);
        }
        picked
    }

    fn painted(&self) -> Result<Image, JobError> {
        played!(self, Painted).unwrap_or_else(not_done)
    }

    fn said(&self) -> Result<String, JobError> {
        played!(self, Said).unwrap_or_else(not_done)
    }
}

/// A studio that gives nothing and keeps nothing, for runs of bricks that ask for nothing.
pub fn powerless() -> Arc<dyn Host> {
    Arc::new(Player::silent())
}

fn not_done<T>() -> Result<T, JobError> {
    Err(JobError::Other(OFF_TAPE.to_owned()))
}

fn not_stored<T>() -> Result<T, StoreError> {
    Err(StoreError::Other(OFF_TAPE.to_owned()))
}

#[async_trait]
impl Imaging for Player {
    async fn paint(&self, _painting: Painting) -> Result<Image, JobError> {
        self.painted()
    }
}

#[async_trait]
impl Vision for Player {
    async fn matte(&self, _model: String, _source: Image) -> Result<Image, JobError> {
        self.painted()
    }

    async fn depth(&self, _model: String, _source: Image) -> Result<Image, JobError> {
        self.painted()
    }

    async fn caption(&self, _model: String, _source: Image, _detail: Detail) -> Result<String, JobError> {
        self.said()
    }

    async fn upscale(
        &self,
        _model: String,
        _source: Image,
        _upscaling: Upscaling,
    ) -> Result<Image, JobError> {
        self.painted()
    }
}

#[async_trait]
impl Language for Player {
    async fn complete(&self, _request: ChatRequest) -> Result<Completion, JobError> {
        played!(self, Completed).unwrap_or_else(not_done)
    }

    async fn translate(&self, _model: String, _text: String) -> Result<String, JobError> {
        self.said()
    }
}

#[async_trait]
impl Models for Player {
    async fn find_model(&self, _id: String) -> Option<ModelInfo> {
        played!(self, Model).flatten()
    }

    async fn find_usual_sampling(&self, _id: String) -> Option<UsualSampling> {
        played!(self, Usual).flatten()
    }

    async fn list_models(&self, _family: Option<String>) -> Vec<ModelInfo> {
        played!(self, Models).unwrap_or_default()
    }
}

#[async_trait]
impl Content for Player {
    async fn open(&self, _digest: Digest) -> Result<Image, StoreError> {
        played!(self, Opened).unwrap_or_else(not_stored)
    }
}

#[async_trait]
impl Gallery for Player {
    async fn save(
        &self,
        _picture: Image,
        _title: String,
        _container: Container,
        _quality: u8,
        _info: serde_json::Value,
    ) -> Result<Saved, StoreError> {
        played!(self, Kept).unwrap_or_else(not_stored)
    }
}

#[async_trait]
impl Files for Player {
    async fn save(
        &self,
        _picture: Image,
        _folder: String,
        _name: String,
        _container: Container,
        _quality: u8,
    ) -> Result<String, StoreError> {
        played!(self, Written).unwrap_or_else(not_stored)
    }
}

impl Reporter for Player {
    fn log(&self, level: Level, message: &str) {
        (self.write_line)(level, message);
    }

    fn progress(&self, _fraction: f32, _note: &str) {}
}

impl Clock for Player {
    fn now(&self) -> Moment {
        let midnight = Moment { year: 2000, month: 1, day: 1, hour: 0, minute: 0, second: 0 };
        played!(self, Moment).unwrap_or(midnight)
    }
}

#[async_trait]
impl Http for Player {
    async fn send(
        &self,
        _request: HttpRequest,
        _bearer: Option<SecretHandle>,
        _most: u64,
    ) -> Result<HttpResponse, HttpError> {
        played!(self, Responded).unwrap_or_else(|| Err(HttpError::Other(OFF_TAPE.to_owned())))
    }
}

#[async_trait]
impl Secrets for Player {
    async fn get(&self, _name: String) -> Result<SecretHandle, StoreError> {
        played!(self, Secret).unwrap_or_else(not_stored)
    }
}
