//! The one wasmtime engine, and the ticker that keeps its epoch going.

use std::{thread, time::Duration};

use wasmtime::{Config, Engine, EngineWeak, InstanceAllocationStrategy, PoolingAllocationConfig};

use crate::RuntimeError;

/// Time between two epoch ticks: how often a computing brick makes way, and how exact its budget is.
pub(crate) const TICK: Duration = Duration::from_millis(10);

/// Runs that may be in a sandbox at the same time.
pub(crate) const MAX_CONCURRENT_RUNS: u32 = 128;

/// Components from Rust bring 3 or 4 core modules, those from Python over 20.
const CORE_INSTANCES_PER_RUN: u32 = 8;

/// An engine with a pool of instances or, where the address space is too small for one, without.
pub(crate) fn start() -> Result<Engine, RuntimeError> {
    let engine = Engine::new(config().allocation_strategy(pool())).or_else(|error| {
        tracing::warn!("no instance pool, bricks will start slower: {error:#}");
        Engine::new(&config())
    });
    let engine = engine.map_err(|error| RuntimeError::Engine(format!("{error:#}")))?;
    tick(engine.weak()).map_err(|error| RuntimeError::Engine(format!("no ticker thread: {error}")))?;
    Ok(engine)
}

fn config() -> Config {
    let mut config = Config::new();
    config
        .epoch_interruption(true)
        .concurrency_support(false)
        .cranelift_nan_canonicalization(true)
        .relaxed_simd_deterministic(true);
    config
}

/// Address space, not memory: pages are touched only by instances in use. See
/// `docs/decisions/020-instance-pool.md`.
fn pool() -> InstanceAllocationStrategy {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(MAX_CONCURRENT_RUNS)
        .total_core_instances(MAX_CONCURRENT_RUNS * CORE_INSTANCES_PER_RUN)
        .total_memories(MAX_CONCURRENT_RUNS * 2)
        .total_tables(MAX_CONCURRENT_RUNS * CORE_INSTANCES_PER_RUN)
        .total_stacks(MAX_CONCURRENT_RUNS)
        .max_core_instance_size(8 << 20)
        .max_component_instance_size(8 << 20)
        .max_core_instances_per_component(64)
        .max_tables_per_component(64)
        .max_tables_per_module(8)
        .table_elements(100_000)
        .linear_memory_keep_resident(512 << 10)
        .table_keep_resident(64 << 10);
    InstanceAllocationStrategy::Pooling(pool)
}

/// The thread ends with the engine.
fn tick(engine: EngineWeak) -> std::io::Result<()> {
    let ticker = move || {
        loop {
            thread::sleep(TICK);
            match engine.upgrade() {
                Some(engine) => engine.increment_epoch(),
                None => return,
            }
        }
    };
    thread::Builder::new().name("qpyt-epoch".to_owned()).spawn(ticker).map(drop)
}
