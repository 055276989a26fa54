//! The memory of one run: the brick's own memories and tables plus what the host holds for it, in one sum.

use std::{
    collections::HashMap,
    sync::{Arc, Weak},
};

use wasmtime::ResourceLimiter;

use super::Stop;

/// wasmtime keeps a pointer per table element.
const TABLE_ELEMENT_BYTES: u64 = 8;

/// Counts bytes against a limit. Buffers are counted once, however many handles are on them.
#[derive(Debug)]
pub(crate) struct MemoryBudget {
    limit: u64,
    wasm: u64,
    held: u64,
    peak: u64,
    buffers: HashMap<usize, Buffer>,
    lent: Option<Lent>,
}

/// Bytes on their way into the brick. wasmtime lets go of them once they are copied.
#[derive(Debug)]
struct Lent {
    bytes: u64,
    alive: Weak<Vec<u8>>,
}

#[derive(Debug)]
struct Buffer {
    bytes: u64,
    handles: u64,
}

impl MemoryBudget {
    pub(crate) fn new(limit: u64) -> Self {
        Self { limit, wasm: 0, held: 0, peak: 0, buffers: HashMap::new(), lent: None }
    }

    /// Fails if `bytes` more would be over the limit. For what the host needs while the brick waits for it.
    pub(crate) fn admit(&mut self, bytes: u64) -> Result<(), Stop> {
        match self.used().checked_add(bytes) {
            Some(sum) if sum <= self.limit => {
                self.peak = self.peak.max(sum);
                Ok(())
            }
            _ => Err(Stop::OutOfMemory),
        }
    }

    /// Counts `answer` until wasmtime has copied it into the brick's memory, which may grow for it. A call has one
    /// answer, and a brick makes one call at a time.
    pub(crate) fn lend(&mut self, answer: &Arc<Vec<u8>>) -> Result<(), Stop> {
        self.lent = None;
        let bytes = answer.len() as u64;
        self.admit(bytes)?;
        self.lent = Some(Lent { bytes, alive: Arc::downgrade(answer) });
        Ok(())
    }

    /// Bytes that are left.
    pub(crate) fn left(&self) -> u64 {
        self.limit.saturating_sub(self.used())
    }

    /// Counts one more handle on the buffer `id`, which has `bytes`.
    pub(crate) fn hold(&mut self, id: usize, bytes: u64) -> Result<(), Stop> {
        if let Some(buffer) = self.buffers.get_mut(&id) {
            buffer.handles += 1;
            return Ok(());
        }
        self.charge(bytes)?;
        self.buffers.insert(id, Buffer { bytes, handles: 1 });
        Ok(())
    }

    /// Counts one handle less on the buffer `id`.
    pub(crate) fn release(&mut self, id: usize) {
        let Some(buffer) = self.buffers.get_mut(&id) else { return };
        buffer.handles = buffer.handles.saturating_sub(1);
        if buffer.handles == 0 {
            let bytes = buffer.bytes;
            self.buffers.remove(&id);
            self.refund(bytes);
        }
    }

    /// Counts bytes that only one handle is on.
    pub(crate) fn charge(&mut self, bytes: u64) -> Result<(), Stop> {
        self.admit(bytes)?;
        self.held += bytes;
        Ok(())
    }

    /// Gives back what was charged.
    pub(crate) fn refund(&mut self, bytes: u64) {
        self.held = self.held.saturating_sub(bytes);
    }

    /// Bytes that handles are on.
    pub(crate) fn held(&self) -> u64 {
        self.held
    }

    /// The most bytes that were in use at once.
    pub(crate) fn peak(&self) -> u64 {
        self.peak
    }

    fn used(&self) -> u64 {
        let lent = self.lent.as_ref().filter(|lent| lent.alive.strong_count() > 0);
        self.wasm.saturating_add(self.held).saturating_add(lent.map_or(0, |lent| lent.bytes))
    }

    fn grow(&mut self, current: usize, desired: usize, unit: u64) -> wasmtime::Result<bool> {
        let more = (desired.saturating_sub(current) as u64).saturating_mul(unit);
        self.admit(more)?;
        self.wasm += more;
        Ok(true)
    }
}

/// Growth over the limit ends the run: a brick that is merely told "no" would abort without saying why.
impl ResourceLimiter for MemoryBudget {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        self.grow(current, desired, 1)
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        self.grow(current, desired, TABLE_ELEMENT_BYTES)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_counts_once_however_many_handles_are_on_it() {
        let mut budget = MemoryBudget::new(100);
        budget.hold(1, 60).unwrap();
        budget.hold(1, 60).unwrap();
        assert!(budget.hold(2, 60).is_err());
        budget.release(1);
        assert!(budget.hold(2, 60).is_err());
        budget.release(1);
        assert!(budget.hold(2, 60).is_ok());
        assert_eq!(budget.peak(), 60);
    }

    #[test]
    fn an_answer_counts_until_it_was_handed_over() {
        let mut budget = MemoryBudget::new(100);
        let answer = Arc::new(vec![0; 60]);
        budget.lend(&answer).unwrap();
        assert!(budget.memory_growing(0, 60, None).is_err());
        drop(answer);
        assert!(budget.memory_growing(0, 60, None).is_ok());
        assert_eq!((budget.held(), budget.peak()), (0, 60));
    }

    #[test]
    fn wasm_memories_tables_and_held_bytes_share_the_limit() {
        let mut budget = MemoryBudget::new(100);
        assert!(budget.memory_growing(0, 40, None).is_ok());
        assert!(budget.table_growing(0, 5, None).is_ok());
        assert!(budget.charge(21).is_err());
        assert!(budget.charge(20).is_ok());
        assert!(budget.memory_growing(40, 41, None).is_err());
        budget.refund(20);
        assert!(budget.memory_growing(40, 60, None).is_ok());
    }
}
