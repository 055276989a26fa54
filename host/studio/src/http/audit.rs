//! Who used what power.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::blocking;
use super::error::ApiError;
use super::extract::ApiQuery;
use crate::store::{Call, CallOutcome, NewCall};
use crate::studio::Studio;

/// Lines in one answer, unless asked otherwise.
const PAGE: u32 = 200;

pub fn routes() -> OpenApiRouter<Arc<Studio>> {
    OpenApiRouter::new().routes(routes!(list))
}

/// Which lines.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct AuditPage {
    /// Only those of this brick.
    brick: Option<String>,
    /// At most that many (1..=1000).
    limit: Option<u32>,
}

/// One call of a brick that a person would want to know of: a request to the network, the use of a secret, a file
/// written, a permission carried over to a new version.
#[derive(Serialize, ToSchema)]
pub struct CallView {
    /// Its number.
    id: i64,
    /// When (RFC 3339).
    at: String,
    /// In which job.
    #[serde(skip_serializing_if = "Option::is_none")]
    job: Option<String>,
    /// The brick.
    brick: String,
    /// Digest of its binary.
    digest: String,
    /// The interface.
    import: String,
    /// What of it: a folder, a host with its port, the name of a secret.
    scope: String,
    /// Whether a permission covered it.
    outcome: CallOutcome,
    /// What the call did and how it went.
    note: String,
}

impl From<Call> for CallView {
    fn from(Call { id, at, call }: Call) -> Self {
        let NewCall { job, brick, digest, import, scope, outcome, note } = call;
        Self {
            id,
            at: at.to_string(),
            job: job.map(|job| job.to_string()),
            brick,
            digest: digest.to_string(),
            import,
            scope,
            outcome,
            note,
        }
    }
}

/// Lines of the audit.
#[derive(Serialize, ToSchema)]
pub struct CallList {
    /// Newest first.
    pub calls: Vec<CallView>,
}

impl From<Vec<Call>> for CallList {
    fn from(calls: Vec<Call>) -> Self {
        Self { calls: calls.into_iter().map(CallView::from).collect() }
    }
}

/// List what bricks did with their powers, newest first
///
/// The newest 10,000 lines are kept, at most 1,000 of one run.
#[utoipa::path(get, path = "/api/audit", operation_id = "list_audit", tag = "permissions", params(AuditPage), responses((status = 200, description = "What was asked for", body = CallList)))]
async fn list(
    State(studio): State<Arc<Studio>>,
    ApiQuery(page): ApiQuery<AuditPage>,
) -> Result<Json<CallList>, ApiError> {
    let limit = page.limit.unwrap_or(PAGE).clamp(1, 1000);
    Ok(Json(blocking(move || studio.store.calls(page.brick.as_deref(), limit)).await??.into()))
}
