//! The JSON Schema (2020-12) of a brick's parameters, with the `x-` keys that the studio's forms read.

use serde_json::Value;

use crate::JsonObject;
use crate::params::Parameter;

/// A value that the person may choose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// The value itself.
    pub id: &'static str,
    /// What the person reads.
    pub label: &'static str,
    /// Heading under which a long list shows it.
    pub group: Option<&'static str>,
}

impl From<(&'static str, &'static str)> for Choice {
    fn from((id, label): (&'static str, &'static str)) -> Self {
        Self { id, label, group: None }
    }
}

/// The schema of one parameter.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Property(JsonObject);

impl Property {
    /// The schema of a parameter of type `T`, with what the person reads and the default.
    pub fn of<T: Parameter>(title: &str, description: &str, default: T) -> Self {
        let property =
            T::describe(Self::default()).keyword("title", title).keyword("default", default.to_json());
        if description.is_empty() { property } else { property.keyword("description", description) }
    }

    /// Sets a keyword of JSON Schema.
    pub(crate) fn keyword(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.insert(name.to_owned(), value.into());
        self
    }

    /// Sets any further key; its name starts with `x-`.
    pub fn hint(self, name: &str, value: impl Into<Value>) -> Self {
        self.keyword(name, value)
    }

    /// The least value allowed.
    pub fn min(self, value: impl Into<Value>) -> Self {
        self.keyword("minimum", value)
    }

    /// The greatest value allowed.
    pub fn max(self, value: impl Into<Value>) -> Self {
        self.keyword("maximum", value)
    }

    /// How far one press of an arrow key goes. Values in between are allowed.
    pub fn step(self, value: impl Into<Value>) -> Self {
        self.keyword("x-step", value)
    }

    /// Only multiples of this are allowed; one press of an arrow key goes as far.
    pub fn multiple_of(self, value: u32) -> Self {
        self.keyword("multipleOf", value).step(value)
    }

    /// The greatest number of items in a list.
    pub fn max_items(self, count: u32) -> Self {
        self.keyword("maxItems", count)
    }

    /// Which editor the form shows.
    pub fn widget(self, name: &str) -> Self {
        self.keyword("x-widget", name)
    }

    /// The values allowed, each with a label. Of a list, the values that its items may have.
    pub fn choices<C: Into<Choice>>(mut self, choices: impl IntoIterator<Item = C>) -> Self {
        let choices: Vec<Choice> = choices.into_iter().map(Into::into).collect();
        match self.0.get_mut("items") {
            Some(Value::Object(items)) => offer(items, &choices),
            _ => offer(&mut self.0, &choices),
        }
        self
    }

    /// Allows `null` as well.
    pub(crate) fn or_null(mut self) -> Self {
        if let Some(kind) = self.0.remove("type") {
            self.0.insert("type".to_owned(), Value::Array(vec![kind, Value::Null.to_string().into()]));
        }
        self
    }

    /// Makes it a list of what `item` describes.
    pub(crate) fn list_of(self, item: Property) -> Self {
        self.keyword("type", "array").keyword("items", item.0)
    }
}

/// Writes the values allowed, and side by side with them their labels and groups.
fn offer(target: &mut JsonObject, choices: &[Choice]) {
    target.insert("enum".to_owned(), choices.iter().map(|choice| choice.id).collect());
    target.insert("x-labels".to_owned(), choices.iter().map(|choice| choice.label).collect());
    if choices.iter().any(|choice| choice.group.is_some()) {
        let groups = choices.iter().map(|choice| choice.group.unwrap_or_default());
        target.insert("x-groups".to_owned(), groups.collect());
    }
}

/// The schema of all parameters, in the order of the form.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Schema {
    properties: Vec<(&'static str, Property)>,
    live_preview: bool,
}

impl Schema {
    /// A schema without parameters.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a parameter.
    pub fn property(mut self, name: &'static str, property: Property) -> Self {
        self.properties.push((name, property));
        self
    }

    /// Adds the parameters of another schema.
    pub fn with(mut self, other: Self) -> Self {
        self.properties.extend(other.properties);
        self
    }

    /// Asks the studio to show what the brick makes while the person changes a parameter. For bricks that change
    /// pictures quickly (about 60 ms for 1024²) and use nothing but `qpyt:job/context`.
    pub fn live_preview(self) -> Self {
        Self { live_preview: true, ..self }
    }

    /// The schema as JSON. `x-order` keeps the order of the form, because an object's keys have none.
    pub fn to_json(&self) -> String {
        let mut properties = JsonObject::new();
        for (name, property) in &self.properties {
            properties.insert((*name).to_owned(), Value::Object(property.0.clone()));
        }
        let order = self.properties.iter().map(|(name, _)| Value::from(*name)).collect();
        let schema = Property::default()
            .keyword("type", "object")
            .keyword("properties", properties)
            .keyword("x-order", Value::Array(order));
        let schema = if self.live_preview { schema.keyword("x-live-preview", true) } else { schema };
        Value::Object(schema.0).to_string()
    }
}
