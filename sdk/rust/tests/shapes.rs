//! The JSON shapes that bricks exchange.

use qpyt_sdk::JsonObject;
use qpyt_sdk::serde_json::{self, Value, json};
use qpyt_sdk::shapes::{Settings, info_of_picture};

fn own(info: Value, index: usize) -> Value {
    let info: JsonObject = serde_json::from_value(info).unwrap_or_default();
    Value::Object(info_of_picture(&info, index))
}

#[test]
fn each_picture_has_its_own_seed() {
    let info = json!({"model": "emoji", "seeds": [7, 8], "author": {"name": "me"}});
    assert_eq!(own(info.clone(), 0), json!({"model": "emoji", "seed": 7, "author": {"name": "me"}}));
    assert_eq!(own(info.clone(), 1), json!({"model": "emoji", "seed": 8, "author": {"name": "me"}}));
    assert_eq!(own(info, 2), json!({"model": "emoji", "author": {"name": "me"}}));
}

#[test]
fn a_picture_without_seeds_keeps_what_is_known() {
    assert_eq!(own(json!({"seed": 3}), 0), json!({"seed": 3}));
    assert_eq!(own(json!({"seeds": "none"}), 0), json!({}));
}

#[test]
fn settings_may_leave_anything_open_and_say_more() {
    let settings: Settings = serde_json::from_str(r#"{"width": 640, "seed": null, "mood": "calm"}"#).unwrap();
    assert_eq!(settings, Settings { width: Some(640), ..Settings::default() });
    assert_eq!(settings.problem(), None);
}
