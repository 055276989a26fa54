//! The places of settings: what each may be, and how it is read from a file or a variable.

use std::{
    net::IpAddr,
    ops::RangeInclusive,
    path::{Path, PathBuf},
};

use qpyt_bricks::HostScope;
use qpyt_inference::{Offload, Precision, WeightStorage};
use toml::Value;

use super::Environment;

/// Where a value comes from.
pub(super) struct Source<'a> {
    /// In words, for messages.
    pub(super) place: String,
    /// Where relative paths start.
    pub(super) base: &'a Path,
    pub(super) environment: &'a Environment,
}

/// The place of a setting, by what it may be.
pub(super) enum Slot<'a> {
    Address(&'a mut IpAddr),
    Flag(&'a mut bool),
    Folder(&'a mut PathBuf),
    Folders(&'a mut Vec<PathBuf>),
    Hosts(&'a mut Vec<HostScope>),
    Choice(&'a mut dyn Choice),
    Whole(&'a mut dyn Number, RangeInclusive<u64>),
}

/// A whole number of any width.
pub(super) trait Number {
    /// Takes the value if it has room for it.
    fn set(&mut self, value: u64) -> Option<()>;
}

impl<T: TryFrom<u64>> Number for T {
    fn set(&mut self, value: u64) -> Option<()> {
        *self = value.try_into().ok()?;
        Some(())
    }
}

/// One of some names.
pub(super) trait Choice {
    /// All names, the default first.
    fn names(&self) -> Vec<&'static str>;
    /// Takes the one of a name, if there is one.
    fn set(&mut self, name: &str) -> Option<()>;
}

macro_rules! choice {
    ($kind:ty) => {
        impl Choice for $kind {
            fn names(&self) -> Vec<&'static str> {
                Self::ALL.map(Self::name).to_vec()
            }

            fn set(&mut self, name: &str) -> Option<()> {
                *self = Self::ALL.into_iter().find(|choice| choice.name() == name)?;
                Some(())
            }
        }
    };
}

choice!(WeightStorage);
choice!(Precision);
choice!(Offload);

impl<'a> Slot<'a> {
    /// The place of a whole number.
    pub(super) fn whole(place: &'a mut dyn Number, range: RangeInclusive<u64>) -> Self {
        Self::Whole(place, range)
    }

    /// Takes the value, or says what would be right.
    pub(super) fn fill(self, value: &Value, source: &Source<'_>) -> Result<(), String> {
        let expected = self.expected();
        let path =
            |text: &str| Some(source.environment.absolute(source.base, text)).filter(|_| !text.is_empty());
        let filled = match self {
            Self::Address(place) => value.as_str().and_then(|text| text.parse().ok()).map(|new| *place = new),
            Self::Flag(place) => value.as_bool().map(|new| *place = new),
            Self::Folder(place) => value.as_str().and_then(path).map(|new| *place = new),
            Self::Folders(place) => value
                .as_array()
                .and_then(|items| items.iter().map(|item| item.as_str().and_then(path)).collect())
                .map(|new| *place = new),
            Self::Hosts(place) => value
                .as_array()
                .and_then(|items| items.iter().map(|item| item.as_str()?.parse().ok()).collect())
                .map(|new| *place = new),
            Self::Choice(place) => value.as_str().and_then(|name| place.set(name)),
            Self::Whole(..) => value
                .as_integer()
                .and_then(|number| number.try_into().ok())
                .and_then(|number| self.set(number)),
        };
        filled.ok_or(expected)
    }

    /// Takes a whole number in its range.
    pub(super) fn set(self, number: u64) -> Option<()> {
        match self {
            Self::Whole(place, range) if range.contains(&number) => place.set(number),
            _ => None,
        }
    }

    /// What a variable's text means for this setting. Text that means nothing stays text and is refused later.
    pub(super) fn read_text(&self, text: &str) -> Value {
        let typed = match self {
            Self::Flag(_) => text.parse().ok().map(Value::Boolean),
            Self::Whole(..) => text.parse().ok().map(Value::Integer),
            Self::Folders(_) => {
                let folders = std::env::split_paths(text).map(|path| path.to_string_lossy().into_owned());
                Some(Value::Array(folders.filter(|path| !path.is_empty()).map(Value::String).collect()))
            }
            Self::Hosts(_) => {
                let hosts = text.split(',').map(|host| host.trim().to_owned());
                Some(Value::Array(hosts.filter(|host| !host.is_empty()).map(Value::String).collect()))
            }
            Self::Address(_) | Self::Folder(_) | Self::Choice(_) => None,
        };
        typed.unwrap_or_else(|| Value::String(text.to_owned()))
    }

    fn expected(&self) -> String {
        match self {
            Self::Address(_) => "an IP address such as \"127.0.0.1\"".to_owned(),
            Self::Flag(_) => "true or false".to_owned(),
            Self::Folder(_) => "the path of a folder".to_owned(),
            Self::Folders(_) => "a list of paths of folders".to_owned(),
            Self::Hosts(_) => "a list of hosts with their ports such as [\"127.0.0.1:8089\"]".to_owned(),
            Self::Choice(place) => {
                let names: Vec<_> = place.names().iter().map(|name| format!("\"{name}\"")).collect();
                format!("one of {}", names.join(", "))
            }
            Self::Whole(_, range) => format!("a whole number from {} to {}", range.start(), range.end()),
        }
    }
}
