//! The names a document is made of, each a type of its own that can't hold anything else: brick instances, bricks,
//! ports, and a port of an instance.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Longest word, in bytes.
const MAX_WORD: usize = 64;

/// A text that is not the name it was read as.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not {what}; {rule}")]
pub struct NameError {
    text: String,
    what: &'static str,
    rule: &'static str,
}

impl NameError {
    fn new(text: &str, what: &'static str, rule: &'static str) -> Self {
        let text = text.chars().take(MAX_WORD * 2 + 2).collect();
        Self { text, what, rule }
    }
}

/// `[a-z][a-z0-9-]{0,63}`
fn is_word(text: &str) -> bool {
    let mut bytes = text.bytes();
    text.len() <= MAX_WORD
        && bytes.next().is_some_and(|first| first.is_ascii_lowercase())
        && bytes.all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

const WORD_RULE: &str = "start with a lower-case letter, then up to 63 lower-case letters, digits or hyphens";

/// Declares a checked name that behaves like a text everywhere else.
macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $is:expr, $what:literal, $rule:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = NameError;
            fn from_str(text: &str) -> Result<Self, NameError> {
                if $is(text) { Ok(Self(text.to_owned())) } else { Err(NameError::new(text, $what, $rule)) }
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;
            fn try_from(text: String) -> Result<Self, NameError> {
                if $is(&text) { Ok(Self(text)) } else { Err(NameError::new(&text, $what, $rule)) }
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name! {
    /// Names one brick instance within its document: `[a-z][a-z0-9-]{0,63}`.
    NodeId, is_word, "the id of a brick in a workflow", WORD_RULE
}

name! {
    /// Names an input or an output of a brick: `[a-z][a-z0-9-]{0,63}`.
    PortName, is_word, "the name of a port", WORD_RULE
}

name! {
    /// Names a brick wherever it is installed: `namespace:name`, each `[a-z][a-z0-9-]{0,63}`.
    BrickId, is_brick_id, "the name of a brick", "write it as `namespace:name` in lower-case letters, digits and hyphens"
}

fn is_brick_id(text: &str) -> bool {
    text.split_once(':').is_some_and(|(namespace, name)| is_word(namespace) && is_word(name))
}

impl BrickId {
    /// The part behind the colon.
    pub fn name(&self) -> &str {
        self.0.split_once(':').map_or("", |(_, name)| name)
    }
}

/// One port of one brick instance, written `instance.port`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PortRef {
    /// The brick instance.
    pub node: NodeId,
    /// Its port.
    pub port: PortName,
}

impl FromStr for PortRef {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        let whole =
            || NameError::new(text, "a port of a brick", "write it as `brick.port`, like `prompt.prompt`");
        let (node, port) = text.split_once('.').ok_or_else(whole)?;
        Ok(Self { node: node.parse().map_err(|_| whole())?, port: port.parse().map_err(|_| whole())? })
    }
}

impl TryFrom<String> for PortRef {
    type Error = NameError;
    fn try_from(text: String) -> Result<Self, NameError> {
        text.parse()
    }
}

impl From<PortRef> for String {
    fn from(port: PortRef) -> Self {
        port.to_string()
    }
}

impl fmt::Display for PortRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.node, self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instance_id_is_a_lower_case_word_of_at_most_64_bytes() {
        for good in ["a", "prompt", "prompt-2", &"a".repeat(64)] {
            assert_eq!(good.parse::<NodeId>().unwrap().as_str(), good);
        }
        for bad in ["", "2prompt", "-a", "Prompt", "a_b", "a.b", "é", &"a".repeat(65)] {
            assert!(bad.parse::<NodeId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_brick_id_has_a_namespace_and_a_name() {
        let id: BrickId = "qpyt:save-to-disk".parse().unwrap();
        assert_eq!(id.name(), "save-to-disk");
        for bad in ["prompt", "qpyt:", ":prompt", "a:b:c", "Qpyt:prompt", "qpyt/prompt"] {
            assert!(bad.parse::<BrickId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_port_reference_prints_as_it_was_read() {
        let port: PortRef = "render-2.image".parse().unwrap();
        assert_eq!((port.node.as_str(), port.port.as_str()), ("render-2", "image"));
        assert_eq!(port.to_string(), "render-2.image");
        for bad in ["render", "render.", ".image", "a.b.c"] {
            assert!(bad.parse::<PortRef>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_bad_name_says_what_a_good_one_looks_like() {
        let message = "My Brick".parse::<NodeId>().unwrap_err().to_string();
        assert!(message.contains("`My Brick`") && message.contains("lower-case letter"), "{message}");
    }

    #[test]
    fn an_endless_bad_name_is_quoted_short() {
        let message = "X".repeat(10_000).parse::<BrickId>().unwrap_err().to_string();
        assert!(message.len() < 400, "{}", message.len());
    }
}
