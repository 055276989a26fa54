//! The reference brick: says whose things are to be seen again in a painting.

use qpyt_sdk::chosen;
use qpyt_sdk::prelude::*;

/// A picture whose things are to be seen again, for models that can look at pictures.
#[derive(Params)]
struct Reference {
    /// Drop a file here, or choose one. Without one the linked picture is taken.
    #[param(title = "Picture", widget = "image")]
    picture: String,
}

#[derive(Inputs)]
struct Linked {
    /// The picture to look at, where none is chosen here.
    image: Option<Image>,
    /// References of a brick before, which stay.
    references: Vec<Image>,
}

#[derive(Outputs)]
struct All {
    /// All references, those of bricks before first.
    references: Vec<Image>,
}

impl Brick for Reference {
    const ID: &'static str = "qpyt:reference";
    const LABEL: &'static str = "Reference picture";
    const CATEGORY: Category = Category::Input;
    type Inputs = Linked;
    type Outputs = All;

    fn run(self, inputs: Linked) -> Result<All> {
        let own = chosen::picture("picture", &self.picture)?.or(inputs.image).ok_or_else(nothing_chosen)?;
        let mut references = inputs.references;
        references.push(own);
        Ok(All { references })
    }
}

fn nothing_chosen() -> BrickError {
    BrickError::bad_param("picture", "Choose a picture, link one, or remove this brick.")
}

qpyt_sdk::export!(Reference);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_describes_itself_well() {
        assert_eq!(qpyt_sdk::check::problems::<Reference>(), Vec::<String>::new());
    }

    #[test]
    fn without_any_picture_it_asks_for_one() {
        let nothing = Reference::defaults().unwrap().run(Linked { image: None, references: Vec::new() });
        assert!(matches!(nothing.err(), Some(BrickError::BadParam(problem)) if problem.name == "picture"));
    }
}
