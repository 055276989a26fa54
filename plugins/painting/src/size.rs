//! How large a picture gets when nobody said.

use std::ops::RangeInclusive;

use qpyt_sdk::shapes::SIDES;

/// What a model says about sizes, in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Native {
    /// The side length that it was trained at.
    pub(crate) side: u32,
    /// Side lengths must be multiples of this.
    pub(crate) multiple: u32,
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
