//! The settings brick: size, steps, guidance, seed and count for the generators after it.

use qpyt_sdk::prelude::*;
use qpyt_sdk::shapes;

/// Size, quality and number of the pictures.
#[derive(Params)]
struct Settings {
    /// In pixels. A side left empty follows the model's own size.
    #[param(min = *shapes::SIDES.start(), max = *shapes::SIDES.end(), step = 8, widget = "size")]
    width: Option<u32>,
    /// In pixels. A side left empty follows the model's own size.
    #[param(min = *shapes::SIDES.start(), max = *shapes::SIDES.end(), step = 8)]
    height: Option<u32>,
    /// More steps take longer and are often finer. Left empty, as many as the model needs.
    #[param(min = *shapes::STEPS.start(), max = *shapes::STEPS.end())]
    steps: Option<u32>,
    /// How closely the picture follows the prompt. 1 and below turns it off. Left empty, as the model likes it.
    #[param(min = *shapes::GUIDANCE.start(), max = *shapes::GUIDANCE.end(), step = 0.1)]
    guidance: Option<f64>,
    /// The same seed gives the same picture. Leave it empty for a new one each time.
    #[param(min = 0, max = u32::MAX, widget = "seed")]
    seed: Option<u32>,
    /// How many pictures to make.
    #[param(default = 1, min = *shapes::COUNT.start(), max = *shapes::COUNT.end())]
    count: u32,
}

#[derive(Outputs)]
struct Given {
    /// How the pictures are to be made.
    settings: Json<shapes::Settings>,
}

impl Brick for Settings {
    const ID: &'static str = "qpyt:settings";
    const LABEL: &'static str = "Settings";
    const CATEGORY: Category = Category::Setting;
    type Inputs = ();
    type Outputs = Given;

    fn run(self, (): ()) -> Result<Given> {
        let settings = shapes::Settings {
            width: self.width,
            height: self.height,
            steps: self.steps,
            guidance: self.guidance,
            seed: self.seed,
            count: Some(self.count),
        };
        Ok(Given { settings: Json(settings) })
    }
}

qpyt_sdk::export!(Settings);

#[cfg(test)]
mod tests {
    use super::*;
    use qpyt_sdk::serde_json::{self, Value, json};

    fn given(params: &str) -> Value {
        let params = serde_json::from_str(params).unwrap();
        serde_json::to_value(Settings::from_json(&params).unwrap().run(()).unwrap().settings.0).unwrap()
    }

    #[test]
    fn it_describes_itself_well() {
        assert_eq!(qpyt_sdk::check::problems::<Settings>(), Vec::<String>::new());
    }

    #[test]
    fn at_first_everything_but_the_count_is_left_to_the_model() {
        let open = Value::Null;
        let expected = json!({
            "width": open, "height": open, "steps": open, "guidance": open, "seed": open, "count": 1
        });
        assert_eq!(given("{}"), expected);
    }

    #[test]
    fn what_the_person_sets_is_given() {
        let params =
            r#"{"width": 768, "height": 640, "steps": 4, "guidance": 1.5, "seed": 4294967295, "count": 3}"#;
        assert_eq!(given(params), serde_json::from_str::<Value>(params).unwrap());
    }

    #[test]
    fn one_side_may_be_set_and_the_other_left_to_the_model() {
        let sides = |params: &str| {
            let given = given(params);
            (given["width"].clone(), given["height"].clone())
        };
        assert_eq!(sides(r#"{"width": 768, "height": null}"#), (json!(768), Value::Null));
        assert_eq!(sides(r#"{"height": 640}"#), (Value::Null, json!(640)));
    }

    #[test]
    fn the_schema_bounds_every_number() {
        let schema: Value = serde_json::from_str(&Settings::schema().to_json()).unwrap();
        let bounds = |name: &str| {
            let property = &schema["properties"][name];
            (property["minimum"].as_f64(), property["maximum"].as_f64())
        };
        assert_eq!(bounds("width"), (Some(64.0), Some(2048.0)));
        assert_eq!(bounds("height"), (Some(64.0), Some(2048.0)));
        assert_eq!(bounds("steps"), (Some(1.0), Some(150.0)));
        assert_eq!(bounds("guidance"), (Some(0.0), Some(30.0)));
        assert_eq!(bounds("seed"), (Some(0.0), Some(4_294_967_295.0)));
        assert_eq!(bounds("count"), (Some(1.0), Some(16.0)));
        for name in ["width", "height", "steps", "guidance", "seed"] {
            let kind = if name == "guidance" { "number" } else { "integer" };
            assert_eq!(schema["properties"][name]["default"], Value::Null, "{name}");
            assert_eq!(schema["properties"][name]["type"], json!([kind, "null"]), "{name}");
        }
        for name in ["width", "height"] {
            assert_eq!(schema["properties"][name]["x-step"], 8, "{name}");
            assert_eq!(schema["properties"][name]["multipleOf"], Value::Null, "the generator fits {name}");
        }
        assert_eq!(schema["properties"]["width"]["x-widget"], "size");
    }
}
