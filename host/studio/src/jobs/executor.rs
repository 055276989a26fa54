//! Runs one job: its plan step by step, each brick in a fresh sandbox, pure bricks only when their answer is not
//! known yet.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use qpyt_bricks::{Digest, Limits, NamedValue, PACKAGES, RunError, RunRequest, Value};
use qpyt_workflow::{Document, KeyParts, Plan, PortRef, Step, cache_key, plan, record_lock};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::host::BrickHost;
use super::live::Live;
use super::precheck::models_of;
use super::progress::{BrickProgress, BrickState, Bricks};
use super::values::{self, Kept};
use super::view::JobFailure;
use crate::library::{Installed, Library};
use crate::models::Models;
use crate::network::Network;
use crate::store::{CachedRun, EventKind, Job, JobId, Outcome, Store, StoreError};

/// What inference runs on; part of every cache key.
const BACKEND: &str = "candle-cpu-f32";
/// How often the end of a job is written again while the disk is full.
const REPEAT: Duration = Duration::from_secs(2);

/// Everything that running a job needs.
pub struct Executor {
    /// What stays.
    pub store: Arc<Store>,
    /// The bricks.
    pub library: Arc<Library>,
    /// The models.
    pub models: Arc<Models>,
    /// The way out for bricks.
    pub network: Arc<Network>,
    /// What running jobs look like.
    pub live: Arc<Live>,
    /// Limits of the bricks, by id, that have others than the runtime's.
    pub limits: HashMap<String, Limits>,
}

/// Why a job ended before its last brick.
enum Stopped {
    Cancelled,
    Failed(JobFailure),
}

impl From<StoreError> for Stopped {
    fn from(error: StoreError) -> Self {
        Self::Failed(JobFailure {
            code: error.code().into(),
            message: error.to_string(),
            brick: None,
            name: None,
        })
    }
}

impl Executor {
    /// Runs a claimed job to its end and writes how it ended.
    pub async fn run(self: &Arc<Self>, job: &Job) {
        let cancel = self.live.begin(job.id);
        // A cancel that came between the claim and this line is in the row.
        if self.store.job(job.id).is_ok_and(|job| job.cancel_requested) {
            cancel.cancel();
        }
        let installed = self.library.current();
        let ended = Run { executor: self, job: job.id, installed, cancel, values: HashMap::new() }
            .run(&job.targets)
            .await;
        let outcome = match ended {
            Ok(()) => Outcome::Succeeded,
            Err(Stopped::Cancelled) => Outcome::Cancelled,
            Err(Stopped::Failed(failure)) => Outcome::Failed(json!(failure)),
        };
        let bricks = self.live.end(job.id);
        self.write_end(job.id, outcome, bricks).await;
    }

    /// Ends a job that a fault in the studio stopped.
    pub async fn give_up(&self, job: JobId) {
        let failure = JobFailure {
            code: "internal".into(),
            message: "The studio failed while it ran this job; its log says more. Please report it.".into(),
            brick: None,
            name: None,
        };
        let bricks = self.live.end(job);
        self.write_end(job, Outcome::Failed(json!(failure)), bricks).await;
    }

    /// Writes how a job ended. While the disk takes nothing, the end is kept in memory, where people see it, and
    /// writing is tried again.
    async fn write_end(&self, job: JobId, outcome: Outcome, bricks: Bricks) {
        while let Err(error) = self.store.finish_job(job, &outcome, &json!(bricks)) {
            tracing::error!(%job, %error, "the end of a job can't be written yet");
            self.live.hold(job, &outcome, &bricks);
            tokio::time::sleep(REPEAT).await;
        }
        self.live.release(job);
    }

    /// What names this run on these models for ever, or none when an input has no digest.
    fn key(
        &self,
        step: &Step,
        inputs: &[NamedValue],
        models: &BTreeSet<String>,
    ) -> Result<Option<Digest>, StoreError> {
        let mut digests = Vec::with_capacity(inputs.len());
        for input in inputs {
            let (Ok(port), Some(digest)) = (input.port.parse(), values::digest(&input.value)) else {
                return Ok(None);
            };
            digests.push((port, digest));
        }
        let models = self.digests(models)?;
        let key = cache_key(&KeyParts {
            component: &step.spec.digest,
            brick: &step.spec.id,
            contracts: &contracts(),
            params: &step.params,
            inputs: &digests,
            models: &models,
            backend: BACKEND,
        });
        Ok(Some(Digest::of(key.as_str().as_bytes())))
    }

    /// The models that a run's result depends on: those that its parameters name and, of a brick that paints, those that
    /// its texts name. A file that comes later under a name that a text holds is one of them then.
    fn models_of(&self, step: &Step, inputs: &[NamedValue]) -> BTreeSet<String> {
        let mut models = BTreeSet::from_iter(models_of(&step.spec.params_schema, &step.params));
        if self.one_paints(&models) {
            let mut texts = texts_in(&step.params);
            for input in inputs {
                match &input.value {
                    Value::Text(text) => texts.push(text),
                    Value::Json(json) => texts.extend(texts_in(json)),
                    _ => {}
                }
            }
            models.extend(self.named_in(texts));
        }
        models
    }

    /// True if one of some models paints.
    fn one_paints(&self, models: &BTreeSet<String>) -> bool {
        models.iter().any(|id| self.models.find(id).is_ok_and(|model| model.painting.is_some()))
    }

    /// Ids of the models that texts name.
    fn named_in<'a>(&self, texts: impl IntoIterator<Item = &'a str>) -> BTreeSet<String> {
        texts.into_iter().flat_map(|text| self.models.named_in(text)).map(|model| model.id).collect()
    }

    /// Digests of installed models.
    fn digests(&self, models: &BTreeSet<String>) -> Result<Vec<(String, qpyt_workflow::Digest)>, StoreError> {
        let mut digests = Vec::new();
        for id in models {
            // A model that is missing makes the brick fail with a better message than this could.
            let Ok(model) = self.models.find(id) else { continue };
            if let Ok(digest) = self.models.digest(&model)?.to_string().parse() {
                digests.push((id.clone(), digest));
            }
        }
        Ok(digests)
    }

    /// Notes in the job's document which models, by digest, it runs on.
    fn lock_models(
        &self,
        job: JobId,
        installed: &Installed,
        mut document: Document,
        steps: &[Step],
    ) -> Result<(), StoreError> {
        // What a brick that paints is told stands in the parameters of those before it.
        let mut models: BTreeSet<_> = steps.iter().flat_map(|step| self.models_of(step, &[])).collect();
        if self.one_paints(&models) {
            models.extend(self.named_in(steps.iter().flat_map(|step| texts_in(&step.params))));
        }
        let models = self.digests(&models)?;
        if models.is_empty() {
            return Ok(());
        }
        record_lock(&mut document, &installed.catalog, models);
        self.store.note_document(job, &json!(document))
    }

    /// Keeps what a brick gave: its pictures always, the whole as the answer to `key` where there is one.
    fn keep(
        &self,
        outputs: &[NamedValue],
        notes: Vec<String>,
        key: Option<Digest>,
    ) -> Result<Kept, StoreError> {
        let (kept, content) = values::keep(&self.store, outputs)?;
        if let Some(key) = key {
            self.store.remember_run(key, &CachedRun { outputs: json!(kept), content, notes })?;
        }
        Ok(kept)
    }

    /// What the run with this key gave before.
    fn known(&self, key: Digest) -> Result<Option<Known>, StoreError> {
        let Some(CachedRun { outputs, notes, .. }) = self.store.lookup_run(key)? else { return Ok(None) };
        let Ok(kept) = serde_json::from_value::<Kept>(outputs) else { return Ok(None) };
        let outputs = values::restore(&self.store, kept.clone())?;
        Ok(Some(Known { kept, outputs, notes }))
    }
}

/// What a run gave before.
struct Known {
    kept: Kept,
    outputs: Vec<NamedValue>,
    notes: Vec<String>,
}

/// What is known of a run before it is begun.
#[derive(Default)]
struct Answer {
    /// Its key, if it can be kept.
    key: Option<Digest>,
    /// The models that the key covers.
    models: BTreeSet<String>,
    known: Option<Known>,
}

/// One job on its way.
struct Run<'a> {
    executor: &'a Arc<Executor>,
    job: JobId,
    /// The bricks as they were when the job began; a swap meanwhile concerns later jobs.
    installed: Arc<Installed>,
    cancel: CancellationToken,
    values: HashMap<PortRef, Vec<Value>>,
}

/// What a brick gave and whether it may be given again without asking it.
struct Ran {
    outputs: Vec<NamedValue>,
    millis: u64,
    keepable: bool,
}

impl Run<'_> {
    async fn run(&mut self, targets: &[String]) -> Result<(), Stopped> {
        let (document, plan) = self.plan(targets)?;
        let (job, steps, installed) = (self.job, plan.steps.clone(), self.installed.clone());
        self.off_thread(move |executor| executor.lock_models(job, &installed, document, &steps)).await?;
        let pending = |step: &Step| (step.node.to_string(), BrickProgress::at(BrickState::Pending));
        self.executor.live.expect(self.job, plan.steps.iter().map(pending).collect());
        for step in &plan.steps {
            if self.cancel.is_cancelled() {
                return Err(Stopped::Cancelled);
            }
            self.step(step).await?;
        }
        Ok(())
    }

    fn plan(&self, targets: &[String]) -> Result<(Document, Plan), Stopped> {
        let failed = |message| {
            Stopped::Failed(JobFailure { code: "invalid-document".into(), message, brick: None, name: None })
        };
        let document = self.executor.store.job_document(self.job)?;
        let document = Document::try_from(document).map_err(|error| failed(error.to_string()))?;
        let catalog = &self.installed.catalog;
        // It was sound when it was sent; a brick must have gone since.
        let planned = qpyt_workflow::targets(targets).and_then(|targets| plan(&document, catalog, &targets));
        match planned {
            Ok(plan) => Ok((document, plan)),
            Err(problems) => Err(failed(
                problems.iter().map(|problem| problem.message.as_str()).collect::<Vec<_>>().join(" "),
            )),
        }
    }

    async fn step(&mut self, step: &Step) -> Result<(), Stopped> {
        let inputs = self.inputs(step);
        let Answer { key, models, known } = self.look_up(step, &inputs).await?;
        if let Some(known) = known {
            self.tell_end(step, BrickState::Cached, (known.kept, known.notes), 0)?;
            self.pass_on(step, known.outputs);
            return Ok(());
        }
        self.tell(step, EventKind::BrickStarted, BrickProgress::at(BrickState::Running), json!({}))?;
        match self.run_brick(step, inputs, key, &models).await {
            Ok(ran) => {
                let (outputs, key) = (ran.outputs.clone(), key.filter(|_| ran.keepable));
                let notes = self.executor.live.notes(self.job, step.node.as_str());
                let said = notes.clone();
                let kept = self.off_thread(move |executor| executor.keep(&outputs, said, key)).await?;
                self.tell_end(step, BrickState::Done, (kept, notes), ran.millis)?;
                self.pass_on(step, ran.outputs);
                Ok(())
            }
            Err(_) if self.cancel.is_cancelled() => Err(Stopped::Cancelled),
            Err(error) => {
                let failure = failure(step, &error);
                let data = json!({ "error": failure });
                self.tell(step, EventKind::BrickFailed, BrickProgress::at(BrickState::Failed), data)?;
                Err(Stopped::Failed(failure))
            }
        }
    }

    /// The key of a pure brick's run, and what it gave before.
    async fn look_up(&self, step: &Step, inputs: &[NamedValue]) -> Result<Answer, Stopped> {
        if !step.spec.pure {
            return Ok(Answer::default());
        }
        let (step, inputs) = (step.clone(), inputs.to_vec());
        let found = self.off_thread(move |executor| {
            let models = executor.models_of(&step, &inputs);
            let key = executor.key(&step, &inputs, &models)?;
            let known = key.map(|key| executor.known(key)).transpose()?.flatten();
            Ok(Answer { key, models, known })
        });
        Ok(found.await?)
    }

    /// Does what reads or writes much (models, pictures) off the async threads.
    async fn off_thread<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Executor) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let executor = self.executor.clone();
        match tokio::task::spawn_blocking(move || work(&executor)).await {
            Ok(done) => done,
            Err(error) => {
                Err(StoreError::Unstorable { kind: "values of a brick", reason: error.to_string() })
            }
        }
    }

    fn inputs(&self, step: &Step) -> Vec<NamedValue> {
        let mut inputs = Vec::new();
        for link in &step.inputs {
            for value in self.values.get(&link.from).into_iter().flatten() {
                inputs.push(NamedValue { port: link.port.to_string(), value: value.clone() });
            }
        }
        inputs
    }

    async fn run_brick(
        &self,
        step: &Step,
        inputs: Vec<NamedValue>,
        key: Option<Digest>,
        models: &BTreeSet<String>,
    ) -> Result<Ran, RunError> {
        let gone = || RunError::UnknownBrick { brick: step.spec.id.to_string() };
        let version = self.installed.version_of(&step.spec).ok_or_else(gone)?;
        let host =
            Arc::new(BrickHost::new(self.executor, self.job, step, version.digest(), self.cancel.clone()));
        let request = RunRequest {
            brick: step.spec.id.to_string(),
            inputs,
            params: step.params.clone(),
            seed: seed(key),
            state: None,
            limits: self.executor.limits.get(step.spec.id.as_str()).copied(),
            cancel: self.cancel.clone(),
            host: host.clone(),
        };
        let outcome = version.run(request, Some(&self.job.to_string())).await?;
        let keepable = host.depends_only_on(models);
        let millis = u64::try_from(outcome.usage.wall.as_millis()).unwrap_or(u64::MAX);
        Ok(Ran { outputs: outcome.outputs, millis, keepable })
    }

    fn pass_on(&mut self, step: &Step, outputs: Vec<NamedValue>) {
        for output in outputs {
            if let Ok(port) = output.port.parse() {
                self.values.entry(PortRef { node: step.node.clone(), port }).or_default().push(output.value);
            }
        }
    }

    fn tell_end(
        &self,
        step: &Step,
        state: BrickState,
        (kept, notes): (Kept, Vec<String>),
        millis: u64,
    ) -> Result<(), StoreError> {
        let digest = step.spec.digest.to_string();
        let data = json!({
            "cached": state == BrickState::Cached,
            "millis": millis,
            "digest": digest,
            "version": step.spec.version,
            "outputs": values::by_port(kept.clone()),
            "notes": notes,
        });
        let progress = BrickProgress {
            digest: Some(digest),
            outputs: values::by_port(kept),
            notes,
            ..BrickProgress::at(state)
        };
        self.tell(step, EventKind::BrickFinished, progress, data)
    }

    /// Keeps how a brick stands, and the event that tells it.
    fn tell(
        &self,
        step: &Step,
        kind: EventKind,
        progress: BrickProgress,
        mut data: serde_json::Value,
    ) -> Result<(), StoreError> {
        if let Some(data) = data.as_object_mut() {
            data.insert("brick".into(), json!(step.node));
        }
        let bricks: Bricks = self.executor.live.set(self.job, step.node.as_str(), progress);
        self.executor.store.record(self.job, kind, data, Some(&json!(bricks)))?;
        Ok(())
    }
}

/// All texts within a JSON value.
fn texts_in(json: &serde_json::Value) -> Vec<&str> {
    match json {
        serde_json::Value::String(text) => vec![text],
        serde_json::Value::Array(list) => list.iter().flat_map(texts_in).collect(),
        serde_json::Value::Object(map) => map.values().flat_map(texts_in).collect(),
        _ => Vec::new(),
    }
}

/// The contract that bricks are run with, with the version of each package; part of every cache key.
fn contracts() -> String {
    PACKAGES.map(|(package, version)| format!("{package}@{version}")).join(";")
}

/// The number that a brick's own random choices start from: always the same for a pure run.
fn seed(key: Option<Digest>) -> u64 {
    match key {
        Some(key) => key.as_bytes().iter().take(8).fold(0, |seed, byte| seed << 8 | u64::from(*byte)),
        None => uuid::Uuid::new_v4().as_u64_pair().1,
    }
}

/// Why a brick failed, in the words of the API.
fn failure(step: &Step, error: &RunError) -> JobFailure {
    let name = match error {
        RunError::BadInput { port, .. } | RunError::BadOutput { port, .. } => Some(port.clone()),
        RunError::BadParam { param, .. } => Some(param.clone()),
        _ => None,
    };
    JobFailure {
        code: error.code().to_owned(),
        message: format!("{}: {error}", step.spec.label),
        brick: Some(step.node.to_string()),
        name,
    }
}
