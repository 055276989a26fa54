//! Parameters: a struct that the person fills in through a form.

use serde_json::Value;

use crate::media::types::Container;
use crate::schema::{Property, Schema};
use crate::{BrickError, JsonObject, Result};

/// A struct whose fields are the parameters of a brick. Use the derive: it writes the schema and the reader from the
/// same lines.
pub trait Params: Sized {
    /// One or two sentences for the person: the struct's doc comment.
    const DOC: &'static str;

    /// The JSON Schema that draws the form, and that the host checks parameters against before each run.
    fn schema() -> Schema;

    /// The parameters from a JSON object. What is missing has its default.
    fn from_json(params: &JsonObject) -> Result<Self>;

    /// The parameters with every value at its default.
    fn defaults() -> Result<Self> {
        Self::from_json(&JsonObject::new())
    }
}

/// A type that a parameter may have.
pub trait Parameter: Sized {
    /// What is asked for, as the end of "this wants ...".
    const WANTED: &'static str;

    /// Writes the type, and what follows from it, into the schema.
    fn describe(property: Property) -> Property;

    /// The value, or none if the JSON is of another type.
    fn parse(value: &Value) -> Option<Self>;

    /// The value as JSON.
    fn to_json(&self) -> Value;
}

/// Reads a JSON object.
pub(crate) fn parse(params: &str) -> Result<JsonObject, String> {
    serde_json::from_str(params).map_err(|error| format!("The parameters are not a JSON object: {error}."))
}

/// Reads one parameter; a missing one is its default.
pub fn read<T: Parameter>(params: &JsonObject, name: &str, default: impl FnOnce() -> T) -> Result<T> {
    match params.get(name) {
        None => Ok(default()),
        Some(value) => {
            T::parse(value).ok_or_else(|| BrickError::bad_param(name, format!("This wants {}.", T::WANTED)))
        }
    }
}

impl Parameter for String {
    const WANTED: &'static str = "a text";

    fn describe(property: Property) -> Property {
        property.keyword("type", "string")
    }

    fn parse(value: &Value) -> Option<Self> {
        value.as_str().map(str::to_owned)
    }

    fn to_json(&self) -> Value {
        Value::from(self.as_str())
    }
}

impl Parameter for bool {
    const WANTED: &'static str = "yes or no";

    fn describe(property: Property) -> Property {
        property.keyword("type", "boolean")
    }

    fn parse(value: &Value) -> Option<Self> {
        value.as_bool()
    }

    fn to_json(&self) -> Value {
        Value::from(*self)
    }
}

impl Parameter for f64 {
    const WANTED: &'static str = "a number";

    fn describe(property: Property) -> Property {
        property.keyword("type", "number")
    }

    fn parse(value: &Value) -> Option<Self> {
        value.as_f64()
    }

    fn to_json(&self) -> Value {
        Value::from(*self)
    }
}

/// The whole number that a JSON number stands for; to JSON Schema, `2.0` is one.
fn whole(value: &Value) -> Option<i64> {
    /// Above this, not every whole number is a float.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    value.as_i64().or_else(|| {
        value
            .as_f64()
            .filter(|number| number.fract() == 0.0 && number.abs() <= EXACT)
            .map(|number| number as i64)
    })
}

macro_rules! whole_numbers {
    ($($integer:ty: $wanted:literal),+) => {$(
        impl Parameter for $integer {
            const WANTED: &'static str = $wanted;

            fn describe(property: Property) -> Property {
                property.keyword("type", "integer")
            }

            fn parse(value: &Value) -> Option<Self> {
                whole(value).and_then(|number| Self::try_from(number).ok())
            }

            fn to_json(&self) -> Value {
                Value::from(*self)
            }
        }
    )+};
}
whole_numbers!(
    u8: "a whole number from 0 to 255",
    u32: "a whole number from 0 to 4294967295",
    i32: "a whole number",
    i64: "a whole number"
);

impl<T: Parameter> Parameter for Option<T> {
    const WANTED: &'static str = T::WANTED;

    fn describe(property: Property) -> Property {
        T::describe(property).or_null()
    }

    fn parse(value: &Value) -> Option<Self> {
        if value.is_null() { Some(None) } else { T::parse(value).map(Some) }
    }

    fn to_json(&self) -> Value {
        self.as_ref().map_or(Value::Null, T::to_json)
    }
}

impl<T: Parameter> Parameter for Vec<T> {
    const WANTED: &'static str = "a list";

    fn describe(property: Property) -> Property {
        property.list_of(T::describe(Property::default()))
    }

    fn parse(value: &Value) -> Option<Self> {
        value.as_array()?.iter().map(T::parse).collect()
    }

    fn to_json(&self) -> Value {
        self.iter().map(T::to_json).collect()
    }
}

/// File formats, in the order they are offered.
const CONTAINERS: [(&str, &str, Container); 3] =
    [("png", "PNG", Container::Png), ("jpeg", "JPEG", Container::Jpeg), ("webp", "WebP", Container::Webp)];

impl Parameter for Container {
    const WANTED: &'static str = "png, jpeg or webp";

    fn describe(property: Property) -> Property {
        String::describe(property).choices(CONTAINERS.map(|(id, label, _)| (id, label)))
    }

    fn parse(value: &Value) -> Option<Self> {
        let wanted = value.as_str()?;
        CONTAINERS.into_iter().find(|(id, ..)| *id == wanted).map(|(.., container)| container)
    }

    fn to_json(&self) -> Value {
        CONTAINERS.into_iter().find(|(.., container)| container == self).map(|(id, ..)| id).into()
    }
}
