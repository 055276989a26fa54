//! The catalogue as the HTTP API, the browser and `qpyt models` show it: what there is and how each model stands.

use std::path::PathBuf;

use serde::Serialize;
use utoipa::ToSchema;

use super::installed::Record;
use super::work::{Phase, Progress};
use super::{Pulls, space};
use crate::catalogue::{Entry, ModelKind};
use crate::pull::error::PullError;

/// All models of the catalogue.
#[derive(Debug, Serialize, ToSchema)]
pub struct CatalogueList {
    /// By what they are for.
    pub models: Vec<CatalogueModel>,
    /// Where fetched models go.
    pub folder: String,
    /// Bytes that are free there, if the system tells.
    pub free_bytes: Option<u64>,
}

/// A model of the catalogue.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct CatalogueModel {
    /// Its name, and its id once it is installed.
    pub name: String,
    /// For the person.
    pub label: String,
    /// What it is for.
    pub kind: ModelKind,
    /// A sentence about it.
    pub description: String,
    /// The licence's name.
    pub licence: String,
    /// Where it comes from and its licence can be read.
    pub page: String,
    /// The licence has to be accepted there before it can be fetched.
    pub gated: bool,
    /// How it stands.
    pub state: ModelState,
    /// Bytes of its files, once they are known.
    pub bytes: Option<u64>,
    /// Bytes that are here while it is fetched, or of an interrupted pull.
    pub done_bytes: Option<u64>,
    /// Why the last pull failed.
    pub message: Option<String>,
    /// Where it is, once it is installed.
    pub path: Option<String>,
    /// The studio fetched it and can remove it.
    pub removable: bool,
}

/// How a model stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ModelState {
    /// It comes with the studio.
    Ships,
    /// It should come with the studio and is not in this installation.
    Absent,
    /// It is installed.
    Installed,
    /// It can be fetched.
    Available,
    /// Its pull waits for others.
    Waiting,
    /// It is being fetched.
    Fetching,
    /// A part of it is here; its pull can go on.
    Interrupted,
    /// Its pull failed; what came may be here.
    Failed,
}

/// How a model stands, with what is to be told of that.
struct Standing {
    state: ModelState,
    bytes: Option<u64>,
    done_bytes: Option<u64>,
    message: Option<String>,
    path: Option<PathBuf>,
    removable: bool,
}

impl Standing {
    fn of(state: ModelState) -> Self {
        Self { state, bytes: None, done_bytes: None, message: None, path: None, removable: false }
    }
}

impl Pulls {
    /// All models as they stand. Reads the disk.
    #[must_use]
    pub fn list(&self) -> CatalogueList {
        CatalogueList {
            models: self.catalogue.entries().iter().map(|entry| self.view(entry)).collect(),
            folder: self.places.own.display().to_string(),
            free_bytes: space::free(&self.places.own),
        }
    }

    /// One model as it stands.
    ///
    /// # Errors
    /// [`PullError::Unknown`].
    pub fn show(&self, name: &str) -> Result<CatalogueModel, PullError> {
        Ok(self.view(self.catalogue.find(name)?))
    }

    fn view(&self, entry: &Entry) -> CatalogueModel {
        let standing = self.standing(entry);
        CatalogueModel {
            name: entry.name.clone(),
            label: entry.label.clone(),
            kind: entry.kind,
            description: entry.description.clone(),
            licence: entry.licence.clone(),
            page: entry.page.clone(),
            gated: entry.gated,
            state: standing.state,
            bytes: standing.bytes.or_else(|| entry.bytes()),
            done_bytes: standing.done_bytes,
            message: standing.message,
            path: standing.path.map(|path| path.display().to_string()),
            removable: standing.removable,
        }
    }

    fn standing(&self, entry: &Entry) -> Standing {
        if entry.ships {
            let path = self.places.shipped.join(&entry.name);
            let state = if path.is_dir() { ModelState::Ships } else { ModelState::Absent };
            return Standing { path: Some(path).filter(|path| path.is_dir()), ..Standing::of(state) };
        }
        self.installed(entry).or_else(|| self.under_way(entry)).unwrap_or_else(|| self.left_behind(entry))
    }

    /// Fetched by the studio, or put there by the person.
    fn installed(&self, entry: &Entry) -> Option<Standing> {
        let own = self.place(entry);
        let record = Record::read(&own);
        let others = self.places.others.iter().map(|folder| folder.join(&entry.name));
        let path = std::iter::once(own).chain(others).find(|path| path.is_dir())?;
        let removable = record.is_some();
        let bytes = record.map(|record| record.bytes());
        Some(Standing { bytes, path: Some(path), removable, ..Standing::of(ModelState::Installed) })
    }

    /// Pulls of this process.
    fn under_way(&self, entry: &Entry) -> Option<Standing> {
        let Progress { phase, done, total } = self.active().get(&entry.name)?.progress.borrow().clone();
        let (state, message) = match phase {
            Phase::Waiting => (ModelState::Waiting, None),
            Phase::Failed(error) => (ModelState::Failed, Some(error.to_string())),
            _ => (ModelState::Fetching, None),
        };
        Some(Standing { bytes: total, done_bytes: Some(done), message, ..Standing::of(state) })
    }

    /// Pulls of other processes, and what earlier ones left.
    fn left_behind(&self, entry: &Entry) -> Standing {
        let staging = self.staging(&entry.name);
        let held = staging.is_held();
        if !held && !staging.exists() {
            return Standing::of(ModelState::Available);
        }
        let plan = staging.plan();
        let state = if held { ModelState::Fetching } else { ModelState::Interrupted };
        Standing {
            bytes: plan.as_ref().and_then(super::plan::Plan::total),
            done_bytes: plan.as_ref().map(|plan| staging.done(plan)),
            ..Standing::of(state)
        }
    }
}
