//! Shapes as SVG: one `svg` with `path` elements, and nothing that could load, run or link.

use std::fmt::Write;

use visioncortex::PointF64;
use vtracer::VectorDoc;
use vtracer::ir::{Paint, PathCmd, Shape};

/// The drawing as text, with coordinates of `decimals` places; none if it would have more than `most` bytes.
pub(crate) fn written(shapes: &VectorDoc, decimals: u32, most: usize) -> Option<String> {
    let VectorDoc { width, height, shapes } = shapes;
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} \
         {height}\">\n"
    );
    for shape in shapes {
        path(&mut text, shape, decimals);
        if text.len() > most {
            return None;
        }
    }
    text.push_str("</svg>\n");
    (text.len() <= most).then_some(text)
}

fn path(text: &mut String, shape: &Shape, decimals: u32) {
    let Paint::Solid(colour) = shape.paint;
    let mut pen = Pen { path: String::new(), decimals, unit: 10_f64.powi(decimals as i32), at: [0, 0] };
    shape.path.subpaths.iter().flat_map(|part| &part.commands).for_each(|command| pen.draw(command));
    // Writing into a text can't fail.
    let _ = writeln!(
        text,
        "<path fill=\"#{:02x}{:02x}{:02x}\" d=\"{}\"/>",
        colour.r, colour.g, colour.b, pen.path
    );
}

/// Writes a path in whole units of its last decimal place, relative to where it is, so that nothing adds up.
struct Pen {
    path: String,
    decimals: u32,
    /// Units in a pixel.
    unit: f64,
    at: [i64; 2],
}

impl Pen {
    fn draw(&mut self, command: &PathCmd) {
        match *command {
            PathCmd::MoveTo(to) => {
                self.at = self.place(to);
                self.write('M', &self.at.clone());
            }
            PathCmd::LineTo(to) => self.line(self.place(to)),
            PathCmd::CubicTo(first, second, to) => {
                let [first, second, to] = [first, second, to].map(|point| self.place(point));
                let [[a, b], [c, d], [e, f]] = [first, second, to].map(|point| self.away(point));
                self.write('c', &[a, b, c, d, e, f]);
                self.at = to;
            }
            PathCmd::Close => self.path.push('z'),
        }
    }

    fn line(&mut self, to: [i64; 2]) {
        match self.away(to) {
            [right, 0] => self.write('h', &[right]),
            [0, down] => self.write('v', &[down]),
            both => self.write('l', &both),
        }
        self.at = to;
    }

    fn place(&self, point: PointF64) -> [i64; 2] {
        [point.x, point.y].map(|value| (value * self.unit).round() as i64)
    }

    fn away(&self, [x, y]: [i64; 2]) -> [i64; 2] {
        let [from_x, from_y] = self.at;
        [x - from_x, y - from_y]
    }

    /// A letter and its numbers. A minus parts numbers as well as a space does.
    fn write(&mut self, letter: char, numbers: &[i64]) {
        self.path.push(letter);
        for (index, number) in numbers.iter().enumerate() {
            if index > 0 && *number >= 0 {
                self.path.push(' ');
            }
            self.number(*number);
        }
    }

    /// As short as it goes: no zeros at the end, none before the point.
    fn number(&mut self, number: i64) {
        if number < 0 {
            self.path.push('-');
        }
        let scale = 10_u64.pow(self.decimals);
        let (whole, part) = (number.unsigned_abs() / scale, number.unsigned_abs() % scale);
        if whole > 0 || part == 0 {
            let _ = write!(self.path, "{whole}");
        }
        if part > 0 {
            let part = format!("{part:0places$}", places = self.decimals as usize);
            let _ = write!(self.path, ".{}", part.trim_end_matches('0'));
        }
    }
}

#[cfg(test)]
mod tests {
    use visioncortex::Color;
    use vtracer::ir::{MultiPath, SubPath};

    use super::*;

    fn at(x: f64, y: f64) -> PointF64 {
        PointF64 { x, y }
    }

    fn one_shape(commands: Vec<PathCmd>) -> VectorDoc {
        let path = MultiPath { subpaths: vec![SubPath { commands }] };
        let shape = Shape { paint: Paint::Solid(Color::new(255, 0, 10)), path };
        VectorDoc { width: 30, height: 20, shapes: vec![shape] }
    }

    #[test]
    fn paths_are_relative_and_numbers_as_short_as_they_go() {
        let shapes = one_shape(vec![
            PathCmd::MoveTo(at(1.0, 2.5)),
            PathCmd::LineTo(at(11.0, 2.5)),
            PathCmd::LineTo(at(11.0, 0.25)),
            PathCmd::LineTo(at(10.5, 1.25)),
            PathCmd::CubicTo(at(10.5, 2.0), at(9.0, 1.0), at(9.999, 1.24)),
            PathCmd::Close,
        ]);
        let expected = "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"30\" height=\"20\" viewBox=\"0 0 30 \
                        20\">\n<path fill=\"#ff000a\" d=\"M1 2.5h10v-2.25l-.5 1c0 .75-1.5-.25-.5-.01z\"/>\n</svg>\n";
        assert_eq!(written(&shapes, 2, 1000).unwrap(), expected);
    }

    #[test]
    fn without_decimals_coordinates_are_whole_and_do_not_drift() {
        let stairs = (0..=9).map(|step| at(f64::from(step) * 0.4, f64::from(step)));
        let shapes = one_shape(
            [PathCmd::MoveTo(at(0.0, 0.0))].into_iter().chain(stairs.map(PathCmd::LineTo)).collect(),
        );
        let text = written(&shapes, 0, 1000).unwrap();
        assert_eq!(text.matches("l1 1").count(), 4, "nine steps of 0.4 are 3.6 and end at 4: {text}");
        assert_eq!(text.matches("v1").count(), 5, "{text}");
    }

    #[test]
    fn a_drawing_with_too_many_bytes_is_none() {
        let shapes = one_shape(vec![PathCmd::MoveTo(at(0.0, 0.0)), PathCmd::LineTo(at(5.0, 5.0))]);
        let bytes = written(&shapes, 2, usize::MAX).unwrap().len();
        assert!(written(&shapes, 2, bytes).is_some());
        assert_eq!(written(&shapes, 2, bytes - 1), None);
    }
}
