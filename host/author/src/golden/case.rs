//! A case: a JSON file with parameters, inputs and what is expected, and the PNG files beside it.

use std::path::{Path, PathBuf};

use qpyt_bricks::media::{DecodeLimits, Element, Image, PixelFormat, Tensor, decode};
use qpyt_bricks::{BrickInfo, NamedValue, Port, PortKind, RunError, RunOutcome, Value};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};

use super::compare::{as_png, difference};
use super::fake::Recorded;
use super::{told, write};
use crate::AuthorError;
use crate::files::{read_bounded, read_text, remove};

const MAX_CASE_BYTES: u64 = 4 << 20;
const MAX_PICTURE_BYTES: u64 = 64 << 20;

/// The file as it is written.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct CaseFile {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    brick: Option<String>,
    #[serde(default)]
    params: Map<String, Json>,
    #[serde(default)]
    inputs: Map<String, Json>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    seed: Option<u64>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    http: Vec<Recorded>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expect: Option<Expected>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expect_error: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    #[serde(default)]
    outputs: Map<String, Json>,
    /// What the brick asks of the studio, in order; none: whatever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    calls: Option<Vec<String>>,
}

/// One case.
#[derive(Debug)]
pub(super) struct Case {
    pub(super) name: String,
    pub(super) brick: Option<String>,
    pub(super) seed: u64,
    pub(super) http: Vec<Recorded>,
    path: PathBuf,
    folder: PathBuf,
    file: CaseFile,
}

/// How a run ended.
type Ended = Result<RunOutcome, RunError>;

impl Case {
    /// Reads a case from its file.
    pub(super) fn read(path: &Path) -> Result<Self, AuthorError> {
        let text = read_text(path, MAX_CASE_BYTES)?;
        let file: CaseFile = serde_json::from_str(&text)
            .map_err(|error| AuthorError::Case { path: path.to_owned(), problem: error.to_string() })?;
        Ok(Self {
            name: path.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
            brick: file.brick.clone(),
            seed: file.seed.unwrap_or_default(),
            http: file.http.clone(),
            folder: path.parent().unwrap_or(Path::new(".")).to_owned(),
            path: path.to_owned(),
            file,
        })
    }

    /// The parameters, in which a picture (`{"image": "file.png"}`) stands as its digest, and these pictures.
    pub(super) fn params(&self) -> Result<(Map<String, Json>, Vec<Image>), AuthorError> {
        let (mut params, mut pictures) = (self.file.params.clone(), Vec::new());
        for value in params.values_mut() {
            if let Some(name) = picture_name(value) {
                let picture = self.picture(name)?;
                *value = picture.digest().to_string().into();
                pictures.push(picture);
            }
        }
        Ok((params, pictures))
    }

    /// The values at the ports.
    pub(super) fn inputs(&self, ports: &[Port]) -> Result<Vec<NamedValue>, AuthorError> {
        let mut inputs = Vec::new();
        for (name, given) in &self.file.inputs {
            let Some(port) = ports.iter().find(|port| port.name == *name) else {
                let known: Vec<_> = ports.iter().map(|port| port.name.as_str()).collect();
                return Err(self.wrong(format!(
                    "the brick has no input `{name}`; it has {}",
                    if known.is_empty() { "none".to_owned() } else { known.join(", ") }
                )));
            };
            for value in several(port, given) {
                inputs.push(NamedValue { port: name.clone(), value: self.value(port, value)? });
            }
        }
        Ok(inputs)
    }

    fn value(&self, port: &Port, given: &Json) -> Result<Value, AuthorError> {
        let wanted = |what: &str| self.wrong(format!("input `{}` wants {what}, but is {given}", port.name));
        Ok(match (port.kind, given) {
            (PortKind::Json, json) => Value::Json(json.clone()),
            (PortKind::Image | PortKind::Any, _) if picture_name(given).is_some() => {
                Value::Image(self.picture(picture_name(given).unwrap_or_default())?)
            }
            (PortKind::Mask, _) if picture_name(given).is_some() => {
                let picture = self.picture(picture_name(given).unwrap_or_default())?;
                let mask = picture.convert(PixelFormat::Luma8);
                Value::Image(mask.map_err(|error| self.wrong(error.to_string()))?)
            }
            (PortKind::Tensor | PortKind::Any, _) if given.get("tensor").is_some() => {
                Value::Tensor(tensor(given).map_err(|problem| self.wrong(problem))?)
            }
            (PortKind::Text | PortKind::Any, Json::String(text)) => Value::Text(text.clone()),
            (PortKind::Boolean | PortKind::Any, Json::Bool(boolean)) => Value::Boolean(*boolean),
            (PortKind::Number | PortKind::Any, Json::Number(number)) => {
                Value::Number(number.as_f64().ok_or_else(|| wanted("a number"))?)
            }
            (PortKind::Any, json) => Value::Json(json.clone()),
            (PortKind::Image | PortKind::Mask, _) => return Err(wanted("{\"image\": \"file.png\"}")),
            (PortKind::Tensor, _) => {
                return Err(wanted("{\"tensor\": {\"shape\": [2], \"data\": [0.5, 1]}}"));
            }
            (PortKind::Text, _) => return Err(wanted("a text")),
            (PortKind::Boolean, _) => return Err(wanted("true or false")),
            (PortKind::Number, _) => return Err(wanted("a number")),
        })
    }

    /// What differs from what is expected. Pictures that differ are written beside the expected ones.
    pub(super) fn compare(
        &self,
        brick: &BrickInfo,
        ended: &Ended,
        calls: &[String],
    ) -> Result<Vec<String>, AuthorError> {
        match (&self.file.expect, &self.file.expect_error, ended) {
            (None, None, _) => {
                Ok(vec!["nothing is expected yet; look at it and run with --update".to_owned()])
            }
            (Some(_), Some(_), _) => Err(self.wrong("it expects outputs and an error; leave one out")),
            (Some(_), None, Err(error)) => Ok(vec![format!("it failed: {}", told(error))]),
            (None, Some(wanted), Ok(_)) => Ok(vec![format!("it went well, but should fail: {wanted}")]),
            (None, Some(wanted), Err(error)) if told(error).contains(wanted) => Ok(Vec::new()),
            (None, Some(wanted), Err(error)) => {
                Ok(vec![format!("it failed with “{}” instead of “{wanted}”", told(error))])
            }
            (Some(expected), None, Ok(outcome)) => self.compare_outputs(brick, expected, outcome, calls),
        }
    }

    fn compare_outputs(
        &self,
        brick: &BrickInfo,
        expected: &Expected,
        outcome: &RunOutcome,
        calls: &[String],
    ) -> Result<Vec<String>, AuthorError> {
        let mut problems = Vec::new();
        for name in
            expected.outputs.keys().filter(|name| !brick.outputs.iter().any(|port| port.name == **name))
        {
            problems.push(format!("it has no output `{name}`, which is expected"));
        }
        for port in &brick.outputs {
            let wanted = expected.outputs.get(&port.name);
            let wanted: Vec<_> = wanted.into_iter().flat_map(|wanted| several(port, wanted)).collect();
            let given = values(outcome, &port.name);
            if wanted.len() != given.len() {
                let (name, wanted, given) = (&port.name, wanted.len(), given.len());
                problems.push(format!("output `{name}`: it gave {given} values, but {wanted} are expected"));
                continue;
            }
            for (wanted, given) in wanted.into_iter().zip(given) {
                let problem = self.compare_value(wanted, given)?;
                problems.extend(problem.map(|problem| format!("output `{}`: {problem}", port.name)));
            }
        }
        if let Some(wanted) = &expected.calls {
            problems.extend(compare_calls(wanted, calls));
        }
        Ok(problems)
    }

    fn compare_value(&self, wanted: &Json, given: &Value) -> Result<Option<String>, AuthorError> {
        let (Some(name), Value::Image(image)) = (picture_name(wanted), given) else {
            let given = plain(given);
            return Ok((*wanted != given)
                .then(|| format!("it is {}, but {} was expected", cut(&given), cut(wanted))));
        };
        let (actual, file) = as_png(image).map_err(|error| self.wrong(error.to_string()))?;
        let beside = self.file_beside(name)?.with_extension("actual.png");
        let Some(problem) = difference(&self.picture(name)?, &actual) else {
            remove(&beside)?;
            return Ok(None);
        };
        write(&beside, &file)?;
        Ok(Some(format!("{problem}; see {}", beside.display())))
    }

    /// Writes what the run gave as what is expected from now on.
    pub(super) fn update(
        &mut self,
        brick: &BrickInfo,
        ended: &Ended,
        calls: &[String],
    ) -> Result<(), AuthorError> {
        (self.file.expect, self.file.expect_error) = match ended {
            Err(error) => (None, Some(told(error))),
            Ok(outcome) => {
                let outputs = self.golden_outputs(brick, outcome)?;
                let calls = (!calls.is_empty()).then(|| calls.to_vec());
                (Some(Expected { outputs, calls }), None)
            }
        };
        let mut text =
            serde_json::to_string_pretty(&self.file).map_err(|error| self.wrong(error.to_string()))?;
        text.push('\n');
        write(&self.path, text.as_bytes())?;
        Ok(())
    }

    fn golden_outputs(
        &self,
        brick: &BrickInfo,
        outcome: &RunOutcome,
    ) -> Result<Map<String, Json>, AuthorError> {
        let before = self.file.expect.as_ref().map(|expected| &expected.outputs);
        let mut outputs = Map::new();
        for port in &brick.outputs {
            let given = values(outcome, &port.name);
            let former = before.and_then(|before| before.get(&port.name));
            let former: Vec<_> = former.into_iter().flat_map(|former| several(port, former)).collect();
            let mut golden = Vec::new();
            for (index, value) in given.iter().enumerate() {
                let named = former.get(index).and_then(|former| picture_name(former)).map(str::to_owned);
                let name = named.unwrap_or_else(|| match index {
                    0 => format!("{}-{}.png", self.name, port.name),
                    index => format!("{}-{}-{}.png", self.name, port.name, index + 1),
                });
                golden.push(self.golden_value(value, &name)?);
            }
            match golden.pop() {
                None => {}
                Some(only) if !port.many => {
                    outputs.insert(port.name.clone(), only);
                }
                Some(last) => {
                    golden.push(last);
                    outputs.insert(port.name.clone(), golden.into());
                }
            }
        }
        Ok(outputs)
    }

    fn golden_value(&self, value: &Value, name: &str) -> Result<Json, AuthorError> {
        let Value::Image(image) = value else { return Ok(plain(value)) };
        let path = self.file_beside(name)?;
        let (_, file) = as_png(image).map_err(|error| self.wrong(error.to_string()))?;
        write(&path, &file)?;
        remove(&path.with_extension("actual.png"))?;
        Ok(json!({ "image": name }))
    }

    fn picture(&self, name: &str) -> Result<Image, AuthorError> {
        let path = self.file_beside(name)?;
        let bytes = read_bounded(&path, MAX_PICTURE_BYTES)?;
        decode(&bytes, DecodeLimits::default()).map_err(|error| self.wrong(format!("{name}: {error}")))
    }

    fn file_beside(&self, name: &str) -> Result<PathBuf, AuthorError> {
        if Path::new(name).file_name().is_some_and(|file| file == name) {
            return Ok(self.folder.join(name));
        }
        Err(self.wrong(format!("`{name}` must be the name of a file beside it, without folders")))
    }

    /// An error about this case.
    pub(super) fn wrong(&self, problem: impl Into<String>) -> AuthorError {
        AuthorError::Case { path: self.path.clone(), problem: problem.into() }
    }
}

/// The values for a port: those of a list where it takes many, else the one.
fn several<'a>(port: &Port, given: &'a Json) -> Vec<&'a Json> {
    match given {
        Json::Array(values) if port.many => values.iter().collect(),
        value => vec![value],
    }
}

fn values<'a>(outcome: &'a RunOutcome, port: &str) -> Vec<&'a Value> {
    outcome.outputs.iter().filter(|output| output.port == port).map(|output| &output.value).collect()
}

/// The file of `{"image": "file.png"}`.
fn picture_name(value: &Json) -> Option<&str> {
    value.as_object().filter(|object| object.len() == 1)?.get("image")?.as_str()
}

/// `{"tensor": {"shape": [...], "data": [...]}}` with 32-bit floats.
fn tensor(given: &Json) -> Result<Tensor, String> {
    #[derive(Deserialize)]
    struct Numbers {
        shape: Vec<u32>,
        data: Vec<f32>,
    }
    let numbers = given.get("tensor").cloned().unwrap_or_default();
    let Numbers { shape, data } = serde_json::from_value(numbers).map_err(|error| error.to_string())?;
    let bytes = data.iter().flat_map(|number| number.to_le_bytes()).collect();
    Tensor::new(shape, Element::Float32, bytes).map_err(|error| error.to_string())
}

/// A value as JSON. A tensor is told by its shape and digest; a picture goes to a file, so where it stands among
/// values of another kind its digest will do.
fn plain(value: &Value) -> Json {
    match value {
        Value::Text(text) => text.as_str().into(),
        Value::Number(number) => (*number).into(),
        Value::Boolean(boolean) => (*boolean).into(),
        Value::Json(json) => json.clone(),
        Value::Image(image) => json!({ "image": image.digest().to_string() }),
        Value::Tensor(tensor) => json!({
            "tensor": { "shape": tensor.shape(), "digest": tensor.digest().to_string() }
        }),
    }
}

fn compare_calls(wanted: &[String], given: &[String]) -> Option<String> {
    let same = wanted.iter().zip(given).take_while(|(wanted, given)| wanted == given).count();
    match (wanted.get(same), given.get(same)) {
        (None, None) => None,
        (wanted, given) => {
            let told =
                |call: Option<&String>| call.map_or_else(|| "nothing".to_owned(), |call| format!("“{call}”"));
            Some(format!("call {} is {} instead of {}", same + 1, told(given), told(wanted)))
        }
    }
}

/// A value for a message.
fn cut(value: &Json) -> String {
    const LONGEST: usize = 200;
    let text = value.to_string();
    if text.chars().count() <= LONGEST {
        return text;
    }
    text.chars().take(LONGEST).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn port(name: &str, kind: PortKind, many: bool) -> Port {
        Port {
            name: name.to_owned(),
            kind,
            label: name.to_owned(),
            required: false,
            many,
            doc: String::new(),
        }
    }

    fn case(text: &str) -> (tempfile::TempDir, Case) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("first.json");
        fs::write(&path, text).unwrap();
        let case = Case::read(&path).unwrap();
        (folder, case)
    }

    #[test]
    fn values_are_read_by_the_kind_of_their_port() {
        let text = r#"{"inputs": {"t": "hello", "n": [1, 2], "j": [1], "x": {"tensor": {"shape": [2], "data": [0, 1]}}}}"#;
        let (_folder, case) = case(text);
        let ports = [
            port("t", PortKind::Text, false),
            port("n", PortKind::Number, true),
            port("j", PortKind::Json, false),
            port("x", PortKind::Tensor, false),
        ];
        let inputs = case.inputs(&ports).unwrap();
        let of = |name: &str| {
            inputs.iter().filter(|input| input.port == name).map(|input| &input.value).collect::<Vec<_>>()
        };
        assert_eq!(of("t"), [&Value::Text("hello".to_owned())]);
        assert_eq!(of("n"), [&Value::Number(1.0), &Value::Number(2.0)]);
        assert_eq!(of("j"), [&Value::Json(json!([1]))]);
        assert!(matches!(of("x")[..], [Value::Tensor(tensor)] if tensor.shape() == [2]));
    }

    #[test]
    fn what_does_not_fit_a_port_is_told() {
        for (text, hint) in [
            (r#"{"inputs": {"nothing": 1}}"#, "no input `nothing`; it has t, i"),
            (r#"{"inputs": {"t": 1}}"#, "wants a text, but is 1"),
            (r#"{"inputs": {"i": "in.png"}}"#, r#"{"image": "file.png"}"#),
            (r#"{"inputs": {"i": {"image": "../in.png"}}}"#, "without folders"),
            (r#"{"inputs": {"i": {"image": "gone.png"}}}"#, "gone.png"),
        ] {
            let (_folder, case) = case(text);
            let ports = [port("t", PortKind::Text, false), port("i", PortKind::Image, false)];
            let message = case.inputs(&ports).unwrap_err().to_string();
            assert!(message.contains(hint), "{message} does not say {hint}");
        }
    }

    #[test]
    fn a_file_that_says_something_else_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("first.json");
        fs::write(&path, r#"{"input": {}}"#).unwrap();
        let message = Case::read(&path).unwrap_err().to_string();
        assert!(message.contains("first.json") && message.contains("unknown field `input`"), "{message}");
    }

    #[test]
    fn the_first_call_that_differs_is_told() {
        let calls = |calls: &[&str]| calls.iter().map(|call| (*call).to_owned()).collect::<Vec<_>>();
        assert_eq!(compare_calls(&calls(&["a"]), &calls(&["a"])), None);
        let told = compare_calls(&calls(&["a", "b"]), &calls(&["a", "c"])).unwrap();
        assert_eq!(told, "call 2 is “c” instead of “b”");
        assert!(compare_calls(&calls(&["a"]), &[]).unwrap().contains("nothing instead of “a”"));
    }
}
