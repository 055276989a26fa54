//! What the autoencoder takes in memory, counted block by block. A program of its own, since it counts all that the process
//! allocates.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on should fail"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use candle_core::{Device, Tensor};
use qpyt_inference::diffusion::footprint::{Coding, Extent, Operations, transformer_bytes};
use qpyt_inference::diffusion::layout::ModelLayout;
use qpyt_inference::diffusion::pipeline::Pipeline;
use qpyt_inference::diffusion::stable_diffusion::StableDiffusion;

/// The system's allocator, which counts bytes in use and the most there were.
struct Counting;

static USED: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: the system's allocator does all the work.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let used = USED.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        MOST.fetch_max(used, Ordering::Relaxed);
        // SAFETY: the layout is the caller's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        USED.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the block came from the system's allocator with this layout.
        unsafe { System.dealloc(block, layout) }
    }
}

/// Bytes that a task took at its peak besides those in use before it.
fn peak(task: impl FnOnce()) -> u64 {
    let before = USED.load(Ordering::Relaxed);
    MOST.store(before, Ordering::Relaxed);
    task();
    (MOST.load(Ordering::Relaxed) - before) as u64
}

// One test, so that nothing else allocates meanwhile.
#[test]
fn the_autoencoder_takes_what_was_planned_and_much_less_in_parts() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/emoji");
    let layout = ModelLayout::read(&folder).unwrap();
    let model = StableDiffusion::load(&layout, &Device::Cpu).unwrap();
    let (width, height) = (512, 512);
    let planned = |encoding, decoding| {
        transformer_bytes(
            &layout.vae,
            (width, height),
            (0, 0, 0),
            (Coding { encoding, decoding }, Operations::Own),
        )
    };
    let picture = Tensor::rand(-1f32, 1f32, (1, 3, height, width), &Device::Cpu).unwrap();
    let latents = Tensor::rand(-1f32, 1f32, (1, 4, height / 4, width / 4), &Device::Cpu).unwrap();
    let vae = model.vae();
    let encoded = peak(|| drop(vae.encode(&picture).unwrap()));
    let in_bands = peak(|| drop(vae.encode_in_bands(&picture).unwrap()));
    let decoded = peak(|| drop(vae.decode(&latents).unwrap()));
    let in_tiles = peak(|| drop(vae.decode_in_tiles(&latents).unwrap()));
    println!("encoding takes {encoded} bytes, in bands {in_bands}; decoding {decoded}, in tiles {in_tiles}");
    for (taken, planned) in [
        (encoded, planned(Some(Extent::Whole), Extent::Parts)),
        (decoded, planned(None, Extent::Whole)),
        (in_bands.max(in_tiles), planned(Some(Extent::Parts), Extent::Parts)),
    ] {
        println!("{taken} bytes were taken, {planned} planned");
        assert!(taken < planned + planned / 20, "{taken} bytes were taken, {planned} were planned");
        assert!(planned < taken * 3 / 2, "{taken} bytes were taken, {planned} were planned");
    }
    assert!(in_bands * 2 < encoded, "{in_bands} is not much less than {encoded}");
}
