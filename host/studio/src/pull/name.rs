//! Names of files that come from outside: a listing, a redirect, a plan on the disk. Only a [`FileName`] becomes a path.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The most folders that a file may lie in, itself counted.
const MOST_PARTS: usize = 8;
/// The longest part, in bytes, that every file system takes, with room for an ending.
const LONGEST_PART: usize = 200;

/// A relative path with plain parts, such as `unet/config.json`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FileName(String);

/// A name that will not become a path.
#[derive(Debug, Clone, thiserror::Error)]
#[error("`{0}` can't be the name of a model's file")]
pub struct BadFileName(String);

impl FileName {
    /// Where it is below `folder`.
    #[must_use]
    pub fn below(&self, folder: &Path) -> PathBuf {
        self.0.split('/').fold(folder.to_path_buf(), |path, part| path.join(part))
    }

    /// As it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a pattern means it: `*` stands for any letters within one part.
    #[must_use]
    pub fn matches(&self, pattern: &str) -> bool {
        let (names, patterns) = (self.0.split('/'), pattern.split('/'));
        names.clone().count() == patterns.clone().count()
            && names.zip(patterns).all(|(name, pattern)| part_matches(name, pattern))
    }
}

/// Whether the text between the stars of a pattern comes in a name in this order, from its start to its end.
fn part_matches(name: &str, pattern: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else { return name == pattern };
    let Some(mut left) = name.strip_prefix(start) else { return false };
    let mut pieces: Vec<&str> = rest.split('*').collect();
    let end = pieces.pop().unwrap_or_default();
    for piece in pieces {
        let Some((_, after)) = left.split_once(piece) else { return false };
        left = after;
    }
    left.ends_with(end)
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for FileName {
    type Err = BadFileName;

    fn from_str(text: &str) -> Result<Self, BadFileName> {
        let plain = |letter: char| letter.is_alphanumeric() || " -_.+()[]@=,".contains(letter);
        let part = |part: &str| {
            (1..=LONGEST_PART).contains(&part.len())
                && part.chars().all(plain)
                && !part.starts_with(['.', ' '])
                && !part.ends_with(['.', ' '])
                && !is_device(part)
        };
        let sound = text.split('/').count() <= MOST_PARTS && text.split('/').all(part);
        let shown = || text.chars().filter(|letter| !letter.is_control()).take(120).collect();
        if sound { Ok(Self(text.to_owned())) } else { Err(BadFileName(shown())) }
    }
}

impl TryFrom<String> for FileName {
    type Error = BadFileName;

    fn try_from(text: String) -> Result<Self, BadFileName> {
        text.parse()
    }
}

impl From<FileName> for String {
    fn from(name: FileName) -> Self {
        name.0
    }
}

/// Names that Windows gives to devices, whatever ending follows.
fn is_device(part: &str) -> bool {
    let stem = part.split('.').next().unwrap_or_default().to_ascii_lowercase();
    let numbered = |name: &str| {
        stem.strip_prefix(name)
            .is_some_and(|rest| rest.len() == 1 && rest.bytes().all(|digit| digit.is_ascii_digit()))
    };
    ["con", "prn", "aux", "nul"].contains(&stem.as_str()) || numbered("com") || numbered("lpt")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_lead_elsewhere_are_refused() {
        for name in [
            "",
            "/etc/passwd",
            "../x",
            "a/../x",
            "a//b",
            "a/",
            "./a",
            "a/.",
            "..",
            "a\\b",
            "C:/x",
            "c:x",
            "a\0b",
            "a\nb",
            ".ssh/x",
            "unet/.hidden",
            "a.",
            " a",
            "con",
            "aux.json",
            "COM1.safetensors",
            "a/b/c/d/e/f/g/h/i",
            "~/x\u{7f}",
            "a?b",
            "a|b",
            "a<b",
            "a:b",
            "a*b",
        ] {
            assert!(name.parse::<FileName>().is_err(), "{name:?} was taken");
        }
        assert!("x".repeat(201).parse::<FileName>().is_err());
    }

    #[test]
    fn names_of_models_are_taken_and_stay_below_the_folder() {
        for name in ["config.json", "unet/diffusion_pytorch_model-00001-of-00002.safetensors", "a b (1).gguf"]
        {
            let path = name.parse::<FileName>().unwrap().below(Path::new("/models/x"));
            assert!(path.starts_with("/models/x") && path.components().all(|part| part.as_os_str() != ".."));
        }
    }

    #[test]
    fn a_star_stands_for_letters_within_one_part() {
        let name: FileName = "unet/model-00001-of-00002.safetensors".parse().unwrap();
        for pattern in ["unet/*", "unet/model-*.safetensors", "*/model*of*.safetensors", "unet/*-*-*-*"] {
            assert!(name.matches(pattern), "{pattern}");
        }
        for pattern in
            ["*", "*.safetensors", "unet/*.json", "unet/model-*.fp16*", "vae/*", "unet/*/x", "unet/*s*x"]
        {
            assert!(!name.matches(pattern), "{pattern}");
        }
        let whole: FileName = "model.safetensors".parse().unwrap();
        assert!(!whole.matches("model.safetensors*.safetensors") && whole.matches("*"));
    }
}
