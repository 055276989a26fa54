//! What the render bricks have in common: their ports and their run. They differ in the family of models and in what of
//! it can be set.

use qpyt_sdk::ai::imaging::{Repainting, Start};
use qpyt_sdk::prelude::*;
use qpyt_sdk::shapes::Info;

use crate::hires::refined;
use crate::{Asked, HiRes, Manner, info, paint_each, request};

/// What a render brick takes.
#[derive(Inputs)]
pub struct Given {
    #[port(flatten)]
    asked: Asked,
    /// A picture to start from.
    image: Option<Image>,
}

/// What a painting brick gives.
#[derive(Outputs)]
pub struct Pictures {
    /// What was painted.
    #[port(label = "Images", required)]
    pub image: Vec<Image>,
    /// How it was made.
    pub info: Json<Info>,
}

/// Paints the prompt, or repaints the picture that is linked: `strength` 0..1 says how much of it may change. With
/// hi-res fix the pictures are enlarged and painted over. `references` are pictures to look at.
pub fn render(
    manner: Manner<'_>,
    strength: f64,
    hires: &HiRes,
    given: Given,
    references: Vec<Image>,
) -> Result<Pictures> {
    let wishes = given.asked.wishes(references)?;
    let source = given.image.as_ref();
    let size = source.map(Image::info).map(|info| (info.width, info.height));
    let first = Info { strength: source.map(|_| strength), ..info(manner, &wishes, size)? };
    let planned = hires.planned(first.clone());
    let image = paint_each(&first.seeds, |seed| {
        let start = source.map_or(Start::Noise, |source| {
            Start::Repainting(Repainting { source, strength: strength as f32 })
        });
        let request = request(&first, seed);
        refined(wishes.guided.paint(&request, &start)?, &planned, request, &wishes.guided)
    })?;
    Ok(Pictures { image, info: Json(planned) })
}
