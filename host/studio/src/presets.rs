//! The workflows that come with the studio.

use std::fs;
use std::io;
use std::path::PathBuf;

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// A preset in the list.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
pub struct Preset {
    /// Its file name without the ending.
    pub name: String,
    /// What people call it.
    pub title: String,
    /// One sentence about it.
    pub doc: String,
}

/// The folder of presets.
pub struct Presets {
    folder: PathBuf,
}

impl Presets {
    /// The presets in `folder`.
    pub fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// All presets, by name; the first picture comes first. Files that are no documents are passed over.
    ///
    /// # Errors
    /// When the folder can't be read.
    pub fn list(&self) -> io::Result<Vec<Preset>> {
        let mut presets: Vec<Preset> = fs::read_dir(&self.folder)?
            .filter_map(|entry| {
                let name = entry.ok()?.file_name().to_str()?.strip_suffix(".json")?.to_owned();
                let document = self.load(&name).ok()??;
                let text = |key| document.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
                Some(Preset { title: text("name"), doc: text("doc"), name })
            })
            .collect();
        presets.sort_by_key(|preset| (preset.name != "first-picture", preset.name.clone()));
        Ok(presets)
    }

    /// A preset's document; `None` when there is none of that name.
    ///
    /// # Errors
    /// When the file can't be read or is not JSON.
    pub fn load(&self, name: &str) -> io::Result<Option<Value>> {
        let plain = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if !plain {
            return Ok(None);
        }
        match fs::read(self.folder.join(format!("{name}.json"))) {
            Ok(text) => Ok(Some(serde_json::from_slice(&text)?)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_leave_the_folder() {
        let place = tempfile::tempdir().unwrap();
        fs::create_dir(place.path().join("presets")).unwrap();
        fs::write(place.path().join("secret.json"), "{}").unwrap();
        let presets = Presets::new(place.path().join("presets"));
        assert_eq!(presets.load("../secret").unwrap(), None);
        assert_eq!(presets.load("").unwrap(), None);
    }
}
