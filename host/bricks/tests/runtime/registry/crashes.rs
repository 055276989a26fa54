//! A version that crashes three times in a row is set aside, and the one before serves again.

use qpyt_bricks::{
    RunError,
    registry::{CRASHES_TO_QUARANTINE, ChangeKind, PlaceError},
};

use super::{ECHO_1, ECHO_2, House, Variant, said};

const TRAP_2: Variant = Variant { version: "0.2.0", mode: "trap." };

async fn crash(house: &House) {
    for _ in 0..CRASHES_TO_QUARANTINE {
        assert!(matches!(house.run("one").await, Err(RunError::Trapped { .. })));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_three_crashes_the_version_before_serves_again() {
    let mut house = House::with(&[("one", ECHO_1)]).await;
    house.write("one", TRAP_2);
    house.wait_for(ChangeKind::Swapped).await;
    crash(&house).await;
    let change = house.wait_for(ChangeKind::RolledBack).await;
    assert!(change.reason.as_ref().unwrap().contains("3 times in a row"), "{:?}", change.reason);
    assert_eq!(said(&house.run("one").await.unwrap()), "0.1.0");

    house.written_down().await;
    let house = house.restart().await;
    assert_eq!(house.version("one"), "0.1.0");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_another_version_the_brick_is_set_aside_until_its_file_changes() {
    let mut house = House::with(&[("one", Variant { version: "0.1.0", mode: "trap." })]).await;
    crash(&house).await;
    house.wait_for(ChangeKind::Quarantined).await;
    assert!(matches!(house.run("one").await, Err(RunError::Quarantined { .. })));
    house.write("one", ECHO_2);
    house.wait_for(ChangeKind::Swapped).await;
    assert_eq!(said(&house.run("one").await.unwrap()), "0.2.0");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quarantine_outlasts_a_restart_and_can_be_lifted() {
    let mut house = House::with(&[("one", Variant { version: "0.1.0", mode: "trap." })]).await;
    crash(&house).await;
    house.wait_for(ChangeKind::Quarantined).await;
    house.written_down().await;
    let house = house.restart().await;
    assert!(matches!(house.run("one").await, Err(RunError::Quarantined { .. })));
    let place = house.place("one");
    let digest = house.serving("one").digest();
    assert_eq!(house.registry.select(place.id.as_str(), &digest).await, Err(PlaceError::SetAside(digest)));
    house.registry.release(place.id.as_str()).unwrap();
    assert!(matches!(house.run("one").await, Err(RunError::Trapped { .. })));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_good_run_in_between_starts_the_count_anew() {
    let house = House::with(&[("one", Variant { version: "0.1.0", mode: "fail." })]).await;
    for _ in 0..2 * CRASHES_TO_QUARANTINE {
        assert!(matches!(house.run("one").await, Err(RunError::Brick { .. })));
    }
    assert!(!house.serving("one").is_quarantined());
    assert_eq!(house.registry.totals("versions:one").failures, u64::from(2 * CRASHES_TO_QUARANTINE));
}
