//! Records a run: passes everything on to the studio and notes what it answered.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;

use super::tape::{Answer, MAX_TAPE_BYTES, Opening, Tape, WriteLine, size};
use crate::{
    Digest,
    capability::{
        ChatRequest, Clock, Completion, Content, Detail, Files, Gallery, Host, Http, HttpError, HttpRequest,
        HttpResponse, Imaging, JobError, Language, Level, ModelInfo, Models, Moment, Painting, Reporter,
        Saved, SecretHandle, Secrets, StoreError, Upscaling, UsualSampling, Vision,
    },
    media::{Container, Image},
};

const MAX_ANSWERS: usize = 1000;

/// Stands before the studio in one run.
pub(super) struct Recorder {
    host: Arc<dyn Host>,
    write_line: WriteLine,
    answers: Mutex<Option<Vec<Answer>>>,
}

impl Recorder {
    pub(super) fn over(host: Arc<dyn Host>, write_line: WriteLine) -> Self {
        Self { host, write_line, answers: Mutex::new(Some(Vec::new())) }
    }

    /// The tape of the run that began with `opening`; none if it became too long.
    pub(super) fn finish(&self, opening: Opening, version: &semver::Version, wall: Duration) -> Option<Tape> {
        let answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        let held: usize = answers.iter().map(Answer::bytes).sum();
        let Opening { inputs, params, seed } = opening;
        (held.saturating_add(size(&inputs)) <= MAX_TAPE_BYTES).then(|| Tape {
            version: version.clone(),
            inputs,
            params,
            seed,
            wall,
            answers,
        })
    }

    fn note(&self, answer: Answer) {
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        if answers.as_ref().is_some_and(|noted| noted.len() >= MAX_ANSWERS) {
            *answers = None;
        }
        if let Some(noted) = answers.as_mut() {
            noted.push(answer);
        }
    }
}

#[async_trait]
impl Imaging for Recorder {
    async fn paint(&self, painting: Painting) -> Result<Image, JobError> {
        let painted = self.host.paint(painting).await;
        self.note(Answer::Painted(painted.clone()));
        painted
    }
}

#[async_trait]
impl Vision for Recorder {
    async fn matte(&self, model: String, source: Image) -> Result<Image, JobError> {
        let matte = self.host.matte(model, source).await;
        self.note(Answer::Painted(matte.clone()));
        matte
    }

    async fn depth(&self, model: String, source: Image) -> Result<Image, JobError> {
        let depth = self.host.depth(model, source).await;
        self.note(Answer::Painted(depth.clone()));
        depth
    }

    async fn caption(&self, model: String, source: Image, detail: Detail) -> Result<String, JobError> {
        let caption = self.host.caption(model, source, detail).await;
        self.note(Answer::Said(caption.clone()));
        caption
    }

    async fn upscale(&self, model: String, source: Image, upscaling: Upscaling) -> Result<Image, JobError> {
        let upscaled = self.host.upscale(model, source, upscaling).await;
        self.note(Answer::Painted(upscaled.clone()));
        upscaled
    }
}

#[async_trait]
impl Language for Recorder {
    async fn complete(&self, request: ChatRequest) -> Result<Completion, JobError> {
        let completed = self.host.complete(request).await;
        self.note(Answer::Completed(completed.clone()));
        completed
    }

    async fn translate(&self, model: String, text: String) -> Result<String, JobError> {
        let translation = self.host.translate(model, text).await;
        self.note(Answer::Said(translation.clone()));
        translation
    }
}

#[async_trait]
impl Models for Recorder {
    async fn find_model(&self, id: String) -> Option<ModelInfo> {
        let model = self.host.find_model(id).await;
        self.note(Answer::Model(model.clone()));
        model
    }

    async fn find_usual_sampling(&self, id: String) -> Option<UsualSampling> {
        let usual = self.host.find_usual_sampling(id).await;
        self.note(Answer::Usual(usual));
        usual
    }

    async fn list_models(&self, family: Option<String>) -> Vec<ModelInfo> {
        let models = self.host.list_models(family).await;
        self.note(Answer::Models(models.clone()));
        models
    }
}

#[async_trait]
impl Content for Recorder {
    async fn open(&self, digest: Digest) -> Result<Image, StoreError> {
        let opened = self.host.open(digest).await;
        self.note(Answer::Opened(opened.clone()));
        opened
    }
}

#[async_trait]
impl Gallery for Recorder {
    async fn save(
        &self,
        picture: Image,
        title: String,
        container: Container,
        quality: u8,
        info: serde_json::Value,
    ) -> Result<Saved, StoreError> {
        let kept = Gallery::save(&*self.host, picture, title, container, quality, info).await;
        self.note(Answer::Kept(kept.clone()));
        kept
    }
}

#[async_trait]
impl Files for Recorder {
    async fn save(
        &self,
        picture: Image,
        folder: String,
        name: String,
        container: Container,
        quality: u8,
    ) -> Result<String, StoreError> {
        let written = Files::save(&*self.host, picture, folder, name, container, quality).await;
        self.note(Answer::Written(written.clone()));
        written
    }
}

impl Reporter for Recorder {
    fn log(&self, level: Level, message: &str) {
        (self.write_line)(level, message);
        self.host.log(level, message);
    }

    fn progress(&self, fraction: f32, note: &str) {
        self.host.progress(fraction, note);
    }
}

impl Clock for Recorder {
    fn now(&self) -> Moment {
        let now = self.host.now();
        self.note(Answer::Moment(now));
        now
    }
}

#[async_trait]
impl Http for Recorder {
    async fn send(
        &self,
        request: HttpRequest,
        bearer: Option<SecretHandle>,
        most: u64,
    ) -> Result<HttpResponse, HttpError> {
        let responded = self.host.send(request, bearer, most).await;
        self.note(Answer::Responded(responded.clone()));
        responded
    }
}

#[async_trait]
impl Secrets for Recorder {
    async fn get(&self, name: String) -> Result<SecretHandle, StoreError> {
        let secret = self.host.get(name).await;
        self.note(Answer::Secret(secret.clone()));
        secret
    }
}
