//! Two-dimensional convolution: some channels of the input are unrolled tile by tile and multiplied by their part of the
//! kernel matrix.
//!
//! Tensors stay in batch, channel, row, column order: unrolling copies whole row pieces, and the product adds to its tile
//! of every output channel in place.

use std::mem::MaybeUninit;

use candle_core::{CpuStorage, CustomOp2, DType, Layout, Result, Shape, Tensor, bail};
use rayon::prelude::*;

use super::joined::Joined;
use super::parameter::{Numbers, Parameter};
use super::product::{COLUMNS, Columns, DEPTH, Packed, ROWS, Start, pack_columns};
use super::rectifier::Rectifier;
use super::{SharedOutput, direct, elements, on_cpu, winograd};

/// Fewest pixels of a map whose convolution, with however many channels, takes longer than the detour of Winograd's
/// method for its kernels.
const LARGE_MAP: usize = 32 * 32;
/// Output pixels that are unrolled at a time, in whole rows.
const TILE_PIXELS: usize = 256;
/// Tiles that one task multiplies by what it packs of the kernels.
const TILES: usize = 8;
/// Tasks to cut a convolution into where it is large enough.
const TASKS: usize = 8;

/// Stride, zero padding and dilation of a convolution, the same for rows and columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Conv2dGeometry {
    /// Step between output pixels, at least 1.
    pub stride: usize,
    /// Zeros before the first row and column.
    pub pad_before: usize,
    /// Zeros after the last row and column.
    pub pad_after: usize,
    /// Input pixels from one kernel element to the next, at least 1.
    pub dilation: usize,
}

impl Conv2dGeometry {
    /// Stride 1 and the same padding on every side.
    pub fn padded(padding: usize) -> Self {
        Self { stride: 1, pad_before: padding, pad_after: padding, dilation: 1 }
    }

    /// For 3x3 kernels: stride 1, and as much padding as keeps the size.
    pub fn dilated(dilation: usize) -> Self {
        Self { dilation, ..Self::padded(dilation) }
    }

    /// True if an odd kernel edge gives maps of the size they had.
    fn keeps_size(&self, kernel: usize) -> bool {
        kernel % 2 == 1
            && *self == Self { dilation: self.dilation, ..Self::padded(kernel / 2 * self.dilation) }
    }

    /// Length of the output for an input and kernel length, none when the kernel does not fit.
    fn output_length(&self, input: usize, kernel: usize) -> Option<usize> {
        let extent = kernel.checked_sub(1)? * self.dilation + 1;
        let room = (input + self.pad_before + self.pad_after).checked_sub(extent)?;
        Some(room / self.stride.max(1) + 1)
    }
}

/// Convolves `x` (batch, in, height, width) with `weight` (out, in, kernel, kernel) and adds `bias`, either one
/// value per output channel (out) or one per picture and channel (batch, out).
pub fn conv2d(x: &Tensor, weight: &Tensor, bias: &Tensor, geometry: Conv2dGeometry) -> Result<Tensor> {
    Parameter::from(weight.clone()).conv2d(x, bias, geometry)
}

impl Parameter {
    /// As [`conv2d`] with this weight.
    pub fn conv2d(&self, x: &Tensor, bias: &Tensor, geometry: Conv2dGeometry) -> Result<Tensor> {
        let &[_, _, height, width] = x.dims() else { bail!("conv2d: {:?} is no map", x.dims()) };
        let large = geometry == Conv2dGeometry::padded(1) && height * width >= LARGE_MAP;
        if large && on_cpu(x) && self.is_on_cpu() {
            let maps = [x.contiguous()?];
            let maps = Joined::new(&maps)?;
            if winograd::suits(&maps, self.dims()) {
                return winograd::conv3x3(&maps, self, bias, &Rectifier::None);
            }
        }
        plain(x, self, bias, geometry, &Rectifier::None)
    }
}

/// As [`conv2d`], over maps that are joined along their channels, and with the rectifier applied to the result. Sums
/// are built by other methods than there, whose rounding is about 1e-5 of their size.
pub fn conv2d_joined(
    maps: &[&Tensor],
    weight: &Parameter,
    bias: &Tensor,
    geometry: Conv2dGeometry,
    rectifier: &Rectifier,
) -> Result<Tensor> {
    let &[_, _, _, edge] = weight.dims() else { bail!("conv2d: {:?} is no kernel", weight.dims()) };
    let suits = geometry.keeps_size(edge) && bias.rank() == 1 && weight.is_on_cpu();
    if !suits || !maps.iter().all(|map| on_cpu(map)) {
        return match maps {
            [map] => plain(map, weight, bias, geometry, rectifier),
            _ => plain(&Tensor::cat(maps, 1)?, weight, bias, geometry, rectifier),
        };
    }
    let maps = maps.iter().map(|map| map.contiguous()).collect::<Result<Vec<_>>>()?;
    let joined = Joined::new(&maps)?;
    if geometry == Conv2dGeometry::padded(1) && winograd::suits(&joined, weight.dims()) {
        return winograd::conv3x3(&joined, weight, bias, rectifier);
    }
    direct::convolve(&joined, weight, bias, geometry.dilation, rectifier)
}

fn plain(
    x: &Tensor,
    weight: &Parameter,
    bias: &Tensor,
    geometry: Conv2dGeometry,
    rectifier: &Rectifier,
) -> Result<Tensor> {
    let &[out, channels, height, width] = weight.dims() else {
        bail!("conv2d: {:?} is no kernel", weight.dims());
    };
    if on_cpu(x) && weight.is_on_cpu() {
        return weight.with_numbers(|numbers| {
            let convolution = Conv2d { numbers, shape: (out, channels, height, width), geometry, rectifier };
            x.contiguous()?.apply_op2_no_bwd(&bias.contiguous()?, &convolution)
        });
    }
    if x.device().is_cpu() && x.dtype() == DType::BF16 {
        // candle's own convolution has no bf16 there.
        return plain(&x.to_dtype(DType::F32)?, weight, &bias.to_dtype(DType::F32)?, geometry, rectifier)?
            .to_dtype(DType::BF16);
    }
    let weight = &weight.like(x)?;
    let Conv2dGeometry { stride, pad_before, pad_after, dilation } = geometry;
    let y = if pad_before == pad_after {
        x.conv2d(weight, pad_before, stride, dilation, 1)?
    } else {
        x.pad_with_zeros(2, pad_before, pad_after)?
            .pad_with_zeros(3, pad_before, pad_after)?
            .conv2d(weight, 0, stride, dilation, 1)?
    };
    let bias = match bias.dims() {
        [batch, out] => bias.reshape((*batch, *out, 1, 1))?,
        _ => bias.reshape((1, bias.elem_count(), 1, 1))?,
    };
    rectifier.apply(&y.broadcast_add(&bias.to_dtype(y.dtype())?)?)
}

struct Conv2d<'a> {
    numbers: Numbers<'a>,
    /// Output and input channels, rows and columns of the kernels.
    shape: (usize, usize, usize, usize),
    geometry: Conv2dGeometry,
    rectifier: &'a Rectifier,
}

/// The sizes of one convolution call.
struct Sizes {
    channels: usize,
    height: usize,
    width: usize,
    kernel_height: usize,
    kernel_width: usize,
    out_height: usize,
    out_width: usize,
}

impl CustomOp2 for Conv2d<'_> {
    fn name(&self) -> &'static str {
        "conv2d"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        layout: &Layout,
        bias: &CpuStorage,
        bias_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let x = elements(x, layout, "conv2d")?;
        let bias = elements(bias, bias_layout, "conv2d")?;
        let (batch, channels, height, width) = layout.shape().dims4()?;
        let (out, weight_channels, kernel_height, kernel_width) = self.shape;
        let out_height = self.geometry.output_length(height, kernel_height);
        let out_width = self.geometry.output_length(width, kernel_width);
        let (Some(out_height), Some(out_width)) = (out_height, out_width) else {
            bail!("conv2d: a {kernel_height}x{kernel_width} kernel is larger than {height}x{width}");
        };
        let per_picture = bias.len() == batch * out && bias_layout.dims().len() == 2;
        let complete = self.numbers.count() == out * channels * kernel_height * kernel_width;
        let fits = weight_channels == channels && complete && (per_picture || bias.len() == out);
        if !fits || !self.rectifier.fits(out) || x.is_empty() {
            bail!(
                "conv2d: weight {:?} and bias {:?} do not fit {:?}",
                self.shape,
                bias_layout.dims(),
                layout.dims()
            );
        }
        let sizes = Sizes { channels, height, width, kernel_height, kernel_width, out_height, out_width };
        let plane = out_height * out_width;
        let tile_rows = (TILE_PIXELS / out_width).clamp(1, out_height);
        let range = tile_rows * TILES;
        let (ranges, strips) = (out_height.div_ceil(range), out.div_ceil(ROWS));
        let groups = (TASKS / (batch * ranges)).clamp(1, strips);
        let group = strips.div_ceil(groups);
        let groups = strips.div_ceil(group);

        let mut y = Vec::with_capacity(batch * out * plane);
        let shared = SharedOutput(y.as_mut_ptr());
        let tasks = (0..batch * ranges * groups).into_par_iter().with_max_len(1);
        tasks.for_each_init(Scratch::default, |scratch, task| {
            let (picture, range_number, group_number) =
                (task / groups / ranges, task / groups % ranges, task % groups);
            let (first, first_row) = (group_number * group * ROWS, range_number * range);
            let part = Part {
                first,
                count: (group * ROWS).min(out - first),
                first_row,
                last_row: (first_row + range).min(out_height),
                tile_rows,
            };
            let input = x.get(picture * channels * height * width..).unwrap_or_default();
            let bias = if per_picture { bias.get(picture * out..).unwrap_or_default() } else { bias };
            // SAFETY: `y` has room for all pictures; parts of a picture do not overlap, and `y` outlives the tasks.
            unsafe { self.compute(&sizes, &part, input, bias, shared.after(picture * out * plane), scratch) };
        });
        // SAFETY: the tasks are all parts of all pictures, and each has written its own, as there are as many biases as
        // channels.
        unsafe { y.set_len(batch * out * plane) };
        Ok((CpuStorage::F32(y), Shape::from((batch, out, out_height, out_width))))
    }
}

impl Conv2d<'_> {
    /// Computes a part of a picture's planes.
    ///
    /// # Safety
    /// `y` must have room for all planes, and the part be the caller's own.
    unsafe fn compute(
        &self,
        sizes: &Sizes,
        part: &Part,
        input: &[f32],
        bias: &[f32],
        y: SharedOutput,
        scratch: &mut Scratch,
    ) {
        let &Sizes { channels, height, width, kernel_height, kernel_width, out_height, out_width } = sizes;
        let &Part { first, count, first_row, last_row, tile_rows } = part;
        let (kernel, plane) = (kernel_height * kernel_width, out_height * out_width);
        let pixels = first_row * out_width..last_row * out_width;
        // SAFETY: the pixels lie in the planes, which the caller answers for.
        let line = |channel: usize| unsafe {
            std::slice::from_raw_parts_mut(
                y.at(channel * plane + pixels.start).cast::<MaybeUninit<f32>>(),
                pixels.len(),
            )
        };
        for (channel, &bias) in bias.iter().enumerate().skip(first).take(count) {
            line(channel).fill(MaybeUninit::new(bias));
        }
        let together = (DEPTH / kernel).max(1);
        for channel in (0..channels).step_by(together) {
            let depth = together.min(channels - channel) * kernel;
            let place = channel * kernel;
            scratch.strips.resize(count.div_ceil(ROWS) * ROWS * depth, 0.0);
            for (number, strip) in scratch.strips.chunks_exact_mut(ROWS * depth).enumerate() {
                let line = first + number * ROWS;
                let lines = line..(line + ROWS).min(first + count);
                let places = place..place + depth;
                self.numbers.pack::<ROWS>(lines, channels * kernel, places, &mut scratch.wide, strip);
            }
            let planes = input.get(channel * height * width..).unwrap_or_default();
            for row in (first_row..last_row).step_by(tile_rows) {
                let pixels = tile_rows.min(last_row - row) * out_width;
                let offset = row * out_width;
                let columns = if self.is_pointwise() {
                    let planes = planes.get(offset..).unwrap_or_default();
                    pack_columns(planes, plane, pixels, depth, &mut scratch.columns);
                    Columns::packed(&scratch.columns, depth)
                } else {
                    // Lines that lie a power of two apart would share places in the cache.
                    let step = pixels.next_multiple_of(COLUMNS) + COLUMNS / 2;
                    scratch.columns.resize(depth * step, 0.0);
                    let lines =
                        scratch.columns.chunks_exact_mut(step).filter_map(|line| line.get_mut(..pixels));
                    unroll(planes, lines, sizes, self.geometry, row);
                    Columns::beside(&scratch.columns, step)
                };
                let product = Packed { rows: &scratch.strips, row_step: ROWS * depth, columns, depth };
                // SAFETY: the pixels of the tile are in the part; strips and panels are those of its channels and pixels.
                unsafe {
                    product.multiply((count, pixels), Start::Kept, y.at(first * plane + offset), plane)
                };
            }
        }
        for channel in first..first + count {
            // SAFETY: all have been written.
            self.rectifier.rectify(channel, unsafe { line(channel).assume_init_mut() });
        }
    }

    /// True if pixels of the result are sums over single pixels of the input.
    fn is_pointwise(&self) -> bool {
        let (_, _, kernel_height, kernel_width) = self.shape;
        (kernel_height, kernel_width) == (1, 1) && self.geometry == Conv2dGeometry::padded(0)
    }
}

/// Some output channels over some rows.
struct Part {
    first: usize,
    count: usize,
    first_row: usize,
    last_row: usize,
    /// Rows that are unrolled at a time.
    tile_rows: usize,
}

/// Memory that a thread works in.
#[derive(Default)]
struct Scratch {
    wide: Vec<f32>,
    strips: Vec<f32>,
    columns: Vec<f32>,
}

/// Fills `columns` with one row per channel and kernel position, holding the input pixels which that position
/// meets at every output pixel of the tile; zeros where it meets the padding.
fn unroll<'a>(
    planes: &[f32],
    mut columns: impl Iterator<Item = &'a mut [f32]>,
    sizes: &Sizes,
    geometry: Conv2dGeometry,
    first_row: usize,
) {
    let Sizes { height, width, kernel_height, kernel_width, out_width, .. } = *sizes;
    for plane in planes.chunks_exact(height * width) {
        for kernel_row in 0..kernel_height {
            for kernel_column in 0..kernel_width {
                let Some(column_row) = columns.next() else { return };
                for (row, target) in column_row.chunks_exact_mut(out_width).enumerate() {
                    let source = ((first_row + row) * geometry.stride + kernel_row * geometry.dilation)
                        .checked_sub(geometry.pad_before)
                        .and_then(|y| plane.chunks_exact(width).nth(y));
                    match source {
                        Some(source) => copy_row(source, target, geometry, kernel_column * geometry.dilation),
                        None => target.fill(0.0),
                    }
                }
            }
        }
    }
}

/// Copies the input pixels of one row that a kernel column, `shift` pixels from the first, meets at each output
/// column.
fn copy_row(source: &[f32], target: &mut [f32], geometry: Conv2dGeometry, shift: usize) {
    let Conv2dGeometry { stride, pad_before, .. } = geometry;
    let first = pad_before.saturating_sub(shift).div_ceil(stride).min(target.len());
    let (before, rest) = target.split_at_mut(first);
    before.fill(0.0);
    let start = (first * stride + shift).saturating_sub(pad_before);
    let source = source.get(start..).unwrap_or_default();
    let count = source.len().div_ceil(stride).min(rest.len());
    let (inside, after) = rest.split_at_mut(count);
    after.fill(0.0);
    if stride == 1 {
        inside.copy_from_slice(source.get(..count).unwrap_or_default());
    } else {
        for (target, &pixel) in inside.iter_mut().zip(source.iter().step_by(stride)) {
            *target = pixel;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tensor::wave_maps as ramp;
    use candle_core::Device;

    #[test]
    fn it_agrees_with_the_stock_operation_for_every_stride_padding_and_dilation() {
        let x = ramp((2, 3, 9, 21), 0.37);
        for kernel in [1, 3] {
            let weight = ramp((5, 3, kernel, kernel), 0.91);
            let bias = Tensor::new(&[0.1f32, -0.2, 0.3, 0.0, 1.0], &Device::Cpu).unwrap();
            let cases = [(1, 0, 0, 1), (1, 1, 1, 1), (2, 1, 1, 1), (2, 0, 1, 1), (1, 2, 2, 2), (1, 8, 8, 8)];
            for (stride, before, after, dilation) in cases {
                let geometry = Conv2dGeometry { stride, pad_before: before, pad_after: after, dilation };
                let ours = conv2d(&x, &weight, &bias, geometry).unwrap();
                let stock = x
                    .pad_with_zeros(2, before, after)
                    .and_then(|x| x.pad_with_zeros(3, before, after))
                    .and_then(|x| x.conv2d(&weight, 0, stride, dilation, 1))
                    .and_then(|y| y.broadcast_add(&bias.reshape((1, 5, 1, 1))?))
                    .unwrap();
                let gap = (ours - stock).unwrap().abs().unwrap().max_all().unwrap();
                assert!(gap.to_scalar::<f32>().unwrap() < 1e-5, "kernel {kernel}, {geometry:?}");
            }
        }
    }

    #[test]
    fn a_bias_per_picture_is_added_to_its_own_picture() {
        let x = ramp((2, 2, 4, 4), 0.2);
        let weight = ramp((1, 2, 3, 3), 0.3);
        let both = Tensor::new(&[[1f32], [5.0]], &Device::Cpu).unwrap();
        let none = Tensor::new(&[0f32], &Device::Cpu).unwrap();
        let geometry = Conv2dGeometry::padded(1);
        let with = conv2d(&x, &weight, &both, geometry).unwrap();
        let without = conv2d(&x, &weight, &none, geometry).unwrap();
        let gap = (with - without).unwrap().mean((1, 2, 3)).unwrap().to_vec1::<f32>().unwrap();
        assert!((gap[0] - 1.0).abs() < 1e-5 && (gap[1] - 5.0).abs() < 1e-5, "{gap:?}");
    }

    #[test]
    fn a_kernel_larger_than_the_picture_is_refused() {
        let bias = Tensor::new(&[0f32], &Device::Cpu).unwrap();
        let geometry = Conv2dGeometry::padded(0);
        assert!(conv2d(&ramp((1, 1, 2, 2), 0.1), &ramp((1, 1, 3, 3), 0.1), &bias, geometry).is_err());
    }
}
