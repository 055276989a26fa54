//! The lists that prompts may name.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::blocking;
use super::error::ApiError;
use crate::studio::Studio;
use crate::wildcards::WildcardList;

pub fn routes() -> OpenApiRouter<Arc<Studio>> {
    OpenApiRouter::new().routes(routes!(list))
}

/// List the wildcard lists that prompts may name
#[utoipa::path(get, path = "/api/wildcards", operation_id = "list_wildcards", tag = "jobs", responses((status = 200, description = "What was asked for", body = WildcardList)))]
async fn list(State(studio): State<Arc<Studio>>) -> Result<Json<WildcardList>, ApiError> {
    Ok(Json(blocking(move || studio.wildcards.list()).await?))
}
