//! What is put around a picture before it is painted over.

use pixels::{Picture, Plane, blur};
use qpyt_sdk::prelude::*;

/// Grey in the middle between black and white.
const GREY: [u8; 4] = [128, 128, 128, 255];
const BLACK: [u8; 4] = [0, 0, 0, 255];
/// How much a mirrored edge is softened: the shapes of it are not to be repeated. Deviation in pixels.
const SOFTENING: f32 = 6.0;

/// Pixels to add at each side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) left: usize,
    pub(crate) right: usize,
    pub(crate) top: usize,
    pub(crate) bottom: usize,
}

impl Frame {
    /// Ids and labels of what can fill it, in the order they are shown.
    pub(crate) const FILLINGS: [(&'static str, &'static str); 3] =
        [("mirror", "Mirrored picture"), ("edge", "Colours of the edge"), ("grey", "Grey")];

    /// The picture in the middle of the filled frame.
    pub(crate) fn around(self, picture: &Picture, filling: &str) -> Picture {
        let (width, height) = self.size(picture);
        let mut framed = Picture::empty(width, height);
        for (y, row) in framed.rows_mut().enumerate() {
            for (x, pixel) in row.iter_mut().enumerate() {
                let (x, y) = (x as isize - self.left as isize, y as isize - self.top as isize);
                *pixel = match filling {
                    "mirror" => picture.near(mirrored(x, picture.width), mirrored(y, picture.height)),
                    "edge" => picture.near(x, y),
                    _ => GREY,
                };
            }
        }
        if filling == "mirror" {
            blur(&mut framed, SOFTENING);
        }
        self.lay(picture, &mut framed);
        framed
    }

    /// A map of the picture, such as its edges, where the picture lies then; beyond, it shows nothing. One of another
    /// size is taken for a map of all.
    pub(crate) fn widened(self, map: &Image, picture: &Picture) -> Result<Image> {
        let info = map.info();
        if (info.width as usize, info.height as usize) != (picture.width, picture.height) {
            return Ok(map.clone_handle());
        }
        self.black_around(&Picture::read(map)?).write()
    }

    /// The picture in the middle of a black frame.
    fn black_around(self, picture: &Picture) -> Picture {
        let (width, height) = self.size(picture);
        let mut framed = Picture { width, height, pixels: vec![BLACK; width * height] };
        self.lay(picture, &mut framed);
        framed
    }

    /// White in the frame and black in the picture.
    pub(crate) fn mask(self, picture: &Picture) -> Plane {
        let (width, height) = self.size(picture);
        let inside = |x: usize, y: usize| {
            (self.left..self.left + picture.width).contains(&x)
                && (self.top..self.top + picture.height).contains(&y)
        };
        let places = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
        Plane { width, height, values: places.map(|(x, y)| f32::from(u8::from(!inside(x, y)))).collect() }
    }

    fn size(self, picture: &Picture) -> (usize, usize) {
        (self.left + picture.width + self.right, self.top + picture.height + self.bottom)
    }

    fn lay(self, picture: &Picture, framed: &mut Picture) {
        for (row, from) in framed.rows_mut().skip(self.top).zip(picture.rows()) {
            row.iter_mut().skip(self.left).zip(from).for_each(|(pixel, from)| *pixel = *from);
        }
    }
}

/// The place that is seen there in mirrors at both ends of a line of `length` pixels.
fn mirrored(at: isize, length: usize) -> isize {
    let length = (length as isize).max(1);
    let round = at.rem_euclid(2 * length);
    if round < length { round } else { 2 * length - 1 - round }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: Frame = Frame { left: 3, right: 1, top: 2, bottom: 0 };

    fn picture() -> Picture {
        Picture { width: 2, height: 2, pixels: [10, 20, 30, 40].map(|grey| [grey, grey, grey, 255]).to_vec() }
    }

    #[test]
    fn the_picture_stays_in_the_middle_whatever_is_around() {
        for (filling, _) in Frame::FILLINGS {
            let framed = FRAME.around(&picture(), filling);
            assert_eq!((framed.width, framed.height), (6, 4));
            let middle: Vec<u8> = framed.rows().skip(2).flat_map(|row| [row[3][0], row[4][0]]).collect();
            assert_eq!(middle, [10, 20, 30, 40], "{filling}");
            assert!(framed.pixels.iter().all(|pixel| pixel[3] == 255), "{filling}");
        }
    }

    #[test]
    fn a_black_frame_is_black_and_as_large_as_any_other() {
        let framed = FRAME.black_around(&picture());
        assert_eq!((framed.width, framed.height), (6, 4));
        let seen: Vec<u8> = framed.pixels.iter().map(|pixel| pixel[0]).collect();
        assert_eq!(seen[2 * 6..], [0, 0, 0, 10, 20, 0, 0, 0, 0, 30, 40, 0]);
        assert_eq!(seen[..2 * 6], [0; 12]);
    }

    #[test]
    fn an_edge_goes_on_outwards() {
        let framed = FRAME.around(&picture(), "edge");
        assert_eq!(
            framed.pixels.iter().map(|pixel| pixel[0]).collect::<Vec<_>>()[..6],
            [10, 10, 10, 10, 20, 20]
        );
    }

    #[test]
    fn the_mask_is_white_in_the_frame_alone() {
        let mask = FRAME.mask(&picture());
        assert_eq!((mask.width, mask.height), (6, 4));
        assert_eq!(mask.values.iter().sum::<f32>(), 20.0);
        assert_eq!(mask.values[2 * 6 + 3], 0.0);
    }

    #[test]
    fn mirrors_go_back_and_forth() {
        let seen: Vec<isize> = (-4..8).map(|at| mirrored(at, 3)).collect();
        assert_eq!(seen, [2, 2, 1, 0, 0, 1, 2, 2, 1, 0, 0, 1]);
    }
}
