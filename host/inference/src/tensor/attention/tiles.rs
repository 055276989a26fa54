//! Attention in f32, by matrix products of blocks.

use gemm::Parallelism;
use rayon::prelude::*;

use super::{Groups, Operands, Rows};
use crate::tensor::SharedOutput;
use crate::tensor::vector::{exp, wide};

/// Query rows per task.
const QUERY_BLOCK: usize = 256;
/// Key rows per score tile.
const KEY_BLOCK: usize = 512;

/// Working memory of one thread.
#[derive(Default)]
struct Scratch {
    scores: Vec<f32>,
    peaks: Vec<f32>,
    sums: Vec<f32>,
}

/// Writes all heads of all queries.
///
/// # Safety
/// The output must have batch * queries * width elements, which are the caller's own.
pub(super) unsafe fn attend(operands: &Operands<'_>, causal: bool, target: SharedOutput) {
    let &Operands { q, k, v, batch, queries, keys, width, heads, groups } = operands;
    let Groups { head_width, shared } = groups;
    let blocks = queries.div_ceil(QUERY_BLOCK);
    (0..batch * heads * blocks).into_par_iter().for_each_init(Scratch::default, |scratch, task| {
        let (picture, head, block) = (task / blocks / heads, task / blocks % heads, task % blocks);
        let first = block * QUERY_BLOCK;
        let tile = Tile {
            picture,
            column: head * head_width,
            key_column: head / shared * head_width,
            head_width,
            width,
            first_query: first,
            queries: QUERY_BLOCK.min(queries - first),
            keys,
            past: causal.then(|| keys.saturating_sub(queries)),
        };
        // SAFETY: tiles are disjoint parts of the output, which has batch * queries * width elements.
        unsafe { tile.compute(q, k, v, target.at((picture * queries + first) * width), scratch) };
    });
}

/// One head's block of queries.
struct Tile {
    picture: usize,
    column: usize,
    key_column: usize,
    head_width: usize,
    width: usize,
    first_query: usize,
    queries: usize,
    keys: usize,
    /// Keys before the first query when a query sees only keys up to its own, else none.
    past: Option<usize>,
}

impl Tile {
    /// Computes the tile into the output rows that begin at `out_rows`.
    ///
    /// # Safety
    /// `out_rows` must point to `queries` rows of `width` elements of which no other task touches this head's
    /// columns; the operands must have the shapes that the tile was cut from.
    unsafe fn compute(&self, q: Rows, k: Rows, v: Rows, out_rows: *mut f32, scratch: &mut Scratch) {
        let Tile { picture, column, key_column, head_width, width, first_query, queries, keys, past } = *self;
        scratch.peaks.clear();
        scratch.peaks.resize(queries, f32::MIN);
        scratch.sums.clear();
        scratch.sums.resize(queries, 0.0);
        // SAFETY: the column lies within a row.
        let out = unsafe { out_rows.add(column) };
        let visible = past.map_or(keys, |past| keys.min(past + first_query + queries));
        let mut first_key = 0;
        while first_key < visible {
            let count = KEY_BLOCK.min(visible - first_key);
            scratch.scores.resize(queries * count, 0.0);
            // SAFETY: scores hold queries x count elements; the operands are addressed within their shapes.
            unsafe {
                gemm::gemm(
                    queries,
                    count,
                    head_width,
                    scratch.scores.as_mut_ptr(),
                    1,
                    count as isize,
                    false,
                    q.at(picture, first_query, column),
                    1,
                    q.row_stride as isize,
                    k.at(picture, first_key, key_column),
                    k.row_stride as isize,
                    1,
                    0.0,
                    1.0 / (head_width as f32).sqrt(),
                    false,
                    false,
                    false,
                    Parallelism::None,
                );
            }
            let rows = scratch.scores.chunks_exact_mut(count);
            let states = scratch.peaks.iter_mut().zip(&mut scratch.sums);
            for (query, (scores, (peak, sum))) in rows.zip(states).enumerate() {
                if let Some(past) = past {
                    let seen = (past + first_query + query + 1).saturating_sub(first_key);
                    scores.iter_mut().skip(seen).for_each(|s| *s = f32::MIN);
                }
                let decay = exponentiate(scores, peak, sum);
                if first_key > 0 && decay != 1.0 {
                    // SAFETY: the row is one of this tile's own.
                    let row = unsafe { std::slice::from_raw_parts_mut(out.add(query * width), head_width) };
                    row.iter_mut().for_each(|x| *x *= decay);
                }
            }
            // SAFETY: as above; the output rows are this tile's own.
            unsafe {
                gemm::gemm(
                    queries,
                    head_width,
                    count,
                    out,
                    1,
                    width as isize,
                    first_key > 0,
                    scratch.scores.as_ptr(),
                    1,
                    count as isize,
                    v.at(picture, first_key, key_column),
                    1,
                    v.row_stride as isize,
                    1.0,
                    1.0,
                    false,
                    false,
                    false,
                    Parallelism::None,
                );
            }
            first_key += count;
        }
        for (query, sum) in scratch.sums.iter().enumerate() {
            // SAFETY: the row is one of this tile's own.
            let row = unsafe { std::slice::from_raw_parts_mut(out.add(query * width), head_width) };
            row.iter_mut().for_each(|x| *x /= sum);
        }
    }
}

wide! {
    /// Replaces scores by their exponentials relative to the running peak, adds them to the running sum, and
    /// returns the factor by which what was gathered before must shrink.
    fn exponentiate(scores: &mut [f32], peak: &mut f32, sum: &mut f32) -> f32 {
        let mut lanes = [*peak; 16];
        let mut blocks = scores.chunks_exact(16);
        for block in &mut blocks {
            for (lane, &s) in lanes.iter_mut().zip(block) {
                *lane = if s > *lane { s } else { *lane };
            }
        }
        for (lane, &s) in lanes.iter_mut().zip(blocks.remainder()) {
            *lane = if s > *lane { s } else { *lane };
        }
        let top = lanes.iter().copied().fold(*peak, f32::max);
        let decay = exp(*peak - top);
        *peak = top;
        let mut lanes = [0f32; 16];
        let mut blocks = scores.chunks_exact_mut(16);
        for block in &mut blocks {
            for (lane, s) in lanes.iter_mut().zip(block) {
                *s = exp(*s - top);
                *lane += *s;
            }
        }
        for (lane, s) in lanes.iter_mut().zip(blocks.into_remainder()) {
            *s = exp(*s - top);
            *lane += *s;
        }
        *sum = *sum * decay + lanes.iter().sum::<f32>();
        decay
    }
}
