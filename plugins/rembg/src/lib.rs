//! The background removal brick: the host finds the subject, the brick refines the edge and cuts it out.

mod backdrop;
mod edge;

use backdrop::Backdrop;
use pixels::{Picture, Plane, byte};
use qpyt_sdk::Mask;
use qpyt_sdk::ai::vision;
use qpyt_sdk::job;
use qpyt_sdk::media::types::Filter;
use qpyt_sdk::prelude::*;

/// Cuts the subject of a picture out of its background.
#[derive(Debug, Clone, Params)]
struct Rembg {
    /// The model that finds the subject.
    #[param(default = "u2netp", widget = "model", hint("x-model-family", "background-removal"))]
    model: String,
    /// Fits the edge to the picture within this many pixels: hair and fur. 0 leaves it.
    #[param(title = "Refine edge", default = 8, min = 0, max = 64)]
    refine: u32,
    /// Makes the subject larger, or smaller where that is below 0. In pixels.
    #[param(title = "Grow", default = 0, min = -32, max = 32)]
    grow: i32,
    /// How hard the edge is: 0 leaves it, 1 knows only in and out.
    #[param(default = 0.0, min = 0.0, max = 1.0, step = 0.05)]
    hardness: f64,
    /// What comes behind the subject. A linked background goes before this.
    #[param(default = "transparent", choices = Backdrop::CHOICES)]
    behind: String,
    /// The colour behind, as #rrggbb.
    #[param(default = "#ffffff", widget = "colour", hint("x-when", "behind=colour"))]
    colour: String,
}

#[derive(Inputs)]
struct Pictures {
    /// The pictures to cut out of.
    #[port(label = "Images", required)]
    image: Vec<Image>,
    /// A picture to put behind the subject, scaled to fill.
    background: Option<Image>,
}

#[derive(Outputs)]
struct CutOuts {
    /// The subjects.
    #[port(label = "Images", required)]
    image: Vec<Image>,
    /// Where the subjects are: white is in.
    #[port(label = "Masks", required)]
    mask: Vec<Mask>,
}

impl Brick for Rembg {
    const ID: &'static str = "qpyt:rembg";
    const LABEL: &'static str = "Background removal";
    const CATEGORY: Category = Category::Output;
    type Inputs = Pictures;
    type Outputs = CutOuts;

    fn run(self, inputs: Pictures) -> Result<CutOuts> {
        let backdrop = Backdrop::of(&self.behind, &self.colour)?;
        let all = inputs.image.len();
        let mut done = CutOuts { image: Vec::with_capacity(all), mask: Vec::with_capacity(all) };
        for (index, image) in inputs.image.iter().enumerate() {
            job::progress(index as f32 / all as f32, &format!("Picture {} of {all}", index + 1))?;
            let matte = vision::matte(&self.model, image)?;
            let mut picture = Picture::read(image)?;
            let matte = self.matte(Plane::read(&matte)?, &mut picture)?;
            cut_out(&mut picture, &matte);
            match &inputs.background {
                Some(background) => backdrop::behind(&mut picture, &filling(background, image)?),
                None => backdrop.paint(&mut picture),
            }
            done.image.push(picture.write()?);
            done.mask.push(Mask(matte.mask()?));
        }
        Ok(done)
    }
}

impl Rembg {
    /// The matte as the person wants it; takes the background's colour out of the edge of the picture.
    fn matte(&self, matte: Plane, picture: &mut Picture) -> Result<Plane> {
        let mut matte = if self.grow == 0 { matte } else { matte.grown(self.grow) };
        job::check_cancelled()?;
        if self.refine > 0 {
            matte = edge::fitted(&matte, picture, self.refine as usize);
            job::check_cancelled()?;
        }
        if self.hardness > 0.0 {
            let hardness = self.hardness as f32;
            matte.values.iter_mut().for_each(|value| *value = edge::hardened(*value, hardness));
        }
        if self.refine > 0 {
            edge::clean(picture, &matte, self.refine as usize);
        }
        Ok(matte)
    }
}

/// Lets through what the matte covers; what could be seen through before, stays so.
fn cut_out(picture: &mut Picture, matte: &Plane) {
    for (pixel, share) in picture.pixels.iter_mut().zip(&matte.values) {
        pixel[3] = byte(f32::from(pixel[3]) * share.clamp(0.0, 1.0));
    }
}

/// The background in the size of the picture: scaled until it fills it, the middle of it kept.
fn filling(background: &Image, image: &Image) -> Result<Picture> {
    let (from, to) = (background.info(), image.info());
    let area = backdrop::middle((from.width, from.height), (to.width, to.height));
    let fitted = background.crop(area)?.resize(to.width, to.height, Filter::Lanczos)?;
    Picture::read(&fitted)
}

qpyt_sdk::export!(Rembg);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_describes_itself_well() {
        assert_eq!(qpyt_sdk::check::problems::<Rembg>(), Vec::<String>::new());
    }

    #[test]
    fn what_was_transparent_before_stays_so() {
        let mut picture =
            Picture { width: 3, height: 1, pixels: vec![[9, 9, 9, 255], [9, 9, 9, 100], [9, 9, 9, 255]] };
        cut_out(&mut picture, &Plane { width: 3, height: 1, values: vec![1.0, 0.5, 0.0] });
        assert_eq!(picture.pixels.iter().map(|pixel| pixel[3]).collect::<Vec<_>>(), [255, 50, 0]);
    }
}
