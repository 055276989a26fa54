//! Hi-res fix: a model paints best at the size it was trained at, so a larger picture is painted small, enlarged and
//! painted over.

use qpyt_sdk::ai::imaging::{Repainting, Start, TextRequest};
use qpyt_sdk::prelude::*;
use qpyt_sdk::shapes::{Enlarging, Info};

use crate::plan::native;
use crate::size::{Native, rounded};
use crate::{Guided, enlarged};

/// The smallest side that is painted, in pixels.
const LEAST_SIDE: u32 = 64;

/// The parameters of the second pass.
#[derive(Debug, Clone, Params)]
pub struct HiRes {
    /// Paints at the usual size first, then enlarges the picture and paints over it. For large pictures that keep their
    /// composition.
    #[param(title = "Hi-res fix")]
    pub hires: bool,
    /// How many times as many pixels each side gets.
    #[param(
        title = "Enlarge by",
        default = 1.5,
        min = 1.25,
        max = 2,
        step = 0.05,
        hint("x-when", "hires=true")
    )]
    pub hires_factor: f64,
    /// The model that enlarges. Without one the picture is stretched smoothly.
    #[param(
        title = "Enlarge with",
        widget = "model",
        hint("x-model-family", "upscaler"),
        hint("x-when", "hires=true")
    )]
    pub hires_upscaler: String,
    /// How much of the enlarged picture may change.
    #[param(
        title = "Second strength",
        default = 0.45,
        min = 0,
        max = 1,
        step = 0.05,
        hint("x-when", "hires=true")
    )]
    pub hires_strength: f64,
    /// Steps of the second pass; 0 takes as many as the first.
    #[param(title = "Second steps", default = 0, min = 0, max = 150, hint("x-when", "hires=true"))]
    pub hires_steps: u32,
}

impl HiRes {
    /// The facts after the second pass; as they are where it is off.
    pub fn planned(&self, info: Info) -> Info {
        if self.hires { self.after(info.clone(), native(&info.model)) } else { info }
    }

    fn after(&self, info: Info, native: Native) -> Info {
        let side = |side: u32| rounded(f64::from(side) * self.hires_factor, native.multiple, LEAST_SIDE);
        let enlarging = Enlarging {
            factor: self.hires_factor,
            upscaler: self.hires_upscaler.clone(),
            strength: self.hires_strength,
            steps: if self.hires_steps == 0 { info.steps } else { self.hires_steps },
        };
        Info { width: side(info.width), height: side(info.height), enlarging: Some(enlarging), ..info }
    }
}

/// A picture with its second pass behind it, where `planned` has one. `request` is that of the first pass.
pub(crate) fn refined(first: Image, planned: &Info, request: TextRequest, guided: &Guided) -> Result<Image> {
    let Some(enlarging) = &planned.enlarging else { return Ok(first) };
    let size = (planned.width, planned.height);
    let source = &enlarged(&first, size, &enlarging.upscaler, "hires_upscaler")?;
    guided.paint(
        &second(request, size, enlarging),
        &Start::Repainting(Repainting { source, strength: enlarging.strength as f32 }),
    )
}

fn second(mut request: TextRequest, (width, height): (u32, u32), enlarging: &Enlarging) -> TextRequest {
    request.sampling.steps = enlarging.steps;
    TextRequest { width, height, ..request }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request;

    fn info() -> Info {
        crate::plan::tests::info()
    }

    fn on() -> HiRes {
        HiRes { hires: true, ..HiRes::defaults().unwrap() }
    }

    #[test]
    fn the_size_after_it_is_one_that_the_model_can_paint() {
        let native = Native { side: 1024, multiple: 16 };
        let after = on().after(Info { width: 1016, height: 512, ..info() }, native);
        assert_eq!((after.width, after.height), (1520, 768));
        let doubled = HiRes { hires_factor: 2.0, ..on() }.after(info(), native);
        assert_eq!((doubled.width, doubled.height), (1024, 1536));
    }

    #[test]
    fn its_steps_are_those_of_the_first_pass_unless_set() {
        let steps = |hires: HiRes| hires.after(info(), Native::default()).enlarging.unwrap().steps;
        assert_eq!(steps(on()), 4);
        assert_eq!(steps(HiRes { hires_steps: 12, ..on() }), 12);
    }

    #[test]
    fn it_is_off_at_first_and_then_changes_nothing() {
        assert_eq!(HiRes::defaults().unwrap().planned(info()), info());
    }

    #[test]
    fn the_second_request_differs_in_size_and_steps_alone() {
        let after = HiRes { hires_steps: 9, ..on() }.after(info(), Native::default());
        let first = request(&info(), 7);
        let second = second(first.clone(), (after.width, after.height), &after.enlarging.unwrap());
        assert_eq!((second.width, second.height, second.sampling.steps), (768, 1152, 9));
        assert_eq!((second.sampling.seed, second.prompt), (first.sampling.seed, first.prompt));
    }
}
