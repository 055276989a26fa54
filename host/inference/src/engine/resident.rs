//! Models in memory: loaded on demand within a budget, least recently used ones first to go.

use std::any::Any;
use std::borrow::Borrow;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use candle_core::{DType, Device};

use super::machine::{Offload, Terms};
use super::sparing::Thrift;
use super::{DeviceSizes, EngineError, InstalledModel, Observer};
use crate::diffusion::held::Held;
use crate::diffusion::painter::PainterLayout;
use crate::weights::{Block, BrokenFile, Loaded, Residence};

/// A kind of model that can be loaded.
pub(super) trait Loadable: Send + Sync + Sized + 'static {
    /// What its files say before the weights are read.
    type Layout: Send + Sync + 'static;
    /// What a task's memory depends on.
    type Work;

    /// Reads headers and configurations. None if the files are no model of this kind.
    fn read(model: &InstalledModel) -> Loaded<Option<Self::Layout>>;
    /// Chooses how layers hold their weights and compute, if the kind leaves a choice.
    fn hold(_layout: &mut Self::Layout, _terms: &Terms, _residence: Option<Arc<Residence>>) {}
    /// Bytes of the loaded weights, with all of them on the device.
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
    /// What of it is on the device; none if all is.
    residence: Option<Arc<Residence>>,
    resident: Arc<dyn Any + Send + Sync>,
}

/// What tells one state of a model's files from another.
#[derive(PartialEq, Eq)]
struct Identity {
    path: PathBuf,
    bytes: u64,
    modified: Option<SystemTime>,
}

impl Place {
    /// True if what is loaded serves as well as what is to be loaded: a model that is on the device as a whole if that is
    /// wanted, else one that takes no more of it.
    fn serves(&self, wanted: Option<&Arc<Residence>>) -> bool {
        match (&self.residence, wanted) {
            (None, None) => true,
            (Some(own), Some(wanted)) => own.bytes() <= wanted.bytes(),
            (Some(_), None) | (None, Some(_)) => false,
        }
    }
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
pub(super) struct Company(Vec<Member>);

#[derive(Debug)]
struct Member {
    path: PathBuf,
    need: Need,
    /// What of it is on the device; none if all is.
    residence: Option<Arc<Residence>>,
}

impl Company {
    /// Adds a model; the same one twice needs its weights once.
    pub(super) fn add(&mut self, path: &Path, need: Need) {
        match self.0.iter_mut().find(|member| member.path == path) {
            Some(Member { need: known, .. }) => known.task = known.task.saturating_add(need.task),
            None => self.0.push(Member { path: path.to_path_buf(), need, residence: None }),
        }
    }

    /// What of a model is on the device; none if all is.
    fn residence(&self, path: &Path) -> Option<&Arc<Residence>> {
        self.member(path)?.residence.as_ref()
    }

    fn member(&self, path: &Path) -> Option<&Member> {
        self.0.iter().find(|member| member.path == path)
    }

    /// Bytes of all of them with their tasks.
    fn bytes(&self) -> u64 {
        let each = self.0.iter().map(|member| member.need.weights.saturating_add(member.need.task));
        each.fold(0, u64::saturating_add)
    }

    /// Lets blocks of a model be brought to the device for each use, but for those for which there is room among `most`
    /// bytes for all. Gives how many these are.
    fn offload(&mut self, path: &Path, blocks: &[Block], most: u64) -> usize {
        let all = self.bytes();
        let Some(member) = self.0.iter_mut().find(|member| member.path == path) else { return 0 };
        let movable = blocks.iter().map(|block| block.bytes).fold(0, u64::saturating_add);
        let fixed = all.saturating_sub(movable);
        let residence = Residence::plan(blocks, most.saturating_sub(fixed));
        let streamed = residence.streamed();
        if streamed > 0 {
            let stays = member.need.weights.saturating_sub(movable);
            member.need.weights = stays.saturating_add(residence.bytes());
            member.residence = Some(Arc::new(residence));
        }
        streamed
    }
}

/// The loaded models, most recently used first.
pub(super) struct ResidentModels {
    /// Bytes for all of them and a task.
    pub(super) budget: u64,
    /// How they are held once they are loaded.
    pub(super) terms: Terms,
    loaded: Mutex<Vec<Place>>,
    /// Bytes that the latest task was planned to take.
    planned: AtomicU64,
}

impl ResidentModels {
    pub(super) fn new(budget: u64, terms: Terms) -> Self {
        Self { budget, terms, loaded: Mutex::default(), planned: AtomicU64::default() }
    }

    /// Drops all models that no task holds.
    pub(super) fn drop_all(&self) {
        lock(&self.loaded).clear();
    }

    /// What the latest task was planned to take, and out of how much.
    pub(super) fn planned(&self) -> DeviceSizes {
        DeviceSizes { needed: self.planned.load(Ordering::Relaxed), memory: self.budget }
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
        self.look::<M, _>(model, |layout| Need::of::<M>(layout, work))?
    }

    /// Looks at what a model's files say, which are not read again if it is loaded.
    pub(super) fn look<M: Loadable, R>(
        &self,
        model: &InstalledModel,
        task: impl FnOnce(&M::Layout) -> R,
    ) -> Result<R, EngineError> {
        let identity = Identity::of(model)?;
        let loaded = lock(&self.loaded);
        let place = loaded.iter().find(|place| place.identity == identity);
        if let Some(resident) = place.and_then(|place| place.resident.downcast_ref::<Resident<M>>()) {
            return Ok(task(&resident.layout));
        }
        Ok(task(&self.read::<M>(model)?))
    }

    /// True if blocks of a model of a company are to be brought to the device for each use, as far as it can be so held.
    pub(super) fn offloads(&self, thrift: Thrift, company: &Company) -> bool {
        let crowded = thrift == Thrift::Most || !self.fits(company);
        self.terms.offload == Offload::Always || crowded && self.terms.offload == Offload::Auto
    }

    /// The blocks of a painter that can be brought to the device for each use.
    pub(super) fn movable(&self, layout: &dyn PainterLayout) -> Vec<Block> {
        let held = layout.held();
        if self.dtype_of(&held).is_some() { held.blocks() } else { Vec::new() }
    }

    /// True if a painter's network computes in half precision.
    pub(super) fn computes_in_half(&self, layout: &dyn PainterLayout) -> bool {
        matches!(self.dtype_of(&layout.held()), Some(DType::F16 | DType::BF16))
    }

    /// The type that a painter's weights are held in; none if that is as files hold them.
    fn dtype_of(&self, held: &Held<'_>) -> Option<DType> {
        self.terms.holding(held.native_type(), None).computing.dtype()
    }

    /// Lets blocks of a model be brought to the device for each use: those for which there is no room, or all. Gives how
    /// many these are.
    pub(super) fn offload(
        &self,
        company: &mut Company,
        path: &Path,
        blocks: &[Block],
        thrift: Thrift,
    ) -> usize {
        let all = thrift == Thrift::Most || self.terms.offload == Offload::Always;
        company.offload(path, blocks, if all { 0 } else { self.budget })
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
        let (mut layout, company) = match take::<M>(&mut loaded, &identity) {
            Some((resident, place)) => {
                let company = company(&resident.layout)?;
                if place.serves(company.borrow().residence(&identity.path)) {
                    loaded.insert(0, place);
                    self.make_room(&mut loaded, company.borrow())?;
                    return Ok(resident);
                }
                (self.read::<M>(model)?, company)
            }
            None => {
                let layout = self.read::<M>(model)?;
                let company = company(&layout)?;
                (layout, company)
            }
        };
        let company = company.borrow();
        // An older state of the same files is of no more use.
        loaded.retain(|r| r.identity.path != identity.path);
        self.make_room(&mut loaded, company)?;
        let residence = company.residence(&identity.path).cloned();
        if residence.is_some() {
            M::hold(&mut layout, &self.terms, residence.clone());
        }
        observer.doing(&format!("loading {}", model.label));
        let started = std::time::Instant::now();
        let fresh = M::load(&layout, device)?;
        tracing::info!(model = %model.id, millis = started.elapsed().as_millis() as u64, "model loaded");
        let weight_bytes = match company.member(&identity.path) {
            Some(member) => member.need.weights,
            None => M::weight_bytes(&layout),
        };
        let resident = Arc::new(Resident { layout, model: fresh });
        loaded.insert(0, Place { identity, weight_bytes, residence, resident: resident.clone() });
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
        M::hold(&mut layout, &self.terms, None);
        Ok(layout)
    }

    /// Drops the least recently used models until all of a company fit together, which stay.
    fn make_room(&self, loaded: &mut Vec<Place>, company: &Company) -> Result<(), EngineError> {
        let needed = company.bytes();
        self.planned.store(needed, Ordering::Relaxed);
        if needed > self.budget {
            return Err(EngineError::OutOfMemory { needed, budget: self.budget });
        }
        let spare = |place: &Place| company.member(&place.identity.path).is_none();
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
