//! What the person allowed bricks to do.

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
use crate::permissions::GrantError;
use crate::store::Grant;
use crate::studio::Studio;

pub fn routes() -> OpenApiRouter<Arc<Studio>> {
    OpenApiRouter::new().routes(routes!(list, add)).routes(routes!(delete)).routes(routes!(trial))
}

/// A permission.
#[derive(Serialize, ToSchema)]
pub struct GrantView {
    /// Its number.
    id: i64,
    /// The brick.
    brick: String,
    /// Digest of the binary that was there when the person said yes; another binary asks again.
    digest: String,
    /// The interface.
    import: String,
    /// What of it: a folder, a host with its port (`*.` before it: every name below), or the name of a secret.
    scope: String,
    /// When (RFC 3339).
    created_at: String,
    /// On trial: what only it covers is still allowed, and counted.
    trial: bool,
    /// How many calls would have been refused without it, since the trial began.
    would_deny: u64,
}

impl From<Grant> for GrantView {
    fn from(grant: Grant) -> Self {
        Self {
            id: grant.id,
            brick: grant.allows.brick,
            digest: grant.allows.digest.to_string(),
            import: grant.allows.import,
            scope: grant.allows.scope,
            created_at: grant.created_at.to_string(),
            trial: grant.trial,
            would_deny: grant.would_deny,
        }
    }
}

/// The permissions.
#[derive(Serialize, ToSchema)]
pub struct GrantList {
    /// Oldest first.
    grants: Vec<GrantView>,
}

/// A permission to give.
#[derive(Deserialize, ToSchema)]
pub struct GrantRequest {
    /// The brick, such as `qpyt:save-to-disk`.
    brick: String,
    /// The interface: `qpyt:store/files`, `qpyt:store/http` or `qpyt:store/secrets`.
    import: String,
    /// What of it: an absolute folder that exists; a host with its port, such as `api.example.org:443` or
    /// `*.example.org:443`; the name of a secret.
    scope: String,
}

/// Whether a permission is on trial.
#[derive(Deserialize, ToSchema)]
pub struct TrialRequest {
    /// On trial: what only it covers is still allowed, and counted.
    trial: bool,
}

/// List permissions
#[utoipa::path(get, path = "/api/grants", operation_id = "list_grants", tag = "permissions", responses((status = 200, description = "What was asked for", body = GrantList)))]
async fn list(State(studio): State<Arc<Studio>>) -> Result<Json<GrantList>, ApiError> {
    let grants = blocking(move || studio.store.grants()).await??;
    Ok(Json(GrantList { grants: grants.into_iter().map(GrantView::from).collect() }))
}

/// Allow a brick something
#[utoipa::path(post, path = "/api/grants", operation_id = "add_grant", tag = "permissions", request_body = GrantRequest,
    responses((status = 201, description = "It is kept", body = GrantView), (status = 400, description = "The request is not right", body = ErrorBody), (status = 404, description = "There is no such thing", body = ErrorBody)))]
async fn add(
    State(studio): State<Arc<Studio>>,
    ApiJson(request): ApiJson<GrantRequest>,
) -> Result<(StatusCode, Json<GrantView>), ApiError> {
    let granted = blocking(move || {
        crate::permissions::grant(
            &studio.store,
            &studio.library,
            &request.brick,
            &request.import,
            &request.scope,
        )
    });
    let grant = granted.await?.map_err(|error| match error {
        GrantError::Store(error) => error.into(),
        other => ApiError::bad_request("bad-grant", other.to_string()),
    })?;
    Ok((StatusCode::CREATED, Json(grant.into())))
}

/// Take a permission back
#[utoipa::path(delete, path = "/api/grants/{id}", operation_id = "delete_grant", tag = "permissions", params(("id" = i64, Path, description = "The permission")),
    responses((status = 204, description = "Done"), (status = 404, description = "There is no such thing", body = ErrorBody)))]
async fn delete(State(studio): State<Arc<Studio>>, Path(id): Path<String>) -> Result<StatusCode, ApiError> {
    let id = number(&id)?;
    blocking(move || studio.store.delete_grant(id)).await??;
    Ok(StatusCode::NO_CONTENT)
}

/// Put a permission on trial, or end its trial
///
/// What only it covers is still allowed, but counted and listed in the audit: so a person sees what taking it back would
/// break. The count begins at 0 with each trial.
#[utoipa::path(put, path = "/api/grants/{id}/trial", operation_id = "set_grant_trial", tag = "permissions", params(("id" = i64, Path, description = "The permission")), request_body = TrialRequest,
    responses((status = 200, description = "It is kept", body = GrantView), (status = 400, description = "The request is not right", body = ErrorBody), (status = 404, description = "There is no such thing", body = ErrorBody)))]
async fn trial(
    State(studio): State<Arc<Studio>>,
    Path(id): Path<String>,
    ApiJson(request): ApiJson<TrialRequest>,
) -> Result<Json<GrantView>, ApiError> {
    let id = number(&id)?;
    Ok(Json(blocking(move || studio.store.set_trial(id, request.trial)).await??.into()))
}

fn number(id: &str) -> Result<i64, ApiError> {
    id.parse().map_err(|_| ApiError::bad_request("bad-id", "A permission's id is a number."))
}
