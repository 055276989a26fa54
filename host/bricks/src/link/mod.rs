//! The host's side of the contract: what a brick's imports do.
//!
//! Written by hand rather than generated: the plain types of the crate are the types of the contract, and byte
//! lists are read where they lie in the brick's memory instead of being copied first
//! (`docs/decisions/023-imports-by-hand.md`). wasmtime checks every function against the brick's own copy of the
//! contract when the brick is loaded.

mod http;
mod image;
mod imaging;
mod inference;
mod job;
mod language;
mod models;
mod secrets;
mod store;
mod tensor;
mod vision;

use wasmtime::{Engine, component::Linker};

use crate::{
    HostError, Interface,
    capability::{HttpError, JobError, StoreError},
    media::MediaError,
    sandbox::{State, Stop},
};

/// Pictures with fewer pixels are worked on at once; handing them to another thread would cost more.
const INLINE_PIXELS: u64 = 256 * 256;

/// The longest texts that a brick may hand to the studio, in bytes.
const MAX_TEXT_BYTES: usize = 256 << 10;

/// Everything that needs no asking: WASI with nothing behind it, and media.
pub(crate) fn base(engine: &Engine) -> wasmtime::Result<Linker<State>> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    image::link(&mut linker)?;
    tensor::link(&mut linker)?;
    Ok(linker)
}

/// `base` and what the brick's manifest asks for.
pub(crate) fn with_uses(base: &Linker<State>, uses: &[Interface]) -> wasmtime::Result<Linker<State>> {
    let mut linker = base.clone();
    let mut linked = std::collections::HashSet::new();
    for interface in uses.iter().filter(|interface| linked.insert(**interface)) {
        match interface {
            Interface::JobContext => job::link_context(&mut linker)?,
            Interface::JobClock => job::link_clock(&mut linker)?,
            Interface::AiImaging => imaging::link(&mut linker)?,
            Interface::AiVision => vision::link(&mut linker)?,
            Interface::AiLanguage => language::link(&mut linker)?,
            Interface::AiModels => models::link(&mut linker)?,
            Interface::StoreContent => store::link_content(&mut linker)?,
            Interface::StoreGallery => store::link_gallery(&mut linker)?,
            Interface::StoreFiles => store::link_files(&mut linker)?,
            Interface::StoreHttp => http::link(&mut linker)?,
            Interface::StoreSecrets => secrets::link(&mut linker)?,
        }
    }
    if linked.contains(&Interface::StoreHttp) && !linked.contains(&Interface::StoreSecrets) {
        secrets::link_denied(&mut linker)?;
    }
    Ok(linker)
}

/// How an import fails: told to the brick as the contract's error, or by ending the run.
enum Fail<E> {
    Told(E),
    Trap(wasmtime::Error),
}

impl<E> From<wasmtime::Error> for Fail<E> {
    fn from(error: wasmtime::Error) -> Self {
        Self::Trap(error)
    }
}

impl<E> From<Stop> for Fail<E> {
    fn from(stop: Stop) -> Self {
        Self::Trap(stop.into())
    }
}

impl From<MediaError> for Fail<MediaError> {
    fn from(error: MediaError) -> Self {
        Self::Told(error)
    }
}

impl From<JobError> for Fail<JobError> {
    fn from(error: JobError) -> Self {
        Self::Told(error)
    }
}

impl From<StoreError> for Fail<StoreError> {
    fn from(error: StoreError) -> Self {
        Self::Told(error)
    }
}

impl From<HttpError> for Fail<HttpError> {
    fn from(error: HttpError) -> Self {
        Self::Told(error)
    }
}

/// The result in the form that wasmtime hands to the brick.
type Answer<T, E> = wasmtime::Result<(Result<T, E>,)>;

fn answer<T, E>(result: Result<T, Fail<E>>) -> Answer<T, E> {
    match result {
        Ok(value) => Ok((Ok(value),)),
        Err(Fail::Told(error)) => Ok((Err(error),)),
        Err(Fail::Trap(error)) => Err(error),
    }
}

/// Like [`answer`]; what the studio refused is kept, so that a failed run can say what was behind it.
fn answer_and_note<T, E>(state: &mut State, result: Result<T, Fail<E>>) -> Answer<T, E>
where
    E: Clone + Into<HostError>,
{
    if let Err(Fail::Told(error)) = &result {
        state.last_refusal = Some(error.clone().into());
    }
    answer(result)
}

/// Does work on `pixels` pixels: at once if they are few, else on a thread where it holds up nobody.
async fn off_thread<T: Send + 'static>(
    pixels: u64,
    work: impl FnOnce() -> Result<T, MediaError> + Send + 'static,
) -> Result<T, MediaError> {
    if pixels < INLINE_PIXELS {
        return work();
    }
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(_) => Err(MediaError::Other("the picture could not be worked on; please report it".to_owned())),
    }
}

/// Fails if `text` is longer than the studio takes.
fn check_length(name: &str, text: &str) -> Result<(), String> {
    if text.len() <= MAX_TEXT_BYTES {
        return Ok(());
    }
    Err(format!("{name} has {} bytes, at most {MAX_TEXT_BYTES} are allowed", text.len()))
}
