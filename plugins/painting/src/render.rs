//! What the render bricks have in common: their ports and their run. They differ in the family of models and in what of
//! it can be set.

use qpyt_sdk::ai::imaging::{Repainting, Start};
use qpyt_sdk::prelude::*;
use qpyt_sdk::shapes::{Control, Info, Lora, Settings};

use crate::{Guided, Manner, Wishes, info, paint_each, request};

/// What a render brick takes.
#[derive(Inputs)]
pub struct Given {
    /// What to paint.
    prompt: String,
    /// What to avoid.
    #[port(label = "Negative prompt")]
    negative: Option<String>,
    /// Size, steps, guidance, seed and count.
    settings: Option<Json<Settings>>,
    /// A picture to start from.
    image: Option<Image>,
    /// LoRAs that change the model for these pictures.
    #[port(label = "LoRAs")]
    loras: Vec<Json<Lora>>,
    /// Pictures that say where things are.
    controls: Vec<Json<Control>>,
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

/// Paints the prompt, or repaints the picture that is linked: `strength` 0..1 says how much of it may change.
pub fn render(manner: Manner<'_>, strength: f64, given: Given) -> Result<Pictures> {
    let guided = Guided::by(given.loras, given.controls)?;
    let wishes = Wishes {
        prompt: &given.prompt,
        negative: given.negative.as_deref(),
        settings: given.settings.as_ref().map(|Json(settings)| settings),
        guided: &guided,
    };
    let source = given.image.as_ref();
    let size = source.map(Image::info).map(|info| (info.width, info.height));
    let info = Info { strength: source.map(|_| strength), ..info(manner, &wishes, size)? };
    let image = paint_each(&info.seeds, |seed| {
        let start = source.map_or(Start::Noise, |source| {
            Start::Repainting(Repainting { source, strength: strength as f32 })
        });
        guided.paint(&request(&info, seed), &start)
    })?;
    Ok(Pictures { image, info: Json(info) })
}
