//! The studio put together: store, bricks, models and jobs, for the server and for every command.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use qpyt_bricks::{Limits, Runtime, RuntimeOptions};
use qpyt_inference::{Engine, EngineOptions};
use tokio::task::JoinSet;

use crate::config::Config;
use crate::jobs::lane::AcceleratorLane;
use crate::jobs::{JobSettings, Jobs};
use crate::library::Library;
use crate::models::Models;
use crate::presets::Presets;
use crate::setup::Layout;
use crate::store::{Store, StoreError};

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
    /// The jobs.
    pub jobs: Arc<Jobs>,
    /// The workflows that come with the studio.
    pub presets: Presets,
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
            limits: limits(config),
        })
        .context("the brick runtime could not start")?;
        let mut brick_folders = vec![layout.plugins_dist.clone(), store.bricks_folder()];
        brick_folders.extend(config.brick_folders.iter().cloned());
        let library = Arc::new(Library::load(&runtime, &brick_folders).await);
        let options = EngineOptions {
            memory_budget: config.inference.memory_budget_bytes(),
            threads: usize::try_from(config.inference.threads).ok().filter(|threads| *threads > 0),
        };
        let engine = Engine::new(options).context("the inference engine could not start")?;
        let mut model_folders: Vec<PathBuf> = vec![layout.models.clone()];
        model_folders.extend(config.model_folders.iter().cloned());
        model_folders.push(config.data.join("models"));
        let models = Arc::new(Models::new(engine, AcceleratorLane::start()?, store.clone(), model_folders));
        let settings = JobSettings { cpu_lanes: config.jobs.cpu_lanes, max_queue: config.jobs.max_queue };
        let jobs = Arc::new(Jobs::new(store.clone(), library.clone(), models.clone(), settings));
        let presets = Presets::new(layout.workflows.clone());
        Ok(Self { layout, store, library, models, jobs, presets, owner, workers: Mutex::default() })
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
        *self.workers.lock().unwrap_or_else(PoisonError::into_inner) = self.jobs.start();
        Ok(())
    }

    /// Stops the workers. Running jobs are left as they are: the next start finds and repeats them.
    pub fn stop(&self) {
        self.workers.lock().unwrap_or_else(PoisonError::into_inner).abort_all();
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

/// The configured limits of every brick.
fn limits(config: &Config) -> Limits {
    const MIB: u64 = 1024 * 1024;
    Limits {
        memory_bytes: config.limits.memory_mib.saturating_mul(MIB),
        cpu: Duration::from_secs(config.limits.cpu_seconds),
        wall: Duration::from_secs(config.limits.wall_seconds),
        output_bytes: config.limits.output_mib.saturating_mul(MIB),
        max_side: config.limits.max_side,
        handles: config.limits.handles,
        log_lines: config.limits.log_lines,
    }
}
