//! What the bricks that paint share: their choices, what a run will paint, and making a part of a picture anew.

mod guided;
mod mend;
mod plan;
mod render;
mod sampling;
mod size;
mod window;

pub use guided::Guided;
pub use mend::{Part, mend_each};
pub use plan::{Manner, PAINTERS, Wishes, info, request};
pub use render::{Given, Pictures, render};
pub use sampling::{FLOW_SAMPLERS, SAMPLERS, SCHEDULES};
pub use window::Window;

use qpyt_sdk::job::{self, JobError};
use qpyt_sdk::prelude::*;

/// Paints one picture for each seed, saying which comes next; stops if the person stopped the job.
pub fn paint_each(seeds: &[u32], mut paint: impl FnMut(u32) -> Result<Image>) -> Result<Vec<Image>> {
    let count = seeds.len();
    let mut pictures = Vec::with_capacity(count);
    for (index, seed) in seeds.iter().enumerate() {
        job::progress(index as f32 / count as f32, &format!("Picture {} of {count}", index + 1))?;
        pictures.push(paint(*seed)?);
    }
    Ok(pictures)
}

/// A missing model is a matter of the parameter; the rest is the host's.
fn not_painted(error: JobError) -> BrickError {
    match error {
        JobError::ModelMissing(model) => BrickError::bad_param(
            "model",
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
        let error = not_painted(JobError::ModelMissing("sdxl".to_owned()));
        assert!(
            matches!(&error, BrickError::BadParam(problem) if problem.name == "model" && problem.problem.contains("`sdxl`")),
            "{error:?}"
        );
        assert!(matches!(not_painted(JobError::Cancelled), BrickError::Cancelled));
    }
}
