//! The installed models.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::blocking;
use super::error::ApiError;
use super::extract::ApiQuery;
use crate::models::ModelList;
use crate::studio::Studio;

pub fn routes() -> OpenApiRouter<Arc<Studio>> {
    OpenApiRouter::new().routes(routes!(list))
}

/// Which models.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Family {
    /// Only these families, such as `stable-diffusion` or `sdxl,flux`.
    family: Option<String>,
}

/// List the installed models
#[utoipa::path(get, path = "/api/models", operation_id = "list_models", tag = "models", params(Family), responses((status = 200, description = "What was asked for", body = ModelList)))]
async fn list(
    State(studio): State<Arc<Studio>>,
    ApiQuery(family): ApiQuery<Family>,
) -> Result<Json<ModelList>, ApiError> {
    let mut models = blocking(move || studio.models.list()).await?;
    if let Some(families) = family.family {
        models.models.retain(|model| families.split(',').any(|family| model.family == family));
    }
    Ok(Json(models))
}
