//! What a brick remembers, from run to run and from version to version, and its parameters on the way to another.

use std::sync::Arc;

use qpyt_bricks::{RunError, Value, registry::ChangeKind};
use serde_json::json;

use super::{House, Variant, install, variant_of};
use crate::{fixtures::request, host::FakeHost};

const COUNT_1: Variant = Variant { version: "0.1.0", mode: "echo." };
const COUNT_2: Variant = Variant { version: "0.2.0", mode: "echo." };

async fn house() -> House {
    let root = tempfile::tempdir().unwrap();
    install(&root.path().join("memory"), &variant_of("memory", COUNT_1));
    House::over(root, tempfile::tempdir().unwrap()).await
}

/// Runs the brick; it gives how often it ran and which version ran last.
async fn count(house: &House) -> Result<(f64, String), RunError> {
    let host = Arc::new(FakeHost::default());
    let outcome = house.serving("memory").run(request("memory:count", vec![], &host), None).await?;
    match [&outcome.outputs[0].value, &outcome.outputs[1].value] {
        [Value::Number(count), Value::Text(from)] => Ok((*count, from.clone())),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_brick_remembers_from_run_to_run_and_across_versions() {
    let mut house = house().await;
    assert_eq!(count(&house).await.unwrap(), (1.0, "nobody".to_owned()));
    assert_eq!(count(&house).await.unwrap(), (2.0, "0.1.0".to_owned()));
    install(&house.path("memory"), &variant_of("memory", COUNT_2));
    house.wait_for(ChangeKind::Swapped).await;
    assert_eq!(count(&house).await.unwrap(), (3.0, "0.1.0".to_owned()));
    assert_eq!(count(&house).await.unwrap(), (4.0, "0.2.0".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_at_the_same_time_lose_nothing_of_what_is_remembered() {
    let house = house().await;
    let version = house.serving("memory");
    let runs: Vec<_> = (0..20)
        .map(|_| {
            let version = version.clone();
            tokio::spawn(async move {
                let host = Arc::new(FakeHost::default());
                version.run(request("memory:count", vec![], &host), None).await
            })
        })
        .collect();
    for run in runs {
        run.await.unwrap().unwrap();
    }
    assert_eq!(count(&house).await.unwrap().0, 21.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_can_not_take_up_what_is_remembered_is_refused() {
    let mut house = house().await;
    count(&house).await.unwrap();
    install(&house.path("memory"), &variant_of("memory", Variant { version: "0.2.0", mode: "fussy" }));
    let change = house.wait_for(ChangeKind::Refused).await;
    assert!(change.reason.as_ref().unwrap().contains("can't read the old notes"), "{:?}", change.reason);
    assert_eq!(count(&house).await.unwrap().0, 2.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn too_much_to_remember_is_refused_with_the_limit() {
    let mut house = house().await;
    install(&house.path("memory"), &variant_of("memory", Variant { version: "0.2.0", mode: "huge." }));
    house.wait_for(ChangeKind::Swapped).await;
    let message = count(&house).await.unwrap_err().to_string();
    assert!(message.contains("1048576 are allowed") && message.contains("qpyt bricks forget"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_brick_gives_up_is_forgotten() {
    let mut house = house().await;
    count(&house).await.unwrap();
    install(&house.path("memory"), &variant_of("memory", Variant { version: "0.2.0", mode: "blank" }));
    house.wait_for(ChangeKind::Swapped).await;
    count(&house).await.unwrap();
    assert!(house.notes.states.lock().unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn parameters_are_carried_over_by_the_brick_s_own_rule() {
    let house = house().await;
    let binary = house.serving("memory").binary().clone();
    assert!(binary.migrates() && binary.is_stateful() && !binary.is_pure());
    let from = "0.0.9".parse().unwrap();
    let migrated = binary.migrate_params("memory:count", &from, &json!({"old": 3})).await.unwrap();
    assert_eq!(migrated, json!({"new": 3, "from": "0.0.9"}));
    let message = binary.migrate_params("memory:count", &from, &json!({})).await.unwrap_err().to_string();
    assert!(message.contains("version 0.0.9") && message.contains("there is no `old`"), "{message}");
}
