//! How large a picture gets: as was said, as near as the model can, or as the model likes it.

use std::ops::RangeInclusive;

use qpyt_sdk::ai::models::ModelInfo;
use qpyt_sdk::shapes::SIDES;

/// What a model says about sizes, in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Native {
    /// The side length that it was trained at.
    pub(crate) side: u32,
    /// Side lengths must be multiples of this.
    pub(crate) multiple: u32,
}

impl Native {
    pub(crate) fn of(model: &ModelInfo) -> Self {
        Self { side: model.native_size, multiple: model.size_multiple }
    }
}

impl Default for Native {
    /// What most models of the Stable Diffusion family work with.
    fn default() -> Self {
        Self { side: 512, multiple: 8 }
    }
}

/// The size with about as many pixels as the model was trained at, and the proportions of `source`.
pub(crate) fn like(source: Option<(u32, u32)>, native: Native) -> (u32, u32) {
    let (width, height) = source.filter(|(width, height)| *width > 0 && *height > 0).unwrap_or((1, 1));
    let stretch = (f64::from(width) / f64::from(height)).sqrt();
    let side = f64::from(native.side);
    (allowed(side * stretch, native.multiple), allowed(side / stretch, native.multiple))
}

/// The nearest side length of at least `least` that is a multiple; the sides of what is enlarged have no upper bound.
pub(crate) fn rounded(side: f64, multiple: u32, least: u32) -> u32 {
    let multiple = multiple.max(1);
    let steps = (side / f64::from(multiple)).round().max(1.0) as u32;
    steps.max(least.div_ceil(multiple)).saturating_mul(multiple)
}

/// The size that was set, each side brought to the nearest length that the model can do; a side that was left open
/// follows the model and `source`.
pub(crate) fn sides(
    set: (Option<u32>, Option<u32>),
    source: Option<(u32, u32)>,
    native: Native,
) -> (u32, u32) {
    let (width, height) = like(source, native);
    let nearest =
        |side: Option<u32>, open| side.map_or(open, |side| allowed(f64::from(side), native.multiple));
    (nearest(set.0, width), nearest(set.1, height))
}

/// What to say of a size that is not as it was set; none if it is.
pub(crate) fn note(
    set: (Option<u32>, Option<u32>),
    (width, height): (u32, u32),
    native: Native,
) -> Option<String> {
    let kept = |side: Option<u32>, is| side.is_none_or(|side| side == is);
    if kept(set.0, width) && kept(set.1, height) {
        return None;
    }
    let multiple = native.multiple;
    Some(format!("Painted at {width} × {height}: this model takes multiples of {multiple}."))
}

/// The nearest side length that is allowed.
fn allowed(side: f64, multiple: u32) -> u32 {
    let multiple = multiple.clamp(1, *SIDES.end());
    let steps = inside(&SIDES, multiple);
    let nearest = (side / f64::from(multiple)).round().clamp(0.0, f64::from(*steps.end())) as u32;
    nearest.max(*steps.start()) * multiple
}

/// The multiples that lie in the range, counted in steps.
fn inside(range: &RangeInclusive<u32>, multiple: u32) -> RangeInclusive<u32> {
    range.start().div_ceil(multiple)..=range.end() / multiple
}

#[cfg(test)]
mod tests {
    use super::*;

    const SD: Native = Native { side: 512, multiple: 8 };

    #[test]
    fn without_a_picture_it_is_the_models_own_square() {
        assert_eq!(like(None, SD), (512, 512));
        assert_eq!(like(None, Native { side: 1024, multiple: 64 }), (1024, 1024));
    }

    #[test]
    fn a_picture_gives_its_proportions() {
        assert_eq!(like(Some((3000, 2000)), SD), (624, 416));
        assert_eq!(like(Some((2000, 3000)), SD), (416, 624));
        assert_eq!(like(Some((300, 300)), SD), (512, 512));
    }

    #[test]
    fn what_is_enlarged_may_be_larger_than_what_is_set() {
        assert_eq!(rounded(3071.0, 16, 64), 3072);
        assert_eq!(rounded(10.0, 16, 64), 64);
        assert_eq!(rounded(130.0, 0, 64), 130);
    }

    #[test]
    fn sides_that_were_set_go_to_the_nearest_that_the_model_can_do_and_that_is_said() {
        let large = Native { side: 1024, multiple: 64 };
        assert_eq!(sides((Some(1000), Some(640)), None, large), (1024, 640));
        assert_eq!(sides((Some(70), None), Some((300, 200)), SD), (72, 416));
        assert_eq!(sides((Some(2047), Some(64)), None, large), (2048, 64));
        assert_eq!(note((Some(640), None), (640, 512), large), None);
        let said = note((Some(1000), None), (1024, 1024), large).unwrap();
        assert!(said.contains("1024 × 1024") && said.contains("64"), "{said}");
    }

    #[test]
    fn sides_stay_within_bounds_and_on_the_grid() {
        for source in [(1, 100_000), (100_000, 1), (0, 5), (u32::MAX, u32::MAX)] {
            for native in [SD, Native { side: 64, multiple: 64 }, Native { side: 4096, multiple: 0 }] {
                let (width, height) = like(Some(source), native);
                for side in [width, height] {
                    assert!(SIDES.contains(&side), "{source:?} {native:?}: {side}");
                    assert_eq!(side % native.multiple.max(1), 0, "{source:?} {native:?}: {side}");
                }
            }
        }
    }
}
