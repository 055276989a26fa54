//! `brick.toml`: which binary, and what it may import.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::scope::{HostScope, check_secret_name};

/// The file's name inside a brick's folder.
pub const MANIFEST_FILE: &str = "brick.toml";

/// The most hosts, and the most secrets, that a brick may name.
const MAX_WANTS: usize = 64;

/// An interface that a brick must ask for in `uses`. What is not here (media, plain types) needs no asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "&'static str")]
pub enum Interface {
    /// Log, progress, cancellation, deadline and seed.
    JobContext,
    /// The date and time.
    JobClock,
    /// Text and image to image.
    AiImaging,
    /// Mattes, depth, captions and enlarging.
    AiVision,
    /// Answers and translations.
    AiLanguage,
    /// What models are installed.
    AiModels,
    /// Pictures by digest.
    StoreContent,
    /// The person's gallery.
    StoreGallery,
    /// Folders on the person's disk.
    StoreFiles,
    /// Hosts on the network.
    StoreHttp,
    /// Secrets that the person stored.
    StoreSecrets,
}

impl Interface {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::JobContext,
        Self::JobClock,
        Self::AiImaging,
        Self::AiVision,
        Self::AiLanguage,
        Self::AiModels,
        Self::StoreContent,
        Self::StoreGallery,
        Self::StoreFiles,
        Self::StoreHttp,
        Self::StoreSecrets,
    ];

    /// The name in WIT, without the version.
    pub const fn name(self) -> &'static str {
        match self {
            Self::JobContext => "qpyt:job/context",
            Self::JobClock => "qpyt:job/clock",
            Self::AiImaging => "qpyt:ai/imaging",
            Self::AiVision => "qpyt:ai/vision",
            Self::AiLanguage => "qpyt:ai/language",
            Self::AiModels => "qpyt:ai/models",
            Self::StoreContent => "qpyt:store/content",
            Self::StoreGallery => "qpyt:store/gallery",
            Self::StoreFiles => "qpyt:store/files",
            Self::StoreHttp => "qpyt:store/http",
            Self::StoreSecrets => "qpyt:store/secrets",
        }
    }

    /// True if a brick that uses this gives the same outputs for the same inputs, parameters and seed, and changes
    /// nothing outside.
    const fn is_pure(self) -> bool {
        match self {
            Self::JobContext
            | Self::AiImaging
            | Self::AiVision
            | Self::AiLanguage
            | Self::AiModels
            | Self::StoreContent => true,
            Self::JobClock | Self::StoreGallery | Self::StoreFiles | Self::StoreHttp | Self::StoreSecrets => {
                false
            }
        }
    }
}

impl fmt::Display for Interface {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl From<Interface> for &'static str {
    fn from(interface: Interface) -> Self {
        interface.name()
    }
}

impl FromStr for Interface {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        if let Some(interface) = Self::ALL.into_iter().find(|interface| interface.name() == name) {
            return Ok(interface);
        }
        let (base, version) = name.split_once('@').unwrap_or((name, ""));
        if !version.is_empty() && Self::ALL.into_iter().any(|interface| interface.name() == base) {
            return Err(format!("write `{base}` without the version"));
        }
        let known: Vec<_> = Self::ALL.into_iter().map(Self::name).collect();
        let name: String = name.chars().take(80).collect();
        Err(format!("there is no interface `{name}`; there are {}", known.join(", ")))
    }
}

impl TryFrom<String> for Interface {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        name.parse()
    }
}

/// What a `brick.toml` says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// File name of the component, beside the manifest.
    pub wasm: String,
    /// Interfaces that the binary may import.
    #[serde(default)]
    pub uses: Vec<Interface>,
    /// Who made it.
    #[serde(default)]
    pub publisher: Option<String>,
    /// What it will ask the person for.
    #[serde(default)]
    pub wants: Wants,
}

/// What a brick will ask the person for, so that it can be asked before the first run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wants {
    /// Hosts with their ports, as a [`HostScope`] is written.
    #[serde(default)]
    pub hosts: Vec<String>,
    /// Names of secrets.
    #[serde(default)]
    pub secrets: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ManifestFile {
    brick: Manifest,
}

impl Manifest {
    /// Reads the text of a `brick.toml`. The error says what is wrong and where.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut manifest = toml::from_str::<ManifestFile>(text).map_err(|error| error.to_string())?.brick;
        let wasm = &manifest.wasm;
        if wasm.is_empty() || wasm.contains(['/', '\\', '\0']) || wasm == "." || wasm == ".." {
            return Err("`wasm` must be the name of a file beside brick.toml, without folders".to_owned());
        }
        manifest.check_wants()?;
        Ok(manifest)
    }

    /// Checks what the brick wants, and writes each host in its one form.
    fn check_wants(&mut self) -> Result<(), String> {
        let uses = |interface: Interface, key: &str| {
            if self.uses.contains(&interface) {
                return Ok(());
            }
            Err(format!("`wants.{key}` needs `\"{interface}\"` in `uses`"))
        };
        let Wants { hosts, secrets } = &self.wants;
        if !hosts.is_empty() {
            uses(Interface::StoreHttp, "hosts")?;
        }
        if !secrets.is_empty() {
            uses(Interface::StoreSecrets, "secrets")?;
        }
        if hosts.len().max(secrets.len()) > MAX_WANTS {
            return Err(format!("`wants` may name at most {MAX_WANTS} hosts and as many secrets"));
        }
        secrets.iter().try_for_each(|name| check_secret_name(name))?;
        let hosts = hosts.iter().map(|host| host.parse().map(|scope: HostScope| scope.to_string()));
        self.wants.hosts = hosts.collect::<Result<_, _>>()?;
        Ok(())
    }

    /// True if the brick's results depend on nothing but its inputs, parameters and seed.
    pub fn is_pure(&self) -> bool {
        self.uses.iter().all(|interface| interface.is_pure())
    }

    /// True if the brick asks for inference, which runs one task at a time.
    pub fn is_heavy(&self) -> bool {
        let heavy = [Interface::AiImaging, Interface::AiVision, Interface::AiLanguage];
        self.uses.iter().any(|interface| heavy.contains(interface))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_names_binary_and_interfaces() {
        let text = "[brick]\nwasm = \"render.wasm\"\nuses = [\"qpyt:ai/imaging\"]\npublisher = \"qpyt\"";
        let manifest = Manifest::parse(text).unwrap();
        assert_eq!(manifest.uses, [Interface::AiImaging]);
        assert!(manifest.is_heavy() && manifest.is_pure());
    }

    #[test]
    fn bricks_that_reach_outside_are_not_pure() {
        for name in [
            "qpyt:job/clock",
            "qpyt:store/gallery",
            "qpyt:store/files",
            "qpyt:store/http",
            "qpyt:store/secrets",
        ] {
            let manifest =
                Manifest::parse(&format!("[brick]\nwasm = \"a.wasm\"\nuses = [\"{name}\"]")).unwrap();
            assert!(!manifest.is_pure(), "{name}");
        }
    }

    #[test]
    fn a_manifest_says_what_the_brick_will_ask_for() {
        let text = |uses: &str, wants: &str| {
            format!("[brick]\nwasm = \"a.wasm\"\nuses = [{uses}]\n[brick.wants]\n{wants}")
        };
        let both = "\"qpyt:store/http\", \"qpyt:store/secrets\"";
        let wants = "hosts = [\"API.Example.org:443\", \"*.example.org:8443\"]\nsecrets = [\"example-key\"]";
        let manifest = Manifest::parse(&text(both, wants)).unwrap();
        assert_eq!(manifest.wants.hosts, ["api.example.org:443", "*.example.org:8443"]);
        assert_eq!(manifest.wants.secrets, ["example-key"]);
        for (uses, wants, hint) in [
            ("", "hosts = [\"example.org:443\"]", "needs `\"qpyt:store/http\"` in `uses`"),
            ("\"qpyt:store/http\"", "secrets = [\"key\"]", "needs `\"qpyt:store/secrets\"` in `uses`"),
            (both, "hosts = [\"example.org\"]", "with its port"),
            (both, "secrets = [\"Example Key\"]", "lower-case"),
            (both, "folders = []", "unknown field `folders`"),
        ] {
            let message = Manifest::parse(&text(uses, wants)).unwrap_err();
            assert!(message.contains(hint), "{message}");
        }
        let many = format!("hosts = [{}]", "\"example.org:443\", ".repeat(MAX_WANTS + 1));
        assert!(Manifest::parse(&text(both, &many)).unwrap_err().contains("at most 64"));
    }

    #[test]
    fn mistakes_are_named() {
        for (text, hint) in [
            ("[brick]\nwasm = \"../a.wasm\"", "without folders"),
            ("[brick]\nwasm = \"a.wasm\"\nuse = []", "use"),
            ("[brick]\nwasm = \"a.wasm\"\nuses = [\"qpyt:ai/magic\"]", "qpyt:ai/imaging"),
            ("[brick]\nwasm = \"a.wasm\"\nuses = [\"qpyt:ai/imaging@0.1.0\"]", "without the version"),
        ] {
            let message = Manifest::parse(text).unwrap_err();
            assert!(message.contains(hint), "{message}");
        }
    }
}
