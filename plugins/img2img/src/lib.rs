//! The image to image brick: a model on the host repaints a picture.

use painting::{Asked, Manner, PAINTERS, Pictures, Sampling, paint_each, request};
use qpyt_sdk::ai::imaging::{Repainting, Start};
use qpyt_sdk::prelude::*;
use qpyt_sdk::shapes::Info;

/// Repaints a picture by your prompt.
#[derive(Debug, Clone, Params)]
struct ImageToImage {
    /// The model that paints.
    #[param(default = "emoji", widget = "model", hint("x-model-family", PAINTERS))]
    model: String,
    /// How much of the picture may change: 0 keeps it, 1 paints anew.
    #[param(default = 0.65, min = 0, max = 1, step = 0.01)]
    strength: f64,
    #[param(flatten)]
    sampling: Sampling,
}

#[derive(Inputs)]
struct Given {
    #[port(flatten)]
    asked: Asked,
    /// The pictures to repaint, each with every seed.
    #[port(label = "Images", required)]
    image: Vec<Image>,
}

impl Brick for ImageToImage {
    const ID: &'static str = "qpyt:img2img";
    const LABEL: &'static str = "Image to image";
    const CATEGORY: Category = Category::Generator;
    type Inputs = Given;
    type Outputs = Pictures;

    fn run(self, inputs: Given) -> Result<Pictures> {
        let wishes = inputs.asked.wishes(Vec::new())?;
        let mut pictures = Vec::new();
        let mut last = None;
        for source in &inputs.image {
            let size = source.info();
            let info = painting::info(self.manner(), &wishes, Some((size.width, size.height)))?;
            pictures.extend(paint_each(&info.seeds, |seed| {
                let start = Start::Repainting(Repainting { source, strength: self.strength as f32 });
                wishes.guided.paint(&request(&info, seed), &start)
            })?);
            last = Some(Info { strength: Some(self.strength), ..info });
        }
        let info = last.ok_or_else(|| BrickError::bad_input("image", "Link a picture to repaint."))?;
        Ok(Pictures { image: pictures, info: Json(info) })
    }
}

impl ImageToImage {
    fn manner(&self) -> Manner<'_> {
        self.sampling.manner(&self.model)
    }
}

qpyt_sdk::export!(ImageToImage);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_describes_itself_well() {
        assert_eq!(qpyt_sdk::check::problems::<ImageToImage>(), Vec::<String>::new());
    }
}
