//! The mask brick: a part of a picture that the person painted over by hand.

use qpyt_sdk::media::types::{Filter, ImageInfo, PixelFormat};
use qpyt_sdk::prelude::*;
use qpyt_sdk::{Mask, chosen};

/// A part of a picture, painted over by hand.
#[derive(Params)]
struct HandMask {
    /// Paint over what is to change.
    #[param(widget = "mask")]
    mask: String,
}

#[derive(Inputs)]
struct Subject {
    /// The picture that it is painted over. The mask gets its size.
    image: Option<Image>,
}

#[derive(Outputs)]
struct Painted {
    /// White is what was painted over.
    mask: Mask,
}

impl Brick for HandMask {
    const ID: &'static str = "qpyt:mask";
    const LABEL: &'static str = "Mask";
    const CATEGORY: Category = Category::Input;
    type Inputs = Subject;
    type Outputs = Painted;

    fn run(self, inputs: Subject) -> Result<Painted> {
        let painted = chosen::picture("mask", &self.mask)?.ok_or_else(nothing_painted)?;
        let grey = painted.convert(PixelFormat::Luma8)?;
        let mask = match inputs.image.map(|image| image.info()).filter(|size| differs(&grey.info(), size)) {
            None => grey,
            Some(size) => grey.resize(size.width, size.height, Filter::Nearest)?,
        };
        Ok(Painted { mask: Mask(mask) })
    }
}

fn nothing_painted() -> BrickError {
    BrickError::bad_param("mask", "Paint over what is to change, or remove this brick.")
}

fn differs(one: &ImageInfo, other: &ImageInfo) -> bool {
    (one.width, one.height) != (other.width, other.height)
}

qpyt_sdk::export!(HandMask);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_describes_itself_well() {
        assert_eq!(qpyt_sdk::check::problems::<HandMask>(), Vec::<String>::new());
    }

    #[test]
    fn without_a_mask_it_asks_for_one() {
        let nothing = HandMask::defaults().unwrap().run(Subject { image: None });
        assert!(matches!(nothing.err(), Some(BrickError::BadParam(problem)) if problem.name == "mask"));
    }
}
