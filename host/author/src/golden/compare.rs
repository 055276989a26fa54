//! Says where a picture differs from the one that was expected.

use qpyt_bricks::media::{Container, DecodeLimits};
use qpyt_bricks::media::{Image, MediaError, PixelFormat, decode, encode};

/// The picture as a PNG keeps it, and the file.
pub(super) fn as_png(image: &Image) -> Result<(Image, Vec<u8>), MediaError> {
    let file = encode(image, Container::Png, 100)?;
    Ok((decode(&file, DecodeLimits::default())?, file))
}

/// How `actual` differs; none if not at all. Both come from PNG files.
pub(super) fn difference(expected: &Image, actual: &Image) -> Option<String> {
    let look =
        |image: &Image| format!("{}×{} {:?}", image.width(), image.height(), image.format()).to_lowercase();
    if look(expected) != look(actual) {
        return Some(format!("it is {}, but {} was expected", look(actual), look(expected)));
    }
    let size = usize::try_from(PixelFormat::bytes(expected.format(), 1, 1)).unwrap_or(1).max(1);
    let pixels = expected.pixels().chunks(size).zip(actual.pixels().chunks(size));
    let (mut count, mut most, mut first) = (0_u64, 0, None);
    for (index, (wanted, found)) in pixels.enumerate() {
        if wanted == found {
            continue;
        }
        count += 1;
        most = wanted.iter().zip(found).map(|(a, b)| a.abs_diff(*b)).max().unwrap_or(0).max(most);
        first = first.or(Some((index, wanted, found)));
    }
    let (index, wanted, found) = first?;
    let width = expected.width().max(1) as usize;
    let total = expected.pixels().len() / size;
    Some(format!(
        "{count} of {total} pixels differ by at most {most} of 255, first at ({}, {}): {found:?} instead of {wanted:?}",
        index % width,
        index / width
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grey(pixels: Vec<u8>) -> Image {
        Image::new(PixelFormat::Luma8, 4, 2, pixels).unwrap()
    }

    #[test]
    fn equal_pictures_do_not_differ() {
        assert_eq!(difference(&grey(vec![7; 8]), &grey(vec![7; 8])), None);
    }

    #[test]
    fn the_first_difference_the_largest_and_their_number_are_told() {
        let text = difference(&grey(vec![7; 8]), &grey(vec![7, 7, 7, 7, 7, 9, 7, 2])).unwrap();
        assert_eq!(text, "2 of 8 pixels differ by at most 5 of 255, first at (1, 1): [9] instead of [7]");
    }

    #[test]
    fn another_size_or_format_is_told_as_such() {
        let wide = Image::new(PixelFormat::Luma8, 8, 1, vec![7; 8]).unwrap();
        let text = difference(&grey(vec![7; 8]), &wide).unwrap();
        assert_eq!(text, "it is 8×1 luma8, but 4×2 luma8 was expected");
    }

    #[test]
    fn a_picture_survives_its_file() {
        let picture = grey((0..8).collect());
        assert_eq!(difference(&picture, &as_png(&picture).unwrap().0), None);
    }
}
