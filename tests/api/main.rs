//! The HTTP API, seen by a program: one real studio for all tests of a file, real bricks, real inference.

#[path = "../support/documents.rs"]
mod documents;
#[path = "../support/http.rs"]
mod http;
#[path = "../support/server.rs"]
mod server;

mod content;
mod events;
mod faults;
mod guard;
mod jobs;
mod restart;
mod workflows;

use std::sync::LazyLock;

use tempfile::TempDir;

/// The studio that tests share which need no other.
static SHARED: LazyLock<(server::Server, TempDir)> = LazyLock::new(server::Server::fresh);

/// A client of the shared studio.
fn client() -> http::Client {
    http::Client::new(&SHARED.0.address)
}
