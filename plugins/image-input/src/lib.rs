//! The image input brick: a picture that the person uploaded or made before.

use qpyt_sdk::chosen;
use qpyt_sdk::prelude::*;

/// A picture of yours to start from.
#[derive(Params)]
struct ImageInput {
    /// Drop a file here, or choose one.
    #[param(title = "Picture", widget = "image")]
    image: String,
}

#[derive(Outputs)]
struct Picture {
    /// The picture you chose.
    image: Image,
}

impl Brick for ImageInput {
    const ID: &'static str = "qpyt:image-input";
    const LABEL: &'static str = "Image";
    const CATEGORY: Category = Category::Input;
    type Inputs = ();
    type Outputs = Picture;

    fn run(self, (): ()) -> Result<Picture> {
        let image = chosen::picture("image", &self.image)?.ok_or_else(nothing_chosen)?;
        Ok(Picture { image })
    }
}

fn nothing_chosen() -> BrickError {
    BrickError::bad_param("image", "Choose a picture, or remove this brick.")
}

qpyt_sdk::export!(ImageInput);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_describes_itself_well() {
        assert_eq!(qpyt_sdk::check::problems::<ImageInput>(), Vec::<String>::new());
    }

    #[test]
    fn without_a_picture_it_asks_for_one() {
        let nothing = ImageInput::defaults().unwrap().run(());
        assert!(matches!(nothing.err(), Some(BrickError::BadParam(problem)) if problem.name == "image"));
    }
}
