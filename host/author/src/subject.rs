//! What a command is about: the source folder of a brick, a folder with a built one, or a single file.

use std::path::{Path, PathBuf};

use qpyt_bricks::MANIFEST_FILE;

use crate::AuthorError;
use crate::build::{BuildOptions, Say, up_to_date};
use crate::source::{DIST, Source};

/// A brick that was named on the command line.
#[derive(Debug, Clone)]
pub enum Subject {
    /// Its source.
    Source(Source),
    /// A folder or file that can be loaded as it is.
    Place(PathBuf),
}

impl Subject {
    /// What is at `path`.
    ///
    /// # Errors
    /// When there is no brick.
    pub fn at(path: &Path) -> Result<Self, AuthorError> {
        if let Ok(source) = Source::open(path) {
            return Ok(Self::Source(source));
        }
        if path.is_file() || path.join(MANIFEST_FILE).is_file() {
            return Ok(Self::Place(path.to_owned()));
        }
        Err(AuthorError::NoBrick(path.to_owned()))
    }

    /// Where it can be loaded from; a source is built first, if it changed.
    ///
    /// # Errors
    /// Those of the build.
    pub fn place(&self, options: &BuildOptions, say: Say) -> Result<PathBuf, AuthorError> {
        match self {
            Self::Source(source) => Ok(up_to_date(source, options, say)?.dist),
            Self::Place(place) => Ok(place.clone()),
        }
    }

    /// The folder of its golden cases: `tests` in the source folder, or beside what was built.
    pub fn cases(&self) -> PathBuf {
        let beside = match self {
            Self::Source(source) => source.folder(),
            Self::Place(place) => {
                let folder = if place.is_dir() { place } else { place.parent().unwrap_or(place) };
                if folder.ends_with(DIST) { folder.parent().unwrap_or(folder) } else { folder }
            }
        };
        beside.join("tests")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn sources_places_and_files_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(Subject::at(folder.path()), Err(AuthorError::NoBrick(_))));
        fs::write(folder.path().join("brick.toml"), "[brick]\nwasm = \"a.wasm\"").unwrap();
        let place = Subject::at(folder.path()).unwrap();
        assert!(matches!(place, Subject::Place(_)));
        assert_eq!(place.cases(), folder.path().join("tests"));
        fs::write(folder.path().join("brick.py"), "").unwrap();
        assert!(matches!(Subject::at(folder.path()), Ok(Subject::Source(_))));
        fs::create_dir(folder.path().join("dist")).unwrap();
        let wasm = folder.path().join("dist/a.wasm");
        fs::write(&wasm, "").unwrap();
        assert_eq!(Subject::at(&wasm).unwrap().cases(), folder.path().join("tests"));
    }
}
