//! A studio that remembers what it was asked.

use std::sync::{
    Mutex,
    atomic::{AtomicUsize, Ordering},
};

use async_trait::async_trait;
use qpyt_bricks::{
    Digest,
    capability::{
        ChatRequest, Clock, Completion, Content, Detail, Files, Finish, Gallery, Guides, Header, Http,
        HttpError, HttpRequest, HttpResponse, Imaging, JobError, Language, Level, ModelInfo, Models, Moment,
        Painting, Reporter, Saved, SecretHandle, Secrets, Start, StoreError, TextRequest, Upscaling,
        UsualSampling, Vision,
    },
    media::{Container, Filter, Image, PixelFormat},
};
use tokio::sync::Notify;

/// How inference answers.
#[derive(Default)]
pub enum Answering {
    #[default]
    AtOnce,
    After(std::time::Duration),
    Never,
    Fails(JobError),
}

#[derive(Default)]
pub struct FakeHost {
    pub painting: Answering,
    pub requests: Mutex<Vec<TextRequest>>,
    /// Told when a painting begins.
    pub asked: Notify,
    /// Paintings that were dropped before they were done.
    pub dropped: AtomicUsize,
    pub kept: Mutex<Vec<String>>,
    /// What was asked of the models that see and write.
    pub looked: Mutex<Vec<String>>,
    /// How the network answers; none: by saying back what was sent.
    pub answer: Option<Result<HttpResponse, HttpError>>,
    /// What was sent into the network, with the name of the secret, and how much may come back.
    pub sent: Mutex<Vec<(HttpRequest, Option<String>, u64)>>,
    pub lines: Mutex<Vec<(Level, String)>>,
    pub progress: Mutex<Vec<(f32, String)>>,
}

impl FakeHost {
    pub fn painting(painting: Answering) -> Self {
        Self { painting, ..Self::default() }
    }

    pub fn log(&self) -> Vec<(Level, String)> {
        self.lines.lock().unwrap().clone()
    }

    fn note_guides(&self, guides: &Guides) {
        let mut looked = self.looked.lock().unwrap();
        looked.extend(guides.adapters.iter().map(|it| format!("adapter {} at {}", it.model, it.weight)));
        looked.extend(guides.controls.iter().map(|it| {
            let (what, weight, begin, end) = (it.picture.digest(), it.weight, it.begin, it.end);
            format!("control {} by {what} at {weight} from {begin} until {end}", it.model)
        }));
        looked.extend(guides.references.iter().map(|it| format!("reference {}", it.digest())));
    }

    async fn answer(&self, request: TextRequest) -> Result<Image, JobError> {
        let (width, height) = (request.width, request.height);
        self.requests.lock().unwrap().push(request);
        self.asked.notify_one();
        match &self.painting {
            Answering::AtOnce => {}
            Answering::After(time) => tokio::time::sleep(*time).await,
            Answering::Never => {
                let _watch = CountDrop(&self.dropped);
                std::future::pending::<()>().await;
            }
            Answering::Fails(error) => return Err(error.clone()),
        }
        let pixels = vec![200; PixelFormat::Rgb8.bytes(width, height) as usize];
        Image::new(PixelFormat::Rgb8, width, height, pixels)
            .map_err(|error| JobError::Other(error.to_string()))
    }
}

struct CountDrop<'a>(&'a AtomicUsize);

impl Drop for CountDrop<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// The one picture in the store.
pub fn stored_picture() -> Image {
    Image::new(PixelFormat::Rgb8, 4, 4, (0..48).collect()).unwrap()
}

#[async_trait]
impl Imaging for FakeHost {
    async fn paint(&self, painting: Painting) -> Result<Image, JobError> {
        match painting.start {
            Start::Noise => {}
            Start::Repainting { source, strength } => assert_eq!((source, strength), (stored_picture(), 0.5)),
            Start::Inpainting { source, mask, strength } => {
                let (what, size) = (source.digest(), (mask.width(), mask.height()));
                self.looked.lock().unwrap().push(format!("inpaint {what} within {size:?} at {strength}"));
            }
        }
        self.note_guides(&painting.guides);
        self.answer(painting.request).await
    }
}

#[async_trait]
impl Vision for FakeHost {
    async fn matte(&self, model: String, source: Image) -> Result<Image, JobError> {
        self.looked.lock().unwrap().push(format!("matte {model}"));
        source.convert(PixelFormat::Luma8).map_err(|error| JobError::Other(error.to_string()))
    }

    async fn depth(&self, model: String, source: Image) -> Result<Image, JobError> {
        self.looked.lock().unwrap().push(format!("depth {model}"));
        source.convert(PixelFormat::Luma32f).map_err(|error| JobError::Other(error.to_string()))
    }

    async fn caption(&self, model: String, source: Image, detail: Detail) -> Result<String, JobError> {
        self.looked.lock().unwrap().push(format!("caption {model} {detail:?}"));
        Ok(format!("{} pixels wide", source.width()))
    }

    async fn upscale(&self, model: String, source: Image, upscaling: Upscaling) -> Result<Image, JobError> {
        self.looked.lock().unwrap().push(format!("upscale {model} {:?}", upscaling.tile));
        let (width, height) = upscaling.size_of(source.width(), source.height());
        source.resize(width, height, Filter::Nearest).map_err(|error| JobError::Other(error.to_string()))
    }
}

#[async_trait]
impl Language for FakeHost {
    async fn complete(&self, request: ChatRequest) -> Result<Completion, JobError> {
        self.looked.lock().unwrap().push(format!(
            "complete {} {:?} {} {} {} {} {:?}",
            request.model,
            request.messages,
            request.max_tokens,
            request.temperature,
            request.top_p,
            request.seed,
            request.extra
        ));
        let text = "a red fox".to_owned();
        Ok(Completion { text, prompt_tokens: 5, output_tokens: 3, finish: Finish::Length })
    }

    async fn translate(&self, model: String, text: String) -> Result<String, JobError> {
        self.looked.lock().unwrap().push(format!("translate {model}"));
        Ok(text.to_uppercase())
    }
}

#[async_trait]
impl Models for FakeHost {
    async fn find_model(&self, id: String) -> Option<ModelInfo> {
        self.list_models(None).await.into_iter().find(|model| model.id == id)
    }

    async fn find_usual_sampling(&self, id: String) -> Option<UsualSampling> {
        (id == "emoji").then_some(UsualSampling { steps: 25, guidance: 1.5, guided: true })
    }

    async fn list_models(&self, family: Option<String>) -> Vec<ModelInfo> {
        let family = family.unwrap_or_default();
        let model = ModelInfo {
            id: "emoji".to_owned(),
            label: "Emoji".to_owned(),
            family,
            bytes: 1,
            size_multiple: 8,
            native_size: 64,
        };
        vec![model]
    }
}

#[async_trait]
impl Content for FakeHost {
    async fn open(&self, digest: Digest) -> Result<Image, StoreError> {
        let picture = stored_picture();
        if digest == picture.digest() { Ok(picture) } else { Err(StoreError::NotFound(digest.to_string())) }
    }
}

#[async_trait]
impl Gallery for FakeHost {
    async fn save(
        &self,
        picture: Image,
        title: String,
        container: Container,
        quality: u8,
        info: serde_json::Value,
    ) -> Result<Saved, StoreError> {
        self.kept.lock().unwrap().push(format!("{title} {container:?} {quality} {info}"));
        Ok(Saved { id: "first".to_owned(), file: picture.digest().to_string() })
    }
}

#[async_trait]
impl Files for FakeHost {
    async fn save(
        &self,
        _picture: Image,
        folder: String,
        name: String,
        container: Container,
        quality: u8,
    ) -> Result<String, StoreError> {
        self.kept.lock().unwrap().push(format!("{folder}/{name} {container:?} {quality}"));
        Ok(format!("{folder}/{name}.{}", container.extension()))
    }
}

#[async_trait]
impl Http for FakeHost {
    async fn send(
        &self,
        request: HttpRequest,
        bearer: Option<SecretHandle>,
        most: u64,
    ) -> Result<HttpResponse, HttpError> {
        let echo = HttpResponse {
            status: 200,
            headers: vec![Header { name: "x-method".to_owned(), value: request.method.name().to_owned() }],
            body: request.body.clone(),
        };
        let bearer = bearer.map(|secret| secret.name().to_owned());
        self.sent.lock().unwrap().push((request, bearer, most));
        self.answer.clone().unwrap_or(Ok(echo))
    }
}

#[async_trait]
impl Secrets for FakeHost {
    async fn get(&self, name: String) -> Result<SecretHandle, StoreError> {
        match name.as_str() {
            "example-key" => Ok(SecretHandle::new(name)),
            _ => Err(StoreError::Denied(format!("run: qpyt bricks grant --secret {name}"))),
        }
    }
}

impl Reporter for FakeHost {
    fn log(&self, level: Level, message: &str) {
        self.lines.lock().unwrap().push((level, message.to_owned()));
    }

    fn progress(&self, fraction: f32, note: &str) {
        self.progress.lock().unwrap().push((fraction, note.to_owned()));
    }
}

impl Clock for FakeHost {
    fn now(&self) -> Moment {
        Moment { year: 2031, month: 2, day: 3, hour: 4, minute: 5, second: 6 }
    }
}
