//! Fast kernels under the layers: what candle's stock CPU operations do slowly, done here as custom operations.
//!
//! Every function works on any device. On the CPU in f32 it runs the kernel of this folder; elsewhere it is
//! composed of stock operations. Work is cut into tiles by shape alone, and each tile is computed by one
//! thread, so results are the same bytes whatever the number or the timing of threads.

mod activation;
mod attention;
mod beside;
mod blocks;
mod coded;
mod conv2d;
mod depthwise;
mod direct;
mod group_norm;
mod half;
mod interpolate;
mod joined;
mod lanes;
mod layer_norm;
mod linear;
mod max_pool;
mod parameter;
mod product;
mod rectifier;
mod rms_norm;
mod rope;
mod scaled_sum;
mod shared_bytes;
mod vector;
mod winograd;

pub use activation::{geglu, gelu, gelu_tanh, quick_gelu, silu, swiglu};
pub(crate) use attention::MOST_SCORES;
pub use attention::{Attention, Operand, attention};
pub use beside::side_by_side;
pub use blocks::{BlockKind, BlockMatrix, block_linear};
pub use coded::{CodeMatrix, code_linear};
pub use conv2d::{Conv2dGeometry, conv2d, conv2d_joined};
pub use depthwise::depthwise_conv2d;
pub use group_norm::{GroupMoments, group_norm, group_norm_silu_of};
pub use half::Precision;
pub(crate) use half::half_to_f32;
pub use interpolate::{Interpolation, interpolate};
pub use layer_norm::layer_norm;
pub use linear::{linear, linear_onto};
pub use max_pool::max_pool_halving;
pub use parameter::{Parameter, StoredNumbers};
pub use rectifier::Rectifier;
pub use rms_norm::rms_norm;
pub use rope::{Pairing, rope};
pub use scaled_sum::add_scaled_columns;
pub use shared_bytes::SharedBytes;
pub(crate) use winograd::FEW_PIXELS;

use candle_core::{CpuStorage, DType, Layout, Result, Tensor, bail};

/// True where the kernels of this folder apply: f32 on the CPU.
fn on_cpu(x: &Tensor) -> bool {
    x.device().is_cpu() && x.dtype() == DType::F32
}

/// The type that sums over many values are built in, where stock operations serve: f32 for half precision.
fn working_type(x: &Tensor) -> DType {
    match x.dtype() {
        DType::F16 | DType::BF16 => DType::F32,
        own => own,
    }
}

/// The elements of a contiguous f32 tensor inside a custom operation.
fn elements<'a>(storage: &'a CpuStorage, layout: &Layout, what: &str) -> Result<&'a [f32]> {
    let Some((start, end)) = layout.contiguous_offsets() else {
        bail!("{what}: a contiguous tensor is needed");
    };
    match storage.as_slice::<f32>()?.get(start..end) {
        Some(slice) => Ok(slice),
        None => bail!("{what}: the layout reaches beyond the storage"),
    }
}

/// Elements from one row of the last dimension to the next, where all rows lie in order and as far apart.
fn row_stride(layout: &Layout) -> Option<usize> {
    let (dims, strides) = (layout.dims(), layout.stride());
    let (&width, &1) = (dims.last()?, strides.last()?) else { return None };
    let outer = dims.len() - 1;
    let mut steps = dims.iter().zip(strides).take(outer).rev().filter(|(dim, _)| **dim != 1);
    let Some((&rows, &stride)) = steps.next() else { return Some(width) };
    let mut reach = rows * stride;
    for (&dim, &step) in steps {
        if step != reach {
            return None;
        }
        reach = dim * step;
    }
    (stride >= width).then_some(stride)
}

/// A raw output pointer that tasks share; each task writes only the region that is its own.
#[derive(Clone, Copy)]
struct SharedOutput(*mut f32);

// SAFETY: tasks that share the pointer write disjoint regions of one allocation that outlives them.
unsafe impl Send for SharedOutput {}
// SAFETY: as above.
unsafe impl Sync for SharedOutput {}

impl SharedOutput {
    /// The pointer moved on by `offset` elements.
    ///
    /// # Safety
    /// `offset` must lie within the allocation.
    unsafe fn at(self, offset: usize) -> *mut f32 {
        // SAFETY: the caller keeps `offset` within the allocation.
        unsafe { self.0.add(offset) }
    }

    /// The output from `offset` on.
    ///
    /// # Safety
    /// As [`SharedOutput::at`].
    unsafe fn after(self, offset: usize) -> Self {
        // SAFETY: as above.
        Self(unsafe { self.at(offset) })
    }

    /// Writes values from `offset` on, where there may have been none before.
    ///
    /// # Safety
    /// They must lie within the allocation, and be the caller's own.
    unsafe fn write(self, offset: usize, values: &[f32]) {
        // SAFETY: the caller answers for the place, and what is its own cannot be lent as `values`.
        unsafe { std::ptr::copy_nonoverlapping(values.as_ptr(), self.at(offset), values.len()) };
    }
}

/// Maps of numbers that rise and fall, for tests.
#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on should fail")]
fn wave_maps(shape: (usize, usize, usize, usize), step: f64) -> Tensor {
    let count = shape.0 * shape.1 * shape.2 * shape.3;
    let values: Vec<f32> = (0..count).map(|i| (i as f64 * step).sin() as f32).collect();
    Tensor::from_vec(values, shape, &candle_core::Device::Cpu).unwrap()
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    fn wave(shape: &[usize], step: f64) -> Tensor {
        let count: usize = shape.iter().product();
        let values: Vec<f32> = (0..count).map(|i| (3.0 * (i as f64 * step).sin()) as f32).collect();
        Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
    }

    /// Runs a function in f32, which takes the kernels, and in f64, which takes the stock operations that serve
    /// other devices, and compares.
    fn check(name: &str, inputs: &[&Tensor], f: impl Fn(&[Tensor]) -> Result<Tensor>) {
        let in_type = |dtype: DType| {
            let inputs: Vec<Tensor> = inputs.iter().map(|t| t.to_dtype(dtype).unwrap()).collect();
            f(&inputs).unwrap().to_dtype(DType::F64).unwrap()
        };
        let largest = |t: Tensor| t.abs().unwrap().max_all().unwrap().to_scalar::<f64>().unwrap();
        let (ours, stock) = (in_type(DType::F32), in_type(DType::F64));
        let gap = largest((ours - &stock).unwrap()) / largest(stock).max(1.0);
        assert!(gap < 2e-6, "{name} differs by {gap}");
    }

    #[test]
    fn kernels_agree_with_the_stock_operations_of_other_devices() {
        let (map, rows) = (wave(&[2, 12, 5, 7], 0.37), wave(&[2, 5, 12], 0.53));
        let (scale, shift) = (wave(&[12], 0.9), wave(&[12], 0.4));
        let (weight, bias) = (wave(&[8, 12], 0.21), wave(&[8], 0.8));
        let kernel = wave(&[8, 12, 3, 3], 0.11);
        let per_picture = wave(&[2, 8], 0.6);
        for silu in [false, true] {
            check("group norm", &[&map, &scale, &shift], |t| group_norm(&t[0], &t[1], &t[2], 3, 1e-5, silu));
        }
        check("layer norm", &[&rows, &scale, &shift], |t| layer_norm(&t[0], &t[1], &t[2], 1e-5));
        check("linear", &[&rows, &weight, &bias], |t| linear(&t[0], &t[1], Some(&t[2])));
        check("linear without bias", &[&rows, &weight], |t| linear(&t[0], &t[1], None));
        let sum = wave(&[2, 5, 8], 0.7);
        check("linear onto", &[&sum, &rows, &weight], |t| linear_onto(t[0].copy()?, &t[1], &t[2]));
        check("silu", &[&rows], |t| silu(&t[0]));
        check("gelu", &[&rows], |t| gelu(&t[0]));
        check("gelu by tanh", &[&rows], |t| gelu_tanh(&t[0]));
        check("quick gelu", &[&rows], |t| quick_gelu(&t[0]));
        check("geglu", &[&rows], |t| geglu(&t[0]));
        check("swiglu", &[&rows], |t| swiglu(&t[0]));
        check("rms norm", &[&rows, &scale], |t| rms_norm(&t[0], &t[1], 1e-5));
        let other = wave(&[2, 5, 12], 0.31);
        check("scaled sum", &[&rows, &other, &scale], |t| add_scaled_columns(&t[0], &t[1], &t[2]));
        let (row, angles) = (wave(&[1, 5, 12], 0.53), wave(&[5, 2], 0.7));
        for pairing in [Pairing::Halves, Pairing::Neighbours] {
            check("rope", &[&row, &angles], |t| rope(&t[0], &t[1].cos()?, &t[1].sin()?, pairing));
        }
        let halving = Conv2dGeometry { stride: 2, pad_before: 0, pad_after: 1, dilation: 1 };
        check("conv2d", &[&map, &kernel, &bias], |t| conv2d(&t[0], &t[1], &t[2], halving));
        let same = Conv2dGeometry::padded(1);
        let (per_channel, offset) = (wave(&[12, 1, 3, 3], 0.7), wave(&[12], 0.8));
        check("depthwise", &[&map, &per_channel, &offset], |t| depthwise_conv2d(&t[0], &t[1], &t[2]));
        for method in [Interpolation::BilinearCorners, Interpolation::Bicubic] {
            for (height, width) in [(11, 9), (3, 4), (5, 1)] {
                let name = format!("{method:?} to {height}x{width}");
                check(&name, &[&map], |t| interpolate(&t[0], height, width, method));
            }
        }
        check("conv2d per picture", &[&map, &kernel, &per_picture], |t| conv2d(&t[0], &t[1], &t[2], same));
        let slopes = vec![0.1, 0.2, 0.3, 0.0, -0.5, 1.0, 2.0, 0.25];
        for rectifier in [Rectifier::RELU, Rectifier::Leaky(0.2), Rectifier::PerChannel(slopes)] {
            let dilated = Conv2dGeometry::dilated(2);
            check("rectified conv2d", &[&map, &kernel, &bias], |t| {
                conv2d_joined(&[&t[0]], &t[1].clone().into(), &t[2], dilated, &rectifier)
            });
            let (left, right) = (map.narrow(1, 0, 5).unwrap(), map.narrow(1, 5, 7).unwrap());
            check("joined conv2d", &[&left, &right, &kernel, &bias], |t| {
                conv2d_joined(&[&t[0], &t[1]], &t[2].clone().into(), &t[3], dilated, &rectifier)
            });
        }
        check("max pool", &[&map], |t| max_pool_halving(&t[0]));
        check("bilinear", &[&map], |t| interpolate(&t[0], 11, 9, Interpolation::Bilinear));
    }

    #[test]
    fn large_products_are_the_same_in_tiles_of_any_kind() {
        // More rows and columns than one tile holds, and not multiples of it.
        let (x, weight, bias) = (wave(&[300, 40], 0.013), wave(&[700, 40], 0.017), wave(&[700], 0.3));
        check("linear", &[&x, &weight, &bias], |t| linear(&t[0], &t[1], Some(&t[2])));
    }
}
