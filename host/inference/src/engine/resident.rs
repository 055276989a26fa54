//! Models in memory: loaded on demand within a budget, least recently used ones first to go.

use std::any::Any;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use candle_core::Device;

use super::{EngineError, InstalledModel, Observer};
use crate::weights::{BrokenFile, Loaded};

/// A kind of model that can be loaded.
pub(super) trait Loadable: Send + Sync + Sized + 'static {
    /// What its files say before the weights are read.
    type Layout: Send + Sync + 'static;
    /// What a task's memory depends on.
    type Work;

    /// Reads headers and configurations. None if the files are no model of this kind.
    fn read(path: &Path) -> Loaded<Option<Self::Layout>>;
    /// Bytes of the loaded weights.
    fn weight_bytes(layout: &Self::Layout) -> u64;
    /// Bytes that a task takes besides the weights.
    fn task_bytes(layout: &Self::Layout, work: &Self::Work) -> Result<u64, EngineError>;
    /// Reads the weights.
    fn load(layout: &Self::Layout, device: &Device) -> Loaded<Self>;
}

/// A loaded model with what its files said.
pub(super) struct Resident<M: Loadable> {
    layout: M::Layout,
    pub(super) model: M,
}

impl<M: Loadable> Deref for Resident<M> {
    type Target = M;

    fn deref(&self) -> &M {
        &self.model
    }
}

/// A place in the list of loaded models.
struct Place {
    identity: Identity,
    weight_bytes: u64,
    resident: Arc<dyn Any + Send + Sync>,
}

/// What tells one state of a model's files from another.
#[derive(PartialEq, Eq)]
struct Identity {
    path: PathBuf,
    bytes: u64,
    modified: Option<SystemTime>,
}

/// The loaded models, most recently used first.
pub(super) struct ResidentModels {
    budget: u64,
    loaded: Mutex<Vec<Place>>,
}

impl ResidentModels {
    pub(super) fn new(budget: u64) -> Self {
        Self { budget, loaded: Mutex::new(Vec::new()) }
    }

    /// The model, loaded if need be, with room for the task.
    pub(super) fn get<M: Loadable>(
        &self,
        model: &InstalledModel,
        work: &M::Work,
        device: &Device,
        observer: &dyn Observer,
    ) -> Result<Arc<Resident<M>>, EngineError> {
        if !model.path.exists() {
            return Err(EngineError::ModelMissing { id: model.id.clone(), path: model.path.clone() });
        }
        let identity = Identity { path: model.path.clone(), bytes: model.bytes, modified: model.modified };
        let mut loaded = lock(&self.loaded);
        if let Some((resident, place)) = take::<M>(&mut loaded, &identity) {
            let weights = place.weight_bytes;
            loaded.insert(0, place);
            self.make_room(&mut loaded, 1, weights, M::task_bytes(&resident.layout, work)?)?;
            return Ok(resident);
        }
        let layout = M::read(&model.path)?.ok_or_else(|| {
            BrokenFile::new(&model.path, format!("is no model of the family {}", model.family))
        })?;
        // An older state of the same files is of no more use.
        loaded.retain(|r| r.identity.path != identity.path);
        let weight_bytes = M::weight_bytes(&layout);
        self.make_room(&mut loaded, 0, weight_bytes, M::task_bytes(&layout, work)?)?;
        observer.note(&format!("loading {}", model.label));
        let started = std::time::Instant::now();
        let fresh = M::load(&layout, device)?;
        tracing::info!(model = %model.id, millis = started.elapsed().as_millis() as u64, "model loaded");
        let resident = Arc::new(Resident { layout, model: fresh });
        loaded.insert(0, Place { identity, weight_bytes, resident: resident.clone() });
        Ok(resident)
    }

    /// Drops the least recently used models, but the first `keep`, until a model of `weights` bytes fits together
    /// with `activations` bytes.
    fn make_room(
        &self,
        loaded: &mut Vec<Place>,
        keep: usize,
        weights: u64,
        activations: u64,
    ) -> Result<(), EngineError> {
        let needed = weights.saturating_add(activations);
        if needed > self.budget {
            return Err(EngineError::OutOfMemory { needed, budget: self.budget });
        }
        let others = |loaded: &[Place]| loaded.iter().skip(keep).map(|r| r.weight_bytes).sum::<u64>();
        while loaded.len() > keep && others(loaded).saturating_add(needed) > self.budget {
            if let Some(dropped) = loaded.pop() {
                tracing::info!(model = %dropped.identity.path.display(), "model dropped to make room");
            }
        }
        Ok(())
    }
}

/// Takes the model out of the list, if it is there.
fn take<M: Loadable>(loaded: &mut Vec<Place>, identity: &Identity) -> Option<(Arc<Resident<M>>, Place)> {
    let index = loaded.iter().position(|p| p.identity == *identity && p.resident.is::<Resident<M>>())?;
    let place = loaded.remove(index);
    let resident = place.resident.clone().downcast::<Resident<M>>().ok()?;
    Some((resident, place))
}

/// Locks, also after a panic elsewhere: the lists are valid at every point.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
