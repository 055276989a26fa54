//! A new version takes over, and no call fails.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use qpyt_bricks::{
    CancellationToken, RunError, RunRequest, Value,
    registry::{ChangeKind, KEPT_VERSIONS},
};

use super::{ECHO_1, ECHO_2, House, Variant, component, install, marked, said};
use crate::{
    fixtures::{new_runtime, request},
    host::{Answering, FakeHost},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_written_serves_a_moment_later() {
    let mut house = House::with(&[("one", ECHO_1)]).await;
    let before = house.serving("one").digest();
    house.write("one", ECHO_2);
    let change = house.wait_for(ChangeKind::Swapped).await;
    assert_eq!(
        (change.from, change.bricks.as_slice()),
        (Some(before), ["versions:one".to_owned()].as_slice())
    );
    assert_eq!(said(&house.run("one").await.unwrap()), "0.2.0");
    let after = house.serving("one").digest();
    assert_eq!(*house.notes.handed_over.lock().unwrap(), [(before.to_string(), after.to_string())]);
    assert_eq!(house.registry.totals("versions:one").swaps, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_brick_appears_without_a_restart() {
    let mut house = House::with(&[]).await;
    house.write("one", ECHO_1);
    house.wait_for(ChangeKind::Added).await;
    assert_eq!(said(&house.run("one").await.unwrap()), "0.1.0");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_ends_on_the_version_that_it_began_with() {
    let mut house = House::with(&[("one", Variant { version: "0.1.0", mode: "paint" })]).await;
    let old = house.serving("one");
    let host = Arc::new(FakeHost::painting(Answering::After(Duration::from_millis(1500))));
    let running = {
        let (old, request) = (old.clone(), request("versions:one", vec![], &host));
        tokio::spawn(async move { old.run(request, None).await })
    };
    host.asked.notified().await;
    house.write("one", ECHO_2);
    house.wait_for(ChangeKind::Swapped).await;
    assert_eq!(old.running(), 1);
    assert_eq!(said(&house.run("one").await.unwrap()), "0.2.0");
    let outcome = running.await.unwrap().unwrap();
    assert!(matches!(outcome.outputs[0].value, Value::Image(_)));
    assert_eq!(old.running(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_bytes_written_again_change_nothing() {
    let house = House::with(&[("one", ECHO_1)]).await;
    let revision = house.registry.snapshot().revision;
    std::fs::write(house.path("one").join("brick.wasm"), component(ECHO_1)).unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(house.registry.snapshot().revision, revision);
}

/// Slow because it swaps a thousand times, each with a load of its own.
#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_swaps_under_load_fail_no_call() {
    const SWAPS: u32 = 1000;
    let house = House::with(&[("one", ECHO_1)]).await;
    let versions = [component(ECHO_1), component(ECHO_2)];
    let (stop, calls) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let callers: Vec<_> = (0..3)
        .map(|_| {
            let (registry, path) = (house.registry.clone(), house.path("one"));
            let (stop, calls) = (stop.clone(), calls.clone());
            tokio::spawn(async move {
                let host = Arc::new(FakeHost::default());
                while !stop.load(Ordering::Relaxed) {
                    let snapshot = registry.snapshot();
                    let place = snapshot.places.iter().find(|place| place.path == path).unwrap();
                    let version = place.serving.clone().expect("a version always serves");
                    version.run(request("versions:one", vec![], &host), None).await?;
                    calls.fetch_add(1, Ordering::Relaxed);
                    // A run that waits for nothing is over in one go; other tasks want their turn.
                    tokio::task::yield_now().await;
                }
                Ok::<_, RunError>(())
            })
        })
        .collect();
    let id = house.place("one").id;
    let mut last = house.serving("one").digest();
    // The kept versions are selected in turn, and every tenth swap comes from a file that was never seen before.
    for swap in 0..SWAPS {
        if swap % 10 == 0 {
            install(&house.path("one"), &marked(versions[(swap / 10 % 2) as usize].clone(), swap));
            let from = last;
            while house.serving("one").digest() == from {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        } else {
            let kept = house.place("one").kept;
            let other = kept.iter().find(|version| version.digest() != last).unwrap_or(&kept[0]);
            house.registry.select(id.as_str(), &other.digest()).await.unwrap();
        }
        last = house.serving("one").digest();
    }
    stop.store(true, Ordering::Relaxed);
    for caller in callers {
        caller.await.unwrap().expect("no call fails");
    }
    assert!(house.registry.totals("versions:one").swaps >= u64::from(SWAPS) - 10);
    assert_eq!(house.registry.totals("versions:one").failures, 0);
    assert!(calls.load(Ordering::Relaxed) > u64::from(SWAPS), "{calls:?} calls are no load");
    assert!(house.place("one").kept.len() <= KEPT_VERSIONS);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_seen_before_is_not_compiled_again() {
    let cache = tempfile::tempdir().unwrap();
    let runtime = new_runtime(cache.path());
    let root = tempfile::tempdir().unwrap();
    install(&root.path().join("one"), &component(ECHO_1));
    let mut house = House::on(runtime.clone(), root, tempfile::tempdir().unwrap()).await;
    house.write("one", ECHO_2);
    house.wait_for(ChangeKind::Swapped).await;
    assert_eq!(runtime.compilations(), 2);
    house.write("one", ECHO_1);
    house.wait_for(ChangeKind::Swapped).await;
    assert_eq!(runtime.compilations(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_run_counts_as_a_run_and_not_as_a_failure() {
    let house = House::with(&[("one", Variant { version: "0.1.0", mode: "loop." })]).await;
    let host = Arc::new(FakeHost::default());
    let cancel = CancellationToken::new();
    let request = RunRequest { cancel: cancel.clone(), ..request("versions:one", vec![], &host) };
    let version = house.serving("one");
    let running = tokio::spawn(async move { version.run(request, None).await });
    tokio::time::sleep(Duration::from_millis(50)).await;
    cancel.cancel();
    assert_eq!(running.await.unwrap().unwrap_err(), RunError::Cancelled);
    let totals = house.registry.totals("versions:one");
    assert_eq!((totals.runs, totals.failures, totals.traps), (1, 0, 0));
    assert!(totals.cpu > Duration::ZERO);
}
