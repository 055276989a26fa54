//! The gallery: what the output bricks kept.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::blocking;
use super::error::{ApiError, ErrorBody};
use super::extract::ApiQuery;
use crate::jobs::view::ResultView;
use crate::studio::Studio;

/// Results in one page, unless asked otherwise.
const PAGE: u32 = 50;

pub fn routes() -> OpenApiRouter<Arc<Studio>> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(delete))
}

/// Which results.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct GalleryPage {
    /// At most that many (1..=200).
    limit: Option<u32>,
    /// Only results older than the one with this id.
    before: Option<i64>,
}

/// Results, newest first.
#[derive(Serialize, ToSchema)]
pub struct ResultList {
    /// The results.
    results: Vec<ResultView>,
}

/// List the gallery, newest first
#[utoipa::path(get, path = "/api/gallery", operation_id = "list_gallery", tag = "gallery", params(GalleryPage), responses((status = 200, description = "What was asked for", body = ResultList)))]
async fn list(
    State(studio): State<Arc<Studio>>,
    ApiQuery(page): ApiQuery<GalleryPage>,
) -> Result<Json<ResultList>, ApiError> {
    let limit = page.limit.unwrap_or(PAGE).clamp(1, 200);
    let entries = blocking(move || studio.store.gallery(limit, page.before)).await??;
    Ok(Json(ResultList { results: entries.iter().map(ResultView::from).collect() }))
}

/// Take a picture out of the gallery
#[utoipa::path(delete, path = "/api/gallery/{id}", operation_id = "delete_result", tag = "gallery", params(("id" = i64, Path, description = "The result")),
    responses((status = 204, description = "Done"), (status = 404, description = "There is no such thing", body = ErrorBody)))]
async fn delete(State(studio): State<Arc<Studio>>, Path(id): Path<String>) -> Result<StatusCode, ApiError> {
    let id = id.parse().map_err(|_| ApiError::bad_request("bad-id", "A result's id is a number."))?;
    blocking(move || studio.store.delete_result(id)).await??;
    Ok(StatusCode::NO_CONTENT)
}
