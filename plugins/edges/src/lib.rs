//! The edge map brick: outlines of a picture, as ControlNet models want them, computed in the brick itself.

mod canny;
mod drawing;
mod lines;

use pixels::{Picture, blur};
use qpyt_sdk::job;
use qpyt_sdk::prelude::*;

use lines::Lines;

/// Finds the outlines of pictures: a map for ControlNet, or a drawing.
#[derive(Debug, Clone, Params)]
struct Edges {
    /// Canny gives thin outlines, Scribble the strokes of a pen, Line art soft shaded lines.
    #[param(default = "canny", choices = [("canny", "Canny"), ("scribble", "Scribble"), ("line-art", "Line art")])]
    method: String,
    /// Canny: weaker edges are left out.
    #[param(title = "Low threshold", default = 100, min = 1, max = 1000)]
    low: i32,
    /// Canny: where a line may begin. More gives fewer lines.
    #[param(title = "High threshold", default = 200, min = 1, max = 1000)]
    high: i32,
    /// Scribble: how dark a stroke has to be. More gives fewer lines.
    #[param(title = "Ink", default = 32, min = 1, max = 255)]
    ink: i32,
    /// Softens the picture first, so that grain is no edge. In pixels.
    #[param(default = 0.0, min = 0.0, max = 20.0, step = 0.5)]
    soften: f64,
    /// How wide lines are, in pixels.
    #[param(title = "Line width", default = 1, min = 1, max = 32)]
    thickness: u32,
    /// Dark lines on white, for people. ControlNet wants white lines on black.
    #[param(title = "Dark on white")]
    invert: bool,
}

#[derive(Inputs)]
struct Pictures {
    /// The pictures to find outlines in.
    #[port(label = "Images", required)]
    image: Vec<Image>,
}

#[derive(Outputs)]
struct Maps {
    /// The outlines, as large as the pictures.
    #[port(label = "Images", required)]
    image: Vec<Image>,
}

impl Brick for Edges {
    const ID: &'static str = "qpyt:edges";
    const LABEL: &'static str = "Edges";
    const CATEGORY: Category = Category::Output;
    type Inputs = Pictures;
    type Outputs = Maps;

    fn run(self, inputs: Pictures) -> Result<Maps> {
        if self.low > self.high {
            return Err(BrickError::bad_param("low", "The low threshold has to be at most the high one."));
        }
        let all = inputs.image.len();
        let mut image = Vec::with_capacity(all);
        for (done, picture) in inputs.image.iter().enumerate() {
            job::progress(done as f32 / all as f32, &format!("Picture {} of {all}", done + 1))?;
            image.push(self.lines(Picture::read(picture)?).picture().write()?);
        }
        Ok(Maps { image })
    }
}

impl Edges {
    fn lines(&self, mut picture: Picture) -> Lines<u8> {
        if self.soften > 0.0 {
            blur(&mut picture, self.soften as f32);
        }
        let mut lines = match self.method.as_str() {
            "scribble" => drawing::scribble(&picture, self.ink),
            "line-art" => drawing::line_art(&picture),
            _ => canny::canny(&Lines::grey(&picture), self.low, self.high),
        };
        if self.thickness > 1 {
            lines = lines.thickened(self.thickness);
        }
        if self.invert {
            lines.values.iter_mut().for_each(|value| *value = 255 - *value);
        }
        lines
    }
}

qpyt_sdk::export!(Edges);

#[cfg(test)]
mod tests {
    use super::*;
    use qpyt_sdk::brick;

    #[test]
    fn it_describes_itself_well() {
        assert_eq!(qpyt_sdk::check::problems::<Edges>(), Vec::<String>::new());
    }

    #[test]
    fn thresholds_that_are_the_wrong_way_round_are_named() {
        let edges = Edges { low: 300, ..Edges::defaults().unwrap() };
        let error = edges.run(Pictures { image: Vec::new() }).map(|_| ()).unwrap_err();
        assert!(matches!(error, BrickError::BadParam(problem) if problem.name == "low"));
        let error = brick::run::<Edges>(Vec::new(), "{}").unwrap_err();
        assert!(matches!(error, BrickError::BadInput(problem) if problem.name == "image"));
    }

    #[test]
    fn every_method_finds_a_square_and_can_be_inverted_and_thickened() {
        let dark = |at: usize| (10..20).contains(&(at % 30)) && (10..20).contains(&(at / 30));
        let pixel = |at: usize| if dark(at) { [10, 20, 30, 255] } else { [240, 230, 220, 255] };
        let square = Picture { width: 30, height: 30, pixels: (0..900).map(pixel).collect() };
        for method in ["canny", "scribble", "line-art"] {
            let edges = Edges { method: method.to_owned(), ..Edges::defaults().unwrap() };
            let lit =
                |edges: &Edges| edges.lines(square.clone()).values.iter().filter(|it| **it > 100).count();
            let found = lit(&edges);
            assert!((20..400).contains(&found), "{method}: {found}");
            assert!(lit(&Edges { thickness: 3, ..edges.clone() }) > found, "{method}");
            assert!(lit(&Edges { invert: true, ..edges }) > 450, "{method}");
        }
    }
}
