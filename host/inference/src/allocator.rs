//! An allocator for programs that run models: while one runs, large blocks are kept for the next that asks, since fresh
//! pages of the system cost as much as computing on them.

use std::alloc::{GlobalAlloc, Layout, System};
use std::ptr::null_mut;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Smallest block that is kept, in bytes.
const LEAST: usize = 256 << 10;
/// Most blocks that are kept.
const MOST_BLOCKS: usize = 64;
/// Most bytes that are kept.
const MOST_BYTES: usize = 512 << 20;
/// Sizes are rounded up to one of so many steps between powers of two.
const STEPS: usize = 8;

/// The system's allocator, but large blocks that are freed during a task ([`keeping_blocks`]) wait for the next of their
/// size, at most half a gigabyte of them. To be declared as a program's `#[global_allocator]`.
pub struct KeepingAllocator;

/// Tasks that run now.
static TASKS: AtomicUsize = AtomicUsize::new(0);
static KEPT: Mutex<Kept> = Mutex::new(Kept { blocks: [NONE; MOST_BLOCKS], bytes: 0, puts: 0 });

#[derive(Clone, Copy)]
struct Block {
    start: *mut u8,
    /// Zero where there is none.
    size: usize,
    /// How many were kept before it.
    number: u64,
}

const NONE: Block = Block { start: null_mut(), size: 0, number: 0 };

struct Kept {
    blocks: [Block; MOST_BLOCKS],
    bytes: usize,
    /// How many were kept until now.
    puts: u64,
}

// SAFETY: the blocks belong to nobody while they are here.
unsafe impl Send for Kept {}

/// Runs a task. Large blocks that are freed meanwhile are kept, and given back to the system when no task is left. In
/// programs with another allocator, it only runs the task.
pub fn keeping_blocks<R>(task: impl FnOnce() -> R) -> R {
    struct Running;

    impl Drop for Running {
        fn drop(&mut self) {
            if TASKS.fetch_sub(1, Ordering::SeqCst) == 1 {
                release();
            }
        }
    }

    TASKS.fetch_add(1, Ordering::SeqCst);
    let _running = Running;
    task()
}

/// Gives all kept blocks back to the system.
fn release() {
    loop {
        let found = kept().take(|_| true);
        let Some(block) = found else { return };
        block.release();
    }
}

fn kept() -> MutexGuard<'static, Kept> {
    KEPT.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Kept {
    fn take(&mut self, wanted: impl Fn(usize) -> bool) -> Option<Block> {
        let place = self.blocks.iter_mut().find(|block| block.size > 0 && wanted(block.size))?;
        let block = std::mem::replace(place, NONE);
        self.bytes -= block.size;
        Some(block)
    }

    /// Keeps a block, instead of those that have waited longest where there is no room; false if it cannot be kept.
    fn put(&mut self, start: *mut u8, size: usize) -> bool {
        if TASKS.load(Ordering::SeqCst) == 0 || size > MOST_BYTES {
            return false;
        }
        while self.bytes + size > MOST_BYTES {
            self.release_oldest();
        }
        if self.blocks.iter().all(|block| block.size > 0) {
            self.release_oldest();
        }
        let Some(place) = self.blocks.iter_mut().find(|block| block.size == 0) else { return false };
        *place = Block { start, size, number: self.puts };
        self.bytes += size;
        self.puts += 1;
        true
    }

    /// Gives the block that has waited longest back to the system.
    fn release_oldest(&mut self) {
        let held = self.blocks.iter_mut().filter(|block| block.size > 0);
        let Some(oldest) = held.min_by_key(|block| block.number) else { return };
        let block = std::mem::replace(oldest, NONE);
        self.bytes -= block.size;
        block.release();
    }
}

impl Block {
    /// Gives it back to the system.
    fn release(self) {
        // SAFETY: kept blocks were allocated with this layout, and nobody has them.
        unsafe { System.dealloc(self.start, layout_of(self.size)) };
    }
}

/// The size of the block for a layout, none if it is not one of those that are kept.
fn kept_size(layout: Layout) -> Option<usize> {
    if layout.size() < LEAST || layout.align() > align_of::<u128>() {
        return None;
    }
    let step = (1 << layout.size().ilog2()) / STEPS;
    layout.size().checked_next_multiple_of(step).filter(|&size| isize::try_from(size + LEAST).is_ok())
}

fn layout_of(size: usize) -> Layout {
    // SAFETY: the alignment is a power of two, and `kept_size` gives no size that is too large.
    unsafe { Layout::from_size_align_unchecked(size, align_of::<u128>()) }
}

// SAFETY: blocks come from the system with the size that `kept_size` gives, and are given out again only for layouts
// with the same; all others are the system's own.
unsafe impl GlobalAlloc for KeepingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let Some(size) = kept_size(layout) else {
            // SAFETY: the caller answers for the layout.
            return unsafe { System.alloc(layout) };
        };
        let found = kept().take(|found| found == size);
        match found {
            Some(block) => block.start,
            // SAFETY: the size is not zero.
            None => unsafe { System.alloc(layout_of(size)) },
        }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        let Some(size) = kept_size(layout) else {
            // SAFETY: the caller answers for the layout.
            return unsafe { System.alloc_zeroed(layout) };
        };
        let found = kept().take(|found| found == size);
        match found {
            Some(block) => {
                // SAFETY: the block has `size` bytes, at least those of the layout.
                unsafe { block.start.write_bytes(0, layout.size()) };
                block.start
            }
            // SAFETY: the size is not zero.
            None => unsafe { System.alloc_zeroed(layout_of(size)) },
        }
    }

    unsafe fn dealloc(&self, start: *mut u8, layout: Layout) {
        match kept_size(layout) {
            Some(size) if kept().put(start, size) => {}
            // SAFETY: the block was allocated with this size.
            Some(size) => unsafe { System.dealloc(start, layout_of(size)) },
            // SAFETY: the caller answers for block and layout.
            None => unsafe { System.dealloc(start, layout) },
        }
    }

    unsafe fn realloc(&self, start: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: the caller answers for the new size and the alignment.
        let new = unsafe { Layout::from_size_align_unchecked(new_size, layout.align()) };
        match (kept_size(layout), kept_size(new)) {
            // SAFETY: the caller answers for all of it.
            (None, None) => unsafe { System.realloc(start, layout, new_size) },
            (Some(old), Some(size)) if old == size => start,
            // SAFETY: the block was allocated with the old size.
            (Some(old), Some(size)) => unsafe { System.realloc(start, layout_of(old), size) },
            _ => {
                // SAFETY: both blocks are at least as long as what is copied, and do not overlap.
                unsafe {
                    let moved = self.alloc(new);
                    if !moved.is_null() {
                        std::ptr::copy_nonoverlapping(start, moved, layout.size().min(new_size));
                        self.dealloc(start, layout);
                    }
                    moved
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_freed_during_a_task_is_given_out_again_and_cleared_where_zeros_are_asked_for() {
        // A size that no other test has.
        let layout = Layout::from_size_align(11 << 20, 4).unwrap();
        let size = kept_size(layout).unwrap();
        let waits = || kept().blocks.iter().any(|block| block.size == size);
        // SAFETY: blocks are written within their size, and freed with their layout.
        unsafe {
            keeping_blocks(|| {
                let first = KeepingAllocator.alloc(layout);
                first.write_bytes(7, layout.size());
                KeepingAllocator.dealloc(first, layout);
                assert!(waits());
                let again = KeepingAllocator.alloc_zeroed(layout);
                assert_eq!(again, first);
                assert!(std::slice::from_raw_parts(again, layout.size()).iter().all(|&byte| byte == 0));
                KeepingAllocator.dealloc(again, layout);
            });
            assert!(!waits());
            KeepingAllocator.dealloc(KeepingAllocator.alloc(layout), layout);
            assert!(!waits());
        }
    }

    #[test]
    fn contents_stay_when_a_block_grows_or_shrinks_across_the_limit() {
        let sizes = [100, LEAST, LEAST + 1, 5 * LEAST, 40, 7 * LEAST, 7 * LEAST - 3];
        let layout = |size| Layout::from_size_align(size, 1).unwrap();
        // SAFETY: only the first forty bytes are used, which all sizes have.
        unsafe {
            let mut block = KeepingAllocator.alloc(layout(40));
            block.write_bytes(9, 40);
            let mut size = 40;
            for next in sizes {
                block = KeepingAllocator.realloc(block, layout(size), next);
                size = next;
                assert!(std::slice::from_raw_parts(block, 40).iter().all(|&byte| byte == 9));
            }
            KeepingAllocator.dealloc(block, layout(size));
        }
    }

    #[test]
    fn sizes_are_rounded_by_an_eighth_at_most() {
        for size in [LEAST, LEAST + 1, 300_001, 26_214_400, 26_214_401, 1 << 33] {
            let kept = kept_size(Layout::from_size_align(size, 4).unwrap()).unwrap();
            assert!(kept >= size && kept - size <= size / STEPS, "{size} becomes {kept}");
        }
        assert_eq!(kept_size(Layout::from_size_align(LEAST - 1, 4).unwrap()), None);
        assert_eq!(kept_size(Layout::from_size_align(LEAST, 64).unwrap()), None);
    }

    #[test]
    fn where_there_is_no_room_the_block_that_has_waited_longest_goes() {
        let size_of = |number: usize| kept_size(layout(number)).unwrap();
        // Sizes that no other test has, more than there is room for.
        fn layout(number: usize) -> Layout {
            Layout::from_size_align((100 << 20) + (number << 24), 4).unwrap()
        }
        keeping_blocks(|| {
            // SAFETY: blocks are freed with their layout.
            unsafe {
                for number in 0..5 {
                    KeepingAllocator.dealloc(KeepingAllocator.alloc(layout(number)), layout(number));
                }
            }
            let kept = kept();
            let waits = |number: usize| kept.blocks.iter().any(|block| block.size == size_of(number));
            assert!(waits(4) && !waits(0));
            assert!(kept.bytes <= MOST_BYTES);
        });
    }
}
