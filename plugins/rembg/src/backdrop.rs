//! What comes behind the subject.

use pixels::{Picture, byte};
use qpyt_sdk::media::types::Rect;
use qpyt_sdk::prelude::*;

/// What comes behind the subject when no picture does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Backdrop {
    /// Nothing.
    Transparent,
    /// One colour.
    Colour([u8; 3]),
}

impl Backdrop {
    pub(crate) const CHOICES: [(&'static str, &'static str); 2] =
        [("transparent", "Nothing"), ("colour", "A colour")];

    /// From the parameters.
    pub(crate) fn of(behind: &str, colour: &str) -> Result<Self> {
        if behind != "colour" {
            return Ok(Self::Transparent);
        }
        let wrong = || {
            BrickError::bad_param(
                "colour",
                format!("“{colour}” is no colour. Write it as #rrggbb, such as #ffffff."),
            )
        };
        let digits = colour.trim().strip_prefix('#').filter(|digits| digits.len() == 6).ok_or_else(wrong)?;
        let number =
            u32::from_str_radix(digits, 16).ok().filter(|_| !digits.starts_with('+')).ok_or_else(wrong)?;
        let [_, red, green, blue] = number.to_be_bytes();
        Ok(Self::Colour([red, green, blue]))
    }

    /// Puts it behind the picture.
    pub(crate) fn paint(self, picture: &mut Picture) {
        if let Self::Colour([r, g, b]) = self {
            picture.pixels.iter_mut().for_each(|pixel| *pixel = over(*pixel, [r, g, b, 255]));
        }
    }
}

/// Puts a picture of the same size behind another.
pub(crate) fn behind(picture: &mut Picture, background: &Picture) {
    for (pixel, back) in picture.pixels.iter_mut().zip(&background.pixels) {
        *pixel = over(*pixel, *back);
    }
}

/// One pixel over another, both straight RGBA (Porter and Duff's "over").
fn over(top: [u8; 4], back: [u8; 4]) -> [u8; 4] {
    let (front, rear) = (f32::from(top[3]) / 255.0, f32::from(back[3]) / 255.0);
    let alpha = front + rear * (1.0 - front);
    if alpha <= 0.0 {
        return [0; 4];
    }
    let mix = |a: u8, b: u8| byte((f32::from(a) * front + f32::from(b) * rear * (1.0 - front)) / alpha);
    [mix(top[0], back[0]), mix(top[1], back[1]), mix(top[2], back[2]), byte(alpha * 255.0)]
}

/// The largest part in the middle of `from` with the proportions of `to`.
pub(crate) fn middle(from: (u32, u32), to: (u32, u32)) -> Rect {
    let scaled = |side: u32, a: u32, b: u32| {
        let side = u64::from(side) * u64::from(a) / u64::from(b.max(1));
        u32::try_from(side).unwrap_or(u32::MAX).max(1)
    };
    let width = scaled(from.1, to.0, to.1).min(from.0);
    let height = scaled(from.0, to.1, to.0).min(from.1);
    Rect { x: (from.0 - width) / 2, y: (from.1 - height) / 2, width, height }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_read_and_wrong_ones_are_named() {
        assert_eq!(Backdrop::of("colour", " #10Ff80").unwrap(), Backdrop::Colour([16, 255, 128]));
        assert_eq!(Backdrop::of("transparent", "nonsense").unwrap(), Backdrop::Transparent);
        for wrong in ["", "white", "#fff", "#12345g", "#+12345"] {
            let error = Backdrop::of("colour", wrong).unwrap_err();
            assert!(
                matches!(&error, BrickError::BadParam(problem) if problem.name == "colour" && problem.problem.contains("#rrggbb")),
                "{error:?}"
            );
        }
    }

    #[test]
    fn the_colour_shows_where_the_subject_does_not() {
        let pixels = vec![[10, 20, 30, 255], [10, 20, 30, 0], [100, 100, 100, 127]];
        let mut picture = Picture { width: 3, height: 1, pixels };
        Backdrop::Colour([200, 200, 200]).paint(&mut picture);
        assert_eq!(picture.pixels[..2], [[10, 20, 30, 255], [200, 200, 200, 255]]);
        assert_eq!(picture.pixels[2], [150, 150, 150, 255]);
    }

    #[test]
    fn the_middle_has_the_proportions_that_are_asked_for() {
        let part = |from, to| {
            let Rect { x, y, width, height } = middle(from, to);
            (x, y, width, height)
        };
        assert_eq!(part((400, 200), (100, 100)), (100, 0, 200, 200));
        assert_eq!(part((200, 400), (100, 100)), (0, 100, 200, 200));
        assert_eq!(part((300, 200), (3, 2)), (0, 0, 300, 200));
        assert_eq!(part((1, 1), (4000, 1)), (0, 0, 1, 1));
    }
}
