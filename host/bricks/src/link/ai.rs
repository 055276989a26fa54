//! `qpyt:ai/imaging` and `qpyt:ai/models`.

use tokio_util::sync::CancellationToken;
use wasmtime::{
    StoreContextMut,
    component::{Linker, Resource},
};

use super::{Fail, answer_and_note, check_length};
use crate::{
    Interface,
    capability::{JobError, ModelInfo, TextRequest},
    contract::versioned,
    media::{Image, PixelFormat},
    sandbox::State,
};

type Store<'a> = StoreContextMut<'a, State>;

pub(super) fn link_imaging(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    let mut instance = linker.instance(&versioned(Interface::AiImaging.name()))?;
    instance.func_wrap_async("text-to-image", |mut store, (request,)| {
        Box::new(async move {
            let painted = text_to_image(&mut store, request).await;
            answer_and_note(store.data_mut(), painted)
        })
    })?;
    instance.func_wrap_async("image-to-image", |mut store, (request, source, strength)| {
        Box::new(async move {
            let painted = image_to_image(&mut store, request, source, strength).await;
            answer_and_note(store.data_mut(), painted)
        })
    })
}

pub(super) fn link_models(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    let mut instance = linker.instance(&versioned(Interface::AiModels.name()))?;
    instance.func_wrap_async("find-model", |store, (id,)| Box::new(find_model(store, id)))?;
    instance.func_wrap_async("list-models", |store, (family,)| Box::new(list_models(store, family)))
}

async fn text_to_image(
    store: &mut Store<'_>,
    request: TextRequest,
) -> Result<Resource<Image>, Fail<JobError>> {
    check(store.data_mut(), &request)?;
    let (host, cancel) = (store.data().host()?, store.data().cancel.clone());
    let image = unless_cancelled(&cancel, host.text_to_image(request)).await?;
    push(store.data_mut(), image)
}

async fn image_to_image(
    store: &mut Store<'_>,
    request: TextRequest,
    source: Resource<Image>,
    strength: f32,
) -> Result<Resource<Image>, Fail<JobError>> {
    check(store.data_mut(), &request)?;
    let source = store.data().image(&source)?;
    let (host, cancel) = (store.data().host()?, store.data().cancel.clone());
    let image = unless_cancelled(&cancel, host.image_to_image(request, source, strength)).await?;
    push(store.data_mut(), image)
}

/// Waits for inference, but not when the run was cancelled: the brick is told at once, so that it has time to clean
/// up.
pub(super) async fn unless_cancelled<T>(
    cancel: &CancellationToken,
    inference: impl Future<Output = Result<T, JobError>>,
) -> Result<T, JobError> {
    tokio::select! {
        biased;
        () = cancel.cancelled() => Err(JobError::Cancelled),
        done = inference => done,
    }
}

async fn find_model(store: Store<'_>, id: String) -> wasmtime::Result<(Option<ModelInfo>,)> {
    // No model has an id that long.
    if check_length("id", &id).is_err() {
        return Ok((None,));
    }
    Ok((store.data().host()?.find_model(id).await,))
}

async fn list_models(store: Store<'_>, family: Option<String>) -> wasmtime::Result<(Vec<ModelInfo>,)> {
    if family.as_deref().is_some_and(|family| check_length("family", family).is_err()) {
        return Ok((Vec::new(),));
    }
    Ok((store.data().host()?.list_models(family).await,))
}

fn check(state: &mut State, request: &TextRequest) -> Result<(), JobError> {
    let texts = [
        ("model", Some(&request.model)),
        ("prompt", Some(&request.prompt)),
        ("negative", Some(&request.negative)),
        ("sampler", request.sampling.sampler.as_ref()),
        ("schedule", request.sampling.schedule.as_ref()),
        ("extra", request.extra.as_ref()),
    ];
    for (name, text) in texts {
        text.map_or(Ok(()), |text| check_length(name, text)).map_err(JobError::BadArgument)?;
    }
    check_size(state, PixelFormat::Rgb8, (request.width, request.height))
}

/// Fails if a picture of that size is more than the brick may have, before any work is done for it.
pub(super) fn check_size(
    state: &mut State,
    format: PixelFormat,
    (width, height): (u32, u32),
) -> Result<(), JobError> {
    let longest = state.limits.max_side;
    if width.max(height) > longest {
        return Err(JobError::BadArgument(format!(
            "{width}×{height} is too large, a side has at most {longest} pixels; `max_side` under [limits] in qpyt.toml sets it"
        )));
    }
    state.admit(format.bytes(width, height)).map_err(|error| JobError::OutOfMemory(error.to_string()))
}

pub(super) fn push(state: &mut State, image: Image) -> Result<Resource<Image>, Fail<JobError>> {
    let bytes = image.pixels().len() as u64;
    state.admit(bytes).map_err(|error| JobError::OutOfMemory(error.to_string()))?;
    Ok(state.push_image(image)?)
}
