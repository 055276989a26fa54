//! The Hub as it is needed here: which commit a revision is, which files that has, and where each is. Its addresses
//! and headers are those that its own client uses: `/api/models/{repo}/revision/{rev}`,
//! `/api/models/{repo}/tree/{rev}?recursive=true`, `/{repo}/resolve/{rev}/{path}`, and `X-Error-Code` in refusals.

use std::sync::Arc;
use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::{LINK, RETRY_AFTER};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use url::Url;

use super::error::PullError;
use super::name::FileName;
use crate::catalogue::Sha256;
use crate::config::HubConfig;
use crate::network::Network;
use crate::network::download::{Asking, Download};
use crate::store::{SecretValue, Store, StoreError};

/// The secret that holds the person's token.
pub const TOKEN_SECRET: &str = "huggingface";
/// The largest answer that is read as JSON.
const MOST_JSON: usize = 8 << 20;
/// Pages of one listing; each has up to 1,000 files.
const MOST_PAGES: usize = 10;
/// Files of one listing.
const MOST_FILES: usize = 10_000;

/// The way to the Hub.
pub(super) struct Hub {
    network: Arc<Network>,
    store: Arc<Store>,
    config: HubConfig,
}

/// A file in a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct HubFile {
    pub(super) path: FileName,
    pub(super) bytes: u64,
    /// Large files have one in the listing; small ones have not.
    pub(super) sha256: Option<Sha256>,
}

#[derive(Deserialize)]
struct Revision {
    sha: String,
}

/// An entry of a listing, as far as it is used.
#[derive(Deserialize)]
struct Listed {
    #[serde(rename = "type")]
    kind: String,
    path: String,
    #[serde(default)]
    size: u64,
    lfs: Option<ListedLfs>,
}

#[derive(Deserialize)]
struct ListedLfs {
    oid: String,
    size: u64,
}

impl Hub {
    pub(super) fn new(network: Arc<Network>, store: Arc<Store>, config: HubConfig) -> Self {
        Self { network, store, config }
    }

    /// The page of a repository, for the person.
    pub(super) fn page(&self, repo: &str) -> String {
        format!("{}/{repo}", self.base())
    }

    /// Where a file is.
    pub(super) fn file_url(&self, repo: &str, commit: &str, path: &FileName) -> Result<String, PullError> {
        let parts: Vec<&str> =
            repo.split('/').chain(["resolve", commit]).chain(path.as_str().split('/')).collect();
        Ok(self.url(repo, &parts)?.into())
    }

    /// The commit that a revision is now. A commit is one already.
    pub(super) async fn commit(&self, repo: &str, revision: &str) -> Result<String, PullError> {
        if is_commit(revision) {
            return Ok(revision.to_owned());
        }
        let url = self.api(repo, &["revision", revision])?;
        let (found, _) = self.json::<Revision>(repo, &url).await?;
        if is_commit(&found.sha) { Ok(found.sha) } else { Err(bad(repo, "it names no commit")) }
    }

    /// All files of a commit.
    pub(super) async fn list(&self, repo: &str, commit: &str) -> Result<Vec<HubFile>, PullError> {
        let mut files = Vec::new();
        let mut next = Some(format!("{}?recursive=true", self.api(repo, &["tree", commit])?));
        for _ in 0..MOST_PAGES {
            let Some(url) = next.take() else { return Ok(files) };
            let (page, more) = self.json::<Vec<Listed>>(repo, &url).await?;
            for listed in page.into_iter().filter(|listed| listed.kind == "file") {
                files.extend(read_entry(repo, listed)?);
            }
            if files.len() > MOST_FILES {
                return Err(bad(repo, &format!("it has more than {MOST_FILES} files")));
            }
            next = more;
        }
        if next.is_some() { Err(bad(repo, "it does not end")) } else { Ok(files) }
    }

    /// Asks for a file of a repository, or of another server without a token.
    pub(super) async fn file(
        &self,
        repo: Option<&str>,
        url: &str,
        from: u64,
        etag: Option<&str>,
    ) -> Result<Download, PullError> {
        let token = if repo.is_some() { self.token()? } else { None };
        let asking = Asking { bearer: token.as_ref(), from, if_range: etag };
        let download = self.network.download(url, asking).await?;
        let what = url.rsplit('/').next().unwrap_or(url);
        match (download.status(), repo) {
            (StatusCode::OK | StatusCode::PARTIAL_CONTENT | StatusCode::RANGE_NOT_SATISFIABLE, _) => {
                Ok(download)
            }
            (_, Some(repo)) => Err(self.refusal(repo, what, &download, token.is_some())),
            (StatusCode::NOT_FOUND | StatusCode::GONE, None) => Err(PullError::Gone(what.to_owned())),
            (_, None) => Err(status(&download, what)),
        }
    }

    /// The person's token: the secret, else the variable.
    fn token(&self) -> Result<Option<SecretValue>, PullError> {
        match self.store.secret(TOKEN_SECRET) {
            Ok(token) => Ok(Some(token)),
            Err(StoreError::NoSecret(_)) => Ok(self.config.token.clone()),
            Err(error) => Err(PullError::Store(error.to_string())),
        }
    }

    /// Reads JSON, and the address of the page after it.
    async fn json<T: DeserializeOwned>(
        &self,
        repo: &str,
        url: &str,
    ) -> Result<(T, Option<String>), PullError> {
        let token = self.token()?;
        let asking = Asking { bearer: token.as_ref(), ..Asking::default() };
        let download = self.network.download(url, asking).await?;
        if download.status() != StatusCode::OK {
            return Err(self.refusal(repo, repo, &download, token.is_some()));
        }
        let more = download.header(&LINK).and_then(next_page);
        // A page elsewhere would be asked with the token, so it is not.
        let more = more.filter(|more| more.starts_with(&format!("{}/", self.base())));
        let body = download.text(MOST_JSON).await?;
        let read = serde_json::from_slice(&body).map_err(|error| bad(repo, &error.to_string()))?;
        Ok((read, more))
    }

    /// What a refusal means. The Hub says 401 for what it does not show to strangers, whether it is there or not.
    fn refusal(&self, repo: &str, what: &str, download: &Download, with_token: bool) -> PullError {
        let (page, tokens) = (self.page(repo), format!("{}/settings/tokens", self.base()));
        let repo = repo.to_owned();
        match (download.status().as_u16(), download.header_named("x-error-code"), with_token) {
            (404, ..) | (_, Some("EntryNotFound" | "RevisionNotFound"), _) => {
                PullError::Gone(what.to_owned())
            }
            (401 | 403, _, true) => PullError::NoAccess { repo, page, tokens },
            (401 | 403, _, false) => PullError::Gated { repo, page, tokens },
            _ => status(download, what),
        }
    }

    fn api(&self, repo: &str, rest: &[&str]) -> Result<String, PullError> {
        let parts: Vec<&str> =
            ["api", "models"].into_iter().chain(repo.split('/')).chain(rest.iter().copied()).collect();
        Ok(self.url(repo, &parts)?.into())
    }

    fn base(&self) -> &str {
        self.config.endpoint.as_str().trim_end_matches('/')
    }

    /// An address below the Hub's, each part written so that it stays one part.
    fn url(&self, repo: &str, parts: &[&str]) -> Result<Url, PullError> {
        let mut url = self.config.endpoint.clone();
        url.path_segments_mut()
            .map_err(|()| bad(repo, "HF_ENDPOINT has no path"))?
            .pop_if_empty()
            .extend(parts);
        Ok(url)
    }
}

/// A status that is no answer, with the wait that the server asks for (RFC 9110, 10.2.3).
fn status(download: &Download, what: &str) -> PullError {
    let wait = download.header(&RETRY_AFTER).and_then(|seconds| seconds.trim().parse().ok());
    PullError::Status {
        status: download.status().as_u16(),
        what: what.to_owned(),
        wait: wait.map(Duration::from_secs),
    }
}

fn bad(repo: &str, reason: &str) -> PullError {
    let reason = reason.chars().filter(|letter| !letter.is_control()).take(200).collect();
    PullError::BadListing { repo: repo.to_owned(), reason }
}

fn is_commit(text: &str) -> bool {
    text.len() == 40 && text.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
}

/// A file of a listing. What could lead out of the model's folder is no slip, so the whole listing is refused; what is
/// merely no name for a file of a model is passed over.
fn read_entry(repo: &str, listed: Listed) -> Result<Option<HubFile>, PullError> {
    let leads_out = listed.path.starts_with('/')
        || listed.path.contains(['\\', '\0'])
        || listed.path.split('/').any(|part| matches!(part, "" | "." | ".."));
    let path = listed.path.parse::<FileName>();
    if leads_out {
        let name = path.err().map(|error| error.to_string()).unwrap_or_default();
        return Err(bad(repo, &name));
    }
    let Ok(path) = path else { return Ok(None) };
    let (bytes, sha256) = match listed.lfs {
        None => (listed.size, None),
        Some(lfs) => {
            let digest = lfs.oid.parse().map_err(|problem| bad(repo, &format!("{path}: {problem}")))?;
            (lfs.size, Some(digest))
        }
    };
    Ok(Some(HubFile { path, bytes, sha256 }))
}

/// The address in a `Link` header that is marked `rel="next"` (RFC 8288).
fn next_page(link: &str) -> Option<String> {
    link.split(',').find_map(|entry| {
        let (address, parameters) = entry.trim().strip_prefix('<')?.split_once('>')?;
        parameters.contains("rel=\"next\"").then(|| address.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(path: &str) -> Listed {
        Listed { kind: "file".to_owned(), path: path.to_owned(), size: 3, lfs: None }
    }

    #[test]
    fn a_listing_that_leads_out_of_the_folder_is_refused_whole() {
        for path in ["../x", "/etc/passwd", "a/../../x", "a\\..\\x", "", "a//b"] {
            assert!(read_entry("a/b", listed(path)).is_err(), "{path:?} was taken");
        }
        assert_eq!(read_entry("a/b", listed(".gitattributes")).unwrap(), None);
        assert_eq!(read_entry("a/b", listed("config.json")).unwrap().unwrap().bytes, 3);
    }

    #[test]
    fn the_next_page_is_the_one_that_is_marked() {
        let link = "<https://a.example/?cursor=1>; rel=\"next\", <https://a.example/>; rel=\"first\"";
        assert_eq!(next_page(link).as_deref(), Some("https://a.example/?cursor=1"));
        assert_eq!(next_page("<https://a.example/>; rel=\"prev\""), None);
        assert_eq!(next_page("nonsense"), None);
    }

    #[test]
    fn a_digest_in_a_listing_is_a_digest() {
        let mut entry = listed("model.safetensors");
        entry.lfs = Some(ListedLfs { oid: "zz".to_owned(), size: 1 });
        assert!(read_entry("a/b", entry).is_err());
    }
}
