//! What the form asks for, as the tracer takes it: presets filled in, angles in radians.

use crate::Vectorize;

/// How the picture becomes areas of one colour.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Areas {
    /// Neighbours of similar colour belong together.
    Colour {
        /// Lowest bits of each channel that do not tell colours apart, 0 to 7.
        dropped_bits: i32,
        /// Least difference of a layer from what it lies on: the sum over the channels, 0 to 765.
        difference: u32,
    },
    /// What is darker than this grey, 1 to 255.
    Dark {
        /// The first grey that is not drawn.
        threshold: u8,
    },
}

/// How outlines are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Curve {
    /// Cubic Bézier curves.
    Spline,
    /// Straight lines.
    Polygon,
    /// Along the borders of pixels.
    Pixel,
}

/// All that tracing a picture depends on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Plan {
    pub(crate) areas: Areas,
    /// Areas of fewer pixels are left out.
    pub(crate) least_area: usize,
    /// Whether shapes fit like tiles rather than lie on each other.
    pub(crate) is_cutout: bool,
    pub(crate) curve: Curve,
    /// A bend of more is a corner, in radians.
    pub(crate) corner: f64,
    /// Parts of an outline are shorter, in pixels.
    pub(crate) segment: f64,
    /// One curve turns by less, in radians.
    pub(crate) splice: f64,
    /// Of coordinates.
    pub(crate) decimals: u32,
}

impl Plan {
    /// The values of the form, with the preset's in their place.
    pub(crate) fn of(form: &Vectorize) -> Self {
        let form = with_preset(form.clone());
        let areas = if form.mode == "binary" {
            Areas::Dark { threshold: form.threshold.clamp(1, 255) as u8 }
        } else {
            Areas::Colour {
                dropped_bits: 8 - form.colour_precision.clamp(1, 8) as i32,
                difference: form.layer_difference,
            }
        };
        let side = form.speckle as usize;
        Self {
            areas,
            least_area: side * side,
            is_cutout: form.hierarchical == "cutout",
            curve: match form.curve.as_str() {
                "polygon" => Curve::Polygon,
                "pixel" => Curve::Pixel,
                _ => Curve::Spline,
            },
            corner: f64::from(form.corner_threshold).to_radians(),
            segment: form.segment_length,
            splice: f64::from(form.splice_threshold).to_radians(),
            decimals: form.path_precision,
        }
    }
}

/// The presets are VTracer's (`Config::from_preset`): poster, photo, and bw as line art.
fn with_preset(form: Vectorize) -> Vectorize {
    let kind = |mode: &str, speckle, colour_precision, layer_difference, corner_threshold| Vectorize {
        mode: mode.to_owned(),
        speckle,
        colour_precision,
        layer_difference,
        corner_threshold,
        ..form.clone()
    };
    match form.preset.as_str() {
        "poster" => kind("colour", 4, 8, 16, 60),
        "photo" => kind("colour", 10, 8, 48, 180),
        "line-art" => kind("binary", 4, 6, 16, 60),
        _ => form,
    }
}

#[cfg(test)]
mod tests {
    use qpyt_sdk::Params;

    use super::*;

    fn form() -> Vectorize {
        Vectorize::defaults().unwrap()
    }

    #[test]
    fn own_values_are_what_the_form_says() {
        let own = Plan::of(&Vectorize { speckle: 3, corner_threshold: 90, ..form() });
        assert_eq!(own.areas, Areas::Colour { dropped_bits: 2, difference: 16 });
        assert_eq!((own.least_area, own.is_cutout, own.curve), (9, false, Curve::Spline));
        assert!((own.corner - std::f64::consts::FRAC_PI_2).abs() < 1e-12);
    }

    #[test]
    fn a_preset_changes_what_it_is_about_and_leaves_the_rest() {
        let form = Vectorize { curve: "polygon".to_owned(), speckle: 99, ..form() };
        let photo = Plan::of(&Vectorize { preset: "photo".to_owned(), ..form.clone() });
        assert_eq!(photo.areas, Areas::Colour { dropped_bits: 0, difference: 48 });
        assert_eq!((photo.least_area, photo.curve), (100, Curve::Polygon));
        let lines = Plan::of(&Vectorize { preset: "line-art".to_owned(), threshold: 60, ..form });
        assert_eq!(lines.areas, Areas::Dark { threshold: 60 });
    }

    #[test]
    fn every_preset_but_own_values_changes_something() {
        let own = Plan::of(&form());
        for preset in ["poster", "photo", "line-art"] {
            assert_ne!(Plan::of(&Vectorize { preset: preset.to_owned(), ..form() }), own, "{preset}");
        }
        assert_eq!(Plan::of(&Vectorize { preset: "own".to_owned(), ..form() }), own);
    }
}
