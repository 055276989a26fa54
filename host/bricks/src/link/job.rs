//! `qpyt:job/context` and `qpyt:job/clock`.

use std::time::Instant;

use wasmtime::{
    StoreContextMut,
    component::{Linker, WasmStr},
};

use crate::{Interface, capability::Level, contract::versioned, sandbox::State};

type Store<'a> = StoreContextMut<'a, State>;

pub(super) fn link_context(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    let mut instance = linker.instance(&versioned(Interface::JobContext.name()))?;
    instance.func_wrap("log", |store: Store, (level, message): (Level, WasmStr)| {
        store.data().log.line(level, &message.to_str(&store)?);
        Ok(())
    })?;
    instance.func_wrap("progress", |store: Store, (fraction, note): (f32, WasmStr)| {
        store.data().log.progress(fraction, &note.to_str(&store)?);
        Ok((!store.data().cancel.is_cancelled(),))
    })?;
    instance.func_wrap("cancelled", |store: Store, ()| Ok((store.data().cancel.is_cancelled(),)))?;
    instance.func_wrap("deadline-ms", |store: Store, ()| {
        let left = store.data().deadline.saturating_duration_since(Instant::now());
        Ok((u64::try_from(left.as_millis()).unwrap_or(u64::MAX),))
    })?;
    instance.func_wrap("seed", |store: Store, ()| Ok((store.data().seed,)))
}

pub(super) fn link_clock(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    let mut instance = linker.instance(&versioned(Interface::JobClock.name()))?;
    instance.func_wrap("now", |store: Store, ()| Ok((store.data().host()?.now(),)))
}
