//! What a brick would make, before a workflow is run.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::error::{ApiError, ErrorBody};
use super::extract::ApiJson;
use super::jobs::read;
use crate::preview::{PreviewError, PreviewRequest};
use crate::store::JobId;
use crate::studio::Studio;

pub fn routes() -> OpenApiRouter<Arc<Studio>> {
    OpenApiRouter::new().routes(routes!(make))
}

/// A brick to preview.
#[derive(Deserialize, ToSchema)]
pub struct PreviewBody {
    /// The workflow, with the parameters to try.
    document: Value,
    /// Instance id of the brick.
    brick: String,
    /// The job whose results feed the brick.
    job: Uuid,
    /// Any id that the client keeps: of each brick, it has one preview at a time, the newest.
    page: Uuid,
}

/// Preview a brick
///
/// Runs the brick alone on what an earlier job made for it, scaled down to at most 1024 pixels a side; nothing else is
/// run and nothing is kept. For bricks whose schema says `x-live-preview` and that ask for no powers. Refused with
/// `preview-stale` when what comes before the brick has changed since the job, with `preview-unfed` when the job did not
/// make what the brick takes, and with `preview-superseded` when a newer preview took its place.
#[utoipa::path(post, path = "/api/preview", operation_id = "preview_brick", tag = "jobs", request_body = PreviewBody,
    responses((status = 200, description = "The first picture that it makes", content_type = "image/png", body = Vec<u8>), (status = 400, description = "The request is not right", body = ErrorBody),
              (status = 404, description = "There is no such job", body = ErrorBody), (status = 409, description = "It is not possible as things stand", body = ErrorBody), (status = 422, description = "The brick failed", body = ErrorBody)))]
async fn make(
    State(studio): State<Arc<Studio>>,
    ApiJson(body): ApiJson<PreviewBody>,
) -> Result<Response, ApiError> {
    let PreviewBody { document, brick, job, page } = body;
    let request = PreviewRequest { document: read(document)?, brick, job: JobId(job), page };
    let file = studio.previews.make(request).await?;
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("image/png")),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    Ok((headers, file).into_response())
}

impl From<PreviewError> for ApiError {
    fn from(error: PreviewError) -> Self {
        let message = error.to_string();
        let (status, code) = match error {
            PreviewError::Problems(problems) => return Self::problems(&problems),
            PreviewError::Store(error) => return error.into(),
            PreviewError::Fault(error) => return Self::internal(error),
            PreviewError::NotOffered { .. } => (StatusCode::CONFLICT, "preview-not-offered"),
            PreviewError::Unfed => (StatusCode::CONFLICT, "preview-unfed"),
            PreviewError::Stale => (StatusCode::CONFLICT, "preview-stale"),
            PreviewError::Superseded => (StatusCode::CONFLICT, "preview-superseded"),
            PreviewError::NoPicture | PreviewError::Run(_) | PreviewError::Media(_) => {
                (StatusCode::UNPROCESSABLE_ENTITY, "preview-failed")
            }
        };
        Self::new(status, code, message)
    }
}
