//! Picture files as they come from the world: each works, or says clearly why not.

use std::path::Path;

use qpyt_bricks::media::{DecodeLimits, Image, MediaError, PixelFormat, decode};

fn file(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/pictures").join(name))
        .unwrap()
}

fn read(name: &str) -> Image {
    decode(&file(name), DecodeLimits::default()).unwrap_or_else(|error| panic!("{name}: {error}"))
}

#[test]
fn inks_become_colours() {
    let red = read("cmyk.jpg");
    assert_eq!((red.format(), red.width(), red.height()), (PixelFormat::Rgb8, 16, 8));
    let &[r, g, b] = &red.pixels()[..3] else { panic!("no pixel") };
    assert!(r > 200 && g < 60 && b < 60, "{r} {g} {b}");
}

#[test]
fn sixteen_bits_are_rounded_to_eight() {
    let grey = read("sixteen-bits.png");
    assert_eq!((grey.format(), &grey.pixels()[..4]), (PixelFormat::Luma8, [0, 128, 255, 4].as_slice()));
}

#[test]
fn of_what_moves_the_first_picture_is_taken() {
    for name in ["animated.gif", "animated.webp", "animated.png"] {
        let first = read(name).convert(PixelFormat::Rgb8).unwrap();
        assert_eq!((first.width(), first.height()), (6, 4), "{name}");
        assert_eq!(first.pixels()[..3], [255, 0, 0], "{name}");
    }
}

#[test]
fn files_that_end_early_are_named_damaged_wherever_they_end_and_never_panic() {
    for name in ["cmyk.jpg", "sixteen-bits.png", "animated.gif", "animated.webp"] {
        let whole = file(name);
        for length in 0..whole.len() {
            // Some decoders give the rows that are there; what is refused says why.
            if let Err(error) = decode(&whole[..length], DecodeLimits::default()) {
                assert!(
                    matches!(error, MediaError::BadArgument(_) | MediaError::Unsupported(_)),
                    "{name} at {length}: {error}"
                );
                assert!(!error.to_string().is_empty());
            }
        }
        // A quarter is less than the first picture of any of them.
        assert!(decode(&whole[..whole.len() / 4], DecodeLimits::default()).is_err(), "{name}");
    }
}
