//! The affine map of linear layers as one matrix product with the bias added in it.

use std::borrow::Cow;

use candle_core::{CpuStorage, CustomOp1, CustomOp2, InplaceOp2, Layout, Result, Shape, Tensor, bail};
use gemm::Parallelism;
use rayon::prelude::*;

use super::parameter::{Numbers, Parameter};
use super::{SharedOutput, elements, on_cpu};

/// Rows and columns of the result that one task computes.
const ROW_TILE: usize = 256;
const COLUMN_TILE: usize = 512;
/// Numbers of a stored weight that are widened at a time: what stays in a shared cache.
const WIDENED: usize = 4 << 20;

/// `x` (..., in) times the transpose of `weight` (out, in), plus `bias` (out): (..., out).
pub fn linear(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
    Parameter::from(weight.clone()).linear(x, bias)
}

impl Parameter {
    /// `x` (..., in) times the transpose of this weight (out, in), plus `bias` (out): (..., out).
    pub fn linear(&self, x: &Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
        let &[out, width] = self.dims() else { bail!("linear: {:?} is no matrix", self.dims()) };
        if on_cpu(x) && self.is_on_cpu() {
            let x = x.contiguous()?;
            return self.with_numbers(|numbers| {
                let product = Product { matrix: Matrix { numbers, out, width } };
                match bias {
                    Some(bias) => x.apply_op2_no_bwd(&bias.contiguous()?, &product),
                    None => x.apply_op1_no_bwd(&product),
                }
            });
        }
        let mut dims = x.dims().to_vec();
        if let Some(last) = dims.last_mut() {
            *last = out;
        }
        let y = x.reshape(((), width))?.matmul(&self.like(x)?.t()?)?.reshape(dims)?;
        match bias {
            Some(bias) => y.broadcast_add(&bias.to_dtype(y.dtype())?),
            None => Ok(y),
        }
    }
}

/// Adds `x` (..., in) times the transpose of `weight` (out, in) to `y` (..., out), which nothing else may hold.
pub fn linear_onto(y: Tensor, x: &Tensor, weight: &Tensor) -> Result<Tensor> {
    if !on_cpu(x) {
        return y + linear(x, weight, None)?;
    }
    let (out, width) = weight.dims2()?;
    let y = y.contiguous()?;
    Parameter::from(weight.clone()).with_numbers(|numbers| {
        y.inplace_op2(&x.contiguous()?, &ProductOnto { matrix: Matrix { numbers, out, width } })
    })?;
    Ok(y)
}

/// A weight (out, width) on the CPU.
#[derive(Clone, Copy)]
struct Matrix<'a> {
    numbers: Numbers<'a>,
    out: usize,
    width: usize,
}

/// Some rows of a matrix, which give columns of the result.
struct Strip<'a> {
    first: usize,
    count: usize,
    values: Cow<'a, [f32]>,
}

struct Product<'a> {
    matrix: Matrix<'a>,
}

struct ProductOnto<'a> {
    matrix: Matrix<'a>,
}

/// What the sums begin with.
#[derive(Clone, Copy)]
enum Start<'a> {
    Zero,
    /// The same for each row (out).
    Bias(&'a [f32]),
    /// What is there.
    Kept,
}

impl<'a> Matrix<'a> {
    fn product(&self, x: &CpuStorage, layout: &Layout, start: Start<'_>) -> Result<(CpuStorage, Shape)> {
        let x = elements(x, layout, "linear")?;
        let mut dims = layout.dims().to_vec();
        if let Some(last) = dims.last_mut() {
            *last = self.out;
        }
        let count = x.len().checked_div(self.width).unwrap_or(0) * self.out;
        let mut y = Vec::with_capacity(count);
        self.add_product(SharedOutput(y.as_mut_ptr()), count, x, layout, start)?;
        // SAFETY: the tiles of all strips are the whole result, and start with zeros or the bias.
        unsafe { y.set_len(count) };
        Ok((CpuStorage::F32(y), Shape::from(dims)))
    }

    /// Computes the products into `y`, which has room for `count` elements, tile by tile.
    fn add_product(
        &self,
        y: SharedOutput,
        count: usize,
        x: &[f32],
        layout: &Layout,
        start: Start<'_>,
    ) -> Result<()> {
        let Self { out, width, .. } = *self;
        let rows = x.len().checked_div(width).unwrap_or(0);
        let biased = !matches!(start, Start::Bias(bias) if bias.len() != out);
        if layout.dims().last() != Some(&width) || count != rows * out || !biased {
            bail!("linear: a {out}x{width} weight does not fit {:?}", layout.dims());
        }
        for strip in self.strips() {
            if strip.values.len() != strip.count * width {
                bail!("linear: the weight has fewer numbers than {out}x{width}");
            }
            // SAFETY: x is rows*width and y is rows*out elements, contiguous, as checked above; strips are disjoint
            // columns of y.
            unsafe { strip.multiply(x, (rows, width), y, out, start) };
        }
        Ok(())
    }

    /// The rows in portions that are widened at a time, cut where tiles are.
    fn strips(&self) -> impl Iterator<Item = Strip<'a>> {
        let Self { numbers, out, width } = *self;
        let portion = numbers.portion(out, COLUMN_TILE, WIDENED / width.max(1)).max(1);
        (0..out).step_by(portion).map(move |first| {
            let count = portion.min(out - first);
            Strip { first, count, values: numbers.range(first * width..(first + count) * width) }
        })
    }
}

impl Strip<'_> {
    /// Adds the products of all rows of `x` to the strip's columns of `y`, which has `out`.
    ///
    /// # Safety
    /// `x` must have rows times width elements, the strip `count` times width, `y` rows times `out`; the strip's columns
    /// are the caller's own.
    unsafe fn multiply(
        &self,
        x: &[f32],
        (rows, width): (usize, usize),
        y: SharedOutput,
        out: usize,
        start: Start<'_>,
    ) {
        let column_tiles = self.count.div_ceil(COLUMN_TILE);
        (0..rows.div_ceil(ROW_TILE) * column_tiles).into_par_iter().for_each(|task| {
            let (row, inner) = (task / column_tiles * ROW_TILE, task % column_tiles * COLUMN_TILE);
            let (tile_rows, tile_columns) = (ROW_TILE.min(rows - row), COLUMN_TILE.min(self.count - inner));
            let column = self.first + inner;
            // SAFETY: the caller answers for the sizes. Each task writes its own tile of y, which overlaps neither
            // operand.
            unsafe {
                let target = y.at(row * out + column);
                if let Start::Bias(bias) = start {
                    let bias = bias.get(column..column + tile_columns).unwrap_or_default();
                    for row in 0..tile_rows {
                        std::slice::from_raw_parts_mut(target.add(row * out), bias.len())
                            .copy_from_slice(bias);
                    }
                }
                gemm::gemm(
                    tile_rows,
                    tile_columns,
                    width,
                    target,
                    1,
                    out as isize,
                    !matches!(start, Start::Zero),
                    x.as_ptr().add(row * width),
                    1,
                    width as isize,
                    self.values.as_ptr().add(inner * width),
                    width as isize,
                    1,
                    1.0,
                    1.0,
                    false,
                    false,
                    false,
                    Parallelism::None,
                );
            }
        });
    }
}

impl CustomOp1 for Product<'_> {
    fn name(&self) -> &'static str {
        "linear"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        self.matrix.product(x, layout, Start::Zero)
    }
}

impl CustomOp2 for Product<'_> {
    fn name(&self) -> &'static str {
        "linear"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        layout: &Layout,
        bias: &CpuStorage,
        bias_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        self.matrix.product(x, layout, Start::Bias(elements(bias, bias_layout, "linear")?))
    }
}

impl InplaceOp2 for ProductOnto<'_> {
    fn name(&self) -> &'static str {
        "linear onto"
    }

    fn cpu_fwd(&self, y: &mut CpuStorage, y_layout: &Layout, x: &CpuStorage, layout: &Layout) -> Result<()> {
        let x = elements(x, layout, "linear onto")?;
        let (CpuStorage::F32(y), Some((start, end))) = (y, y_layout.contiguous_offsets()) else {
            bail!("linear onto: a contiguous tensor of f32 is needed");
        };
        match y.get_mut(start..end) {
            Some(y) => {
                let count = y.len();
                self.matrix.add_product(SharedOutput(y.as_mut_ptr()), count, x, layout, Start::Kept)
            }
            None => bail!("linear onto: the layout reaches beyond the storage"),
        }
    }
}
