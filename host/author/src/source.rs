//! The source folder of a brick: its language, its manifest, and where its component goes.

use std::path::{Path, PathBuf};

use qpyt_bricks::{MANIFEST_FILE, Manifest};

use crate::AuthorError;
use crate::files::read_text;

/// The folder in a source folder that gets what is built.
pub const DIST: &str = "dist";

const MAX_MANIFEST_BYTES: u64 = 64 << 10;

/// What a brick is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// Built with cargo.
    Rust,
    /// Built with npm.
    JavaScript,
    /// Built with Python.
    Python,
}

impl Language {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Rust, Self::JavaScript, Self::Python];

    /// The file by which its source folders are known.
    pub const fn mark(self) -> &'static str {
        match self {
            Self::Rust => "Cargo.toml",
            Self::JavaScript => "package.json",
            Self::Python => "brick.py",
        }
    }

    /// The name of its folders in the SDK.
    pub const fn folder(self) -> &'static str {
        match self {
            Self::Rust => "rust",
            Self::JavaScript => "js",
            Self::Python => "python",
        }
    }

    /// For people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rust => "Rust",
            Self::JavaScript => "JavaScript",
            Self::Python => "Python",
        }
    }
}

/// The source folder of a brick.
#[derive(Debug, Clone)]
pub struct Source {
    folder: PathBuf,
    language: Language,
}

impl Source {
    /// The source folder at `folder`.
    ///
    /// # Errors
    /// When it is none.
    pub fn open(folder: &Path) -> Result<Self, AuthorError> {
        let none = || AuthorError::NoSource(folder.to_owned());
        let folder = folder.canonicalize().map_err(|_| none())?;
        let language = Language::ALL.into_iter().find(|language| folder.join(language.mark()).is_file());
        match language {
            Some(language) if folder.join(MANIFEST_FILE).is_file() => Ok(Self { folder, language }),
            _ => Err(none()),
        }
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What it is written in.
    pub fn language(&self) -> Language {
        self.language
    }

    /// The folder's name.
    pub fn name(&self) -> String {
        self.folder.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// Where what is built goes.
    pub fn dist(&self) -> PathBuf {
        self.folder.join(DIST)
    }

    /// Its manifest, with the text as it goes to the component: the table `[brick]` alone.
    ///
    /// # Errors
    /// When there is none or it is wrong.
    pub fn manifest(&self) -> Result<(Manifest, String), AuthorError> {
        let text = read_text(&self.folder.join(MANIFEST_FILE), MAX_MANIFEST_BYTES)?;
        brick_table(&text).map_err(|problem| AuthorError::manifest(&self.folder, problem))
    }
}

/// The manifest in the text of a source folder's `brick.toml`, in which other tables may be for other tools.
fn brick_table(text: &str) -> Result<(Manifest, String), String> {
    let mut file: toml::Table = toml::from_str(text).map_err(|error| error.to_string())?;
    let text = if file.len() == 1 {
        text.to_owned()
    } else {
        file.retain(|table, _| table == "brick");
        toml::to_string(&file).map_err(|error| error.to_string())?
    };
    let manifest = Manifest::parse(&text)?;
    if !manifest.wasm.ends_with(".wasm") {
        return Err(format!("`wasm = \"{}\"` must end with .wasm", manifest.wasm));
    }
    Ok((manifest, text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn the_language_follows_from_a_file() {
        for (file, language) in [
            ("Cargo.toml", Language::Rust),
            ("package.json", Language::JavaScript),
            ("brick.py", Language::Python),
        ] {
            let folder = tempfile::tempdir().unwrap();
            fs::write(folder.path().join(file), "").unwrap();
            assert!(Source::open(folder.path()).is_err(), "no manifest");
            fs::write(folder.path().join("brick.toml"), "[brick]\nwasm = \"a.wasm\"").unwrap();
            assert_eq!(Source::open(folder.path()).unwrap().language(), language);
        }
        let empty = tempfile::tempdir().unwrap();
        let message = Source::open(empty.path()).unwrap_err().to_string();
        assert!(message.contains("brick.py"), "{message}");
    }

    #[test]
    fn only_the_table_of_the_brick_goes_on() {
        let (manifest, text) =
            brick_table("[brick]\nwasm = \"a.wasm\"\nuses = []\n[tool.other]\nx = 1\n").unwrap();
        assert_eq!(manifest.wasm, "a.wasm");
        assert!(!text.contains("other"), "{text}");
        let (_, text) = brick_table("# mine\n[brick]\nwasm = \"a.wasm\"\n").unwrap();
        assert!(text.starts_with("# mine"), "what needs no change keeps its comments");
        assert!(brick_table("[brick]\nwasm = \"a.exe\"").unwrap_err().contains(".wasm"));
    }
}
