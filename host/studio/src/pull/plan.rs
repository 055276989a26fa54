//! What a pull will fetch: the files of one commit with their sizes and digests, kept beside what is fetched so that a
//! resumed pull gets the very same files.

use serde::{Deserialize, Serialize};

use super::error::PullError;
use super::hub::{Hub, HubFile};
use super::name::FileName;
use crate::catalogue::{Entry, KnownFile, Sha256, Source};

/// All files of a model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Plan {
    pub(super) files: Vec<PlannedFile>,
}

/// One file of a model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct PlannedFile {
    pub(super) origin: Origin,
    /// Its place in the model's folder.
    pub(super) save_as: FileName,
    /// Its size, where somebody said it.
    pub(super) bytes: Option<u64>,
    /// Its digest, where somebody said it.
    pub(super) sha256: Option<Sha256>,
}

/// Where a file comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Origin {
    Hub { repo: String, commit: String, path: FileName },
    Url { url: String },
}

impl Plan {
    /// Asks the Hub which files the entry means.
    pub(super) async fn make(entry: &Entry, hub: &Hub) -> Result<Self, PullError> {
        let mut files = Vec::new();
        for source in &entry.sources {
            match source {
                Source::Url { url, save_as, bytes, sha256 } => files.push(PlannedFile {
                    origin: Origin::Url { url: url.clone() },
                    save_as: save_as.parse().map_err(|error| listing(url, &error))?,
                    bytes: *bytes,
                    sha256: Some(*sha256),
                }),
                Source::Hub { repo, revision, files: patterns, save_as, known } => {
                    let commit = hub.commit(repo, revision).await?;
                    let listed = hub.list(repo, &commit).await?;
                    for file in selected(repo, listed, patterns)? {
                        files.push(planned(repo, &commit, file, save_as.as_deref(), known)?);
                    }
                }
            }
        }
        Ok(Self { files })
    }

    /// Bytes of all files, where every size is known.
    pub(super) fn total(&self) -> Option<u64> {
        self.files.iter().try_fold(0_u64, |sum, file| sum.checked_add(file.bytes?))
    }
}

/// The files that the patterns mean, each once. A pattern that means none tells of a repository that changed.
fn selected(repo: &str, listed: Vec<HubFile>, patterns: &[String]) -> Result<Vec<HubFile>, PullError> {
    for pattern in patterns {
        if !listed.iter().any(|file| file.path.matches(pattern)) {
            return Err(PullError::Gone(format!("{pattern} in {repo}")));
        }
    }
    let meant = |file: &HubFile| patterns.iter().any(|pattern| file.path.matches(pattern));
    Ok(listed.into_iter().filter(meant).collect())
}

/// A file as it will be fetched. Where the catalogue knows it, the Hub has to agree.
fn planned(
    repo: &str,
    commit: &str,
    file: HubFile,
    save_as: Option<&str>,
    known: &[KnownFile],
) -> Result<PlannedFile, PullError> {
    let (mut bytes, mut sha256) = (file.bytes, file.sha256);
    if let Some(known) = known.iter().find(|known| known.path == file.path.as_str()) {
        let found = sha256.unwrap_or(known.sha256);
        if found != known.sha256 {
            let file = file.path.to_string();
            return Err(PullError::WrongDigest { file, expected: known.sha256, found });
        }
        (bytes, sha256) = (known.bytes, Some(known.sha256));
    }
    let save_as = match save_as {
        Some(text) => text.parse().map_err(|error| listing(repo, &error))?,
        None => file.path.clone(),
    };
    let origin = Origin::Hub { repo: repo.to_owned(), commit: commit.to_owned(), path: file.path };
    Ok(PlannedFile { origin, save_as, bytes: Some(bytes), sha256 })
}

fn listing(repo: &str, error: &super::name::BadFileName) -> PullError {
    PullError::BadListing { repo: repo.to_owned(), reason: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str) -> HubFile {
        HubFile { path: path.parse().unwrap(), bytes: 5, sha256: Some(Sha256::from([1; 32])) }
    }

    #[test]
    fn a_pattern_that_means_nothing_is_told() {
        let listed = vec![file("a.json"), file("b.bin")];
        assert_eq!(selected("o/r", listed.clone(), &["*.json".to_owned()]).unwrap(), [file("a.json")]);
        let both = ["a.json".to_owned(), "*.json".to_owned()];
        assert_eq!(selected("o/r", listed.clone(), &both).unwrap().len(), 1);
        let error = selected("o/r", listed, &["c.txt".to_owned()]).unwrap_err();
        assert!(error.to_string().contains("c.txt in o/r"), "{error}");
    }

    #[test]
    fn the_hub_can_t_change_what_the_catalogue_knows() {
        let known = |byte| KnownFile { path: "a.bin".to_owned(), bytes: 5, sha256: Sha256::from([byte; 32]) };
        assert!(planned("o/r", "c", file("a.bin"), None, &[known(1)]).is_ok());
        let error = planned("o/r", "c", file("a.bin"), None, &[known(2)]).unwrap_err();
        assert!(matches!(error, PullError::WrongDigest { .. }), "{error}");
    }

    #[test]
    fn a_plan_is_read_back_as_it_was_written_and_only_with_sound_names() {
        let planned = planned("o/r", "c", file("x/a.bin"), Some("unet/b.bin"), &[]).unwrap();
        let text = serde_json::to_string(&Plan { files: vec![planned.clone()] }).unwrap();
        let read: Plan = serde_json::from_str(&text).unwrap();
        assert_eq!(read.files, [planned]);
        assert_eq!(read.total(), Some(5));
        assert!(serde_json::from_str::<Plan>(&text.replace("unet/b.bin", "../b.bin")).is_err());
    }
}
