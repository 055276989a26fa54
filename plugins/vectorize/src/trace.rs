//! From a picture to shapes with outlines: VTracer's stages, put together for a brick.

use pixels::Picture;
use qpyt_sdk::{BrickError, Result};
use vtracer::compose::Compositing;
use vtracer::fitter::{CurveFitter, FitParams, PixelFitter, PolygonFitter, SplineFitter};
use vtracer::mosaic::{PixelSegmentFitter, PolygonSegmentFitter, SegmentFitter, SplineSegmentFitter};
use vtracer::optimize::{CleanupPass, OptimizerPass, QuantizePass};
use vtracer::progress::{Ctx, Phase};
use vtracer::{CancelToken, Error, Progress, VectorDoc};

use crate::layers;
use crate::merging::Rule;
use crate::plan::{Areas, Curve, Plan};

/// The part of the time that finding areas takes; the rest is for their outlines.
const FINDING: f32 = 0.4;

/// How often a curve is refined at most.
const REFINEMENTS: usize = 10;

/// The picture as shapes. `tell` hears how far it is, 0 to 1, once for each hundredth; an error of it ends the tracing.
pub(crate) fn trace(
    picture: &Picture,
    plan: &Plan,
    mut tell: impl FnMut(f32) -> Result<()>,
) -> Result<VectorDoc> {
    let stop = CancelToken::new();
    let (mut told, mut stopped) = (0, None);
    let mut hear = |progress: Progress| {
        let hundredths = (overall(progress) * 100.0) as u32;
        if hundredths > told && stopped.is_none() {
            told = hundredths;
            if let Err(error) = tell(hundredths as f32 / 100.0) {
                stop.cancel();
                stopped = Some(error);
            }
        }
    };
    let drawn = shapes(picture, plan, &mut Ctx::new(&stop, &mut hear));
    drawn.map_err(|error| {
        stopped.unwrap_or_else(|| BrickError::other(format!("This picture can't be traced: {error}.")))
    })
}

fn overall(Progress { phase, fraction }: Progress) -> f32 {
    match phase {
        Phase::Segment => fraction * FINDING,
        Phase::Compose => FINDING + fraction * (1.0 - FINDING),
        Phase::Optimize => 1.0,
    }
}

fn shapes(picture: &Picture, plan: &Plan, ctx: &mut Ctx) -> Result<VectorDoc, Error> {
    let areas = match plan.areas {
        Areas::Colour { dropped_bits, difference } => {
            layers::by_colour(picture, dropped_bits, Rule { least_area: plan.least_area, difference }, ctx)?
        }
        Areas::Dark { threshold } => layers::dark(picture, threshold, plan.least_area, ctx)?,
    };
    let mut shapes = outlines(plan).compose_with(&areas, &[], ctx)?;
    QuantizePass::new(plan.decimals).run(&mut shapes);
    CleanupPass.run(&mut shapes);
    Ok(shapes)
}

fn outlines(plan: &Plan) -> Compositing {
    if !plan.is_cutout {
        return Compositing::Stacked(stacked(plan));
    }
    // Layers that had only been told apart to be stacked become one tile again.
    let merge_diff = match plan.areas {
        Areas::Colour { difference, .. } => difference as i32,
        Areas::Dark { .. } => 0,
    };
    Compositing::Mosaic { fitter: tiled(plan), merge_diff }
}

fn stacked(plan: &Plan) -> Box<dyn CurveFitter> {
    match plan.curve {
        Curve::Pixel => Box::new(PixelFitter),
        Curve::Polygon => Box::new(PolygonFitter),
        Curve::Spline => Box::new(SplineFitter::new(FitParams {
            corner_threshold: plan.corner,
            length_threshold: plan.segment,
            max_iterations: REFINEMENTS,
            splice_threshold: plan.splice,
        })),
    }
}

fn tiled(plan: &Plan) -> Box<dyn SegmentFitter> {
    match plan.curve {
        Curve::Pixel => Box::new(PixelSegmentFitter),
        Curve::Polygon => Box::new(PolygonSegmentFitter),
        Curve::Spline => Box::new(SplineSegmentFitter {
            corner_threshold: plan.corner,
            length_threshold: plan.segment,
            max_iterations: REFINEMENTS,
            splice_threshold: plan.splice,
        }),
    }
}
