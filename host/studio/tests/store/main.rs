//! The store on real disks and a real SQLite: what it promises to keep, and what it refuses.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests fail by panicking")]

mod content;
mod full_disk;
mod gallery;
mod gate;
mod grants;
mod jobs;
mod opening;
mod runs;
mod secrets;
mod workflows;

use std::path::Path;

use qpyt_bricks::Digest;
use qpyt_bricks::media::{Image, PixelFormat};
use qpyt_studio::store::{Inserted, Job, JobId, Lane, NewJob, Store};
use serde_json::json;

/// A store in a folder that is removed at the end of the test.
struct TestStore {
    folder: tempfile::TempDir,
    store: Store,
}

impl TestStore {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        Self { folder, store }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Closes the store and opens it again.
    fn restart(self) -> Self {
        let Self { folder, store } = self;
        drop(store);
        let store = Store::open(folder.path()).unwrap();
        Self { folder, store }
    }
}

impl std::ops::Deref for TestStore {
    type Target = Store;

    fn deref(&self) -> &Store {
        &self.store
    }
}

fn new_job(name: &str, lane: Lane) -> NewJob {
    NewJob {
        id: JobId::new(),
        name: name.to_owned(),
        document: json!({ "version": 1, "name": name }),
        request: Digest::of(name.as_bytes()),
        targets: vec!["output".to_owned()],
        lane,
        bricks: json!({ "prompt": { "state": "pending" } }),
    }
}

fn queue(store: &Store, name: &str, lane: Lane) -> Job {
    match store.insert_job(&new_job(name, lane), 1000).unwrap() {
        Inserted::New(job) => job,
        Inserted::Existing(job) => panic!("{name} was there already: {job:?}"),
    }
}

/// A picture in which no two rows are alike.
fn picture(format: PixelFormat, width: u32, height: u32) -> Image {
    let pixels = if format == PixelFormat::Luma32f {
        (0..width * height).flat_map(|i| (i as f32 / (width * height) as f32).to_le_bytes()).collect()
    } else {
        (0..format.bytes(width, height)).map(|i| (i * 31 % 251) as u8).collect()
    };
    Image::new(format, width, height, pixels).unwrap()
}
