//! Convolution with 3x3 kernels by Winograd's minimal filtering F(4x4, 3x3): a quarter of the multiplications.
//!
//! Squares of 6x6 input pixels and the kernels are taken to 36 points, multiplied there by one matrix product for each
//! point, and taken back to squares of 4x4 output pixels. Matrices: Lavin and Gray, "Fast Algorithms for Convolutional
//! Neural Networks", 2015. Sums are rounded differently than those of the plain method, to about 1e-5 of their size.

mod few;

use candle_core::{Device, Result, Tensor, bail};
use rayon::prelude::*;

use super::SharedOutput;
use super::joined::Joined;
use super::parameter::Parameter;
use super::product::{COLUMNS, Columns, Packed, ROWS, Start, pack_columns, pack_lines};
use super::rectifier::Rectifier;
use super::vector::wide;

/// Edge of a square of output pixels.
const EDGE: usize = 4;
/// Edge of the square of input pixels that it depends on, and of the square of points.
const PATCH: usize = 6;
/// Kernels that are taken to their points together.
const LANES: usize = 16;
/// Points of a square.
const POINTS: usize = PATCH * PATCH;
/// Fewest squares that one task computes where there are as many, enough for the matrix product.
const LEAST_SQUARES: usize = 64;
/// Squares times channels of a task with few channels, whose points then stay in the cache.
const SQUARE_CHANNELS: usize = 4096;
/// Fewest input times output channels for which the detour is shorter.
const LEAST_CHANNELS: usize = 256;
/// Most squares of a map whose points are all computed before the kernels', strip by strip.
const FEW_SQUARES: usize = 128;
/// Pixels of the largest map whose kernels at their points are not written to memory.
pub(crate) const FEW_PIXELS: usize = FEW_SQUARES * EDGE * EDGE;
/// Fewest pixels of a map for which transforming the kernels is worth it.
const LEAST_PIXELS: usize = 1024;

/// True where this method is faster than others, for maps and kernels (out, in, 3, 3) with a padding of one.
pub(super) fn suits(maps: &Joined, weight: &[usize]) -> bool {
    let &Joined { channels, height, width, .. } = maps;
    matches!(weight, &[out, _, 3, 3] if channels * out >= LEAST_CHANNELS)
        && height * width >= LEAST_PIXELS
        && height.min(width) >= 2 * EDGE
}

/// Convolves maps with `weight` (out, in, 3, 3), stride 1 and a padding of one, adds `bias`, (out) or for each picture
/// (batch, out), and rectifies.
pub(super) fn conv3x3(
    maps: &Joined,
    weight: &Parameter,
    bias: &Tensor,
    rectifier: &Rectifier,
) -> Result<Tensor> {
    let &Joined { batch, channels, height, width, .. } = maps;
    let &[out, weight_channels, kernel_height, kernel_width] = weight.dims() else {
        bail!("conv2d: {:?} is no kernel", weight.dims());
    };
    let biased = bias.dims() == [out] || bias.dims() == [batch, out];
    let fits = weight_channels == channels && (kernel_height, kernel_width) == (3, 3) && biased;
    if !fits || !rectifier.fits(out) {
        bail!("conv2d: weight {:?} does not fit {channels} channels", weight.dims());
    }
    let biases = bias.flatten_all()?.to_vec1::<f32>()?;
    let map = Map { channels, out, height, width };
    let mut y = Vec::with_capacity(batch * out * height * width);
    let pictures = (0..batch).map(|picture| {
        // SAFETY: the planes of the picture lie within the capacity.
        let planes = unsafe { SharedOutput(y.as_mut_ptr()).after(picture * out * height * width) };
        let bias = biases.chunks_exact(out).cycle().nth(picture).unwrap_or_default();
        Ok((maps.planes(picture)?, bias, planes))
    });
    let pictures = pictures.collect::<Result<Vec<_>>>()?.into_iter();
    weight.with_numbers(|numbers| {
        if map.whole().squares() <= FEW_SQUARES {
            pictures.for_each(|(planes, bias, y)| few::convolve(&map, &planes, numbers, bias, rectifier, y));
        } else {
            let kernels = kernel_points(&numbers.range(0..out * channels * 9), out, channels);
            pictures.for_each(|(planes, bias, y)| map.convolve(&planes, &kernels, bias, rectifier, y));
        }
        Ok(())
    })?;
    // SAFETY: every block of every plane has been written.
    unsafe { y.set_len(batch * out * height * width) };
    Tensor::from_vec(y, (batch, out, height, width), &Device::Cpu)
}

/// Kernels at the points: 36 matrices (out, in), packed in strips.
fn kernel_points(weight: &[f32], out: usize, channels: usize) -> Vec<f32> {
    let strips = out.div_ceil(ROWS);
    let mut points = Vec::with_capacity(POINTS * strips * ROWS * channels);
    let shared = SharedOutput(points.as_mut_ptr());
    // Lines that lie a power of two apart would share places in the cache.
    let stride = channels.next_multiple_of(LANES) + LANES;
    let rows = weight.par_chunks(ROWS * channels * 9).take(strips).enumerate();
    rows.for_each_init(<(Vec<f32>, Vec<f32>)>::default, |(lines, packed), (strip, weight)| {
        lines.resize(ROWS * POINTS * stride, 0.0);
        packed.resize(ROWS * channels, 0.0);
        for (kernels, lines) in weight.chunks_exact(channels * 9).zip(lines.chunks_exact_mut(POINTS * stride))
        {
            row_points(kernels, lines, stride);
        }
        for point in 0..POINTS {
            pack_lines::<ROWS>(lines.get(point * stride..).unwrap_or_default(), POINTS * stride, packed);
            // SAFETY: strip < strips; each task writes its own strip of every matrix.
            unsafe { shared.write((point * strips + strip) * channels * ROWS, packed) };
        }
    });
    // SAFETY: every strip of every matrix has been written, as the caller gives as many kernels.
    unsafe { points.set_len(POINTS * strips * ROWS * channels) };
    points
}

/// Takes the kernels of one output channel to their points; point `i` of all goes to the line at `i * stride`.
fn row_points(kernels: &[f32], lines: &mut [f32], stride: usize) {
    for (number, kernels) in kernels.as_chunks::<9>().0.chunks(LANES).enumerate() {
        kernel_squares(kernels, lines.get_mut(number * LANES..).unwrap_or_default(), stride);
    }
}

/// Numbers of as many kernels.
type Lanes = [f32; LANES];

wide! {
    /// G g G^T of at most [`LANES`] kernels; point `i` of each goes to the part of `points` at `i * step`.
    fn kernel_squares(kernels: &[[f32; 9]], points: &mut [f32], step: usize) {
        let mut taps = [[0f32; LANES]; 9];
        for (lane, kernel) in kernels.iter().enumerate() {
            for (tap, &value) in taps.iter_mut().zip(kernel) {
                if let Some(place) = tap.get_mut(lane) {
                    *place = value;
                }
            }
        }
        let [a, b, c, d, e, f, g, h, i] = &taps;
        let [first, second, third] = [kernel_lines(a, d, g), kernel_lines(b, e, h), kernel_lines(c, f, i)];
        let lines = first.iter().zip(&second).zip(&third);
        let squares = lines.flat_map(|((a, b), c)| kernel_lines(a, b, c));
        for (line, values) in points.chunks_mut(step).zip(squares) {
            for (place, value) in line.iter_mut().zip(values) {
                *place = value;
            }
        }
    }
}

/// G times columns of three.
#[inline(always)]
fn kernel_lines(a: &Lanes, b: &Lanes, c: &Lanes) -> [Lanes; PATCH] {
    let mut lines = [[0f32; LANES]; PATCH];
    let [r0, r1, r2, r3, r4, r5] = &mut lines;
    let targets = r0.iter_mut().zip(r1).zip(r2).zip(r3).zip(r4).zip(r5);
    for (((a, b), c), (((((r0, r1), r2), r3), r4), r5)) in a.iter().zip(b).zip(c).zip(targets) {
        let (even, far) = ((a + c) / -6.0, a / 24.0 + c / 6.0);
        [*r0, *r1, *r2, *r3, *r4, *r5] =
            [a / 4.0, even - b / 6.0, even + b / 6.0, far + b / 12.0, far - b / 12.0, *c];
    }
    lines
}

/// The sizes of a convolution.
#[derive(Clone, Copy)]
struct Map {
    channels: usize,
    out: usize,
    height: usize,
    width: usize,
}

/// A block of squares: `rows` rows of `columns` squares each.
struct Block {
    first_row: usize,
    first_column: usize,
    rows: usize,
    columns: usize,
}

impl Block {
    fn squares(&self) -> usize {
        self.rows * self.columns
    }
}

/// Memory that a thread works in.
#[derive(Default)]
struct Scratch {
    lines: Vec<f32>,
    mixed: Vec<f32>,
    points: Vec<f32>,
    panels: Vec<f32>,
    products: Vec<f32>,
}

impl Map {
    /// All squares of a plane.
    fn whole(&self) -> Block {
        let (rows, columns) = (self.height.div_ceil(EDGE), self.width.div_ceil(EDGE));
        Block { first_row: 0, first_column: 0, rows, columns }
    }

    /// Convolves the planes of one picture into `y` (out, height, width), all of which it writes.
    fn convolve(
        &self,
        planes: &[&[f32]],
        kernels: &[f32],
        bias: &[f32],
        rectifier: &Rectifier,
        y: SharedOutput,
    ) {
        let Block { rows: down, columns: across, .. } = self.whole();
        let squares = (SQUARE_CHANNELS / self.channels.max(self.out)).max(LEAST_SQUARES);
        let columns = across.div_ceil(across.div_ceil(squares));
        let rows = (squares / columns).clamp(1, down);
        let (blocks_down, blocks_across) = (down.div_ceil(rows), across.div_ceil(columns));
        (0..blocks_down * blocks_across).into_par_iter().for_each_init(Scratch::default, |scratch, task| {
            let (row, column) = (task / blocks_across * rows, task % blocks_across * columns);
            let block = Block {
                first_row: row,
                first_column: column,
                rows: rows.min(down - row),
                columns: columns.min(across - column),
            };
            self.fill_points(planes, &block, scratch);
            self.multiply(kernels, &block, scratch);
            self.write_pixels(&block, 0, bias, rectifier, scratch, y);
        });
    }

    /// Fills `scratch.points` with 36 matrices (in, squares).
    fn fill_points(&self, planes: &[&[f32]], block: &Block, scratch: &mut Scratch) {
        let squares = block.squares();
        let line = EDGE * (block.columns + 1);
        scratch.points.resize(POINTS * self.channels * squares, 0.0);
        scratch.lines.resize(PATCH * line, 0.0);
        scratch.mixed.resize(PATCH * line, 0.0);
        for (channel, plane) in planes.iter().enumerate() {
            for row in 0..block.rows {
                let top = (block.first_row + row) * EDGE;
                for (offset, target) in scratch.lines.chunks_exact_mut(line).enumerate() {
                    let source =
                        (top + offset).checked_sub(1).and_then(|y| plane.chunks_exact(self.width).nth(y));
                    copy_line(source.unwrap_or_default(), block.first_column * EDGE, target);
                }
                mix_input_lines(&scratch.lines, line, &mut scratch.mixed);
                for (number, mixed) in scratch.mixed.chunks_exact(line).enumerate() {
                    let first = (number * PATCH * self.channels + channel) * squares + row * block.columns;
                    let rest = scratch.points.get_mut(first..).unwrap_or_default();
                    mix_input_columns(mixed, rest, self.channels * squares, block.columns);
                }
            }
        }
    }

    /// Fills `scratch.products` with 36 matrices (out, squares).
    fn multiply(&self, kernels: &[f32], block: &Block, scratch: &mut Scratch) {
        let squares = block.squares();
        scratch.products.resize(POINTS * self.out * squares, 0.0);
        let kernels = kernels.chunks_exact(self.out.next_multiple_of(ROWS) * self.channels);
        let points = scratch.points.chunks_exact(self.channels * squares);
        let products = scratch.products.chunks_exact_mut(self.out * squares);
        for ((kernel, points), products) in kernels.zip(points).zip(products) {
            let columns = if squares.is_multiple_of(COLUMNS) {
                Columns::beside(points, squares)
            } else {
                pack_columns(points, squares, squares, self.channels, &mut scratch.panels);
                Columns::packed(&scratch.panels, self.channels)
            };
            let product =
                Packed { rows: kernel, row_step: ROWS * self.channels, columns, depth: self.channels };
            // SAFETY: the chunks have out * channels, channels * squares and out * squares elements.
            unsafe { product.multiply((self.out, squares), Start::Zero, products.as_mut_ptr(), squares) };
        }
    }

    /// Takes the products of `out` channels from `first` on back to pixels and writes them, with their biases and
    /// rectified, to the result.
    fn write_pixels(
        &self,
        block: &Block,
        first: usize,
        bias: &[f32],
        rectifier: &Rectifier,
        scratch: &mut Scratch,
        y: SharedOutput,
    ) {
        let squares = block.squares();
        let line = EDGE * block.columns;
        scratch.mixed.resize(EDGE * PATCH * squares, 0.0);
        scratch.lines.resize(line, 0.0);
        let left = block.first_column * EDGE;
        let length = line.min(self.width - left);
        for (number, &bias) in bias.iter().enumerate() {
            let channel = first + number;
            let products = scratch.products.get(number * squares..).unwrap_or_default();
            mix_output_lines(products, self.out * squares, squares, &mut scratch.mixed);
            for row in 0..block.rows {
                let top = (block.first_row + row) * EDGE;
                for (offset, mixed) in scratch.mixed.chunks_exact(PATCH * squares).enumerate() {
                    if top + offset >= self.height {
                        break;
                    }
                    let mixed = mixed.get(row * block.columns..).unwrap_or_default();
                    mix_output_columns(mixed, squares, bias, &mut scratch.lines);
                    rectifier.rectify(channel, &mut scratch.lines);
                    let place = (channel * self.height + top + offset) * self.width + left;
                    // SAFETY: the row lies in the plane and `length` ends with it; blocks do not overlap.
                    unsafe { y.write(place, scratch.lines.get(..length).unwrap_or_default()) };
                }
            }
        }
    }
}

/// Copies a row from one pixel before `first` on; zeros beyond its ends.
fn copy_line(source: &[f32], first: usize, target: &mut [f32]) {
    let (before, target) = target.split_at_mut(usize::from(first == 0));
    before.fill(0.0);
    let source = source.get(first.saturating_sub(1)..).unwrap_or_default();
    let (inside, after) = target.split_at_mut(source.len().min(target.len()));
    inside.copy_from_slice(source.get(..inside.len()).unwrap_or_default());
    after.fill(0.0);
}

/// B^T times six values.
#[inline(always)]
fn input_values([a, b, c, d, e, f]: [f32; PATCH]) -> [f32; PATCH] {
    [
        4.0 * a - 5.0 * c + e,
        (e - 4.0 * c) + (d - 4.0 * b),
        (e - 4.0 * c) - (d - 4.0 * b),
        (e - c) + 2.0 * (d - b),
        (e - c) - 2.0 * (d - b),
        4.0 * b - 5.0 * d + f,
    ]
}

/// A^T times six values.
#[inline(always)]
fn output_values([a, b, c, d, e, f]: [f32; PATCH]) -> [f32; EDGE] {
    let (near, far) = (b - c, d - e);
    [a + (b + c) + (d + e), near + 2.0 * far, (b + c) + 4.0 * (d + e), near + 8.0 * far + f]
}

/// Six equally long parts of a slice that begin `step` apart.
#[inline(always)]
fn six(values: &[f32], step: usize, length: usize) -> [&[f32]; PATCH] {
    std::array::from_fn(|i| values.get(i * step..i * step + length).unwrap_or_default())
}

wide! {
    /// Applies B^T down the six lines of a row of squares.
    fn mix_input_lines(lines: &[f32], length: usize, mixed: &mut [f32]) {
        let [a, b, c, d, e, f] = six(lines, length, length);
        let mut targets = mixed.chunks_exact_mut(length);
        let [Some(r0), Some(r1), Some(r2), Some(r3), Some(r4), Some(r5)] = std::array::from_fn(|_| targets.next())
        else {
            return;
        };
        let sources = a.iter().zip(b).zip(c).zip(d).zip(e).zip(f);
        let targets = r0.iter_mut().zip(r1).zip(r2).zip(r3).zip(r4).zip(r5);
        for ((((((a, b), c), d), e), f), (((((r0, r1), r2), r3), r4), r5)) in sources.zip(targets) {
            [*r0, *r1, *r2, *r3, *r4, *r5] = input_values([*a, *b, *c, *d, *e, *f]);
        }
    }
}

wide! {
    /// Applies B^T across the squares of a line; point `i` of each goes to the part of `points` at `i * step`.
    fn mix_input_columns(line: &[f32], points: &mut [f32], step: usize, columns: usize) {
        let mut targets = points.chunks_mut(step.max(1)).map(|part| part.split_at_mut_checked(columns));
        let [Some(Some((p0, _))), Some(Some((p1, _))), Some(Some((p2, _))), Some(Some((p3, _))), Some(Some((p4, _))), Some(Some((p5, _)))] =
            std::array::from_fn(|_| targets.next())
        else {
            return;
        };
        let squares = line.as_chunks::<EDGE>().0;
        let pairs = squares.iter().zip(squares.get(1..).unwrap_or_default());
        let targets = p0.iter_mut().zip(p1).zip(p2).zip(p3).zip(p4).zip(p5);
        for ((&[a, b, c, d], &[e, f, _, _]), (((((p0, p1), p2), p3), p4), p5)) in pairs.zip(targets) {
            [*p0, *p1, *p2, *p3, *p4, *p5] = input_values([a, b, c, d, e, f]);
        }
    }
}

wide! {
    /// Applies A^T down the points of all squares, which lie `step` apart: four times six lines of `squares` values.
    fn mix_output_lines(products: &[f32], step: usize, squares: usize, mixed: &mut [f32]) {
        for column in 0..PATCH {
            let products = products.get(column * step..).unwrap_or_default();
            let [a, b, c, d, e, f] = six(products, PATCH * step, squares);
            let mut targets = mixed.chunks_exact_mut(squares).skip(column).step_by(PATCH);
            let [Some(r0), Some(r1), Some(r2), Some(r3)] = std::array::from_fn(|_| targets.next()) else { return };
            let sources = a.iter().zip(b).zip(c).zip(d).zip(e).zip(f);
            let targets = r0.iter_mut().zip(r1).zip(r2).zip(r3);
            for ((((((a, b), c), d), e), f), (((r0, r1), r2), r3)) in sources.zip(targets) {
                [*r0, *r1, *r2, *r3] = output_values([*a, *b, *c, *d, *e, *f]);
            }
        }
    }
}

wide! {
    /// Applies A^T across the points of a row of squares, which lie `step` apart, and adds the bias.
    fn mix_output_columns(mixed: &[f32], step: usize, bias: f32, line: &mut [f32]) {
        let squares = line.as_chunks_mut::<EDGE>().0;
        let [a, b, c, d, e, f] = six(mixed, step, squares.len());
        let sources = a.iter().zip(b).zip(c).zip(d).zip(e).zip(f);
        for (target, (((((a, b), c), d), e), f)) in squares.iter_mut().zip(sources) {
            *target = output_values([*a, *b, *c, *d, *e, *f]).map(|value| value + bias);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tensor::wave_maps as wave;
    use candle_core::DType;

    #[test]
    fn it_agrees_with_the_plain_method_whatever_the_size() {
        for (height, width) in [(1, 1), (3, 50), (4, 4), (9, 21), (33, 7), (6, 300), (50, 70)] {
            let (x, weight) = (wave((2, 150, height, width), 0.37), wave((29, 150, 3, 3), 0.11));
            let bias = Tensor::arange(0f32, 29f32, &Device::Cpu).unwrap();
            let maps = std::slice::from_ref(&x);
            let ours = conv3x3(&Joined::new(maps).unwrap(), &weight.clone().into(), &bias, &Rectifier::RELU)
                .unwrap();
            let ours = ours.to_dtype(DType::F64).unwrap();
            let (x, weight) = (x.to_dtype(DType::F64).unwrap(), weight.to_dtype(DType::F64).unwrap());
            let bias = bias.to_dtype(DType::F64).unwrap().reshape((1, 29, 1, 1)).unwrap();
            let plain = x.conv2d(&weight, 1, 1, 1, 1).unwrap().broadcast_add(&bias).unwrap().relu().unwrap();
            let largest = |t: Tensor| t.abs().unwrap().max_all().unwrap().to_scalar::<f64>().unwrap();
            let gap = largest((ours - &plain).unwrap()) / largest(plain).max(1.0);
            assert!(gap < 1e-5, "{height}x{width} differs by {gap}");
        }
    }
}
