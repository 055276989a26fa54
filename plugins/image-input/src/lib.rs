//! The image input brick: a picture that the person uploaded or made before.

use qpyt_sdk::prelude::*;
use qpyt_sdk::store::content;
use qpyt_sdk::store::types::StoreError;

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
        let image = content::open(chosen(&self.image)?).map_err(not_opened)?;
        Ok(Picture { image })
    }
}

/// The digest of the picture, if one was chosen.
fn chosen(image: &str) -> Result<&str> {
    match image.trim() {
        "" => Err(BrickError::bad_param("image", "Choose a picture, or remove this brick.")),
        digest => Ok(digest),
    }
}

/// A picture that can't be opened is a matter of what was chosen; the rest is the host's.
fn not_opened(error: StoreError) -> BrickError {
    match error {
        StoreError::NotFound(_) => {
            BrickError::bad_param("image", "This picture is not in the studio any more. Choose it again.")
        }
        StoreError::BadArgument(message) => BrickError::bad_param("image", message),
        other => other.into(),
    }
}

qpyt_sdk::export!(ImageInput);

#[cfg(test)]
mod tests {
    use super::*;

    fn problem_with_image(error: BrickError) -> String {
        match error {
            BrickError::BadParam(problem) if problem.name == "image" => problem.problem,
            other => panic!("not a problem with the parameter `image`: {other:?}"),
        }
    }

    #[test]
    fn it_describes_itself_well() {
        assert_eq!(qpyt_sdk::check::problems::<ImageInput>(), Vec::<String>::new());
    }

    #[test]
    fn without_a_picture_it_asks_for_one() {
        assert!(
            problem_with_image(ImageInput::defaults().unwrap().run(()).err().unwrap())
                .contains("Choose a picture")
        );
    }

    #[test]
    fn a_digest_is_opened_as_it_is() {
        assert_eq!(chosen(" blake3:ab ").unwrap(), "blake3:ab");
    }

    #[test]
    fn a_picture_that_is_gone_is_asked_for_again() {
        let error = not_opened(StoreError::NotFound("blake3:ab".to_owned()));
        assert!(problem_with_image(error).contains("Choose it again"));
    }

    #[test]
    fn other_refusals_keep_the_message_of_the_host() {
        let error = not_opened(StoreError::Denied("Allow it.".to_owned()));
        assert!(matches!(error, BrickError::Host(message) if message == "Allow it."));
    }
}
