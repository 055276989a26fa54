//! Finished pictures and uploads.

use qpyt_bricks::Digest;
use qpyt_bricks::media::Container;
use qpyt_studio::store::{EventKind, GalleryEntry, JobId, Lane, NewGalleryEntry, Outcome, Seq, StoreError};
use serde_json::json;

use super::{TestStore, queue};

fn add(store: &TestStore, job: JobId, title: &str) -> GalleryEntry {
    let new = NewGalleryEntry {
        job,
        brick: "output".to_owned(),
        title: title.to_owned(),
        image: Digest::of(title.as_bytes()),
        file: Digest::of(b"file"),
        container: Container::Jpeg,
        width: 512,
        height: 256,
        bytes: 12_345,
        info: json!({ "seed": 7 }),
    };
    store.add_result(&new, |entry| json!({ "id": entry.id, "title": entry.picture.title })).unwrap()
}

#[test]
fn a_result_joins_the_gallery_together_with_the_event_that_tells_it() {
    let store = TestStore::new();
    let job = queue(&store, "job", Lane::Cpu).id;
    let entry = add(&store, job, "an apple");
    let store = store.restart();
    assert_eq!(store.gallery(10, None).unwrap(), std::slice::from_ref(&entry));
    assert_eq!(store.results_of(job).unwrap(), std::slice::from_ref(&entry));
    let event = store.events_after(Seq::default(), 10).unwrap().pop().unwrap();
    assert_eq!((event.kind, event.job), (EventKind::Result, job));
    assert_eq!(event.data, json!({ "result": { "id": entry.id, "title": "an apple" } }));
}

#[test]
fn the_gallery_is_paged_from_the_newest() {
    let store = TestStore::new();
    let job = queue(&store, "job", Lane::Cpu).id;
    let ids: Vec<i64> = ["a", "b", "c"].iter().map(|title| add(&store, job, title).id).collect();
    let page = store.gallery(2, None).unwrap();
    assert_eq!(page.iter().map(|entry| entry.id).collect::<Vec<_>>(), [ids[2], ids[1]]);
    let page = store.gallery(2, Some(ids[1])).unwrap();
    assert_eq!(page.iter().map(|entry| entry.id).collect::<Vec<_>>(), [ids[0]]);
}

#[test]
fn pictures_outlive_the_job_that_made_them_and_go_when_asked() {
    let store = TestStore::new();
    let job = queue(&store, "job", Lane::Cpu).id;
    let entry = add(&store, job, "kept");
    store.claim_next(Lane::Cpu).unwrap();
    store.finish_job(job, &Outcome::Succeeded, &json!({})).unwrap();
    store.delete_job(job).unwrap();
    assert_eq!(store.gallery(10, None).unwrap().len(), 1);

    store.delete_result(entry.id).unwrap();
    assert_eq!(store.gallery(10, None).unwrap(), []);
    assert!(matches!(store.delete_result(entry.id), Err(StoreError::NoResult(id)) if id == entry.id));
}

#[test]
fn an_upload_is_noted_once_under_its_digest() {
    let store = TestStore::new();
    let digest = Digest::of(b"a photograph");
    store.record_upload(digest, 640, 480).unwrap();
    store.record_upload(digest, 640, 480).unwrap();
    let database = rusqlite::Connection::open(store.path().join("qpyt.db")).unwrap();
    let kept: (String, u32, u32) = database
        .query_row("SELECT digest, width, height FROM uploads", [], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })
        .unwrap();
    assert_eq!(kept, (digest.to_string(), 640, 480));
}
