//! What pictures cost, and that the operations do what the contract says.

use qpyt_bricks::{
    Digest, Limits, Value,
    media::{
        Container, DecodeLimits, Element, Filter, Image, Layout, PixelFormat, Rect, Tensor, decode, encode,
    },
};

use crate::fixtures::{pictures, run, run_limited, values};

const SIDE: u32 = 1024;
const BYTES: u64 = 4 << 20;

fn large() -> Image {
    let pixels = (0..BYTES).map(|i| (i * 31 % 251) as u8).collect();
    Image::new(PixelFormat::Rgba8, SIDE, SIDE, pixels).unwrap()
}

#[tokio::test]
async fn passing_an_image_on_copies_nothing() {
    let image = large();
    let outcome = run(&*pictures().await, "pictures:echo", vec![Value::Image(image.clone())]).await;
    let [Value::Image(echo)] = values(&outcome)[..] else { panic!("{outcome:?}") };
    assert!(echo.shares_pixels_with(&image));
    assert_eq!(outcome.usage.bytes_copied, 0);
    assert_eq!(outcome.usage.open_handles, 0);
}

#[tokio::test]
async fn an_image_in_many_handles_counts_once() {
    let image = large();
    let inputs = vec![Value::Image(image); 100];
    let limits = Limits { memory_bytes: 16 << 20, output_bytes: BYTES + 1000, ..Limits::default() };
    let (_, result) = run_limited(&*pictures().await, "pictures:echo", inputs, limits).await;
    let outcome = result.unwrap();
    assert_eq!(outcome.outputs.len(), 100);
    assert!(outcome.usage.peak_memory < 2 * BYTES + (4 << 20), "{} bytes", outcome.usage.peak_memory);
}

#[tokio::test]
async fn reading_and_writing_every_pixel_copies_each_twice() {
    let image = large();
    let outcome = run(&*pictures().await, "pictures:repaint", vec![Value::Image(image.clone())]).await;
    let [Value::Image(negative)] = values(&outcome)[..] else { panic!("{outcome:?}") };
    assert!(negative.pixels().iter().zip(image.pixels()).all(|(new, old)| *new == 255 - old));
    assert_eq!(outcome.usage.bytes_copied, 2 * BYTES);
    assert_eq!(outcome.usage.open_handles, 0);
}

#[tokio::test]
async fn every_operation_gives_what_the_host_gives() {
    let image =
        Image::new(PixelFormat::Rgb8, 7, 5, (0..105).map(|i| (i * 17 % 256) as u8).collect()).unwrap();
    let outcome = run(&*pictures().await, "pictures:tour", vec![Value::Image(image.clone())]).await;
    let grey = image.convert(PixelFormat::Luma8).unwrap();
    let grey_rgb = grey.convert(PixelFormat::Rgb8).unwrap();
    let file = encode(&image, Container::Png, 90).unwrap();
    let tensor = Tensor::from_image(&image, Layout::Chw).unwrap();
    let copy = Tensor::new(vec![3, 5, 7], Element::Float32, tensor.data().to_vec()).unwrap();
    let head: Vec<u8> = tensor.data()[4..8].to_vec();
    assert_eq!(
        values(&outcome),
        [
            &Value::Text(image.digest().to_string()),
            &Value::Image(image.clone()),
            &Value::Image(image.crop(Rect { x: 1, y: 1, width: 2, height: 2 }).unwrap()),
            &Value::Image(image.resize(3, 2, Filter::Lanczos).unwrap()),
            &Value::Image(grey.clone()),
            &Value::Image(image.blend(&grey_rgb, 0.5, Some(&grey)).unwrap()),
            &Value::Image(decode(&file, DecodeLimits::default()).unwrap()),
            &Value::Image(image.clone()),
            &Value::Tensor(copy),
            &Value::Boolean(true),
            &Value::Json(serde_json::json!(head)),
        ]
    );
    assert_eq!(outcome.usage.open_handles, 0);
}

#[tokio::test]
async fn the_host_refuses_what_is_wrong_or_too_large_and_the_brick_goes_on() {
    let image = Image::new(PixelFormat::Rgba8, 4, 4, vec![1; 64]).unwrap();
    let limits = Limits { memory_bytes: 32 << 20, ..Limits::default() };
    let (_, result) =
        run_limited(&*pictures().await, "pictures:refusals", vec![Value::Image(image)], limits).await;
    let outcome = result.unwrap();
    let hints = [
        "does not lie inside",
        "max_side",
        "TooLarge",
        "at least one pixel",
        "opacity must be in 0..1",
        "quality must be in 1..100",
        "png, jpeg, webp, gif and bmp",
        "TooLarge",
        "31 bytes do not fill",
    ];
    assert_eq!(outcome.outputs.len(), hints.len());
    for (value, hint) in values(&outcome).into_iter().zip(hints) {
        assert!(matches!(value, Value::Text(text) if text.contains(hint)), "{value:?} does not say {hint}");
    }
}

#[tokio::test]
async fn an_image_is_named_by_its_pixels_wherever_it_was_made() {
    let image = Image::new(PixelFormat::Luma8, 2, 1, vec![0, 255]).unwrap();
    let twice = vec![Value::Image(image.clone())];
    let binary = pictures().await;
    let once = run(&binary, "pictures:repaint", twice).await;
    let back = run(&binary, "pictures:repaint", vec![once.outputs[0].value.clone()]).await;
    let [Value::Image(back)] = values(&back)[..] else { panic!("{back:?}") };
    let expected: Digest = image.digest();
    assert_eq!(back.digest(), expected);
}
