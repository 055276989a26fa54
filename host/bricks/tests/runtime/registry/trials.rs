//! A new version runs on what the last good run was given before it serves.

use std::sync::Arc;

use qpyt_bricks::registry::{ChangeKind, RefusalKind};

use super::{ECHO_1, ECHO_2, House, Variant, said};
use crate::{fixtures::request, host::FakeHost};

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_crashes_on_the_last_good_run_is_refused_and_the_old_one_goes_on() {
    let mut house = House::with(&[("one", ECHO_1)]).await;
    house.run("one").await.unwrap();
    house.write("one", Variant { version: "0.2.0", mode: "trap." });
    let change = house.wait_for(ChangeKind::Refused).await;
    assert!(change.reason.as_ref().unwrap().contains("panicked"), "{:?}", change.reason);
    let place = house.place("one");
    assert_eq!(place.refusal.unwrap().kind, RefusalKind::Canary);
    assert_eq!(said(&house.run("one").await.unwrap()), "0.1.0");
    let log = house.registry.log("versions:one", 10);
    assert!(log.iter().any(|line| line.message.contains("this version gives up")), "{log:#?}");

    house.write("one", ECHO_2);
    house.wait_for(ChangeKind::Swapped).await;
    assert!(house.place("one").refusal.is_none());
    assert_eq!(said(&house.run("one").await.unwrap()), "0.2.0");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_only_fails_where_the_old_one_did_not_is_refused_too() {
    let mut house = House::with(&[("one", ECHO_1)]).await;
    house.run("one").await.unwrap();
    house.write("one", Variant { version: "0.2.0", mode: "fail." });
    let change = house.wait_for(ChangeKind::Refused).await;
    assert!(change.reason.as_ref().unwrap().contains("never likes what it gets"), "{:?}", change.reason);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_version_can_be_used_anyway() {
    let mut house = House::with(&[("one", ECHO_1)]).await;
    house.run("one").await.unwrap();
    house.write("one", Variant { version: "0.2.0", mode: "fail." });
    house.wait_for(ChangeKind::Refused).await;
    let id = house.place("one").id;
    house.registry.use_anyway(id.as_str()).await.unwrap();
    assert_eq!(house.version("one"), "0.2.0");
    assert!(house.registry.use_anyway(id.as_str()).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trial_run_asks_no_model_and_has_no_effect() {
    let mut house = House::with(&[("one", Variant { version: "0.1.0", mode: "paint" })]).await;
    let host = Arc::new(FakeHost::default());
    house.serving("one").run(request("versions:one", vec![], &host), None).await.unwrap();
    assert_eq!(host.requests.lock().unwrap().len(), 1);
    house.write("one", Variant { version: "0.2.0", mode: "paint" });
    house.wait_for(ChangeKind::Swapped).await;
    assert_eq!(host.requests.lock().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trial_run_that_asks_for_more_than_was_recorded_tells_nothing() {
    let mut house = House::with(&[("one", ECHO_1)]).await;
    house.run("one").await.unwrap();
    house.write("one", Variant { version: "0.2.0", mode: "paint" });
    house.wait_for(ChangeKind::Swapped).await;
    assert_eq!(house.version("one"), "0.2.0");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_good_run_there_is_no_trial() {
    let mut house = House::with(&[("one", ECHO_1)]).await;
    house.write("one", Variant { version: "0.2.0", mode: "trap." });
    house.wait_for(ChangeKind::Swapped).await;
}
