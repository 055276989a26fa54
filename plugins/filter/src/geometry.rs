//! Steps that move pixels as they are: mirror, cut.

use pixels::Picture;

/// How a picture is mirrored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mirror {
    /// Left and right change places.
    Horizontal,
    /// Top and bottom change places.
    Vertical,
}

/// Mirrors in place.
pub(crate) fn mirror(picture: &mut Picture, how: Mirror) {
    match how {
        Mirror::Horizontal => picture.rows_mut().for_each(<[_]>::reverse),
        Mirror::Vertical => {
            let rows: Vec<[u8; 4]> = picture.rows().rev().flatten().copied().collect();
            picture.pixels = rows;
        }
    }
}

/// Parts of width and height that are cut away at each side, 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Margins {
    pub(crate) left: f32,
    pub(crate) top: f32,
    pub(crate) right: f32,
    pub(crate) bottom: f32,
}

/// Cuts the margins off. At least one pixel stays.
pub(crate) fn crop(picture: &mut Picture, margins: Margins) {
    let span = |side: usize, before: f32, after: f32| {
        let pixels = |part: f32| (side as f32 * part).round() as usize;
        let start = pixels(before).min(side - 1);
        (start, side.saturating_sub(pixels(after)).max(start + 1))
    };
    let (left, right) = span(picture.width, margins.left, margins.right);
    let (top, bottom) = span(picture.height, margins.top, margins.bottom);
    let (width, height) = (right - left, bottom - top);
    let mut pixels = Vec::with_capacity(width * height);
    let rows = picture.rows().take(bottom).skip(top);
    rows.for_each(|row| pixels.extend_from_slice(row.get(left..right).unwrap_or_default()));
    *picture = Picture { width, height, pixels };
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A picture whose pixels have their place as their colour.
    fn places(width: usize, height: usize) -> Picture {
        let place = |at: usize| [(at % width) as u8, (at / width) as u8, 0, 255];
        Picture { width, height, pixels: (0..width * height).map(place).collect() }
    }

    fn after(mut picture: Picture, step: impl Fn(&mut Picture)) -> Picture {
        step(&mut picture);
        picture
    }

    #[test]
    fn a_mirror_held_twice_shows_the_picture() {
        for how in [Mirror::Horizontal, Mirror::Vertical] {
            let once = after(places(5, 4), |it| mirror(it, how));
            assert_ne!(once, places(5, 4));
            assert_eq!(after(once, |it| mirror(it, how)), places(5, 4));
        }
        assert_eq!(after(places(5, 4), |it| mirror(it, Mirror::Horizontal)).near(0, 0), [4, 0, 0, 255]);
    }

    #[test]
    fn a_crop_takes_parts_of_each_side_and_leaves_a_pixel() {
        let margins = |left, top, right, bottom| Margins { left, top, right, bottom };
        let cut = after(places(10, 8), |it| crop(it, margins(0.2, 0.25, 0.3, 0.0)));
        assert_eq!((cut.width, cut.height, cut.near(0, 0)), (5, 6, [2, 2, 0, 255]));
        let least = after(places(10, 8), |it| crop(it, margins(0.9, 0.9, 0.9, 0.9)));
        assert_eq!((least.width, least.height), (1, 1));
    }
}
