//! Products of blocks on any processor; adds in the order of registers of eight numbers, so that processors agree.

use super::input::{InputBlock, QuantizedInput};
use super::{BLOCK, BlockKind, Target, Tile};
use crate::tensor::half::half_to_f32;

/// Numbers of a wide register.
const LANES: usize = 8;

/// Multiplies every matrix row of a tile with every input row.
///
/// # Safety
/// As [`Tile::multiply`].
pub(super) unsafe fn multiply(tile: &Tile, input: &QuantizedInput, target: Target) {
    let row_bytes = input.row_blocks() * tile.kind.bytes();
    for (number, row) in tile.bytes.chunks_exact(row_bytes.max(1)).enumerate() {
        for token in tile.first..tile.last {
            let dot = dot(tile.kind, row, input.row(token));
            // SAFETY: the place is the tile's own.
            unsafe { target.set(token, tile.column + number, dot) };
        }
    }
}

fn dot(kind: BlockKind, row: &[u8], input: &[InputBlock]) -> f32 {
    let mut lanes = [0f32; LANES];
    let mut offsets = 0f32;
    let blocks = row.chunks_exact(kind.bytes()).zip(input);
    for (block, InputBlock { values, step, total, .. }) in blocks {
        let (scale, offset, weights) = unpack(kind, block);
        let scale = scale * step;
        let products = weights.as_chunks::<4>().0.iter().zip(values.as_chunks::<4>().0);
        for (lane, (weights, values)) in lanes.iter_mut().zip(products) {
            let sum: i32 = weights.iter().zip(values).map(|(w, x)| i32::from(*w) * i32::from(*x)).sum();
            *lane += sum as f32 * scale;
        }
        offsets += offset * total;
    }
    let [a, b, c, d, e, f, g, h] = lanes;
    ((a + e) + (c + g)) + ((b + f) + (d + h)) + offsets
}

/// A block's scale, offset, and numbers.
fn unpack(kind: BlockKind, block: &[u8]) -> (f32, f32, [i16; BLOCK]) {
    let half = |place: usize| {
        let bytes = block.get(place..).and_then(|rest| rest.first_chunk::<2>());
        half_to_f32(u16::from_le_bytes(bytes.copied().unwrap_or_default()))
    };
    let mut numbers = [0i16; BLOCK];
    let stored =
        block.get(kind.bytes() - if kind == BlockKind::Q8_0 { 32 } else { 16 }..).unwrap_or_default();
    if kind == BlockKind::Q8_0 {
        numbers.iter_mut().zip(stored).for_each(|(number, byte)| *number = i16::from(byte.cast_signed()));
    } else {
        let halves = stored.iter().map(|byte| byte & 15).chain(stored.iter().map(|byte| byte >> 4));
        numbers.iter_mut().zip(halves).for_each(|(number, half)| *number = i16::from(half));
    }
    let scale = half(0);
    let offset = match kind {
        BlockKind::Q4_0 => -8.0 * scale,
        BlockKind::Q4_1 => half(2),
        BlockKind::Q8_0 => 0.0,
    };
    (scale, offset, numbers)
}
