//! Jobs and results as the HTTP API, the browser and `qpyt run --json` show them.

use qpyt_bricks::media::Container;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::progress::{Bricks, Preview};
use crate::store::{GalleryEntry, Job, JobId, JobState, Lane};

/// A job.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct JobView {
    /// Its id.
    #[schema(value_type = uuid::Uuid)]
    pub id: JobId,
    /// Its place in the order of creation; the key for paging.
    pub number: i64,
    /// What people call it.
    pub name: String,
    /// Where it is on its way.
    pub state: JobState,
    /// Whether it was asked to stop and has not yet.
    pub stopping: bool,
    /// Who takes it.
    pub lane: Lane,
    /// How many jobs of its lane are before it while it is queued; 0 is next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub position: Option<u32>,
    /// 1, or more after a restart.
    pub attempt: u32,
    /// When it was sent (RFC 3339).
    pub created_at: String,
    /// When it last began to run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_at: Option<String>,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<String>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<JobFailure>,
    /// How its bricks stand, by instance id.
    pub bricks: Bricks,
    /// What its picture looks like so far.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preview: Option<Preview>,
    /// What it added to the gallery.
    pub results: Vec<ResultView>,
    /// The number of the newest event about it.
    pub last_seq: i64,
    /// The document as it runs; only where one job is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub document: Option<serde_json::Value>,
}

impl JobView {
    /// A job as its row tells it, with what it added to the gallery.
    pub fn new(job: Job, results: Vec<GalleryEntry>) -> Self {
        Self {
            id: job.id,
            number: job.number,
            name: job.name,
            state: job.state,
            stopping: job.cancel_requested && !job.state.is_final(),
            lane: job.lane,
            position: job.queue_position,
            attempt: job.attempt,
            created_at: job.created_at.to_string(),
            started_at: job.started_at.map(|at| at.to_string()),
            finished_at: job.finished_at.map(|at| at.to_string()),
            error: job.error.and_then(|error| serde_json::from_value(error).ok()),
            bricks: serde_json::from_value(job.bricks).unwrap_or_default(),
            preview: None,
            results: results.iter().map(ResultView::from).collect(),
            last_seq: job.last_seq.0,
            document: None,
        }
    }
}

/// Why a job failed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct JobFailure {
    /// Stable, kebab-case.
    pub code: String,
    /// For the person.
    pub message: String,
    /// Instance id of the brick that failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub brick: Option<String>,
    /// The port or parameter it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// A picture in the gallery.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ResultView {
    /// Newer ones are greater.
    pub id: i64,
    /// The job that made it.
    pub job: String,
    /// The brick instance that kept it.
    pub brick: String,
    /// What people call it; may be empty.
    pub title: String,
    /// Digest of its pixels.
    pub image: String,
    /// Digest of the finished file.
    pub file: String,
    /// How the file is written: `png`, `jpeg` or `webp`.
    #[schema(value_type = String)]
    pub container: Container,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// Size of the file.
    pub bytes: u64,
    /// How it was made: model, prompt, seed...
    pub info: serde_json::Value,
    /// When (RFC 3339).
    pub created_at: String,
}

impl From<&GalleryEntry> for ResultView {
    fn from(entry: &GalleryEntry) -> Self {
        let picture = &entry.picture;
        Self {
            id: entry.id,
            job: picture.job.to_string(),
            brick: picture.brick.clone(),
            title: picture.title.clone(),
            image: picture.image.to_string(),
            file: picture.file.to_string(),
            container: picture.container,
            width: picture.width,
            height: picture.height,
            bytes: picture.bytes,
            info: picture.info.clone(),
            created_at: entry.created_at.to_string(),
        }
    }
}
