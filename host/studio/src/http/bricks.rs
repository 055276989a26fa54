//! The installed bricks.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::blocking;
use super::error::ApiError;
use crate::library::BrickList;
use crate::studio::Studio;

pub fn routes() -> OpenApiRouter<Arc<Studio>> {
    OpenApiRouter::new().routes(routes!(list))
}

/// List the installed bricks
#[utoipa::path(get, path = "/api/bricks", operation_id = "list_bricks", tag = "bricks", responses((status = 200, description = "What was asked for", body = BrickList)))]
async fn list(State(studio): State<Arc<Studio>>) -> Result<Json<BrickList>, ApiError> {
    Ok(Json(blocking(move || studio.store.grants().map(|grants| studio.library.list(&grants))).await??))
}
