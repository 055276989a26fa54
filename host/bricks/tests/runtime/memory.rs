//! A brick that its author wrote with the Rust SDK remembers, and carries parameters over. What the studio does with
//! that is in `registry/memory.rs`.

use std::sync::Arc;

use qpyt_bricks::{Binary, Memory, RunError, RunRequest, SavedState, Value};
use serde_json::{Value as Json, json};

use crate::{
    fixtures::{counter, request},
    host::FakeHost,
};

async fn count(counter: &Binary, state: Option<SavedState>) -> Result<(String, SavedState), RunError> {
    let host = Arc::new(FakeHost::default());
    let request =
        RunRequest { params: json!({ "step": 2 }), state, ..request("tests:counter", vec![], &host) };
    let outcome = counter.run(request).await?;
    let (Value::Text(said), Memory::Keep(state)) = (&outcome.outputs[0].value, outcome.memory) else {
        panic!("it gave something else, or nothing to keep");
    };
    Ok((said.clone(), state))
}

#[tokio::test]
async fn what_a_run_keeps_is_there_in_the_next() {
    let counter = counter().await;
    let (said, state) = count(&counter, None).await.unwrap();
    assert_eq!(said, "2 after nothing");
    let (said, _) = count(&counter, Some(state)).await.unwrap();
    assert_eq!(said, "4 after 0.2.0");
}

#[tokio::test]
async fn what_is_remembered_in_another_form_is_an_error_that_names_the_version() {
    let state = SavedState { version: "0.1.0".parse().unwrap(), blob: b"{".as_slice().into() };
    let Err(RunError::Brick { message, .. }) = count(&*counter().await, Some(state)).await else { panic!() };
    assert!(message.contains("What 0.1.0 of this brick remembered can't be read"), "{message}");
}

#[tokio::test]
async fn parameters_are_carried_over_from_another_version() {
    let counter = counter().await;
    let carried = async |from: &str, params: Json| {
        counter.migrate_params("tests:counter", &from.parse().unwrap(), &params).await
    };
    assert_eq!(carried("0.1.7", json!({ "by": 5 })).await.unwrap(), json!({ "step": 5 }));
    let refused = carried("0.0.1", json!({ "by": 5 })).await.unwrap_err().to_string();
    assert!(refused.contains("Set the step anew."), "{refused}");
}
