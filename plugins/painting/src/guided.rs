//! What steers a painting besides its words: LoRAs, the pictures of ControlNets and pictures to look at, as other bricks
//! hand them on.

use qpyt_sdk::ai::imaging::{self, Adapter, Guides, Inpainting, Repainting, Start, TextRequest};
use qpyt_sdk::media::types::Filter;
use qpyt_sdk::prelude::*;
use qpyt_sdk::shapes::{Control, Lora};
use qpyt_sdk::store::content;

use crate::{Window, not_done};

/// The most pictures to look at that the host takes.
const MAX_REFERENCES: usize = 8;

/// LoRAs, controls with their pictures, and pictures to look at.
#[derive(Default)]
pub struct Guided {
    /// The LoRAs, in their order.
    pub loras: Vec<Lora>,
    /// The controls, in their order.
    pub controls: Vec<Control>,
    pictures: Vec<Image>,
    /// Pictures whose things are to be seen again.
    pub references: Vec<Image>,
}

impl Guided {
    /// What came in, with the pictures of the controls opened.
    pub fn by(loras: Vec<Json<Lora>>, controls: Vec<Json<Control>>, references: Vec<Image>) -> Result<Self> {
        few_enough(references.len())?;
        let controls: Vec<_> = controls.into_iter().map(|Json(control)| control).collect();
        let pictures =
            controls.iter().map(|control| content::open(&control.picture)).collect::<Result<_, _>>()?;
        Ok(Self { loras: loras.into_iter().map(|Json(lora)| lora).collect(), controls, pictures, references })
    }

    /// What steers a part of a picture of a size, where the model gets to see that part alone: of the controls' pictures
    /// it sees what lies there. Pictures to look at stay whole.
    pub fn within(&self, part: Window, size: (u32, u32)) -> Result<Self> {
        self.with_pictures(|picture| {
            let info = picture.info();
            Ok(picture.crop(part.on((info.width, info.height), size).rect())?)
        })
    }

    /// The same with other pictures for the controls, each made from the one before.
    pub fn with_pictures(&self, made: impl Fn(&Image) -> Result<Image>) -> Result<Self> {
        Ok(Self {
            loras: self.loras.clone(),
            controls: self.controls.clone(),
            pictures: self.pictures.iter().map(made).collect::<Result<_>>()?,
            references: self.references.iter().map(Image::clone_handle).collect(),
        })
    }

    /// Paints one picture. Where nothing of a picture may change, that is the picture itself in the size that was asked
    /// for; a strength that reaches no step takes one.
    pub fn paint(&self, request: &TextRequest, start: &Start<'_>) -> Result<Image> {
        let start = match start {
            Start::Repainting(Repainting { source, strength })
            | Start::Inpainting(Inpainting { source, strength, .. })
                if *strength <= 0.0 =>
            {
                return Ok(source.resize(request.width, request.height, Filter::Lanczos)?);
            }
            Start::Repainting(Repainting { source, strength }) => {
                Start::Repainting(Repainting { source, strength: reaching(*strength, request) })
            }
            Start::Inpainting(Inpainting { source, mask, strength }) => {
                Start::Inpainting(Inpainting { source, mask, strength: reaching(*strength, request) })
            }
            Start::Noise => Start::Noise,
        };
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
            references: self.references.iter().collect(),
        };
        imaging::paint(request, &start, &guides).map_err(|error| not_done(error, "model"))
    }
}

/// A strength by which at least one of the steps is taken.
fn reaching(strength: f32, request: &TextRequest) -> f32 {
    // A little above a step, since products of floats may fall a little below.
    strength.max(1.001 / request.sampling.steps.max(1) as f32).min(1.0)
}

fn few_enough(references: usize) -> Result<()> {
    if references <= MAX_REFERENCES {
        return Ok(());
    }
    let problem = format!(
        "These are {references} pictures; at most {MAX_REFERENCES} can be looked at. Leave some out."
    );
    Err(BrickError::bad_input("references", problem))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strength_that_reaches_no_step_takes_one_and_others_stay() {
        let mut request = crate::request(&crate::plan::tests::info(), 7);
        for steps in 1..=150 {
            request.sampling.steps = steps;
            let least = reaching(0.001, &request);
            assert_eq!((least * steps as f32) as u32, 1, "{steps}: {least}");
        }
        assert_eq!((reaching(0.35, &request), reaching(1.0, &request)), (0.35, 1.0));
    }

    #[test]
    fn more_references_than_the_host_takes_are_told_with_their_number() {
        assert!(few_enough(8).is_ok());
        let BrickError::BadInput(problem) = few_enough(9).unwrap_err() else { panic!("another error") };
        assert!(problem.name == "references" && problem.problem.contains("9 pictures; at most 8"));
    }
}
