//! Cached results: kept over restarts, and never given out when what they refer to is gone or damaged.

use std::fs;

use qpyt_bricks::Digest;
use qpyt_bricks::media::PixelFormat;
use qpyt_studio::store::{CachedRun, Content, ContentKind};
use serde_json::json;

use super::{TestStore, picture};

/// A remembered run whose only output is a picture.
fn remember(store: &TestStore, key: Digest) -> CachedRun {
    let digest = store.content().put_image(&picture(PixelFormat::Rgb8, 16, 16)).unwrap();
    let run = CachedRun {
        outputs: json!({ "image": [{ "kind": "image", "digest": digest }] }),
        content: vec![Content { kind: ContentKind::Image, digest }],
        notes: vec!["The prompt is too long.".to_owned()],
    };
    store.remember_run(key, &run).unwrap();
    run
}

fn image_file(store: &TestStore, run: &CachedRun) -> std::path::PathBuf {
    let hex = run.content[0].digest.hex();
    store.path().join("content/images").join(&hex[..2]).join(format!("{hex}.png"))
}

#[test]
fn a_result_is_found_again_after_a_restart() {
    let store = TestStore::new();
    let key = Digest::of(b"key");
    assert_eq!(store.lookup_run(key).unwrap(), None);
    let run = remember(&store, key);
    let store = store.restart();
    assert_eq!(store.lookup_run(key).unwrap(), Some(run));
    assert_eq!(store.lookup_run(Digest::of(b"another key")).unwrap(), None);
}

#[test]
fn remembering_again_replaces() {
    let store = TestStore::new();
    let key = Digest::of(b"key");
    remember(&store, key);
    let plain = CachedRun { outputs: json!({ "text": "hello" }), content: Vec::new(), notes: Vec::new() };
    store.remember_run(key, &plain).unwrap();
    assert_eq!(store.lookup_run(key).unwrap(), Some(plain));
}

#[test]
fn a_result_whose_picture_is_gone_is_a_miss() {
    let store = TestStore::new();
    let key = Digest::of(b"key");
    let run = remember(&store, key);
    fs::remove_file(image_file(&store, &run)).unwrap();
    assert_eq!(store.lookup_run(key).unwrap(), None);
}

#[test]
fn a_result_whose_picture_is_damaged_is_a_miss_until_it_is_made_again() {
    let store = TestStore::new();
    let key = Digest::of(b"key");
    let run = remember(&store, key);
    let path = image_file(&store, &run);
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&path, bytes).unwrap();
    assert_eq!(store.lookup_run(key).unwrap(), None);
    remember(&store, key);
    assert_eq!(store.lookup_run(key).unwrap(), Some(run));
}
