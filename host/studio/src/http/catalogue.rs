//! The models that can be fetched, and fetching them.

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
use crate::pull::view::{CatalogueList, CatalogueModel};
use crate::pull::{Measure, PullError};
use crate::studio::Studio;

pub fn routes() -> OpenApiRouter<Arc<Studio>> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(show, start, stop))
        .routes(routes!(measure))
        .routes(routes!(remove))
}

/// How much there is to fetch.
#[derive(Serialize, ToSchema)]
pub struct PullSize {
    /// Bytes that are missing, if the sources tell.
    missing_bytes: Option<u64>,
    /// Bytes that are free where they would go, if the system tells.
    free_bytes: Option<u64>,
}

impl From<Measure> for PullSize {
    fn from(measure: Measure) -> Self {
        Self { missing_bytes: measure.missing, free_bytes: measure.free }
    }
}

/// How to stop.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Stopping {
    /// Throw away what is here too.
    discard: Option<bool>,
}

/// List the catalogue of models
///
/// Those that ship, those that were fetched and those that can be, each with how it stands.
#[utoipa::path(get, path = "/api/models/catalogue", operation_id = "list_catalogue", tag = "models", responses((status = 200, description = "What was asked for", body = CatalogueList)))]
async fn list(State(studio): State<Arc<Studio>>) -> Result<Json<CatalogueList>, ApiError> {
    Ok(Json(blocking(move || studio.pulls.list()).await?))
}

/// Show how a model of the catalogue stands
#[utoipa::path(get, path = "/api/models/{name}/pull", operation_id = "show_pull", tag = "models",
    params(("name" = String, Path, description = "The model, such as `u2net`")),
    responses((status = 200, description = "What was asked for", body = CatalogueModel), (status = 404, description = "There is no such thing", body = ErrorBody)))]
async fn show(
    State(studio): State<Arc<Studio>>,
    Path(name): Path<String>,
) -> Result<Json<CatalogueModel>, ApiError> {
    Ok(Json(blocking(move || studio.pulls.show(&name)).await??))
}

/// Fetch a model
///
/// Goes on where an earlier pull was left, and joins one that is under way. How far it is comes as `models` in the
/// stream of events.
#[utoipa::path(post, path = "/api/models/{name}/pull", operation_id = "start_pull", tag = "models",
    params(("name" = String, Path, description = "The model, such as `u2net`")),
    responses((status = 202, description = "It is being fetched", body = CatalogueModel), (status = 404, description = "There is no such thing", body = ErrorBody), (status = 409, description = "It is not possible as things stand", body = ErrorBody)))]
async fn start(
    State(studio): State<Arc<Studio>>,
    Path(name): Path<String>,
) -> Result<(StatusCode, Json<CatalogueModel>), ApiError> {
    studio.pulls.start(&name)?;
    Ok((StatusCode::ACCEPTED, show(State(studio), Path(name)).await?))
}

/// Stop fetching a model
///
/// What is here is kept for the next time, unless it is to be thrown away.
#[utoipa::path(delete, path = "/api/models/{name}/pull", operation_id = "stop_pull", tag = "models",
    params(("name" = String, Path, description = "The model, such as `u2net`"), Stopping),
    responses((status = 200, description = "How it stands now", body = CatalogueModel), (status = 404, description = "There is no such thing", body = ErrorBody), (status = 409, description = "It is not possible as things stand", body = ErrorBody)))]
async fn stop(
    State(studio): State<Arc<Studio>>,
    Path(name): Path<String>,
    ApiQuery(stopping): ApiQuery<Stopping>,
) -> Result<Json<CatalogueModel>, ApiError> {
    studio.pulls.stop(&name).await?;
    if stopping.discard == Some(true) {
        let (pulls, name) = (studio.pulls.clone(), name.clone());
        blocking(move || pulls.discard(&name)).await??;
    }
    show(State(studio), Path(name)).await
}

/// Tell how much fetching a model would take
///
/// Asks the Hub where the catalogue does not know.
#[utoipa::path(get, path = "/api/models/{name}/size", operation_id = "measure_pull", tag = "models",
    params(("name" = String, Path, description = "The model, such as `u2net`")),
    responses((status = 200, description = "What was asked for", body = PullSize), (status = 404, description = "There is no such thing", body = ErrorBody), (status = 409, description = "It is not possible as things stand", body = ErrorBody), (status = 502, description = "The Hub does not say", body = ErrorBody)))]
async fn measure(
    State(studio): State<Arc<Studio>>,
    Path(name): Path<String>,
) -> Result<Json<PullSize>, ApiError> {
    Ok(Json(studio.pulls.measure(&name).await?.into()))
}

/// Remove a model that was fetched
#[utoipa::path(delete, path = "/api/models/{name}", operation_id = "remove_model", tag = "models",
    params(("name" = String, Path, description = "The model, such as `u2net`")),
    responses((status = 204, description = "Done"), (status = 404, description = "There is no such thing", body = ErrorBody), (status = 409, description = "It is not possible as things stand", body = ErrorBody)))]
async fn remove(State(studio): State<Arc<Studio>>, Path(name): Path<String>) -> Result<StatusCode, ApiError> {
    blocking(move || studio.pulls.remove(&name)).await??;
    Ok(StatusCode::NO_CONTENT)
}

impl From<PullError> for ApiError {
    fn from(error: PullError) -> Self {
        let status = match error.code() {
            "not-found" => StatusCode::NOT_FOUND,
            "installed" | "not-ours" | "busy" | "offline" | "gated" => StatusCode::CONFLICT,
            "no-space" => StatusCode::INSUFFICIENT_STORAGE,
            "unreachable" | "wrong-file" => StatusCode::BAD_GATEWAY,
            _ => return Self::internal(error),
        };
        Self::new(status, error.code(), error.to_string())
    }
}
