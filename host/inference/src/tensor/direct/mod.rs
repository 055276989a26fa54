//! Direct convolution with stride 1: sums stay in registers, and neither kernels nor maps are rearranged.
//!
//! A tile of the input is copied to where zeros surround it, one plane after the other. There, the pixels that a kernel
//! element meets lie at a fixed distance from those of the result, so a tile is one run of pixels, whatever its width;
//! what is computed for the zeros between its rows is thrown away.

mod kernel;

use candle_core::{Device, Result, Tensor, bail};
use rayon::prelude::*;

use super::SharedOutput;
use super::joined::Joined;
use super::lanes::Instructions;
use super::parameter::Parameter;
use super::rectifier::Rectifier;
use kernel::Stretch;

/// Elements of the copied input of a tile, so that it stays in the second-level cache.
const TILE_ELEMENTS: usize = 96 * 1024;
/// Elements of a cache line.
const LINE: usize = 16;
/// How many times wider than high a tile is: whole lines of the cache are copied along its rows.
const SHAPE: usize = 4;
/// Rows of tiles that a map is cut into at least, so that there is work for all threads.
const LEAST_ROWS: usize = 4;

/// Convolves maps with `weight` (out, in, edge, edge) of an odd edge, stride 1, `dilation` and as much padding as keeps
/// the size; adds `bias` (out) and rectifies.
pub(super) fn convolve(
    maps: &Joined,
    weight: &Parameter,
    bias: &Tensor,
    dilation: usize,
    rectifier: &Rectifier,
) -> Result<Tensor> {
    convolve_with(Instructions::best(), maps, weight, bias, dilation, rectifier)
}

fn convolve_with(
    instructions: Instructions,
    maps: &Joined,
    weight: &Parameter,
    bias: &Tensor,
    dilation: usize,
    rectifier: &Rectifier,
) -> Result<Tensor> {
    let &Joined { batch, channels, height, width, .. } = maps;
    let &[out, weight_channels, edge, kernel_width] = weight.dims() else {
        bail!("conv2d: {:?} is no kernel", weight.dims());
    };
    let square = edge == kernel_width && edge % 2 == 1;
    if !square || weight_channels != channels || bias.dims() != [out] || !rectifier.fits(out) {
        bail!("conv2d: weight {:?} does not fit {channels} channels", weight.dims());
    }
    let (bias, depth) = (bias.to_vec1::<f32>()?, channels * edge * edge);
    let groups = weight.with_numbers(|numbers| {
        Ok(groups(&numbers.range(0..out * depth), &bias, rectifier, depth, instructions))
    })?;
    let layer =
        Layer { groups, channels, height, width, reach: edge / 2 * dilation, edge, dilation, instructions };
    let mut y = Vec::with_capacity(batch * out * height * width);
    for picture in 0..batch {
        // SAFETY: the planes of the picture lie within the capacity.
        let planes = unsafe { SharedOutput(y.as_mut_ptr()).after(picture * out * height * width) };
        layer.convolve(&maps.planes(picture)?, planes);
    }
    // SAFETY: every tile of every plane has been written.
    unsafe { y.set_len(batch * out * height * width) };
    Tensor::from_vec(y, (batch, out, height, width), &Device::Cpu)
}

/// Output channels that are computed together.
struct Group {
    first: usize,
    /// For each input plane and tap, one weight for each channel.
    weights: Vec<f32>,
    bias: Vec<f32>,
    slopes: Vec<f32>,
}

/// Cuts kernels (out, depth) into groups.
fn groups(
    weight: &[f32],
    bias: &[f32],
    rectifier: &Rectifier,
    depth: usize,
    instructions: Instructions,
) -> Vec<Group> {
    let mut groups = Vec::new();
    let mut first = 0;
    while first < bias.len() {
        let size = instructions.group(bias.len() - first);
        let mut weights = vec![0f32; size * depth];
        let kernels = weight.chunks_exact(depth).skip(first).take(size);
        for (channel, kernel) in kernels.enumerate() {
            for (target, &value) in weights.iter_mut().skip(channel).step_by(size).zip(kernel) {
                *target = value;
            }
        }
        let bias = bias.get(first..first + size).unwrap_or_default().to_vec();
        let slopes = (first..first + size).map(|channel| rectifier.slope(channel)).collect();
        groups.push(Group { first, weights, bias, slopes });
        first += size;
    }
    groups
}

/// A convolution with its sizes.
struct Layer {
    groups: Vec<Group>,
    channels: usize,
    height: usize,
    width: usize,
    /// Pixels around one that its kernel reaches.
    reach: usize,
    edge: usize,
    dilation: usize,
    instructions: Instructions,
}

/// A rectangle of the result.
struct Tile {
    top: usize,
    left: usize,
    rows: usize,
    columns: usize,
}

/// Memory that a thread works in.
#[derive(Default)]
struct Scratch {
    input: Vec<f32>,
    output: Vec<f32>,
}

impl Layer {
    /// Convolves the planes of one picture into `y` (out, height, width), all of which it writes.
    fn convolve(&self, planes: &[&[f32]], y: SharedOutput) {
        let (rows, columns) = self.tile_size();
        let (down, across) = (self.height.div_ceil(rows), self.width.div_ceil(columns));
        (0..down * across).into_par_iter().for_each_init(Scratch::default, |scratch, task| {
            let (row, column) = (task / across, task % across);
            // Even parts, none of them a sliver.
            let (top, bottom) = (row * self.height / down, (row + 1) * self.height / down);
            let (left, right) = (column * self.width / across, (column + 1) * self.width / across);
            let tile = Tile { top, left, rows: bottom - top, columns: right - left };
            // SAFETY: tiles do not overlap and lie in the planes of `y`, which outlives them.
            unsafe { self.compute(planes, &tile, scratch, y) };
        });
    }

    /// Most rows and columns of a tile.
    fn tile_size(&self) -> (usize, usize) {
        let around = 2 * self.reach;
        let area = TILE_ELEMENTS / self.channels;
        let columns = (area * SHAPE).isqrt().clamp(LINE, self.width.max(LINE));
        let rows = (area / (columns + around)).saturating_sub(around).max(LEAST_ROWS);
        (rows.min(self.height.div_ceil(LEAST_ROWS)), columns)
    }

    /// Computes one tile of all output channels.
    ///
    /// # Safety
    /// `y` must have (out, height, width) elements, and no other may use those of the tile.
    unsafe fn compute(&self, planes: &[&[f32]], tile: &Tile, scratch: &mut Scratch, y: SharedOutput) {
        let stride = tile.columns + 2 * self.reach;
        let run = self.instructions.run();
        let runs = ((tile.rows - 1) * stride + tile.columns).div_ceil(run);
        // An odd number of cache lines, so that planes do not compete for the same places of the cache.
        let plane = ((tile.rows + 2 * self.reach) * stride).div_ceil(LINE) | 1;
        let (plane, step) = (plane * LINE, runs * run);
        let copied = self.channels * plane + run;
        if scratch.input.len() < copied {
            scratch.input.resize(copied, 0.0);
        }
        let widest = self.groups.iter().map(|group| group.bias.len()).max().unwrap_or_default();
        if scratch.output.len() < widest * step {
            scratch.output.resize(widest * step, 0.0);
        }
        for (source, target) in planes.iter().zip(scratch.input.chunks_exact_mut(plane)) {
            self.copy(source, tile, stride, target);
        }
        let places = 0..self.edge;
        let taps: Vec<usize> = places
            .clone()
            .flat_map(|row| places.clone().map(move |column| (row * stride + column) * self.dilation))
            .collect();
        for group in &self.groups {
            let stretch = Stretch {
                input: scratch.input.as_ptr(),
                plane,
                channels: self.channels,
                taps: &taps,
                weights: &group.weights,
                bias: &group.bias,
                slopes: &group.slopes,
                runs,
                output: scratch.output.as_mut_ptr(),
                step,
            };
            // SAFETY: the instructions were detected. The last pixel that the last tap of the last whole run meets lies
            // less than a run behind the plane, and `input` is that much longer than the planes; `output` has `runs`
            // runs for every channel of the group.
            unsafe { stretch.compute(self.instructions) };
            for (number, values) in scratch.output.chunks_exact(step).take(group.bias.len()).enumerate() {
                for (row, values) in values.chunks(stride).take(tile.rows).enumerate() {
                    let place =
                        ((group.first + number) * self.height + tile.top + row) * self.width + tile.left;
                    // SAFETY: the row lies in the tile, which is this task's own.
                    unsafe { y.write(place, values.get(..tile.columns).unwrap_or_default()) };
                }
            }
        }
    }

    /// Copies what a tile depends on from a plane, with zeros beyond its edges.
    fn copy(&self, plane: &[f32], tile: &Tile, stride: usize, target: &mut [f32]) {
        let rows = target.chunks_exact_mut(stride).take(tile.rows + 2 * self.reach);
        for (row, target) in rows.enumerate() {
            let source = (tile.top + row)
                .checked_sub(self.reach)
                .and_then(|y| plane.get(y * self.width..(y + 1) * self.width))
                .unwrap_or_default();
            let (before, target) = target.split_at_mut(self.reach.saturating_sub(tile.left).min(stride));
            before.fill(0.0);
            let source = source.get(tile.left.saturating_sub(self.reach)..).unwrap_or_default();
            let (inside, after) = target.split_at_mut(source.len().min(target.len()));
            inside.copy_from_slice(source.get(..inside.len()).unwrap_or_default());
            after.fill(0.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tensor::wave_maps as wave;
    use candle_core::DType;

    #[test]
    fn every_instruction_set_agrees_with_the_stock_operation_whatever_the_size() {
        let sizes = [(1, 1), (3, 50), (9, 21), (40, 7), (2, 300), (70, 130)];
        for ((height, width), (edge, dilation), (channels, out)) in sizes
            .into_iter()
            .flat_map(|size| [(1, 1), (3, 1), (3, 2), (3, 8), (5, 1)].map(|kernel| (size, kernel)))
            .flat_map(|(size, kernel)| [(3, 1), (2, 15), (40, 9)].map(|widths| (size, kernel, widths)))
        {
            let maps = [wave((2, 1, height, width), 0.37), wave((2, channels - 1, height, width), 0.53)];
            let weight = wave((out, channels, edge, edge), 0.11);
            let bias = Tensor::arange(0f32, out as f32, &Device::Cpu).unwrap();
            let slopes = Rectifier::Leaky(0.25);
            let x = Tensor::cat(&maps, 1).unwrap().to_dtype(DType::F64).unwrap();
            let (kernel, shift) = (weight.to_dtype(DType::F64).unwrap(), bias.to_dtype(DType::F64).unwrap());
            let plain = x.conv2d(&kernel, edge / 2 * dilation, 1, dilation, 1).unwrap();
            let plain = plain.broadcast_add(&shift.reshape((1, out, 1, 1)).unwrap()).unwrap();
            let plain = slopes.apply(&plain).unwrap();
            let largest = |t: &Tensor| t.abs().unwrap().max_all().unwrap().to_scalar::<f64>().unwrap();
            for instructions in Instructions::every() {
                let joined = Joined::new(&maps).unwrap();
                let ours =
                    convolve_with(instructions, &joined, &weight.clone().into(), &bias, dilation, &slopes)
                        .unwrap();
                let gap = (ours.to_dtype(DType::F64).unwrap() - &plain).unwrap();
                let gap = largest(&gap) / largest(&plain).max(1.0);
                assert!(
                    gap < 1e-5,
                    "{instructions:?}, {height}x{width}, {edge}/{dilation}, {channels}: {gap}"
                );
            }
        }
    }

    #[test]
    fn maps_that_do_not_fit_each_other_or_the_kernels_are_refused() {
        let (x, other) = (wave((1, 2, 4, 4), 0.2), wave((1, 2, 4, 5), 0.2));
        let bias = Tensor::zeros(1, DType::F32, &Device::Cpu).unwrap();
        assert!(Joined::new(&[x.clone(), other]).is_err());
        let maps = [x];
        let joined = Joined::new(&maps).unwrap();
        for weight in [wave((1, 3, 3, 3), 0.1), wave((1, 2, 2, 2), 0.1), wave((2, 2, 3, 3), 0.1)] {
            assert!(convolve(&joined, &weight.into(), &bias, 1, &Rectifier::None).is_err());
        }
    }
}
