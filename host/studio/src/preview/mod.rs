//! One brick alone on what an earlier job made for it: what people see while they move a slider. It is no job: it
//! waits in no queue, tells no events and leaves nothing behind.

mod error;
mod fed;
mod small;
mod turns;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use qpyt_bricks::media::{Image, encode_quickly};
use qpyt_bricks::registry::{Version, powerless};
use qpyt_bricks::{Interface, Limits, NamedValue, RunError, RunRequest, Value};
use qpyt_workflow::{BrickSpec, Document, NodeId, Step, plan, targets};
use uuid::Uuid;

pub use self::error::PreviewError;
use self::fed::Earlier;
use self::small::{Pictures, fitting, in_pixels};
use self::turns::Turns;
use crate::library::{Installed, Library};
use crate::store::{JobId, Store};

/// The hint in a brick's schema by which it offers previews.
const OFFERED: &str = "x-live-preview";
/// So long a person may wait for one.
const LONGEST: Duration = Duration::from_secs(2);

/// What to preview.
pub struct PreviewRequest {
    /// The workflow, with the parameters to try.
    pub document: Document,
    /// Id of the brick instance.
    pub brick: String,
    /// The job whose results feed it.
    pub job: JobId,
    /// Who looks: of each brick, a page has one preview at a time.
    pub page: Uuid,
}

/// The previews of a studio.
pub struct Previews {
    store: Arc<Store>,
    library: Arc<Library>,
    limits: HashMap<String, Limits>,
    default_limits: Limits,
    pictures: Arc<Pictures>,
    turns: Turns,
}

/// A brick with all that it needs to run.
struct Ready {
    step: Step,
    version: Arc<Version>,
    inputs: Vec<NamedValue>,
    params: serde_json::Value,
}

impl Previews {
    /// Previews over these parts. `limits` are those of single bricks, by id; `default_limits` those of all others.
    pub fn new(
        store: Arc<Store>,
        library: Arc<Library>,
        limits: HashMap<String, Limits>,
        default_limits: Limits,
    ) -> Self {
        Self { store, library, limits, default_limits, pictures: Arc::default(), turns: Turns::default() }
    }

    /// The first picture that the brick makes, as a PNG file of at most 2048 pixels a side. A newer request of the
    /// same page for the same brick ends this one; so does dropping it.
    ///
    /// # Errors
    /// [`PreviewError`].
    pub async fn make(&self, request: PreviewRequest) -> Result<Vec<u8>, PreviewError> {
        let turn = self.turns.take((request.page, request.brick.clone()));
        let _place = self.turns.place(&turn).await.ok_or(PreviewError::Superseded)?;
        let (installed, store, pictures) =
            (self.library.current(), self.store.clone(), self.pictures.clone());
        let ready = off_thread(move || ready(&installed, &store, &pictures, &request)).await?;
        let id = ready.step.spec.id.as_str();
        let limits = self.limits.get(id).copied().unwrap_or(self.default_limits);
        let run = RunRequest {
            brick: id.to_owned(),
            inputs: ready.inputs,
            params: ready.params,
            seed: 0,
            state: None,
            limits: Some(Limits { wall: limits.wall.min(LONGEST), ..limits }),
            cancel: turn.cancel(),
            host: powerless(),
        };
        // Not through the version, which would count, log and record the run.
        let outcome = ready.version.binary().run(run).await.map_err(|error| match error {
            RunError::Cancelled => PreviewError::Superseded,
            error => PreviewError::Run(error),
        })?;
        let pictures = outcome.outputs.into_iter().filter_map(|output| match output.value {
            Value::Image(image) => Some(image),
            _ => None,
        });
        let picture = pictures.into_iter().next().ok_or(PreviewError::NoPicture)?;
        off_thread(move || file(&picture)).await
    }
}

fn ready(
    installed: &Installed,
    store: &Store,
    pictures: &Pictures,
    request: &PreviewRequest,
) -> Result<Ready, PreviewError> {
    let wanted = targets(std::slice::from_ref(&request.brick))?;
    let steps = plan(&request.document, &installed.catalog, &wanted)?.steps;
    let (step, before) = steps.split_last().ok_or(PreviewError::Unfed)?;
    let version = installed.version_of(&step.spec).filter(|version| offers(&step.spec, version));
    let version = version.ok_or_else(|| PreviewError::NotOffered { brick: step.spec.id.to_string() })?;
    let node: &NodeId = &step.node;
    let earlier = Earlier::read(store, installed, request.job, node)?;
    earlier.check_like(before, step)?;
    let (inputs, scale) = small::inputs(store, pictures, earlier.values(step)?)?;
    let params = in_pixels(&step.spec.params_schema, &step.params, scale);
    Ok(Ready { step: step.clone(), version: version.clone(), inputs, params })
}

/// Whether the brick asks for previews and for no power over anything.
fn offers(spec: &BrickSpec, version: &Version) -> bool {
    let binary = version.binary();
    let asks_nothing = binary.manifest().uses.iter().all(|used| *used == Interface::JobContext);
    let wants = spec.params_schema.get(OFFERED).and_then(serde_json::Value::as_bool);
    wants == Some(true) && asks_nothing && !binary.is_stateful() && !version.is_quarantined()
}

fn file(picture: &Image) -> Result<Vec<u8>, PreviewError> {
    Ok(encode_quickly(&fitting(picture)?)?)
}

/// Does what reads or computes much off the async threads.
async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, PreviewError> + Send + 'static,
) -> Result<T, PreviewError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| PreviewError::Fault(error.to_string()))?
}
