//! What can be wrong with a configuration, each with the way back to the right one.

use std::{fmt::Display, io, path::PathBuf};

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("Could not read the configuration {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is not TOML.
    #[error("The configuration {} is not valid TOML: {source}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Where and why.
        source: Box<toml::de::Error>,
    },
    /// No setting has this name.
    #[error("There is no setting `{key}` ({place}); did you mean `{nearest}`?")]
    UnknownKey {
        /// The name.
        key: String,
        /// Where it stands.
        place: String,
        /// The setting whose name is most alike.
        nearest: String,
    },
    /// The setting cannot have this value.
    #[error("The setting `{key}` ({place}) must be {expected}, but it is {found}.")]
    BadValue {
        /// The name.
        key: String,
        /// Where it stands.
        place: String,
        /// What it may be.
        expected: String,
        /// What it is.
        found: String,
    },
    /// Limits are set for something that is no brick.
    #[error(
        "`{brick}` ({place}) is no brick; write [bricks.\"namespace:name\".limits], such as [bricks.\"qpyt:render\".limits]"
    )]
    NoBrick {
        /// What stands there.
        brick: String,
        /// Where it stands.
        place: String,
    },
    /// There is no place for the data folder.
    #[error("The home folder is not known. Say where to keep the data with --data DIR.")]
    NoHome,
}

/// No setting is named `key`; suggests the one of `known` that is most alike.
pub(super) fn unknown<'a>(
    key: &str,
    place: &str,
    known: impl Iterator<Item = &'a str> + Clone,
) -> ConfigError {
    let last = |name: &str| name.rsplit('.').next().unwrap_or_default().to_owned();
    // A right name in the wrong table is nearer than any other.
    let moved = known.clone().find(|name| last(name) == last(key));
    let alike = |name: &&str| strsim::jaro_winkler(name, key);
    let nearest = moved.or_else(|| known.clone().max_by(|a, b| alike(a).total_cmp(&alike(b))));
    ConfigError::UnknownKey {
        key: key.to_owned(),
        place: place.to_owned(),
        nearest: nearest.unwrap_or_default().to_owned(),
    }
}

/// The value of `key` can't be used.
pub(super) fn bad(key: &str, place: &str, expected: String, found: &impl Display) -> ConfigError {
    let found: String = found.to_string().chars().take(200).collect();
    ConfigError::BadValue { key: key.to_owned(), place: place.to_owned(), expected, found }
}
