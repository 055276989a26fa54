//! The image output brick: keeps the pictures in the person's gallery.

use qpyt_sdk::JsonObject;
use qpyt_sdk::media::types::Container;
use qpyt_sdk::prelude::*;
use qpyt_sdk::serde_json::Value;
use qpyt_sdk::shapes::info_of_picture;
use qpyt_sdk::store::gallery;

/// Shows the pictures and keeps them in your gallery.
#[derive(Params)]
struct ImageOut {
    /// A name for the pictures, if you like.
    title: String,
    /// PNG and WebP keep every detail, JPEG makes smaller files.
    #[param(default = Container::Png)]
    format: Container,
    /// How much detail a JPEG keeps.
    #[param(default = 90, min = 1, max = 100)]
    quality: u8,
}

#[derive(Inputs)]
struct Pictures {
    /// The pictures to keep.
    #[port(label = "Images", required)]
    image: Vec<Image>,
    /// How they were made.
    info: Option<Json<JsonObject>>,
}

#[derive(Outputs)]
struct Kept {
    /// The same pictures.
    #[port(label = "Images", required)]
    image: Vec<Image>,
}

impl Brick for ImageOut {
    const ID: &'static str = "qpyt:image-out";
    const LABEL: &'static str = "Output";
    const CATEGORY: Category = Category::Output;
    type Inputs = Pictures;
    type Outputs = Kept;

    fn run(self, inputs: Pictures) -> Result<Kept> {
        let info = inputs.info.map(|Json(info)| info).unwrap_or_default();
        for (index, image) in inputs.image.iter().enumerate() {
            let info = Value::Object(info_of_picture(&info, index)).to_string();
            gallery::save(image, self.title.trim(), self.format, self.quality, &info)?;
        }
        Ok(Kept { image: inputs.image })
    }
}

qpyt_sdk::export!(ImageOut);

#[cfg(test)]
mod tests {
    use super::*;
    use qpyt_sdk::brick;
    use qpyt_sdk::serde_json;

    #[test]
    fn it_describes_itself_well() {
        assert_eq!(qpyt_sdk::check::problems::<ImageOut>(), Vec::<String>::new());
    }

    #[test]
    fn without_a_picture_it_names_the_input() {
        let error = brick::run::<ImageOut>(Vec::new(), "{}").unwrap_err();
        assert!(matches!(error, BrickError::BadInput(problem) if problem.name == "image"));
    }

    #[test]
    fn a_format_is_one_of_three() {
        let schema: Value = serde_json::from_str(&ImageOut::schema().to_json()).unwrap();
        let format = &schema["properties"]["format"];
        assert_eq!(format["enum"], serde_json::json!(["png", "jpeg", "webp"]));
        assert_eq!(format["default"], "png");
    }
}
