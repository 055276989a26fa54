//! What a linear layer costs by how its matrix is stored: numbers in f32, blocks of 8 bits (Q8_0) that are multiplied as
//! whole numbers, and codes of 4 bits (NF4) that are unpacked tile by tile.
//!
//! `cargo bench --bench packed`; the number of threads is `RAYON_NUM_THREADS`.
#![allow(clippy::unwrap_used, reason = "a bench that can't measure stops")]

use std::time::{Duration, Instant};

use candle_core::quantized::{GgmlDType, QTensor};
use candle_core::{Device, Result, Tensor};
use qpyt_inference::tensor::{BlockKind, BlockMatrix, CodeMatrix, block_linear, code_linear, linear};

/// Width of FLUX.1's states.
const WIDTH: usize = 3072;
/// Numbers that share a scale.
const BLOCK: usize = 64;
/// Rounds of which the fastest counts.
const ROUNDS: usize = 7;

fn main() {
    let wave = |rows: usize, step: f64| {
        let numbers = (0..rows * WIDTH).map(|i| (i as f64 * step).sin() as f32);
        Tensor::from_iter(numbers, &Device::Cpu).unwrap().reshape((rows, WIDTH)).unwrap()
    };
    let weight = wave(WIDTH, 0.11);
    let blocks = QTensor::quantize(&weight, GgmlDType::Q8_0).unwrap().data().unwrap().into_owned();
    let blocks = BlockMatrix::new(BlockKind::Q8_0, &blocks, WIDTH, WIDTH).unwrap();
    let codes: Vec<u8> = (0..WIDTH * WIDTH / 2).map(|i| (i * 37 % 256) as u8).collect();
    let (scales, table) = (vec![0.5f32; WIDTH * WIDTH / BLOCK], std::array::from_fn(|i| i as f32 - 7.5));
    let codes = CodeMatrix::new(&codes, &scales, &table, (BLOCK, 0, WIDTH)).unwrap();
    println!("tokens   f32      Q8_0     NF4      milliseconds for {WIDTH}x{WIDTH}");
    for tokens in [1, 16, 256, 1024, 4096] {
        let x = wave(tokens, 0.37);
        let times = [
            fastest(|| linear(&x, &weight, None)),
            fastest(|| block_linear(&x, &[blocks])),
            fastest(|| code_linear(&x, &[codes])),
        ];
        let [dense, eight, four] = times.map(|time| time.as_secs_f64() * 1e3);
        println!("{tokens:<8} {dense:<8.2} {eight:<8.2} {four:<8.2}");
    }
}

fn fastest(layer: impl Fn() -> Result<Tensor>) -> Duration {
    let round = |_| {
        let start = Instant::now();
        layer().unwrap();
        start.elapsed()
    };
    (0..ROUNDS).map(round).min().unwrap_or_default()
}
