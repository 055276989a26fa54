//! Permissions, and digests of model files.

use std::fs;
use std::time::{Duration, SystemTime};

use qpyt_bricks::Digest;
use qpyt_studio::store::{NewGrant, StoreError};

use super::TestStore;

fn grant(scope: &str) -> NewGrant {
    NewGrant {
        brick: "qpyt:save-to-disk".to_owned(),
        digest: Digest::of(b"component"),
        import: "qpyt:store/files".to_owned(),
        scope: scope.to_owned(),
    }
}

#[test]
fn a_permission_holds_for_that_very_component_and_interface() {
    let store = TestStore::new();
    store.add_grant(&grant("/pictures")).unwrap();
    let store = store.restart();
    let scopes = |digest, import| store.granted_scopes("qpyt:save-to-disk", digest, import).unwrap();
    assert_eq!(scopes(Digest::of(b"component"), "qpyt:store/files"), ["/pictures"]);
    assert!(scopes(Digest::of(b"another version"), "qpyt:store/files").is_empty());
    assert!(scopes(Digest::of(b"component"), "qpyt:store/http").is_empty());
}

#[test]
fn giving_a_permission_twice_gives_it_once_and_it_can_be_taken_back() {
    let store = TestStore::new();
    let first = store.add_grant(&grant("/pictures")).unwrap();
    assert_eq!(store.add_grant(&grant("/pictures")).unwrap(), first);
    store.add_grant(&grant("/other")).unwrap();
    assert_eq!(store.grants().unwrap().len(), 2);
    store.delete_grant(first.id).unwrap();
    assert_eq!(store.grants().unwrap()[0].allows, grant("/other"));
    assert!(matches!(store.delete_grant(first.id), Err(StoreError::NoGrant(_))));
}

#[test]
fn a_model_file_is_hashed_again_only_when_it_changed() {
    let store = TestStore::new();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let old = SystemTime::now() - Duration::from_secs(60);
    let set_time = |time| fs::File::options().write(true).open(&path).unwrap().set_modified(time).unwrap();
    fs::write(&path, b"weights").unwrap();
    set_time(old);
    assert_eq!(store.file_digest(&path).unwrap(), Digest::of(b"weights"));

    // Same size and time: the store does not look inside, also not after a restart.
    fs::write(&path, b"WEIGHTS").unwrap();
    set_time(old);
    let store = store.restart();
    assert_eq!(store.file_digest(&path).unwrap(), Digest::of(b"weights"));

    set_time(old + Duration::from_secs(1));
    assert_eq!(store.file_digest(&path).unwrap(), Digest::of(b"WEIGHTS"));
    fs::remove_file(&path).unwrap();
    let error = store.file_digest(&path).unwrap_err().to_string();
    assert!(error.contains("model.safetensors"), "{error}");
}
