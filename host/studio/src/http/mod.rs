//! The HTTP API: one file per resource, all behind the same guard, described by a generated OpenAPI document.

mod assets;
pub(crate) mod audit;
mod bricks;
mod catalogue;
mod content;
mod error;
mod events;
mod extract;
mod gallery;
mod grants;
mod guard;
mod jobs;
mod metrics;
mod models;
mod network;
mod preview;
mod secrets;
mod wildcards;
mod workflows;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router, middleware};
use serde::Serialize;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{NotForContentType, Predicate, SizeAbove};
use utoipa::openapi::{ContentBuilder, Ref, ResponseBuilder};
use utoipa::{OpenApi, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use self::error::ApiError;
use self::guard::Guard;
use crate::studio::Studio;

/// A document with its parameters; more is refused by the document reader too.
const MAX_JSON: usize = qpyt_workflow::MAX_BYTES + 64 * 1024;

/// The API's own words.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Qpyt Studio",
        description = "Runs workflows of sandboxed bricks. Every error has the shape of `ErrorBody`."
    ),
    components(schemas(
        error::ErrorBody,
        events::EventBody,
        crate::jobs::progress::ProgressUpdate,
        crate::jobs::progress::Preview,
        crate::library::view::BrickChange
    ))
)]
struct Described;

/// The program behind an address.
#[derive(Serialize, ToSchema)]
struct Health {
    /// `qpyt`
    name: &'static str,
    /// Semantic version.
    version: &'static str,
}

/// Who answers here
#[utoipa::path(get, path = "/api/health", operation_id = "health", tag = "studio", responses((status = 200, description = "What was asked for", body = Health)))]
async fn health() -> Json<Health> {
    Json(Health { name: "qpyt", version: env!("CARGO_PKG_VERSION") })
}

fn api() -> OpenApiRouter<Arc<Studio>> {
    OpenApiRouter::with_openapi(Described::openapi())
        .routes(routes!(health))
        .merge(bricks::routes())
        .merge(models::routes())
        .merge(catalogue::routes())
        .merge(jobs::routes())
        .merge(preview::routes())
        .routes(routes!(events::stream))
        .merge(gallery::routes())
        .merge(content::routes())
        .merge(wildcards::routes())
        .merge(workflows::routes())
        .merge(grants::routes())
        .merge(secrets::routes())
        .merge(network::routes())
        .merge(audit::routes())
}

/// The OpenAPI document as JSON.
///
/// # Errors
/// When it can't be written as JSON.
pub fn openapi_json() -> Result<String, serde_json::Error> {
    with_errors(api().into_openapi()).to_pretty_json()
}

/// Says with every operation what a refusal looks like, whatever its status.
fn with_errors(mut document: utoipa::openapi::OpenApi) -> utoipa::openapi::OpenApi {
    let schema = Ref::from_schema_name("ErrorBody");
    let content = ContentBuilder::new().schema(Some(schema)).build();
    let refusal = ResponseBuilder::new()
        .description("Why it was not done")
        .content("application/json", content)
        .build();
    for path in document.paths.paths.values_mut() {
        for operation in
            [&mut path.get, &mut path.put, &mut path.post, &mut path.delete].into_iter().flatten()
        {
            operation.responses.responses.insert("default".to_owned(), refusal.clone().into());
        }
    }
    document
}

/// Everything that the studio answers at `address`. Without a token only loopback may be used.
pub fn router(studio: Arc<Studio>, address: SocketAddr, token: Option<String>) -> Router {
    let (api, document) = api().split_for_parts();
    let document = Arc::new(with_errors(document));
    let app = assets::router(&studio.layout.web_dist);
    // The event stream must not wait in a compressor, and pictures are compressed already.
    let compressible = SizeAbove::new(1024)
        .and(NotForContentType::const_new("text/event-stream"))
        .and(NotForContentType::IMAGES);
    api.route("/metrics", get(metrics::text))
        .route("/api/openapi.json", get(move || async move { Json(document.as_ref().clone()) }))
        .route("/api/{*rest}", axum::routing::any(unknown))
        .layer(DefaultBodyLimit::max(MAX_JSON))
        .with_state(studio)
        .merge(app)
        .layer(CompressionLayer::new().compress_when(compressible))
        .layer(middleware::from_fn_with_state(Arc::new(Guard::new(address, token)), guard::protect))
}

async fn unknown() -> impl IntoResponse {
    ApiError::new(
        StatusCode::NOT_FOUND,
        "not-found",
        "The API has no such address; /api/openapi.json lists what there is.",
    )
}

/// Runs short blocking work (SQLite, files) off the async threads.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, ApiError> {
    tokio::task::spawn_blocking(work).await.map_err(ApiError::internal)
}
