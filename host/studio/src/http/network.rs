//! The switch that takes every brick off the network.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::blocking;
use super::error::{ApiError, ErrorBody};
use super::extract::ApiJson;
use crate::network::{NetworkState, SwitchError};
use crate::studio::Studio;

pub fn routes() -> OpenApiRouter<Arc<Studio>> {
    OpenApiRouter::new().routes(routes!(show, switch))
}

/// Whether bricks reach the network.
#[derive(Serialize, ToSchema)]
pub struct NetworkView {
    /// None does.
    offline: bool,
    /// The configuration says so, and nothing can be switched.
    forced: bool,
}

impl From<NetworkState> for NetworkView {
    fn from(state: NetworkState) -> Self {
        Self { offline: state.offline, forced: state.forced }
    }
}

/// How to switch.
#[derive(Deserialize, ToSchema)]
pub struct NetworkRequest {
    /// No brick reaches the network. Requests that are under way end at once.
    offline: bool,
}

/// Tell whether bricks reach the network
#[utoipa::path(get, path = "/api/network", operation_id = "get_network", tag = "permissions", responses((status = 200, description = "What was asked for", body = NetworkView)))]
async fn show(State(studio): State<Arc<Studio>>) -> Json<NetworkView> {
    Json(studio.network.state().into())
}

/// Switch the network off or on for all bricks
#[utoipa::path(put, path = "/api/network", operation_id = "set_network", tag = "permissions", request_body = NetworkRequest,
    responses((status = 200, description = "It is kept", body = NetworkView), (status = 409, description = "It is not possible as things stand", body = ErrorBody)))]
async fn switch(
    State(studio): State<Arc<Studio>>,
    ApiJson(request): ApiJson<NetworkRequest>,
) -> Result<Json<NetworkView>, ApiError> {
    let switched = blocking(move || studio.network.switch(request.offline)).await?;
    let state = switched.map_err(|error| match error {
        SwitchError::Store(error) => error.into(),
        forced => ApiError::new(StatusCode::CONFLICT, "forced-offline", forced.to_string()),
    })?;
    Ok(Json(state.into()))
}
