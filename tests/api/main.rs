//! The HTTP API, seen by a program: one real studio for all tests of a file, real bricks, real inference.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

#[path = "../support/documents.rs"]
mod documents;
#[path = "../support/fixtures.rs"]
mod fixtures;
#[path = "../support/http.rs"]
mod http;
#[path = "../support/hub.rs"]
mod hub;
#[path = "../support/neighbour.rs"]
mod neighbour;
#[path = "../support/server.rs"]
mod server;
#[path = "../support/variants.rs"]
mod variants;

mod bricks;
mod content;
mod events;
mod faults;
mod guard;
mod jobs;
mod models;
mod network;
mod painting;
mod preview;
mod prompts;
mod restart;
mod seeing_and_writing;
mod swaps;
mod workflows;

use std::sync::{Arc, Mutex, PoisonError, Weak};

use tempfile::TempDir;

/// A studio that tests share which need no other. It ends with the last test that uses it.
struct Shared {
    server: server::Server,
    _data: TempDir,
}

static SHARED: Mutex<Weak<Shared>> = Mutex::new(Weak::new());

/// A client of the shared studio; it keeps the studio alive.
struct SharedClient {
    client: http::Client,
    _studio: Arc<Shared>,
}

impl std::ops::Deref for SharedClient {
    type Target = http::Client;
    fn deref(&self) -> &http::Client {
        &self.client
    }
}

fn client() -> SharedClient {
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    let studio = shared.upgrade().unwrap_or_else(|| {
        let (server, data) = server::Server::fresh();
        let started = Arc::new(Shared { server, _data: data });
        *shared = Arc::downgrade(&started);
        started
    });
    SharedClient { client: http::Client::new(&studio.server.address), _studio: studio }
}
