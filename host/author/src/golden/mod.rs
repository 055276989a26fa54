//! Golden tests: a brick runs in the real runtime, against a studio whose models, stores and network give the same
//! answers every time, and what it gives is compared with what it gave before.

mod case;
mod compare;
mod fake;
mod pattern;

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use qpyt_bricks::{Binary, BrickInfo, CancellationToken, RunError, RunOutcome, RunRequest, Usage};
use serde::{Serialize, Serializer};

use self::case::Case;
pub use self::fake::Ask;
use self::fake::FakeStudio;
pub use self::pattern::paint;
use crate::{AuthorError, FileError, schema};

const MAX_CASES: usize = 1000;

/// What one case showed.
#[derive(Debug, Serialize)]
pub struct CaseReport {
    /// Name of the file without its extension.
    pub name: String,
    /// The brick that ran.
    pub brick: String,
    /// Whether everything was as expected.
    pub passed: bool,
    /// Whether the golden was written.
    pub updated: bool,
    /// What was not as expected.
    pub problems: Vec<String>,
    /// What the run took; none if it failed.
    pub usage: Option<CaseUsage>,
    /// What it asked of the studio, in order.
    pub calls: Vec<String>,
    /// What a person would have to allow.
    pub asks: Vec<Ask>,
    /// What it logged.
    pub log: Vec<String>,
}

/// What a run took.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct CaseUsage {
    /// Computing time.
    #[serde(rename = "cpu_ms", serialize_with = "milliseconds")]
    pub cpu: Duration,
    /// Time from start to end.
    #[serde(rename = "wall_ms", serialize_with = "milliseconds")]
    pub wall: Duration,
    /// The most bytes it held at once.
    pub peak_memory: u64,
    /// Bytes that were copied between host and brick.
    pub bytes_copied: u64,
    /// Handles that it had not let go of.
    pub open_handles: usize,
}

fn milliseconds<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64((time.as_secs_f64() * 1e6).round() / 1e3)
}

impl From<Usage> for CaseUsage {
    fn from(usage: Usage) -> Self {
        Self {
            cpu: usage.cpu,
            wall: usage.wall,
            peak_memory: usage.peak_memory,
            bytes_copied: usage.bytes_copied,
            open_handles: usage.open_handles,
        }
    }
}

/// Runs all cases in `folder`, by name. With `update` what the brick gives becomes what is expected.
///
/// # Errors
/// When there are no cases or one can't be read; a case that fails is in its report.
pub async fn run_all(binary: &Binary, folder: &Path, update: bool) -> Result<Vec<CaseReport>, AuthorError> {
    let mut reports = Vec::new();
    for file in case_files(folder)? {
        reports.push(run_one(binary, &file, update).await?);
    }
    Ok(reports)
}

fn case_files(folder: &Path) -> Result<Vec<PathBuf>, AuthorError> {
    let entries = fs::read_dir(folder).map_err(|_| AuthorError::NoCases(folder.to_owned()))?;
    let is_case = |path: &PathBuf| path.extension() == Some(OsStr::new("json")) && path.is_file();
    let mut files: Vec<_> =
        entries.filter_map(|entry| Some(entry.ok()?.path())).filter(is_case).take(MAX_CASES).collect();
    files.sort();
    if files.is_empty() { Err(AuthorError::NoCases(folder.to_owned())) } else { Ok(files) }
}

async fn run_one(binary: &Binary, file: &Path, update: bool) -> Result<CaseReport, AuthorError> {
    let mut case = Case::read(file)?;
    let brick = brick_of(binary, &case).map_err(|problem| case.wrong(problem))?;
    let (params, pictures) = case.params()?;
    let studio = Arc::new(FakeStudio::new(case.http.clone(), pictures));
    let params = schema::with_defaults(&brick.params_schema, &params, case.seed).into();
    check_params(brick, &params).map_err(|problem| case.wrong(problem))?;
    let request = RunRequest {
        brick: brick.id.clone(),
        inputs: case.inputs(&brick.inputs)?,
        params,
        seed: case.seed,
        state: None,
        limits: None,
        cancel: CancellationToken::new(),
        host: studio.clone(),
    };
    let result = binary.run(request).await;
    let seen = studio.seen();
    let mut problems = Vec::new();
    if update {
        case.update(brick, &result, &seen.calls)?;
    } else {
        problems = case.compare(brick, &result, &seen.calls)?;
    }
    Ok(CaseReport {
        name: case.name.clone(),
        brick: brick.id.clone(),
        passed: problems.is_empty(),
        updated: update,
        problems,
        usage: result.ok().map(|RunOutcome { usage, .. }| usage.into()),
        calls: seen.calls,
        asks: seen.asks,
        log: seen.log,
    })
}

/// The studio checks parameters before each run, so the brick may rely on it here too.
fn check_params(brick: &BrickInfo, params: &serde_json::Value) -> Result<(), String> {
    let validator = schema::compile(&brick.params_schema)?;
    validator.validate(params).map_err(|error| format!("its params don't fit the brick's schema: {error}"))
}

fn brick_of<'a>(binary: &'a Binary, case: &Case) -> Result<&'a BrickInfo, String> {
    let ids = || {
        let ids: Vec<_> = binary.bricks().iter().map(|brick| format!("\"{}\"", brick.id)).collect();
        ids.join(", ")
    };
    match (&case.brick, binary.bricks()) {
        (None, [only]) => Ok(only),
        (None, _) => {
            Err(format!("the component holds several bricks; say which with \"brick\": one of {}", ids()))
        }
        (Some(id), bricks) => bricks
            .iter()
            .find(|brick| brick.id == *id)
            .ok_or_else(|| format!("the component holds no brick `{id}`; it holds {}", ids())),
    }
}

/// How a failed run is told and compared: its code and its message.
fn told(error: &RunError) -> String {
    format!("{}: {error}", error.code())
}

/// Writes `content` unless the file has it already.
fn write(path: &Path, content: &[u8]) -> Result<(), FileError> {
    crate::files::replace(path, content).map(drop)
}
