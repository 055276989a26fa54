//! What steers a painting besides its words: LoRAs and the pictures of ControlNets, as other bricks hand them on.

use qpyt_sdk::ai::imaging::{self, Adapter, Guides, Start, TextRequest};
use qpyt_sdk::prelude::*;
use qpyt_sdk::shapes::{Control, Lora};
use qpyt_sdk::store::content;

use crate::not_painted;

/// LoRAs, and controls with their pictures.
#[derive(Default)]
pub struct Guided {
    /// The LoRAs, in their order.
    pub loras: Vec<Lora>,
    /// The controls, in their order.
    pub controls: Vec<Control>,
    pictures: Vec<Image>,
}

impl Guided {
    /// What came in, with the pictures of the controls opened.
    pub fn by(loras: Vec<Json<Lora>>, controls: Vec<Json<Control>>) -> Result<Self> {
        let controls: Vec<_> = controls.into_iter().map(|Json(control)| control).collect();
        let pictures =
            controls.iter().map(|control| content::open(&control.picture)).collect::<Result<_, _>>()?;
        Ok(Self { loras: loras.into_iter().map(|Json(lora)| lora).collect(), controls, pictures })
    }

    /// Paints one picture.
    pub fn paint(&self, request: &TextRequest, start: &Start<'_>) -> Result<Image> {
        let adapter =
            |Lora { model, weight }: &Lora| Adapter { model: model.clone(), weight: *weight as f32 };
        let control = |(control, picture)| {
            let Control { model, weight, begin, end, .. }: &Control = control;
            let (weight, begin, end) = (*weight as f32, *begin as f32, *end as f32);
            imaging::Control { model: model.clone(), picture, weight, begin, end }
        };
        let guides = Guides {
            adapters: self.loras.iter().map(adapter).collect(),
            controls: self.controls.iter().zip(&self.pictures).map(control).collect(),
            references: Vec::new(),
        };
        imaging::paint(request, start, &guides).map_err(not_painted)
    }
}
