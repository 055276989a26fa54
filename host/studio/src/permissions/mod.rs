//! What the person allows a brick to do beyond its sandbox. A permission is bound to the brick's binary: another
//! binary under the same name asks again.

pub mod gate;

use std::path::{Path, PathBuf};

use qpyt_bricks::{HostScope, Interface, check_secret_name};
use qpyt_workflow::BrickId;

use crate::library::Library;
use crate::store::{Grant, NewGrant, Store, StoreError};

/// What is powerful: everything that a brick gets only when the person allows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Power {
    /// Writing into a folder.
    Folder,
    /// Reaching a host on the network.
    Host,
    /// Using a secret.
    Secret,
}

impl Power {
    const ALL: [Self; 3] = [Self::Folder, Self::Host, Self::Secret];

    /// The power that the interface of this name gives, if it gives one.
    pub fn of(import: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|power| power.import() == import)
    }

    /// The interface that gives it.
    pub const fn interface(self) -> Interface {
        match self {
            Self::Folder => Interface::StoreFiles,
            Self::Host => Interface::StoreHttp,
            Self::Secret => Interface::StoreSecrets,
        }
    }

    /// The interface's name.
    pub const fn import(self) -> &'static str {
        self.interface().name()
    }

    /// The scope in its one form, so that it can be compared.
    ///
    /// # Errors
    /// [`GrantError::NotAFolder`] and [`GrantError::BadScope`].
    pub fn scope(self, text: &str) -> Result<String, GrantError> {
        match self {
            Self::Folder => Ok(real_folder(Path::new(text))?.to_string_lossy().into_owned()),
            Self::Host => {
                text.parse().map(|scope: HostScope| scope.to_string()).map_err(GrantError::BadScope)
            }
            Self::Secret => check_secret_name(text).map(|()| text.to_owned()).map_err(GrantError::BadScope),
        }
    }

    /// Whether a permission for the scope `granted` allows `asked`, both in their one form: a folder allows what is
    /// below it, a host with a star every name below.
    pub fn covers(self, granted: &str, asked: &str) -> bool {
        match self {
            Self::Folder => Path::new(asked).starts_with(granted),
            Self::Host => match (granted.parse::<HostScope>(), asked.parse::<HostScope>()) {
                (Ok(granted), Ok(asked)) => granted.covers(&asked),
                _ => false,
            },
            Self::Secret => granted == asked,
        }
    }

    /// What a brick of this id hears when it was not allowed `scope`: what, and how to allow it.
    pub fn refusal(self, brick: &str, scope: &str) -> String {
        match self {
            Self::Folder => format!(
                "It may not write into {scope}. Allow the folder on the brick, or run: qpyt bricks grant {brick} --folder {scope:?}"
            ),
            Self::Host => format!(
                "It may not reach {scope}. Allow it on the Bricks page, or run: qpyt bricks grant {brick} --host {scope}"
            ),
            Self::Secret => format!(
                "It may not use the secret {scope}. Allow it on the Bricks page, or run: qpyt bricks grant {brick} --secret {scope}"
            ),
        }
    }

    /// What a brick may do, in words: `write into /pictures`.
    pub fn deed(self, scope: &str) -> String {
        match self {
            Self::Folder => format!("write into {scope}"),
            Self::Host => format!("reach {scope}"),
            Self::Secret => format!("use the secret {scope}"),
        }
    }
}

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
    /// Everybody has it.
    #[error("“{0}” needs no permission; only {powers} do.", powers = Power::ALL.map(Power::import).join(", "))]
    NotPowerful(String),
    /// No such folder.
    #[error("{} is not a folder that exists. Make it first, and give its whole path.", .0.display())]
    NotAFolder(PathBuf),
    /// No such host or name.
    #[error("{0}.")]
    BadScope(String),
    /// It was never allowed.
    #[error("The brick “{brick}” has no permission for {scope}.")]
    NotGranted {
        /// The brick.
        brick: String,
        /// The folder, host or secret.
        scope: String,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Allows every installed version of `brick` that uses `import` to do so within `scope`. Gives the permission of the
/// newest.
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
    let power = Power::of(import).ok_or_else(|| GrantError::NotPowerful(import.to_owned()))?;
    let unknown = || GrantError::UnknownBrick(brick.to_owned());
    let id: BrickId = brick.parse().map_err(|_| unknown())?;
    let installed = library.current();
    let mut versions = installed.catalog.iter().filter(|spec| spec.id == id).peekable();
    versions.peek().ok_or_else(unknown)?;
    let scope = power.scope(scope)?;
    let mut newest = None;
    for binary in versions.filter_map(|spec| installed.version_of(spec)).map(|version| version.binary()) {
        if binary.manifest().uses.contains(&power.interface()) {
            let given = store.add_grant(&NewGrant {
                brick: brick.to_owned(),
                digest: *binary.digest(),
                import: import.to_owned(),
                scope: scope.clone(),
            })?;
            newest.get_or_insert(given);
        }
    }
    newest.ok_or_else(|| GrantError::NotUsed { brick: brick.to_owned(), import: import.to_owned() })
}

/// Takes back what `brick` may do within `scope`, whichever binary it was given to.
///
/// # Errors
/// [`GrantError::NotGranted`] and the store's.
pub fn revoke(store: &Store, brick: &str, power: Power, scope: &str) -> Result<(), GrantError> {
    for grant in given(store, brick, power, scope)? {
        store.delete_grant(grant.id)?;
    }
    Ok(())
}

/// Puts what `brick` may do within `scope` on trial, whichever binary it was given to.
///
/// # Errors
/// [`GrantError::NotGranted`] and the store's.
pub fn try_without(store: &Store, brick: &str, power: Power, scope: &str) -> Result<(), GrantError> {
    for grant in given(store, brick, power, scope)? {
        store.set_trial(grant.id, true)?;
    }
    Ok(())
}

/// The permissions for exactly that scope, at least one. A folder that is gone is taken as it was written.
fn given(store: &Store, brick: &str, power: Power, scope: &str) -> Result<Vec<Grant>, GrantError> {
    let scope = power.scope(scope).unwrap_or_else(|_| scope.to_owned());
    let mut grants = store.grants()?;
    grants.retain(|Grant { allows, .. }| {
        allows.brick == brick && allows.import == power.import() && allows.scope == scope
    });
    if grants.is_empty() {
        return Err(GrantError::NotGranted { brick: brick.to_owned(), scope });
    }
    Ok(grants)
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
    fn a_folder_beside_the_granted_one_is_not_covered() {
        let covers = |asked| Power::Folder.covers("/home/fox/pictures", asked);
        assert!(covers("/home/fox/pictures") && covers("/home/fox/pictures/holiday"));
        assert!(!covers("/home/fox/pictures-2") && !covers("/home/fox") && !covers("pictures"));
    }

    #[test]
    fn a_folder_s_scope_is_where_its_links_lead() {
        let place = tempfile::tempdir().unwrap();
        let root = place.path().canonicalize().unwrap();
        std::fs::create_dir_all(root.join("pictures")).unwrap();
        std::fs::create_dir_all(root.join("private")).unwrap();
        let up = root.join("pictures/../private");
        assert_eq!(
            Power::Folder.scope(up.to_str().unwrap()).unwrap(),
            root.join("private").to_str().unwrap()
        );
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink(root.join("private"), root.join("pictures/out")).unwrap();
            let link = root.join("pictures/out");
            assert_eq!(
                Power::Folder.scope(link.to_str().unwrap()).unwrap(),
                root.join("private").to_str().unwrap()
            );
        }
        assert!(Power::Folder.scope("pictures").is_err());
    }

    #[test]
    fn hosts_and_secrets_are_covered_by_what_names_them() {
        assert!(Power::Host.covers("*.example.org:443", "api.example.org:443"));
        assert!(!Power::Host.covers("*.example.org:443", "example.org:443"));
        assert!(Power::Secret.covers("key", "key") && !Power::Secret.covers("key", "key-2"));
        assert_eq!(Power::Host.scope("API.example.org.:443").unwrap(), "api.example.org:443");
        assert!(matches!(Power::Host.scope("api.example.org"), Err(GrantError::BadScope(_))));
        assert!(matches!(Power::Secret.scope("../key"), Err(GrantError::BadScope(_))));
    }
}
