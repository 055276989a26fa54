//! What goes to a server and what comes back.

use serde::{Deserialize, Serialize};
use wasmtime::component::{ComponentType, Lift, Lower};

/// What stands for a secret in a run: its name. The value stays in the studio, and the brick has nothing but a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretHandle(String);

impl SecretHandle {
    /// For the secret `name`.
    pub fn new(name: String) -> Self {
        Self(name)
    }

    /// The name under which the person stored it.
    pub fn name(&self) -> &str {
        &self.0
    }
}

/// What a request does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ComponentType, Lift)]
#[serde(rename_all = "UPPERCASE")]
#[component(enum)]
#[repr(u8)]
pub enum Method {
    /// Reads.
    #[component(name = "get")]
    Get,
    /// Reads the head only.
    #[component(name = "head")]
    Head,
    /// Hands over.
    #[component(name = "post")]
    Post,
    /// Writes the whole.
    #[component(name = "put")]
    Put,
    /// Changes a part.
    #[component(name = "patch")]
    Patch,
    /// Removes.
    #[component(name = "delete")]
    Delete,
}

impl Method {
    /// As it stands in a request: `GET`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

/// A line of a request's or a response's head.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ComponentType, Lower)]
#[component(record)]
pub struct Header {
    /// Its name, in any case.
    pub name: String,
    /// Its value.
    pub value: String,
}

/// A request to a server. Its parts are within the contract's bounds; what they say is the brick's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpRequest {
    /// What it does.
    pub method: Method,
    /// To where.
    pub url: String,
    /// Further lines of its head.
    pub headers: Vec<Header>,
    /// Its body.
    pub body: Vec<u8>,
}

/// A server's answer.
#[derive(Debug, Clone, PartialEq, Eq, ComponentType, Lower)]
#[component(record)]
pub struct HttpResponse {
    /// The status, such as 200.
    pub status: u16,
    /// Its head.
    pub headers: Vec<Header>,
    /// Its body.
    pub body: Vec<u8>,
}
