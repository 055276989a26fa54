//! The threads that models run on.

use rayon::{ThreadPool, ThreadPoolBuildError, ThreadPoolBuilder};

use crate::allocator::keeping_blocks;

/// Threads to compute with.
pub(super) struct Workers(ThreadPool);

impl Workers {
    /// So many threads; none for one per processor.
    pub(super) fn start(threads: Option<usize>) -> Result<Self, ThreadPoolBuildError> {
        let threads = ThreadPoolBuilder::new()
            .num_threads(threads.unwrap_or(0))
            .thread_name(|i| format!("inference-{i}"))
            .build()?;
        Ok(Self(threads))
    }

    /// Runs a task on the threads, and waits for it.
    pub(super) fn install<R: Send>(&self, task: impl FnOnce() -> R + Send) -> R {
        keeping_blocks(|| self.0.install(task))
    }
}
