//! `qpyt:store/secrets`: handles on secrets, whose values never come here.

use wasmtime::{
    StoreContextMut,
    component::{Linker, LinkerInstance, Resource, ResourceType},
};

use super::{Fail, answer, answer_and_note};
use crate::{
    Interface,
    capability::{SecretHandle, Secrets, StoreError},
    contract::versioned,
    sandbox::State,
    scope::check_secret_name,
};

type Store<'a> = StoreContextMut<'a, State>;

pub(super) fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    instance(linker)?.func_wrap_async("get", |mut store, (name,)| {
        Box::new(async move {
            let got = get(&mut store, name).await;
            answer_and_note(store.data_mut(), got)
        })
    })
}

/// For bricks that use the network without secrets: its interface names the resource, so languages that import whole
/// interfaces import this one as well.
pub(super) fn link_denied(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    instance(linker)?.func_wrap("get", |_: Store, (_name,): (String,)| {
        answer::<Resource<SecretHandle>, _>(Err(Fail::Told(StoreError::Denied(format!(
            "The brick does not ask for secrets. Its author can: add \"{}\" to `uses` in brick.toml.",
            Interface::StoreSecrets
        )))))
    })
}

fn instance(linker: &mut Linker<State>) -> wasmtime::Result<LinkerInstance<'_, State>> {
    let mut instance = linker.instance(&versioned(Interface::StoreSecrets.name()))?;
    instance.resource("secret", ResourceType::host::<SecretHandle>(), |mut store, handle| {
        store.data_mut().take_secret(Resource::new_own(handle)).map(drop)
    })?;
    instance.func_wrap("[method]secret.name", |store: Store, (secret,): (Resource<SecretHandle>,)| {
        Ok((store.data().secret(&secret)?.name().to_owned(),))
    })?;
    Ok(instance)
}

async fn get(store: &mut Store<'_>, name: String) -> Result<Resource<SecretHandle>, Fail<StoreError>> {
    check_secret_name(&name).map_err(StoreError::BadArgument)?;
    let host = store.data().host()?;
    let secret = Secrets::get(&*host, name).await?;
    Ok(store.data_mut().push_secret(secret)?)
}
