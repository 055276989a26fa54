//! Where the program was started: variables and the current folder.

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
};

/// Where the program was started. A value of its own, so that tests need not change the process.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    /// The variables.
    pub variables: BTreeMap<String, String>,
    /// The current folder.
    pub current_folder: PathBuf,
}

impl Environment {
    /// That of this process.
    ///
    /// # Errors
    /// When the current folder is gone.
    pub fn of_process() -> io::Result<Self> {
        let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.to_string_lossy().into_owned()))
        };
        Ok(Self {
            variables: std::env::vars_os().filter_map(text).collect(),
            current_folder: std::env::current_dir()?,
        })
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    fn home(&self) -> Option<PathBuf> {
        self.get("HOME").or_else(|| self.get("USERPROFILE")).map(PathBuf::from)
    }

    /// The data folder where nobody says otherwise, after the XDG base directory specification.
    pub(super) fn default_data(&self) -> Option<PathBuf> {
        let xdg = self.get("XDG_DATA_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
        Some(xdg.or_else(|| Some(self.home()?.join(".local/share")))?.join("qpyt"))
    }

    /// `path` made absolute: `~/` is the home folder, and what is relative starts at `base`.
    pub(super) fn absolute(&self, base: &Path, path: &str) -> PathBuf {
        match (path.strip_prefix("~/"), self.home()) {
            (Some(rest), Some(home)) => home.join(rest),
            _ => base.join(path),
        }
    }
}
