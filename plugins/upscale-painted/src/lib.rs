//! The painted upscaler brick: enlarges pictures and has a model paint over them tile by tile, so that they gain detail
//! at sizes that no model can take at once.

use painting::{Asked, Manner, PAINTERS, Pictures, Sampling, Tiling, Wishes};
use qpyt_sdk::prelude::*;
use qpyt_sdk::shapes::{Enlarging, Info};

/// The longest side of an enlarged picture, in pixels.
const MOST_SIDE: f64 = 8192.0;

/// Enlarges pictures and paints over them, tile by tile.
#[derive(Debug, Clone, Params)]
struct UpscalePainted {
    /// The model that paints.
    #[param(default = "emoji", widget = "model", hint("x-model-family", PAINTERS))]
    model: String,
    /// How many times as many pixels each side gets.
    #[param(default = 2.0, min = 1, max = 4, step = 0.25)]
    factor: f64,
    /// The model that enlarges. Without one the picture is stretched smoothly.
    #[param(title = "Enlarge with", widget = "model", hint("x-model-family", "upscaler"))]
    upscaler: String,
    /// How much may change: a little adds detail, much paints other things.
    #[param(default = 0.35, min = 0, max = 1, step = 0.05)]
    strength: f64,
    /// Sides of the tiles, in pixels. Best near the size that the model was made for.
    #[param(title = "Tile size", default = 768, min = 64, max = 1536, step = 64)]
    tile: u32,
    /// By how much neighbouring tiles overlap, in pixels. More hides where they meet.
    #[param(default = 128, min = 0, max = 512, step = 8)]
    overlap: u32,
    #[param(flatten)]
    sampling: Sampling,
}

#[derive(Inputs)]
struct Given {
    #[port(flatten)]
    asked: Asked,
    /// The pictures to enlarge. The first has the seed of the settings, each further one the next.
    #[port(label = "Images", required)]
    image: Vec<Image>,
}

impl Brick for UpscalePainted {
    const ID: &'static str = "qpyt:upscale-painted";
    const LABEL: &'static str = "Painted upscaler";
    const CATEGORY: Category = Category::Generator;
    type Inputs = Given;
    type Outputs = Pictures;

    fn run(self, inputs: Given) -> Result<Pictures> {
        let mut wishes = inputs.asked.wishes(Vec::new())?;
        // The picture has a size, and there is one of each.
        (wishes.settings.width, wishes.settings.height, wishes.settings.count) = (None, None, None);
        let all = inputs.image.len();
        let mut pictures = Vec::with_capacity(all);
        let mut facts: Option<Info> = None;
        for (index, source) in inputs.image.iter().enumerate() {
            let said = if all > 1 { format!("Picture {} of {all}, ", index + 1) } else { String::new() };
            let (info, picture) = self.enlarge(source, index, &wishes, &said)?;
            pictures.push(picture);
            let mut seeds = facts.map(|info| info.seeds).unwrap_or_default();
            seeds.extend(&info.seeds);
            facts = Some(Info { seeds, ..info });
        }
        let info = facts.ok_or_else(|| BrickError::bad_input("image", "Link a picture to enlarge."))?;
        Ok(Pictures { image: pictures, info: Json(info) })
    }
}

impl UpscalePainted {
    /// One picture, enlarged and painted over, and how it was made.
    fn enlarge(&self, source: &Image, index: usize, wishes: &Wishes, said: &str) -> Result<(Info, Image)> {
        let before = source.info();
        let (width, height) = self.size((before.width, before.height))?;
        let plan = painting::info(self.manner(), wishes, Some((before.width, before.height)))?;
        let first = plan.seeds.first().copied().unwrap_or_default();
        let seed = first.wrapping_add(index as u32);
        let large = painting::enlarged(source, (width, height), &self.upscaler, "upscaler")?;
        let tiling = Tiling { tile: self.tile, overlap: self.overlap };
        let picture =
            painting::repaint_in_tiles(&large, tiling, (&plan, seed, self.strength), &wishes.guided, said)?;
        let enlarging = Enlarging {
            factor: self.factor,
            upscaler: self.upscaler.clone(),
            strength: self.strength,
            steps: plan.steps,
        };
        Ok((Info { width, height, seeds: vec![seed], enlarging: Some(enlarging), ..plan }, picture))
    }

    /// The size of a picture after it.
    fn size(&self, (width, height): (u32, u32)) -> Result<(u32, u32)> {
        let side = |side: u32| (f64::from(side) * self.factor).round().max(1.0);
        let (width, height) = (side(width), side(height));
        if width.max(height) > MOST_SIDE {
            let problem = format!(
                "The picture would have {width} × {height} pixels; at most {MOST_SIDE} a side are possible. Choose a smaller factor."
            );
            return Err(BrickError::bad_param("factor", problem));
        }
        Ok((width as u32, height as u32))
    }

    fn manner(&self) -> Manner<'_> {
        self.sampling.manner(&self.model)
    }
}

qpyt_sdk::export!(UpscalePainted);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_describes_itself_well() {
        assert_eq!(qpyt_sdk::check::problems::<UpscalePainted>(), Vec::<String>::new());
    }

    #[test]
    fn the_factor_may_be_any_and_the_size_is_bounded() {
        let by = |factor| UpscalePainted { factor, ..UpscalePainted::defaults().unwrap() };
        assert_eq!(by(1.37).size((333, 250)).unwrap(), (456, 343));
        assert_eq!(by(1.0).size((333, 250)).unwrap(), (333, 250));
        let too_large = by(4.0).size((2049, 64)).unwrap_err();
        assert!(
            matches!(too_large, BrickError::BadParam(problem) if problem.name == "factor" && problem.problem.contains("8196 × 256"))
        );
    }
}
