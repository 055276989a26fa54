//! The photo editor brick: light, colour, effects and shape of pictures, computed in the brick itself.

mod colour;
mod geometry;
mod neighbours;
mod rotation;
mod steps;
mod zoom;

use qpyt_sdk::job;
use qpyt_sdk::prelude::*;

use pixels::Picture;
use steps::{Effect, Step, steps};

/// Changes light, colour and shape of pictures.
#[derive(Debug, Clone, Params)]
#[param(live_preview)]
struct Filter {
    /// How far light and dark are apart. 1 leaves it.
    #[param(default = 1.0, min = 0.0, max = 3.0, step = 0.05)]
    contrast: f64,
    /// 1 leaves it.
    #[param(default = 1.0, min = 0.0, max = 3.0, step = 0.05)]
    brightness: f64,
    /// How strong colours are. 1 leaves them, 0 is grey.
    #[param(default = 1.0, min = 0.0, max = 3.0, step = 0.05)]
    saturation: f64,
    /// Like saturation, for the colours that are pale.
    #[param(default = 0.0, min = -1.0, max = 1.0, step = 0.05)]
    vibrance: f64,
    /// Turns the colour wheel, in degrees.
    #[param(default = 0.0, min = -180.0, max = 180.0, step = 1.0)]
    hue: f64,
    /// Added to the red of each pixel.
    #[param(min = -255, max = 255)]
    red: i32,
    /// Added to the green of each pixel.
    #[param(min = -255, max = 255)]
    green: i32,
    /// Added to the blue of each pixel.
    #[param(min = -255, max = 255)]
    blue: i32,
    /// 1 leaves it, 0 is soft.
    #[param(default = 1.0, min = 0.0, max = 5.0, step = 0.1)]
    sharpness: f64,
    /// In pixels.
    #[param(default = 0.0, min = 0.0, max = 50.0, step = 0.5, hint("x-unit", "px"))]
    blur: f64,
    /// One look for all of the picture.
    #[param(default = "none", choices = Effect::NAMES)]
    effect: String,
    /// How much of the effect shows.
    #[param(title = "Effect strength", default = 1.0, min = 0.0, max = 1.0, step = 0.05)]
    strength: f64,
    /// Sides of the squares of Pixelize, in pixels.
    #[param(title = "Block size", default = 8, min = 2, max = 256, hint("x-unit", "px"))]
    block: u32,
    /// Clockwise, in degrees.
    #[param(default = 0.0, min = -180.0, max = 180.0, step = 1.0)]
    rotate: f64,
    /// Changes sides.
    #[param(default = "none", choices = [("none", "None"), ("horizontal", "Left and right"), ("vertical", "Top and bottom")])]
    mirror: String,
    /// Makes the picture larger or smaller. 1 leaves it.
    #[param(default = 1.0, min = 0.1, max = 4.0, step = 0.05)]
    zoom: f64,
    /// Part of the width that is cut off at the left.
    #[param(default = 0.0, min = 0.0, max = 0.95, step = 0.01)]
    crop_left: f64,
    /// Part of the height that is cut off at the top.
    #[param(default = 0.0, min = 0.0, max = 0.95, step = 0.01)]
    crop_top: f64,
    /// Part of the width that is cut off at the right.
    #[param(default = 0.0, min = 0.0, max = 0.95, step = 0.01)]
    crop_right: f64,
    /// Part of the height that is cut off at the bottom.
    #[param(default = 0.0, min = 0.0, max = 0.95, step = 0.01)]
    crop_bottom: f64,
    /// Straight: shape, then blur and sharpness, then light, effect and colour. Reversed is the other way round.
    #[param(default = "straight", choices = [("straight", "Straight"), ("reversed", "Reversed")])]
    order: String,
}

#[derive(Inputs)]
struct Before {
    /// The pictures to change.
    #[port(label = "Images", required)]
    image: Vec<Image>,
}

#[derive(Outputs)]
struct After {
    /// The changed pictures.
    #[port(label = "Images", required)]
    image: Vec<Image>,
}

impl Brick for Filter {
    const ID: &'static str = "qpyt:filter";
    const LABEL: &'static str = "Photo editor";
    const CATEGORY: Category = Category::Output;
    type Inputs = Before;
    type Outputs = After;

    fn run(self, inputs: Before) -> Result<After> {
        let steps = steps(&self);
        if steps.is_empty() {
            return Ok(After { image: inputs.image });
        }
        let all = inputs.image.len();
        let mut image = Vec::with_capacity(all);
        for (done, before) in inputs.image.into_iter().enumerate() {
            job::progress(done as f32 / all as f32, &format!("Picture {} of {all}", done + 1))?;
            image.push(edited(&before, &steps)?);
        }
        Ok(After { image })
    }
}

/// The picture after all steps.
fn edited(before: &Image, steps: &[Step]) -> Result<Image> {
    let mut picture = Picture::read(before)?;
    for step in steps {
        job::check_cancelled()?;
        step.take(&mut picture);
    }
    picture.write()
}

qpyt_sdk::export!(Filter);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_describes_itself_well() {
        assert_eq!(qpyt_sdk::check::problems::<Filter>(), Vec::<String>::new());
    }

    #[test]
    fn without_a_picture_it_names_the_input() {
        let error = qpyt_sdk::brick::run::<Filter>(Vec::new(), "{}").unwrap_err();
        assert!(matches!(error, BrickError::BadInput(problem) if problem.name == "image"));
    }
}
