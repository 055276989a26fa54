//! Why a run failed, from what the sandbox and the brick say.

use wasmtime::{PoolConcurrencyLimitError, Trap};
use wasmtime_wasi::I32Exit;

use super::wire::{BrickError, NamedProblem};
use crate::{
    HostError, Limits, RunError,
    sandbox::{Log, Stop},
};

/// The longest text of its own that a brick's error may have, in characters.
const MAX_MESSAGE: usize = 2000;

/// How wasmtime ends the message of an error whose type it keeps to itself.
const HOSTCALL_FUEL: &str = "fuel allocated for hostcalls has been exhausted";

/// A call that wasmtime ended. Where it happened goes to the brick's log.
pub(super) fn stopped(brick: &str, error: &wasmtime::Error, limits: &Limits, log: &Log) -> RunError {
    let brick = brick.to_owned();
    if let Some(stop) = find::<Stop>(error) {
        return match stop {
            Stop::OutOfMemory => RunError::OutOfMemory { brick, limit: limits.memory_bytes },
            Stop::CpuBudget => RunError::CpuBudget { brick, limit: limits.cpu },
            Stop::Deadline => RunError::DeadlineExceeded { brick, limit: limits.wall },
            Stop::TooManyHandles => RunError::TooManyHandles { brick, limit: limits.handles },
            Stop::NoHost => RunError::Trapped { brick, reason: stop.to_string() },
        };
    }
    if let Some(full) = find::<PoolConcurrencyLimitError>(error) {
        return RunError::Sandbox { brick, problem: full.to_string() };
    }
    if error.chain().any(|cause| cause.to_string().ends_with(HOSTCALL_FUEL)) {
        return RunError::TooMuchAtOnce { brick, limit: limits.hostcall_bytes };
    }
    log.last_word(&format!("{error:?}"));
    let reason = if let Some(I32Exit(status)) = find(error) {
        format!("it ended itself with exit status {status}")
    } else if let Some(trap) = find::<Trap>(error) {
        trap_reason(*trap)
    } else {
        short(error.root_cause().to_string())
    };
    RunError::Trapped { brick, reason }
}

/// An error that the brick returned.
pub(super) fn brick_error(brick: &str, error: BrickError, refusal: Option<HostError>) -> RunError {
    match error {
        BrickError::BadInput(NamedProblem { name, problem }) => {
            RunError::BadInput { port: short(name), problem: short(problem) }
        }
        BrickError::BadParam(NamedProblem { name, problem }) => {
            RunError::BadParam { param: short(name), problem: short(problem) }
        }
        BrickError::Cancelled => RunError::Cancelled,
        BrickError::Host(message) => RunError::Host { message: short(message), cause: refusal },
        BrickError::Other(message) => RunError::Brick { brick: brick.to_owned(), message: short(message) },
    }
}

fn trap_reason(trap: Trap) -> String {
    match trap {
        Trap::UnreachableCodeReached => "it panicked or reached code that must not be reached".to_owned(),
        Trap::StackOverflow => "its stack is full; a function may call itself without end".to_owned(),
        Trap::MemoryOutOfBounds => "it reached outside its memory".to_owned(),
        trap => trap.to_string(),
    }
}

fn find<E: std::error::Error + Send + Sync + 'static>(error: &wasmtime::Error) -> Option<&E> {
    error.downcast_ref().or_else(|| error.chain().find_map(|cause| cause.downcast_ref()))
}

pub(super) fn short(text: String) -> String {
    if text.chars().nth(MAX_MESSAGE).is_none() {
        return text;
    }
    text.chars().take(MAX_MESSAGE).chain(['…']).collect()
}
