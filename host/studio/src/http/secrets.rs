//! Secrets that bricks may use: their names come out, their values never do.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::blocking;
use super::error::{ApiError, ErrorBody};
use super::extract::ApiJson;
use crate::store::{SecretInfo, SecretValue};
use crate::studio::Studio;

pub fn routes() -> OpenApiRouter<Arc<Studio>> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(set, delete))
}

/// What may be told of a secret.
#[derive(Serialize, ToSchema)]
pub struct SecretView {
    /// Its name.
    name: String,
    /// When its value was set (RFC 3339).
    set_at: String,
}

impl From<SecretInfo> for SecretView {
    fn from(secret: SecretInfo) -> Self {
        Self { name: secret.name, set_at: secret.set_at.to_string() }
    }
}

/// The secrets.
#[derive(Serialize, ToSchema)]
pub struct SecretList {
    /// By name.
    secrets: Vec<SecretView>,
}

/// A value to keep.
#[derive(Deserialize, ToSchema)]
pub struct SecretRequest {
    /// Visible ASCII characters without blanks, at most 8 KiB. It never comes out again.
    #[schema(write_only)]
    value: String,
}

/// List secrets, without their values
#[utoipa::path(get, path = "/api/secrets", operation_id = "list_secrets", tag = "permissions", responses((status = 200, description = "What was asked for", body = SecretList)))]
async fn list(State(studio): State<Arc<Studio>>) -> Result<Json<SecretList>, ApiError> {
    let secrets = blocking(move || studio.store.secrets()).await??;
    Ok(Json(SecretList { secrets: secrets.into_iter().map(SecretView::from).collect() }))
}

/// Keep a secret
///
/// It takes the place of the one that has the name. Bricks use it only once they are allowed to.
#[utoipa::path(put, path = "/api/secrets/{name}", operation_id = "set_secret", tag = "permissions", params(("name" = String, Path, description = "Its name: lower-case letters, digits, `-`, `_` and `.`")), request_body = SecretRequest,
    responses((status = 200, description = "It is kept", body = SecretView), (status = 400, description = "The request is not right", body = ErrorBody)))]
async fn set(
    State(studio): State<Arc<Studio>>,
    Path(name): Path<String>,
    ApiJson(request): ApiJson<SecretRequest>,
) -> Result<Json<SecretView>, ApiError> {
    let value = SecretValue::new(request.value)?;
    Ok(Json(blocking(move || studio.store.set_secret(&name, value)).await??.into()))
}

/// Forget a secret
#[utoipa::path(delete, path = "/api/secrets/{name}", operation_id = "delete_secret", tag = "permissions", params(("name" = String, Path, description = "Its name")),
    responses((status = 204, description = "Done"), (status = 404, description = "There is no such thing", body = ErrorBody)))]
async fn delete(State(studio): State<Arc<Studio>>, Path(name): Path<String>) -> Result<StatusCode, ApiError> {
    blocking(move || studio.store.delete_secret(&name)).await??;
    Ok(StatusCode::NO_CONTENT)
}
