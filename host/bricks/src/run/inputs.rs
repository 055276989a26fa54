//! The values that go in.

use super::wire::{WireNamed, WireValue};
use crate::{BrickInfo, NamedValue, RunError, Value, sandbox::State};

/// Checks the inputs against what the brick described.
pub(super) fn check(
    brick: &BrickInfo,
    inputs: &[NamedValue],
    params: &serde_json::Value,
) -> Result<(), RunError> {
    let bad = |port: &str, problem: String| RunError::BadInput { port: port.to_owned(), problem };
    for NamedValue { port: name, value } in inputs {
        let Some(port) = brick.inputs.iter().find(|port| port.name == *name) else {
            return Err(bad(name, format!("`{}` has no such input", brick.id)));
        };
        value.check_kind(port.kind).map_err(|problem| bad(name, problem))?;
    }
    for port in &brick.inputs {
        let given = inputs.iter().filter(|input| input.port == port.name).count();
        if port.required && given == 0 {
            return Err(bad(&port.name, format!("`{}` can't start without it", brick.id)));
        }
        if !port.many && given > 1 {
            return Err(bad(&port.name, format!("it takes one value, but {given} were given")));
        }
    }
    if !params.is_object() {
        return Err(RunError::BadParam {
            param: "params".to_owned(),
            problem: "the parameters must be a JSON object".to_owned(),
        });
    }
    Ok(())
}

/// Puts the inputs into the sandbox: images and tensors become handles, nothing is copied.
pub(super) fn lower(state: &mut State, inputs: Vec<NamedValue>) -> wasmtime::Result<Vec<WireNamed>> {
    inputs
        .into_iter()
        .map(|NamedValue { port, value }| {
            let value = match value {
                Value::Image(image) => WireValue::Image(state.push_image(image)?),
                Value::Tensor(tensor) => WireValue::Tensor(state.push_tensor(tensor)?),
                Value::Text(text) => WireValue::Text(text),
                Value::Number(number) => WireValue::Number(number),
                Value::Boolean(boolean) => WireValue::Boolean(boolean),
                Value::Json(json) => WireValue::Json(json.to_string()),
            };
            Ok(WireNamed { port, value })
        })
        .collect()
}
