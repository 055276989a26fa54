//! `qpyt:store/content`, `qpyt:store/gallery` and `qpyt:store/files`.

use wasmtime::{
    StoreContextMut,
    component::{Linker, Resource},
};

use super::{Fail, answer_and_note, check_length};
use crate::{
    Digest, Interface,
    capability::{Files, Gallery, Saved, StoreError},
    contract::versioned,
    media::{Container, Image},
    sandbox::State,
};

type Store<'a> = StoreContextMut<'a, State>;

pub(super) fn link_content(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    let mut instance = linker.instance(&versioned(Interface::StoreContent.name()))?;
    instance.func_wrap_async("open", |mut store, (digest,)| {
        Box::new(async move {
            let opened = open(&mut store, digest).await;
            answer_and_note(store.data_mut(), opened)
        })
    })
}

pub(super) fn link_gallery(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    let mut instance = linker.instance(&versioned(Interface::StoreGallery.name()))?;
    instance.func_wrap_async("save", |mut store, (source, title, container, quality, info)| {
        Box::new(async move {
            let saved = save_result(&mut store, source, title, container, quality, info).await;
            answer_and_note(store.data_mut(), saved)
        })
    })
}

pub(super) fn link_files(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    let mut instance = linker.instance(&versioned(Interface::StoreFiles.name()))?;
    instance.func_wrap_async("save", |mut store, (source, folder, name, container, quality)| {
        Box::new(async move {
            let saved = save_file(&mut store, source, folder, name, container, quality).await;
            answer_and_note(store.data_mut(), saved)
        })
    })
}

async fn open(store: &mut Store<'_>, digest: String) -> Result<Resource<Image>, Fail<StoreError>> {
    let digest: Digest = digest.parse().map_err(bad_argument)?;
    let image = store.data().host()?.open(digest).await?;
    let state = store.data_mut();
    state
        .admit(image.pixels().len() as u64)
        .map_err(|error| StoreError::NoSpace(format!("{digest} can't be opened: {error}")))?;
    Ok(state.push_image(image)?)
}

async fn save_result(
    store: &mut Store<'_>,
    source: Resource<Image>,
    title: String,
    container: Container,
    quality: u8,
    info: String,
) -> Result<Saved, Fail<StoreError>> {
    check_quality(quality)?;
    check_length("title", &title).and_then(|()| check_length("info", &info)).map_err(bad_argument)?;
    let info: serde_json::Value = serde_json::from_str(&info)
        .map_err(|error| StoreError::BadArgument(format!("info is not valid JSON: {error}")))?;
    if !info.is_object() {
        return Err(StoreError::BadArgument("info must be a JSON object".to_owned()).into());
    }
    let source = store.data().image(&source)?;
    let host = store.data().host()?;
    Ok(Gallery::save(&*host, source, title, container, quality, info).await?)
}

async fn save_file(
    store: &mut Store<'_>,
    source: Resource<Image>,
    folder: String,
    name: String,
    container: Container,
    quality: u8,
) -> Result<String, Fail<StoreError>> {
    check_quality(quality)?;
    check_length("folder", &folder).and_then(|()| check_length("name", &name)).map_err(bad_argument)?;
    let source = store.data().image(&source)?;
    let host = store.data().host()?;
    Ok(Files::save(&*host, source, folder, name, container, quality).await?)
}

fn check_quality(quality: u8) -> Result<(), StoreError> {
    if (1..=100).contains(&quality) {
        return Ok(());
    }
    Err(StoreError::BadArgument(format!("quality must be in 1..100, but it is {quality}")))
}

fn bad_argument(problem: impl ToString) -> StoreError {
    StoreError::BadArgument(problem.to_string())
}
