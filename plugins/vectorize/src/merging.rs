//! Areas of one colour merge into their neighbours, the smallest first; those that stand out are kept as layers. These are
//! the rules of VTracer's hierarchical clustering (visioncortex, `color_clusters`), on lists that merge without copies:
//! each pixel is looked at once for each doubling of its area.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use pixels::Picture;
use visioncortex::{BinaryImage, Color, PointI32};
use vtracer::Error;
use vtracer::ir::{Layer, Paint, RegionMask, Segmentation};
use vtracer::progress::{Ctx, Phase};

/// The area of pixels that are not there.
pub(crate) const NOTHING: u32 = 0;

/// The end of a list of pixels, and what is beyond the border.
const NONE: u32 = u32::MAX;

/// Merges between two reports.
const BATCH: usize = 4096;

/// What makes an area a layer of its own.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rule {
    /// It has more pixels.
    pub(crate) least_area: usize,
    /// Its colour is further from that of its nearest neighbour: the sum over the channels, 0 to 765.
    pub(crate) difference: u32,
}

/// A sum of colours.
#[derive(Debug, Clone, Copy, Default)]
struct Sum {
    channels: [u64; 3],
    count: u64,
}

impl Sum {
    fn add(&mut self, other: Self) {
        self.channels.iter_mut().zip(other.channels).for_each(|(sum, value)| *sum += value);
        self.count += other.count;
    }

    fn mean(self) -> [u8; 3] {
        self.channels.map(|sum| (sum / self.count.max(1)) as u8)
    }
}

/// Pixels that are one area now, as a list through [`Merging::next`]; none once it was merged.
#[derive(Debug, Clone, Copy)]
struct Area {
    first: u32,
    last: u32,
    count: u32,
    colour: Sum,
    /// The colour without the layers that lie on it.
    ground: Sum,
}

const EMPTY: Area = Area {
    first: NONE,
    last: NONE,
    count: 0,
    colour: Sum { channels: [0; 3], count: 0 },
    ground: Sum { channels: [0; 3], count: 0 },
};

/// An area as it was when it was kept: its list goes on where others were appended, so its length counts.
#[derive(Debug, Clone, Copy)]
struct Kept {
    first: u32,
    count: u32,
    colour: [u8; 3],
}

/// The neighbour of an area whose colour is nearest, and how many neighbours there are.
struct Nearest {
    area: u32,
    difference: u32,
    neighbours: usize,
}

struct Merging {
    width: u32,
    rule: Rule,
    /// The area of each pixel.
    labels: Vec<u32>,
    /// The pixel after each in the list of its area.
    next: Vec<u32>,
    /// The area in which each pixel is a hole: a layer lies there that has no other neighbour.
    hole_of: Vec<u32>,
    areas: Vec<Area>,
    /// Areas by size, smallest first. Entries of a size that an area no longer has are passed over.
    queue: BinaryHeap<Reverse<(u32, u32)>>,
    /// The last search that met each area.
    met: Vec<u32>,
    searches: u32,
    kept: Vec<Kept>,
}

/// The layers of a picture, the lowest first, from the area of each pixel; [`NOTHING`] is no area.
pub(crate) fn layers(
    picture: &Picture,
    labels: Vec<u32>,
    rule: Rule,
    ctx: &mut Ctx,
) -> Result<Segmentation, Error> {
    let mut merging = Merging::of(picture, labels, rule);
    merging.run(ctx)?;
    // The uppermost was kept first.
    let layers = merging.kept.iter().rev().map(|kept| merging.layer(*kept)).collect();
    Ok(Segmentation { width: picture.width as u32, height: picture.height as u32, layers })
}

impl Merging {
    fn of(picture: &Picture, labels: Vec<u32>, rule: Rule) -> Self {
        let count = labels.iter().max().map_or(0, |last| *last as usize + 1);
        let (mut next, mut areas) = (vec![NONE; labels.len()], vec![EMPTY; count]);
        for (pixel, (label, [r, g, b, _])) in (0..).zip(labels.iter().zip(&picture.pixels)) {
            if *label == NOTHING {
                continue;
            }
            let Some(area) = areas.get_mut(*label as usize) else { continue };
            let colour = Sum { channels: [*r, *g, *b].map(u64::from), count: 1 };
            let alone = Area { first: pixel, last: pixel, count: 1, colour, ground: colour };
            append(area, alone, &mut next);
            area.ground.add(colour);
        }
        let sizes = areas.iter().zip(0..).filter(|(area, _)| area.count > 0);
        let queue = sizes.map(|(area, index)| Reverse((area.count, index))).collect();
        let (hole_of, met) = (vec![NOTHING; labels.len()], vec![0; count]);
        let width = picture.width as u32;
        Self { width, rule, labels, next, hole_of, areas, queue, met, searches: 0, kept: Vec::new() }
    }

    fn run(&mut self, ctx: &mut Ctx) -> Result<(), Error> {
        let all = self.queue.len().max(1);
        let mut done = 0;
        while let Some(Reverse((count, index))) = self.queue.pop() {
            if self.area(index).count != count {
                continue;
            }
            if done % BATCH == 0 {
                ctx.check()?;
                ctx.report(Phase::Segment, done as f32 / all as f32);
            }
            done += 1;
            self.settle(index);
        }
        Ok(())
    }

    /// Merges an area into its nearest neighbour, and keeps it if it stands out or is the last.
    fn settle(&mut self, index: u32) {
        let Some(nearest) = self.nearest(index) else { return self.keep(index) };
        let stands_out = nearest.difference > self.rule.difference && self.is_layer(index);
        if stands_out {
            self.keep(index);
        }
        self.merge(index, nearest.area, stands_out, nearest.neighbours == 1);
    }

    fn keep(&mut self, index: u32) {
        let Area { first, count, ground, .. } = self.area(index);
        self.kept.push(Kept { first, count, colour: ground.mean() });
    }

    fn merge(&mut self, from: u32, to: u32, stands_out: bool, is_inside: bool) {
        let mut taken = self.area(from);
        let pixels: Vec<u32> = self.pixels(taken.first, taken.count).collect();
        for pixel in pixels {
            put(&mut self.labels, pixel, to);
            if stands_out && is_inside {
                put(&mut self.hole_of, pixel, to);
            }
        }
        if stands_out {
            taken.ground = Sum::default();
        }
        put(&mut self.areas, from, EMPTY);
        if let Some(area) = self.areas.get_mut(to as usize) {
            append(area, taken, &mut self.next);
            area.ground.add(taken.ground);
            self.queue.push(Reverse((area.count, to)));
        }
    }

    fn nearest(&mut self, index: u32) -> Option<Nearest> {
        let area = self.area(index);
        let colour = area.colour.mean();
        self.searches += 1;
        let (mut nearest, mut neighbours) = (None, 0);
        let mut pixel = area.first;
        for _ in 0..area.count {
            for near in self.around(pixel) {
                let label = at(&self.labels, near).unwrap_or(NOTHING);
                if label == NOTHING || label == index || at(&self.met, label) == Some(self.searches) {
                    continue;
                }
                put(&mut self.met, label, self.searches);
                neighbours += 1;
                let found = (difference(colour, self.area(label).colour.mean()), label);
                nearest = Some(nearest.map_or(found, |known: (u32, u32)| known.min(found)));
            }
            pixel = at(&self.next, pixel).unwrap_or(NONE);
        }
        nearest.map(|(difference, area)| Nearest { area, difference, neighbours })
    }

    /// Whether an area has the size of a layer, and is more than a thread.
    fn is_layer(&self, index: u32) -> bool {
        let Area { first, count, .. } = self.area(index);
        let (area, least_area) = (count as usize, self.rule.least_area);
        if area <= least_area || area >= self.labels.len() {
            return false;
        }
        let is_in =
            |pixel: u32| at(&self.labels, pixel) == Some(index) && at(&self.hole_of, pixel) != Some(index);
        let is_border = |pixel: &u32| is_in(*pixel) && !self.around(*pixel).into_iter().all(is_in);
        least_area == 0 || self.pixels(first, count).filter(is_border).count() < area
    }

    fn area(&self, index: u32) -> Area {
        at(&self.areas, index).unwrap_or(EMPTY)
    }

    fn pixels(&self, first: u32, count: u32) -> impl Iterator<Item = u32> {
        std::iter::successors(Some(first), |pixel| at(&self.next, *pixel)).take(count as usize)
    }

    /// The pixels at the four sides of one; those beyond the border are none.
    fn around(&self, pixel: u32) -> [u32; 4] {
        let column = pixel % self.width;
        let left = if column > 0 { pixel - 1 } else { NONE };
        let right = if column + 1 < self.width { pixel + 1 } else { NONE };
        [left, right, pixel.wrapping_sub(self.width), pixel.wrapping_add(self.width)]
    }

    fn layer(&self, Kept { first, count, colour: [r, g, b] }: Kept) -> Layer {
        let place = |pixel: u32| (pixel % self.width, pixel / self.width);
        let (mut left, mut top, mut right, mut bottom) = (u32::MAX, u32::MAX, 0, 0);
        for (x, y) in self.pixels(first, count).map(place) {
            (left, top) = (left.min(x), top.min(y));
            (right, bottom) = (right.max(x + 1), bottom.max(y + 1));
        }
        // What lies on it covers it, so it needs no holes: they would show as hairlines.
        let mut image = BinaryImage::new_w_h((right - left) as usize, (bottom - top) as usize);
        for (x, y) in self.pixels(first, count).map(place) {
            image.set_pixel((x - left) as usize, (y - top) as usize, true);
        }
        let mask = RegionMask::new(image, PointI32 { x: left as i32, y: top as i32 });
        Layer { paint: Paint::Solid(Color::new(r, g, b)), mask }
    }
}

/// Makes one list of two; only `ground` is left to the caller.
fn append(area: &mut Area, other: Area, next: &mut [u32]) {
    if area.count == 0 {
        area.first = other.first;
    } else {
        put(next, area.last, other.first);
    }
    area.last = other.last;
    area.count += other.count;
    area.colour.add(other.colour);
}

fn difference(one: [u8; 3], other: [u8; 3]) -> u32 {
    one.iter().zip(other).map(|(one, other)| u32::from(one.abs_diff(other))).sum()
}

fn at<T: Copy>(values: &[T], index: u32) -> Option<T> {
    values.get(index as usize).copied()
}

fn put<T>(values: &mut [T], index: u32, value: T) {
    if let Some(place) = values.get_mut(index as usize) {
        *place = value;
    }
}
