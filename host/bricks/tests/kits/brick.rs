//! A brick from its source folder to runs: built by its kit, or taken from an earlier build of the same sources.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, LazyLock},
    time::Instant,
};

use qpyt_bricks::{
    Binary, CancellationToken, Digest, NamedValue, RunError, RunOutcome, RunRequest, Runtime, RuntimeOptions,
    SavedState,
};
use serde_json::Value as Json;

use crate::{
    host::FakeHost,
    kit::{Kit, made, root},
};

static TOKIO: LazyLock<tokio::runtime::Runtime> = LazyLock::new(|| tokio::runtime::Runtime::new().unwrap());

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    let options =
        RuntimeOptions { cache_folder: made().join("compiled"), limits: qpyt_bricks::Limits::default() };
    Runtime::new(options).unwrap()
});

/// A loaded brick and where it came from.
pub struct Brick {
    pub binary: Arc<Binary>,
    /// Its source folder.
    pub source: PathBuf,
}

impl Brick {
    /// Builds, loads and compiles the brick in `source`.
    pub fn of(kit: Kit, source: PathBuf) -> Self {
        let folder = build(kit, &source);
        let started = Instant::now();
        let binary = TOKIO.block_on(RUNTIME.load(&folder)).unwrap_or_else(|error| panic!("{error}"));
        println!("{}: loaded in {:?}", source.display(), started.elapsed());
        Self { binary, source }
    }

    /// Runs it once.
    pub fn run(&self, inputs: Vec<NamedValue>, params: Json) -> Result<RunOutcome, RunError> {
        self.run_on(&Arc::new(FakeHost::default()), inputs, params)
    }

    /// Runs it once, on a host that the test looks at.
    pub fn run_on(
        &self,
        host: &Arc<FakeHost>,
        inputs: Vec<NamedValue>,
        params: Json,
    ) -> Result<RunOutcome, RunError> {
        let outcome = TOKIO.block_on(self.binary.run(self.request(host, inputs, params)));
        if let Ok(RunOutcome { usage, .. }) = &outcome {
            println!("{}: {usage:?}", self.source.display());
        }
        outcome
    }

    /// Runs it once with what it saved before.
    pub fn run_after(&self, state: Option<SavedState>, params: Json) -> Result<RunOutcome, RunError> {
        let request = self.request(&Arc::new(FakeHost::default()), vec![], params);
        TOKIO.block_on(self.binary.run(RunRequest { state, ..request }))
    }

    /// Runs it once with another seed.
    pub fn run_with_seed(&self, seed: u64) -> Result<RunOutcome, RunError> {
        let request = self.request(&Arc::new(FakeHost::default()), vec![], Json::Object(Default::default()));
        TOKIO.block_on(self.binary.run(RunRequest { seed, ..request }))
    }

    /// Carries parameters over from another version.
    pub fn migrate(&self, from: &str, params: Json) -> Result<Json, String> {
        let id = &self.binary.bricks()[0].id;
        let migrated = TOKIO.block_on(self.binary.migrate_params(id, &from.parse().unwrap(), &params));
        migrated.map_err(|error| error.to_string())
    }

    /// Runs it once for each of the inputs, all at the same time.
    pub fn run_together(
        &self,
        inputs: Vec<Vec<NamedValue>>,
        params: &Json,
    ) -> Vec<Result<RunOutcome, RunError>> {
        TOKIO.block_on(async {
            let mut runs = tokio::task::JoinSet::new();
            for inputs in inputs {
                let request = self.request(&Arc::new(FakeHost::default()), inputs, params.clone());
                let binary = self.binary.clone();
                runs.spawn(async move { binary.run(request).await });
            }
            runs.join_all().await
        })
    }

    fn request(&self, host: &Arc<FakeHost>, inputs: Vec<NamedValue>, params: Json) -> RunRequest {
        RunRequest {
            brick: self.binary.bricks()[0].id.clone(),
            inputs,
            params,
            seed: 7,
            state: None,
            limits: None,
            cancel: CancellationToken::new(),
            host: host.clone(),
        }
    }
}

/// The folder of the built brick: a component and its `brick.toml`.
fn build(kit: Kit, source: &Path) -> PathBuf {
    let folder = made().join("built").join(source.file_name().unwrap()).join(sources_digest(kit, source));
    if folder.join("brick.toml").is_file() {
        return folder;
    }
    let started = Instant::now();
    let output = kit.build_command(source, &folder).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{} does not build:\n{said}", source.display());
    println!("{}: built in {:.1} s", source.display(), started.elapsed().as_secs_f64());
    folder
}

/// Everything that a build depends on: the brick, the kit, the contract.
fn sources_digest(kit: Kit, source: &Path) -> String {
    let mut text = String::new();
    for folder in [source.to_owned(), kit.folder(), root().join("wit")] {
        read_all(&folder, &mut text);
    }
    Digest::of(text.as_bytes()).to_string().replace(':', "-")
}

/// Sources only: what tools leave behind in a folder does not make another brick.
fn read_all(folder: &Path, text: &mut String) {
    let mut entries: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        let name = path.file_name().unwrap().to_string_lossy();
        let left_behind = ["node_modules", "dist", "__pycache__", "examples", "tests", "types"];
        if name.starts_with('.') || left_behind.contains(&&*name) {
            continue;
        }
        if path.is_dir() {
            read_all(&path, text);
        } else if let Ok(content) = fs::read_to_string(&path) {
            text.push_str(&format!("{name}\n{}\n{content}\n", content.len()));
        }
    }
}

/// The template of `kit` as `qpyt brick new` would fill it in, in a folder of its own.
pub fn filled_in(kit: Kit) -> PathBuf {
    let target = made().join("filled-in").join(kit.template().file_name().unwrap());
    let _ = fs::remove_dir_all(&target);
    fill_in(&kit.template(), &target);
    target
}

fn fill_in(template: &Path, target: &Path) {
    fs::create_dir_all(target).unwrap();
    for entry in fs::read_dir(template).unwrap() {
        let path = entry.unwrap().path();
        let copy = target.join(path.file_name().unwrap());
        if path.is_dir() {
            fill_in(&path, &copy);
            continue;
        }
        let sdk = root().join("sdk");
        let text = fs::read_to_string(&path)
            .unwrap()
            .replace("{{name}}", "my-brick")
            .replace("{{id}}", "me:my-brick")
            .replace("{{label}}", "My brick")
            .replace("{{sdk}}", &sdk.to_string_lossy());
        assert!(!text.contains("{{"), "{} has a placeholder that nobody fills in", path.display());
        fs::write(copy, text).unwrap();
    }
}
