//! The affine map of linear layers as one matrix product with the bias added in it.

use std::borrow::Cow;

use candle_core::{CpuStorage, CustomOp1, CustomOp2, InplaceOp2, Layout, Result, Shape, Tensor, bail};
use gemm::Parallelism;
use rayon::prelude::*;

use super::parameter::{Numbers, Parameter};
use super::product::{self, COLUMNS, Columns, DEPTH, Packed, ROWS, pack_lines};
use super::{SharedOutput, elements, on_cpu};

/// Fewest rows of the input for which operands are packed.
const LEAST_ROWS: usize = 24;
/// Strips of the input that one task multiplies by what it packs of the weight.
const STRIPS: usize = 86;
/// Strips of the input that are packed at a time.
const PACKED_STRIPS: usize = 2 * STRIPS;
/// Most panels of the weight that one task packs, so that they stay in the second-level cache.
const PANELS: usize = 4;
/// Tasks to cut a product into where it is large enough.
const TASKS: usize = 16;
/// Columns of the result that one task computes from few rows.
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
        if rows >= LEAST_ROWS {
            for (number, x) in x.chunks(PACKED_STRIPS * ROWS * width).enumerate() {
                // SAFETY: y has a row for each row of x.
                unsafe { self.multiply(x, y.after(number * PACKED_STRIPS * ROWS * out), start) };
            }
            return Ok(());
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

    /// Adds the products of all rows of `x` to the rows of `y`, from packed operands.
    ///
    /// # Safety
    /// `y` must have as many rows as `x`, which are the caller's own.
    unsafe fn multiply(&self, x: &[f32], y: SharedOutput, start: Start<'_>) {
        let Self { numbers, out, width } = *self;
        let rows = x.len() / width;
        let mut packed = vec![0f32; rows.div_ceil(ROWS) * ROWS * width];
        packed.par_chunks_mut(ROWS * width).zip(x.par_chunks(ROWS * width)).for_each(|(strip, x)| {
            pack_lines::<ROWS>(x, width, strip);
        });
        let (ranges, panels) = (rows.div_ceil(STRIPS * ROWS), out.div_ceil(COLUMNS));
        let group = (panels * ranges / TASKS).clamp(1, PANELS);
        let groups = panels.div_ceil(group);
        let tasks = (0..ranges * groups).into_par_iter().with_max_len(1);
        tasks.for_each_init(Scratch::default, |Scratch { wide, panels }, task| {
            let (row, first) = (task / groups * STRIPS * ROWS, task % groups * group * COLUMNS);
            let (rows, columns) = ((STRIPS * ROWS).min(rows - row), (group * COLUMNS).min(out - first));
            if let Start::Bias(bias) = start {
                // SAFETY: these elements are of this task alone.
                unsafe {
                    y.fill_rows(bias.get(first..).unwrap_or_default(), (row, rows), (first, columns), out)
                };
            }
            for place in (0..width).step_by(DEPTH) {
                let depth = DEPTH.min(width - place);
                panels.resize(columns.div_ceil(COLUMNS) * COLUMNS * depth, 0.0);
                for (number, panel) in panels.chunks_exact_mut(COLUMNS * depth).enumerate() {
                    let line = first + number * COLUMNS;
                    let lines = line..(line + COLUMNS).min(out);
                    numbers.pack::<COLUMNS>(lines, width, place..place + depth, wide, panel);
                }
                let product = Packed {
                    rows: packed.get(row * width + place * ROWS..).unwrap_or_default(),
                    row_step: ROWS * width,
                    columns: Columns::packed(panels, depth),
                    depth,
                };
                let fresh = place == 0 && matches!(start, Start::Zero);
                let start = if fresh { product::Start::Zero } else { product::Start::Kept };
                // SAFETY: the tasks' parts of y are disjoint; the strips and panels are those of the rows and columns.
                unsafe { product.multiply((rows, columns), start, y.at(row * out + first), out) };
            }
        });
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
    /// Adds the products of all rows of `x`, which are few, to the strip's columns of `y`, which has `out`.
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
        (0..self.count.div_ceil(COLUMN_TILE)).into_par_iter().for_each(|task| {
            let inner = task * COLUMN_TILE;
            let columns = COLUMN_TILE.min(self.count - inner);
            let column = self.first + inner;
            // SAFETY: the caller answers for the sizes. Each task writes its own columns of y, which overlaps neither
            // operand.
            unsafe {
                if let Start::Bias(bias) = start {
                    y.fill_rows(bias.get(column..).unwrap_or_default(), (0, rows), (column, columns), out);
                }
                gemm::gemm(
                    rows,
                    columns,
                    width,
                    y.at(column),
                    1,
                    out as isize,
                    !matches!(start, Start::Zero),
                    x.as_ptr(),
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

/// Memory that a thread works in.
#[derive(Default)]
struct Scratch {
    wide: Vec<f32>,
    panels: Vec<f32>,
}

impl SharedOutput {
    /// Fills the same columns of some rows of `step` elements with the first of `values`.
    ///
    /// # Safety
    /// They must lie within the allocation and be the caller's own.
    unsafe fn fill_rows(
        self,
        values: &[f32],
        (first, rows): (usize, usize),
        (column, columns): (usize, usize),
        step: usize,
    ) {
        let values = values.get(..columns).unwrap_or_default();
        for row in first..first + rows {
            // SAFETY: the caller answers for the place.
            unsafe { self.write(row * step + column, values) };
        }
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
