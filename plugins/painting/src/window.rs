//! Which part of a picture the model gets to see.

use pixels::Plane;
use qpyt_sdk::media::types::Rect;

/// A value of a mask from which on a pixel is to be made anew.
const IN: f32 = 0.5;

/// A rectangle of a picture, in its pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Pixels from the left.
    pub x: usize,
    /// Pixels from the top.
    pub y: usize,
    /// Pixels across.
    pub width: usize,
    /// Pixels down.
    pub height: usize,
}

impl Window {
    /// All of a picture.
    pub const fn whole(width: usize, height: usize) -> Self {
        Self { x: 0, y: 0, width, height }
    }

    /// What is white in a mask; none if nothing is.
    pub fn around(mask: &Plane) -> Option<Self> {
        let white = |value: &f32| *value >= IN;
        let rows = || mask.values.chunks_exact(mask.width.max(1)).enumerate();
        let mut filled = rows().filter(|(_, row)| row.iter().any(white)).map(|(y, _)| y);
        let top = filled.next()?;
        let bottom = filled.next_back().unwrap_or(top);
        let left = rows().filter_map(|(_, row)| row.iter().position(white)).min()?;
        let right = rows().filter_map(|(_, row)| row.iter().rposition(white)).max()?;
        Some(Self { x: left, y: top, width: right - left + 1, height: bottom - top + 1 })
    }

    /// Larger by `margin` pixels on each side, and then so that `across` to `down` is its proportion, as far as the
    /// picture goes.
    pub fn widened(self, margin: usize, proportion: Option<(u32, u32)>, picture: Self) -> Self {
        let (mut width, mut height) = (self.width + 2 * margin, self.height + 2 * margin);
        if let Some((across, down)) = proportion.filter(|(across, down)| *across > 0 && *down > 0) {
            let (across, down) = (across as usize, down as usize);
            width = width.max((height * across).div_ceil(down));
            height = height.max((width * down).div_ceil(across));
        }
        let (x, width) = placed(self.x, self.width, width, picture.width);
        let (y, height) = placed(self.y, self.height, height, picture.height);
        Self { x, y, width, height }
    }

    /// The same part of another picture, of size `there`, where this is one of a picture of size `here`; to the nearest
    /// pixel, and at least one.
    pub fn on(self, there: (u32, u32), here: (u32, u32)) -> Self {
        let (x, width) = scaled((self.x, self.width), there.0, here.0);
        let (y, height) = scaled((self.y, self.height), there.1, here.1);
        Self { x, y, width, height }
    }

    /// As the host takes it.
    pub fn rect(self) -> Rect {
        let side = |value: usize| u32::try_from(value).unwrap_or(u32::MAX);
        Rect { x: side(self.x), y: side(self.y), width: side(self.width), height: side(self.height) }
    }
}

/// A stretch of a side that is `here` long, on one that is `there` long.
fn scaled((start, length): (usize, usize), there: u32, here: u32) -> (usize, usize) {
    let at = |place: usize| (place as f64 * f64::from(there) / f64::from(here.max(1))).round() as usize;
    let last = (there as usize).saturating_sub(1);
    let first = at(start).min(last);
    (first, at(start + length).clamp(first + 1, last + 1) - first)
}

/// A stretch of `wanted` pixels about the old one, moved until it lies within `all`.
fn placed(start: usize, length: usize, wanted: usize, all: usize) -> (usize, usize) {
    let wanted = wanted.min(all);
    let middle = start + length / 2;
    (middle.saturating_sub(wanted / 2).min(all - wanted), wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mask(width: usize, height: usize, white: &[(usize, usize)]) -> Plane {
        let at = |at: usize| white.contains(&(at % width, at / width));
        Plane { width, height, values: (0..width * height).map(|it| f32::from(u8::from(at(it)))).collect() }
    }

    #[test]
    fn it_lies_close_around_what_is_white() {
        assert_eq!(
            Window::around(&mask(9, 7, &[(2, 3), (5, 1)])),
            Some(Window { x: 2, y: 1, width: 4, height: 3 })
        );
        assert_eq!(Window::around(&mask(9, 7, &[(8, 6)])), Some(Window { x: 8, y: 6, width: 1, height: 1 }));
        assert_eq!(Window::around(&mask(9, 7, &[])), None);
    }

    #[test]
    fn it_shows_the_same_part_of_a_picture_of_another_size() {
        let part = Window { x: 30, y: 10, width: 40, height: 20 };
        assert_eq!(part.on((100, 50), (100, 50)), part);
        assert_eq!(part.on((200, 25), (100, 50)), Window { x: 60, y: 5, width: 80, height: 10 });
        assert_eq!(Window::whole(100, 50).on((33, 17), (100, 50)), Window::whole(33, 17));
        let corner = Window { x: 99, y: 49, width: 1, height: 1 };
        assert_eq!(corner.on((3, 1), (100, 50)), Window { x: 2, y: 0, width: 1, height: 1 });
    }

    #[test]
    fn it_grows_about_its_middle_and_stays_in_the_picture() {
        let picture = Window::whole(100, 50);
        let small = Window { x: 40, y: 20, width: 10, height: 10 };
        assert_eq!(small.widened(5, None, picture), Window { x: 35, y: 15, width: 20, height: 20 });
        assert_eq!(small.widened(5, Some((2, 1)), picture), Window { x: 25, y: 15, width: 40, height: 20 });
        let corner = Window { x: 95, y: 45, width: 5, height: 5 };
        assert_eq!(corner.widened(10, None, picture), Window { x: 75, y: 25, width: 25, height: 25 });
        assert_eq!(corner.widened(900, Some((1, 3)), picture), picture);
    }
}
