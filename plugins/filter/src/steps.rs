//! The editor's sliders as steps in a defined order.

use crate::geometry::{Margins, Mirror, crop, mirror};
use crate::rotation::rotate;
use crate::zoom::zoom;
use crate::{Filter, colour, neighbours};
use pixels::Picture;

/// One change to the picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Step {
    Rotate(f32),
    Mirror(Mirror),
    Zoom(f32),
    Crop(Margins),
    Blur(f32),
    Sharpness(f32),
    Contrast(f32),
    Saturation(f32),
    Brightness(f32),
    Effect { effect: Effect, strength: f32 },
    Vibrance(f32),
    Hue(f32),
    Shift([i32; 3]),
}

/// The special effects.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Effect {
    Grayscale,
    Sepia,
    Negative,
    Emboss,
    Contour,
    Vignette,
    Pixelize { side: usize },
}

impl Effect {
    /// The names in the form, with labels.
    pub(crate) const NAMES: [(&str, &str); 8] = [
        ("none", "None"),
        ("grayscale", "Grayscale"),
        ("sepia", "Sepia"),
        ("negative", "Negative"),
        ("emboss", "Emboss"),
        ("contour", "Contour"),
        ("vignette", "Vignette"),
        ("pixelize", "Pixelize"),
    ];

    fn named(name: &str, block: u32) -> Option<Self> {
        match name {
            "grayscale" => Some(Self::Grayscale),
            "sepia" => Some(Self::Sepia),
            "negative" => Some(Self::Negative),
            "emboss" => Some(Self::Emboss),
            "contour" => Some(Self::Contour),
            "vignette" => Some(Self::Vignette),
            "pixelize" => Some(Self::Pixelize { side: block as usize }),
            _ => None,
        }
    }

    fn take(self, picture: &mut Picture) {
        match self {
            Self::Grayscale => colour::saturation(picture, 0.0),
            Self::Sepia => colour::sepia(picture),
            Self::Negative => colour::negative(picture),
            Self::Emboss => neighbours::emboss(picture),
            Self::Contour => neighbours::contour(picture),
            Self::Vignette => neighbours::vignette(picture),
            Self::Pixelize { side } => neighbours::pixelize(picture, side),
        }
    }
}

/// What there is to do, first things first. Sliders that stand at their neutral value are no step.
///
/// Straight, the picture is turned, mirrored, zoomed and cropped; then blurred and sharpened; then contrast,
/// saturation, brightness, the effect, vibrance, hue and the channels follow. Reversed is exactly the other way round.
pub(crate) fn steps(filter: &Filter) -> Vec<Step> {
    let number = |value: f64| value as f32;
    let unless =
        |neutral: f64, value: f64, step: fn(f32) -> Step| (value != neutral).then(|| step(number(value)));
    let mirrored = match filter.mirror.as_str() {
        "horizontal" => Some(Mirror::Horizontal),
        "vertical" => Some(Mirror::Vertical),
        _ => None,
    };
    let [left, top, right, bottom] =
        [filter.crop_left, filter.crop_top, filter.crop_right, filter.crop_bottom].map(number);
    let margins = Margins { left, top, right, bottom };
    let is_cropped = [left, top, right, bottom].iter().any(|part| *part > 0.0);
    let effect = Effect::named(&filter.effect, filter.block);
    let strength = number(filter.strength);
    let shift = [filter.red, filter.green, filter.blue];
    let all = [
        unless(0.0, filter.rotate, Step::Rotate),
        mirrored.map(Step::Mirror),
        unless(1.0, filter.zoom, Step::Zoom),
        is_cropped.then_some(Step::Crop(margins)),
        unless(0.0, filter.blur, Step::Blur),
        unless(1.0, filter.sharpness, Step::Sharpness),
        unless(1.0, filter.contrast, Step::Contrast),
        unless(1.0, filter.saturation, Step::Saturation),
        unless(1.0, filter.brightness, Step::Brightness),
        effect.filter(|_| strength > 0.0).map(|effect| Step::Effect { effect, strength }),
        unless(0.0, filter.vibrance, Step::Vibrance),
        unless(0.0, filter.hue, Step::Hue),
        (shift != [0; 3]).then_some(Step::Shift(shift)),
    ];
    let mut steps: Vec<_> = all.into_iter().flatten().collect();
    if filter.order == "reversed" {
        steps.reverse();
    }
    steps
}

impl Step {
    /// Changes the picture.
    pub(crate) fn take(self, picture: &mut Picture) {
        match self {
            Self::Rotate(degrees) => rotate(picture, degrees),
            Self::Mirror(how) => mirror(picture, how),
            Self::Zoom(factor) => zoom(picture, factor),
            Self::Crop(margins) => crop(picture, margins),
            Self::Blur(deviation) => pixels::blur(picture, deviation),
            Self::Sharpness(factor) => neighbours::sharpness(picture, factor),
            Self::Contrast(factor) => colour::contrast(picture, factor),
            Self::Saturation(factor) => colour::saturation(picture, factor),
            Self::Brightness(factor) => colour::brightness(picture, factor),
            Self::Effect { effect, strength } => partly(picture, strength, |picture| effect.take(picture)),
            Self::Vibrance(amount) => colour::vibrance(picture, amount),
            Self::Hue(degrees) => colour::hue(picture, degrees),
            Self::Shift(channels) => colour::shift(picture, channels),
        }
    }
}

/// A step that keeps the size, mixed with what was before; 1 is all of the step.
fn partly(picture: &mut Picture, strength: f32, step: impl FnOnce(&mut Picture)) {
    if strength >= 1.0 {
        return step(picture);
    }
    let before = picture.pixels.clone();
    step(picture);
    // In whole parts of 2^-12.
    let strength = (strength * 4096.0).round() as i32;
    let values = picture.pixels.as_flattened_mut().iter_mut();
    for (value, before) in values.zip(before.as_flattened()) {
        let (after, before) = (i32::from(*value), i32::from(*before));
        *value = (before + (((after - before) * strength + 2048) >> 12)) as u8;
    }
}

#[cfg(test)]
mod tests {
    use qpyt_sdk::Params;

    use super::*;

    #[test]
    fn a_fresh_editor_does_nothing() {
        assert_eq!(steps(&Filter::defaults().unwrap()), []);
        let weak = Filter { effect: "sepia".to_owned(), strength: 0.0, ..Filter::defaults().unwrap() };
        assert_eq!(steps(&weak), []);
    }

    #[test]
    fn the_order_does_not_depend_on_what_was_moved_first_and_can_be_reversed() {
        let filter = Filter {
            rotate: 90.0,
            crop_left: 0.5,
            brightness: 1.5,
            contrast: 0.5,
            effect: "negative".to_owned(),
            ..Filter::defaults().unwrap()
        };
        let straight = steps(&filter);
        let margins = Margins { left: 0.5, top: 0.0, right: 0.0, bottom: 0.0 };
        let expected = [
            Step::Rotate(90.0),
            Step::Crop(margins),
            Step::Contrast(0.5),
            Step::Brightness(1.5),
            Step::Effect { effect: Effect::Negative, strength: 1.0 },
        ];
        assert_eq!(straight, expected);
        let mut reversed = steps(&Filter { order: "reversed".to_owned(), ..filter });
        reversed.reverse();
        assert_eq!(reversed, straight);
    }

    #[test]
    fn every_effect_in_the_form_is_one() {
        for (name, _) in Effect::NAMES {
            assert_eq!(Effect::named(name, 8).is_none(), name == "none", "{name}");
        }
    }

    #[test]
    fn half_an_effect_is_half_way() {
        let mut picture = Picture { width: 1, height: 1, pixels: vec![[100, 0, 255, 255]] };
        Step::Effect { effect: Effect::Negative, strength: 0.5 }.take(&mut picture);
        assert_eq!(picture.pixels, [[128, 128, 128, 255]]);
    }
}
