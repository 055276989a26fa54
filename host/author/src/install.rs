//! Installing packages: what is in one is checked and shown before anything is written, publishers are known by the
//! key they had when they were first seen, and versions lie side by side.

use std::fs;
use std::path::{Path, PathBuf};

use qpyt_bricks::package::{Package, PublisherKey};
use qpyt_bricks::{BrickInfo, Digest, Interface, Runtime};
use semver::Version;
use serde::Serialize;

use crate::check::asks;
use crate::files::{make_folder, read_bounded, replace};
use crate::package::file_name;
use crate::{AuthorError, FileError};

const MAX_PACKAGE_BYTES: u64 = 129 << 20;

/// Remembers publishers by their keys. The studio keeps them with its data.
pub trait Publishers {
    /// The key under which `publisher` was first seen.
    ///
    /// # Errors
    /// When it can't be looked up; the text says why.
    fn key_of(&self, publisher: &str) -> Result<Option<PublisherKey>, String>;

    /// Remembers the key of a publisher that was never seen before.
    ///
    /// # Errors
    /// When it can't be kept; the text says why.
    fn remember(&self, publisher: &str, key: &PublisherKey) -> Result<(), String>;
}

/// A package that was looked at and can be installed.
#[derive(Debug, Serialize)]
pub struct Offer {
    /// The bricks in it, as `id version`.
    pub bricks: Vec<String>,
    /// What the first of them says it does.
    pub doc: String,
    /// Digest of the component.
    pub digest: Digest,
    /// Size of the file.
    pub bytes: u64,
    /// Who made it, if it says so.
    pub publisher: Option<String>,
    /// The key that signed it.
    pub signed_by: Option<PublisherKey>,
    /// Whether that key is the one known for the publisher; if not, it is remembered from now on.
    pub known_publisher: bool,
    /// The interfaces that it may use.
    pub uses: Vec<Interface>,
    /// What it asks the person for.
    pub asks: Vec<String>,
    /// Where it goes.
    pub target: PathBuf,
    /// What is there now.
    pub there: There,
    #[serde(skip)]
    content: Vec<u8>,
}

/// What is where the package goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum There {
    /// Nothing.
    Nothing,
    /// The same file.
    Same,
    /// Another build of the same version, which would be replaced.
    OtherBuild,
}

/// Looks at the package `file`, which would go to the folder `bricks`. Writes nothing.
///
/// # Errors
/// When it is no package, was changed, or is signed with another key than its publisher's.
pub async fn offer(
    runtime: &Runtime,
    publishers: &dyn Publishers,
    file: &Path,
    bricks: &Path,
) -> Result<Offer, AuthorError> {
    let content = read_bounded(file, MAX_PACKAGE_BYTES)?;
    let package = Package::read(&content)
        .map_err(|source| AuthorError::Package { path: file.to_owned(), source })?
        .ok_or_else(|| AuthorError::NotPacked(file.to_owned()))?;
    let known_publisher = check_publisher(publishers, &package)?;
    let binary = runtime.load(file).await?;
    if *binary.digest() != package.digest {
        return Err(AuthorError::Interrupted(format!("{} changed while it was read", file.display())));
    }
    let name = file_name(binary.bricks()).ok_or_else(|| AuthorError::NoBrick(file.to_owned()))?;
    let target = bricks.join(name);
    Ok(Offer {
        bricks: binary.bricks().iter().map(|brick| format!("{} {}", brick.id, brick.version)).collect(),
        doc: binary.bricks().first().map(|BrickInfo { doc, .. }| doc.clone()).unwrap_or_default(),
        digest: package.digest,
        bytes: content.len() as u64,
        signed_by: package.signed_by,
        known_publisher,
        asks: asks(&package.manifest),
        uses: package.manifest.uses,
        publisher: package.manifest.publisher,
        there: match fs::read(&target) {
            Ok(there) if there == content => There::Same,
            Ok(_) => There::OtherBuild,
            Err(_) => There::Nothing,
        },
        target,
        content,
    })
}

/// Whether the publisher is known by this key. A name that is known by a key is not believed without it.
fn check_publisher(publishers: &dyn Publishers, package: &Package) -> Result<bool, AuthorError> {
    let Some(publisher) = &package.manifest.publisher else { return Ok(false) };
    let known = publishers.key_of(publisher).map_err(AuthorError::Publishers)?;
    match known {
        None => Ok(false),
        Some(known) if package.signed_by == Some(known) => Ok(true),
        Some(known) => {
            Err(AuthorError::OtherKey { publisher: publisher.clone(), known, found: package.signed_by })
        }
    }
}

impl Offer {
    /// Installs it, and remembers its publisher.
    ///
    /// # Errors
    /// When the publisher can't be remembered or the file can't be written.
    pub fn accept(self, publishers: &dyn Publishers) -> Result<PathBuf, AuthorError> {
        if let (Some(publisher), Some(key), false) = (&self.publisher, &self.signed_by, self.known_publisher)
        {
            publishers.remember(publisher, key).map_err(AuthorError::Publishers)?;
        }
        if let Some(bricks) = self.target.parent() {
            make_folder(bricks)?;
        }
        replace(&self.target, &self.content)?;
        Ok(self.target)
    }
}

/// Removes the installed packages of a brick, or the one of `version`. Gives the files that were removed.
///
/// # Errors
/// When there are none, or they can't be removed.
pub fn remove(bricks: &Path, id: &str, version: Option<&Version>) -> Result<Vec<PathBuf>, AuthorError> {
    let stem = format!("{}-", id.replace(':', "."));
    let is_meant = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let found =
            name.strip_prefix(&stem).and_then(|rest| rest.strip_suffix(".wasm")?.parse::<Version>().ok());
        found.is_some_and(|found| version.is_none_or(|version| *version == found))
    };
    let entries = fs::read_dir(bricks).into_iter().flatten().filter_map(Result::ok);
    let mut removed: Vec<_> = entries.map(|entry| entry.path()).filter(is_meant).collect();
    removed.sort();
    if removed.is_empty() {
        let brick = version.map_or_else(|| id.to_owned(), |version| format!("{id}@{version}"));
        return Err(AuthorError::NotInstalled { brick, bricks: bricks.to_owned() });
    }
    for path in &removed {
        fs::remove_file(path).map_err(FileError::on("remove", path))?;
    }
    Ok(removed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_packages_of_that_brick_and_version_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        let names =
            ["me.a-0.1.0.wasm", "me.a-0.2.0-rc.1.wasm", "me.a-b-0.1.0.wasm", "you.a-0.1.0.wasm", "me.a.wasm"];
        for name in names {
            fs::write(folder.path().join(name), "").unwrap();
        }
        let version = Version::new(0, 1, 0);
        let removed = remove(folder.path(), "me:a", Some(&version)).unwrap();
        assert_eq!(removed, [folder.path().join("me.a-0.1.0.wasm")]);
        let removed = remove(folder.path(), "me:a", None).unwrap();
        assert_eq!(removed, [folder.path().join("me.a-0.2.0-rc.1.wasm")]);
        let message = remove(folder.path(), "me:a", Some(&version)).unwrap_err().to_string();
        assert!(message.contains("me:a@0.1.0"), "{message}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3);
    }
}
