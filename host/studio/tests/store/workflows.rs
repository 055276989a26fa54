//! Saved workflows are plain files in one folder, and nowhere else.

use std::fs;

use qpyt_studio::store::{SaveMode, StoreError, WorkflowName};
use serde_json::json;

use super::TestStore;

fn name(text: &str) -> WorkflowName {
    text.parse().unwrap()
}

#[test]
fn a_workflow_is_saved_listed_loaded_and_deleted() {
    let store = TestStore::new();
    let document = json!({ "version": 1, "unknown": { "kept": true } });
    store.save_workflow(&name("Second one"), &document, SaveMode::CreateOnly).unwrap();
    store.save_workflow(&name("First one"), &document, SaveMode::CreateOnly).unwrap();
    let store = store.restart();
    let names: Vec<_> = store.workflows().unwrap().into_iter().map(|saved| saved.name.to_string()).collect();
    assert_eq!(names, ["First one", "Second one"]);
    assert_eq!(store.load_workflow(&name("First one")).unwrap(), document);
    store.delete_workflow(&name("First one")).unwrap();
    assert!(matches!(store.load_workflow(&name("First one")), Err(StoreError::NoWorkflow(_))));
    assert!(matches!(store.delete_workflow(&name("First one")), Err(StoreError::NoWorkflow(_))));
}

#[test]
fn a_workflow_is_replaced_only_when_that_is_wished() {
    let store = TestStore::new();
    store.save_workflow(&name("mine"), &json!(1), SaveMode::CreateOnly).unwrap();
    let error = store.save_workflow(&name("mine"), &json!(2), SaveMode::CreateOnly).unwrap_err();
    assert!(matches!(&error, StoreError::WorkflowExists(name) if name == "mine"), "{error}");
    assert_eq!(store.load_workflow(&name("mine")).unwrap(), json!(1));
    store.save_workflow(&name("mine"), &json!(3), SaveMode::Replace).unwrap();
    assert_eq!(store.load_workflow(&name("mine")).unwrap(), json!(3));
}

#[test]
fn a_file_that_is_no_json_is_named_and_others_still_load() {
    let store = TestStore::new();
    store.save_workflow(&name("good"), &json!({}), SaveMode::CreateOnly).unwrap();
    fs::write(store.path().join("workflows/bad.json"), "{ half").unwrap();
    fs::write(store.path().join("workflows/notes.txt"), "not a workflow").unwrap();
    fs::write(store.path().join("workflows/.hidden.json"), "{}").unwrap();
    let error = store.load_workflow(&name("bad")).unwrap_err();
    assert!(matches!(&error, StoreError::Corrupt { path, .. } if path.ends_with("bad.json")), "{error}");
    assert_eq!(store.workflows().unwrap().len(), 2);
    assert!(store.load_workflow(&name("good")).is_ok());
}

#[test]
fn an_endless_document_is_refused_in_both_directions() {
    let store = TestStore::new();
    let big = json!("x".repeat(17 << 20));
    let error = store.save_workflow(&name("big"), &big, SaveMode::Replace).unwrap_err();
    assert!(matches!(error, StoreError::DocumentTooLarge { .. }), "{error}");
    fs::write(store.path().join("workflows/big.json"), big.to_string()).unwrap();
    assert!(matches!(store.load_workflow(&name("big")), Err(StoreError::DocumentTooLarge { .. })));
}
