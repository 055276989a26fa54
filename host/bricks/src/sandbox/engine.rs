//! The one wasmtime engine, and the ticker that keeps its epoch going.

use std::{thread, time::Duration};

use wasmtime::{
    Config, Enabled, Engine, EngineWeak, InstanceAllocationStrategy, PoolingAllocationConfig,
    component::Component,
};

use crate::RuntimeError;

/// Time between two epoch ticks: how often a computing brick makes way, and how exact its budget is.
pub(crate) const TICK: Duration = Duration::from_millis(10);

/// Runs that may be in a sandbox at the same time.
pub(crate) const MAX_CONCURRENT_RUNS: u32 = 128;

/// The most core modules of one component. Those from Rust bring 3 or 4, those from Python over 20.
const MAX_CORE_INSTANCES: u32 = 64;

/// What the pool holds for each run. A component with more takes the place of several runs.
const MEMORIES_PER_PLACE: u32 = 2;
const TABLES_PER_PLACE: u32 = 8;

/// The most memories and tables of one component.
const MAX_MEMORIES: u32 = 16;
const MAX_TABLES: u32 = 64;

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
        .total_core_instances(MAX_CONCURRENT_RUNS * MAX_CORE_INSTANCES)
        .total_memories(MAX_CONCURRENT_RUNS * MEMORIES_PER_PLACE)
        .total_tables(MAX_CONCURRENT_RUNS * TABLES_PER_PLACE)
        .total_stacks(MAX_CONCURRENT_RUNS)
        .max_core_instance_size(8 << 20)
        .max_component_instance_size(8 << 20)
        .max_core_instances_per_component(MAX_CORE_INSTANCES)
        .max_memories_per_component(MAX_MEMORIES)
        .max_memories_per_module(MAX_MEMORIES)
        .max_tables_per_component(MAX_TABLES)
        .max_tables_per_module(8)
        .table_elements(100_000)
        .linear_memory_keep_resident(512 << 10)
        .table_keep_resident(64 << 10)
        // Resets the pages that a run wrote to, instead of the lowest ones and then all others.
        .pagemap_scan(Enabled::Auto);
    InstanceAllocationStrategy::Pooling(pool)
}

/// How many of the [`MAX_CONCURRENT_RUNS`] places in the pool one run of this component takes.
pub(crate) fn places(component: &Component) -> u32 {
    let (memories, tables) =
        component.resources_required().map_or((0, 0), |needs| (needs.num_memories, needs.num_tables));
    let places = memories.div_ceil(MEMORIES_PER_PLACE).max(tables.div_ceil(TABLES_PER_PLACE));
    places.clamp(1, MAX_CONCURRENT_RUNS)
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
