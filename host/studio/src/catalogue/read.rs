//! Reads the catalogue's file, so strictly that a slip in it fails a test and not a download.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::Catalogue;
use super::entry::{Entry, KnownFile, ModelKind, Sha256, Source};
use crate::pull::name::FileName;

/// Why a text is no catalogue.
#[derive(Debug, thiserror::Error)]
pub enum CatalogueError {
    /// It is not written as one.
    #[error("The catalogue of models can't be read: {0}")]
    Syntax(#[from] toml::de::Error),
    /// An entry contradicts itself.
    #[error("The entry \"{name}\" in the catalogue of models can't be used: {problem}")]
    Entry {
        /// Its name.
        name: String,
        /// What is wrong with it.
        problem: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    model: Vec<Written>,
}

/// An entry as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    name: String,
    label: String,
    kind: ModelKind,
    description: String,
    licence: String,
    page: String,
    #[serde(default)]
    gated: bool,
    #[serde(default)]
    ships: bool,
    #[serde(default)]
    from: Vec<WrittenSource>,
}

/// A source as it is written: with `repo` or with `url`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenSource {
    repo: Option<String>,
    revision: Option<String>,
    #[serde(default)]
    files: Vec<String>,
    save_as: Option<String>,
    #[serde(default)]
    known: Vec<KnownFile>,
    url: Option<String>,
    bytes: Option<u64>,
    sha256: Option<Sha256>,
}

impl Catalogue {
    /// Reads a catalogue.
    ///
    /// # Errors
    /// [`CatalogueError`] names the entry and what is wrong with it.
    pub fn read(text: &str) -> Result<Self, CatalogueError> {
        let file: File = toml::from_str(text)?;
        let mut names = BTreeSet::new();
        let entries = file.model.into_iter().map(|written| {
            let name = written.name.clone();
            let unique = names.insert(name.clone());
            let entry = if unique { written.entry() } else { Err("its name is taken".to_owned()) };
            entry.map_err(|problem| CatalogueError::Entry { name, problem })
        });
        Ok(Self { entries: entries.collect::<Result<_, _>>()? })
    }
}

impl Written {
    fn entry(self) -> Result<Entry, String> {
        if !is_name(&self.name) {
            return Err("names have lower-case letters, digits, `-` and single `.`, at most 64".to_owned());
        }
        for (what, text) in
            [("label", &self.label), ("description", &self.description), ("licence", &self.licence)]
        {
            if text.trim().is_empty() || text.len() > 300 {
                return Err(format!("its {what} is empty or longer than 300 bytes"));
            }
        }
        if !self.page.starts_with("https://") {
            return Err("its page is no https address".to_owned());
        }
        if self.ships != self.from.is_empty() {
            return Err("a model either ships or has sources".to_owned());
        }
        let sources = self.from.into_iter().map(WrittenSource::source).collect::<Result<_, _>>()?;
        Ok(Entry {
            name: self.name,
            label: self.label,
            kind: self.kind,
            description: self.description,
            licence: self.licence,
            page: self.page,
            gated: self.gated,
            ships: self.ships,
            sources,
        })
    }
}

impl WrittenSource {
    fn source(self) -> Result<Source, String> {
        if let Some(path) = &self.save_as {
            path.parse::<FileName>().map_err(|error| error.to_string())?;
        }
        match (self.repo, self.url) {
            (Some(repo), None) => hub_source(repo, self.revision, self.files, self.save_as, self.known),
            (None, Some(url)) if url.starts_with("https://") => {
                let last = url.rsplit('/').next().unwrap_or_default().to_owned();
                let save_as = self.save_as.unwrap_or(last);
                save_as.parse::<FileName>().map_err(|error| error.to_string())?;
                let sha256 = self.sha256.ok_or("a file outside the Hub needs its sha256")?;
                Ok(Source::Url { url, save_as, bytes: self.bytes, sha256 })
            }
            _ => Err("a source has either a `repo` or an https `url`".to_owned()),
        }
    }
}

fn hub_source(
    repo: String,
    revision: Option<String>,
    files: Vec<String>,
    save_as: Option<String>,
    known: Vec<KnownFile>,
) -> Result<Source, String> {
    if !is_repo(&repo) {
        return Err(format!("`{repo}` is no repository; write owner/name"));
    }
    let revision = revision.unwrap_or_else(|| "main".to_owned());
    if revision.parse::<FileName>().is_err() {
        return Err(format!("`{revision}` is no revision"));
    }
    if files.is_empty() || save_as.is_some() && files.len() != 1 {
        return Err("it names no files, or `save_as` for more than one".to_owned());
    }
    for file in &files {
        file.replace('*', "x").parse::<FileName>().map_err(|error| error.to_string())?;
    }
    if let Some(stray) = known.iter().find(|known| !files.contains(&known.path)) {
        return Err(format!("`{}` is known and not among its files", stray.path));
    }
    Ok(Source::Hub { repo, revision, files, save_as, known })
}

/// Whether a text can name a model, and its folder.
fn is_name(text: &str) -> bool {
    let letters =
        |letter: u8| letter.is_ascii_lowercase() || letter.is_ascii_digit() || matches!(letter, b'-' | b'.');
    (1..=64).contains(&text.len())
        && text.bytes().all(letters)
        && text.split(['-', '.']).all(|part| !part.is_empty())
}

/// Whether a text names a repository on the Hub.
fn is_repo(text: &str) -> bool {
    let part = |part: &str| {
        let letters = |letter: u8| letter.is_ascii_alphanumeric() || matches!(letter, b'-' | b'_' | b'.');
        (1..=96).contains(&part.len()) && part.bytes().all(letters) && !part.starts_with('.')
    };
    text.split_once('/').is_some_and(|(owner, name)| part(owner) && part(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "[[model]]\nname = \"a\"\nlabel = \"A\"\nkind = \"depth\"\ndescription = \"It.\"\nlicence = \"MIT\"\npage = \"https://a.example\"\n";

    fn problem(rest: &str) -> String {
        Catalogue::read(&format!("{HEAD}{rest}")).unwrap_err().to_string()
    }

    #[test]
    fn the_catalogue_that_is_compiled_in_is_sound() {
        let catalogue = Catalogue::embedded().unwrap();
        assert!(catalogue.entries().len() >= 30, "{}", catalogue.entries().len());
        for entry in catalogue.entries() {
            assert!(entry.description.ends_with('.') || entry.description.ends_with('!'), "{}", entry.name);
        }
        for kind in [
            "text-to-image",
            "parts",
            "background-removal",
            "upscaler",
            "captions",
            "depth",
            "translation",
            "chat",
        ] {
            let kind: ModelKind = serde_json::from_value(kind.into()).unwrap();
            assert!(catalogue.entries().iter().any(|entry| entry.kind == kind), "{kind:?}");
        }
    }

    #[test]
    fn parts_of_painting_models_can_be_fetched_by_the_names_that_the_scan_says() {
        let catalogue = Catalogue::embedded().unwrap();
        for name in ["flux.1-parts", "flux.2-klein-4b-parts", "stable-diffusion-3.5-parts"] {
            assert_eq!(catalogue.find(name).unwrap().kind, ModelKind::Parts, "{name}");
        }
        for name in ["stable-diffusion-v1-5", "stable-diffusion-xl-base-1.0"] {
            assert!(catalogue.find(name).is_ok(), "{name}");
        }
    }

    #[test]
    fn an_entry_says_where_its_files_are_in_one_way() {
        assert!(problem("").contains("either ships or has sources"));
        assert!(
            problem("ships = true\n[[model.from]]\nrepo = \"a/b\"\nfiles = [\"c\"]").contains("either ships")
        );
        assert!(problem("[[model.from]]\nurl = \"http://a.example/b\"").contains("https"));
        assert!(problem("[[model.from]]\nurl = \"https://a.example/b\"").contains("sha256"));
        assert!(problem("[[model.from]]\nrepo = \"a\"\nfiles = [\"c\"]").contains("owner/name"));
        assert!(problem("[[model.from]]\nrepo = \"a/b\"\nfiles = [\"../c\"]").contains("../c"));
        assert!(problem("[[model.from]]\nrepo = \"a/b\"\nfile = [\"c\"]").contains("unknown field"));
        assert!(
            problem("[[model.from]]\nrepo = \"a/b\"\nfiles = [\"c\"]\nrevision = \"../x\"")
                .contains("revision")
        );
    }

    #[test]
    fn names_are_folders_on_every_system() {
        for name in ["sd-1.5", "u2net", "qwen2.5-0.5b-instruct-gguf"] {
            assert!(is_name(name), "{name}");
        }
        for name in ["", "A", "a b", "a/b", "..", "a..b", "-a", "a.", ".a", "a_b"] {
            assert!(!is_name(name), "{name}");
        }
    }

    #[test]
    fn an_unknown_name_gets_the_nearest_one_if_it_is_near() {
        let catalogue = Catalogue::embedded().unwrap();
        let error = |name| catalogue.find(name).unwrap_err().to_string();
        let near = error("u2nett");
        assert!(near.contains("did you mean \"u2net"), "{near}");
        assert_eq!(error("nope"), "The catalogue has no model \"nope\". `qpyt models catalogue` lists them.");
    }
}
