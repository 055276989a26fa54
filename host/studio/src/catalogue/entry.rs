//! What the catalogue says of a model.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a model is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ModelKind {
    /// Paints what a text says.
    TextToImage,
    /// Parts that models which paint may lack.
    Parts,
    /// Tells a picture's subject from its background.
    BackgroundRemoval,
    /// Makes pictures larger.
    Upscaler,
    /// Says what a picture shows.
    Captions,
    /// Tells how far away things in a picture are.
    Depth,
    /// Says a text in another language.
    Translation,
    /// Answers and writes.
    Chat,
}

/// One model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its name, and that of its folder.
    pub name: String,
    /// For the person.
    pub label: String,
    /// What it is for.
    pub kind: ModelKind,
    /// A sentence about it.
    pub description: String,
    /// The licence's name.
    pub licence: String,
    /// Where the licence, or the model with it, can be read.
    pub page: String,
    /// The licence has to be accepted on the Hub first.
    pub gated: bool,
    /// It comes with the studio.
    pub ships: bool,
    /// Where its files are; empty for a model that ships.
    pub sources: Vec<Source>,
}

impl Entry {
    /// The bytes of all its weights, where the catalogue knows them all. What comes beside them is small.
    pub fn bytes(&self) -> Option<u64> {
        let sum =
            self.sources.iter().map(Source::bytes).try_fold(0_u64, |sum, bytes| sum.checked_add(bytes?));
        sum.filter(|_| !self.sources.is_empty())
    }
}

/// Where files of a model are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A repository on the Hub.
    Hub {
        /// `owner/name`.
        repo: String,
        /// A branch, a tag or a commit.
        revision: String,
        /// Which files: paths, where `*` stands for any letters within one segment.
        files: Vec<String>,
        /// Another path for the only file.
        save_as: Option<String>,
        /// What is known of single files, whatever the Hub says.
        known: Vec<KnownFile>,
    },
    /// A file at an address of its own.
    Url {
        /// Its https address.
        url: String,
        /// Its path in the model's folder.
        save_as: String,
        /// Its size, where it is known.
        bytes: Option<u64>,
        /// Its digest.
        sha256: Sha256,
    },
}

impl Source {
    /// The bytes of its weights, where they are known.
    fn bytes(&self) -> Option<u64> {
        match self {
            Self::Url { bytes, .. } => *bytes,
            Self::Hub { files, known, .. } => {
                let size = |file: &String| Some(known.iter().find(|known| known.path == *file)?.bytes);
                let weights = files.iter().filter(|file| may_be_weights(file));
                weights.map(size).try_fold(0_u64, |sum, bytes| sum.checked_add(bytes?))
            }
        }
    }
}

/// Whether a pattern may mean weights. Tokenizers lie in folders of their own.
fn may_be_weights(pattern: &str) -> bool {
    let small = [".json", ".txt", ".spm"].iter().any(|ending| pattern.ends_with(ending));
    !small && !pattern.starts_with("tokenizer") && !pattern.starts_with("scheduler/")
}

/// What is known of a file on the Hub.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KnownFile {
    /// Its path in the repository.
    pub path: String,
    /// Its size.
    pub bytes: u64,
    /// Its digest.
    pub sha256: Sha256,
}

/// A SHA-256 digest.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Sha256([u8; 32]);

impl From<[u8; 32]> for Sha256 {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl fmt::Display for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Sha256 {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = "a SHA-256 digest is written with 64 hexadecimal digits";
        let mut bytes = [0; 32];
        if text.len() != 64 || !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(wrong);
        }
        for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            let pair = std::str::from_utf8(pair).map_err(|_| wrong)?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| wrong)?;
        }
        Ok(Self(bytes))
    }
}

impl TryFrom<String> for Sha256 {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Sha256> for String {
    fn from(digest: Sha256) -> Self {
        digest.to_string()
    }
}
