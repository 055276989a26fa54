//! Scaled dot-product attention, tiled with an online softmax: the score matrix never exists as a whole.
//!
//! Method: Dao et al., FlashAttention (arXiv 2205.14135), on blocks that matrix products are fast at.

use candle_core::{CpuStorage, CustomOp3, D, Layout, Result, Shape, Tensor, bail};
use gemm::Parallelism;
use rayon::prelude::*;

use super::vector::{exp, wide};
use super::{SharedOutput, on_cpu, working_type};

/// Query rows per task.
const QUERY_BLOCK: usize = 256;
/// Key rows per score tile.
const KEY_BLOCK: usize = 512;
/// Scores that stock operations compute at a time, about: a quarter of a gigabyte.
pub(crate) const MOST_SCORES: usize = 1 << 26;

/// How the projections are read.
#[derive(Debug, Clone, Copy)]
pub struct Attention {
    /// Number of heads that the width divides into.
    pub heads: usize,
    /// True when a query sees only keys at its own and earlier positions. The queries are the last of the keys:
    /// there may be more keys than queries, not fewer.
    pub causal: bool,
}

/// softmax(q k^T / sqrt(head width)) v for each head, with `q` (batch, queries, width), `k` and `v` (batch, keys, key
/// width); heads are consecutive slices of the width. The key width is that of `q`, or that of fewer heads, each of
/// which then serves as many consecutive heads of `q` (Ainslie et al., arXiv 2305.13245). Gives (batch, queries,
/// width).
pub fn attention(q: &Tensor, k: &Tensor, v: &Tensor, options: Attention) -> Result<Tensor> {
    let (batch, queries, width) = q.dims3()?;
    let (_, keys, key_width) = k.dims3()?;
    let heads = options.heads;
    let groups = Groups::of(heads, width, key_width);
    let fits = k.dims() == [batch, keys, key_width] && v.dims() == k.dims();
    let Some(groups) = groups.filter(|_| fits && (keys >= queries || !options.causal)) else {
        bail!("attention: {heads} heads do not fit {:?}, {:?}, {:?}", q.dims(), k.dims(), v.dims());
    };
    if on_cpu(q) {
        return q.apply_op3_no_bwd(k, v, &options);
    }
    by_stock_operations((q, k, v), options, groups, MOST_SCORES)
}

/// The same on any device and in any type, for as many queries at a time as have about `most_scores` scores.
fn by_stock_operations(
    (q, k, v): (&Tensor, &Tensor, &Tensor),
    options: Attention,
    Groups { head_width, shared }: Groups,
    most_scores: usize,
) -> Result<Tensor> {
    let ((batch, queries, width), (_, keys, _)) = (q.dims3()?, k.dims3()?);
    let heads = options.heads;
    let split =
        |x: &Tensor, rows: usize| x.reshape((batch, rows, (), head_width))?.transpose(1, 2)?.contiguous();
    let spread = |x: &Tensor| {
        let x = split(x, keys)?.unsqueeze(2)?;
        let dims = (batch, heads / shared, shared, keys, head_width);
        x.broadcast_as(dims)?.reshape((batch, heads, keys, head_width))
    };
    let (q, k, v) = (split(q, queries)?, spread(k)?, spread(v)?);
    let (working, scale) = (working_type(&q), 1.0 / (head_width as f64).sqrt());
    let most = (most_scores / (batch * heads * keys).max(1)).clamp(1, queries.max(1));
    let part = |first: usize| {
        let count = most.min(queries - first);
        // Scaled before the product, whose sums leave the range of half precision sooner.
        let q = (q.narrow(2, first, count)? * scale)?;
        let mut scores = q.matmul(&k.t()?)?.to_dtype(working)?;
        if options.causal {
            let past = keys - queries + first;
            let hidden =
                (0..count).flat_map(|i| (0..keys).map(move |j| if j > i + past { f32::MIN } else { 0.0 }));
            let mask = Tensor::from_iter(hidden, q.device())?.reshape((count, keys))?.to_dtype(working)?;
            scores = scores.broadcast_add(&mask)?;
        }
        let shifted = scores.broadcast_sub(&scores.max_keepdim(D::Minus1)?)?.exp()?;
        let weights = shifted.broadcast_div(&shifted.sum_keepdim(D::Minus1)?)?;
        weights.to_dtype(v.dtype())?.matmul(&v)
    };
    let parts = (0..queries).step_by(most).map(part).collect::<Result<Vec<_>>>()?;
    Tensor::cat(&parts, 2)?.transpose(1, 2)?.reshape((batch, queries, width))
}

/// How heads of queries share heads of keys.
#[derive(Clone, Copy)]
struct Groups {
    head_width: usize,
    /// Heads of queries to one of keys.
    shared: usize,
}

impl Groups {
    /// None when the widths do not divide into heads.
    fn of(heads: usize, width: usize, key_width: usize) -> Option<Self> {
        let head_width = width.checked_div(heads).filter(|w| *w > 0 && w * heads == width)?;
        let key_heads = key_width / head_width;
        let fits = key_heads > 0 && key_heads * head_width == key_width && heads.is_multiple_of(key_heads);
        fits.then(|| Self { head_width, shared: heads / key_heads })
    }
}

/// A (batch, rows, width) operand whose rows are contiguous but may lie apart.
#[derive(Clone, Copy)]
struct Rows<'a> {
    data: &'a [f32],
    batch_stride: usize,
    row_stride: usize,
}

impl<'a> Rows<'a> {
    fn new(storage: &'a CpuStorage, layout: &Layout) -> Result<Self> {
        let (batch, rows, width) = layout.shape().dims3()?;
        let &[batch_stride, row_stride, 1] = layout.stride() else {
            bail!("attention: rows must be contiguous");
        };
        let data = storage.as_slice::<f32>()?.get(layout.start_offset()..).unwrap_or_default();
        let last = batch.saturating_sub(1) * batch_stride + rows.saturating_sub(1) * row_stride + width;
        if batch * rows * width == 0 || data.len() < last {
            bail!("attention: the layout reaches beyond the storage");
        }
        Ok(Self { data, batch_stride, row_stride })
    }

    /// Pointer to the element at a batch, row and column.
    ///
    /// # Safety
    /// The three must lie within the shape that the operand was made with.
    unsafe fn at(&self, batch: usize, row: usize, column: usize) -> *const f32 {
        // SAFETY: `new` checked that the last element of the shape lies within the data.
        unsafe { self.data.as_ptr().add(batch * self.batch_stride + row * self.row_stride + column) }
    }
}

/// Working memory of one thread.
#[derive(Default)]
struct Scratch {
    scores: Vec<f32>,
    peaks: Vec<f32>,
    sums: Vec<f32>,
}

impl CustomOp3 for Attention {
    fn name(&self) -> &'static str {
        "attention"
    }

    fn cpu_fwd(
        &self,
        q: &CpuStorage,
        q_layout: &Layout,
        k: &CpuStorage,
        k_layout: &Layout,
        v: &CpuStorage,
        v_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (batch, queries, width) = q_layout.shape().dims3()?;
        let (_, keys, key_width) = k_layout.shape().dims3()?;
        let Some(Groups { head_width, shared }) = Groups::of(self.heads, width, key_width) else {
            bail!("attention: {} heads do not fit a key width of {key_width}", self.heads);
        };
        let (q, k, v) = (Rows::new(q, q_layout)?, Rows::new(k, k_layout)?, Rows::new(v, v_layout)?);
        let blocks = queries.div_ceil(QUERY_BLOCK);
        let mut out = Vec::with_capacity(batch * queries * width);
        let target = SharedOutput(out.as_mut_ptr());
        (0..batch * self.heads * blocks).into_par_iter().for_each_init(Scratch::default, |scratch, task| {
            let (picture, head, block) =
                (task / blocks / self.heads, task / blocks % self.heads, task % blocks);
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
                past: if self.causal { Some(keys.saturating_sub(queries)) } else { None },
            };
            // SAFETY: tiles are disjoint parts of the output, which has batch * queries * width elements.
            unsafe { tile.compute(q, k, v, target.at((picture * queries + first) * width), scratch) };
        });
        // SAFETY: the tiles are all heads of all queries; each writes what it has gathered from its first keys on.
        unsafe { out.set_len(batch * queries * width) };
        Ok((CpuStorage::F32(out), q_layout.shape().clone()))
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    fn wave(shape: (usize, usize, usize), step: f64) -> Tensor {
        let values: Vec<f32> =
            (0..shape.0 * shape.1 * shape.2).map(|i| (3.0 * (i as f64 * step).sin()) as f32).collect();
        Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
    }

    fn whole_matrix(q: &Tensor, k: &Tensor, v: &Tensor, options: Attention) -> Tensor {
        // f64 takes the stock path.
        let wide = |x: &Tensor| x.to_dtype(candle_core::DType::F64).unwrap();
        attention(&wide(q), &wide(k), &wide(v), options).unwrap().to_dtype(candle_core::DType::F32).unwrap()
    }

    #[test]
    fn tiles_agree_with_the_whole_score_matrix() {
        for (queries, keys, causal) in [(5, 7, false), (130, 1100, false), (77, 77, true), (600, 600, true)] {
            let (q, k, v) =
                (wave((2, queries, 24), 0.13), wave((2, keys, 24), 0.71), wave((2, keys, 24), 0.29));
            let options = Attention { heads: 3, causal };
            let tiled = attention(&q, &k, &v, options).unwrap();
            let gap = (tiled - whole_matrix(&q, &k, &v, options)).unwrap().abs().unwrap().max_all().unwrap();
            let gap = gap.to_scalar::<f32>().unwrap();
            assert!(gap < 1e-5, "{queries} queries, {keys} keys, causal {causal}: {gap}");
        }
    }

    #[test]
    fn heads_share_keys_and_queries_follow_earlier_keys() {
        for (queries, keys, causal) in [(1, 9, true), (130, 700, true), (6, 6, true), (5, 3, false)] {
            let (q, k, v) =
                (wave((2, queries, 24), 0.13), wave((2, keys, 8), 0.71), wave((2, keys, 8), 0.29));
            let options = Attention { heads: 6, causal };
            let tiled = attention(&q, &k, &v, options).unwrap();
            let gap = (tiled - whole_matrix(&q, &k, &v, options)).unwrap().abs().unwrap().max_all().unwrap();
            let gap = gap.to_scalar::<f32>().unwrap();
            assert!(gap < 1e-5, "{queries} queries, {keys} keys, causal {causal}: {gap}");
        }
    }

    #[test]
    fn stock_operations_give_the_same_for_few_queries_at_a_time() {
        for causal in [false, true] {
            let (q, k, v) = (wave((2, 13, 24), 0.13), wave((2, 20, 8), 0.71), wave((2, 20, 8), 0.29));
            let options = Attention { heads: 6, causal };
            let groups = Groups::of(6, 24, 8).unwrap();
            let of = |most: usize| {
                let mixed = by_stock_operations((&q, &k, &v), options, groups, most).unwrap();
                mixed.flatten_all().unwrap().to_vec1::<f32>().unwrap()
            };
            let whole = of(MOST_SCORES);
            for most in [1, 2 * 6 * 20 * 5] {
                let gaps = of(most).into_iter().zip(&whole).map(|(a, b)| (a - b).abs());
                assert!(gaps.fold(0.0, f32::max) < 1e-5, "{most}, causal {causal}");
            }
        }
    }

    #[test]
    fn slices_of_one_projection_are_read_in_place() {
        let joint = wave((2, 40, 72), 0.17);
        let part = |i: usize| joint.narrow(2, i * 24, 24).unwrap();
        let options = Attention { heads: 2, causal: false };
        let sliced = attention(&part(0), &part(1), &part(2), options).unwrap();
        let copied = attention(
            &part(0).contiguous().unwrap(),
            &part(1).contiguous().unwrap(),
            &part(2).contiguous().unwrap(),
            options,
        )
        .unwrap();
        assert_eq!(
            sliced.flatten_all().unwrap().to_vec1::<f32>().unwrap(),
            copied.flatten_all().unwrap().to_vec1::<f32>().unwrap()
        );
    }

    #[test]
    fn heads_that_do_not_divide_the_width_are_refused() {
        let x = wave((1, 4, 10), 0.1);
        assert!(attention(&x, &x, &x, Attention { heads: 3, causal: false }).is_err());
    }
}
