//! Convolution of maps with few squares: their points are computed once, and the kernels of some output channels go to
//! theirs, are multiplied and forgotten while they are in the cache. Written to memory, kernels at their points would take
//! four times the space of f32 and longer than the products.

use rayon::prelude::*;

use super::{Block, LANES, Map, POINTS, Scratch, row_points};
use crate::tensor::SharedOutput;
use crate::tensor::parameter::Numbers;
use crate::tensor::product::{COLUMNS, Columns, Packed, ROWS, Start, pack_lines};
use crate::tensor::rectifier::Rectifier;

/// Output channels of a task.
const GROUP: usize = 2 * ROWS;
/// Input channels whose kernels are taken to their points together.
const CHANNELS: usize = 128;
/// Elements from one point of a kernel to the next: lines that lie a power of two apart would share places in the cache.
const STRIDE: usize = CHANNELS + LANES;

/// Memory that a thread works in.
#[derive(Default)]
struct Strip {
    scratch: Scratch,
    /// Points of the kernels: for each output channel and point, [`STRIDE`] elements.
    kernels: Vec<f32>,
    packed: Vec<f32>,
}

/// Convolves the planes of one picture into `y` (out, height, width), all of which it writes.
pub(super) fn convolve(
    map: &Map,
    planes: &[&[f32]],
    numbers: Numbers<'_>,
    bias: &[f32],
    rectifier: &Rectifier,
    y: SharedOutput,
) {
    let block = map.whole();
    let panels = block.squares().div_ceil(COLUMNS);
    let points = points(map, planes, &block);
    let groups = bias.par_chunks(GROUP).enumerate().with_max_len(1);
    groups.for_each_init(Strip::default, |strip, (number, bias)| {
        let first = number * GROUP;
        let part = Map { out: bias.len(), ..*map };
        strip.scratch.products.clear();
        strip.scratch.products.resize(POINTS * part.out * block.squares(), 0.0);
        for channel in (0..map.channels).step_by(CHANNELS) {
            let channels = CHANNELS.min(map.channels - channel);
            strip.fill_kernels(&part, numbers, first, channel..channel + channels);
            let size = (part.out, block.squares());
            let products = strip.scratch.products.chunks_exact_mut(size.0 * size.1);
            for (point, products) in products.enumerate() {
                let strips = strip.packed.chunks_exact_mut(ROWS * channels).enumerate();
                for (number, packed) in strips.take(part.out.div_ceil(ROWS)) {
                    let lines = number * ROWS * POINTS * STRIDE..part.out * POINTS * STRIDE;
                    let lines = strip.kernels.get(lines).and_then(|lines| lines.get(point * STRIDE..));
                    pack_lines::<ROWS>(lines.unwrap_or_default(), POINTS * STRIDE, packed);
                }
                let place = (point * panels * map.channels + channel) * COLUMNS;
                let product = Packed {
                    rows: &strip.packed,
                    row_step: ROWS * channels,
                    columns: Columns {
                        step: COLUMNS * map.channels,
                        ..Columns::packed(points.get(place..).unwrap_or_default(), channels)
                    },
                    depth: channels,
                };
                // SAFETY: the products have room for as many rows and columns.
                unsafe { product.multiply(size, Start::Kept, products.as_mut_ptr(), size.1) };
            }
        }
        part.write_pixels(&block, first, bias, rectifier, &mut strip.scratch, y);
    });
}

/// The 36 points of all squares of all planes: matrices (in, squares), packed in panels.
fn points(map: &Map, planes: &[&[f32]], block: &Block) -> Vec<f32> {
    let (channels, squares) = (map.channels, block.squares());
    let panels = squares.div_ceil(COLUMNS);
    let mut points = vec![0f32; POINTS * panels * channels * COLUMNS];
    let target = SharedOutput(points.as_mut_ptr());
    planes.par_iter().take(channels).enumerate().for_each_init(
        Scratch::default,
        |scratch, (channel, plane)| {
            Map { channels: 1, ..*map }.fill_points(&[plane], block, scratch);
            for (point, values) in scratch.points.chunks_exact(squares).enumerate() {
                for (panel, values) in values.chunks(COLUMNS).enumerate() {
                    let place = ((point * panels + panel) * channels + channel) * COLUMNS;
                    // SAFETY: the place is one of this channel's, which is this task's own.
                    unsafe { target.write(place, values) };
                }
            }
        },
    );
    points
}

impl Strip {
    /// Takes the kernels of some channels to their points, and makes room for packing those of one point.
    fn fill_kernels(
        &mut self,
        part: &Map,
        numbers: Numbers<'_>,
        first: usize,
        channels: std::ops::Range<usize>,
    ) {
        self.kernels.resize(GROUP * POINTS * STRIDE, 0.0);
        self.packed.resize(GROUP * channels.len(), 0.0);
        for (number, lines) in self.kernels.chunks_exact_mut(POINTS * STRIDE).take(part.out).enumerate() {
            let row = (first + number) * part.channels;
            let kernels = numbers.range((row + channels.start) * 9..(row + channels.end) * 9);
            row_points(&kernels, lines, STRIDE);
        }
    }
}
