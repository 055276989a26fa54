//! How far a job is, brick by brick: what events tell, what the job's row keeps and what the browser draws.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Where one brick of a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum BrickState {
    /// Waits for its turn.
    Pending,
    /// Runs now.
    Running,
    /// Ran and gave its outputs.
    Done,
    /// Its outputs were known from an earlier run.
    Cached,
    /// Ran and failed; the job's error says why.
    Failed,
    /// Never ran, because the job ended before.
    Skipped,
}

/// One brick's part of a job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BrickProgress {
    /// Where it stands.
    pub state: BrickState,
    /// 0..1 while it runs, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fraction: Option<f32>,
    /// Sampling steps done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<u32>,
    /// Sampling steps in all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steps: Option<u32>,
    /// What it is doing.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
    /// What the person should know of its result, such as what of the request was left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// What a model has written so far; of a long text the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Digest of the version of the brick that ran.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// What came out, by port.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub outputs: BTreeMap<String, Vec<ValueSummary>>,
}

impl BrickProgress {
    /// A brick that has only its state to tell.
    pub fn at(state: BrickState) -> Self {
        Self {
            state,
            fraction: None,
            step: None,
            steps: None,
            note: String::new(),
            notes: Vec::new(),
            text: None,
            digest: None,
            outputs: BTreeMap::new(),
        }
    }
}

/// A job's bricks by instance id.
pub type Bricks = BTreeMap<String, BrickProgress>;

/// What a port carried, small enough for an event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum ValueSummary {
    /// A picture in the content store.
    Image {
        /// `blake3:…`, served at `/api/content/{digest}`.
        digest: String,
        /// Pixels.
        width: u32,
        /// Pixels.
        height: u32,
    },
    /// A block of numbers.
    Tensor {
        /// `blake3:…`
        digest: String,
        /// Sizes of its axes.
        shape: Vec<u32>,
    },
    /// A text.
    Text {
        /// The text.
        value: String,
    },
    /// A number.
    Number {
        /// The number.
        value: f64,
    },
    /// Yes or no.
    Boolean {
        /// The answer.
        value: bool,
    },
    /// Structured data.
    Json {
        /// The data.
        value: serde_json::Value,
    },
}

/// A message about a running brick that is not kept: only the newest counts.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ProgressUpdate {
    /// The job.
    pub job: String,
    /// The brick's instance id.
    pub brick: String,
    /// 0..1
    pub fraction: f32,
    /// Sampling steps done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<u32>,
    /// Sampling steps in all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub steps: Option<u32>,
    /// What it is doing.
    pub note: String,
    /// What the person should know of its result, so far.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// What a model has written so far; of a long text the end. Left out when nothing was added.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// A glimpse of the picture that is being made. Not kept.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Preview {
    /// The job.
    pub job: String,
    /// The brick's instance id.
    pub brick: String,
    /// Sampling steps done.
    pub step: u32,
    /// Sampling steps in all.
    pub steps: u32,
    /// A JPEG as data URL.
    pub image: String,
}
