//! Each operation of the photo editor alone, and a few together.

/// Parameters of the brick; those that are not there have their defaults.
pub struct Operation {
    pub name: &'static str,
    pub params: &'static str,
}

const fn operation(name: &'static str, params: &'static str) -> Operation {
    Operation { name, params }
}

pub const OPERATIONS: [Operation; 29] = [
    operation("nothing", r#"{}"#),
    operation("contrast", r#"{"contrast": 1.3}"#),
    operation("brightness", r#"{"brightness": 1.2}"#),
    operation("saturation", r#"{"saturation": 1.5}"#),
    operation("vibrance", r#"{"vibrance": 0.5}"#),
    operation("hue", r#"{"hue": 40}"#),
    operation("RGB shift", r#"{"red": 10, "green": -20, "blue": 30}"#),
    operation("sharpness", r#"{"sharpness": 2}"#),
    operation("blur 0.5", r#"{"blur": 0.5}"#),
    operation("blur 1.5", r#"{"blur": 1.5}"#),
    operation("blur 8", r#"{"blur": 8}"#),
    operation("blur 50", r#"{"blur": 50}"#),
    operation("grayscale", r#"{"effect": "grayscale"}"#),
    operation("sepia", r#"{"effect": "sepia"}"#),
    operation("sepia, 60 %", r#"{"effect": "sepia", "strength": 0.6}"#),
    operation("negative", r#"{"effect": "negative"}"#),
    operation("emboss", r#"{"effect": "emboss"}"#),
    operation("contour", r#"{"effect": "contour"}"#),
    operation("vignette", r#"{"effect": "vignette"}"#),
    operation("pixelize", r#"{"effect": "pixelize"}"#),
    operation("rotate 90°", r#"{"rotate": 90}"#),
    operation("rotate 30°", r#"{"rotate": 30}"#),
    operation("mirror, left and right", r#"{"mirror": "horizontal"}"#),
    operation("mirror, top and bottom", r#"{"mirror": "vertical"}"#),
    operation("zoom 0.5", r#"{"zoom": 0.5}"#),
    operation("zoom 0.9", r#"{"zoom": 0.9}"#),
    operation("zoom 1.4", r#"{"zoom": 1.4}"#),
    operation("crop", r#"{"crop_left": 0.1, "crop_bottom": 0.2}"#),
    operation(
        "light and colour at once",
        r#"{"contrast": 1.3, "brightness": 0.9, "saturation": 1.4, "vibrance": 0.5, "hue": 40, "red": 10}"#,
    ),
];
