//! Who may talk to the studio: the Host and Origin checks that keep other web pages out, and the token that any
//! address but loopback asks for.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, COOKIE, HOST, LOCATION, ORIGIN, SET_COOKIE};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::error::ApiError;

const COOKIE_NAME: &str = "qpyt_token";

/// What a request must show.
#[derive(Debug)]
pub struct Guard {
    /// Names under which a loopback studio may be addressed; `None` when it is bound elsewhere and the token
    /// is what protects it.
    hosts: Option<Vec<String>>,
    token: Option<String>,
}

impl Guard {
    /// The guard for a studio that listens at `address`. Any address but loopback has a token.
    pub fn new(address: SocketAddr, token: Option<String>) -> Self {
        let hosts = address.ip().is_loopback().then(|| {
            ["127.0.0.1", "localhost", "[::1]"]
                .into_iter()
                .map(|name| format!("{name}:{}", address.port()))
                .collect()
        });
        Self { hosts, token }
    }

    fn check_host(&self, headers: &HeaderMap) -> Result<(), ApiError> {
        let Some(allowed) = &self.hosts else { return Ok(()) };
        let host = text(headers, HOST.as_str()).unwrap_or_default();
        if allowed.iter().any(|name| name.eq_ignore_ascii_case(host)) {
            return Ok(());
        }
        Err(ApiError::new(
            StatusCode::MISDIRECTED_REQUEST,
            "wrong-host",
            format!(
                "This studio answers at http://{} only, not at “{host}”.",
                allowed.first().map_or("", String::as_str)
            ),
        ))
    }

    /// Refuses requests that another site's page sent. Browsers tell by `Sec-Fetch-Site` or by `Origin`; programs
    /// send neither.
    fn check_origin(&self, headers: &HeaderMap) -> Result<(), ApiError> {
        let refused = || {
            ApiError::new(StatusCode::FORBIDDEN, "cross-site", "Another web site may not drive this studio.")
        };
        if matches!(text(headers, "sec-fetch-site"), Some("cross-site" | "same-site")) {
            return Err(refused());
        }
        let Some(origin) = text(headers, ORIGIN.as_str()) else { return Ok(()) };
        let host = text(headers, HOST.as_str()).unwrap_or_default();
        let same = ["http://", "https://"]
            .iter()
            .any(|scheme| origin.strip_prefix(scheme).is_some_and(|rest| rest.eq_ignore_ascii_case(host)));
        if same { Ok(()) } else { Err(refused()) }
    }

    fn check_token(&self, headers: &HeaderMap) -> Result<(), ApiError> {
        let Some(token) = &self.token else { return Ok(()) };
        let bearer = text(headers, AUTHORIZATION.as_str()).and_then(|value| value.strip_prefix("Bearer "));
        let cookie = text(headers, COOKIE.as_str()).and_then(|cookies| {
            cookies.split("; ").find_map(|pair| pair.strip_prefix(COOKIE_NAME)?.strip_prefix('='))
        });
        if [bearer, cookie].into_iter().flatten().any(|given| same_secret(given, token)) {
            return Ok(());
        }
        Err(ApiError::new(
            StatusCode::UNAUTHORIZED,
            "token-needed",
            "This studio asks for its token: open the address with ?token=… that it printed when it started, or send it as a bearer token.",
        ))
    }

    /// A page request that carries the right token in its address gets the cookie and a clean address.
    fn welcome(&self, method: &Method, uri: &Uri) -> Option<Response> {
        let token = self.token.as_ref()?;
        let given = uri.query()?.split('&').find_map(|pair| pair.strip_prefix("token="))?;
        if method != Method::GET || !same_secret(given, token) {
            return None;
        }
        Response::builder()
            .status(StatusCode::SEE_OTHER)
            .header(LOCATION, uri.path())
            .header(SET_COOKIE, format!("{COOKIE_NAME}={token}; HttpOnly; SameSite=Strict; Path=/"))
            .body(Body::empty())
            .ok()
    }
}

/// Middleware that lets a request through or answers why not.
pub async fn protect(State(guard): State<Arc<Guard>>, request: Request, next: Next) -> Response {
    if let Some(response) = guard.welcome(request.method(), request.uri()) {
        return response;
    }
    let headers = request.headers();
    let checked = guard
        .check_host(headers)
        .and_then(|()| if navigates(&request) { Ok(()) } else { guard.check_origin(headers) })
        .and_then(|()| guard.check_token(headers));
    match checked {
        Ok(()) => next.run(request).await,
        Err(error) => error.into_response(),
    }
}

/// Following a link from elsewhere to the studio's pages is fine; its API is not for links.
fn navigates(request: &Request) -> bool {
    request.method() == Method::GET && !request.uri().path().starts_with("/api/")
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// Compares digests, so that the time taken tells nothing about the secret.
fn same_secret(given: &str, secret: &str) -> bool {
    blake3::hash(given.as_bytes()) == blake3::hash(secret.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_str(value).unwrap()))
            .collect()
    }

    fn loopback() -> Guard {
        Guard::new("127.0.0.1:8000".parse().unwrap(), None)
    }

    #[test]
    fn a_rebound_host_name_is_refused() {
        assert!(loopback().check_host(&headers(&[("host", "evil.example:8000")])).is_err());
        assert!(loopback().check_host(&headers(&[("host", "localhost:8000")])).is_ok());
    }

    #[test]
    fn another_sites_page_is_refused() {
        let guard = loopback();
        let host = ("host", "127.0.0.1:8000");
        assert!(guard.check_origin(&headers(&[host, ("origin", "http://evil.example")])).is_err());
        assert!(guard.check_origin(&headers(&[host, ("sec-fetch-site", "cross-site")])).is_err());
        assert!(guard.check_origin(&headers(&[host, ("origin", "null")])).is_err());
        assert!(guard.check_origin(&headers(&[host, ("origin", "http://127.0.0.1:8000")])).is_ok());
        assert!(guard.check_origin(&headers(&[host])).is_ok());
    }

    #[test]
    fn a_public_address_asks_for_the_token() {
        let guard = Guard::new("0.0.0.0:8000".parse().unwrap(), Some("secret".into()));
        assert!(guard.check_token(&headers(&[])).is_err());
        assert!(guard.check_token(&headers(&[("authorization", "Bearer wrong")])).is_err());
        assert!(guard.check_token(&headers(&[("authorization", "Bearer secret")])).is_ok());
        assert!(guard.check_token(&headers(&[("cookie", "a=b; qpyt_token=secret")])).is_ok());
    }

    #[test]
    fn the_token_in_the_address_becomes_a_cookie() {
        let guard = Guard::new("0.0.0.0:8000".parse().unwrap(), Some("secret".into()));
        let response = guard.welcome(&Method::GET, &"/?token=secret".parse().unwrap()).unwrap();
        assert_eq!(response.headers()[LOCATION], "/");
        assert!(response.headers()[SET_COOKIE].to_str().unwrap().contains("HttpOnly"));
        assert!(guard.welcome(&Method::GET, &"/?token=wrong".parse().unwrap()).is_none());
    }
}
