//! The models that people of such a studio ask for: what they are for, under which licence, and where their files are.
//! The list is a file of its own (`catalogue.toml`), compiled in and read once.

mod entry;
mod read;

use std::sync::OnceLock;

use qpyt_workflow::nearest;

pub use self::entry::{Entry, KnownFile, ModelKind, Sha256, Source};
pub use self::read::CatalogueError;

const TEXT: &str = include_str!("catalogue.toml");

/// All models that can be fetched by name, and those that ship.
#[derive(Debug, Clone)]
pub struct Catalogue {
    entries: Vec<Entry>,
}

/// No model has this name.
#[derive(Debug, Clone, thiserror::Error)]
#[error("The catalogue has no model \"{name}\"{} `qpyt models catalogue` lists them.", did_you_mean(.nearest.as_ref()))]
pub struct UnknownModel {
    name: String,
    /// The one that is most alike, if any is near.
    nearest: Option<String>,
}

fn did_you_mean(nearest: Option<&String>) -> String {
    nearest.map_or(".".to_owned(), |nearest| format!("; did you mean \"{nearest}\"?"))
}

impl Catalogue {
    /// The one that is compiled in.
    ///
    /// # Errors
    /// [`CatalogueError`], which a test rules out.
    pub fn embedded() -> Result<&'static Self, &'static CatalogueError> {
        static READ: OnceLock<Result<Catalogue, CatalogueError>> = OnceLock::new();
        READ.get_or_init(|| Self::read(TEXT)).as_ref()
    }

    /// All of them, in the order of the file.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The one with this name.
    ///
    /// # Errors
    /// [`UnknownModel`], which names the one that is most alike, if any is near.
    pub fn find(&self, name: &str) -> Result<&Entry, UnknownModel> {
        self.entries.iter().find(|entry| entry.name == name).ok_or_else(|| {
            let nearest = nearest(name, self.entries.iter().map(|entry| entry.name.as_str()));
            let shown = name.chars().filter(|letter| !letter.is_control()).take(80).collect();
            UnknownModel { name: shown, nearest: nearest.map(str::to_owned) }
        })
    }
}
