//! {{label}}: a brick for Qpyt Studio.

use qpyt_sdk::media::image::Canvas;
use qpyt_sdk::media::types::{PixelFormat, Rect};
use qpyt_sdk::prelude::*;

/// Makes a picture lighter or darker.
#[derive(Params)]
struct Lighten {
    /// How much lighter it gets; below zero it gets darker.
    #[param(default = 0.25, min = -1.0, max = 1.0, step = 0.05)]
    amount: f64,
}

#[derive(Inputs)]
struct Original {
    /// The picture to change.
    image: Image,
}

#[derive(Outputs)]
struct Changed {
    /// The same picture, lighter or darker.
    image: Image,
}

impl Brick for Lighten {
    const ID: &'static str = "{{id}}";
    const LABEL: &'static str = "{{label}}";
    const CATEGORY: Category = Category::Generator;
    type Inputs = Original;
    type Outputs = Changed;

    fn run(self, inputs: Original) -> Result<Changed> {
        let info = inputs.image.info();
        let whole = Rect { x: 0, y: 0, width: info.width, height: info.height };
        let mut pixels = inputs.image.read(whole, PixelFormat::Rgba8)?;
        for pixel in pixels.chunks_exact_mut(4) {
            // The fourth byte is how opaque the pixel is; it stays.
            for value in &mut pixel[..3] {
                *value = lighter(*value, self.amount);
            }
        }
        let canvas = Canvas::create(info.width, info.height, PixelFormat::Rgba8)?;
        canvas.write(whole, &pixels)?;
        Ok(Changed { image: Canvas::freeze(canvas) })
    }
}

/// Moves a value towards 255, or towards 0 if `amount` is below zero.
fn lighter(value: u8, amount: f64) -> u8 {
    let value = f64::from(value);
    let end = if amount < 0.0 { 0.0 } else { 255.0 };
    (value + (end - value) * amount.abs()).round() as u8
}

qpyt_sdk::export!(Lighten);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_describes_itself_well() {
        assert_eq!(qpyt_sdk::check::problems::<Lighten>(), Vec::<String>::new());
    }

    #[test]
    fn all_the_way_is_white_or_black_and_nothing_changes_nothing() {
        assert_eq!([lighter(100, 1.0), lighter(100, -1.0), lighter(100, 0.0)], [255, 0, 100]);
    }
}
