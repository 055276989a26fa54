//! The outpainting brick: a picture becomes larger, and a model on the host paints what lies beyond its edges.

mod frame;

use frame::Frame;
use painting::{Asked, Manner, PAINTERS, Part, Pictures, Sampling, Window};
use pixels::Picture;
use qpyt_sdk::prelude::*;

/// Paints what lies beyond the edges of a picture.
#[derive(Debug, Clone, Params)]
struct Outpaint {
    /// The model that paints.
    #[param(default = "emoji", widget = "model", hint("x-model-family", PAINTERS))]
    model: String,
    /// Pixels to add at the left.
    #[param(default = 128, min = 0, max = 1024, step = 8)]
    left: u32,
    /// Pixels to add at the right.
    #[param(default = 128, min = 0, max = 1024, step = 8)]
    right: u32,
    /// Pixels to add at the top.
    #[param(default = 0, min = 0, max = 1024, step = 8)]
    top: u32,
    /// Pixels to add at the bottom.
    #[param(default = 0, min = 0, max = 1024, step = 8)]
    bottom: u32,
    /// What the model begins with beyond the edges.
    #[param(default = "mirror", choices = Frame::FILLINGS)]
    fill: String,
    /// How far the new part reaches into the picture, to hide the seam. In pixels.
    #[param(default = 32, min = 0, max = 128)]
    overlap: u32,
    /// How freely it paints: less keeps more of the filling.
    #[param(default = 0.95, min = 0, max = 1, step = 0.05)]
    strength: f64,
    #[param(flatten)]
    sampling: Sampling,
}

#[derive(Inputs)]
struct Given {
    #[port(flatten)]
    asked: Asked,
    /// The picture that becomes larger.
    image: Image,
}

impl Brick for Outpaint {
    const ID: &'static str = "qpyt:outpaint";
    const LABEL: &'static str = "Outpaint";
    const CATEGORY: Category = Category::Generator;
    type Inputs = Given;
    type Outputs = Pictures;

    fn run(self, inputs: Given) -> Result<Pictures> {
        let mut wishes = inputs.asked.wishes(Vec::new())?;
        let picture = Picture::read(&inputs.image)?;
        let frame = self.frame();
        wishes.guided = wishes.guided.with_pictures(|map| frame.widened(map, &picture))?;
        let enlarged = frame.around(&picture, &self.fill);
        let mask = frame.mask(&picture);
        let part = Part::of(&mask, 0, self.overlap / 2).ok_or_else(nothing_to_add)?;
        let window = Window::whole(enlarged.width, enlarged.height);
        painting::mend_each(self.manner(), &wishes, &enlarged.write()?, (&part, window), self.strength)
    }
}

impl Outpaint {
    fn manner(&self) -> Manner<'_> {
        self.sampling.manner(&self.model)
    }

    fn frame(&self) -> Frame {
        Frame {
            left: self.left as usize,
            right: self.right as usize,
            top: self.top as usize,
            bottom: self.bottom as usize,
        }
    }
}

fn nothing_to_add() -> BrickError {
    BrickError::bad_param("left", "Nothing is added: set how many pixels at one side at least.")
}

qpyt_sdk::export!(Outpaint);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_describes_itself_well() {
        assert_eq!(qpyt_sdk::check::problems::<Outpaint>(), Vec::<String>::new());
    }
}
