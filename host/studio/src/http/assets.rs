//! The web app's files, with the headers that keep foreign scripts out.

use std::path::Path;

use axum::Router;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderName, HeaderValue};
use tower_http::services::{ServeDir, ServeFile};
use tower_http::set_header::SetResponseHeaderLayer;

/// Scripts come from the studio alone; pictures may also be data (previews) and blobs (uploads on their way).
const POLICY: &str = "default-src 'self'; img-src 'self' data: blob:; style-src 'self' 'unsafe-inline'; \
                      object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

const HEADERS: [(HeaderName, &str); 5] = [
    (CONTENT_SECURITY_POLICY, POLICY),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (X_FRAME_OPTIONS, "DENY"),
    (REFERRER_POLICY, "no-referrer"),
    // The files keep their names from build to build, so the browser asks whether they changed.
    (CACHE_CONTROL, "no-cache"),
];

/// Serves the built app; unknown paths get its start page.
pub fn router(folder: &Path) -> Router {
    let files = ServeDir::new(folder).fallback(ServeFile::new(folder.join("index.html")));
    HEADERS.into_iter().fold(Router::new().fallback_service(files), |router, (name, value)| {
        router.layer(SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value)))
    })
}
