//! Saved workflows, factory presets, and documents from elsewhere.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::header::IF_NONE_MATCH;
use axum::http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::blocking;
use super::error::{ApiError, ErrorBody};
use super::extract::ApiJson;
use crate::presets::Preset;
use crate::store::{SaveMode, WorkflowName};
use crate::studio::Studio;

pub fn routes() -> OpenApiRouter<Arc<Studio>> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(load, save, delete))
        .routes(routes!(preset))
        .routes(routes!(import))
        .routes(routes!(migrate))
}

/// A saved workflow in the list.
#[derive(Serialize, ToSchema)]
pub struct SavedView {
    /// Its name.
    name: String,
    /// When it was saved (RFC 3339).
    saved_at: String,
}

/// Saved workflows and presets.
#[derive(Serialize, ToSchema)]
pub struct WorkflowList {
    /// The person's own, by name.
    workflows: Vec<SavedView>,
    /// Those that come with the studio.
    presets: Vec<Preset>,
}

/// A document read from elsewhere.
#[derive(Serialize, ToSchema)]
pub struct ImportedView {
    /// The workflow.
    document: Value,
    /// What could not be taken over.
    notes: Vec<String>,
}

/// A workflow to be carried over.
#[derive(Deserialize, ToSchema)]
struct MigrateRequest {
    /// The document.
    document: Value,
}

/// List saved workflows and presets
#[utoipa::path(get, path = "/api/workflows", operation_id = "list_workflows", tag = "workflows", responses((status = 200, description = "What was asked for", body = WorkflowList)))]
async fn list(State(studio): State<Arc<Studio>>) -> Result<Json<WorkflowList>, ApiError> {
    let (workflows, presets) = blocking(move || (studio.store.workflows(), studio.presets.list())).await?;
    let workflows = workflows?
        .into_iter()
        .map(|saved| SavedView { name: saved.name.to_string(), saved_at: saved.saved_at.to_string() })
        .collect();
    Ok(Json(WorkflowList { workflows, presets: presets.map_err(ApiError::internal)? }))
}

/// Load a saved workflow
#[utoipa::path(get, path = "/api/workflows/{name}", operation_id = "load_workflow", tag = "workflows", params(("name" = String, Path, description = "Its name")),
    responses((status = 200, description = "What was asked for", body = Value), (status = 404, description = "There is no such thing", body = ErrorBody)))]
async fn load(State(studio): State<Arc<Studio>>, Path(name): Path<String>) -> Result<Json<Value>, ApiError> {
    let name = parse(&name)?;
    Ok(Json(blocking(move || studio.store.load_workflow(&name)).await??))
}

/// Save a workflow
///
/// With `If-None-Match: *` a workflow of that name is not replaced (409).
#[utoipa::path(put, path = "/api/workflows/{name}", operation_id = "save_workflow", tag = "workflows", params(("name" = String, Path, description = "Its name")),
    request_body = Value, responses((status = 204, description = "Done"), (status = 400, description = "The request is not right", body = ErrorBody), (status = 409, description = "It is not possible as things stand", body = ErrorBody)))]
async fn save(
    State(studio): State<Arc<Studio>>,
    Path(name): Path<String>,
    headers: HeaderMap,
    ApiJson(document): ApiJson<Value>,
) -> Result<StatusCode, ApiError> {
    let name = parse(&name)?;
    // Only documents are kept, but unknown bricks and keys in them are fine.
    super::jobs::read(document.clone())?;
    let mode = if headers.get(IF_NONE_MATCH).is_some_and(|value| value == "*") {
        SaveMode::CreateOnly
    } else {
        SaveMode::Replace
    };
    blocking(move || studio.store.save_workflow(&name, &document, mode)).await??;
    Ok(StatusCode::NO_CONTENT)
}

/// Delete a saved workflow
#[utoipa::path(delete, path = "/api/workflows/{name}", operation_id = "delete_workflow", tag = "workflows", params(("name" = String, Path, description = "Its name")),
    responses((status = 204, description = "Done"), (status = 404, description = "There is no such thing", body = ErrorBody)))]
async fn delete(State(studio): State<Arc<Studio>>, Path(name): Path<String>) -> Result<StatusCode, ApiError> {
    let name = parse(&name)?;
    blocking(move || studio.store.delete_workflow(&name)).await??;
    Ok(StatusCode::NO_CONTENT)
}

/// Load a factory preset
#[utoipa::path(get, path = "/api/presets/{name}", operation_id = "load_preset", tag = "workflows", params(("name" = String, Path, description = "Its name")),
    responses((status = 200, description = "What was asked for", body = Value), (status = 404, description = "There is no such thing", body = ErrorBody)))]
async fn preset(
    State(studio): State<Arc<Studio>>,
    Path(name): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let found = {
        let name = name.clone();
        blocking(move || studio.presets.load(&name)).await?
    };
    found
        .map_err(ApiError::internal)?
        .map(Json)
        .ok_or_else(|| ApiError::not_found(format!("preset “{name}”")))
}

/// Read a workflow from elsewhere
///
/// Takes a document, or an array of the original Qpyt-UI.
#[utoipa::path(post, path = "/api/import", operation_id = "import_document", tag = "workflows", request_body = Value,
    responses((status = 200, description = "What was asked for", body = ImportedView), (status = 400, description = "The request is not right", body = ErrorBody)))]
async fn import(State(studio): State<Arc<Studio>>, body: Bytes) -> Result<Json<ImportedView>, ApiError> {
    let imported = qpyt_workflow::import(&body, &studio.library.catalog())
        .map_err(|error| ApiError::bad_request("malformed-document", error.to_string()))?;
    let document = serde_json::to_value(&imported.document).map_err(ApiError::internal)?;
    Ok(Json(ImportedView { document, notes: imported.notes }))
}

/// Carry a workflow to the installed versions
///
/// Where a brick was last used in another version, as the document's lock tells, its parameters are carried over by the
/// brick's own rule. The answer is a document; nothing is saved.
#[utoipa::path(post, path = "/api/workflows/migrate", operation_id = "migrate_document", tag = "workflows", request_body = MigrateRequest,
    responses((status = 200, description = "What was asked for", body = ImportedView), (status = 400, description = "The request is not right", body = ErrorBody)))]
async fn migrate(
    State(studio): State<Arc<Studio>>,
    ApiJson(request): ApiJson<MigrateRequest>,
) -> Result<Json<ImportedView>, ApiError> {
    let document = super::jobs::read(request.document)?;
    let migrated = crate::jobs::migrate::migrate(document, &studio.library.current()).await;
    let document = serde_json::to_value(&migrated.document).map_err(ApiError::internal)?;
    Ok(Json(ImportedView { document, notes: migrated.notes }))
}

fn parse(name: &str) -> Result<WorkflowName, ApiError> {
    name.parse().map_err(|error: crate::store::BadName| ApiError::bad_request("bad-name", error.to_string()))
}
