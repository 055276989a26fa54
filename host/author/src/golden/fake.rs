//! A studio that gives the same answers every time and remembers what it was asked.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use qpyt_bricks::capability::{
    Adapter, ChatRequest, Clock, Completion, Content, Control, Detail, Files, Finish, Gallery, Header, Http,
    HttpError, HttpRequest, HttpResponse, Imaging, JobError, Language, Level, ModelInfo, Models, Moment,
    Painting, Reporter, Saved, SecretHandle, Secrets, Start, StoreError, Upscaling, UsualSampling, Vision,
};
use qpyt_bricks::media::{Container, Image, encode};
use qpyt_bricks::{Digest, Interface};
use serde::{Deserialize, Serialize};

use super::pattern::{depth, disc, enlarge, paint_all};

/// The moment at which every test happens.
const NOW: Moment = Moment { year: 2026, month: 1, day: 2, hour: 3, minute: 4, second: 5 };
const MAX_CALLS: usize = 1000;

/// An answer of a server, recorded in a case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Recorded {
    /// To which address.
    pub(super) url: String,
    /// The method that it answers; any if none is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) method: Option<String>,
    #[serde(default = "ok")]
    pub(super) status: u16,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) headers: BTreeMap<String, String>,
    /// A text as it is; anything else as JSON.
    #[serde(default)]
    pub(super) body: serde_json::Value,
}

const fn ok() -> u16 {
    200
}

/// Something that a person would have to allow.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Ask {
    /// The interface.
    pub import: Interface,
    /// Which folder, host or secret.
    pub scope: String,
}

/// What was asked of the studio.
#[derive(Debug, Default, Clone)]
pub(super) struct Seen {
    pub(super) calls: Vec<String>,
    pub(super) asks: Vec<Ask>,
    pub(super) log: Vec<String>,
    /// Which recorded answers were given.
    given: Vec<bool>,
}

/// The studio of one case.
pub(super) struct FakeStudio {
    http: Vec<Recorded>,
    pictures: Vec<Image>,
    seen: Mutex<Seen>,
}

impl FakeStudio {
    /// With these answers on the network and these pictures in the store.
    pub(super) fn new(http: Vec<Recorded>, pictures: Vec<Image>) -> Self {
        let seen = Seen { given: vec![false; http.len()], ..Seen::default() };
        Self { http, pictures, seen: Mutex::new(seen) }
    }

    /// What it was asked so far.
    pub(super) fn seen(&self) -> Seen {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, interface: Interface, what: &str) {
        let mut seen = self.lock();
        if seen.calls.len() < MAX_CALLS {
            seen.calls.push(format!("{interface} {what}"));
        }
    }

    fn note_ask(&self, import: Interface, scope: &str) {
        let mut seen = self.lock();
        let ask = Ask { import, scope: scope.to_owned() };
        if !seen.asks.contains(&ask) && seen.asks.len() < MAX_CALLS {
            seen.asks.push(ask);
        }
    }

    /// The next recorded answer to this request; the last one is given again and again.
    fn recorded(&self, request: &HttpRequest) -> Option<&Recorded> {
        let fits = |recorded: &Recorded| {
            recorded.url == request.url
                && recorded
                    .method
                    .as_ref()
                    .is_none_or(|method| method.eq_ignore_ascii_case(request.method.name()))
        };
        let given = &mut self.lock().given;
        let mut fitting = self.http.iter().enumerate().filter(|(_, recorded)| fits(recorded)).peekable();
        while let Some((index, recorded)) = fitting.next() {
            let used = given.get_mut(index)?;
            if !*used || fitting.peek().is_none() {
                *used = true;
                return Some(recorded);
            }
        }
        None
    }
}

#[async_trait]
impl Imaging for FakeStudio {
    async fn paint(&self, painting: Painting) -> Result<Image, JobError> {
        self.note(Interface::AiImaging, &description(&painting));
        paint_all(&painting)
    }
}

#[async_trait]
impl Vision for FakeStudio {
    async fn matte(&self, model: String, source: Image) -> Result<Image, JobError> {
        self.note(Interface::AiVision, &format!("matte {model:?} of {}", source.digest()));
        disc(&source)
    }

    async fn depth(&self, model: String, source: Image) -> Result<Image, JobError> {
        self.note(Interface::AiVision, &format!("depth {model:?} of {}", source.digest()));
        depth(&source)
    }

    async fn caption(&self, model: String, source: Image, detail: Detail) -> Result<String, JobError> {
        self.note(Interface::AiVision, &format!("caption {model:?} of {} {detail:?}", source.digest()));
        let size = format!("{} by {}", source.width(), source.height());
        Ok(match detail {
            Detail::Tags => format!("picture, {size}"),
            _ => format!("A picture of {size} pixels."),
        })
    }

    async fn upscale(&self, model: String, source: Image, upscaling: Upscaling) -> Result<Image, JobError> {
        let Upscaling { factor, tile } = upscaling;
        let what = format!("upscale {model:?} of {} by {factor} in {tile:?}", source.digest());
        self.note(Interface::AiVision, &what);
        enlarge(&source, upscaling)
    }
}

#[async_trait]
impl Language for FakeStudio {
    async fn complete(&self, request: ChatRequest) -> Result<Completion, JobError> {
        self.note(Interface::AiLanguage, &format!("complete {}", line(&request)));
        let words = |text: &str| u32::try_from(text.split_whitespace().count()).unwrap_or(u32::MAX);
        let last = request.messages.last().map(|message| message.content.as_str()).unwrap_or_default();
        let text = format!("An answer to: {last}");
        let prompt_tokens = request.messages.iter().map(|message| words(&message.content)).sum();
        Ok(Completion { output_tokens: words(&text), text, prompt_tokens, finish: Finish::Stop })
    }

    async fn translate(&self, model: String, text: String) -> Result<String, JobError> {
        self.note(Interface::AiLanguage, &format!("translate {model:?} {text:?}"));
        Ok(format!("A translation of: {text}"))
    }
}

/// What was asked, in a line.
fn description(painting: &Painting) -> String {
    let Painting { request, start, guides } = painting;
    let mut said = match start {
        Start::Noise => format!("text-to-image {}", line(request)),
        Start::Repainting { source, strength } => {
            format!("image-to-image {} of {} at {strength}", line(request), source.digest())
        }
        Start::Inpainting { source, mask, strength } => {
            let (source, mask) = (source.digest(), mask.digest());
            format!("inpainting {} of {source} where {mask} at {strength}", line(request))
        }
    };
    for Adapter { model, weight } in &guides.adapters {
        said += &format!(" with {model} at {weight}");
    }
    for Control { model, picture, weight, begin, end } in &guides.controls {
        said += &format!(" along {model} of {} at {weight} from {begin} until {end}", picture.digest());
    }
    for reference in &guides.references {
        said += &format!(" after {}", reference.digest());
    }
    said
}

fn line(request: &impl Serialize) -> String {
    serde_json::to_string(request).unwrap_or_default()
}

/// Every model is installed.
fn model(id: String, family: String) -> ModelInfo {
    ModelInfo { label: id.clone(), id, family, bytes: 1 << 20, size_multiple: 8, native_size: 512 }
}

#[async_trait]
impl Models for FakeStudio {
    async fn find_model(&self, id: String) -> Option<ModelInfo> {
        self.note(Interface::AiModels, &format!("find-model {id:?}"));
        Some(model(id, "stable-diffusion".to_owned()))
    }

    async fn find_usual_sampling(&self, id: String) -> Option<UsualSampling> {
        self.note(Interface::AiModels, &format!("find-usual-sampling {id:?}"));
        Some(UsualSampling { steps: 25, guidance: 7.0, guided: true })
    }

    async fn list_models(&self, family: Option<String>) -> Vec<ModelInfo> {
        self.note(Interface::AiModels, &format!("list-models {family:?}"));
        vec![model("fake".to_owned(), family.unwrap_or_else(|| "stable-diffusion".to_owned()))]
    }
}

#[async_trait]
impl Content for FakeStudio {
    async fn open(&self, digest: Digest) -> Result<Image, StoreError> {
        self.note(Interface::StoreContent, &format!("open {digest}"));
        let found = self.pictures.iter().find(|picture| picture.digest() == digest);
        found.cloned().ok_or_else(|| {
            StoreError::NotFound(format!("there is no picture {digest}; a case gives one as a parameter with {{\"image\": \"file.png\"}}"))
        })
    }
}

#[async_trait]
impl Gallery for FakeStudio {
    async fn save(
        &self,
        picture: Image,
        title: String,
        container: Container,
        quality: u8,
        info: serde_json::Value,
    ) -> Result<Saved, StoreError> {
        self.note(
            Interface::StoreGallery,
            &format!(
                "save {title:?} {} quality {quality} {} {info}",
                container.extension(),
                picture.digest()
            ),
        );
        let file =
            encode(&picture, container, quality).map_err(|error| StoreError::Other(error.to_string()))?;
        let file = Digest::of(&file).to_string();
        Ok(Saved {
            id: format!("fake-{}", file.chars().skip("blake3:".len()).take(12).collect::<String>()),
            file,
        })
    }
}

#[async_trait]
impl Files for FakeStudio {
    async fn save(
        &self,
        picture: Image,
        folder: String,
        name: String,
        container: Container,
        quality: u8,
    ) -> Result<String, StoreError> {
        let path = format!("{folder}/{name}.{}", container.extension());
        self.note(Interface::StoreFiles, &format!("save {path:?} quality {quality} {}", picture.digest()));
        self.note_ask(Interface::StoreFiles, &folder);
        Ok(path)
    }
}

#[async_trait]
impl Http for FakeStudio {
    async fn send(
        &self,
        request: HttpRequest,
        bearer: Option<SecretHandle>,
        most: u64,
    ) -> Result<HttpResponse, HttpError> {
        let with = bearer.map(|secret| format!(" with the secret {:?}", secret.name())).unwrap_or_default();
        let what = format!("{} {} ({} bytes){with}", request.method.name(), request.url, request.body.len());
        self.note(Interface::StoreHttp, &what);
        self.note_ask(Interface::StoreHttp, &host_of(&request.url));
        let recorded = self.recorded(&request).ok_or_else(|| {
            HttpError::Unreachable(format!(
                "the case records no answer to {} {}; add it to its `http`",
                request.method.name(),
                request.url
            ))
        })?;
        let body = match &recorded.body {
            serde_json::Value::Null => Vec::new(),
            serde_json::Value::String(text) => text.as_bytes().to_vec(),
            json => json.to_string().into_bytes(),
        };
        if body.len() as u64 > most {
            return Err(HttpError::TooLarge(most));
        }
        let header = |(name, value): (&String, &String)| Header { name: name.clone(), value: value.clone() };
        Ok(HttpResponse {
            status: recorded.status,
            headers: recorded.headers.iter().map(header).collect(),
            body,
        })
    }
}

/// `host:port`, as permissions are given.
fn host_of(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let host = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    let host = host.rsplit('@').next().unwrap_or(host).to_ascii_lowercase();
    let has_port =
        host.rsplit_once(':').is_some_and(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()));
    match scheme.to_ascii_lowercase().as_str() {
        "https" if !has_port => format!("{host}:443"),
        "http" if !has_port => format!("{host}:80"),
        _ => host,
    }
}

#[async_trait]
impl Secrets for FakeStudio {
    async fn get(&self, name: String) -> Result<SecretHandle, StoreError> {
        self.note(Interface::StoreSecrets, &format!("get {name:?}"));
        self.note_ask(Interface::StoreSecrets, &name);
        Ok(SecretHandle::new(name))
    }
}

impl Reporter for FakeStudio {
    fn log(&self, level: Level, message: &str) {
        let level = format!("{level:?}").to_lowercase();
        self.lock().log.push(format!("{level}: {message}"));
    }

    fn progress(&self, _fraction: f32, _note: &str) {}
}

impl Clock for FakeStudio {
    fn now(&self) -> Moment {
        self.note(Interface::JobClock, "now");
        NOW
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use qpyt_bricks::capability::Method;

    fn recorded(url: &str, method: Option<&str>, body: &str) -> Recorded {
        let (url, method) = (url.to_owned(), method.map(str::to_owned));
        Recorded { url, method, status: 200, headers: BTreeMap::new(), body: body.into() }
    }

    async fn ask(studio: &FakeStudio, method: Method, url: &str) -> Result<String, HttpError> {
        let request = HttpRequest { method, url: url.to_owned(), headers: Vec::new(), body: Vec::new() };
        let response = studio.send(request, None, 1000).await?;
        Ok(String::from_utf8(response.body).unwrap())
    }

    #[tokio::test]
    async fn recorded_answers_come_in_order_and_the_last_one_stays() {
        let url = "https://api.example.org/a";
        let studio = FakeStudio::new(
            vec![
                recorded(url, None, "one"),
                recorded(url, Some("post"), "posted"),
                recorded(url, None, "two"),
            ],
            Vec::new(),
        );
        for body in ["one", "two", "two"] {
            assert_eq!(ask(&studio, Method::Get, url).await.unwrap(), body);
        }
        assert_eq!(ask(&studio, Method::Post, url).await.unwrap(), "posted");
        let error = ask(&studio, Method::Get, "https://api.example.org/b").await.unwrap_err().to_string();
        assert!(error.contains("records no answer to GET https://api.example.org/b"), "{error}");
        let seen = studio.seen();
        assert_eq!(seen.calls.len(), 5);
        let scope = "api.example.org:443".to_owned();
        assert_eq!(seen.asks, [Ask { import: Interface::StoreHttp, scope }]);
    }

    #[test]
    fn hosts_are_told_with_their_port() {
        for (url, host) in [
            ("https://Example.org/a?b", "example.org:443"),
            ("http://example.org", "example.org:80"),
            ("http://127.0.0.1:8089/x", "127.0.0.1:8089"),
            ("https://me:pw@example.org:8443/", "example.org:8443"),
        ] {
            assert_eq!(host_of(url), host);
        }
    }
}
