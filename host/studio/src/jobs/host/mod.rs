//! What one run of a brick can ask of the studio: the capabilities behind the contract, for one brick of one job.

mod files;
mod imaging;
mod language;
mod running;
mod vision;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use qpyt_bricks::Digest;
use qpyt_bricks::capability::{
    self, Clock, Content, Gallery, JobError, Level, ModelInfo, Moment, Reporter, Saved,
    StoreError as BrickStoreError, UsualSampling,
};
use qpyt_bricks::media::{Container, Image, MediaError, PixelFormat, encode};
use qpyt_inference::{
    Engine, EngineError, Guidance, InstalledModel, Observer, PaintingTraits, Picture, Usual,
};
use qpyt_workflow::Step;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use self::running::{RunningBrick, Watcher};
use super::executor::Executor;
use super::lane::LaneError;
use super::view::ResultView;
use crate::models::{ModelProblem, Models};
use crate::network::Network;
use crate::permissions::gate::{Closed, Gate};
use crate::store::{EventKind, JobId, NewGalleryEntry, Store, StoreError};

/// From how long a wait on the person is told of it.
const WORTH_TELLING: Duration = Duration::from_millis(300);

/// The studio as one run sees it.
pub struct BrickHost {
    pub(in crate::jobs) store: Arc<Store>,
    models: Arc<Models>,
    cancel: CancellationToken,
    run: Arc<RunningBrick>,
    pub(in crate::jobs) gate: Arc<Gate>,
    pub(in crate::jobs) network: Arc<Network>,
    used: Mutex<BTreeSet<String>>,
    listed: AtomicBool,
}

impl BrickHost {
    /// What the brick of `step`, from the binary with this digest, may ask for in this job.
    pub fn new(
        executor: &Executor,
        job: JobId,
        step: &Step,
        digest: Digest,
        cancel: CancellationToken,
    ) -> Self {
        let run = RunningBrick::new(executor.live.clone(), job, step.node.to_string());
        Self {
            store: executor.store.clone(),
            models: executor.models.clone(),
            cancel,
            run: Arc::new(run),
            gate: Arc::new(Gate::new(executor.store.clone(), job, step.spec.id.to_string(), digest)),
            network: executor.network.clone(),
            used: Mutex::default(),
            listed: AtomicBool::new(false),
        }
    }

    /// Whether the run's result depends on no other models than these.
    pub fn depends_only_on(&self, models: &BTreeSet<String>) -> bool {
        let used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        !self.listed.load(Ordering::Relaxed) && used.is_subset(models)
    }

    fn depends_on(&self, model: String) {
        self.used.lock().unwrap_or_else(PoisonError::into_inner).insert(model);
    }

    /// A model that the run's result then depends on.
    fn model(&self, id: &str) -> Result<InstalledModel, JobError> {
        self.depending_on(self.models.find(id))
    }

    /// A model that was looked for, on which the run's result then depends.
    fn depending_on(&self, found: Result<InstalledModel, ModelProblem>) -> Result<InstalledModel, JobError> {
        let model = found.map_err(|problem| match problem {
            ModelProblem::Missing { .. } | ModelProblem::MissingLora { .. } => {
                JobError::BadArgument(problem.to_string())
            }
            ModelProblem::Broken(_) => JobError::ModelBroken(problem.to_string()),
        })?;
        self.depends_on(model.id.clone());
        Ok(model)
    }

    /// Runs work with a model on the engine when its turn comes. Dropping the future stops it, as cancelling does.
    async fn on_model<T: Send + 'static>(
        &self,
        id: &str,
        work: impl FnOnce(&Engine, &InstalledModel, &dyn Observer) -> Result<T, EngineError> + Send + 'static,
    ) -> Result<T, JobError> {
        let model = self.model(id)?;
        let stop = self.cancel.child_token();
        let watcher = Watcher { run: self.run.clone(), stop: stop.clone() };
        let _stops_when_dropped = stop.drop_guard();
        self.run.do_for_it("waiting for its turn");
        let mut done = std::pin::pin!(self.models.on_engine(move |engine| {
            if watcher.cancelled() {
                return Err(EngineError::Cancelled);
            }
            watcher.run.do_for_it("");
            work(engine, &model, &watcher)
        }));
        let soon = tokio::time::timeout(WORTH_TELLING, &mut done).await;
        let done = match soon {
            Ok(done) => done,
            Err(_) => {
                self.run.tell_again();
                done.await
            }
        };
        done.map_err(job_error)
    }

    /// Runs blocking work off the async threads.
    pub(in crate::jobs) async fn blocking<T: Send + 'static>(
        work: impl FnOnce() -> Result<T, BrickStoreError> + Send + 'static,
    ) -> Result<T, BrickStoreError> {
        tokio::task::spawn_blocking(work).await.map_err(|error| BrickStoreError::Other(error.to_string()))?
    }
}

#[async_trait]
impl capability::Models for BrickHost {
    async fn find_model(&self, id: String) -> Option<ModelInfo> {
        let found = self.models.find(&id).ok();
        self.depends_on(id);
        found.as_ref().map(model_info)
    }

    async fn find_usual_sampling(&self, id: String) -> Option<UsualSampling> {
        let found = self.models.find(&id).ok();
        self.depends_on(id);
        found?.painting.as_ref().map(usual_sampling)
    }

    async fn list_models(&self, family: Option<String>) -> Vec<ModelInfo> {
        self.listed.store(true, Ordering::Relaxed);
        let scan = self.models.scan();
        let of_family =
            |model: &&InstalledModel| family.as_ref().is_none_or(|family| family == model.family.name());
        scan.models.iter().filter(of_family).map(model_info).collect()
    }
}

#[async_trait]
impl Content for BrickHost {
    async fn open(&self, digest: Digest) -> Result<Image, BrickStoreError> {
        let store = self.store.clone();
        Self::blocking(move || store.content().open_image(digest).map_err(store_error)).await
    }
}

#[async_trait]
impl Gallery for BrickHost {
    async fn save(
        &self,
        picture: Image,
        title: String,
        container: Container,
        quality: u8,
        info: Value,
    ) -> Result<Saved, BrickStoreError> {
        let (store, job, node) = (self.store.clone(), self.run.job, self.run.node.clone());
        Self::blocking(move || {
            let file = encode(&picture, container, quality)
                .map_err(|error| BrickStoreError::Other(error.to_string()))?;
            let entry = NewGalleryEntry {
                job,
                brick: node,
                title,
                image: store.content().put_image(&picture).map_err(store_error)?,
                file: store.content().put_file(&file).map_err(store_error)?,
                container,
                width: picture.width(),
                height: picture.height(),
                bytes: file.len() as u64,
                info,
            };
            let entry =
                store.add_result(&entry, |entry| json!(ResultView::from(entry))).map_err(store_error)?;
            Ok(Saved { id: entry.id.to_string(), file: entry.picture.file.to_string() })
        })
        .await
    }
}

impl Reporter for BrickHost {
    fn log(&self, level: Level, message: &str) {
        // A warning is about the result, and nobody looks into a log for that.
        if matches!(level, Level::Warn) {
            self.run.keep(message);
            self.run.tell_again();
        }
        let data = json!({ "brick": self.run.node, "level": level, "message": message });
        if let Err(error) = self.store.record(self.run.job, EventKind::Log, data, None) {
            tracing::error!(%error, "a brick's log line could not be kept");
        }
    }

    fn progress(&self, fraction: f32, note: &str) {
        self.run.say(note);
        self.run.update(fraction, None);
    }
}

impl Clock for BrickHost {
    fn now(&self) -> Moment {
        let now = jiff::Zoned::now();
        let small = |number: i8| u8::try_from(number).unwrap_or_default();
        Moment {
            year: u16::try_from(now.year()).unwrap_or_default(),
            month: small(now.month()),
            day: small(now.day()),
            hour: small(now.hour()),
            minute: small(now.minute()),
            second: small(now.second()),
        }
    }
}

/// What a brick hears at the gate.
pub(in crate::jobs) fn closed(closed: Closed) -> BrickStoreError {
    match closed {
        Closed::Denied(message) => BrickStoreError::Denied(message),
        Closed::Store(error) => store_error(error),
    }
}

fn model_info(model: &InstalledModel) -> ModelInfo {
    ModelInfo {
        id: model.id.clone(),
        family: model.family.name().to_owned(),
        label: model.label.clone(),
        bytes: model.bytes,
        size_multiple: model.painting.map_or(1, |traits| traits.size_multiple),
        native_size: model.painting.map_or(0, |traits| traits.native_size),
    }
}

fn usual_sampling(traits: &PaintingTraits) -> UsualSampling {
    let Usual { steps, guidance } = traits.usual;
    UsualSampling { steps, guidance, guided: traits.guidance != Guidance::None }
}

/// Runs work on pixels off the async threads.
async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, JobError> + Send + 'static,
) -> Result<T, JobError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| JobError::Other(error.to_string()))?
}

/// The engine's picture as the bricks' image; the pixels move, they are not copied.
fn image(picture: Picture) -> Result<Image, JobError> {
    Image::new(PixelFormat::Rgb8, picture.width, picture.height, picture.rgb)
        .map_err(|error| JobError::Other(error.to_string()))
}

fn picture(image: &Image) -> Result<Picture, JobError> {
    let rgb = image.convert(PixelFormat::Rgb8).map_err(unfit)?;
    Ok(Picture { width: rgb.width(), height: rgb.height(), rgb: rgb.pixels().to_vec() })
}

fn unfit(error: MediaError) -> JobError {
    JobError::BadArgument(format!("source: {error}"))
}

fn job_error(error: LaneError) -> JobError {
    match error {
        LaneError::Engine(error) => job_error_of_engine(error),
        other => JobError::Other(other.to_string()),
    }
}

fn job_error_of_engine(error: EngineError) -> JobError {
    match error {
        EngineError::Cancelled => JobError::Cancelled,
        EngineError::BadRequest { .. } => JobError::BadArgument(error.to_string()),
        EngineError::ModelBroken { .. } => JobError::ModelBroken(error.to_string()),
        EngineError::OutOfMemory { .. } | EngineError::DeviceFull { .. } => {
            JobError::OutOfMemory(error.to_string())
        }
        other => JobError::Other(other.to_string()),
    }
}

fn store_error(error: StoreError) -> BrickStoreError {
    let message = error.to_string();
    match error {
        StoreError::NoSpace { .. } => BrickStoreError::NoSpace(message),
        StoreError::NoContent(_) => BrickStoreError::NotFound(message),
        _ => BrickStoreError::Other(message),
    }
}
