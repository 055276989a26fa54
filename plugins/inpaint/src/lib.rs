//! The inpainting brick: a model on the host paints a part of a picture anew, and the rest stays as it is.

use painting::{Asked, Manner, PAINTERS, Part, Pictures, Sampling, Window};
use pixels::Plane;
use qpyt_sdk::Mask;
use qpyt_sdk::media::types::Filter;
use qpyt_sdk::prelude::*;
use qpyt_sdk::shapes::Settings;

/// Paints a part of a picture anew: where the mask is white.
#[derive(Debug, Clone, Params)]
struct Inpaint {
    /// The model that paints.
    #[param(default = "emoji", widget = "model", hint("x-model-family", PAINTERS))]
    model: String,
    /// How much of the part may change: 0 keeps it, 1 paints anew.
    #[param(default = 0.9, min = 0, max = 1, step = 0.05)]
    strength: f64,
    /// Paints where the mask is black instead.
    #[param(title = "Invert mask")]
    invert: bool,
    /// Makes the part larger, or smaller where that is below 0. In pixels.
    #[param(default = 0, min = -64, max = 128)]
    grow: i32,
    /// How far the new part fades into the picture. In pixels.
    #[param(default = 8, min = 0, max = 64)]
    feather: u32,
    /// Shows the model the part and its surroundings only, so that it paints it with all its pixels. Good for faces and
    /// other small things.
    #[param(title = "Only the part")]
    closely: bool,
    /// How much of the surroundings it sees then. In pixels.
    #[param(title = "Surroundings", default = 32, min = 0, max = 256, hint("x-when", "closely=true"))]
    margin: u32,
    #[param(flatten)]
    sampling: Sampling,
}

#[derive(Inputs)]
struct Given {
    #[port(flatten)]
    asked: Asked,
    /// The picture of which a part is made anew.
    image: Image,
    /// Where: white is made anew, black stays. It is scaled to the picture.
    mask: Mask,
}

impl Brick for Inpaint {
    const ID: &'static str = "qpyt:inpaint";
    const LABEL: &'static str = "Inpaint";
    const CATEGORY: Category = Category::Generator;
    type Inputs = Given;
    type Outputs = Pictures;

    fn run(self, inputs: Given) -> Result<Pictures> {
        let wishes = inputs.asked.wishes(Vec::new())?;
        let mask = self.mask(&inputs.mask, &inputs.image)?;
        let part = Part::of(&mask, self.grow, self.feather).ok_or_else(nothing_to_paint)?;
        let window = self.window(&part, &wishes.settings);
        painting::mend_each(self.manner(), &wishes, &inputs.image, (&part, window), self.strength)
    }
}

impl Inpaint {
    fn manner(&self) -> Manner<'_> {
        self.sampling.manner(&self.model)
    }

    /// The mask on the grid of the picture.
    fn mask(&self, Mask(mask): &Mask, image: &Image) -> Result<Plane> {
        let size = image.info();
        let mut mask = Plane::read(&mask.resize(size.width, size.height, Filter::Bilinear)?)?;
        if self.invert {
            mask.values.iter_mut().for_each(|value| *value = 1.0 - *value);
        }
        Ok(mask)
    }

    /// What the model gets to see, in the proportions of the size that was set.
    fn window(&self, part: &Part, settings: &Settings) -> Window {
        let whole = Window::whole(part.seen.width, part.seen.height);
        let proportion = settings.width.zip(settings.height);
        match Window::around(&part.painted) {
            Some(window) if self.closely => window.widened(self.margin as usize, proportion, whole),
            _ => whole,
        }
    }
}

fn nothing_to_paint() -> BrickError {
    BrickError::bad_input(
        "mask",
        "The mask is black all over. Make white what is to be painted, or invert it.",
    )
}

qpyt_sdk::export!(Inpaint);

#[cfg(test)]
mod tests {
    use super::*;

    fn part() -> Part {
        let mut mask = Plane { width: 100, height: 80, values: vec![0.0; 8000] };
        mask.values[40 * 100 + 50] = 1.0;
        Part::of(&mask, 2, 0).unwrap()
    }

    #[test]
    fn it_describes_itself_well() {
        assert_eq!(qpyt_sdk::check::problems::<Inpaint>(), Vec::<String>::new());
    }

    #[test]
    fn the_model_sees_the_whole_picture_or_the_part_with_its_surroundings() {
        let far = Inpaint::defaults().unwrap();
        assert_eq!(far.window(&part(), &Settings::default()), Window::whole(100, 80));
        let close = Inpaint { closely: true, margin: 10, ..far };
        assert_eq!(
            close.window(&part(), &Settings::default()),
            Window { x: 38, y: 28, width: 25, height: 25 }
        );
        let wide = Settings { width: Some(128), height: Some(64), ..Settings::default() };
        assert_eq!(close.window(&part(), &wide), Window { x: 25, y: 28, width: 50, height: 25 });
    }
}
