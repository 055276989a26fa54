//! Bricks as the HTTP API, the browser and `qpyt bricks` show them.

use std::collections::BTreeMap;
use std::time::SystemTime;

use jiff::Timestamp;
use qpyt_bricks::capability::Level;
use qpyt_bricks::registry::{Change, ChangeKind, LogLine, Place, Refusal, RefusalKind, Totals, Version};
use qpyt_bricks::{HostScope, Interface};
use qpyt_workflow::{BrickSpec, Port};
use serde::Serialize;
use utoipa::ToSchema;

use super::{Installed, Library};
use crate::store::{Denials, Grant, Store, StoreError};

/// What the store knows of the person's word on bricks.
pub struct Allowed {
    grants: Vec<Grant>,
    denials: BTreeMap<String, Denials>,
}

impl Allowed {
    /// As it is now.
    ///
    /// # Errors
    /// When the database fails.
    pub fn read(store: &Store) -> Result<Self, StoreError> {
        Ok(Self { grants: store.grants()?, denials: store.denials()? })
    }
}

impl Library {
    /// What is installed, with what the person allowed.
    pub fn list(&self, allowed: &Allowed) -> BrickList {
        let installed = self.current();
        let bricks = installed.catalog.iter().filter_map(|spec| self.view(&installed, spec, allowed));
        let places = installed.snapshot.places.iter();
        BrickList {
            revision: installed.snapshot.revision,
            bricks: bricks.collect(),
            refused: places.filter_map(|place| Some(refused(place, place.refusal.as_ref()?))).collect(),
        }
    }

    fn view(&self, installed: &Installed, spec: &BrickSpec, allowed: &Allowed) -> Option<BrickView> {
        let (version, place) = (installed.version_of(spec)?, installed.place_of(spec)?);
        let manifest = version.binary().manifest();
        let totals = self.registry().totals(spec.id.as_str());
        let denials = allowed.denials.get(spec.id.as_str()).copied().unwrap_or_default();
        let given: Vec<&Grant> = allowed
            .grants
            .iter()
            .filter(|grant| grant.allows.brick == spec.id.as_str() && grant.allows.digest == version.digest())
            .collect();
        Some(BrickView {
            id: spec.id.to_string(),
            version: spec.version.to_string(),
            digest: spec.digest.to_string(),
            label: spec.label.clone(),
            category: spec.category.as_str(),
            doc: spec.doc.clone(),
            inputs: spec.inputs.iter().map(PortView::from).collect(),
            outputs: spec.outputs.iter().map(PortView::from).collect(),
            params_schema: spec.params_schema.clone(),
            uses: manifest.uses.iter().map(ToString::to_string).collect(),
            granted: folders(&given),
            pure: spec.pure,
            heavy: spec.heavy,
            place: place.path.display().to_string(),
            place_id: place.id.to_string(),
            health: if version.is_quarantined() { BrickHealth::Quarantined } else { BrickHealth::Serving },
            health_reason: version.is_quarantined().then(|| {
                "It crashed three times in a row and is set aside until its file changes.".to_owned()
            }),
            publisher: manifest.publisher.clone(),
            signed_by: version.binary().signed_by().map(ToString::to_string),
            versions: place.kept.iter().filter_map(|kept| VersionView::of(place, kept, spec)).collect(),
            metrics: MetricsView::of(totals, denials),
            asks: asks(version, &given),
            stateful: version.binary().is_stateful(),
            migrates: version.binary().migrates(),
        })
    }
}

fn folders(given: &[&Grant]) -> Vec<String> {
    let files = Interface::StoreFiles.name();
    let folders = given.iter().filter(|grant| grant.allows.import == files);
    folders.map(|grant| grant.allows.scope.clone()).collect()
}

/// What a version asks the person for, and whether it was granted.
fn asks(version: &Version, given: &[&Grant]) -> Vec<AskView> {
    let manifest = version.binary().manifest();
    let ask = |kind: AskKind, interface: Interface, scope: Option<&String>| AskView {
        import: interface.name(),
        kind,
        scope: scope.cloned(),
        granted: given.iter().any(|grant| {
            grant.allows.import == interface.name()
                && scope.is_none_or(|wanted| covers(kind, &grant.allows.scope, wanted))
        }),
    };
    let hosts = manifest.wants.hosts.iter().map(|host| ask(AskKind::Host, Interface::StoreHttp, Some(host)));
    let secrets =
        manifest.wants.secrets.iter().map(|name| ask(AskKind::Secret, Interface::StoreSecrets, Some(name)));
    let folder = manifest
        .uses
        .contains(&Interface::StoreFiles)
        .then(|| ask(AskKind::Folder, Interface::StoreFiles, None));
    hosts.chain(secrets).chain(folder).collect()
}

/// Whether a permission for `given` is one for `wanted`.
fn covers(kind: AskKind, given: &str, wanted: &str) -> bool {
    match (kind, given.parse::<HostScope>(), wanted.parse::<HostScope>()) {
        (AskKind::Host, Ok(given), Ok(wanted)) => given.covers(&wanted),
        _ => given == wanted,
    }
}

fn refused(place: &Place, refusal: &Refusal) -> RefusedView {
    let candidate = refusal.candidate.as_ref();
    let bricks = place.serving.as_ref().or(candidate).map(|version| version.brick_ids());
    let described = candidate.and_then(|candidate| candidate.binary().bricks().first());
    RefusedView {
        path: place.path.display().to_string(),
        place_id: place.id.to_string(),
        message: refusal.message.clone(),
        kind: match refusal.kind {
            RefusalKind::Build => RefusedKind::Build,
            RefusalKind::Load => RefusedKind::Load,
            RefusalKind::Publisher => RefusedKind::Publisher,
            RefusalKind::Canary => RefusedKind::Canary,
        },
        bricks: bricks.unwrap_or_default(),
        digest: candidate.map(|candidate| candidate.digest().to_string()),
        version: described.map(|brick| brick.version.to_string()),
        since: time(refusal.since),
        can_use_anyway: refusal.kind == RefusalKind::Canary && candidate.is_some(),
        serving: place.serving.is_some(),
    }
}

fn time(at: SystemTime) -> String {
    Timestamp::try_from(at).map(|at| at.to_string()).unwrap_or_default()
}

/// The installed bricks.
#[derive(Debug, Serialize, ToSchema)]
pub struct BrickList {
    /// Grows with every change since the studio started.
    pub revision: u64,
    /// By id, newest version first.
    pub bricks: Vec<BrickView>,
    /// What does not serve.
    pub refused: Vec<RefusedView>,
}

/// One version of one brick.
#[derive(Debug, Serialize, ToSchema)]
pub struct BrickView {
    /// `namespace:name`
    pub id: String,
    /// Semantic version.
    pub version: String,
    /// Digest of its binary.
    pub digest: String,
    /// For the person.
    pub label: String,
    /// `input`, `generator`, `setting` or `output`.
    pub category: &'static str,
    /// One or two sentences for the person.
    pub doc: String,
    /// Inputs in the order they are shown.
    pub inputs: Vec<PortView>,
    /// Outputs in the order they are shown.
    pub outputs: Vec<PortView>,
    /// JSON Schema of the parameters.
    pub params_schema: serde_json::Value,
    /// The interfaces of the host that it may use.
    pub uses: Vec<String>,
    /// The folders that the person allowed this binary to write into.
    pub granted: Vec<String>,
    /// A function of its inputs and parameters alone, so its results are kept.
    pub pure: bool,
    /// Needs the accelerator.
    pub heavy: bool,
    /// The folder or file that it is from.
    pub place: String,
    /// Names the place in addresses.
    pub place_id: String,
    /// Whether it runs.
    pub health: BrickHealth,
    /// Why it does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub health_reason: Option<String>,
    /// Who made it, as it says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub publisher: Option<String>,
    /// The key that signed it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signed_by: Option<String>,
    /// The last good versions at its place, newest first.
    pub versions: Vec<VersionView>,
    /// What its runs took since the studio started, all versions together.
    pub metrics: MetricsView,
    /// What it asks the person for.
    pub asks: Vec<AskView>,
    /// It remembers something from run to run.
    pub stateful: bool,
    /// It carries parameters over from its other versions.
    pub migrates: bool,
}

/// Whether a brick runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum BrickHealth {
    /// It does.
    Serving,
    /// It crashed too often in a row and is set aside.
    Quarantined,
}

/// A kept version of a brick.
#[derive(Debug, Serialize, ToSchema)]
pub struct VersionView {
    /// Digest of its binary.
    pub digest: String,
    /// Semantic version.
    pub version: String,
    /// When it came (RFC 3339).
    pub loaded_at: String,
    /// It is the one that new runs get.
    pub serving: bool,
    /// The person chose it over the one in the place's file.
    pub selected: bool,
    /// It crashed too often in a row and is set aside.
    pub quarantined: bool,
    /// Its runs under way.
    pub running: usize,
}

impl VersionView {
    fn of(place: &Place, kept: &Version, spec: &BrickSpec) -> Option<Self> {
        let serving = place.serving.as_ref().is_some_and(|serving| serving.digest() == kept.digest());
        Some(Self {
            digest: kept.digest().to_string(),
            version: kept.version_of(spec.id.as_str())?.to_string(),
            loaded_at: time(kept.loaded_at()),
            serving,
            selected: serving && place.selected,
            quarantined: kept.is_quarantined(),
            running: kept.running(),
        })
    }
}

/// What the runs of a brick took.
#[derive(Debug, Serialize, ToSchema)]
pub struct MetricsView {
    /// Runs that ended, well or not.
    pub runs: u64,
    /// Runs that ended with an error.
    pub failures: u64,
    /// Failures in which it crashed.
    pub traps: u64,
    /// Times that another version took over.
    pub swaps: u64,
    /// Its own computing time in milliseconds.
    pub cpu_ms: u64,
    /// The most bytes that one run had at once.
    pub peak_memory: u64,
    /// Bytes copied between it and the studio.
    pub bytes_copied: u64,
    /// Times, ever, that it was denied something.
    pub denied: u64,
    /// Times, ever, that only a permission on trial allowed it something.
    pub would_deny: u64,
}

impl MetricsView {
    fn of(totals: Totals, denials: Denials) -> Self {
        Self {
            runs: totals.runs,
            failures: totals.failures,
            traps: totals.traps,
            swaps: totals.swaps,
            cpu_ms: u64::try_from(totals.cpu.as_millis()).unwrap_or(u64::MAX),
            peak_memory: totals.peak_memory,
            bytes_copied: totals.bytes_copied,
            denied: denials.denied,
            would_deny: denials.would_deny,
        }
    }
}

/// Something that a brick asks the person for.
#[derive(Debug, Serialize, ToSchema)]
pub struct AskView {
    /// The interface.
    pub import: &'static str,
    /// Of which kind.
    pub kind: AskKind,
    /// What of it; none for a folder that is chosen later.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// Whether the person allowed it.
    pub granted: bool,
}

/// The kinds of things that a brick asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AskKind {
    /// A host on the network.
    Host,
    /// A secret that the person stored.
    Secret,
    /// A folder on the disk.
    Folder,
}

/// An input or output.
#[derive(Debug, Serialize, ToSchema)]
pub struct PortView {
    /// Unique among the inputs, or among the outputs.
    pub name: String,
    /// `image`, `mask`, `text`, `number`, `boolean`, `json`, `tensor` or `any`.
    pub kind: &'static str,
    /// For the person.
    pub label: String,
    /// Inputs: the run needs it. Outputs: always given.
    pub required: bool,
    /// May carry several values.
    pub many: bool,
    /// One sentence for the person.
    pub doc: String,
}

impl From<&Port> for PortView {
    fn from(port: &Port) -> Self {
        Self {
            name: port.name.to_string(),
            kind: port.kind.as_str(),
            label: port.label.clone(),
            required: port.required,
            many: port.many,
            doc: port.doc.clone(),
        }
    }
}

/// A candidate that does not serve.
#[derive(Debug, Serialize, ToSchema)]
pub struct RefusedView {
    /// The folder or file that it is from.
    pub path: String,
    /// Names the place in addresses.
    pub place_id: String,
    /// Why, and what to do.
    pub message: String,
    /// At which step it was refused.
    pub kind: RefusedKind,
    /// The bricks that the place serves, or would.
    pub bricks: Vec<String>,
    /// Digest of the candidate, if it could be loaded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// Version of the candidate, if it could be loaded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Since when (RFC 3339).
    pub since: String,
    /// Only its trial run failed, so the person may use it all the same.
    pub can_use_anyway: bool,
    /// An older version goes on.
    pub serving: bool,
}

/// At which step a candidate was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RefusedKind {
    /// Its source does not build.
    Build,
    /// It can't be loaded.
    Load,
    /// It is not from the publisher that it names.
    Publisher,
    /// It failed on what the last good run was given.
    Canary,
}

/// What happened to the bricks of a place.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct BrickChange {
    /// Of the list of bricks.
    pub revision: u64,
    /// `added`, `swapped`, `refused`, `settled`, `removed`, `quarantined`, `rolled-back`, `selected` or `released`.
    pub kind: &'static str,
    /// The place.
    pub place_id: String,
    /// Ids of its bricks.
    pub bricks: Vec<String>,
    /// The versions that serve now, by brick.
    pub versions: BTreeMap<String, String>,
    /// Version of the first brick that serves now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Digest that serves now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// Digest that served before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from_digest: Option<String>,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl From<&Change> for BrickChange {
    fn from(change: &Change) -> Self {
        let bricks = change.to.iter().flat_map(|version| version.binary().bricks());
        let versions: BTreeMap<_, _> =
            bricks.map(|brick| (brick.id.clone(), brick.version.to_string())).collect();
        Self {
            revision: change.revision,
            kind: match change.kind {
                ChangeKind::Added => "added",
                ChangeKind::Swapped => "swapped",
                ChangeKind::Refused => "refused",
                ChangeKind::Settled => "settled",
                ChangeKind::Removed => "removed",
                ChangeKind::Quarantined => "quarantined",
                ChangeKind::RolledBack => "rolled-back",
                ChangeKind::Selected => "selected",
                ChangeKind::Released => "released",
            },
            place_id: change.place.to_string(),
            bricks: change.bricks.clone(),
            version: change.bricks.first().and_then(|brick| versions.get(brick)).cloned(),
            versions,
            digest: change.to.as_ref().map(|version| version.digest().to_string()),
            from_digest: change.from.map(|digest| digest.to_string()),
            reason: change.reason.clone(),
        }
    }
}

/// The newest log lines of a brick.
#[derive(Debug, Serialize, ToSchema)]
pub struct BrickLog {
    /// Oldest first.
    pub lines: Vec<LogLineView>,
}

/// A log line of a brick.
#[derive(Debug, Serialize, ToSchema)]
pub struct LogLineView {
    /// When (RFC 3339).
    pub at: String,
    /// `trace`, `debug`, `info`, `warn` or `error`.
    #[schema(value_type = String)]
    pub level: Level,
    /// What it says.
    pub message: String,
    /// The job that ran the brick; none for a trial run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job: Option<String>,
    /// Digest of the version that wrote it.
    pub digest: String,
}

impl From<LogLine> for LogLineView {
    fn from(line: LogLine) -> Self {
        Self {
            at: time(line.at),
            level: line.level,
            message: line.message,
            job: line.job,
            digest: line.digest.to_string(),
        }
    }
}
