//! Models in memory: loaded on demand within a budget, least recently used ones first to go.

use std::any::Any;
use std::borrow::Borrow;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use candle_core::Device;

use super::{EngineError, InstalledModel, Observer};
use crate::weights::{BrokenFile, Loaded, WeightStorage};

/// A kind of model that can be loaded.
pub(super) trait Loadable: Send + Sync + Sized + 'static {
    /// What its files say before the weights are read.
    type Layout: Send + Sync + 'static;
    /// What a task's memory depends on.
    type Work;

    /// Reads headers and configurations. None if the files are no model of this kind.
    fn read(model: &InstalledModel) -> Loaded<Option<Self::Layout>>;
    /// Chooses how layers hold their matrices, if the kind leaves a choice.
    fn store_weights(_layout: &mut Self::Layout, _storage: WeightStorage) {}
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

/// What a model needs in memory.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Need {
    /// Bytes of the loaded weights.
    pub(super) weights: u64,
    /// Bytes that a task takes besides.
    pub(super) task: u64,
}

/// The models that a task needs at the same time.
#[derive(Debug, Default)]
pub(super) struct Company(Vec<(PathBuf, Need)>);

impl Company {
    /// Adds a model; the same one twice needs its weights once.
    pub(super) fn add(&mut self, path: &Path, need: Need) {
        match self.0.iter_mut().find(|(member, _)| member == path) {
            Some((_, known)) => known.task = known.task.saturating_add(need.task),
            None => self.0.push((path.to_path_buf(), need)),
        }
    }

    fn has(&self, path: &Path) -> bool {
        self.0.iter().any(|(member, _)| member == path)
    }

    /// Bytes of all of them with their tasks.
    fn bytes(&self) -> u64 {
        let each = self.0.iter().map(|(_, need)| need.weights.saturating_add(need.task));
        each.fold(0, u64::saturating_add)
    }
}

/// The loaded models, most recently used first.
pub(super) struct ResidentModels {
    budget: u64,
    storage: WeightStorage,
    loaded: Mutex<Vec<Place>>,
}

impl ResidentModels {
    pub(super) fn new(budget: u64, storage: WeightStorage) -> Self {
        Self { budget, storage, loaded: Mutex::new(Vec::new()) }
    }

    /// How models hold their matrices.
    pub(super) fn weight_storage(&self) -> WeightStorage {
        self.storage
    }

    /// Chooses how models that are loaded from now on hold their matrices.
    pub(super) fn store_weights(&mut self, storage: WeightStorage) {
        self.storage = storage;
    }

    /// The model, loaded if need be, with room for the task.
    pub(super) fn get<M: Loadable>(
        &self,
        model: &InstalledModel,
        work: &M::Work,
        device: &Device,
        observer: &dyn Observer,
    ) -> Result<Arc<Resident<M>>, EngineError> {
        let alone = |layout: &M::Layout| {
            let mut company = Company::default();
            company.add(&model.path, Need::of::<M>(layout, work)?);
            Ok(company)
        };
        self.find_or_load(model, alone, device, observer)
    }

    /// The model, loaded if need be, with room for it and all of its company.
    pub(super) fn get_among<M: Loadable>(
        &self,
        model: &InstalledModel,
        company: &Company,
        device: &Device,
        observer: &dyn Observer,
    ) -> Result<Arc<Resident<M>>, EngineError> {
        self.find_or_load::<M, &Company>(model, |_| Ok(company), device, observer)
    }

    /// What the model needs in memory, by its header where it is not loaded.
    pub(super) fn needs<M: Loadable>(
        &self,
        model: &InstalledModel,
        work: &M::Work,
    ) -> Result<Need, EngineError> {
        let identity = Identity::of(model)?;
        let loaded = lock(&self.loaded);
        let place = loaded.iter().find(|place| place.identity == identity);
        if let Some(resident) = place.and_then(|place| place.resident.downcast_ref::<Resident<M>>()) {
            return Need::of::<M>(&resident.layout, work);
        }
        Need::of::<M>(&self.read::<M>(model)?, work)
    }

    fn find_or_load<M: Loadable, C: Borrow<Company>>(
        &self,
        model: &InstalledModel,
        company: impl FnOnce(&M::Layout) -> Result<C, EngineError>,
        device: &Device,
        observer: &dyn Observer,
    ) -> Result<Arc<Resident<M>>, EngineError> {
        let identity = Identity::of(model)?;
        let mut loaded = lock(&self.loaded);
        if let Some((resident, place)) = take::<M>(&mut loaded, &identity) {
            loaded.insert(0, place);
            self.make_room(&mut loaded, company(&resident.layout)?.borrow())?;
            return Ok(resident);
        }
        let layout = self.read::<M>(model)?;
        // An older state of the same files is of no more use.
        loaded.retain(|r| r.identity.path != identity.path);
        self.make_room(&mut loaded, company(&layout)?.borrow())?;
        observer.doing(&format!("loading {}", model.label));
        let started = std::time::Instant::now();
        let fresh = M::load(&layout, device)?;
        tracing::info!(model = %model.id, millis = started.elapsed().as_millis() as u64, "model loaded");
        let weight_bytes = M::weight_bytes(&layout);
        let resident = Arc::new(Resident { layout, model: fresh });
        loaded.insert(0, Place { identity, weight_bytes, resident: resident.clone() });
        Ok(resident)
    }

    /// True if a company fits into the budget.
    pub(super) fn fits(&self, company: &Company) -> bool {
        company.bytes() <= self.budget
    }

    fn read<M: Loadable>(&self, model: &InstalledModel) -> Loaded<M::Layout> {
        let mut layout = M::read(model)?.ok_or_else(|| {
            BrokenFile::new(&model.path, format!("is no model of the family {}", model.family))
        })?;
        M::store_weights(&mut layout, self.storage);
        Ok(layout)
    }

    /// Drops the least recently used models until all of a company fit together, which stay.
    fn make_room(&self, loaded: &mut Vec<Place>, company: &Company) -> Result<(), EngineError> {
        let needed = company.bytes();
        if needed > self.budget {
            return Err(EngineError::OutOfMemory { needed, budget: self.budget });
        }
        let spare = |place: &Place| !company.has(&place.identity.path);
        let others =
            |loaded: &[Place]| loaded.iter().filter(|p| spare(p)).map(|p| p.weight_bytes).sum::<u64>();
        while others(loaded).saturating_add(needed) > self.budget {
            let Some(last) = loaded.iter().rposition(spare) else { break };
            let dropped = loaded.remove(last);
            tracing::info!(model = %dropped.identity.path.display(), "model dropped to make room");
        }
        Ok(())
    }
}

impl Need {
    fn of<M: Loadable>(layout: &M::Layout, work: &M::Work) -> Result<Self, EngineError> {
        Ok(Self { weights: M::weight_bytes(layout), task: M::task_bytes(layout, work)? })
    }
}

impl Identity {
    fn of(model: &InstalledModel) -> Result<Self, EngineError> {
        if !model.path.exists() {
            return Err(EngineError::ModelMissing { id: model.id.clone(), path: model.path.clone() });
        }
        Ok(Self { path: model.path.clone(), bytes: model.bytes, modified: model.modified })
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
