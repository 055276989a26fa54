//! Pictures that a person chose as a parameter, by the widgets `image` and `mask`: the parameter holds the digest.

use crate::store::content;
use crate::store::types::StoreError;
use crate::{BrickError, Image, Result};

/// The picture whose digest a parameter holds; none while it is empty. Needs `qpyt:store/content`. What is wrong with the
/// choice is told at the parameter, whose name is `param`.
pub fn picture(param: &str, digest: &str) -> Result<Option<Image>> {
    match digest.trim() {
        "" => Ok(None),
        digest => content::open(digest).map(Some).map_err(|error| not_opened(error, param)),
    }
}

/// A picture that can't be opened is a matter of what was chosen; the rest is the host's.
fn not_opened(error: StoreError, param: &str) -> BrickError {
    match error {
        StoreError::NotFound(_) => {
            BrickError::bad_param(param, "This picture is not in the studio any more. Choose it again.")
        }
        StoreError::BadArgument(message) => BrickError::bad_param(param, message),
        other => other.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_parameter_is_no_picture() {
        assert!(matches!(picture("image", " "), Ok(None)));
    }

    #[test]
    fn a_picture_that_is_gone_is_asked_for_again() {
        let gone = not_opened(StoreError::NotFound("blake3:ab".to_owned()), "image");
        let BrickError::BadParam(problem) = gone else { panic!("{gone:?}") };
        assert!(problem.name == "image" && problem.problem.contains("Choose it again"), "{problem:?}");
    }

    #[test]
    fn other_refusals_keep_the_message_of_the_host() {
        let error = not_opened(StoreError::Denied("Allow it.".to_owned()), "image");
        assert!(matches!(error, BrickError::Host(message) if message == "Allow it."));
    }
}
