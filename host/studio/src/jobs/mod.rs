//! Jobs from the moment someone sends a workflow to the moment its pictures are kept.
//!
//! ```text
//! submit → row in the store → dispatch (one worker for the accelerator lane, several for the CPU lane)
//!        → executor, brick by brick → events in the store, progress and previews through the hub
//! ```

mod dispatch;
mod executor;
mod host;
pub mod hub;
pub mod lane;
mod live;
pub mod migrate;
mod precheck;
pub mod progress;
mod reach;
pub(crate) mod values;
pub mod view;

use std::collections::HashMap;
use std::sync::Arc;

use qpyt_bricks::{Digest, Limits};
use qpyt_workflow::{
    Catalog, Document, Problem, canonical_json, draw_seeds, expand_wildcards, plan, record_lock, validate,
};
use serde_json::json;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use self::executor::Executor;
use self::hub::Hub;
use self::live::Live;
use self::progress::{BrickProgress, BrickState, Bricks};
use self::view::JobView;
use crate::library::Library;
use crate::models::Models;
use crate::network::Network;
use crate::store::{CancelOutcome, Inserted, Job, JobId, JobState, Lane, NewJob, Store, StoreError};
use crate::wildcards::Wildcards;

/// A workflow to run.
#[derive(Debug, Clone)]
pub struct Submission {
    /// Chosen by the client, so that sending twice runs once.
    pub id: Option<JobId>,
    /// The workflow.
    pub document: Document,
    /// Instance ids to run up to; empty: all.
    pub targets: Vec<String>,
}

/// Why a workflow was not taken.
#[derive(Debug, thiserror::Error)]
pub enum SubmitError {
    /// It can't run.
    #[error("the workflow has {} problems", .0.len())]
    Problems(Vec<Problem>),
    /// It can't be kept.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What jobs are run with.
pub struct JobSettings {
    /// How many jobs without inference run at once.
    pub cpu_lanes: usize,
    /// How many jobs may wait.
    pub max_queue: u32,
    /// Limits of the bricks, by id, that have others than the runtime's.
    pub brick_limits: HashMap<String, Limits>,
}

/// The jobs of one studio.
pub struct Jobs {
    store: Arc<Store>,
    library: Arc<Library>,
    models: Arc<Models>,
    live: Arc<Live>,
    hub: Hub,
    executor: Arc<Executor>,
    arrived: Arc<Notify>,
    settings: JobSettings,
}

impl Jobs {
    /// Jobs over these parts. Nothing runs before [`start`](Self::start).
    pub fn new(
        store: Arc<Store>,
        library: Arc<Library>,
        models: Arc<Models>,
        network: Arc<Network>,
        settings: JobSettings,
    ) -> Self {
        let hub = Hub::default();
        let live = Arc::new(Live::new(hub.clone()));
        let executor = Arc::new(Executor {
            store: store.clone(),
            library: library.clone(),
            models: models.clone(),
            network,
            live: live.clone(),
            limits: settings.brick_limits.clone(),
        });
        Self { store, library, models, live, hub, executor, arrived: Arc::default(), settings }
    }

    /// Starts the workers of both lanes. They stop when the set is dropped or shut down.
    pub fn start(&self) -> JoinSet<()> {
        let mut workers = JoinSet::new();
        workers.spawn(dispatch::heed(self.executor.clone()));
        workers.spawn(dispatch::work(Lane::Accelerator, self.executor.clone(), self.arrived.clone()));
        for _ in 0..self.settings.cpu_lanes.max(1) {
            workers.spawn(dispatch::work(Lane::Cpu, self.executor.clone(), self.arrived.clone()));
        }
        workers
    }

    /// Where progress and previews are handed out.
    pub fn hub(&self) -> &Hub {
        &self.hub
    }

    /// Everything that keeps a document from running here.
    pub fn check(&self, document: &Document) -> Vec<Problem> {
        let catalog = self.library.catalog();
        let mut problems = validate(document, &catalog);
        problems.extend(precheck::missing(document, &catalog, &self.models, &self.store));
        problems
    }

    /// Takes a workflow into the queue.
    ///
    /// # Errors
    /// All its problems, or why it can't be kept.
    pub async fn submit(self: &Arc<Self>, submission: Submission) -> Result<JobView, SubmitError> {
        let jobs = self.clone();
        let queued = tokio::task::spawn_blocking(move || jobs.queue(submission));
        let job = match queued.await.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))? {
            Inserted::New(job) => {
                self.arrived.notify_waiters();
                job
            }
            Inserted::Existing(job) => job,
        };
        Ok(self.view(job).await?)
    }

    /// Checks a workflow and writes its row.
    fn queue(&self, submission: Submission) -> Result<Inserted, SubmitError> {
        let (new, problems) = self.prepare(submission);
        if !problems.is_empty() {
            return Err(SubmitError::Problems(problems));
        }
        Ok(self.store.insert_job(&new, self.settings.max_queue)?)
    }

    /// The job's row: seeds drawn, wildcards expanded, bricks locked, lane chosen. With problems it is not to be queued.
    fn prepare(&self, submission: Submission) -> (NewJob, Vec<Problem>) {
        let Submission { id, mut document, targets } = submission;
        let catalog = self.library.catalog();
        let sent = json!({ "document": document, "targets": targets });
        let request = Digest::of(canonical_json(&sent).as_bytes());
        let draw = || uuid::Uuid::new_v4().as_u64_pair().1 as u32;
        draw_seeds(&mut document, &catalog, draw);
        let wildcards = Wildcards::new(self.store.wildcards_folder());
        let unexpanded = expand_wildcards(&mut document, &catalog, |name| wildcards.lines(name), draw);
        let problems = match self.runnable(&document, &catalog, &targets) {
            Ok(_) if !unexpanded.is_empty() => Err(unexpanded),
            Ok(runnable) => Ok(runnable),
            Err(problems) => Err(unexpanded.into_iter().chain(problems).collect()),
        };
        let (lane, bricks) = match &problems {
            Ok((lane, bricks)) => (*lane, bricks.clone()),
            Err(_) => (Lane::Cpu, Bricks::new()),
        };
        record_lock(&mut document, &catalog, []);
        let new = NewJob {
            id: id.unwrap_or_default(),
            name: document.name.clone(),
            document: json!(document),
            request,
            targets,
            lane,
            bricks: json!(bricks),
        };
        (new, problems.err().unwrap_or_default())
    }

    /// The lane and the bricks of a run, or everything that keeps it from running.
    fn runnable(
        &self,
        document: &Document,
        catalog: &Catalog,
        targets: &[String],
    ) -> Result<(Lane, Bricks), Vec<Problem>> {
        let targets = qpyt_workflow::targets(targets)?;
        let plan = plan(document, catalog, &targets)?;
        let planned =
            |problem: &Problem| plan.steps.iter().any(|step| Some(&step.node) == problem.brick.as_ref());
        let missing: Vec<_> = precheck::missing(document, catalog, &self.models, &self.store);
        let missing: Vec<_> = missing.into_iter().filter(planned).collect();
        if !missing.is_empty() {
            return Err(missing);
        }
        let lane = if plan.is_heavy() { Lane::Accelerator } else { Lane::Cpu };
        let pending =
            |step: &qpyt_workflow::Step| (step.node.to_string(), BrickProgress::at(BrickState::Pending));
        Ok((lane, plan.steps.iter().map(pending).collect()))
    }

    /// A job as it stands, without its document.
    ///
    /// # Errors
    /// When there is no such job.
    pub async fn get(&self, id: JobId) -> Result<JobView, StoreError> {
        let job = self.on_store(move |store| store.job(id)).await?;
        self.view(job).await
    }

    /// A job as it stands, with its document.
    ///
    /// # Errors
    /// When there is no such job.
    pub async fn get_whole(&self, id: JobId) -> Result<JobView, StoreError> {
        let mut job = self.get(id).await?;
        job.document = Some(self.on_store(move |store| store.job_document(id)).await?);
        Ok(job)
    }

    /// Jobs, newest first.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn list(&self, limit: u32, before: Option<i64>) -> Result<Vec<JobView>, StoreError> {
        let jobs = self.on_store(move |store| {
            store
                .jobs(limit, before)?
                .into_iter()
                .map(|job| with_results(store, job))
                .collect::<Result<Vec<_>, _>>()
        });
        Ok(jobs.await?.into_iter().map(|job| self.enliven(job)).collect())
    }

    /// Stops a job: at once when it waits, within its current step when it runs. A finished one stays as it is.
    ///
    /// # Errors
    /// When there is no such job.
    pub async fn cancel(&self, id: JobId) -> Result<JobView, StoreError> {
        let job = match self.on_store(move |store| store.cancel_job(id)).await? {
            CancelOutcome::Running(job) => {
                self.live.cancel(id);
                job
            }
            CancelOutcome::Cancelled(job) | CancelOutcome::Finished(job) => job,
        };
        self.view(job).await
    }

    /// Removes a finished job from the history.
    ///
    /// # Errors
    /// When there is no such job or it has not finished.
    pub async fn delete(&self, id: JobId) -> Result<(), StoreError> {
        self.on_store(move |store| store.delete_job(id)).await
    }

    async fn view(&self, job: Job) -> Result<JobView, StoreError> {
        Ok(self.enliven(self.on_store(move |store| with_results(store, job)).await?))
    }

    /// Adds what only memory knows of a running job.
    fn enliven(&self, mut job: JobView) -> JobView {
        if job.state != JobState::Running {
            return job;
        }
        if let Some((bricks, preview)) = self.live.look(job.id) {
            job.bricks = bricks;
            job.preview = preview;
        } else if let Some(held) = self.live.held(job.id) {
            job.state = held.state;
            job.error = held.error;
            job.bricks = held.bricks;
        }
        job
    }

    async fn on_store<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Store) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let store = self.store.clone();
        match tokio::task::spawn_blocking(move || work(&store)).await {
            Ok(done) => done,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }
}

fn with_results(store: &Store, job: Job) -> Result<JobView, StoreError> {
    let results = store.results_of(job.id)?;
    Ok(JobView::new(job, results))
}
