//! Values on the grid of a picture.

use pixels::{Picture, grey};

/// One value for each pixel, row by row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Lines<T> {
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) values: Vec<T>,
}

impl<T: Copy + Default> Lines<T> {
    pub(crate) fn from_fn(width: usize, height: usize, value: impl Fn(usize, usize) -> T) -> Self {
        let value = &value;
        let values = (0..height).flat_map(|y| (0..width).map(move |x| value(x, y))).collect();
        Self { width, height, values }
    }

    fn place(&self, x: isize, y: isize) -> Option<usize> {
        let (x, y) = (usize::try_from(x).ok()?, usize::try_from(y).ok()?);
        (x < self.width && y < self.height).then_some(y * self.width + x)
    }

    /// The value there; none outside.
    pub(crate) fn inside(&self, x: isize, y: isize) -> Option<T> {
        self.values.get(self.place(x, y)?).copied()
    }

    pub(crate) fn inside_mut(&mut self, x: isize, y: isize) -> Option<&mut T> {
        let place = self.place(x, y)?;
        self.values.get_mut(place)
    }

    /// The value there; those outside are like the nearest inside.
    pub(crate) fn near(&self, x: isize, y: isize) -> T {
        let within = |at: isize, side: usize| at.clamp(0, side as isize - 1);
        self.inside(within(x, self.width), within(y, self.height)).unwrap_or_default()
    }
}

impl Lines<u8> {
    /// The brightness of a picture; what can be seen through it is on white.
    pub(crate) fn grey(picture: &Picture) -> Self {
        let values = picture.pixels.iter().copied().map(grey).collect();
        Self { width: picture.width, height: picture.height, values }
    }

    /// Grey pixels.
    pub(crate) fn picture(&self) -> Picture {
        let pixels = self.values.iter().map(|value| [*value, *value, *value, 255]).collect();
        Picture { width: self.width, height: self.height, pixels }
    }

    /// White lines become `width` pixels wide.
    pub(crate) fn thickened(&self, width: u32) -> Self {
        let (before, after) = ((width as isize - 1) / 2, width as isize / 2);
        let along = |lines: &Self, step: (isize, isize)| {
            Self::from_fn(lines.width, lines.height, |x, y| {
                let (x, y) = (x as isize, y as isize);
                let near = (-after..=before).filter_map(|at| lines.inside(x + at * step.0, y + at * step.1));
                near.max().unwrap_or_default()
            })
        };
        along(&along(self, (1, 0)), (0, 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thicker_line_has_the_width_that_was_asked_for() {
        let dot = Lines::from_fn(9, 9, |x, y| if (x, y) == (4, 4) { 255_u8 } else { 0 });
        for width in 1..=5 {
            let white = dot.thickened(width).values.iter().filter(|value| **value == 255).count();
            assert_eq!(white, (width * width) as usize);
        }
        assert_eq!(dot.thickened(1), dot);
    }
}
