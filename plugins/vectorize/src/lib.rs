//! The tracing brick: pictures become drawings of filled paths (SVG), computed in the brick itself.

mod layers;
mod merging;
mod plan;
mod svg;
mod trace;

use pixels::Picture;
use qpyt_sdk::job;
use qpyt_sdk::prelude::*;

use plan::Plan;

/// The most pixels of a picture. What the tracer holds for each fits the memory of a brick.
const MAX_PIXELS: u64 = 2048 * 2048;

/// The most bytes of all drawings of a run. They travel in the studio's events and show in its pages.
const MAX_BYTES: usize = 8 << 20;

/// Draws pictures as shapes with clean outlines (SVG), which stay sharp at any size.
#[derive(Debug, Clone, Params)]
struct Vectorize {
    /// Own values uses all that stands below. The others bring their own colours, speckles, colour precision, layer
    /// difference and corners.
    #[param(default = "own", choices = [("own", "Own values"), ("poster", "Poster"), ("photo", "Photo"), ("line-art", "Line art")])]
    preset: String,
    /// Black and white draws what is dark, on nothing.
    #[param(title = "Colours", default = "colour", choices = [("colour", "In colour"), ("binary", "Black and white")])]
    mode: String,
    /// Black and white: what is darker than this is drawn.
    #[param(default = 128, min = 1, max = 255)]
    threshold: u32,
    /// Stacked shapes lie on each other and are few. Cut-out ones fit like tiles, without seams.
    #[param(title = "Layers", default = "stacked", choices = [("stacked", "Stacked"), ("cutout", "Cut-out")])]
    hierarchical: String,
    /// Pixels follows the picture exactly.
    #[param(default = "spline", choices = [("spline", "Curves"), ("polygon", "Straight lines"), ("pixel", "Pixels")])]
    curve: String,
    /// Patches that are smaller than a square of this side are left out, in pixels.
    #[param(title = "Speckles", default = 4, min = 0, max = 128)]
    speckle: u32,
    /// How many bits of each channel tell colours apart. Fewer give fewer shapes.
    #[param(title = "Colour precision", default = 6, min = 1, max = 8)]
    colour_precision: u32,
    /// How far the colours of two layers are apart. More gives fewer shapes.
    #[param(title = "Layer difference", default = 16, min = 0, max = 255)]
    layer_difference: u32,
    /// Curves: a bend of more than this is a corner, in degrees. 180 rounds everything.
    #[param(title = "Corners", default = 60, min = 0, max = 180)]
    corner_threshold: u32,
    /// Curves: outlines are refined until their parts are shorter than this, in pixels. More is smoother.
    #[param(title = "Segment length", default = 4.0, min = 3.5, max = 10.0, step = 0.5)]
    segment_length: f64,
    /// Curves: how far one curve may turn before the next begins, in degrees. More gives fewer points.
    #[param(title = "Splices", default = 45, min = 0, max = 180)]
    splice_threshold: u32,
    /// Decimal places of coordinates. Fewer make a smaller file.
    #[param(title = "Decimal places", default = 2, min = 0, max = 6)]
    path_precision: u32,
}

#[derive(Inputs)]
struct Pictures {
    /// The pictures to draw.
    #[port(label = "Images", required)]
    image: Vec<Image>,
}

#[derive(Outputs)]
struct Drawings {
    /// The drawings, one for each picture and of its size.
    #[port(label = "SVG", required)]
    svg: Vec<String>,
    /// The pictures as they came.
    #[port(label = "Images", required)]
    image: Vec<Image>,
}

impl Brick for Vectorize {
    const ID: &'static str = "qpyt:vectorize";
    const LABEL: &'static str = "Vectorize";
    const CATEGORY: Category = Category::Output;
    type Inputs = Pictures;
    type Outputs = Drawings;

    fn run(self, inputs: Pictures) -> Result<Drawings> {
        let plan = Plan::of(&self);
        let all = inputs.image.len();
        let mut room = MAX_BYTES;
        let mut svg = Vec::with_capacity(all);
        for (done, image) in inputs.image.iter().enumerate() {
            let info = image.info();
            check_size(done + 1, info.width, info.height)?;
            let note = format!("Picture {} of {all}", done + 1);
            let tell = |fraction: f32| job::progress((done as f32 + fraction) / all as f32, &note);
            let drawing = drawing(&Picture::read(image)?, &plan, room, tell)?;
            room = room.saturating_sub(drawing.len());
            svg.push(drawing);
        }
        Ok(Drawings { svg, image: inputs.image })
    }
}

/// Refuses pictures that would take more memory and time than a brick has.
fn check_size(number: usize, width: u32, height: u32) -> Result<()> {
    if u64::from(width) * u64::from(height) <= MAX_PIXELS {
        return Ok(());
    }
    let problem = format!(
        "Picture {number} has {width} × {height} pixels, and at most {MAX_PIXELS} can be traced. Make it smaller \
         first: the photo editor has a zoom."
    );
    Err(BrickError::bad_input("image", problem))
}

/// The picture as SVG of at most `room` bytes. `tell` hears how far it is, 0 to 1, and may stop it.
fn drawing(
    picture: &Picture,
    plan: &Plan,
    room: usize,
    tell: impl FnMut(f32) -> Result<()>,
) -> Result<String> {
    let shapes = trace::trace(picture, plan, tell)?;
    svg::written(&shapes, plan.decimals, room).ok_or_else(|| {
        let problem = format!(
            "The drawings of a run may have {MAX_BYTES} bytes together, and these would have more. Leave out larger \
             speckles, raise the layer difference, or make the picture smaller first."
        );
        BrickError::bad_param("speckle", problem)
    })
}

qpyt_sdk::export!(Vectorize);

#[cfg(test)]
mod tests;
