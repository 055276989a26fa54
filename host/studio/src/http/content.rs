//! Pictures and files by digest, and pictures that people bring.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use qpyt_bricks::Digest;
use qpyt_bricks::media::{DecodeLimits, MediaError, decode};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::blocking;
use super::error::{ApiError, ErrorBody};
use super::extract::ApiQuery;
use crate::studio::Studio;

/// The largest picture file that is taken.
const MAX_UPLOAD: usize = 64 * 1024 * 1024;
/// What a digest names never changes.
const FOREVER: &str = "public, max-age=31536000, immutable";

pub fn routes() -> OpenApiRouter<Arc<Studio>> {
    let upload = OpenApiRouter::new().routes(routes!(upload)).layer(DefaultBodyLimit::max(MAX_UPLOAD));
    OpenApiRouter::new().routes(routes!(show)).merge(upload)
}

/// A picture that was brought.
#[derive(Serialize, ToSchema)]
pub struct Uploaded {
    /// Names its pixels.
    digest: String,
    /// Pixels.
    width: u32,
    /// Pixels.
    height: u32,
}

/// How to hand it out.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Handing {
    /// Save it under this name instead of showing it.
    download: Option<String>,
}

/// Bring a picture
///
/// The body is a png, jpeg, webp, gif or bmp file of at most 64 MiB.
#[utoipa::path(post, path = "/api/uploads", operation_id = "upload_picture", tag = "content",
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 201, description = "It is kept", body = Uploaded), (status = 400, description = "The request is not right", body = ErrorBody), (status = 413, description = "Too large", body = ErrorBody)))]
async fn upload(
    State(studio): State<Arc<Studio>>,
    body: Result<Bytes, axum::extract::rejection::BytesRejection>,
) -> Result<(StatusCode, Json<Uploaded>), ApiError> {
    let body = body?;
    let uploaded = blocking(move || {
        let image = decode(&body, DecodeLimits::default()).map_err(refused)?;
        let digest = studio.store.content().put_image(&image)?;
        studio.store.record_upload(digest, image.width(), image.height())?;
        Ok::<_, ApiError>(Uploaded {
            digest: digest.to_string(),
            width: image.width(),
            height: image.height(),
        })
    });
    Ok((StatusCode::CREATED, Json(uploaded.await??)))
}

fn refused(error: MediaError) -> ApiError {
    let status = match error {
        MediaError::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
        _ => StatusCode::BAD_REQUEST,
    };
    ApiError::new(status, "bad-picture", error.to_string())
}

/// Show a picture or a file
///
/// Digests of pixels answer PNG; digests of files answer the file. Both may be cached for ever.
#[utoipa::path(get, path = "/api/content/{digest}", operation_id = "show_content", tag = "content",
    params(("digest" = String, Path, description = "`blake3:` and 64 hexadecimal digits"), Handing),
    responses((status = 200, description = "What was asked for", content_type = "image/png", body = Vec<u8>), (status = 304, description = "Known already"), (status = 404, description = "There is no such thing", body = ErrorBody)))]
async fn show(
    State(studio): State<Arc<Studio>>,
    Path(digest): Path<String>,
    ApiQuery(handing): ApiQuery<Handing>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let digest: Digest = digest
        .parse()
        .map_err(|error: qpyt_bricks::DigestError| ApiError::bad_request("bad-digest", error.to_string()))?;
    let tag = format!("\"{}\"", digest.hex());
    if headers.get(IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes()) {
        return Ok(StatusCode::NOT_MODIFIED.into_response());
    }
    let bytes = blocking(move || studio.store.content().served(digest)).await??;
    let media_type = sniff(&bytes);
    let mut response = bytes.into_response();
    let fixed = [
        (CONTENT_TYPE, media_type),
        (CACHE_CONTROL, FOREVER),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (CONTENT_SECURITY_POLICY, "default-src 'none'"),
    ];
    for (name, value) in fixed {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        response.headers_mut().insert(ETAG, tag);
    }
    if let Some(disposition) = handing.download.as_deref().and_then(disposition) {
        response.headers_mut().insert(CONTENT_DISPOSITION, disposition);
    }
    Ok(response)
}

/// The media type by the file's first bytes; what is no picture is only ever downloaded.
fn sniff(bytes: &[u8]) -> &'static str {
    match bytes {
        [0x89, b'P', b'N', b'G', ..] => "image/png",
        [0xff, 0xd8, 0xff, ..] => "image/jpeg",
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => "image/webp",
        _ => "application/octet-stream",
    }
}

/// Only plain letters of the name get into the header.
fn disposition(name: &str) -> Option<HeaderValue> {
    let plain: String = name
        .chars()
        .filter(|letter| letter.is_ascii_alphanumeric() || "-_. ".contains(*letter))
        .take(100)
        .collect();
    HeaderValue::from_str(&format!("attachment; filename=\"{plain}\"")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_download_name_cannot_break_the_header() {
        let header = disposition("a\"; b\r\nSet-Cookie: x.png").unwrap();
        assert_eq!(header, "attachment; filename=\"a bSet-Cookie x.png\"");
    }
}
