//! What the autoencoder and a step of the noise predictor take in memory, counted block by block. A program of its own, since
//! it counts all that the process allocates.

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
use qpyt_inference::diffusion::footprint::{Coding, Extent, Operations, activation_bytes, transformer_bytes};
use qpyt_inference::diffusion::layout::ModelLayout;
use qpyt_inference::diffusion::pipeline::Pipeline;
use qpyt_inference::diffusion::stable_diffusion::StableDiffusion;
use qpyt_inference::diffusion::unet::{Addition, Framing};

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

fn model(folder: &str) -> (ModelLayout, StableDiffusion) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(folder);
    let layout = ModelLayout::read(&folder).unwrap();
    let model = StableDiffusion::load(&layout, &Device::Cpu).unwrap();
    (layout, model)
}

/// Fails unless a little more was planned than was taken, or a little less.
fn assert_planned(what: &str, taken: u64, planned: u64) {
    println!("{what}: {taken} bytes were taken, {planned} planned");
    assert!(taken < planned + planned / 20, "{what}: {taken} bytes were taken, {planned} were planned");
    assert!(planned < taken * 3 / 2, "{what}: {taken} bytes were taken, {planned} were planned");
}

// One test, so that nothing else allocates meanwhile.
#[test]
fn a_picture_takes_what_was_planned_and_coding_it_in_parts_much_less() {
    for folder in ["models/emoji", "tests/reference/sdxl"] {
        a_step_takes_what_was_planned(folder);
    }
    the_autoencoder_takes_what_was_planned_and_much_less_in_parts();
}

fn a_step_takes_what_was_planned(folder: &str) {
    let (layout, model) = model(folder);
    let edge = 128;
    let edges = edge * layout.vae.scale();
    let random = |shape: &[usize]| Tensor::rand(-1f32, 1f32, shape, &Device::Cpu).unwrap();
    let states = model.encode_prompt("a red apple", 0).unwrap();
    for batch in [1, 2] {
        let again = |tensor: &Tensor| Tensor::cat(&vec![tensor; batch], 0).unwrap();
        let pooled = states.pooled.as_ref().map(again);
        let addition =
            pooled.as_ref().map(|pooled| Addition { pooled, framing: Framing::whole((edges, edges)) });
        let context = model.unet().context(&again(&states.states), addition).unwrap();
        let latents = random(&[batch, layout.unet.in_channels, edge, edge]);
        let step = || drop(model.unet().forward(&latents, 500.0, &context).unwrap());
        // What is made once and kept is no part of a step.
        step();
        let how = (Coding { encoding: None, decoding: Extent::Parts }, Operations::Own);
        let planned = activation_bytes(&layout.unet, &layout.vae, (edges, edges), batch, how);
        assert_planned(&format!("a step of {folder} for {batch}"), peak(step), planned);
    }
}

fn the_autoencoder_takes_what_was_planned_and_much_less_in_parts() {
    let (layout, model) = model("models/emoji");
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
    println!("in bands {in_bands} bytes, in tiles {in_tiles}");
    assert_planned("encoding", encoded, planned(Some(Extent::Whole), Extent::Parts));
    assert_planned("decoding", decoded, planned(None, Extent::Whole));
    assert_planned("in parts", in_bands.max(in_tiles), planned(Some(Extent::Parts), Extent::Parts));
    assert!(in_bands * 3 < encoded * 2, "{in_bands} is not much less than {encoded}");
}
