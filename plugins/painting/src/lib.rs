//! What the bricks that paint share: their inputs and choices, what a run will paint, making a part of a picture anew,
//! and making pictures larger.

mod asked;
mod enlarge;
mod guided;
mod hires;
mod mend;
mod mosaic;
mod plan;
mod render;
mod sampling;
mod size;
mod tiled;
mod tiles;
mod window;

pub use asked::{Asked, Wishes};
pub use enlarge::enlarged;
pub use guided::Guided;
pub use hires::HiRes;
pub use mend::{Part, mend_each};
pub use plan::{Manner, PAINTERS, info, request};
pub use render::{Given, Pictures, render};
pub use sampling::{FLOW_SCHEDULES, SAMPLERS, SCHEDULES, Sampling};
pub use tiled::{Tiling, repaint_in_tiles};
pub use window::Window;

use qpyt_sdk::job::{self, JobError};
use qpyt_sdk::prelude::*;

/// Paints one picture for each seed, saying which comes next; stops if the person stopped the job.
pub fn paint_each(seeds: &[u32], mut paint: impl FnMut(u32) -> Result<Image>) -> Result<Vec<Image>> {
    let count = seeds.len();
    let mut pictures = Vec::with_capacity(count);
    for (index, seed) in seeds.iter().enumerate() {
        let note = if count > 1 { format!("Picture {} of {count}", index + 1) } else { String::new() };
        job::progress(index as f32 / count as f32, &note)?;
        pictures.push(paint(*seed)?);
    }
    Ok(pictures)
}

/// A missing model is a matter of the parameter that names it; the rest is the host's.
fn not_done(error: JobError, param: &str) -> BrickError {
    match error {
        JobError::ModelMissing(model) => BrickError::bad_param(
            param,
            format!("The model `{model}` is not installed. Choose another one, or install it first."),
        ),
        other => other.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_model_is_a_matter_of_the_parameter() {
        let error = not_done(JobError::ModelMissing("sdxl".to_owned()), "model");
        assert!(
            matches!(&error, BrickError::BadParam(problem) if problem.name == "model" && problem.problem.contains("`sdxl`")),
            "{error:?}"
        );
        assert!(matches!(not_done(JobError::Cancelled, "model"), BrickError::Cancelled));
    }
}
