//! What bricks can ask of the studio, as traits that the studio implements. There is one [`Host`] per run, so it
//! knows which brick of which job is asking; the runtime calls only what the brick's `uses` names.

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

/// Inference: text and image to image (`qpyt:ai/imaging`).
///
/// A call may be dropped before it is done (the job was cancelled or its time is up); stop the work then.
#[async_trait]
pub trait Imaging: Send + Sync {
    /// Paints from noise.
    async fn text_to_image(&self, request: TextRequest) -> Result<Image, JobError>;
    /// Repaints `source`, scaled to the requested size. `strength` says how much of it may change; the runtime
    /// passes on what the brick gave, which may lie outside 0..1.
    async fn image_to_image(
        &self,
        request: TextRequest,
        source: Image,
        strength: f32,
    ) -> Result<Image, JobError>;
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

/// How latents are sampled.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ComponentType, Lift)]
#[component(record)]
pub struct Sampling {
    /// Number of steps.
    pub steps: u32,
    /// Classifier-free guidance scale; 1 and below is off.
    pub guidance: f32,
    /// Canonical sampler id; none: what the model names.
    pub sampler: Option<String>,
    /// Canonical schedule id; none: what the model names.
    pub schedule: Option<String>,
    /// Seed of the start noise.
    pub seed: u64,
}

/// What to paint. The numbers are the brick's: the implementation checks their ranges.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ComponentType, Lift)]
#[component(record)]
pub struct TextRequest {
    /// Id of an installed model.
    pub model: String,
    /// What should be seen.
    pub prompt: String,
    /// What should not be seen.
    pub negative: String,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// How latents are sampled.
    pub sampling: Sampling,
    /// Further options as a JSON object.
    pub extra: Option<String>,
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

/// How much to say about a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ComponentType, Lift)]
#[serde(rename_all = "lowercase")]
#[component(enum)]
#[repr(u8)]
pub enum Detail {
    /// One sentence.
    #[component(name = "sentence")]
    Sentence,
    /// A few sentences.
    #[component(name = "sentences")]
    Sentences,
    /// All of it.
    #[component(name = "paragraph")]
    Paragraph,
    /// Words and short phrases, separated by commas.
    #[component(name = "tags")]
    Tags,
}

/// How to enlarge a picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Upscaling {
    /// Times as many pixels per side.
    pub factor: f32,
    /// Side of the pieces that the work is cut into, in pixels.
    pub tile: Option<u32>,
}

impl Upscaling {
    /// The size, in pixels, that a picture of `width`×`height` gets.
    pub fn size_of(self, width: u32, height: u32) -> (u32, u32) {
        let side = |side: u32| (f64::from(side) * f64::from(self.factor)).round().max(1.0) as u32;
        (side(width), side(height))
    }
}

/// Who says something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ComponentType, Lift)]
#[serde(rename_all = "lowercase")]
#[component(enum)]
#[repr(u8)]
pub enum Role {
    /// What the model is told to be.
    #[component(name = "system")]
    System,
    /// The person.
    #[component(name = "user")]
    User,
    /// The model.
    #[component(name = "assistant")]
    Assistant,
}

/// A part of a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ComponentType, Lift)]
#[component(record)]
pub struct Message {
    /// Who says it.
    pub role: Role,
    /// What is said.
    pub content: String,
}

/// What to answer, and how.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ComponentType, Lift)]
#[component(record)]
pub struct ChatRequest {
    /// A model's id.
    pub model: String,
    /// The conversation so far.
    pub messages: Vec<Message>,
    /// Most tokens of the answer.
    #[component(name = "max-tokens")]
    pub max_tokens: u32,
    /// 0 takes the likeliest token each time.
    pub temperature: f32,
    /// Share of the likeliest tokens that are drawn from.
    #[component(name = "top-p")]
    pub top_p: f32,
    /// Seed of the draws.
    pub seed: u64,
    /// Further options, a JSON object.
    pub extra: Option<String>,
}

/// Why an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ComponentType, Lower)]
#[serde(rename_all = "lowercase")]
#[component(enum)]
#[repr(u8)]
pub enum Finish {
    /// The model said all.
    #[component(name = "stop")]
    Stop,
    /// It has as many tokens as were asked for.
    #[component(name = "length")]
    Length,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ComponentType, Lower)]
#[component(record)]
pub struct Completion {
    /// The answer.
    pub text: String,
    /// Tokens that were read.
    #[component(name = "prompt-tokens")]
    pub prompt_tokens: u32,
    /// Tokens that were written.
    #[component(name = "output-tokens")]
    pub output_tokens: u32,
    /// Why it ended.
    pub finish: Finish,
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

/// What stands for a secret in a run: its name. The value stays in the studio, and the brick has nothing but a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretHandle(String);

impl SecretHandle {
    /// For the secret `name`.
    pub fn new(name: String) -> Self {
        Self(name)
    }

    /// The name under which the person stored it.
    pub fn name(&self) -> &str {
        &self.0
    }
}

/// What a request does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ComponentType, Lift)]
#[serde(rename_all = "UPPERCASE")]
#[component(enum)]
#[repr(u8)]
pub enum Method {
    /// Reads.
    #[component(name = "get")]
    Get,
    /// Reads the head only.
    #[component(name = "head")]
    Head,
    /// Hands over.
    #[component(name = "post")]
    Post,
    /// Writes the whole.
    #[component(name = "put")]
    Put,
    /// Changes a part.
    #[component(name = "patch")]
    Patch,
    /// Removes.
    #[component(name = "delete")]
    Delete,
}

impl Method {
    /// As it stands in a request: `GET`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

/// A line of a request's or a response's head.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ComponentType, Lower)]
#[component(record)]
pub struct Header {
    /// Its name, in any case.
    pub name: String,
    /// Its value.
    pub value: String,
}

/// A request to a server. Its parts are within the contract's bounds; what they say is the brick's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpRequest {
    /// What it does.
    pub method: Method,
    /// To where.
    pub url: String,
    /// Further lines of its head.
    pub headers: Vec<Header>,
    /// Its body.
    pub body: Vec<u8>,
}

/// A server's answer.
#[derive(Debug, Clone, PartialEq, Eq, ComponentType, Lower)]
#[component(record)]
pub struct HttpResponse {
    /// The status, such as 200.
    pub status: u16,
    /// Its head.
    pub headers: Vec<Header>,
    /// Its body.
    pub body: Vec<u8>,
}

/// Why there is no response.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, ComponentType, Lower)]
#[component(variant)]
pub enum HttpError {
    /// What is not allowed and how to allow it.
    #[error("{0}")]
    #[component(name = "denied")]
    Denied(String),
    /// Which part of the request is wrong and what it may be.
    #[error("{0}")]
    #[component(name = "bad-argument")]
    BadArgument(String),
    /// What could not be reached and why.
    #[error("{0}")]
    #[component(name = "unreachable")]
    Unreachable(String),
    /// There was no whole response in time.
    #[error("the server did not answer in time")]
    #[component(name = "timed-out")]
    TimedOut,
    /// The response has more than this many bytes.
    #[error("the response has more than {0} bytes")]
    #[component(name = "too-large")]
    TooLarge(u64),
    /// Anything else.
    #[error("{0}")]
    #[component(name = "other")]
    Other(String),
}

/// Why work that the host did for a brick failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, ComponentType, Lower)]
#[component(variant)]
pub enum JobError {
    /// The person stopped the job.
    #[error("the job was cancelled")]
    #[component(name = "cancelled")]
    Cancelled,
    /// The job's time is up.
    #[error("the time for this job is up")]
    #[component(name = "timed-out")]
    TimedOut,
    /// What is not allowed and how to allow it.
    #[error("{0}")]
    #[component(name = "denied")]
    Denied(String),
    /// Which argument is wrong and what it may be.
    #[error("{0}")]
    #[component(name = "bad-argument")]
    BadArgument(String),
    /// Name of the model that is not installed.
    #[error("the model `{0}` is not installed")]
    #[component(name = "model-missing")]
    ModelMissing(String),
    /// Which file of which model can't be read, and why.
    #[error("{0}")]
    #[component(name = "model-broken")]
    ModelBroken(String),
    /// What was needed and what there is, with sizes.
    #[error("{0}")]
    #[component(name = "out-of-memory")]
    OutOfMemory(String),
    /// Anything else.
    #[error("{0}")]
    #[component(name = "other")]
    Other(String),
}

/// Why the store refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, ComponentType, Lower)]
#[component(variant)]
pub enum StoreError {
    /// What is not allowed and how to allow it.
    #[error("{0}")]
    #[component(name = "denied")]
    Denied(String),
    /// What was not found.
    #[error("{0}")]
    #[component(name = "not-found")]
    NotFound(String),
    /// Which argument is wrong and what it may be.
    #[error("{0}")]
    #[component(name = "bad-argument")]
    BadArgument(String),
    /// What is full.
    #[error("{0}")]
    #[component(name = "no-space")]
    NoSpace(String),
    /// Anything else.
    #[error("{0}")]
    #[component(name = "other")]
    Other(String),
}
