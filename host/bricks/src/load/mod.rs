//! From a place on the disk to a brick that can run: manifest, digest, compiled copy, contract, `describe`.

mod compiled;
pub(crate) mod contract;
pub(crate) mod describe;
mod place;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use tokio::sync::Semaphore;
use wasmtime::{
    Engine,
    component::{InstancePre, Linker},
};

use self::{
    compiled::{CompiledCopies, Loaded},
    contract::Exports,
    place::Found,
};
use crate::{
    Binary, Digest, Limits, LoadError, Manifest, RuntimeError, link,
    package::PublisherKey,
    sandbox::{Ledger, Leftovers, State, engine},
};

/// How a runtime is set up.
#[derive(Debug, Clone, PartialEq)]
pub struct RuntimeOptions {
    /// Folder for compiled copies; made if it is not there, and closed to other users.
    pub cache_folder: PathBuf,
    /// Limits of runs that bring none of their own.
    pub limits: Limits,
}

/// Loads bricks. One per program: the engine in it is shared by all, and by its clones.
#[derive(Clone)]
pub struct Runtime(Arc<Shared>);

/// What binaries need of the runtime for as long as they live.
pub(crate) struct Shared {
    pub(crate) engine: Engine,
    pub(crate) limits: Limits,
    pub(crate) runs: Semaphore,
    pub(crate) ledger: Arc<Ledger>,
    linker: Linker<State>,
    copies: CompiledCopies,
}

impl Runtime {
    /// Starts the engine and opens the folder for compiled copies.
    ///
    /// # Errors
    /// [`RuntimeError`] if the engine can't start or the folder can't be written.
    pub fn new(options: RuntimeOptions) -> Result<Self, RuntimeError> {
        let engine = engine::start()?;
        let linker = link::base(&engine).map_err(|error| RuntimeError::Engine(format!("{error:#}")))?;
        Ok(Self(Arc::new(Shared {
            linker,
            copies: CompiledCopies::open(&options.cache_folder)?,
            limits: options.limits,
            runs: Semaphore::new(engine::MAX_CONCURRENT_RUNS as usize),
            ledger: Arc::default(),
            engine,
        })))
    }

    /// Limits of runs that bring none of their own.
    pub(crate) fn limits(&self) -> Limits {
        self.0.limits
    }

    /// How many binaries were compiled because there was no good compiled copy of them.
    pub fn compilations(&self) -> u64 {
        self.0.copies.compiled()
    }

    /// What runs left behind until now.
    pub fn leftovers(&self) -> Leftovers {
        self.0.ledger.leftovers()
    }

    /// Loads the brick at `place`: a folder that holds a `brick.toml` and the binary it names, or a single `.wasm`
    /// file. A file with a package section brings its manifest along; a bare one may use what it imports.
    ///
    /// # Errors
    /// [`LoadError`], which says what to change.
    pub async fn load(&self, place: &Path) -> Result<Arc<Binary>, LoadError> {
        load(Arc::clone(&self.0), place.to_owned()).await
    }
}

async fn load(shared: Arc<Shared>, path: PathBuf) -> Result<Arc<Binary>, LoadError> {
    let (worker, place) = (Arc::clone(&shared), path.clone());
    let prepared = tokio::task::spawn_blocking(move || prepare(&worker, &place))
        .await
        .map_err(|error| LoadError::Interrupted(error.to_string()))??;
    let Prepared { digest, manifest, signed_by, loaded, component, exports } = prepared;
    let places = engine::places(component.component());
    let turn = shared.runs.acquire_many(places).await;
    let turn = turn.map_err(|error| LoadError::Interrupted(error.to_string()))?;
    let (bricks, run) = describe::ask(&shared, &component, exports, &path).await?;
    drop(turn);
    drop(tokio::task::spawn_blocking(move || loaded.rest()));
    Ok(Arc::new(Binary {
        shared,
        digest,
        manifest,
        signed_by,
        bricks,
        path,
        component,
        exports,
        run,
        places,
    }))
}

/// Whether the files at a place hold the component of that digest.
pub(crate) fn holds(place: &Path, digest: &Digest) -> bool {
    place::read(place).is_ok_and(|found| found.digest == *digest)
}

/// What is known before the brick itself is asked.
struct Prepared {
    digest: Digest,
    manifest: Manifest,
    signed_by: Option<PublisherKey>,
    loaded: Loaded,
    component: InstancePre<State>,
    exports: Exports,
}

fn prepare(shared: &Shared, place: &Path) -> Result<Prepared, LoadError> {
    let Found { path, wasm, digest, manifest, signed_by } = place::read(place)?;
    let loaded = shared
        .copies
        .component(&shared.engine, &wasm, &digest)
        .map_err(|error| LoadError::Compile { path: path.clone(), problem: format!("{error:#}") })?;
    let manifest = manifest.unwrap_or_else(|| contract::bare_manifest(&loaded.component, &path));
    let exports =
        contract::check(&loaded.component, &manifest).map_err(|problem| LoadError::Contract { problem })?;
    let component = link::with_uses(&shared.linker, &manifest.uses)
        .and_then(|linker| linker.instantiate_pre(&loaded.component))
        .map_err(|error| LoadError::Contract {
            problem: format!("its imports do not fit the studio's contract: {error:#}; build it against the studio's wit folder"),
        })?;
    Ok(Prepared { digest, manifest, signed_by, loaded, component, exports })
}
