//! From a folder to a brick that can run: manifest, digest, compiled copy, contract, `describe`.

mod compiled;
pub(crate) mod contract;
mod describe;

use std::{
    collections::HashMap,
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use tokio::{sync::Semaphore, task::JoinSet};
use wasmtime::{
    Engine,
    component::{InstancePre, Linker},
};

use self::{compiled::CompiledCopies, contract::Exports};
use crate::{
    Binary, Digest, Limits, LoadError, Manifest, RuntimeError, link,
    manifest::MANIFEST_FILE,
    sandbox::{State, engine},
};

const MAX_MANIFEST_BYTES: u64 = 64 << 10;
const MAX_WASM_BYTES: u64 = 128 << 20;
const MAX_FOLDERS: usize = 1000;

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
    linker: Linker<State>,
    copies: CompiledCopies,
}

/// What [`Runtime::load_all`] found, in the order of the folders' names.
#[derive(Debug, Default)]
pub struct Loaded {
    /// Binaries that can run.
    pub binaries: Vec<Arc<Binary>>,
    /// Folders that can't be used, and why.
    pub refused: Vec<Refused>,
}

/// A folder that can't be used.
#[derive(Debug)]
pub struct Refused {
    /// The folder.
    pub path: PathBuf,
    /// Why, and what to do.
    pub error: LoadError,
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
            engine,
        })))
    }

    /// How many binaries were compiled because there was no good compiled copy of them.
    pub fn compilations(&self) -> u64 {
        self.0.copies.compiled()
    }

    /// Loads the brick in `folder`, which holds a `brick.toml` and the binary it names.
    ///
    /// # Errors
    /// [`LoadError`], which says what to change.
    pub async fn load(&self, folder: &Path) -> Result<Arc<Binary>, LoadError> {
        load(Arc::clone(&self.0), folder.to_owned()).await
    }

    /// Loads the brick in every sub-folder of `folders`, several at a time. Hidden sub-folders are left out, as are
    /// folders that are not there. Of two binaries with the same brick in the same version the first counts.
    pub async fn load_all(&self, folders: &[PathBuf]) -> Loaded {
        let turns = Arc::new(Semaphore::new(std::thread::available_parallelism().map_or(2, usize::from)));
        let mut tasks = JoinSet::new();
        for (order, path) in brick_folders(folders).into_iter().enumerate() {
            let (shared, turns) = (Arc::clone(&self.0), Arc::clone(&turns));
            tasks.spawn(async move {
                let _turn = turns.acquire_owned().await;
                (order, path.clone(), load(shared, path).await)
            });
        }
        let mut results = tasks.join_all().await;
        results.sort_by_key(|(order, ..)| *order);
        let mut loaded = Loaded::default();
        let mut seen = HashMap::new();
        for (_, path, result) in results {
            match result.and_then(|binary| first_of_its_kind(&mut seen, binary)) {
                Ok(binary) => loaded.binaries.push(binary),
                Err(error) => loaded.refused.push(Refused { path, error }),
            }
        }
        loaded
    }
}

type Seen = HashMap<(String, semver::Version), PathBuf>;

fn first_of_its_kind(seen: &mut Seen, binary: Arc<Binary>) -> Result<Arc<Binary>, LoadError> {
    let keys = || binary.bricks().iter().map(|brick| (brick.id.clone(), brick.version.clone()));
    for key in keys() {
        if let Some(other) = seen.get(&key) {
            let (brick, version) = key;
            return Err(LoadError::Duplicate { brick, version, other: other.clone() });
        }
    }
    seen.extend(keys().map(|key| (key, binary.path().to_owned())));
    Ok(binary)
}

/// The sub-folders, by name within each folder.
fn brick_folders(folders: &[PathBuf]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for folder in folders {
        let Ok(entries) = fs::read_dir(folder) else { continue };
        let mut paths: Vec<_> = entries
            .filter_map(Result::ok)
            .filter(|entry| !entry.file_name().to_string_lossy().starts_with('.'))
            .map(|entry| entry.path())
            .filter(|path| path.is_dir())
            .collect();
        paths.sort();
        found.extend(paths);
    }
    if found.len() > MAX_FOLDERS {
        tracing::warn!("only the first {MAX_FOLDERS} of {} brick folders are loaded", found.len());
        found.truncate(MAX_FOLDERS);
    }
    found
}

async fn load(shared: Arc<Shared>, folder: PathBuf) -> Result<Arc<Binary>, LoadError> {
    let (worker, path) = (Arc::clone(&shared), folder.clone());
    let prepared = tokio::task::spawn_blocking(move || prepare(&worker, &path))
        .await
        .map_err(|error| LoadError::Interrupted(error.to_string()))??;
    let turn = shared.runs.acquire().await.map_err(|error| LoadError::Interrupted(error.to_string()))?;
    let memory = shared.limits.memory_bytes;
    let Prepared { digest, manifest, component, exports } = prepared;
    let bricks = describe::ask(&shared.engine, &component, exports, memory, &folder).await?;
    drop(turn);
    Ok(Arc::new(Binary { shared, digest, manifest, bricks, path: folder, component, run: exports.run }))
}

/// What is known before the brick itself is asked.
struct Prepared {
    digest: Digest,
    manifest: Manifest,
    component: InstancePre<State>,
    exports: Exports,
}

fn prepare(shared: &Shared, folder: &Path) -> Result<Prepared, LoadError> {
    let manifest = read_manifest(&folder.join(MANIFEST_FILE))?;
    let path = folder.join(&manifest.wasm);
    let wasm = read(&path, MAX_WASM_BYTES)?;
    check_is_component(&wasm).map_err(|problem| LoadError::Compile { path: path.clone(), problem })?;
    let digest = Digest::of(&wasm);
    let component = shared
        .copies
        .component(&shared.engine, &wasm, &digest)
        .map_err(|error| LoadError::Compile { path, problem: format!("{error:#}") })?;
    let exports =
        contract::check(&component, &manifest).map_err(|problem| LoadError::Contract { problem })?;
    let component = link::with_uses(&shared.linker, &manifest.uses)
        .and_then(|linker| linker.instantiate_pre(&component))
        .map_err(|error| LoadError::Contract {
            problem: format!("its imports do not fit the studio's contract: {error:#}; build it against the studio's wit folder"),
        })?;
    Ok(Prepared { digest, manifest, component, exports })
}

fn read_manifest(path: &Path) -> Result<Manifest, LoadError> {
    let bytes = read(path, MAX_MANIFEST_BYTES)?;
    let text = String::from_utf8(bytes).map_err(|error| error.to_string());
    text.and_then(|text| Manifest::parse(&text))
        .map_err(|problem| LoadError::Manifest { path: path.to_owned(), problem })
}

fn read(path: &Path, most: u64) -> Result<Vec<u8>, LoadError> {
    let unreadable = |problem: String| LoadError::Unreadable { path: path.to_owned(), problem };
    let open = || -> io::Result<(u64, Vec<u8>)> {
        let mut bytes = Vec::new();
        let file = fs::File::open(path)?;
        let size = file.metadata()?.len();
        io::Read::read_to_end(&mut io::Read::take(file, most), &mut bytes)?;
        Ok((size, bytes))
    };
    let (size, bytes) = open().map_err(|error| unreadable(error.to_string()))?;
    if size > most {
        return Err(unreadable(format!("it has {size} bytes, at most {most} are allowed")));
    }
    Ok(bytes)
}

/// The first eight bytes tell what a file is.
fn check_is_component(wasm: &[u8]) -> Result<(), String> {
    let advice = "build it as a component, for example with `cargo build --release --target wasm32-wasip2`";
    match wasm.get(..8) {
        Some(b"\0asm\x0d\0\x01\0") => Ok(()),
        Some(b"\0asm\x01\0\0\0") => Err(format!("it is a core WebAssembly module; {advice}")),
        _ => Err(format!("it is not WebAssembly; {advice}")),
    }
}
