//! Models in memory: loaded on demand within a budget, least recently used ones first to go.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use candle_core::{Device, Tensor};

use super::{EngineError, ImageRequest, InstalledModel, Observer};
use crate::diffusion::footprint::activation_bytes;
use crate::diffusion::layout::ModelLayout;
use crate::diffusion::stable_diffusion::{PromptStates, StableDiffusion};
use crate::diffusion::unet::UnetConfig;
use crate::diffusion::vae::VaeConfig;

/// Prompts whose states are kept per model.
const KEPT_PROMPTS: usize = 8;

/// A loaded model with the states of its latest prompts.
pub(super) struct Resident {
    identity: Identity,
    pub(super) model: StableDiffusion,
    weight_bytes: u64,
    prompts: Mutex<Vec<(PromptKey, PromptStates)>>,
}

/// What tells one state of a model's files from another.
#[derive(PartialEq, Eq)]
struct Identity {
    path: PathBuf,
    bytes: u64,
    modified: Option<SystemTime>,
}

#[derive(PartialEq, Eq)]
struct PromptKey {
    prompt: String,
    clip_skip: u32,
}

impl Resident {
    /// States of a prompt, from memory where it was asked for lately. Tells the observer of words left out.
    pub(super) fn states(
        &self,
        what: &str,
        prompt: &str,
        clip_skip: u32,
        observer: &dyn Observer,
    ) -> Result<Tensor, EngineError> {
        let key = PromptKey { prompt: prompt.to_owned(), clip_skip };
        let mut kept = lock(&self.prompts);
        let states = match kept.iter().position(|(k, _)| *k == key) {
            Some(place) => kept.remove(place).1,
            None => self.model.encode_prompt(prompt, clip_skip as usize)?,
        };
        if states.dropped_tokens > 0 {
            observer.note(&format!(
                "the {what} is too long: its last {} tokens are left out",
                states.dropped_tokens
            ));
        }
        let tensor = states.states.clone();
        kept.insert(0, (key, states));
        kept.truncate(KEPT_PROMPTS);
        Ok(tensor)
    }
}

/// The loaded models, most recently used first.
pub(super) struct ResidentModels {
    budget: u64,
    loaded: Mutex<Vec<Arc<Resident>>>,
}

impl ResidentModels {
    pub(super) fn new(budget: u64) -> Self {
        Self { budget, loaded: Mutex::new(Vec::new()) }
    }

    /// The model, loaded if need be, with room for the request's picture.
    pub(super) fn get(
        &self,
        model: &InstalledModel,
        request: &ImageRequest,
        device: &Device,
        observer: &dyn Observer,
    ) -> Result<Arc<Resident>, EngineError> {
        if !model.path.is_dir() {
            return Err(EngineError::ModelMissing { id: model.id.clone(), path: model.path.clone() });
        }
        let identity = Identity { path: model.path.clone(), bytes: model.bytes, modified: model.modified };
        let mut loaded = lock(&self.loaded);
        let here = loaded.iter().position(|r| r.identity == identity).map(|place| loaded.remove(place));
        if let Some(resident) = here {
            let (unet, vae) = (resident.model.unet().config(), resident.model.vae().config());
            let activations = footprint(unet, vae, request);
            loaded.insert(0, Arc::clone(&resident));
            self.make_room(&mut loaded, 1, resident.weight_bytes, activations)?;
            return Ok(resident);
        }
        let layout = ModelLayout::read(&model.path)?;
        // An older state of the same folder is of no more use.
        loaded.retain(|r| r.identity.path != identity.path);
        let weight_bytes = layout.weight_bytes();
        self.make_room(&mut loaded, 0, weight_bytes, footprint(&layout.unet, &layout.vae, request))?;
        observer.note(&format!("loading {}", model.label));
        let started = std::time::Instant::now();
        let loaded_model = StableDiffusion::load(&layout, device)?;
        tracing::info!(model = %model.id, millis = started.elapsed().as_millis() as u64, "model loaded");
        let resident =
            Arc::new(Resident { identity, model: loaded_model, weight_bytes, prompts: Mutex::default() });
        loaded.insert(0, Arc::clone(&resident));
        Ok(resident)
    }

    /// Drops the least recently used models, but the first `keep`, until a model of `weights` bytes fits together
    /// with `activations` bytes.
    fn make_room(
        &self,
        loaded: &mut Vec<Arc<Resident>>,
        keep: usize,
        weights: u64,
        activations: u64,
    ) -> Result<(), EngineError> {
        let needed = weights.saturating_add(activations);
        if needed > self.budget {
            return Err(EngineError::OutOfMemory { needed, budget: self.budget });
        }
        let others = |loaded: &[Arc<Resident>]| loaded.iter().skip(keep).map(|r| r.weight_bytes).sum::<u64>();
        while loaded.len() > keep && others(loaded).saturating_add(needed) > self.budget {
            if let Some(dropped) = loaded.pop() {
                tracing::info!(model = %dropped.identity.path.display(), "model dropped to make room");
            }
        }
        Ok(())
    }
}

/// Memory for a request's picture on top of the weights.
fn footprint(unet: &UnetConfig, vae: &VaeConfig, request: &ImageRequest) -> u64 {
    let batch = if request.guidance > 1.0 { 2 } else { 1 };
    activation_bytes(unet, vae, (request.width as usize, request.height as usize), batch)
}

/// Locks, also after a panic elsewhere: the lists are valid at every point.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
