//! Jobs: send, look, stop, remove.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use qpyt_workflow::Document;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::blocking;
use super::error::{ApiError, ErrorBody, ProblemBody};
use super::extract::{ApiJson, ApiQuery};
use crate::jobs::view::JobView;
use crate::jobs::{Submission, SubmitError};
use crate::store::{JobId, StoreError};
use crate::studio::Studio;

/// Jobs in one page, and at most that many.
const PAGE: u32 = 50;

pub fn routes() -> OpenApiRouter<Arc<Studio>> {
    OpenApiRouter::new()
        .routes(routes!(check))
        .routes(routes!(submit, list))
        .routes(routes!(show, delete))
        .routes(routes!(cancel))
}

/// A document to look at.
#[derive(Deserialize, ToSchema)]
pub struct Check {
    /// The workflow.
    document: Value,
}

/// What is wrong with a document; empty when it can run.
#[derive(Serialize, ToSchema)]
pub struct Problems {
    /// Everything that is wrong.
    problems: Vec<ProblemBody>,
}

/// A document to run.
#[derive(Deserialize, ToSchema)]
pub struct Submit {
    /// Chosen by the client; sending the same job twice with one id makes one job.
    #[serde(default)]
    id: Option<Uuid>,
    /// The workflow.
    document: Value,
    /// Instance ids to run up to; empty: all.
    #[serde(default)]
    targets: Vec<String>,
}

/// Which jobs.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct JobsPage {
    /// At most that many (1..=200).
    limit: Option<u32>,
    /// Only jobs older than the one with this `number`.
    before: Option<i64>,
}

/// Jobs, newest first.
#[derive(Serialize, ToSchema)]
pub struct JobList {
    /// The jobs, without their documents.
    jobs: Vec<JobView>,
}

/// Say what is wrong with a workflow
#[utoipa::path(post, path = "/api/check", operation_id = "check_document", tag = "jobs", request_body = Check,
    responses((status = 200, description = "What was asked for", body = Problems), (status = 400, description = "The request is not right", body = ErrorBody)))]
async fn check(
    State(studio): State<Arc<Studio>>,
    ApiJson(body): ApiJson<Check>,
) -> Result<Json<Problems>, ApiError> {
    let document = read(body.document)?;
    let problems = blocking(move || studio.jobs.check(&document)).await?;
    Ok(Json(Problems { problems: problems.iter().map(ProblemBody::from).collect() }))
}

/// Run a workflow
///
/// Answers at once; follow `/api/events` for what happens.
#[utoipa::path(post, path = "/api/jobs", operation_id = "submit_job", tag = "jobs", request_body = Submit,
    responses((status = 202, description = "It is queued", body = JobView), (status = 400, description = "The request is not right", body = ErrorBody), (status = 409, description = "It is not possible as things stand", body = ErrorBody),
              (status = 429, description = "The queue is full", body = ErrorBody)))]
async fn submit(
    State(studio): State<Arc<Studio>>,
    ApiJson(body): ApiJson<Submit>,
) -> Result<(StatusCode, Json<JobView>), ApiError> {
    let document = read(body.document)?;
    let submission = Submission { id: body.id.map(JobId), document, targets: body.targets };
    let job = studio.jobs.submit(submission).await.map_err(|error| match error {
        SubmitError::Problems(problems) => ApiError::problems(&problems),
        SubmitError::Store(error) => error.into(),
    })?;
    Ok((StatusCode::ACCEPTED, Json(job)))
}

/// List jobs, newest first
#[utoipa::path(get, path = "/api/jobs", operation_id = "list_jobs", tag = "jobs", params(JobsPage), responses((status = 200, description = "What was asked for", body = JobList)))]
async fn list(
    State(studio): State<Arc<Studio>>,
    ApiQuery(page): ApiQuery<JobsPage>,
) -> Result<Json<JobList>, ApiError> {
    let limit = page.limit.unwrap_or(PAGE).clamp(1, 200);
    Ok(Json(JobList { jobs: studio.jobs.list(limit, page.before).await? }))
}

/// Show a job with its document
#[utoipa::path(get, path = "/api/jobs/{id}", operation_id = "show_job", tag = "jobs", params(("id" = Uuid, Path, description = "The job")),
    responses((status = 200, description = "What was asked for", body = JobView), (status = 404, description = "There is no such thing", body = ErrorBody)))]
async fn show(State(studio): State<Arc<Studio>>, Path(id): Path<String>) -> Result<Json<JobView>, ApiError> {
    Ok(Json(studio.jobs.get_whole(parse(&id)?).await?))
}

/// Stop a job
///
/// A waiting job is cancelled at once, a running one within its current step. A finished one stays as it is.
#[utoipa::path(post, path = "/api/jobs/{id}/cancel", operation_id = "cancel_job", tag = "jobs", params(("id" = Uuid, Path, description = "The job")),
    responses((status = 200, description = "What was asked for", body = JobView), (status = 404, description = "There is no such thing", body = ErrorBody)))]
async fn cancel(
    State(studio): State<Arc<Studio>>,
    Path(id): Path<String>,
) -> Result<Json<JobView>, ApiError> {
    Ok(Json(studio.jobs.cancel(parse(&id)?).await?))
}

/// Remove a finished job from the history
///
/// Its pictures stay in the gallery.
#[utoipa::path(delete, path = "/api/jobs/{id}", operation_id = "delete_job", tag = "jobs", params(("id" = Uuid, Path, description = "The job")),
    responses((status = 204, description = "Done"), (status = 404, description = "There is no such thing", body = ErrorBody), (status = 409, description = "It is not possible as things stand", body = ErrorBody)))]
async fn delete(State(studio): State<Arc<Studio>>, Path(id): Path<String>) -> Result<StatusCode, ApiError> {
    studio.jobs.delete(parse(&id)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn parse(id: &str) -> Result<JobId, ApiError> {
    id.parse().map_err(|_| ApiError::bad_request("bad-id", "A job's id is a UUID."))
}

/// Reads the document inside a request.
pub(super) fn read(document: Value) -> Result<Document, ApiError> {
    Document::try_from(document)
        .map_err(|error| ApiError::bad_request("malformed-document", error.to_string()))
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        let status = match &error {
            StoreError::NoJob(_)
            | StoreError::NoResult(_)
            | StoreError::NoGrant(_)
            | StoreError::NoSecret(_)
            | StoreError::NoWorkflow(_)
            | StoreError::NoContent(_) => StatusCode::NOT_FOUND,
            StoreError::JobConflict(_) | StoreError::JobNotFinished(_) | StoreError::WorkflowExists(_) => {
                StatusCode::CONFLICT
            }
            StoreError::BadSecret(_) => StatusCode::BAD_REQUEST,
            StoreError::QueueFull { .. } => StatusCode::TOO_MANY_REQUESTS,
            StoreError::DocumentTooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            StoreError::NoSpace { .. } => StatusCode::INSUFFICIENT_STORAGE,
            _ => return Self::internal(error),
        };
        Self::new(status, error.code(), error.to_string())
    }
}
