//! The bricks that are installed, as documents and jobs see them: the catalog that documents are checked against and
//! the versions that run. Both change together when a brick is swapped; a job keeps the pair that it began with.

mod spec;
mod steward;
pub mod view;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use qpyt_bricks::registry::{Place, Registry, RegistryOptions, Snapshot, Version};
use qpyt_bricks::{Binary, Runtime};
use qpyt_workflow::{BrickId, BrickSpec, Catalog};

use self::steward::StudioSteward;
use crate::store::Store;
use crate::studio::Access;

/// All installed bricks.
pub struct Library {
    registry: Registry,
    installed: ArcSwap<Installed>,
}

/// The bricks at one moment.
pub struct Installed {
    /// What documents are checked against.
    pub catalog: Arc<Catalog>,
    /// The places that they are from.
    pub snapshot: Arc<Snapshot>,
    versions: HashMap<(BrickId, qpyt_workflow::Digest), Arc<Version>>,
}

impl Installed {
    /// The version that holds a brick of the catalog.
    pub fn version_of(&self, spec: &BrickSpec) -> Option<&Arc<Version>> {
        self.versions.get(&(spec.id.clone(), spec.digest.clone()))
    }

    /// The place that the serving version of a brick is from.
    pub fn place_of(&self, spec: &BrickSpec) -> Option<&Place> {
        let version = self.version_of(spec)?;
        self.snapshot.places.iter().find(|place| place.id == *version.place())
    }

    fn of(snapshot: Arc<Snapshot>) -> Self {
        let (mut serving, mut former, mut versions) = (Vec::new(), Vec::new(), HashMap::new());
        for place in &snapshot.places {
            for version in place.kept.iter().chain(&place.serving) {
                let serves = place.serving.as_ref().is_some_and(|now| now.digest() == version.digest());
                for spec in spec::specs(version.binary()) {
                    let key = (spec.id.clone(), spec.digest.clone());
                    if versions.insert(key, version.clone()).is_some() {
                        continue;
                    }
                    if serves { serving.push(spec) } else { former.push(spec) }
                }
            }
        }
        let catalog = Arc::new(Catalog::new(serving).with_former(former));
        Self { catalog, snapshot, versions }
    }
}

impl Library {
    /// Loads every brick below `roots`. Nothing is watched before [`watch`](Self::watch). Only who owns the data folder
    /// keeps copies of versions in it.
    pub async fn open(runtime: Runtime, roots: Vec<PathBuf>, store: Arc<Store>, access: Access) -> Self {
        let shelf = store.cache_folder().join("versions");
        let steward = Arc::new(StudioSteward::new(store));
        let keeps_copies = access == Access::Own;
        let options = RegistryOptions { roots, shelf, keeps_copies, steward };
        let registry = Registry::open(runtime, options).await;
        let installed = ArcSwap::from_pointee(Installed::of(registry.snapshot()));
        Self { registry, installed }
    }

    /// Follows changes on the disk until the future is dropped.
    pub async fn watch(self: Arc<Self>) {
        self.registry.clone().watch().await;
    }

    /// The registry behind it.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// The bricks as they are now.
    pub fn current(&self) -> Arc<Installed> {
        let snapshot = self.registry.snapshot();
        let known = self.installed.load_full();
        if known.snapshot.revision == snapshot.revision {
            return known;
        }
        let now = Arc::new(Installed::of(snapshot));
        self.installed.store(now.clone());
        now
    }

    /// What documents are checked against.
    pub fn catalog(&self) -> Arc<Catalog> {
        self.current().catalog.clone()
    }

    /// The binary that holds a brick of the catalog.
    pub fn binary_of(&self, spec: &BrickSpec) -> Option<Arc<Binary>> {
        self.current().version_of(spec).map(|version| version.binary().clone())
    }
}
