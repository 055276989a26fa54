//! Products of blocks on processors with AVX2 and conversions of half precision.

use std::arch::x86_64::{
    __m256, __m256i, _mm_add_ps, _mm_add_ss, _mm_cvtph_ps, _mm_cvtsi32_si128, _mm_cvtss_f32, _mm_loadu_si128,
    _mm_movehl_ps, _mm_shuffle_ps, _mm_srli_epi16, _mm256_add_ps, _mm256_and_si256, _mm256_castps256_ps128,
    _mm256_cvtepi32_ps, _mm256_extractf128_ps, _mm256_loadu_si256, _mm256_madd_epi16, _mm256_maddubs_epi16,
    _mm256_mul_ps, _mm256_set_m128i, _mm256_set1_epi8, _mm256_set1_epi16, _mm256_set1_ps, _mm256_setzero_ps,
    _mm256_sign_epi8,
};

use super::input::{InputBlock, QuantizedInput};
use super::{BlockKind, Target, Tile};

const Q4_0: u8 = 0;
const Q4_1: u8 = 1;
const Q8_0: u8 = 2;

/// True on processors that [`multiply`] runs on.
pub(super) fn available() -> bool {
    std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("f16c")
}

/// Multiplies every matrix row of a tile with every input row.
///
/// # Safety
/// The processor must be one that is [`available`]; else as [`Tile::multiply`].
#[target_feature(enable = "avx2,f16c")]
pub(super) unsafe fn multiply(tile: &Tile, input: &QuantizedInput, target: Target) {
    // SAFETY: the caller answers for the output.
    unsafe {
        match tile.kind {
            BlockKind::Q4_0 => multiply_kind::<Q4_0, 18>(tile, input, target),
            BlockKind::Q4_1 => multiply_kind::<Q4_1, 20>(tile, input, target),
            BlockKind::Q8_0 => multiply_kind::<Q8_0, 34>(tile, input, target),
        }
    }
}

/// # Safety
/// As [`Tile::multiply`].
#[target_feature(enable = "avx2,f16c")]
unsafe fn multiply_kind<const KIND: u8, const BYTES: usize>(
    tile: &Tile,
    input: &QuantizedInput,
    target: Target,
) {
    let row_bytes = input.row_blocks() * BYTES;
    for (number, row) in tile.bytes.chunks_exact(row_bytes.max(1)).enumerate() {
        for token in tile.first..tile.last {
            let dot = dot::<KIND, BYTES>(row.as_chunks().0, input.row(token));
            // SAFETY: the place is the tile's own.
            unsafe { target.set(token, tile.column + number, dot) };
        }
    }
}

#[target_feature(enable = "avx2,f16c")]
fn dot<const KIND: u8, const BYTES: usize>(row: &[[u8; BYTES]], input: &[InputBlock]) -> f32 {
    let mut lanes = _mm256_setzero_ps();
    let mut offsets = 0f32;
    for (block, InputBlock { values, step, total, .. }) in row.iter().zip(input) {
        // SAFETY: 32 bytes are read of the 32 there are.
        let values = unsafe { _mm256_loadu_si256(values.as_ptr().cast()) };
        let scale = half(block, 0);
        let products = match KIND {
            // Both are bytes with a sign, where one without is needed: the sign moves to the other.
            Q8_0 => {
                let weights = signed(block);
                _mm256_maddubs_epi16(_mm256_sign_epi8(weights, weights), _mm256_sign_epi8(values, weights))
            }
            _ => _mm256_maddubs_epi16(halves(block), values),
        };
        let products = _mm256_cvtepi32_ps(_mm256_madd_epi16(products, _mm256_set1_epi16(1)));
        lanes = _mm256_add_ps(lanes, _mm256_mul_ps(products, _mm256_set1_ps(scale * step)));
        match KIND {
            Q4_0 => offsets += -8.0 * scale * total,
            Q4_1 => offsets += half(block, 2) * total,
            _ => {}
        }
    }
    sum_of(lanes) + offsets
}

/// The number in half precision at a place of a block.
#[target_feature(enable = "avx2,f16c")]
fn half<const BYTES: usize>(block: &[u8; BYTES], place: usize) -> f32 {
    let bytes = block.get(place..).and_then(|rest| rest.first_chunk::<2>());
    let bits = u16::from_le_bytes(bytes.copied().unwrap_or_default());
    _mm_cvtss_f32(_mm_cvtph_ps(_mm_cvtsi32_si128(i32::from(bits))))
}

/// The 32 bytes at the end of a block.
#[target_feature(enable = "avx2")]
fn signed<const BYTES: usize>(block: &[u8; BYTES]) -> __m256i {
    match block.last_chunk::<32>() {
        // SAFETY: 32 bytes are read of the 32 there are.
        Some(bytes) => unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) },
        None => _mm256_set1_epi8(0),
    }
}

/// The low halves of the 16 bytes at the end of a block, then the high ones.
#[target_feature(enable = "avx2")]
fn halves<const BYTES: usize>(block: &[u8; BYTES]) -> __m256i {
    match block.last_chunk::<16>() {
        Some(bytes) => {
            // SAFETY: 16 bytes are read of the 16 there are.
            let bytes = unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) };
            _mm256_and_si256(_mm256_set_m128i(_mm_srli_epi16(bytes, 4), bytes), _mm256_set1_epi8(15))
        }
        None => _mm256_set1_epi8(0),
    }
}

/// The sum of eight numbers, in the order of the plain product.
#[target_feature(enable = "avx2")]
fn sum_of(lanes: __m256) -> f32 {
    let four = _mm_add_ps(_mm256_castps256_ps128(lanes), _mm256_extractf128_ps(lanes, 1));
    let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps(two, two, 1)))
}
