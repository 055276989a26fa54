//! The user's saved workflows: one JSON file each, so that they can be copied, shared and kept in version control.

use std::fmt;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::{MutexGuard, PoisonError};

use jiff::Timestamp;
use serde_json::Value;

use super::{Store, StoreError, files};

/// The largest document that is read or written, in bytes.
const MAX_DOCUMENT: u64 = 16 * 1024 * 1024;
const MAX_CHARACTERS: usize = 80;
/// File systems allow 255 bytes; the extension and the staging name need some.
const MAX_BYTES: usize = 200;

/// The name of a saved workflow: 1 to 80 letters, digits, spaces, `-`, `_` and `.`, beginning with a letter or
/// digit and not ending in a space or dot. It is the file's name too.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorkflowName(String);

/// The text cannot be the name of a workflow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{name}\" cannot be the name of a workflow: {reason}.")]
pub struct BadName {
    /// The text, shortened.
    name: String,
    /// What is wrong with it.
    reason: &'static str,
}

impl FromStr for WorkflowName {
    type Err = BadName;

    fn from_str(text: &str) -> Result<Self, BadName> {
        let allowed = |c: char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_' | '.');
        let reason = if text.is_empty() {
            "it is empty"
        } else if text.chars().count() > MAX_CHARACTERS || text.len() > MAX_BYTES {
            "it is too long (at most 80 letters)"
        } else if !text.chars().all(allowed) {
            "use letters, digits, spaces, \"-\", \"_\" and \".\" only"
        } else if !text.starts_with(char::is_alphanumeric) {
            "it must begin with a letter or digit"
        } else if text.ends_with([' ', '.']) {
            "it must not end in a space or dot"
        } else {
            return Ok(Self(text.to_owned()));
        };
        Err(BadName { name: text.chars().take(MAX_CHARACTERS).collect(), reason })
    }
}

impl fmt::Display for WorkflowName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether saving may replace what is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SaveMode {
    /// Refuse when the name is taken.
    CreateOnly,
    /// Replace.
    Replace,
}

/// A saved workflow in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedWorkflow {
    /// Its name.
    pub name: WorkflowName,
    /// When it was saved.
    pub saved_at: Timestamp,
}

/// The folder of saved workflows. Kept behind a mutex, so that looking and writing is one step.
pub(super) struct WorkflowFolder {
    path: PathBuf,
}

impl WorkflowFolder {
    pub(super) fn open(path: &Path) -> Result<Self, StoreError> {
        files::create_folder(path)?;
        Ok(Self { path: path.to_path_buf() })
    }

    fn file(&self, name: &WorkflowName) -> PathBuf {
        self.path.join(format!("{name}.json"))
    }
}

impl Store {
    /// The saved workflows, by name. Files that no workflow could be called are passed over.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn workflows(&self) -> Result<Vec<SavedWorkflow>, StoreError> {
        let folder = self.workflow_folder();
        let failed = |source| StoreError::io("read", &folder.path, source);
        let mut found = Vec::new();
        for entry in fs::read_dir(&folder.path).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let file_name = entry.file_name();
            let Some(stem) = file_name.to_str().and_then(|name| name.strip_suffix(".json")) else { continue };
            let Ok(name) = stem.parse() else { continue };
            let metadata = entry.metadata().map_err(failed)?;
            if !metadata.is_file() {
                continue;
            }
            let modified = metadata.modified().map_err(failed)?;
            let saved_at = Timestamp::try_from(modified).unwrap_or(Timestamp::UNIX_EPOCH);
            found.push(SavedWorkflow { name, saved_at });
        }
        found.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(found)
    }

    /// Saves a workflow.
    ///
    /// # Errors
    /// [`StoreError::WorkflowExists`] in [`SaveMode::CreateOnly`], [`StoreError::DocumentTooLarge`].
    pub fn save_workflow(
        &self,
        name: &WorkflowName,
        document: &Value,
        mode: SaveMode,
    ) -> Result<(), StoreError> {
        let mut text = serde_json::to_vec_pretty(document)
            .map_err(|error| StoreError::Unstorable { kind: "workflow", reason: error.to_string() })?;
        text.push(b'\n');
        check_size(u64::try_from(text.len()).unwrap_or(u64::MAX))?;
        let folder = self.workflow_folder();
        let target = folder.file(name);
        if mode == SaveMode::CreateOnly && target.exists() {
            return Err(StoreError::WorkflowExists(name.to_string()));
        }
        files::write_whole(&folder.path, &target, &[&text])
    }

    /// A saved workflow's document.
    ///
    /// # Errors
    /// [`StoreError::NoWorkflow`], [`StoreError::Corrupt`] when the file is not JSON.
    pub fn load_workflow(&self, name: &WorkflowName) -> Result<Value, StoreError> {
        let path = self.workflow_folder().file(name);
        let failed = |source: std::io::Error| match source.kind() {
            std::io::ErrorKind::NotFound => StoreError::NoWorkflow(name.to_string()),
            _ => StoreError::io("read", &path, source),
        };
        let mut text = Vec::new();
        let file = File::open(&path).map_err(failed)?;
        file.take(MAX_DOCUMENT + 1).read_to_end(&mut text).map_err(failed)?;
        check_size(u64::try_from(text.len()).unwrap_or(u64::MAX))?;
        serde_json::from_slice(&text)
            .map_err(|error| StoreError::Corrupt { path: path.clone(), reason: error.to_string() })
    }

    /// Deletes a saved workflow.
    ///
    /// # Errors
    /// [`StoreError::NoWorkflow`].
    pub fn delete_workflow(&self, name: &WorkflowName) -> Result<(), StoreError> {
        let folder = self.workflow_folder();
        let path = folder.file(name);
        fs::remove_file(&path).map_err(|source| match source.kind() {
            std::io::ErrorKind::NotFound => StoreError::NoWorkflow(name.to_string()),
            _ => StoreError::io("delete", &path, source),
        })
    }

    fn workflow_folder(&self) -> MutexGuard<'_, WorkflowFolder> {
        self.workflows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn check_size(bytes: u64) -> Result<(), StoreError> {
    if bytes > MAX_DOCUMENT {
        return Err(StoreError::DocumentTooLarge { bytes, limit: MAX_DOCUMENT });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_people_give_are_allowed() {
        for name in ["a", "First picture", "Bilder für Oma 2", "v1.2_final-3", "絵", &"x".repeat(80)] {
            assert!(name.parse::<WorkflowName>().is_ok(), "{name}");
        }
    }

    #[test]
    fn names_that_try_to_leave_the_folder_are_refused() {
        let long = "x".repeat(81);
        for name in [
            "",
            " ",
            ".",
            "..",
            "../x",
            "a/b",
            "a\\b",
            "/etc/passwd",
            ".hidden",
            "a.",
            "a ",
            "a\0b",
            "a\nb",
            "-rf",
            "c:x",
            "a%2fb",
            "絵*",
            &long,
        ] {
            assert!(name.parse::<WorkflowName>().is_err(), "{name:?}");
        }
        assert!("絵".repeat(80).parse::<WorkflowName>().is_err(), "more bytes than a file name may have");
    }
}
