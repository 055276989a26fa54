//! `qpyt:ai/models`.

use wasmtime::{StoreContextMut, component::Linker};

use super::check_length;
use crate::{
    Interface,
    capability::{ModelInfo, UsualSampling},
    contract::versioned,
    sandbox::State,
};

type Store<'a> = StoreContextMut<'a, State>;

pub(super) fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    let mut instance = linker.instance(&versioned(Interface::AiModels.name()))?;
    instance.func_wrap_async("find-model", |store, (id,)| Box::new(find_model(store, id)))?;
    instance
        .func_wrap_async("find-usual-sampling", |store, (id,)| Box::new(find_usual_sampling(store, id)))?;
    instance.func_wrap_async("list-models", |store, (family,)| Box::new(list_models(store, family)))
}

async fn find_model(store: Store<'_>, id: String) -> wasmtime::Result<(Option<ModelInfo>,)> {
    // No model has an id that long.
    if check_length("id", &id).is_err() {
        return Ok((None,));
    }
    Ok((store.data().host()?.find_model(id).await,))
}

async fn find_usual_sampling(store: Store<'_>, id: String) -> wasmtime::Result<(Option<UsualSampling>,)> {
    if check_length("id", &id).is_err() {
        return Ok((None,));
    }
    Ok((store.data().host()?.find_usual_sampling(id).await,))
}

async fn list_models(store: Store<'_>, family: Option<String>) -> wasmtime::Result<(Vec<ModelInfo>,)> {
    if family.as_deref().is_some_and(|family| check_length("family", family).is_err()) {
        return Ok((Vec::new(),));
    }
    Ok((store.data().host()?.list_models(family).await,))
}
