//! Preparing pictures for models, against what Pillow 12 gives for the same pictures.

use candle_core::Device;
use qpyt_inference::Picture;
use qpyt_inference::vision::VisionError;
use qpyt_inference::vision::pixels::{IMAGENET, resized, to_tensor};

use crate::support::{patterned_picture, values};

/// The sum of all bytes, and their sum with weights that tell places apart.
fn sums(picture: &Picture) -> (u64, u64) {
    let bytes = picture.rgb.iter().map(|&b| u64::from(b));
    let weighted = bytes.clone().enumerate().map(|(i, b)| b * (i as u64 % 251 + 1));
    (bytes.sum(), weighted.sum())
}

fn pixel(picture: &Picture, x: u32, y: u32) -> &[u8] {
    let first = ((y * picture.width + x) * 3) as usize;
    &picture.rgb[first..first + 3]
}

#[test]
fn resizing_gives_the_bytes_of_pillow() {
    // Computed with PIL.Image.resize(..., BICUBIC).
    let cases = [
        ((97, 61), (24, 56), (504_799, 63_542_050), [[11, 0, 3], [73, 99, 136], [186, 144, 151]]),
        ((13, 9), (40, 31), (183_671, 23_439_837), [[0, 0, 0], [109, 98, 187], [55, 25, 58]]),
        ((50, 40), (50, 17), (304_651, 38_125_120), [[2, 0, 4], [202, 75, 32], [233, 201, 210]]),
        ((300, 200), (7, 5), (13_305, 706_404), [[129, 115, 127], [129, 125, 129], [128, 126, 128]]),
    ];
    for ((from_width, from_height), (width, height), wanted, [first, last, middle]) in cases {
        let resized = resized(&patterned_picture(from_width, from_height), width, height).unwrap();
        assert_eq!((resized.width, resized.height), (width, height));
        assert_eq!(pixel(&resized, 0, 0), first);
        assert_eq!(pixel(&resized, width - 1, height - 1), last);
        assert_eq!(pixel(&resized, width / 2, height / 2), middle);
        assert_eq!(sums(&resized), wanted, "{from_width}x{from_height} to {width}x{height}");
    }
}

#[test]
fn a_picture_of_the_right_size_is_left_alone() {
    let picture = patterned_picture(9, 7);
    assert_eq!(resized(&picture, 9, 7).unwrap(), picture);
}

#[test]
fn values_are_centred_channel_by_channel() {
    let picture = Picture { width: 2, height: 1, rgb: vec![0, 51, 102, 255, 204, 153] };
    let tensor = to_tensor(&picture, 2, 1, IMAGENET, &Device::Cpu).unwrap();
    assert_eq!(tensor.dims(), [1, 3, 1, 2]);
    // By hand: (0 - 0.485) / 0.229, (1 - 0.485) / 0.229, (0.2 - 0.456) / 0.224 and so on.
    let wanted = [-2.117_904, 2.248_908, -1.142_857, 1.535_714, -0.026_667, 0.862_222];
    for (ours, want) in values(&tensor).into_iter().zip(wanted) {
        assert!((ours - want).abs() < 1e-5, "{ours} instead of {want}");
    }
}

#[test]
fn pictures_that_are_not_whole_are_refused() {
    for (width, height, bytes) in [(0, 4, 0), (4, 0, 0), (0, 0, 0), (2, 2, 11), (2, 2, 13)] {
        let picture = Picture { width, height, rgb: vec![0; bytes] };
        let error = resized(&picture, 8, 8).unwrap_err();
        assert!(matches!(error, VisionError::BadPicture(_)), "{width}x{height}: {error}");
    }
    let error = resized(&patterned_picture(3, 3), 0, 8).unwrap_err().to_string();
    assert!(error.contains("0x8"), "{error}");
}
