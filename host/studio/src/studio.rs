//! The studio put together: store, bricks, models and jobs, for the server and for every command.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use qpyt_bricks::{Limits, Runtime, RuntimeOptions};
use qpyt_inference::{Engine, EngineOptions};
use tokio::sync::broadcast::error::RecvError;
use tokio::task::JoinSet;

use crate::config::Config;
use crate::jobs::hub::Hub;
use crate::jobs::lane::AcceleratorLane;
use crate::jobs::{JobSettings, Jobs};
use crate::library::Library;
use crate::library::view::BrickChange;
use crate::models::Models;
use crate::network::{Network, NetworkSettings};
use crate::presets::Presets;
use crate::preview::Previews;
use crate::pull::view::ModelState;
use crate::pull::{ModelPlaces, Pulls};
use crate::setup::Layout;
use crate::store::{Store, StoreError};
use crate::wildcards::Wildcards;

/// What a process may do with the data folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Own it and run its queue; fails when another process does.
    Own,
    /// Own it if nobody does; otherwise leave the queue to the owner.
    Share,
    /// Look, and give permissions.
    Beside,
}

/// Everything that works together.
pub struct Studio {
    /// Where the program's own files are.
    pub layout: Layout,
    /// What stays.
    pub store: Arc<Store>,
    /// The bricks.
    pub library: Arc<Library>,
    /// The models.
    pub models: Arc<Models>,
    /// The network as bricks reach it.
    pub network: Arc<Network>,
    /// Models on their way here.
    pub pulls: Arc<Pulls>,
    /// The jobs.
    pub jobs: Arc<Jobs>,
    /// What bricks would make.
    pub previews: Previews,
    /// The workflows that come with the studio.
    pub presets: Presets,
    /// The lists that prompts may name.
    pub wildcards: Wildcards,
    owner: bool,
    workers: Mutex<JoinSet<()>>,
}

impl Studio {
    /// Puts the studio together on the configured data folder. Nothing runs before [`start`](Self::start).
    ///
    /// # Errors
    /// When a part can't be opened; the message says which and what to do.
    pub async fn open(config: &Config, layout: Layout, access: Access) -> anyhow::Result<Self> {
        let (store, owner) = open_store(config, access)?;
        let store = Arc::new(store);
        let runtime = Runtime::new(RuntimeOptions {
            cache_folder: store.cache_folder().join("bricks"),
            limits: config.limits.to_limits(),
        })
        .context("the brick runtime could not start")?;
        let mut brick_folders = vec![layout.plugins_dist.clone(), store.bricks_folder()];
        brick_folders.extend(config.brick_folders.iter().cloned());
        let library = Arc::new(
            Library::open(
                runtime,
                brick_folders,
                store.clone(),
                if owner { Access::Own } else { Access::Beside },
            )
            .await,
        );
        let options = EngineOptions {
            memory_budget: config.inference.memory_budget_bytes(),
            threads: usize::try_from(config.inference.threads).ok().filter(|threads| *threads > 0),
        };
        let engine = Engine::new(options).context("the inference engine could not start")?;
        let engine = engine
            .with_weight_storage(config.inference.weights)
            .with_precision(config.inference.precision)
            .with_offload(config.inference.offload);
        let engine = match config.inference.device_memory_mib {
            0 => engine,
            mib => engine.with_device_memory(mib << 20),
        };
        let places = model_places(config, &layout);
        let models = Models::new(engine, AcceleratorLane::start()?, store.clone(), places.in_order());
        let models = Arc::new(models);
        let settings = JobSettings {
            cpu_lanes: config.jobs.cpu_lanes,
            max_queue: config.jobs.max_queue,
            brick_limits: brick_limits(config),
        };
        let network = Arc::new(Network::new(store.clone(), network_settings(config))?);
        let pulls = Pulls::new(network.clone(), store.clone(), config.hub.clone(), places)?;
        let pulls = Arc::new(pulls);
        let jobs =
            Arc::new(Jobs::new(store.clone(), library.clone(), models.clone(), network.clone(), settings));
        let previews =
            Previews::new(store.clone(), library.clone(), brick_limits(config), config.limits.to_limits());
        let wildcards = Wildcards::new(store.wildcards_folder());
        let presets = Presets::new(layout.workflows.clone());
        Ok(Self {
            layout,
            store,
            library,
            models,
            network,
            pulls,
            jobs,
            previews,
            presets,
            wildcards,
            owner,
            workers: Mutex::default(),
        })
    }

    /// Settles what a former process left running and starts the workers of both lanes. Where another process owns
    /// the data folder, its workers do the work and this does nothing.
    ///
    /// # Errors
    /// When the queue can't be read.
    pub fn start(&self) -> anyhow::Result<()> {
        if !self.owner {
            return Ok(());
        }
        let recovered = self.store.recover()?;
        for job in &recovered.requeued {
            tracing::warn!(%job, "the job was interrupted and runs again");
        }
        for job in &recovered.interrupted {
            tracing::warn!(%job, "the job was interrupted too often and stays so");
        }
        let mut workers = self.jobs.start();
        workers.spawn(self.library.clone().watch());
        workers.spawn(tell_of_bricks(self.library.clone(), self.jobs.hub().clone()));
        workers.spawn(tell_of_models(self.pulls.clone(), self.models.clone(), self.jobs.hub().clone()));
        *self.workers.lock().unwrap_or_else(PoisonError::into_inner) = workers;
        Ok(())
    }

    /// Stops the workers. Running jobs are left as they are: the next start finds and repeats them.
    pub fn stop(&self) {
        self.workers.lock().unwrap_or_else(PoisonError::into_inner).abort_all();
    }
}

/// Passes news of bricks on to whoever listens.
async fn tell_of_bricks(library: Arc<Library>, hub: Hub) {
    let mut changes = library.registry().changes();
    loop {
        match changes.recv().await {
            Ok(change) => hub.bricks(BrickChange::from(&*change)),
            // The listeners fetch the whole list at the next change.
            Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => return,
        }
    }
}

/// Passes news of models on to whoever listens.
async fn tell_of_models(pulls: Arc<Pulls>, models: Arc<Models>, hub: Hub) {
    let mut news = pulls.news();
    loop {
        let name = match news.recv().await {
            Ok(name) => name,
            // The next step of the pull tells more than the one that was missed.
            Err(RecvError::Lagged(_)) => continue,
            Err(RecvError::Closed) => return,
        };
        let asked = pulls.clone();
        let Ok(Ok(model)) = tokio::task::spawn_blocking(move || asked.show(&name)).await else { continue };
        if matches!(model.state, ModelState::Installed | ModelState::Available) {
            models.look_again();
        }
        hub.models(model);
    }
}

/// The data folder, and whether this process owns it.
fn open_store(config: &Config, access: Access) -> Result<(Store, bool), StoreError> {
    match access {
        Access::Beside => Ok((Store::open_beside(&config.data)?, false)),
        Access::Own => Ok((Store::open(&config.data)?, true)),
        Access::Share => match Store::open(&config.data) {
            Err(StoreError::Locked { .. }) => Ok((Store::open_beside(&config.data)?, false)),
            opened => Ok((opened?, true)),
        },
    }
}

/// The configured limits of the bricks that have their own.
fn brick_limits(config: &Config) -> HashMap<String, Limits> {
    let own = config.bricks.over(&config.limits).into_iter();
    own.map(|(brick, limits)| (brick, limits.to_limits())).collect()
}

/// Where models are.
pub(crate) fn model_places(config: &Config, layout: &Layout) -> ModelPlaces {
    ModelPlaces {
        shipped: layout.models.clone(),
        own: config.data.join("models"),
        others: config.model_folders.clone(),
    }
}

pub(crate) fn network_settings(config: &Config) -> NetworkSettings {
    NetworkSettings {
        offline: config.offline,
        private_hosts: config.network.private_hosts.clone(),
        timeout: Duration::from_secs(config.network.timeout_seconds),
    }
}
