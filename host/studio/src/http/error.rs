//! One shape for every error of the HTTP API: a stable code, a sentence for the person and, for documents, the
//! list of all problems.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use qpyt_workflow::Problem;
use serde::Serialize;
use utoipa::ToSchema;

/// What every failed request answers.
#[derive(Debug, Serialize, ToSchema)]
pub struct ErrorBody {
    /// The error.
    pub error: ErrorDetail,
}

/// The error itself.
#[derive(Debug, Serialize, ToSchema)]
pub struct ErrorDetail {
    /// Stable, kebab-case.
    pub code: &'static str,
    /// For the person.
    pub message: String,
    /// Everything that is wrong with a document.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<ProblemBody>,
}

/// One thing that is wrong with a document.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ProblemBody {
    /// Stable, kebab-case.
    pub code: &'static str,
    /// Instance id of the brick it concerns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub brick: Option<String>,
    /// Port or parameter it concerns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// For the person.
    pub message: String,
}

impl From<&Problem> for ProblemBody {
    fn from(problem: &Problem) -> Self {
        Self {
            code: problem.code.as_str(),
            brick: problem.brick.as_ref().map(ToString::to_string),
            name: problem.name.clone(),
            message: problem.message.clone(),
        }
    }
}

/// A failed request.
#[derive(Debug)]
pub struct ApiError {
    status: StatusCode,
    detail: ErrorDetail,
}

impl ApiError {
    /// An error with a code and a message.
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, detail: ErrorDetail { code, message: message.into(), problems: Vec::new() } }
    }

    /// The thing that was asked for is not here.
    pub fn not_found(what: impl std::fmt::Display) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", format!("There is no {what}."))
    }

    /// The request can't be understood.
    pub fn bad_request(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }

    /// A document that can't run, with everything that is wrong with it.
    pub fn problems(problems: &[Problem]) -> Self {
        let message = match problems {
            [only] => only.message.clone(),
            many => format!("The workflow has {} problems.", many.len()),
        };
        let problems = problems.iter().map(ProblemBody::from).collect();
        Self {
            status: StatusCode::BAD_REQUEST,
            detail: ErrorDetail { code: "invalid-document", message, problems },
        }
    }

    /// A fault of the studio: logged in full, told in short.
    pub fn internal(error: impl std::fmt::Display) -> Self {
        tracing::error!(%error, "request failed");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", error.to_string())
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        (self.status, Json(ErrorBody { error: self.detail })).into_response()
    }
}
