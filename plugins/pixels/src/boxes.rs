//! Three box filters in a row, which are nearly a Gaussian, at a price that does not depend on how wide they are.
//!
//! A box is a running sum: add what comes in, take off what goes out. Three of them one after the other are the
//! sum, thrice, of one combination of eight pixels (E. Hogenauer, An economical class of digital filters for
//! decimation and interpolation, 1981). Sums may run over meanwhile: modulo 2^32 they still end exactly right.

use crate::blur::bordered;
use crate::mixed::{Mixed, straight_row};
use crate::picture::Picture;

/// The largest value of a [`Mixed`].
const MOST: u64 = 255 * 128;

/// Sums or sums of sums of a pixel's channels.
type Wide = [u32; 4];

/// Sizes of three boxes in pixels, all odd, and how their sums become means.
pub(crate) struct Boxes {
    sizes: [usize; 3],
    /// Bits of the pixels that have no room in the sums.
    dropped: u32,
    mean: Mean,
}

impl Boxes {
    /// Boxes that together have the deviation (P. Kovesi, Fast Almost-Gaussian Filtering, 2010).
    pub(crate) fn of(deviation: f32) -> Self {
        let variance = 12.0 * deviation * deviation;
        let ideal = (variance / 3.0 + 1.0).sqrt();
        let small = ((ideal as usize).max(1) - 1) / 2 * 2 + 1;
        let width = small as f32;
        let how_many_small = (variance - 3.0 * width * width - 12.0 * width - 9.0) / (-4.0 * width - 4.0);
        let how_many_small = how_many_small.round() as usize;
        let sizes = std::array::from_fn(|at| if at < how_many_small { small } else { small + 2 });
        let area = sizes.iter().map(|size| *size as u64).product();
        let fits = |dropped: &u32| area * (MOST >> dropped) <= u64::from(u32::MAX);
        let dropped = (0..MOST.ilog2()).find(fits).unwrap_or(MOST.ilog2());
        Self { sizes, dropped, mean: Mean::of(area, MOST >> dropped) }
    }

    pub(crate) fn blur(&self, picture: &mut Picture) {
        let across = self.across(picture);
        self.down(&across, picture);
    }

    /// How many pixels the boxes have seen before a pixel leaves the last, and how many of them came after it.
    fn span(&self) -> [usize; 2] {
        let all = self.sizes.iter().sum();
        [all, (all - 3) / 2]
    }

    /// Pairs of pixels, by how long ago they came, of which the one is added and the other taken off.
    fn pairs(&self) -> [[usize; 2]; 4] {
        let [a, b, c] = self.sizes;
        [[0, a], [a + b, b], [a + c, c], [b + c, a + b + c]]
    }

    /// The means along the rows, without the dropped bits.
    fn across(&self, picture: &Picture) -> Vec<Mixed> {
        let width = picture.width;
        let [all, late] = self.span();
        let half = (1 << self.dropped) / 2;
        let mut means: Vec<Mixed> = vec![[0; 4]; picture.pixels.len()];
        let (mut line, mut changes) = (Vec::new(), vec![[0; 4]; width + late]);
        for (row, means) in picture.rows().zip(means.chunks_exact_mut(width)) {
            bordered(row, [all, late], &mut line);
            line.as_flattened_mut().iter_mut().for_each(|value| *value = (*value + half) >> self.dropped);
            self.changes(|ago| line.get(all - ago..).unwrap_or_default(), &mut changes);
            let mut sums = Running::of(line.first().copied().unwrap_or_default(), &self.mean);
            let (early, seen) = changes.split_at_mut(late);
            early.iter_mut().chain(&mut *seen).for_each(|change| sums.go_on(change));
            self.mean.take_all(seen, means);
        }
        means
    }

    /// The means of those along the columns, as pixels; all columns go down together.
    fn down(&self, across: &[Mixed], picture: &mut Picture) {
        let (width, last) = (picture.width, picture.height - 1);
        let [_, late] = self.span();
        let row = |y: usize| across.chunks_exact(width).nth(y.min(last)).unwrap_or_default();
        let mut sums: Vec<Running> = row(0).iter().map(|pixel| Running::of(*pixel, &self.mean)).collect();
        let (mut changes, mut means) = (vec![[0; 4]; width], vec![[0; 4]; width]);
        for now in 0..=last + late {
            self.changes(|ago| row(now.saturating_sub(ago)), &mut changes);
            sums.iter_mut().zip(&mut changes).for_each(|(sums, change)| sums.go_on(change));
            if let Some(to) = now.checked_sub(late).and_then(|y| picture.rows_mut().nth(y)) {
                self.mean.take_all(&changes, &mut means);
                means.as_flattened_mut().iter_mut().for_each(|mean| *mean <<= self.dropped);
                straight_row(&means, to);
            }
        }
    }

    /// What changes the innermost sums, from the pixels that came so long `ago`.
    fn changes<'a>(&self, pixels: impl Fn(usize) -> &'a [Mixed], changes: &mut [Wide]) {
        changes.as_flattened_mut().fill(0);
        for [coming, going] in self.pairs() {
            let pairs = pixels(coming).as_flattened().iter().zip(pixels(going).as_flattened());
            for (change, (coming, going)) in changes.as_flattened_mut().iter_mut().zip(pairs) {
                // Both are below 2^15, so the difference has its sign.
                let by = coming.wrapping_sub(*going).cast_signed();
                *change = change.wrapping_add_signed(i32::from(by));
            }
        }
    }
}

/// The three sums of a line on its way.
struct Running {
    first: Wide,
    second: Wide,
    sum: Wide,
}

impl Running {
    /// After nothing but this pixel.
    fn of(pixel: Mixed, mean: &Mean) -> Self {
        Self { first: [0; 4], second: [0; 4], sum: pixel.map(|value| u32::from(value) * mean.area) }
    }

    /// Takes in the next change and puts the sum in its place.
    fn go_on(&mut self, change: &mut Wide) {
        let add = |sum: &mut Wide, by: &Wide| {
            sum.iter_mut().zip(by).for_each(|(sum, by)| *sum = sum.wrapping_add(*by));
        };
        add(&mut self.first, change);
        add(&mut self.second, &self.first);
        add(&mut self.sum, &self.second);
        *change = self.sum;
    }
}

/// Division by the number of pixels that were summed up, as a product.
struct Mean {
    area: u32,
    /// Bits of the sum that the product has no room for.
    shorter: u32,
    times: u32,
    /// Bits behind the point of the product.
    behind: u32,
}

impl Mean {
    /// Of `area` values up to `most`, which are together below 2^32.
    fn of(area: u64, most: u64) -> Self {
        let shorter = (area * most).ilog2().saturating_sub(15);
        let parts = area as f64 / f64::from(1_u32 << shorter);
        let behind = (65_535.0 * parts).log2().floor() as u32;
        let times = (f64::from(1_u32 << behind) / parts).round() as u32;
        Self { area: area as u32, shorter, times, behind }
    }

    fn take_all(&self, sums: &[Wide], means: &mut [Mixed]) {
        let pairs = means.as_flattened_mut().iter_mut().zip(sums.as_flattened());
        pairs.for_each(|(mean, sum)| *mean = self.take(*sum));
    }

    fn take(&self, sum: u32) -> u16 {
        (((sum >> self.shorter) * self.times + (1 << self.behind) / 2) >> self.behind) as u16
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Boxes {
        /// How much a pixel has of another at this distance, by plain convolution of the boxes.
        pub(crate) fn weights(&self) -> Vec<f64> {
            let mut curve = vec![1.0];
            for size in self.sizes {
                let mut wider = vec![0.0; curve.len() + size - 1];
                for (at, value) in curve.iter().enumerate() {
                    wider[at..at + size].iter_mut().for_each(|sum| *sum += value / size as f64);
                }
                curve = wider;
            }
            curve.split_off(curve.len() / 2)
        }
    }

    #[test]
    fn boxes_have_the_deviation_that_was_asked_for() {
        for deviation in [2.0, 2.5, 10.0, 50.0] {
            let sizes = Boxes::of(deviation).sizes;
            let variance: f32 = sizes.iter().map(|size| ((size * size) as f32 - 1.0) / 12.0).sum();
            assert!((variance.sqrt() - deviation).abs() < 0.25, "{deviation}: {}", variance.sqrt());
        }
    }

    #[test]
    fn means_are_quotients_to_less_than_a_tenth_of_a_grey_level() {
        for deviation in [2.0, 5.0, 17.0, 50.0, 120.0] {
            let Boxes { dropped, mean, .. } = Boxes::of(deviation);
            for value in 0..=(MOST >> dropped) as u16 {
                let found = mean.take(u32::from(value) * mean.area);
                let levels = f64::from(found.abs_diff(value) << dropped) / 128.0;
                assert!(levels < 0.1, "{deviation}: {found}, not {value}");
            }
        }
    }
}
