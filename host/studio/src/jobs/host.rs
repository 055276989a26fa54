//! What one run of a brick can ask of the studio: the capabilities behind the contract, for one brick of one job.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use qpyt_bricks::Digest;
use qpyt_bricks::capability::{
    self, Clock, Content, Files, Gallery, Imaging, JobError, Level, ModelInfo, Moment, Reporter, Saved,
    StoreError as BrickStoreError, TextRequest,
};
use qpyt_bricks::media::{Container, Filter, Image, MediaError, PixelFormat, encode};
use qpyt_inference::{Engine, EngineError, ImageRequest, InstalledModel, Observer, Picture, StepReport};
use qpyt_workflow::Step;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::executor::Executor;
use super::lane::LaneError;
use super::live::Live;
use super::progress::{Preview, ProgressUpdate};
use super::view::ResultView;
use crate::models::{ModelProblem, Models};
use crate::permissions::{self, FILES};
use crate::store::{EventKind, JobId, NewGalleryEntry, Store, StoreError};

/// How good the glimpses are, 1..100; they are gone in a moment.
const PREVIEW_QUALITY: u8 = 80;
/// The most names that are tried for a file before the folder counts as full of them.
const MOST_NAMES: u32 = 10_000;

/// The studio as one run sees it.
pub struct BrickHost {
    store: Arc<Store>,
    models: Arc<Models>,
    cancel: CancellationToken,
    run: Arc<RunningBrick>,
    brick: String,
    digest: Digest,
    used: Mutex<BTreeSet<String>>,
    listed: AtomicBool,
}

/// Where a run's news go.
struct RunningBrick {
    live: Arc<Live>,
    job: JobId,
    node: String,
    note: Mutex<String>,
}

impl RunningBrick {
    fn update(&self, fraction: f32, step: Option<(u32, u32)>) {
        let note = self.note.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let update = ProgressUpdate {
            job: self.job.to_string(),
            brick: self.node.clone(),
            fraction: fraction.clamp(0.0, 1.0),
            step: step.map(|(step, _)| step),
            steps: step.map(|(_, steps)| steps),
            note,
        };
        self.live.progress(self.job, update);
    }

    fn say(&self, note: &str) {
        note.clone_into(&mut self.note.lock().unwrap_or_else(PoisonError::into_inner));
    }
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
        let run = RunningBrick {
            live: executor.live.clone(),
            job,
            node: step.node.to_string(),
            note: Mutex::default(),
        };
        Self {
            store: executor.store.clone(),
            models: executor.models.clone(),
            cancel,
            run: Arc::new(run),
            brick: step.spec.id.to_string(),
            digest,
            used: Mutex::default(),
            listed: AtomicBool::new(false),
        }
    }

    /// Whether the run's result depends on no other models than these.
    pub fn depends_only_on(&self, models: &[String]) -> bool {
        let used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        !self.listed.load(Ordering::Relaxed) && used.iter().all(|model| models.contains(model))
    }

    fn depends_on(&self, model: String) {
        self.used.lock().unwrap_or_else(PoisonError::into_inner).insert(model);
    }

    /// Runs one request on the engine when its turn comes. Dropping the future stops it, as cancelling does.
    async fn paint(
        &self,
        request: TextRequest,
        paint: impl FnOnce(&Engine, &InstalledModel, &ImageRequest, &dyn Observer) -> Result<Picture, EngineError>
        + Send
        + 'static,
    ) -> Result<Image, JobError> {
        let model = self.models.find(&request.model).map_err(|problem| match problem {
            ModelProblem::Missing { .. } => JobError::BadArgument(problem.to_string()),
            ModelProblem::Broken(_) => JobError::ModelBroken(problem.to_string()),
        })?;
        self.depends_on(model.id.clone());
        let request = image_request(request)?;
        let stop = self.cancel.child_token();
        let watcher = Watcher { run: self.run.clone(), stop: stop.clone() };
        let _stops_when_dropped = stop.drop_guard();
        self.run.say("waiting for its turn");
        let picture = self
            .models
            .on_engine(move |engine| {
                if watcher.cancelled() {
                    return Err(EngineError::Cancelled);
                }
                paint(engine, &model, &request, &watcher)
            })
            .await
            .map_err(job_error)?;
        image(picture)
    }

    /// Runs blocking work off the async threads.
    async fn blocking<T: Send + 'static>(
        work: impl FnOnce() -> Result<T, BrickStoreError> + Send + 'static,
    ) -> Result<T, BrickStoreError> {
        tokio::task::spawn_blocking(work).await.map_err(|error| BrickStoreError::Other(error.to_string()))?
    }
}

/// Passes what the engine tells on to the job.
struct Watcher {
    run: Arc<RunningBrick>,
    stop: CancellationToken,
}

impl Observer for Watcher {
    fn step(&self, report: StepReport<'_>) {
        let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let (step, steps) = (count(report.step), count(report.steps));
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

    fn note(&self, note: &str) {
        self.run.say(note);
        self.run.update(0.0, None);
    }

    fn cancelled(&self) -> bool {
        self.stop.is_cancelled()
    }
}

#[async_trait]
impl Imaging for BrickHost {
    async fn text_to_image(&self, request: TextRequest) -> Result<Image, JobError> {
        self.paint(request, |engine, model, request, observer| engine.text_to_image(model, request, observer))
            .await
    }

    async fn image_to_image(
        &self,
        request: TextRequest,
        source: Image,
        strength: f32,
    ) -> Result<Image, JobError> {
        let (width, height) = (request.width, request.height);
        let fitted = tokio::task::spawn_blocking(move || {
            let source = source.resize(width, height, Filter::Lanczos).map_err(unfit)?;
            picture(&source)
        });
        let source = fitted.await.map_err(|error| JobError::Other(error.to_string()))??;
        self.paint(request, move |engine, model, request, observer| {
            engine.image_to_image(model, request, &source, strength, observer)
        })
        .await
    }
}

#[async_trait]
impl capability::Models for BrickHost {
    async fn find_model(&self, id: String) -> Option<ModelInfo> {
        let found = self.models.find(&id).ok();
        self.depends_on(id);
        found.as_ref().map(model_info)
    }

    async fn list_models(&self, family: Option<String>) -> Vec<ModelInfo> {
        self.listed.store(true, Ordering::Relaxed);
        let scan = self.models.scan();
        let of_family =
            |model: &&InstalledModel| family.as_ref().is_none_or(|family| *family == model.family);
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

#[async_trait]
impl Files for BrickHost {
    async fn save(
        &self,
        picture: Image,
        folder: String,
        name: String,
        container: Container,
        quality: u8,
    ) -> Result<String, BrickStoreError> {
        let (store, brick, digest) = (self.store.clone(), self.brick.clone(), self.digest);
        Self::blocking(move || {
            let scopes = store.granted_scopes(&brick, digest, FILES).map_err(store_error)?;
            let folder = permissions::allowed(&scopes, Path::new(&folder)).ok_or_else(|| {
                BrickStoreError::Denied(format!(
                    "It may not write into {folder}. Allow the folder on the brick, or run: qpyt bricks grant {brick} --folder {folder:?}"
                ))
            })?;
            plain_name(&name)?;
            let file = encode(&picture, container, quality).map_err(|error| BrickStoreError::Other(error.to_string()))?;
            write_new(&folder, &name, container, &file).map(|path| path.to_string_lossy().into_owned())
        })
        .await
    }
}

impl Reporter for BrickHost {
    fn log(&self, level: Level, message: &str) {
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

/// The name of a file without its ending, as a brick may choose it.
fn plain_name(name: &str) -> Result<(), BrickStoreError> {
    let plain = !name.is_empty()
        && name.len() <= 200
        && !name.starts_with('.')
        && !name.chars().any(|letter| letter.is_control() || "/\\:*?\"<>|".contains(letter));
    if plain {
        return Ok(());
    }
    Err(BrickStoreError::BadArgument(format!("“{name}” can't be the name of a file")))
}

/// Writes a file under the first free name: `name`, `name (2)`, `name (3)`...
fn write_new(
    folder: &Path,
    name: &str,
    container: Container,
    file: &[u8],
) -> Result<PathBuf, BrickStoreError> {
    for number in 1..=MOST_NAMES {
        let count = if number == 1 { String::new() } else { format!(" ({number})") };
        let path = folder.join(format!("{name}{count}.{}", container.extension()));
        match std::fs::OpenOptions::new().write(true).create_new(true).open(&path) {
            Ok(mut open) => {
                let written = std::io::Write::write_all(&mut open, file);
                return written.map(|()| path.clone()).map_err(|error| {
                    // Half a picture is worse than none.
                    let _ = std::fs::remove_file(&path);
                    unwritable(&path, &error)
                });
            }
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(unwritable(&path, &error)),
        }
    }
    Err(BrickStoreError::Other(format!("{} has {MOST_NAMES} files named {name}", folder.display())))
}

fn unwritable(path: &Path, error: &std::io::Error) -> BrickStoreError {
    match error.kind() {
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
            BrickStoreError::NoSpace(format!("the disk is full, {} was not written", path.display()))
        }
        _ => BrickStoreError::Other(format!("{} can't be written: {error}", path.display())),
    }
}

fn image_request(request: TextRequest) -> Result<ImageRequest, JobError> {
    let extra = Extra::read(request.extra.as_deref())?;
    let bad = |what: &str, error: &dyn std::fmt::Display| JobError::BadArgument(format!("{what}: {error}"));
    let sampling = request.sampling;
    Ok(ImageRequest {
        prompt: request.prompt,
        negative: request.negative,
        width: request.width,
        height: request.height,
        steps: sampling.steps,
        guidance: sampling.guidance,
        sampler: sampling.sampler.map(|id| id.parse()).transpose().map_err(|error| bad("sampler", &error))?,
        schedule: sampling
            .schedule
            .map(|id| id.parse())
            .transpose()
            .map_err(|error| bad("schedule", &error))?,
        seed: sampling.seed,
        clip_skip: extra.clip_skip,
    })
}

/// The open-ended options of a request.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Extra {
    clip_skip: u32,
}

impl Extra {
    fn read(text: Option<&str>) -> Result<Self, JobError> {
        let Some(text) = text else { return Ok(Self::default()) };
        serde_json::from_str(text).map_err(|error| JobError::BadArgument(format!("extra: {error}")))
    }
}

fn model_info(model: &InstalledModel) -> ModelInfo {
    ModelInfo {
        id: model.id.clone(),
        family: model.family.to_string(),
        label: model.label.clone(),
        bytes: model.bytes,
        size_multiple: model.size_multiple,
        native_size: model.native_size,
    }
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

fn data_url(picture: Picture) -> Result<String, JobError> {
    let jpeg = encode(&image(picture)?, Container::Jpeg, PREVIEW_QUALITY)
        .map_err(|error| JobError::Other(error.to_string()))?;
    Ok(format!("data:image/jpeg;base64,{}", STANDARD.encode(jpeg)))
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
        EngineError::OutOfMemory { .. } => JobError::OutOfMemory(error.to_string()),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_name_cannot_be_a_path() {
        for wrong in ["", "../a", "a/b", "a\\b", ".hidden", "a\0b", "c:d"] {
            assert!(plain_name(wrong).is_err(), "{wrong:?}");
        }
        assert!(plain_name("2026-11-23 red apple (1)").is_ok());
    }

    #[test]
    fn a_taken_name_gets_a_number_and_nothing_is_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        for (content, expected) in [("one", "a.png"), ("two", "a (2).png"), ("three", "a (3).png")] {
            let path = write_new(folder.path(), "a", Container::Png, content.as_bytes()).unwrap();
            assert_eq!(path.file_name().unwrap(), expected);
            assert_eq!(std::fs::read_to_string(path).unwrap(), content);
        }
    }

    #[test]
    fn unknown_extra_options_are_refused_by_name() {
        let refused = Extra::read(Some("{\"clip_skp\": 1}")).unwrap_err().to_string();
        assert!(refused.contains("clip_skp"), "{refused}");
    }
}
