//! Bricks that change while they are in use. Covered: swap, refusal, trial run, roll-back, quarantine, selection,
//! removal and revival, duplicates, what is left by a power loss, and a thousand swaps under load.

mod crashes;
mod memory;
mod places;
mod selection;
mod swaps;
mod trials;

use std::{
    fs,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

use qpyt_bricks::{
    Binary, RunError, RunOutcome, Runtime, SavedState, Value,
    registry::{Change, ChangeKind, Place, Registry, RegistryOptions, Steward, Version},
};
use tempfile::TempDir;
use tokio::{sync::broadcast, task::JoinHandle};

pub use crate::variants::{ECHO_1, ECHO_2, Variant, marked, place as install, variant_of};
use crate::{
    fixtures::{request, runtime},
    host::FakeHost,
};

/// How long a change may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// The studio's part, remembered.
#[derive(Default)]
pub struct Notes {
    pub handed_over: Mutex<Vec<(String, String)>>,
    pub states: Mutex<std::collections::HashMap<String, SavedState>>,
    /// Digests that may not serve.
    pub banned: Mutex<Vec<String>>,
}

impl Steward for Notes {
    fn admit(&self, candidate: &Binary) -> Result<(), String> {
        let banned = self.banned.lock().unwrap().contains(&candidate.digest().to_string());
        if banned { Err("its publisher is not the one it names".to_owned()) } else { Ok(()) }
    }

    fn hand_over(&self, from: &Binary, to: &Binary) {
        self.handed_over.lock().unwrap().push((from.digest().to_string(), to.digest().to_string()));
    }

    fn state(&self, brick: &str) -> Option<SavedState> {
        self.states.lock().unwrap().get(brick).cloned()
    }

    fn keep_state(&self, brick: &str, state: Option<&SavedState>) -> Result<(), String> {
        let mut states = self.states.lock().unwrap();
        match state {
            Some(state) => states.insert(brick.to_owned(), state.clone()),
            None => states.remove(brick),
        };
        Ok(())
    }
}

/// A registry over a brick folder of its own, watched.
pub struct House {
    pub root: TempDir,
    pub shelf: TempDir,
    pub notes: Arc<Notes>,
    pub registry: Registry,
    pub changes: broadcast::Receiver<Arc<Change>>,
    watching: JoinHandle<()>,
}

impl Drop for House {
    fn drop(&mut self) {
        self.watching.abort();
    }
}

/// The component of a variant of the fixture `versions`.
pub fn component(variant: Variant) -> Vec<u8> {
    variant_of("versions", variant)
}

impl House {
    /// With these variants in it from the start.
    pub async fn with(bricks: &[(&str, Variant)]) -> Self {
        let root = tempfile::tempdir().unwrap();
        for (name, variant) in bricks {
            install(&root.path().join(name), &component(*variant));
        }
        Self::over(root, tempfile::tempdir().unwrap()).await
    }

    pub async fn over(root: TempDir, shelf: TempDir) -> Self {
        Self::on(runtime().clone(), root, shelf).await
    }

    pub async fn on(runtime: Runtime, root: TempDir, shelf: TempDir) -> Self {
        let notes = Arc::new(Notes::default());
        let options = RegistryOptions {
            roots: vec![root.path().to_owned()],
            shelf: shelf.path().to_owned(),
            keeps_copies: true,
            steward: notes.clone(),
        };
        let registry = Registry::open(runtime, options).await;
        let changes = registry.changes();
        let watching = tokio::spawn(registry.clone().watch());
        // The first tick of the watch comes at once; what is written after it is noticed.
        tokio::time::sleep(Duration::from_millis(30)).await;
        Self { root, shelf, notes, registry, changes, watching }
    }

    /// Ends the program, as far as the bricks can tell, and starts it again.
    pub async fn restart(mut self) -> Self {
        self.watching.abort();
        let root = std::mem::replace(&mut self.root, tempfile::tempdir().unwrap());
        let shelf = std::mem::replace(&mut self.shelf, tempfile::tempdir().unwrap());
        Self::over(root, shelf).await
    }

    /// Waits until what happened is on the shelf: the notes are as the places stand.
    pub async fn written_down(&self) {
        let noted = || {
            self.registry.snapshot().places.iter().all(|place| {
                let path = self.shelf.path().join(place.id.as_str()).join("place.json");
                let note: serde_json::Value = fs::read(path)
                    .ok()
                    .and_then(|text| serde_json::from_slice(&text).ok())
                    .unwrap_or_default();
                let serving = place.serving.as_ref().map(|version| version.digest().to_string());
                let selected = serving.filter(|_| place.selected);
                let kept = |version: &Arc<Version>| {
                    serde_json::json!([version.digest().to_string(), version.is_quarantined()])
                };
                let in_note = |version: &serde_json::Value| {
                    serde_json::json!([version["digest"], version["quarantined"]])
                };
                let versions = note["versions"].as_array().cloned().unwrap_or_default();
                note["selected"].as_str().map(str::to_owned) == selected
                    && versions.iter().map(in_note).eq(place.kept.iter().map(kept))
            })
        };
        let written = async {
            while !noted() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(PATIENCE, written).await.unwrap();
    }

    pub fn write(&self, name: &str, variant: Variant) {
        install(&self.root.path().join(name), &component(variant));
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    /// Waits for a change of this kind; others are passed over.
    pub async fn wait_for(&mut self, kind: ChangeKind) -> Arc<Change> {
        let found = async {
            loop {
                let change = self.changes.recv().await.unwrap();
                if change.kind == kind {
                    return change;
                }
            }
        };
        tokio::time::timeout(PATIENCE, found).await.unwrap_or_else(|_| {
            panic!("no change {kind:?} came; the places are {:#?}", self.registry.snapshot().places)
        })
    }

    pub fn place(&self, name: &str) -> Place {
        let places = self.registry.snapshot();
        let path = self.path(name);
        places.places.iter().find(|place| place.path == path).unwrap_or_else(|| panic!("no {name}")).clone()
    }

    pub fn serving(&self, name: &str) -> Arc<Version> {
        self.place(name).serving.unwrap_or_else(|| panic!("nothing serves at {name}"))
    }

    pub fn version(&self, name: &str) -> String {
        self.serving(name).version_of("versions:one").unwrap().to_string()
    }

    pub async fn run(&self, name: &str) -> Result<RunOutcome, RunError> {
        let host = Arc::new(FakeHost::default());
        let request = request("versions:one", vec![Value::Boolean(true)], &host);
        self.serving(name).run(request, Some("a job")).await
    }
}

/// The first text that a run gave: the version that ran.
pub fn said(outcome: &RunOutcome) -> String {
    let texts = outcome.outputs.iter().find_map(|output| match &output.value {
        Value::Text(text) => Some(text.clone()),
        _ => None,
    });
    texts.unwrap()
}
