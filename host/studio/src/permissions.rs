//! What the person allows a brick to do beyond its sandbox. A permission is bound to the brick's binary: another
//! binary under the same name asks again.

use std::path::{Path, PathBuf};

use qpyt_bricks::Interface;
use qpyt_workflow::BrickId;

use crate::library::Library;
use crate::store::{Grant, NewGrant, Store, StoreError};

/// The interface that writes into folders.
pub const FILES: &str = "qpyt:store/files";

/// Why a permission can't be given or taken back.
#[derive(Debug, thiserror::Error)]
pub enum GrantError {
    /// No such brick.
    #[error("The brick “{0}” is not installed. `qpyt bricks` lists what is.")]
    UnknownBrick(String),
    /// It never asks for that.
    #[error("The brick “{brick}” does not use {import}, so there is nothing to allow.")]
    NotUsed {
        /// The brick.
        brick: String,
        /// The interface.
        import: String,
    },
    /// Only folders are given out.
    #[error("“{0}” needs no permission; only {FILES} does.")]
    NotPowerful(String),
    /// No such folder.
    #[error("{} is not a folder that exists. Make it first, and give its whole path.", .0.display())]
    NotAFolder(PathBuf),
    /// It was never allowed.
    #[error("The brick “{brick}” has no permission for {scope}.")]
    NotGranted {
        /// The brick.
        brick: String,
        /// The folder.
        scope: String,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Allows the newest installed version of `brick` to use `import` within `scope`.
///
/// # Errors
/// See [`GrantError`].
pub fn grant(
    store: &Store,
    library: &Library,
    brick: &str,
    import: &str,
    scope: &str,
) -> Result<Grant, GrantError> {
    if import != FILES {
        return Err(GrantError::NotPowerful(import.to_owned()));
    }
    let unknown = || GrantError::UnknownBrick(brick.to_owned());
    let id: BrickId = brick.parse().map_err(|_| unknown())?;
    let catalog = library.catalog();
    let spec = catalog.newest(&id).ok_or_else(unknown)?;
    let binary = library.binary_of(spec).ok_or_else(unknown)?;
    if !binary.manifest().uses.contains(&Interface::StoreFiles) {
        return Err(GrantError::NotUsed { brick: brick.to_owned(), import: import.to_owned() });
    }
    let folder = real_folder(Path::new(scope))?;
    let new = NewGrant {
        brick: brick.to_owned(),
        digest: *binary.digest(),
        import: import.to_owned(),
        scope: folder.to_string_lossy().into_owned(),
    };
    Ok(store.add_grant(&new)?)
}

/// Takes back what `brick` may do in `folder`, whichever binary it was given to.
///
/// # Errors
/// [`GrantError::NotGranted`] and the store's.
pub fn revoke(store: &Store, brick: &str, folder: &Path) -> Result<(), GrantError> {
    let scope = real_folder(folder).unwrap_or_else(|_| folder.to_owned()).to_string_lossy().into_owned();
    let given: Vec<_> = store
        .grants()?
        .into_iter()
        .filter(|grant| {
            grant.allows.brick == brick && grant.allows.import == FILES && grant.allows.scope == scope
        })
        .collect();
    if given.is_empty() {
        return Err(GrantError::NotGranted { brick: brick.to_owned(), scope });
    }
    for grant in given {
        store.delete_grant(grant.id)?;
    }
    Ok(())
}

/// The granted folder that holds `asked`, if there is one: the folder itself or one below it, links followed.
pub fn allowed(scopes: &[String], asked: &Path) -> Option<PathBuf> {
    let asked = asked.canonicalize().ok()?;
    scopes.iter().any(|scope| asked.starts_with(scope)).then_some(asked)
}

fn real_folder(path: &Path) -> Result<PathBuf, GrantError> {
    let refused = || GrantError::NotAFolder(path.to_owned());
    if !path.is_absolute() {
        return Err(refused());
    }
    path.canonicalize().ok().filter(|real| real.is_dir()).ok_or_else(refused)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_beside_the_granted_one_is_not_allowed() {
        let place = tempfile::tempdir().unwrap();
        let root = place.path().canonicalize().unwrap();
        for name in ["pictures", "pictures/holiday", "pictures-2"] {
            std::fs::create_dir(root.join(name)).unwrap();
        }
        let scopes = [root.join("pictures").to_string_lossy().into_owned()];
        assert!(allowed(&scopes, &root.join("pictures")).is_some());
        assert!(allowed(&scopes, &root.join("pictures/holiday")).is_some());
        assert!(allowed(&scopes, &root.join("pictures-2")).is_none());
        assert!(allowed(&scopes, &root.join("pictures/..")).is_none());
    }

    #[cfg(unix)]
    #[test]
    fn a_link_out_of_the_granted_folder_is_not_allowed() {
        let place = tempfile::tempdir().unwrap();
        let root = place.path().canonicalize().unwrap();
        std::fs::create_dir(root.join("pictures")).unwrap();
        std::fs::create_dir(root.join("private")).unwrap();
        std::os::unix::fs::symlink(root.join("private"), root.join("pictures/out")).unwrap();
        let scopes = [root.join("pictures").to_string_lossy().into_owned()];
        assert!(allowed(&scopes, &root.join("pictures/out")).is_none());
    }
}
