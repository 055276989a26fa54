//! Secrets: kept for their owner alone, told to nobody.

use std::fs;

use qpyt_studio::store::{SecretValue, Store, StoreError};

use super::TestStore;

fn value(text: &str) -> SecretValue {
    SecretValue::new(text.to_owned()).unwrap()
}

#[test]
fn a_secret_is_kept_replaced_and_forgotten() {
    let store = TestStore::new();
    assert!(store.secrets().unwrap().is_empty());
    store.set_secret("example-key", value("first")).unwrap();
    store.set_secret("another", value("x")).unwrap();
    let store = store.restart();
    assert_eq!(store.secret("example-key").unwrap().reveal(), "first");
    store.set_secret("example-key", value("second")).unwrap();
    assert_eq!(store.secret("example-key").unwrap().reveal(), "second");
    let names: Vec<_> = store.secrets().unwrap().into_iter().map(|secret| secret.name).collect();
    assert_eq!(names, ["another", "example-key"]);
    store.delete_secret("example-key").unwrap();
    let error = store.secret("example-key").unwrap_err();
    assert!(error.to_string().contains("qpyt secrets set example-key"), "{error}");
    assert!(matches!(store.delete_secret("example-key"), Err(StoreError::NoSecret(_))));
}

#[cfg(unix)]
#[test]
fn only_its_owner_can_read_the_file_and_nothing_of_it_is_elsewhere() {
    use std::os::unix::fs::PermissionsExt;
    let store = TestStore::new();
    store.set_secret("example-key", value("s3cret-of-the-fox")).unwrap();
    let path = store.path().join("secrets.json");
    let mode = || fs::metadata(&path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(), 0o600);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    store.set_secret("other", value("x")).unwrap();
    assert_eq!(mode(), 0o600);
    for entry in fs::read_dir(store.path()).unwrap() {
        let entry = entry.unwrap();
        if entry.path().is_file() && entry.path() != path {
            let bytes = fs::read(entry.path()).unwrap();
            let found = bytes.windows(17).any(|part| part == b"s3cret-of-the-fox");
            assert!(!found, "{} holds the secret", entry.path().display());
        }
    }
    store.delete_secret("example-key").unwrap();
    assert!(!fs::read_to_string(&path).unwrap().contains("s3cret"));
}

#[test]
fn a_value_shows_itself_to_nobody_who_does_not_ask() {
    assert!(!format!("{:?}", value("s3cret")).contains("s3cret"));
    for wrong in ["", "two words", "line\nbreak", "tab\t", "é", "\0", &"x".repeat(8193)] {
        let error = SecretValue::new(wrong.to_owned()).unwrap_err().to_string();
        assert!(error.contains("Its value") && (wrong.is_empty() || !error.contains(wrong)), "{error}");
    }
    assert!(SecretValue::new("x".repeat(8192)).is_ok());
}

#[test]
fn names_are_plain_and_their_number_has_an_end() {
    let store = TestStore::new();
    for name in ["", "../secrets", "Example Key", "a/b"] {
        assert!(matches!(store.set_secret(name, value("x")), Err(StoreError::BadSecret(_))), "{name}");
    }
    for number in 0..256 {
        store.set_secret(&format!("key-{number}"), value("x")).unwrap();
    }
    assert!(matches!(store.set_secret("one-more", value("x")), Err(StoreError::BadSecret(_))));
    store.set_secret("key-7", value("y")).unwrap();
}

#[test]
fn two_processes_that_set_secrets_lose_none() {
    let store = TestStore::new();
    let beside = Store::open_beside(store.path()).unwrap();
    std::thread::scope(|threads| {
        for (number, store) in [&*store, &beside].into_iter().enumerate() {
            threads.spawn(move || {
                for turn in 0..20 {
                    store.set_secret(&format!("key-{number}-{turn}"), value("x")).unwrap();
                }
            });
        }
    });
    assert_eq!(store.secrets().unwrap().len(), 40);
}

#[test]
fn a_damaged_file_is_named_without_what_is_in_it() {
    let store = TestStore::new();
    fs::write(store.path().join("secrets.json"), "{\"secrets\": {\"a\": \"s3cret\"}}").unwrap();
    let error = store.secrets().unwrap_err().to_string();
    assert!(error.contains("secrets.json") && !error.contains("s3cret"), "{error}");
    assert!(store.set_secret("b", value("x")).is_err(), "what can't be read is not written over");
}

#[test]
fn the_network_stays_switched_as_it_was() {
    let store = TestStore::new();
    assert!(!store.offline().unwrap());
    store.set_offline(true).unwrap();
    let store = store.restart();
    assert!(store.offline().unwrap());
    store.set_offline(false).unwrap();
    assert!(!store.offline().unwrap());
}
