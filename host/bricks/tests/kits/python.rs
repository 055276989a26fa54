//! The Python kit's example and template.

use std::sync::{Arc, LazyLock};

use qpyt_bricks::{
    NamedValue, RunError, RunOutcome, Value,
    media::{Image, PixelFormat},
};
use serde_json::json;

use crate::{
    Test,
    brick::{Brick, filled_in},
    counter, golden,
    host::FakeHost,
    kit::Kit,
    tour,
};

pub const TESTS: &[Test] = &[
    ("the_python_example_gives_what_its_golden_test_expects", golden_test),
    ("the_python_example_colours_every_pixel_of_a_large_picture_and_leaves_no_handle_open", large_picture),
    ("the_python_example_shows_what_it_is_doing", progress),
    ("the_python_example_colours_where_the_mask_is_white", masked),
    ("a_hundred_python_bricks_run_at_the_same_time", crowd),
    ("errors_of_a_python_brick_name_the_parameter", errors),
    ("a_python_brick_remembers_and_carries_parameters_over", || counter::check(Kit::Python)),
    ("a_python_brick_reaches_every_interface_of_the_host", || tour::check(Kit::Python)),
    ("the_python_template_builds_and_passes_its_golden_test", template),
];

static EXAMPLE: LazyLock<Brick> =
    LazyLock::new(|| Brick::of(Kit::Python, Kit::Python.folder().join("examples/duotone")));

const SIDE: u32 = 1024;

/// Shadows in blue, lights in yellow.
fn two_colours() -> serde_json::Value {
    json!({ "shadows": "#0000ff", "lights": "#ff0" })
}

fn at(port: &str, image: Image) -> NamedValue {
    NamedValue { port: port.to_owned(), value: Value::Image(image) }
}

fn picture(outcome: &RunOutcome) -> &Image {
    let [NamedValue { port, value: Value::Image(image) }] = &outcome.outputs[..] else {
        panic!("{outcome:?}")
    };
    assert_eq!(port, "image");
    image
}

/// All greys, over and over.
fn greys(side: u32) -> Image {
    let pixels = (0..side * side).map(|place| (place % 256) as u8).collect();
    Image::new(PixelFormat::Luma8, side, side, pixels).unwrap()
}

/// What the brick makes of a grey between blue and yellow.
fn expected(grey: u8) -> [u8; 3] {
    [grey, grey, 255 - grey]
}

fn golden_test() {
    golden::check(&EXAMPLE);
}

fn large_picture() {
    let source = greys(SIDE);
    let outcome = EXAMPLE.run(vec![at("image", source.clone())], two_colours()).unwrap();
    let coloured = picture(&outcome);
    assert_eq!((coloured.width(), coloured.height(), coloured.format()), (SIDE, SIDE, PixelFormat::Rgb8));
    for (pixel, grey) in coloured.pixels().chunks(3).zip(source.pixels()) {
        assert_eq!(pixel, expected(*grey));
    }
    // Each band is cut out by the host, copied to the brick as greys and back as colours of three bytes.
    assert_eq!(outcome.usage.bytes_copied, (2 + 3) * u64::from(SIDE * SIDE));
    assert_eq!(outcome.usage.open_handles, 0);
}

fn progress() {
    let host = Arc::new(FakeHost::default());
    EXAMPLE.run_on(&host, vec![at("image", greys(SIDE))], two_colours()).unwrap();
    // The host leaves out what follows at once, so only the first is sure to be shown.
    assert_eq!(host.progress.lock().unwrap().first(), Some(&(0.0, "Colouring".to_owned())));
}

fn masked() {
    let white_left = (0..256 * 256).map(|place| if place % 256 < 128 { 255 } else { 0 }).collect();
    let mask = Image::new(PixelFormat::Luma8, 256, 256, white_left).unwrap();
    let outcome = EXAMPLE.run(vec![at("image", greys(256)), at("mask", mask)], two_colours()).unwrap();
    for (place, pixel) in picture(&outcome).pixels().chunks(3).enumerate() {
        let grey = (place % 256) as u8;
        let wanted = if grey < 128 { expected(grey) } else { [grey; 3] };
        assert_eq!(pixel, wanted, "pixel {place}");
    }
}

/// A component from Python has 14 core modules, so a crowd shows whether the host's pool is wide enough.
fn crowd() {
    let inputs = vec![vec![at("image", greys(256))]; 100];
    for result in EXAMPLE.run_together(inputs, &two_colours()) {
        assert_eq!(picture(&result.unwrap()).pixels()[..3], expected(0));
    }
}

fn errors() {
    let result = EXAMPLE.run(vec![at("image", greys(8))], json!({ "lights": "sunny" }));
    let Err(RunError::BadParam { param, problem }) = result else { panic!("{result:?}") };
    assert_eq!(param, "lights");
    assert!(problem.contains("#rrggbb"), "{problem}");
}

fn template() {
    let brick = Brick::of(Kit::Python, filled_in(Kit::Python));
    assert_eq!(brick.binary.bricks()[0].id, "me:my-brick");
    golden::check(&brick);
}
