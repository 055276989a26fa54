//! The upscaler brick: enlarges pictures with a model on the host that paints the detail in.

use qpyt_sdk::ai::vision;
use qpyt_sdk::job;
use qpyt_sdk::prelude::*;

/// Enlarges pictures and paints in the detail that they lack.
#[derive(Debug, Clone, Params)]
struct Upscaler {
    /// The model that enlarges.
    #[param(default = "realesr-animevideov3-x4", widget = "model", hint("x-model-family", "upscaler"))]
    model: String,
    /// How many times as many pixels each side gets.
    #[param(default = 4.0, min = 1.0, max = 8.0, step = 0.25)]
    factor: f64,
    /// Sides of the pieces that the picture is worked on in, in pixels. Smaller ones need less memory. 0 leaves it to
    /// the studio.
    #[param(title = "Tile size", default = 0, min = 0, max = 2048, step = 32)]
    tile: u32,
}

#[derive(Inputs)]
struct Small {
    /// The pictures to enlarge.
    #[port(label = "Images", required)]
    image: Vec<Image>,
}

#[derive(Outputs)]
struct Large {
    /// The enlarged pictures.
    #[port(label = "Images", required)]
    image: Vec<Image>,
}

impl Brick for Upscaler {
    const ID: &'static str = "qpyt:upscaler";
    const LABEL: &'static str = "Upscaler";
    const CATEGORY: Category = Category::Output;
    type Inputs = Small;
    type Outputs = Large;

    fn run(self, inputs: Small) -> Result<Large> {
        let tile = self.tile()?;
        let all = inputs.image.len();
        let mut image = Vec::with_capacity(all);
        for (done, small) in inputs.image.iter().enumerate() {
            job::progress(0.0, &format!("Picture {} of {all}", done + 1))?;
            image.push(vision::upscale(&self.model, small, self.factor as f32, tile)?);
        }
        Ok(Large { image })
    }
}

impl Upscaler {
    /// The side of the pieces, if the person chose one.
    fn tile(&self) -> Result<Option<u32>> {
        match self.tile {
            0 => Ok(None),
            1..32 => {
                Err(BrickError::bad_param("tile", "Use at least 32 pixels, or 0 to leave it to the studio."))
            }
            side => Ok(Some(side)),
        }
    }
}

qpyt_sdk::export!(Upscaler);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_describes_itself_well() {
        assert_eq!(qpyt_sdk::check::problems::<Upscaler>(), Vec::<String>::new());
    }

    #[test]
    fn pieces_are_left_to_the_studio_or_large_enough() {
        let tile = |tile| Upscaler { tile, ..Upscaler::defaults().unwrap() }.tile();
        assert_eq!(tile(0).unwrap(), None);
        assert_eq!(tile(256).unwrap(), Some(256));
        assert!(matches!(tile(8), Err(BrickError::BadParam(problem)) if problem.name == "tile"));
    }
}
