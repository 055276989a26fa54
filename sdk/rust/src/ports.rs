//! Ports: what a brick takes and gives, as the fields of two structs.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::bindings::qpyt::brick::types::{PortKind, Value};
use crate::media::image::Image;
use crate::media::tensor::Tensor;
use crate::{BrickError, Result};

pub use crate::bindings::qpyt::brick::types::{NamedValue, Port};

/// What a brick takes. Use the derive: each field is a port.
pub trait Inputs: Sized {
    /// The ports, in the order they are shown.
    fn ports() -> Vec<Port>;
    /// Takes the values of its ports out of those that came.
    fn take(received: &mut Vec<NamedValue>) -> Result<Self>;
}

/// What a brick gives. Use the derive: each field is a port.
pub trait Outputs: Sized {
    /// The ports, in the order they are shown.
    fn ports() -> Vec<Port>;
    /// Adds the values of its ports to those that are given.
    fn give(self, given: &mut Vec<NamedValue>) -> Result<()>;
}

impl Inputs for () {
    fn ports() -> Vec<Port> {
        Vec::new()
    }

    fn take(_received: &mut Vec<NamedValue>) -> Result<Self> {
        Ok(())
    }
}

impl Outputs for () {
    fn ports() -> Vec<Port> {
        Vec::new()
    }

    fn give(self, _given: &mut Vec<NamedValue>) -> Result<()> {
        Ok(())
    }
}

/// A type that flows through ports.
pub trait PortType: Sized {
    /// The kind of port that carries it.
    const KIND: PortKind;
}

/// A type that an input may have.
pub trait FromValue: PortType {
    /// The value, or what is wrong with it and what to do.
    fn from_value(value: Value) -> Result<Self, String>;
}

/// A type that an output may have.
pub trait IntoValue: PortType {
    /// The value as the host takes it.
    fn into_value(self) -> Result<Value>;
}

/// How many values a port carries: `T` one, `Option<T>` one or none, `Vec<T>` any number.
pub trait Arity: Sized {
    /// What it carries.
    type Item: PortType;
    /// It always carries at least one.
    const REQUIRED: bool;
    /// It may carry several.
    const MANY: bool;

    /// From the values that came; none when there are too few or too many.
    fn from_items(items: Vec<Self::Item>) -> Option<Self>;
    /// The values it holds.
    fn into_items(self) -> Vec<Self::Item>;
}

impl<T: PortType> Arity for T {
    type Item = T;
    const REQUIRED: bool = true;
    const MANY: bool = false;

    fn from_items(items: Vec<T>) -> Option<Self> {
        let mut items = items.into_iter();
        items.next().filter(|_| items.next().is_none())
    }

    fn into_items(self) -> Vec<T> {
        vec![self]
    }
}

impl<T: PortType> Arity for Option<T> {
    type Item = T;
    const REQUIRED: bool = false;
    const MANY: bool = false;

    fn from_items(items: Vec<T>) -> Option<Self> {
        if items.is_empty() { Some(None) } else { T::from_items(items).map(Some) }
    }

    fn into_items(self) -> Vec<T> {
        self.into_iter().collect()
    }
}

impl<T: PortType> Arity for Vec<T> {
    type Item = T;
    const REQUIRED: bool = false;
    const MANY: bool = true;

    fn from_items(items: Vec<T>) -> Option<Self> {
        Some(items)
    }

    fn into_items(self) -> Vec<T> {
        self
    }
}

/// The port that a field of type `F` stands for. `required` asks for at least one value where there may be many.
pub fn port<F: Arity>(name: &str, label: &str, doc: &str, required: bool) -> Port {
    Port {
        name: name.to_owned(),
        kind: F::Item::KIND,
        label: label.to_owned(),
        required: F::REQUIRED || required,
        many: F::MANY,
        doc: doc.to_owned(),
    }
}

/// Takes the values of one input out of those that came.
pub fn take<F: Arity<Item: FromValue>>(
    received: &mut Vec<NamedValue>,
    name: &str,
    required: bool,
) -> Result<F> {
    let items = received
        .extract_if(.., |value| value.port == name)
        .map(|named| F::Item::from_value(named.value).map_err(|problem| BrickError::bad_input(name, problem)))
        .collect::<Result<Vec<_>>>()?;
    if items.is_empty() && (required || F::REQUIRED) {
        return Err(BrickError::bad_input(name, "This input is needed. Link a brick that gives it."));
    }
    let count = items.len();
    F::from_items(items).ok_or_else(|| {
        let problem = format!("This input takes one value and got {count}. Link something that gives one.");
        BrickError::bad_input(name, problem)
    })
}

/// Adds the values of one output to those that are given.
pub fn give<F: Arity<Item: IntoValue>>(
    given: &mut Vec<NamedValue>,
    name: &str,
    required: bool,
    field: F,
) -> Result<()> {
    let items = field.into_items();
    if items.is_empty() && required {
        return Err(BrickError::Other(format!("The brick gave nothing at its output `{name}`.")));
    }
    for item in items {
        given.push(NamedValue { port: name.to_owned(), value: item.into_value()? });
    }
    Ok(())
}

/// A JSON value that is read into, or written from, a Rust type.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Json<T>(pub T);

/// An image with one channel; white is "in".
#[derive(Debug)]
pub struct Mask(pub Image);

/// What came instead of what was wanted.
fn mismatch(wanted: &str, value: &Value) -> String {
    let got = match value {
        Value::Image(_) => "an image",
        Value::Tensor(_) => "a tensor",
        Value::Text(_) => "a text",
        Value::Number(_) => "a number",
        Value::Boolean(_) => "yes or no",
        Value::Json(_) => "a JSON value",
    };
    format!("This input wants {wanted} and got {got}.")
}

macro_rules! plain_port_types {
    ($($rust:ty, $case:ident, $wanted:literal;)+) => {$(
        impl PortType for $rust {
            const KIND: PortKind = PortKind::$case;
        }

        impl FromValue for $rust {
            fn from_value(value: Value) -> Result<Self, String> {
                match value {
                    Value::$case(inner) => Ok(inner),
                    other => Err(mismatch($wanted, &other)),
                }
            }
        }

        impl IntoValue for $rust {
            fn into_value(self) -> Result<Value> {
                Ok(Value::$case(self))
            }
        }
    )+};
}
plain_port_types! {
    String, Text, "a text";
    f64, Number, "a number";
    bool, Boolean, "yes or no";
    Image, Image, "an image";
    Tensor, Tensor, "a tensor";
}

impl PortType for Mask {
    const KIND: PortKind = PortKind::Mask;
}

impl FromValue for Mask {
    fn from_value(value: Value) -> Result<Self, String> {
        match value {
            Value::Image(image) => Ok(Self(image)),
            other => Err(mismatch("a mask", &other)),
        }
    }
}

impl IntoValue for Mask {
    fn into_value(self) -> Result<Value> {
        Ok(Value::Image(self.0))
    }
}

impl<T> PortType for Json<T> {
    const KIND: PortKind = PortKind::Json;
}

impl<T: DeserializeOwned> FromValue for Json<T> {
    fn from_value(value: Value) -> Result<Self, String> {
        match value {
            Value::Json(text) => serde_json::from_str(&text)
                .map(Self)
                .map_err(|error| format!("This JSON can't be used: {error}.")),
            other => Err(mismatch("a JSON value", &other)),
        }
    }
}

impl<T: Serialize> IntoValue for Json<T> {
    fn into_value(self) -> Result<Value> {
        serde_json::to_string(&self.0)
            .map(Value::Json)
            .map_err(|error| BrickError::Other(format!("The brick's JSON can't be written: {error}.")))
    }
}

impl PortType for Value {
    const KIND: PortKind = PortKind::Any;
}

impl FromValue for Value {
    fn from_value(value: Value) -> Result<Self, String> {
        Ok(value)
    }
}

impl IntoValue for Value {
    fn into_value(self) -> Result<Value> {
        Ok(self)
    }
}
