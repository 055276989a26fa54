//! What bricks can ask of the studio, as traits that the studio implements. There is one [`Host`] per run, so it
//! knows which brick of which job is asking; the runtime calls only what the brick's `uses` names.

mod error;
mod language;
mod network;
mod painting;
mod vision;

pub use error::{HttpError, JobError, StoreError};
pub use language::{ChatRequest, Completion, Finish, Message, Role};
pub use network::{Header, HttpRequest, HttpResponse, Method, SecretHandle};
pub use painting::{Adapter, Control, Guides, Painting, Sampling, Start, TextRequest};
pub use vision::{Detail, Upscaling};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use wasmtime::component::{ComponentType, Lift, Lower};

use crate::{
    Digest,
    media::{Container, Image},
};

/// Everything that one run may ask for.
pub trait Host:
    Imaging + Vision + Language + Models + Content + Gallery + Files + Http + Secrets + Reporter + Clock
{
}

impl<T> Host for T where
    T: Imaging + Vision + Language + Models + Content + Gallery + Files + Http + Secrets + Reporter + Clock
{
}

/// Painting (`qpyt:ai/imaging`).
///
/// A call may be dropped before it is done (the job was cancelled or its time is up); stop the work then.
#[async_trait]
pub trait Imaging: Send + Sync {
    /// Paints a picture. The numbers are the brick's and may lie outside their ranges; the counts are within bounds.
    async fn paint(&self, painting: Painting) -> Result<Image, JobError>;
}

/// Looking at pictures and enlarging them (`qpyt:ai/vision`).
///
/// A call may be dropped before it is done; stop the work then.
#[async_trait]
pub trait Vision: Send + Sync {
    /// What stands out, as luma8 of the source's size.
    async fn matte(&self, model: String, source: Image) -> Result<Image, JobError>;
    /// How near things are, as luma32f of the source's size.
    async fn depth(&self, model: String, source: Image) -> Result<Image, JobError>;
    /// What is to be seen.
    async fn caption(&self, model: String, source: Image, detail: Detail) -> Result<String, JobError>;
    /// The source enlarged, in its own format. Factor and tile are within the contract's bounds.
    async fn upscale(&self, model: String, source: Image, upscaling: Upscaling) -> Result<Image, JobError>;
}

/// Writing and translating (`qpyt:ai/language`). What is asked for is within the contract's bounds.
///
/// A call may be dropped before it is done; stop the work then.
#[async_trait]
pub trait Language: Send + Sync {
    /// Answers a conversation.
    async fn complete(&self, request: ChatRequest) -> Result<Completion, JobError>;
    /// Translates a text.
    async fn translate(&self, model: String, text: String) -> Result<String, JobError>;
}

/// What is installed (`qpyt:ai/models`).
#[async_trait]
pub trait Models: Send + Sync {
    /// The model of that id.
    async fn find_model(&self, id: String) -> Option<ModelInfo>;
    /// How the model of that id is run where nobody says otherwise; none of what does not paint.
    async fn find_usual_sampling(&self, id: String) -> Option<UsualSampling>;
    /// All models, or those of one family.
    async fn list_models(&self, family: Option<String>) -> Vec<ModelInfo>;
}

/// Pictures by digest (`qpyt:store/content`).
#[async_trait]
pub trait Content: Send + Sync {
    /// Opens a picture that was uploaded or made before.
    async fn open(&self, digest: Digest) -> Result<Image, StoreError>;
}

/// The person's gallery (`qpyt:store/gallery`).
#[async_trait]
pub trait Gallery: Send + Sync {
    /// Keeps `picture` as a result of the job; `info` (a JSON object) describes how it was made.
    async fn save(
        &self,
        picture: Image,
        title: String,
        container: Container,
        quality: u8,
        info: serde_json::Value,
    ) -> Result<Saved, StoreError>;
}

/// Folders on the person's disk (`qpyt:store/files`). Whether the brick was granted the folder is for the
/// implementation to check.
#[async_trait]
pub trait Files: Send + Sync {
    /// Writes `picture` into `folder` as `name` plus the container's extension, never over a file that is there.
    /// Gives the path written.
    async fn save(
        &self,
        picture: Image,
        folder: String,
        name: String,
        container: Container,
        quality: u8,
    ) -> Result<String, StoreError>;
}

/// The network (`qpyt:store/http`). Whether the brick was granted the host is for the implementation to check.
///
/// A call may be dropped before it is done (the job was cancelled or its time is up); close the connection then.
#[async_trait]
pub trait Http: Send + Sync {
    /// Sends `request`, with `bearer` in its head if there is one, and gives the whole response. Redirects are not
    /// followed. A body of more than `most` bytes is not read to its end.
    async fn send(
        &self,
        request: HttpRequest,
        bearer: Option<SecretHandle>,
        most: u64,
    ) -> Result<HttpResponse, HttpError>;
}

/// Secrets that the person stored (`qpyt:store/secrets`). Whether the brick was granted one is for the implementation
/// to check.
#[async_trait]
pub trait Secrets: Send + Sync {
    /// The secret of that name.
    async fn get(&self, name: String) -> Result<SecretHandle, StoreError>;
}

/// Where a run's log and progress go (`qpyt:job/context`). Called on the run's own task: return at once.
pub trait Reporter: Send + Sync {
    /// A line for the brick's log, at most 4 KiB. How many come is limited by `log_lines`.
    fn log(&self, level: Level, message: &str);
    /// How far the run is, 0..1, with a note of at most 200 characters. At most one in 20 ms, besides the last.
    fn progress(&self, fraction: f32, note: &str);
}

/// The date and time (`qpyt:job/clock`).
pub trait Clock: Send + Sync {
    /// The moment in local time.
    fn now(&self) -> Moment;
}

/// How much a log line matters.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ComponentType, Lift, Lower,
)]
#[serde(rename_all = "lowercase")]
#[component(enum)]
#[repr(u8)]
pub enum Level {
    /// For the closest look.
    #[component(name = "trace")]
    Trace,
    /// For the brick's author.
    #[component(name = "debug")]
    Debug,
    /// What goes on.
    #[component(name = "info")]
    Info,
    /// Something the person may want to change.
    #[component(name = "warn")]
    Warn,
    /// Something went wrong.
    #[component(name = "error")]
    Error,
}

/// One installed model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ComponentType, Lower)]
#[component(record)]
pub struct ModelInfo {
    /// Stable id, used in requests and documents.
    pub id: String,
    /// Family, such as `stable-diffusion`.
    pub family: String,
    /// Name for the person.
    pub label: String,
    /// Bytes on disk.
    pub bytes: u64,
    /// Side lengths must be multiples of this many pixels.
    #[component(name = "size-multiple")]
    pub size_multiple: u32,
    /// The side length that the model was trained at, in pixels.
    #[component(name = "native-size")]
    pub native_size: u32,
}

/// How a model is run where nobody says otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ComponentType, Lower)]
#[component(record)]
pub struct UsualSampling {
    /// 1..150
    pub steps: u32,
    /// 0..30; 1 for models that were made to work without guidance.
    pub guidance: f32,
    /// False where guidance means nothing to the model.
    pub guided: bool,
}

/// A moment in local time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ComponentType, Lower)]
#[component(record)]
pub struct Moment {
    /// Year of the common era.
    pub year: u16,
    /// 1..12
    pub month: u8,
    /// 1..31
    pub day: u8,
    /// 0..23
    pub hour: u8,
    /// 0..59
    pub minute: u8,
    /// 0..60
    pub second: u8,
}

/// What the gallery kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ComponentType, Lower)]
#[component(record)]
pub struct Saved {
    /// Id of the gallery's entry.
    pub id: String,
    /// Digest of the file, `blake3:...`.
    pub file: String,
}
