//! WASI with nothing behind it.

use std::{sync::Arc, time::Duration};

use qpyt_bricks::{Limits, RunError, RunRequest, Value};

use crate::{
    fixtures::{request, run, run_limited, system, values},
    host::FakeHost,
};

#[tokio::test]
async fn files_sockets_environment_and_arguments_are_out_of_reach() {
    let outcome = run(&*system().await, "system:reach", vec![]).await;
    assert_eq!(outcome.outputs.len(), 9);
    for value in values(&outcome) {
        assert!(matches!(value, Value::Text(answer) if answer.ends_with(": denied")), "{value:?}");
    }
}

#[tokio::test]
async fn clocks_stand_still() {
    let outcome = run(&*system().await, "system:clocks", vec![]).await;
    assert_eq!(values(&outcome), [&Value::Number(946_684_800.0), &Value::Number(0.0)]);
}

#[tokio::test]
async fn random_numbers_follow_from_the_run_s_seed() {
    let binary = system().await;
    let draw = async |seed| {
        let host = Arc::new(FakeHost::default());
        let random = RunRequest { seed, ..request("system:random", vec![], &host) };
        binary.run(random).await.unwrap().outputs
    };
    let (first, again, other) = (draw(1).await, draw(1).await, draw(2).await);
    assert_eq!(first, again);
    assert_ne!(first, other);
    assert_ne!(first[0], first[1]);
}

#[tokio::test]
async fn a_sleeping_brick_is_woken_by_its_deadline() {
    let limits = Limits { wall: Duration::from_millis(100), ..Limits::default() };
    let (_, result) = run_limited(&*system().await, "system:sleep", vec![], limits).await;
    assert!(matches!(result, Err(RunError::DeadlineExceeded { .. })), "{result:?}");
}
