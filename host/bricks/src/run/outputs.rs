//! The values that come out.

use std::collections::HashSet;

use super::wire::{WireNamed, WireValue};
use crate::{BrickInfo, NamedValue, RunError, Value, sandbox::State};

/// The most values that a run may give, at all ports together.
const MAX_VALUES: usize = 4096;

/// What the host keeps for one value of a JSON document beside its text: the value, and its place in a list or map.
const JSON_VALUE_BYTES: usize = 128;

/// Takes the outputs out of the sandbox and checks them against what the brick described.
pub(super) fn lift(
    state: &mut State,
    brick: &BrickInfo,
    outputs: Vec<WireNamed>,
) -> Result<Vec<NamedValue>, RunError> {
    let limit = state.limits.output_bytes;
    if let Some(surplus) = outputs.get(MAX_VALUES) {
        return Err(bad(
            brick,
            &surplus.port,
            format!("it gave {} values, at most {MAX_VALUES} are allowed", outputs.len()),
        ));
    }
    let mut size = OutputSize { limit, ..OutputSize::default() };
    let mut lifted = Vec::with_capacity(outputs.len());
    for WireNamed { port, value } in outputs {
        size.text(&port);
        let value = lift_value(state, value, &mut size);
        if size.bytes > limit {
            return Err(RunError::TooMuchOutput { brick: brick.id.clone(), limit });
        }
        let value = value.map_err(|problem| bad(brick, &port, problem))?;
        lifted.push(NamedValue { port, value });
    }
    check(brick, &lifted)?;
    Ok(lifted)
}

/// Bytes of all outputs; a buffer that comes out twice counts once.
#[derive(Default)]
struct OutputSize {
    limit: u64,
    bytes: u64,
    buffers: HashSet<usize>,
}

impl OutputSize {
    fn text(&mut self, text: &str) {
        self.bytes = self.bytes.saturating_add(text.len() as u64);
    }

    /// Counts what the parsed document takes, before it is parsed. False if that is too much.
    fn json(&mut self, text: &str) -> bool {
        let values = text.bytes().filter(|byte| matches!(byte, b',' | b'[' | b'{')).count();
        let tree = values.saturating_mul(JSON_VALUE_BYTES);
        self.bytes = self.bytes.saturating_add(tree as u64).saturating_add(text.len() as u64);
        self.bytes <= self.limit
    }

    fn buffer(&mut self, id: usize, bytes: usize) {
        if self.buffers.insert(id) {
            self.bytes = self.bytes.saturating_add(bytes as u64);
        }
    }
}

fn lift_value(state: &mut State, value: WireValue, size: &mut OutputSize) -> Result<Value, String> {
    Ok(match value {
        WireValue::Image(handle) => {
            let image = state.take_image(handle).map_err(|error| error.to_string())?;
            size.buffer(image.buffer_id(), image.pixels().len());
            Value::Image(image)
        }
        WireValue::Tensor(handle) => {
            let tensor = state.take_tensor(handle).map_err(|error| error.to_string())?;
            size.buffer(tensor.buffer_id(), tensor.data().len());
            Value::Tensor(tensor)
        }
        WireValue::Text(text) => {
            size.text(&text);
            Value::Text(text)
        }
        WireValue::Number(number) if number.is_finite() => Value::Number(number),
        WireValue::Number(number) => return Err(format!("{number} is no number that can be passed on")),
        WireValue::Boolean(boolean) => Value::Boolean(boolean),
        WireValue::Json(text) => {
            if !size.json(&text) {
                return Err("its JSON is too large".to_owned());
            }
            Value::Json(
                serde_json::from_str(&text).map_err(|error| format!("it is not valid JSON: {error}"))?,
            )
        }
    })
}

fn check(brick: &BrickInfo, outputs: &[NamedValue]) -> Result<(), RunError> {
    for NamedValue { port: name, value } in outputs {
        let Some(port) = brick.outputs.iter().find(|port| port.name == *name) else {
            return Err(bad(brick, name, "it describes no such output".to_owned()));
        };
        value.check_kind(port.kind).map_err(|problem| bad(brick, name, problem))?;
    }
    for port in &brick.outputs {
        let given = outputs.iter().filter(|output| output.port == port.name).count();
        if port.required && given == 0 {
            return Err(bad(brick, &port.name, "it says that it always gives this, but did not".to_owned()));
        }
        if !port.many && given > 1 {
            return Err(bad(brick, &port.name, format!("it says that it gives one value, but gave {given}")));
        }
    }
    Ok(())
}

fn bad(brick: &BrickInfo, port: &str, problem: String) -> RunError {
    let port = port.chars().take(80).collect();
    RunError::BadOutput { brick: brick.id.clone(), port, problem }
}
