//! Scaled dot-product attention, tiled with an online softmax: the score matrix never exists as a whole.
//!
//! Method: Dao et al., FlashAttention (arXiv 2205.14135), on blocks that matrix products are fast at.

#[cfg(target_arch = "x86_64")]
mod rounded;
mod tiles;

use candle_core::{CpuStorage, CustomOp3, D, Layout, Result, Shape, Tensor, bail};

use super::{SharedOutput, on_cpu, working_type};

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
    /// In what precision operands are multiplied.
    pub operands: Operand,
}

/// The precision of what products are made of. Sums are in f32.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operand {
    /// As the operands are.
    Exact,
    /// In bfloat16 where the processor multiplies that faster: for operands that come from products of 8-bit blocks and
    /// are known no better than that.
    Rounded,
}

impl Attention {
    /// Attention in which every query sees every key.
    pub fn full(heads: usize) -> Self {
        Self { heads, causal: false, operands: Operand::Exact }
    }

    /// Attention in which a query sees no later key.
    pub fn causal(heads: usize) -> Self {
        Self { causal: true, ..Self::full(heads) }
    }
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
        let Some(groups) = Groups::of(self.heads, width, key_width) else {
            bail!("attention: {} heads do not fit a key width of {key_width}", self.heads);
        };
        let (q, k, v) = (Rows::new(q, q_layout)?, Rows::new(k, k_layout)?, Rows::new(v, v_layout)?);
        let operands = Operands { q, k, v, batch, queries, keys, width, heads: self.heads, groups };
        Ok((CpuStorage::F32(operands.attend(*self)), q_layout.shape().clone()))
    }
}

/// Queries, keys and values, and how they are cut into heads.
#[derive(Clone, Copy)]
struct Operands<'a> {
    q: Rows<'a>,
    k: Rows<'a>,
    v: Rows<'a>,
    batch: usize,
    queries: usize,
    keys: usize,
    /// That of the queries.
    width: usize,
    heads: usize,
    groups: Groups,
}

impl Operands<'_> {
    /// The rows of the result one after the other.
    fn attend(&self, options: Attention) -> Vec<f32> {
        let mut out = Vec::with_capacity(self.batch * self.queries * self.width);
        let target = SharedOutput(out.as_mut_ptr());
        // SAFETY: the output has room for batch * queries * width elements, and is nobody else's.
        unsafe {
            match options.operands {
                #[cfg(target_arch = "x86_64")]
                Operand::Rounded if !options.causal && rounded::takes(self) => rounded::attend(self, target),
                _ => tiles::attend(self, options.causal, target),
            }
            // SAFETY: either way has written every row of every head.
            out.set_len(self.batch * self.queries * self.width);
        }
        out
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
            let options = Attention { causal, ..Attention::full(3) };
            let tiled = attention(&q, &k, &v, options).unwrap();
            let gap = (tiled - whole_matrix(&q, &k, &v, options)).unwrap().abs().unwrap().max_all().unwrap();
            let gap = gap.to_scalar::<f32>().unwrap();
            assert!(gap < 1e-5, "{queries} queries, {keys} keys, causal {causal}: {gap}");
        }
    }

    /// Elsewhere both are the same way.
    #[test]
    fn rounded_operands_give_what_exact_ones_give_within_their_rounding() {
        for (queries, keys, shared) in [(130, 301, 1), (7, 600, 2), (3, 1, 1)] {
            let (q, k, v) = (
                wave((2, queries, 256), 0.13),
                wave((2, keys, 256 / shared), 0.71),
                wave((2, keys, 256 / shared), 0.29),
            );
            let q = (q / 8.0).unwrap();
            for heads in [2, 4] {
                let exact = whole_matrix(&q, &k, &v, Attention::full(heads));
                let options = Attention { operands: Operand::Rounded, ..Attention::full(heads) };
                let gap = (attention(&q, &k, &v, options).unwrap() - exact).unwrap().abs().unwrap();
                let gap = gap.max_all().unwrap().to_scalar::<f32>().unwrap();
                // Values of 3 in eight bits, and scores that are off by as little.
                assert!(gap < 0.03, "{queries} queries, {keys} keys, {heads} heads: {gap}");
                let fast = cfg!(target_arch = "x86_64") && std::arch::is_x86_feature_detected!("avx512bf16");
                assert!(!fast || gap > 1e-4, "nothing was rounded");
            }
        }
    }

    #[test]
    fn heads_share_keys_and_queries_follow_earlier_keys() {
        for (queries, keys, causal) in [(1, 9, true), (130, 700, true), (6, 6, true), (5, 3, false)] {
            let (q, k, v) =
                (wave((2, queries, 24), 0.13), wave((2, keys, 8), 0.71), wave((2, keys, 8), 0.29));
            let options = Attention { causal, ..Attention::full(6) };
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
            let options = Attention { causal, ..Attention::full(6) };
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
        let options = Attention::full(2);
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
        assert!(attention(&x, &x, &x, Attention::full(3)).is_err());
    }
}
