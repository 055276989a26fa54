//! The affine map of linear layers as one matrix product with the bias added in it.

use candle_core::{CpuStorage, CustomOp2, CustomOp3, InplaceOp3, Layout, Result, Shape, Tensor, bail};
use gemm::Parallelism;
use rayon::prelude::*;

use super::{SharedOutput, elements, on_cpu};

/// Rows and columns of the result that one task computes.
const ROW_TILE: usize = 256;
const COLUMN_TILE: usize = 512;

/// `x` (..., in) times the transpose of `weight` (out, in), plus `bias` (out): (..., out).
pub fn linear(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
    if on_cpu(x) {
        let x = x.contiguous()?;
        return match bias {
            Some(bias) => x.apply_op3_no_bwd(weight, bias, &Linear),
            None => x.apply_op2_no_bwd(weight, &Linear),
        };
    }
    let (out, width) = weight.dims2()?;
    let mut dims = x.dims().to_vec();
    if let Some(last) = dims.last_mut() {
        *last = out;
    }
    let y = x.reshape(((), width))?.matmul(&weight.t()?)?.reshape(dims)?;
    match bias {
        Some(bias) => y.broadcast_add(bias),
        None => Ok(y),
    }
}

/// Adds `x` (..., in) times the transpose of `weight` (out, in) to `y` (..., out), which nothing else may hold.
pub fn linear_onto(y: Tensor, x: &Tensor, weight: &Tensor) -> Result<Tensor> {
    if on_cpu(x) {
        let y = y.contiguous()?;
        y.inplace_op3(&x.contiguous()?, weight, &LinearOnto)?;
        return Ok(y);
    }
    y + linear(x, weight, None)?
}

struct Linear;

struct LinearOnto;

/// What the sums begin with.
#[derive(Clone, Copy)]
enum Start<'a> {
    Zero,
    /// The same for each row (out).
    Bias(&'a [f32]),
    /// What is there.
    Kept,
}

impl Linear {
    fn product(
        x: &[f32],
        layout: &Layout,
        weight: &[f32],
        weight_layout: &Layout,
        start: Start<'_>,
    ) -> Result<(CpuStorage, Shape)> {
        let (out, width) = weight_layout.shape().dims2()?;
        let mut dims = layout.dims().to_vec();
        if let Some(last) = dims.last_mut() {
            *last = out;
        }
        let mut y = vec![0f32; x.len().checked_div(width).unwrap_or(0) * out];
        add_product(&mut y, x, layout, weight, weight_layout, start)?;
        Ok((CpuStorage::F32(y), Shape::from(dims)))
    }
}

/// Computes the products into `y`, tile by tile.
fn add_product(
    y: &mut [f32],
    x: &[f32],
    layout: &Layout,
    weight: &[f32],
    weight_layout: &Layout,
    start: Start<'_>,
) -> Result<()> {
    let (out, width) = weight_layout.shape().dims2()?;
    let rows = x.len().checked_div(width).unwrap_or(0);
    let bias = match start {
        Start::Bias(bias) => Some(bias),
        Start::Zero | Start::Kept => None,
    };
    if layout.dims().last() != Some(&width) || y.len() != rows * out || bias.is_some_and(|b| b.len() != out) {
        bail!("linear: a {out}x{width} weight does not fit {:?}", layout.dims());
    }
    let column_tiles = out.div_ceil(COLUMN_TILE);
    let shared = SharedOutput(y.as_mut_ptr());
    (0..rows.div_ceil(ROW_TILE) * column_tiles).into_par_iter().for_each(|task| {
        let (row, column) = (task / column_tiles * ROW_TILE, task % column_tiles * COLUMN_TILE);
        let (tile_rows, tile_columns) = (ROW_TILE.min(rows - row), COLUMN_TILE.min(out - column));
        // SAFETY: x is rows*width, weight is out*width and y is rows*out elements, all contiguous, as checked
        // above. Each task writes its own tile of y, which overlaps neither operand.
        unsafe {
            let target = shared.at(row * out + column);
            if let Some(bias) = bias.and_then(|bias| bias.get(column..column + tile_columns)) {
                for row in 0..tile_rows {
                    std::slice::from_raw_parts_mut(target.add(row * out), tile_columns).copy_from_slice(bias);
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
                weight.as_ptr().add(column * width),
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
    Ok(())
}

impl CustomOp2 for Linear {
    fn name(&self) -> &'static str {
        "linear"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        layout: &Layout,
        weight: &CpuStorage,
        weight_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let x = elements(x, layout, "linear")?;
        let weight = elements(weight, weight_layout, "linear")?;
        Linear::product(x, layout, weight, weight_layout, Start::Zero)
    }
}

impl CustomOp3 for Linear {
    fn name(&self) -> &'static str {
        "linear"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        layout: &Layout,
        weight: &CpuStorage,
        weight_layout: &Layout,
        bias: &CpuStorage,
        bias_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let x = elements(x, layout, "linear")?;
        let weight = elements(weight, weight_layout, "linear")?;
        let bias = elements(bias, bias_layout, "linear")?;
        Linear::product(x, layout, weight, weight_layout, Start::Bias(bias))
    }
}

impl InplaceOp3 for LinearOnto {
    fn name(&self) -> &'static str {
        "linear onto"
    }

    fn cpu_fwd(
        &self,
        y: &mut CpuStorage,
        y_layout: &Layout,
        x: &CpuStorage,
        layout: &Layout,
        weight: &CpuStorage,
        weight_layout: &Layout,
    ) -> Result<()> {
        let x = elements(x, layout, "linear onto")?;
        let weight = elements(weight, weight_layout, "linear onto")?;
        let (CpuStorage::F32(y), Some((start, end))) = (y, y_layout.contiguous_offsets()) else {
            bail!("linear onto: a contiguous tensor of f32 is needed");
        };
        match y.get_mut(start..end) {
            Some(y) => add_product(y, x, layout, weight, weight_layout, Start::Kept),
            None => bail!("linear onto: the layout reaches beyond the storage"),
        }
    }
}
