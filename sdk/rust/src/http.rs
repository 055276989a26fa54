//! The network, one request at a time. Each host with its port has to be named in `brick.toml` under `wants` and
//! allowed by the person; `uses` names `qpyt:store/http`, and `qpyt:store/secrets` for requests with a secret.
//!
//! ```no_run
//! # fn main() -> qpyt_sdk::Result<()> {
//! use qpyt_sdk::http::{self, Request};
//!
//! let page = http::get("https://api.example.org/styles")?.ok()?.text()?;
//! let made = Request::post("https://api.example.org/pictures")
//!     .header("accept", "application/json")
//!     .json(&qpyt_sdk::serde_json::json!({"title": "Fox"}))
//!     .bearer("example-key")?
//!     .send()?
//!     .ok()?;
//! # let _ = (page, made);
//! # Ok(())
//! # }
//! ```

use serde::de::DeserializeOwned;

use crate::bindings::qpyt::store::http as contract;
use crate::bindings::qpyt::store::secrets::{self, Secret};
use crate::{BrickError, Result};

pub use crate::bindings::qpyt::store::http::{Header, HttpError, Method};

/// How much of a body an error shows, in characters.
const MAX_SHOWN: usize = 200;

/// Reads `url` and waits for the whole answer.
pub fn get(url: &str) -> Result<Response> {
    Request::get(url).send()
}

/// A request that is being put together.
#[derive(Debug)]
pub struct Request {
    request: contract::Request,
    bearer: Option<Secret>,
}

impl Request {
    /// A request to `url` without headers and body.
    pub fn new(method: Method, url: &str) -> Self {
        let request =
            contract::Request { method, url: url.to_owned(), headers: Vec::new(), body: Vec::new() };
        Self { request, bearer: None }
    }

    /// Reads `url`.
    pub fn get(url: &str) -> Self {
        Self::new(Method::Get, url)
    }

    /// Hands something over to `url`.
    pub fn post(url: &str) -> Self {
        Self::new(Method::Post, url)
    }

    /// Adds a line to the head.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.request.headers.push(Header { name: name.to_owned(), value: value.to_owned() });
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn body(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.request.body = bytes.into();
        self
    }

    /// Makes a JSON value the body, and says so in the head.
    #[must_use]
    pub fn json(self, value: &serde_json::Value) -> Self {
        self.header("content-type", "application/json").body(value.to_string())
    }

    /// Lets the studio send the secret `name` as `Authorization: Bearer ...`. The brick never sees it.
    pub fn bearer(mut self, name: &str) -> Result<Self> {
        self.bearer = Some(secrets::get(name)?);
        Ok(self)
    }

    /// Sends it and waits for the whole answer.
    pub fn send(self) -> Result<Response> {
        let contract::Response { status, headers, body } =
            contract::send(&self.request, self.bearer.as_ref())?;
        Ok(Response { status, headers, body })
    }
}

/// What a server answered. Redirects are answers too: the address to go to is the header `location`.
#[derive(Debug, Clone)]
pub struct Response {
    /// The status, such as 200.
    pub status: u16,
    /// The head.
    pub headers: Vec<Header>,
    /// The body.
    pub body: Vec<u8>,
}

impl Response {
    /// Fails with the status and the beginning of the body, if the status is not one of success (200 to 299).
    pub fn ok(self) -> Result<Self> {
        if (200..300).contains(&self.status) {
            return Ok(self);
        }
        let body = String::from_utf8_lossy(&self.body);
        let shown: String = body.trim().chars().take(MAX_SHOWN).collect();
        Err(BrickError::Host(format!("The server answered with status {}. {shown}", self.status)))
    }

    /// The first header of that name, in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name));
        found.map(|header| header.value.as_str())
    }

    /// The body as text.
    pub fn text(self) -> Result<String> {
        String::from_utf8(self.body)
            .map_err(|_| BrickError::other("The server's answer is no text. Check the address."))
    }

    /// The body read from JSON.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_slice(&self.body).map_err(|error| {
            BrickError::other(format!("The server's answer is not what was expected: {error}"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Response {
        let headers = vec![Header { name: "Location".to_owned(), value: "/there".to_owned() }];
        Response { status, headers, body: body.as_bytes().to_vec() }
    }

    #[test]
    fn a_status_of_failure_becomes_an_error_that_shows_what_the_server_says() {
        assert!(answer(204, "").ok().is_ok());
        let refused = answer(403, &"no ".repeat(1000)).ok();
        let Err(BrickError::Host(message)) = refused else { panic!("{refused:?}") };
        assert!(message.contains("status 403. no no") && message.len() < 300, "{message}");
        assert!(answer(302, "").ok().is_err());
    }

    #[test]
    fn bodies_are_read_as_text_and_json() {
        assert_eq!(answer(200, "fox").text().ok().as_deref(), Some("fox"));
        assert_eq!(answer(200, "[1, 2]").json::<Vec<u8>>().ok(), Some(vec![1, 2]));
        assert!(answer(200, "[1, 2").json::<Vec<u8>>().is_err());
        let raw = Response { status: 200, headers: vec![], body: vec![0xff] };
        assert!(raw.text().is_err());
    }

    #[test]
    fn headers_are_found_in_any_case() {
        assert_eq!(answer(302, "").header("location"), Some("/there"));
        assert_eq!(answer(302, "").header("etag"), None);
    }

    #[test]
    fn a_request_is_put_together_in_parts() {
        let request = Request::post("https://api.example.org/").json(&serde_json::json!({"a": 1})).request;
        assert_eq!(request.body, br#"{"a":1}"#);
        assert_eq!(request.headers[0].name, "content-type");
    }
}
