//! The installed bricks: what there is, how it fares, and which version serves.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use qpyt_bricks::Digest;
use qpyt_bricks::registry::PlaceError;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::blocking;
use super::error::{ApiError, ErrorBody};
use super::extract::{ApiJson, ApiQuery};
use crate::library::view::{Allowed, BrickList, BrickLog, LogLineView};
use crate::studio::Studio;

const MOST_LINES: usize = 500;

pub fn routes() -> OpenApiRouter<Arc<Studio>> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(log))
        .routes(routes!(select))
        .routes(routes!(use_anyway))
        .routes(routes!(release))
        .routes(routes!(forget))
}

/// List the installed bricks
#[utoipa::path(get, path = "/api/bricks", operation_id = "list_bricks", tag = "bricks", responses((status = 200, description = "What was asked for", body = BrickList)))]
async fn list(State(studio): State<Arc<Studio>>) -> Result<Json<BrickList>, ApiError> {
    Ok(Json(
        blocking(move || Allowed::read(&studio.store).map(|allowed| studio.library.list(&allowed))).await??,
    ))
}

/// Which brick's log, and how much of it.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct LogQuery {
    /// The brick, such as `qpyt:prompt`.
    brick: String,
    /// At most so many of the newest lines, up to 500; 200 if it is not said.
    limit: Option<usize>,
}

/// Read a brick's log
///
/// The newest lines of its runs since the studio started; those of one job are among the job's events.
#[utoipa::path(get, path = "/api/bricks/log", operation_id = "read_brick_log", tag = "bricks", params(LogQuery),
    responses((status = 200, description = "What was asked for", body = BrickLog)))]
async fn log(State(studio): State<Arc<Studio>>, ApiQuery(query): ApiQuery<LogQuery>) -> Json<BrickLog> {
    let limit = query.limit.unwrap_or(200).min(MOST_LINES);
    let lines = studio.library.registry().log(&query.brick, limit);
    Json(BrickLog { lines: lines.into_iter().map(LogLineView::from).collect() })
}

/// A version to serve.
#[derive(Debug, Deserialize, ToSchema)]
struct Selection {
    /// Digest of one of the kept versions.
    digest: String,
}

/// Let a kept version serve
///
/// It stays until the place's file changes. Running jobs end on the version they began with.
#[utoipa::path(post, path = "/api/bricks/places/{place}/select", operation_id = "select_brick_version", tag = "bricks",
    params(("place" = String, Path, description = "`place_id` of a brick")), request_body = Selection,
    responses((status = 200, description = "The bricks as they are now", body = BrickList), (status = 400, description = "The request is not right", body = ErrorBody), (status = 404, description = "There is no such thing", body = ErrorBody), (status = 409, description = "It is not possible as things stand", body = ErrorBody)))]
async fn select(
    state: State<Arc<Studio>>,
    Path(place): Path<String>,
    ApiJson(selection): ApiJson<Selection>,
) -> Result<Json<BrickList>, ApiError> {
    let digest: Digest = selection
        .digest
        .parse()
        .map_err(|error: qpyt_bricks::DigestError| ApiError::bad_request("bad-digest", error.to_string()))?;
    state.library.registry().select(&place, &digest).await.map_err(place_error)?;
    list(state).await
}

/// Use a refused version anyway
///
/// Only for a version whose trial run failed.
#[utoipa::path(post, path = "/api/bricks/places/{place}/use-anyway", operation_id = "use_refused_brick", tag = "bricks",
    params(("place" = String, Path, description = "`place_id` of a brick")),
    responses((status = 200, description = "The bricks as they are now", body = BrickList), (status = 404, description = "There is no such thing", body = ErrorBody), (status = 409, description = "It is not possible as things stand", body = ErrorBody)))]
async fn use_anyway(
    state: State<Arc<Studio>>,
    Path(place): Path<String>,
) -> Result<Json<BrickList>, ApiError> {
    state.library.registry().use_anyway(&place).await.map_err(place_error)?;
    list(state).await
}

/// Lift a quarantine
#[utoipa::path(post, path = "/api/bricks/places/{place}/release", operation_id = "release_brick", tag = "bricks",
    params(("place" = String, Path, description = "`place_id` of a brick")),
    responses((status = 200, description = "The bricks as they are now", body = BrickList), (status = 404, description = "There is no such thing", body = ErrorBody)))]
async fn release(state: State<Arc<Studio>>, Path(place): Path<String>) -> Result<Json<BrickList>, ApiError> {
    state.library.registry().release(&place).map_err(place_error)?;
    list(state).await
}

/// Which brick.
#[derive(Debug, Deserialize, ToSchema)]
struct Forgetful {
    /// The brick, such as `qpyt:prompt`.
    brick: String,
}

/// Make a brick forget
///
/// Removes what it remembers from run to run.
#[utoipa::path(post, path = "/api/bricks/forget", operation_id = "forget_brick_state", tag = "bricks", request_body = Forgetful,
    responses((status = 204, description = "Done")))]
async fn forget(
    State(studio): State<Arc<Studio>>,
    ApiJson(request): ApiJson<Forgetful>,
) -> Result<axum::http::StatusCode, ApiError> {
    blocking(move || studio.store.keep_brick_state(&request.brick, None)).await??;
    Ok(axum::http::StatusCode::NO_CONTENT)
}

fn place_error(error: PlaceError) -> ApiError {
    match error {
        PlaceError::UnknownPlace(_) | PlaceError::UnknownVersion(_) => {
            ApiError::new(axum::http::StatusCode::NOT_FOUND, "not-found", error.to_string())
        }
        PlaceError::SetAside(_) | PlaceError::NothingToUse => {
            ApiError::new(axum::http::StatusCode::CONFLICT, "not-possible", error.to_string())
        }
    }
}
