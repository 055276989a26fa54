//! Permissions, what was done with them, publishers and digests of model files.

use std::fs;
use std::time::{Duration, SystemTime};

use qpyt_bricks::{Digest, Interface};
use qpyt_studio::store::{CallOutcome, Denials, Grant, JobId, NewCall, NewGrant, Remembered, StoreError};

use super::TestStore;

const BRICK: &str = "qpyt:save-to-disk";

fn grant(scope: &str) -> NewGrant {
    NewGrant {
        brick: BRICK.to_owned(),
        digest: Digest::of(b"component"),
        import: "qpyt:store/files".to_owned(),
        scope: scope.to_owned(),
    }
}

fn scopes(store: &TestStore, digest: &[u8], import: &str) -> Vec<String> {
    let grants = store.grants_of(BRICK, Digest::of(digest), import).unwrap();
    grants.into_iter().map(|grant| grant.allows.scope).collect()
}

fn call(outcome: CallOutcome, note: &str) -> NewCall {
    NewCall {
        job: Some(JobId::new()),
        brick: BRICK.to_owned(),
        digest: Digest::of(b"component"),
        import: "qpyt:store/files".to_owned(),
        scope: "/pictures".to_owned(),
        outcome,
        note: note.to_owned(),
    }
}

#[test]
fn a_permission_holds_for_that_very_component_and_interface() {
    let store = TestStore::new();
    store.add_grant(&grant("/pictures")).unwrap();
    let store = store.restart();
    assert_eq!(scopes(&store, b"component", "qpyt:store/files"), ["/pictures"]);
    assert!(scopes(&store, b"another version", "qpyt:store/files").is_empty());
    assert!(scopes(&store, b"component", "qpyt:store/http").is_empty());
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
fn a_trial_counts_from_its_beginning_and_ends_when_the_permission_is_given_again() {
    let store = TestStore::new();
    let given = store.add_grant(&grant("/pictures")).unwrap();
    let look = |store: &TestStore| -> Grant { store.grants().unwrap().remove(0) };
    assert!(store.set_trial(given.id, true).unwrap().trial);
    for _ in 0..3 {
        store.note_call(&call(CallOutcome::OnTrial, "write fox.png"), &[given.id], true).unwrap();
    }
    let store = store.restart();
    assert_eq!((look(&store).trial, look(&store).would_deny), (true, 3));
    assert_eq!(store.set_trial(given.id, true).unwrap().would_deny, 3, "the trial goes on");
    assert_eq!(store.set_trial(given.id, false).unwrap().would_deny, 3);
    assert_eq!(store.set_trial(given.id, true).unwrap().would_deny, 0, "a new trial");
    assert!(!store.add_grant(&grant("/pictures")).unwrap().trial);
    assert!(matches!(store.set_trial(999, true), Err(StoreError::NoGrant(999))));
}

#[test]
fn permissions_are_carried_over_for_the_interfaces_that_are_still_used() {
    let store = TestStore::new();
    let host = |digest: &[u8], scope: &str| NewGrant {
        digest: Digest::of(digest),
        import: "qpyt:store/http".to_owned(),
        ..grant(scope)
    };
    store.add_grant(&grant("/pictures")).unwrap();
    let trial = store.add_grant(&host(b"component", "a.example.org:443")).unwrap();
    store.set_trial(trial.id, true).unwrap();
    store.add_grant(&host(b"component", "b.example.org:443")).unwrap();
    store.add_grant(&host(b"next", "b.example.org:443")).unwrap();
    store
        .add_grant(&NewGrant { brick: "other:brick".to_owned(), ..host(b"component", "c.example.org:443") })
        .unwrap();

    let carry = || {
        let (from, to) = (Digest::of(b"component"), Digest::of(b"next"));
        store.carry_grants(BRICK, from, to, &[Interface::StoreHttp, Interface::JobContext]).unwrap()
    };
    assert_eq!(carry(), 1);
    assert_eq!(carry(), 0, "what is there is not carried again");
    let grants = store.grants_of(BRICK, Digest::of(b"next"), "qpyt:store/http").unwrap();
    let kept: Vec<_> = grants.iter().map(|grant| (grant.allows.scope.as_str(), grant.trial)).collect();
    assert_eq!(kept, [("b.example.org:443", false), ("a.example.org:443", true)]);
    assert!(scopes(&store, b"next", "qpyt:store/files").is_empty());
    assert_eq!(scopes(&store, b"component", "qpyt:store/files"), ["/pictures"]);

    let lines = store.calls(Some(BRICK), 10).unwrap();
    assert_eq!(lines.len(), 1);
    assert_eq!((lines[0].call.job, lines[0].call.outcome), (None, CallOutcome::OnTrial));
    assert!(lines[0].call.note.contains(&Digest::of(b"component").to_string()), "{}", lines[0].call.note);
}

#[test]
fn calls_are_listed_newest_first_and_by_brick() {
    let store = TestStore::new();
    let first = store.note_call(&call(CallOutcome::Allowed, "write a.png"), &[], true).unwrap().unwrap();
    store
        .note_call(&NewCall { brick: "b:b".to_owned(), ..call(CallOutcome::Denied, "x") }, &[], true)
        .unwrap();
    store.add_to_call(first, ", done").unwrap();
    let store = store.restart();
    let all = store.calls(None, 10).unwrap();
    assert_eq!(all.iter().map(|call| call.call.brick.as_str()).collect::<Vec<_>>(), ["b:b", BRICK]);
    assert_eq!(store.calls(None, 1).unwrap(), all[..1]);
    let of_one = store.calls(Some(BRICK), 10).unwrap();
    assert_eq!((of_one.len(), of_one[0].call.note.as_str()), (1, "write a.png, done"));
    assert!(store.calls(Some("nobody:knows"), 10).unwrap().is_empty());
}

#[test]
fn what_was_denied_is_counted_even_where_it_is_not_listed() {
    let store = TestStore::new();
    store.note_call(&call(CallOutcome::Denied, ""), &[], true).unwrap();
    assert_eq!(store.note_call(&call(CallOutcome::Denied, ""), &[], false).unwrap(), None);
    store.note_call(&call(CallOutcome::OnTrial, ""), &[], false).unwrap();
    store.note_call(&call(CallOutcome::Allowed, ""), &[], false).unwrap();
    let denials = store.restart().denials().unwrap();
    assert_eq!(
        denials.into_iter().collect::<Vec<_>>(),
        [(BRICK.to_owned(), Denials { denied: 2, would_deny: 1 })]
    );
}

#[test]
fn the_audit_keeps_the_newest_ten_thousand_lines() {
    let store = TestStore::new();
    for number in 0..10_020 {
        store.note_call(&call(CallOutcome::Allowed, &number.to_string()), &[], true).unwrap();
    }
    let lines = store.calls(None, 20_000).unwrap();
    assert_eq!(lines.len(), 10_000);
    assert_eq!((lines[0].call.note.as_str(), lines[9_999].call.note.as_str()), ("10019", "20"));
}

#[test]
fn a_publisher_is_known_by_the_key_that_was_seen_first() {
    let store = TestStore::new();
    let remember = |store: &TestStore, key: &str| store.remember_publisher("fox", key).unwrap();
    assert_eq!(remember(&store, "ed25519:aa"), Remembered::New);
    assert_eq!(remember(&store, "ed25519:aa"), Remembered::Known);
    let store = store.restart();
    assert_eq!(store.publisher_key("fox").unwrap().as_deref(), Some("ed25519:aa"));
    assert_eq!(store.publisher_key("hare").unwrap(), None);
    assert_eq!(remember(&store, "ed25519:bb"), Remembered::OtherKey("ed25519:aa".to_owned()));
    assert_eq!(remember(&store, "ed25519:aa"), Remembered::Known, "the first key stays");
    assert_eq!(store.remember_publisher("Fox", "ed25519:bb").unwrap(), Remembered::New);
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
