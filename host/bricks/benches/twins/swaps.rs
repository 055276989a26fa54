//! Bricks that change while they are in use: how soon a new version serves, what a roll-back takes, and whether a call
//! fails meanwhile.

use std::{
    fs,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use qpyt_bricks::{
    Binary, Digest, SavedState,
    registry::{Place, Registry, RegistryOptions, Steward},
};
use tempfile::TempDir;

use crate::{
    built::folder,
    cache,
    calls::request,
    host::FakeHost,
    loading::install,
    runtime,
    table::{Samples, Table},
};

const SWAPS: u32 = 1000;

/// A studio that allows everything and remembers nothing.
pub struct Nobody;

impl Steward for Nobody {
    fn admit(&self, _candidate: &Binary) -> Result<(), String> {
        Ok(())
    }

    fn hand_over(&self, _from: &Binary, _to: &Binary) {}

    fn state(&self, _brick: &str) -> Option<SavedState> {
        None
    }

    fn keep_state(&self, _brick: &str, _state: Option<&SavedState>) -> Result<(), String> {
        Ok(())
    }
}

pub async fn measure(table: &mut Table, scale: u32) {
    let (root, shelf) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let one = root.path().join("one");
    install(&one, &marked(0));
    let options = RegistryOptions {
        roots: vec![root.path().to_owned()],
        shelf: shelf.path().to_owned(),
        steward: Arc::new(Nobody),
        keeps_copies: true,
    };
    let compiled: TempDir = tempfile::tempdir().unwrap();
    let registry = Registry::open(runtime(compiled.path()), options).await;
    let watching = tokio::spawn(registry.clone().watch());
    tokio::time::sleep(Duration::from_millis(50)).await;

    let mut new = Samples::new();
    for mark in 0..(60 / scale).max(5) {
        new.add(serving_after(&registry, &one, &marked(mark + 1)).await);
    }
    let size = marked(0).len() >> 10;
    let what = format!("file write → new Rust brick ({size} KiB) serving");
    table.alone(&what, &new, "p95 ≤ 250 ms", Some(new.p95() <= Duration::from_millis(250)));

    let (mut seen, pair) = (Samples::new(), [marked(1), marked(2)]);
    for round in 0..(40 / scale).max(5) {
        seen.add(serving_after(&registry, &one, &pair[round as usize % 2]).await);
    }
    table.alone("file write → version seen before serving (20 ms of it settling)", &seen, "", None);

    let mut back = Samples::new();
    for _ in 0..200 / scale {
        let (id, other) = other_version(&registry);
        back.time(registry.select(&id, &other)).await.unwrap();
    }
    let holds = back.p95() <= Duration::from_millis(10);
    table.alone("swap to a kept version, or roll-back", &back, "≤ 10 ms", Some(holds));

    let (calls, failed) = calls_while_swapping(&registry, &one).await;
    let what = format!("failed calls of {calls} in {SWAPS} swaps");
    table.count(&what, &failed.to_string(), "0", Some(failed == 0 && calls > 0));
    watching.abort();
}

/// The brick `pictures` with a custom section at its end, so that its digest is another one.
fn marked(mark: u32) -> Vec<u8> {
    let mut bytes = fs::read(folder("pictures").join("pictures.wasm")).unwrap();
    bytes.extend([0, 6, 1, b'm']);
    bytes.extend(mark.to_le_bytes());
    bytes
}

fn place(registry: &Registry) -> Place {
    registry.snapshot().places[0].clone()
}

fn other_version(registry: &Registry) -> (String, Digest) {
    let place = place(registry);
    let serving = place.serving.unwrap().digest();
    let other = place.kept.iter().map(|version| version.digest()).find(|digest| *digest != serving);
    (place.id.as_str().to_owned(), other.unwrap())
}

/// From before the file is written to the moment a run would get its new version.
async fn serving_after(registry: &Registry, folder: &Path, component: &[u8]) -> Duration {
    let digest = Digest::of(component);
    let mut changes = registry.changes();
    let start = Instant::now();
    let (new, path) = (folder.join("brick.wasm.new"), folder.join("brick.wasm"));
    fs::write(&new, component).unwrap();
    fs::rename(new, path).unwrap();
    while place(registry).serving.unwrap().digest() != digest {
        let change = tokio::time::timeout(Duration::from_secs(60), changes.recv()).await;
        change.expect("no change came").unwrap();
    }
    start.elapsed()
}

/// How many runs were made while versions were swapped [`SWAPS`] times, and how many of them failed.
async fn calls_while_swapping(registry: &Registry, folder: &Path) -> (u64, u64) {
    let (stop, calls, failed) =
        (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let callers: Vec<_> = (0..3)
        .map(|_| {
            let (registry, stop, calls, failed) =
                (registry.clone(), stop.clone(), calls.clone(), failed.clone());
            tokio::spawn(async move {
                let host = Arc::new(FakeHost::default());
                while !stop.load(Ordering::Relaxed) {
                    let version = place(&registry).serving.unwrap();
                    let id = version.brick_ids()[0].clone();
                    let result = version.run(request(&host, &id, vec![]), None).await;
                    calls.fetch_add(1, Ordering::Relaxed);
                    failed.fetch_add(u64::from(result.is_err()), Ordering::Relaxed);
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    for swap in 0..SWAPS {
        if swap % 20 == 0 {
            serving_after(registry, folder, &marked(10_000 + swap)).await;
        } else {
            let (id, other) = other_version(registry);
            registry.select(&id, &other).await.unwrap();
        }
    }
    stop.store(true, Ordering::Relaxed);
    for caller in callers {
        caller.await.unwrap();
    }
    (calls.load(Ordering::Relaxed), failed.load(Ordering::Relaxed))
}

/// Opens a registry over bricks that were all compiled before, until each of them serves.
pub async fn open(root: &Path, shelf: &Path) -> usize {
    let options = RegistryOptions {
        roots: vec![root.to_owned()],
        shelf: shelf.to_owned(),
        steward: Arc::new(Nobody),
        keeps_copies: true,
    };
    let registry = Registry::open(runtime(&cache()), options).await;
    registry.snapshot().places.iter().filter(|place| place.serving.is_some()).count()
}
