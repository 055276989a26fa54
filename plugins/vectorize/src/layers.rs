//! From pixels to areas of one colour, as layers from the lowest to the uppermost.

use pixels::{Picture, grey};
use visioncortex::color_clusters::{
    Builder, Cluster, ClustersView, KeyingAction, NeighbourInfo, color_diff, color_same,
};
use visioncortex::{Color, ColorImage};
use vtracer::frontend::{BinaryFrontend, Frontend};
use vtracer::ir::Segmentation;
use vtracer::progress::Ctx;
use vtracer::{Error, Threshold};

use crate::merging::{self, Rule};

/// Pixels with less alpha are not there.
const VISIBLE: u8 = 128;

/// What stands for pixels that are not there. No other pixel has its alpha.
const HIDDEN: Color = Color { r: 1, g: 0, b: 0, a: 0 };

/// Pixels between two looks at whether to stop.
const BATCH: u32 = 25_600;

/// Layers of similar colour. What can't be seen is told by its alpha, so no colour is lost to it.
pub(crate) fn by_colour(
    picture: &Picture,
    dropped_bits: i32,
    rule: Rule,
    ctx: &mut Ctx,
) -> Result<Segmentation, Error> {
    let labels = areas(picture, dropped_bits, rule.difference == 0, ctx)?;
    merging::layers(picture, labels, rule, ctx)
}

/// The area of each pixel: neighbours whose colours are the same but for their lowest bits are one.
fn areas(picture: &Picture, dropped_bits: i32, diagonal: bool, ctx: &mut Ctx) -> Result<Vec<u32>, Error> {
    let never = |_: &ClustersView, _: &Cluster, _: &[NeighbourInfo]| false;
    let mut clustering = Builder::new()
        .from(with_hidden(picture))
        .diagonal(diagonal)
        .hierarchical(0)
        .batch_size(BATCH)
        .key(HIDDEN)
        .keying_action(KeyingAction::Discard)
        .same(move |one: Color, other: Color| one.a == other.a && color_same(one, other, dropped_bits, 1))
        .diff(color_diff)
        .deepen(never)
        .hollow(never)
        .start();
    while !clustering.tick() {
        ctx.check()?;
    }
    let areas = clustering.result();
    let view = areas.view();
    Ok((0..view.width * view.height).map(|pixel| view.get_cluster_at(pixel).0).collect())
}

fn with_hidden(picture: &Picture) -> ColorImage {
    let pixel = |[r, g, b, alpha]: [u8; 4]| {
        if alpha < VISIBLE { [HIDDEN.r, HIDDEN.g, HIDDEN.b, HIDDEN.a] } else { [r, g, b, 255] }
    };
    let pixels = picture.pixels.iter().copied().flat_map(pixel).collect();
    ColorImage { pixels, width: picture.width, height: picture.height }
}

/// Areas that are darker than `threshold`, in black. What can be seen through is on white.
pub(crate) fn dark(
    picture: &Picture,
    threshold: u8,
    least_area: usize,
    ctx: &mut Ctx,
) -> Result<Segmentation, Error> {
    let pixel = |value: u8| [value, value, value, 255];
    let pixels = picture.pixels.iter().flat_map(|it| pixel(grey(*it))).collect();
    let image = ColorImage { pixels, width: picture.width, height: picture.height };
    let areas =
        BinaryFrontend { threshold: Threshold::Fixed(threshold), diagonal: false, min_area: least_area };
    areas.segment_with(&image, ctx)
}
