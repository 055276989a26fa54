//! Where a model lies while it is fetched: `<models>/.incoming/<name>` with its plan, the parts that are under way and
//! the files that are whole and checked. Only a whole model is moved to `<models>/<name>`, by one rename.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use super::error::PullError;
use super::plan::{Plan, PlannedFile};

/// The largest plan that is read.
const MOST_PLAN: u64 = 4 << 20;
const FOLDER: &str = ".incoming";

/// The place of one model.
#[derive(Debug, Clone)]
pub(super) struct Staging {
    incoming: PathBuf,
    name: String,
}

/// Holds a model's place against other processes until dropped or until this process ends, however that happens.
#[derive(Debug)]
pub(super) struct StagingLock {
    _file: File,
}

impl Staging {
    /// The place of a model of the catalogue; its name was checked there.
    pub(super) fn of(models: &Path, name: &str) -> Self {
        Self { incoming: models.join(FOLDER), name: name.to_owned() }
    }

    /// Takes the place, or says that another process has it.
    pub(super) fn lock(&self) -> Result<Option<StagingLock>, PullError> {
        fs::create_dir_all(&self.incoming)
            .map_err(|source| PullError::disk("make", &self.incoming, &source))?;
        let path = self.incoming.join(format!("{}.lock", self.name));
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
        let file = file.map_err(|source| PullError::disk("open", &path, &source))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(StagingLock { _file: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(source)) => Err(PullError::disk("lock", &path, &source)),
        }
    }

    /// Whether some process fetches the model now.
    pub(super) fn is_held(&self) -> bool {
        let path = self.incoming.join(format!("{}.lock", self.name));
        OpenOptions::new()
            .write(true)
            .open(path)
            .is_ok_and(|file| matches!(file.try_lock(), Err(TryLockError::WouldBlock)))
    }

    /// Whether anything is kept here.
    pub(super) fn exists(&self) -> bool {
        self.folder().is_dir()
    }

    /// The plan that was kept, if it can be read.
    pub(super) fn plan(&self) -> Option<Plan> {
        let mut text = Vec::new();
        let file = File::open(self.plan_path()).ok()?;
        file.take(MOST_PLAN).read_to_end(&mut text).ok()?;
        serde_json::from_slice(&text).ok()
    }

    /// Keeps the plan before its first file is fetched.
    pub(super) fn keep(&self, plan: &Plan) -> Result<(), PullError> {
        for folder in [self.parts(), self.files()] {
            fs::create_dir_all(&folder).map_err(|source| PullError::disk("make", &folder, &source))?;
        }
        let (path, new) = (self.plan_path(), self.folder().join("plan.new"));
        let written = || {
            let mut file = File::create(&new)?;
            file.write_all(&serde_json::to_vec_pretty(plan)?)?;
            file.sync_all()?;
            fs::rename(&new, &path)
        };
        written().map_err(|source: io::Error| PullError::disk("write", &path, &source))
    }

    /// Where the file with this number in the plan grows.
    pub(super) fn part(&self, number: usize) -> PathBuf {
        self.parts().join(format!("{number:04}.part"))
    }

    /// Where the ETag of that part is kept.
    pub(super) fn etag(&self, number: usize) -> PathBuf {
        self.parts().join(format!("{number:04}.etag"))
    }

    /// Where the whole files lie, to become the model's folder.
    pub(super) fn files(&self) -> PathBuf {
        self.folder().join("files")
    }

    /// Where a whole file lies, if it is there.
    pub(super) fn whole(&self, file: &PlannedFile) -> Option<u64> {
        let bytes = file.save_as.below(&self.files()).metadata().ok()?.len();
        file.bytes.is_none_or(|expected| expected == bytes).then_some(bytes)
    }

    /// Bytes that are here of one file.
    pub(super) fn here(&self, number: usize, file: &PlannedFile) -> u64 {
        let part = || self.part(number).metadata().map_or(0, |metadata| metadata.len());
        self.whole(file).unwrap_or_else(part)
    }

    /// Bytes that are here of all files.
    pub(super) fn done(&self, plan: &Plan) -> u64 {
        plan.files.iter().enumerate().map(|(number, file)| self.here(number, file)).sum()
    }

    /// Throws away what is here.
    pub(super) fn clear(&self) -> Result<(), PullError> {
        remove(&self.folder())
    }

    fn folder(&self) -> PathBuf {
        self.incoming.join(&self.name)
    }

    fn parts(&self) -> PathBuf {
        self.folder().join("parts")
    }

    fn plan_path(&self) -> PathBuf {
        self.folder().join("plan.json")
    }
}

/// Removes a model's folder: out of sight first, so that nobody finds half of it.
pub(super) fn remove_model(models: &Path, folder: &Path) -> Result<(), PullError> {
    let incoming = models.join(FOLDER);
    fs::create_dir_all(&incoming).map_err(|source| PullError::disk("make", &incoming, &source))?;
    let aside = incoming.join(format!("removed-{}", uuid::Uuid::new_v4()));
    fs::rename(folder, &aside).map_err(|source| PullError::disk("remove", folder, &source))?;
    remove(&aside)
}

fn remove(folder: &Path) -> Result<(), PullError> {
    match fs::remove_dir_all(folder) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(PullError::disk("remove", folder, &source))
        }
        _ => Ok(()),
    }
}
