//! The depth brick: how near things are, from a model on the host.

use pixels::Plane;
use qpyt_sdk::ai::vision;
use qpyt_sdk::job;
use qpyt_sdk::prelude::*;

/// Tells how near things in a picture are: bright is near.
#[derive(Debug, Clone, Params)]
struct Depth {
    /// The model that sees depth.
    #[param(default = "depth-anything-v2-small", widget = "model", hint("x-model-family", "depth"))]
    model: String,
    /// Below 1 shows more of what is far, above 1 more of what is near.
    #[param(title = "Curve", default = 1.0, min = 0.1, max = 5.0, step = 0.05)]
    curve: f64,
    /// Bright is far instead of near.
    #[param(title = "Invert")]
    invert: bool,
}

#[derive(Inputs)]
struct Pictures {
    /// The pictures to look at.
    #[port(label = "Images", required)]
    image: Vec<Image>,
}

#[derive(Outputs)]
struct Maps {
    /// How near each pixel is, as large as the pictures.
    #[port(label = "Depth", required)]
    image: Vec<Image>,
}

impl Brick for Depth {
    const ID: &'static str = "qpyt:depth";
    const LABEL: &'static str = "Depth";
    const CATEGORY: Category = Category::Output;
    type Inputs = Pictures;
    type Outputs = Maps;

    fn run(self, inputs: Pictures) -> Result<Maps> {
        let all = inputs.image.len();
        let mut image = Vec::with_capacity(all);
        for (done, picture) in inputs.image.iter().enumerate() {
            job::progress(0.0, &format!("Picture {} of {all}", done + 1))?;
            let depth = vision::depth(&self.model, picture)?;
            image.push(if self.leaves_it() { depth } else { self.bent(Plane::read(&depth)?).map()? });
        }
        Ok(Maps { image })
    }
}

impl Depth {
    /// Whether the model's answer is what is wanted.
    fn leaves_it(&self) -> bool {
        self.curve == 1.0 && !self.invert
    }

    fn bent(&self, mut depth: Plane) -> Plane {
        let curve = self.curve as f32;
        for value in &mut depth.values {
            let bent = value.clamp(0.0, 1.0).powf(curve);
            *value = if self.invert { 1.0 - bent } else { bent };
        }
        depth
    }
}

qpyt_sdk::export!(Depth);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_describes_itself_well() {
        assert_eq!(qpyt_sdk::check::problems::<Depth>(), Vec::<String>::new());
    }

    #[test]
    fn the_curve_keeps_the_ends_and_inverting_swaps_them() {
        let plane = Plane { width: 3, height: 1, values: vec![0.0, 0.5, 1.0] };
        let bent =
            |curve, invert| Depth { curve, invert, ..Depth::defaults().unwrap() }.bent(plane.clone()).values;
        assert_eq!(bent(2.0, false), [0.0, 0.25, 1.0]);
        assert_eq!(bent(1.0, true), [1.0, 0.5, 0.0]);
        assert!(Depth::defaults().unwrap().leaves_it());
    }
}
