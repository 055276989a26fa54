//! The books of all sandboxes of a runtime: that each was closed, and that nothing which a brick held outlived it.

use std::sync::atomic::{AtomicU64, Ordering};

use wasmtime::component::ResourceTable;

/// Counts over all runs.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    opened: AtomicU64,
    closed: AtomicU64,
    handles_taken_back: AtomicU64,
    handles_left: AtomicU64,
    bytes_left: AtomicU64,
}

/// What runs left behind. All but `handles_taken_back` are 0 while nothing runs; anything else is a fault of the
/// runtime.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Leftovers {
    /// Sandboxes that are open now.
    pub sandboxes: u64,
    /// Handles that bricks had not let go of when their sandboxes were closed.
    pub handles_taken_back: u64,
    /// Handles that were still in a table when its sandbox was gone.
    pub handles_left: u64,
    /// Bytes that still counted against a limit when every handle was gone.
    pub bytes_left: u64,
}

impl Ledger {
    pub(super) fn opened(&self) {
        self.opened.fetch_add(1, Ordering::Relaxed);
    }

    /// `table` and `bytes_left` are those of the sandbox after its handles were taken back.
    pub(super) fn closed(&self, taken_back: usize, table: &ResourceTable, bytes_left: u64) {
        self.handles_taken_back.fetch_add(taken_back as u64, Ordering::Relaxed);
        self.handles_left.fetch_add(u64::from(!table.is_empty()), Ordering::Relaxed);
        self.bytes_left.fetch_add(bytes_left, Ordering::Relaxed);
        self.closed.fetch_add(1, Ordering::Release);
    }

    pub(crate) fn leftovers(&self) -> Leftovers {
        let closed = self.closed.load(Ordering::Acquire);
        Leftovers {
            sandboxes: self.opened.load(Ordering::Relaxed).saturating_sub(closed),
            handles_taken_back: self.handles_taken_back.load(Ordering::Relaxed),
            handles_left: self.handles_left.load(Ordering::Relaxed),
            bytes_left: self.bytes_left.load(Ordering::Relaxed),
        }
    }
}
