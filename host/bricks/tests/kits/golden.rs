//! Golden tests of a brick: `tests/*.json` in its folder hold parameters, inputs and the outputs that are expected.
//! A picture stands as `{"image": "file.png"}`, a file beside it.

use std::{
    fs,
    path::{Path, PathBuf},
};

use qpyt_bricks::{
    NamedValue, PortKind, Value,
    media::{DecodeLimits, Image, decode},
};
use serde_json::{Map, Value as Json};

use crate::brick::Brick;

/// Runs every golden test of the brick; there must be one.
pub fn check(brick: &Brick) {
    let folder = brick.source.join("tests");
    let cases: Vec<_> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    assert!(!cases.is_empty(), "{} has no golden tests", brick.source.display());
    for case in cases {
        check_one(brick, &folder, &case);
    }
}

fn check_one(brick: &Brick, folder: &Path, case: &PathBuf) {
    let golden: Json = serde_json::from_str(&fs::read_to_string(case).unwrap()).unwrap();
    let info = &brick.binary.bricks()[0];
    let values = |written: &Json, ports: &[qpyt_bricks::Port]| -> Vec<NamedValue> {
        let written: &Map<_, _> = written.as_object().unwrap();
        let value = |(port, json): (&String, &Json)| {
            let kind = ports.iter().find(|known| known.name == *port).unwrap().kind;
            NamedValue { port: port.clone(), value: value(folder, kind, json) }
        };
        let mut values: Vec<_> = written.iter().map(value).collect();
        values.sort_by_key(|value| ports.iter().position(|port| port.name == value.port));
        values
    };
    let outcome = brick.run(values(&golden["inputs"], &info.inputs), golden["params"].clone());
    let outcome = outcome.unwrap_or_else(|error| panic!("{}: {error}", case.display()));
    assert_eq!(outcome.outputs, values(&golden["expect"]["outputs"], &info.outputs), "{}", case.display());
}

fn value(folder: &Path, kind: PortKind, written: &Json) -> Value {
    match (kind, written) {
        (PortKind::Json, json) => Value::Json(json.clone()),
        (PortKind::Image, json) => Value::Image(picture(&folder.join(json["image"].as_str().unwrap()))),
        (_, Json::String(text)) => Value::Text(text.clone()),
        (_, Json::Number(number)) => Value::Number(number.as_f64().unwrap()),
        (_, Json::Bool(value)) => Value::Boolean(*value),
        (kind, value) => panic!("a {kind:?} can't be {value}"),
    }
}

fn picture(path: &Path) -> Image {
    decode(&fs::read(path).unwrap(), DecodeLimits::default()).unwrap()
}
