//! What other bricks ask of one that paints: words, settings, and what steers it besides.

use qpyt_sdk::prelude::*;
use qpyt_sdk::shapes::{Control, Lora, Settings};

use crate::Guided;

/// The inputs that every painting brick has.
#[derive(Inputs)]
pub struct Asked {
    /// What to paint.
    prompt: String,
    /// What to avoid.
    #[port(label = "Negative prompt")]
    negative: Option<String>,
    /// Size, steps, guidance, seed and count. What is left open follows the model and the picture.
    settings: Option<Json<Settings>>,
    /// LoRAs that change the model for these pictures.
    #[port(label = "LoRAs")]
    loras: Vec<Json<Lora>>,
    /// Pictures that say where things are.
    controls: Vec<Json<Control>>,
}

impl Asked {
    /// What came in, with the pictures of the controls opened. `references` are pictures whose things are to be seen
    /// again, for models that can do that.
    pub fn wishes(self, references: Vec<Image>) -> Result<Wishes> {
        Ok(Wishes {
            prompt: self.prompt,
            negative: self.negative.unwrap_or_default(),
            settings: self.settings.map(|Json(settings)| settings).unwrap_or_default(),
            guided: Guided::by(self.loras, self.controls, references)?,
        })
    }
}

/// What is asked of a painting brick.
pub struct Wishes {
    /// What to paint.
    pub prompt: String,
    /// What to avoid.
    pub negative: String,
    /// Size, steps, guidance, seed and count.
    pub settings: Settings,
    /// What steers it besides.
    pub guided: Guided,
}
