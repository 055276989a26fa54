//! `qpyt:store/http`: one request, one response, both within bounds and counted to the brick.

use std::sync::Arc;

use wasmtime::{
    StoreContextMut,
    component::{ComponentType, Lift, Linker, Lower, Resource, WasmList, WasmStr},
};

use super::{Fail, answer_and_note};
use crate::{
    Interface,
    capability::{Header, Http, HttpError, HttpRequest, HttpResponse, Method, SecretHandle},
    contract::versioned,
    sandbox::State,
};

/// The longest address, in bytes.
const MAX_URL: usize = 8 << 10;
/// The most lines in a request's head.
const MAX_HEADERS: usize = 64;
/// The most bytes of their names and values together.
const MAX_HEADER_BYTES: usize = 64 << 10;
/// The largest body of a request.
const MAX_REQUEST_BODY: usize = 16 << 20;
/// The largest body of a response, if the brick has memory for it.
const MAX_RESPONSE_BODY: u64 = 32 << 20;

type Store<'a> = StoreContextMut<'a, State>;

/// A request where it lies in the brick's memory. Nothing of it is copied before it is measured.
#[derive(ComponentType, Lift)]
#[component(record)]
struct Asked {
    method: Method,
    url: WasmStr,
    headers: WasmList<AskedHeader>,
    body: WasmList<u8>,
}

#[derive(ComponentType, Lift)]
#[component(record)]
struct AskedHeader {
    name: WasmStr,
    value: WasmStr,
}

/// A response whose body counts to the brick until it has it.
#[derive(ComponentType, Lower)]
#[component(record)]
struct Answered {
    status: u16,
    headers: Vec<Header>,
    body: Arc<Vec<u8>>,
}

pub(super) fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    let mut instance = linker.instance(&versioned(Interface::StoreHttp.name()))?;
    instance.func_wrap_async(
        "send",
        |mut store: Store, (request, bearer): (Asked, Option<Resource<SecretHandle>>)| {
            Box::new(async move {
                let sent = send(&mut store, &request, bearer).await;
                answer_and_note(store.data_mut(), sent)
            })
        },
    )
}

async fn send(
    store: &mut Store<'_>,
    asked: &Asked,
    bearer: Option<Resource<SecretHandle>>,
) -> Result<Answered, Fail<HttpError>> {
    let request = read(store, asked)?;
    let bearer = bearer.map(|secret| store.data().secret(&secret)).transpose()?;
    let (host, sent) = (store.data().host()?, request.body.len() as u64);
    let state = store.data_mut();
    state.budget.admit(sent)?;
    state.bytes_copied += sent;
    // The host has the body until the brick has it too.
    let most = MAX_RESPONSE_BODY.min(state.budget.left().saturating_sub(sent) / 2);
    let HttpResponse { status, headers, body } = Http::send(&*host, request, bearer, most).await?;
    let received = body.len() as u64;
    if received > most {
        return Err(HttpError::TooLarge(most).into());
    }
    let state = store.data_mut();
    state.bytes_copied += received;
    let body = state.lend(body).map_err(|_| HttpError::TooLarge(most))?;
    Ok(Answered { status, headers, body })
}

/// The request as the studio gets it: one copy from the brick's memory.
fn read(store: &mut Store<'_>, asked: &Asked) -> Result<HttpRequest, Fail<HttpError>> {
    let url = asked.url.to_str(&*store)?;
    check("the URL", url.len(), MAX_URL)?;
    let url = url.into_owned();
    check("the body", asked.body.len(), MAX_REQUEST_BODY)?;
    let headers = headers(store, &asked.headers)?;
    store.data_mut().budget.admit(asked.body.len() as u64)?;
    Ok(HttpRequest { method: asked.method, url, headers, body: asked.body.as_le_slice(&*store).to_vec() })
}

fn headers(store: &mut Store<'_>, asked: &WasmList<AskedHeader>) -> Result<Vec<Header>, Fail<HttpError>> {
    if asked.len() > MAX_HEADERS {
        return Err(HttpError::BadArgument(format!(
            "there are {} headers, at most {MAX_HEADERS} are allowed",
            asked.len()
        ))
        .into());
    }
    let (mut headers, mut bytes) = (Vec::new(), 0_usize);
    for index in 0..asked.len() {
        let Some(header) = asked.get(&mut *store, index) else { break };
        let header = header?;
        let (name, value) = (header.name.to_str(&*store)?, header.value.to_str(&*store)?);
        bytes = bytes.saturating_add(name.len()).saturating_add(value.len());
        check("the headers together", bytes, MAX_HEADER_BYTES)?;
        headers.push(Header { name: name.into_owned(), value: value.into_owned() });
    }
    Ok(headers)
}

fn check(what: &str, bytes: usize, most: usize) -> Result<(), HttpError> {
    if bytes <= most {
        return Ok(());
    }
    Err(HttpError::BadArgument(format!("{what} may have at most {most} bytes, but has {bytes}")))
}
