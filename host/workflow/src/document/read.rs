//! Reading a document: the text is parsed once and each part is then taken out by hand, so that an error names the key
//! it is about and what belongs there, and every count is bounded before anything is built from it.

use std::collections::BTreeMap;
use std::fmt::{self, Display};
use std::str::FromStr;

use semver::VersionReq;
use serde_json::{Map, Value};

use super::place::{Place, Step, find};
use super::{BrickNode, Document, Link, Lock, LockedBrick, VERSION};

/// Largest document text, in bytes.
pub const MAX_BYTES: usize = 8 * 1024 * 1024;
/// Most bricks in a document.
pub const MAX_BRICKS: usize = 500;
/// Most links in a document.
pub const MAX_LINKS: usize = 2000;
/// Deepest nesting of lists and objects in a document.
pub const MAX_DEPTH: usize = 64;
/// Longest name of a document, in characters.
const MAX_NAME: usize = 200;
/// Most entries in each table of the lock.
const MAX_LOCKED: usize = 2000;

/// Why a text is not a document that this program can read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DocumentError {
    /// More bytes than [`MAX_BYTES`].
    #[error("the workflow has {bytes} bytes; at most {MAX_BYTES} are read")]
    TooLarge {
        /// Size of the text.
        bytes: usize,
    },
    /// Not JSON.
    #[error("not valid JSON at {place}: {reason}")]
    Syntax {
        /// Where.
        place: Place,
        /// What the parser met.
        reason: String,
    },
    /// Something is missing, or is not what belongs there.
    #[error("{} {expected}{}", .path.subject(), in_brackets(*.place))]
    Shape {
        /// Where, by keys.
        path: KeyPath,
        /// What was expected and what is there.
        expected: String,
        /// Where, in the text; none when the document came in another form.
        place: Option<Place>,
    },
    /// Written by a newer program.
    #[error(
        "this workflow has format version {found}; this program reads version {VERSION}. Update the program to open it"
    )]
    NewerVersion {
        /// The document's version.
        found: u64,
    },
    /// A list of bricks without links, as the original Qpyt-UI wrote them.
    #[error("this is a workflow of the original Qpyt-UI, not a document; import it")]
    Original,
    /// A list of the original program with more than [`MAX_BRICKS`] bricks.
    #[error("the workflow has {bricks} bricks; at most {MAX_BRICKS} are read")]
    TooManyBricks {
        /// How many there are.
        bricks: usize,
    },
    /// A list that holds no brick of the original program.
    #[error(
        "this list holds no bricks; a workflow of the original Qpyt-UI is a list of `{{\"id\", \"type\", \"props\"}}`"
    )]
    NoOriginalBricks,
}

/// Where in a document something is, written like `bricks[2].params`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KeyPath(Vec<Step>);

impl KeyPath {
    fn key(&self, key: &str) -> Self {
        self.with(Step::Key(key.to_owned()))
    }

    fn index(&self, index: usize) -> Self {
        self.with(Step::Index(index))
    }

    fn with(&self, step: Step) -> Self {
        Self(self.0.iter().cloned().chain([step]).collect())
    }

    fn subject(&self) -> String {
        if self.0.is_empty() { "the workflow".to_owned() } else { format!("`{self}`") }
    }

    fn error(&self, expected: impl Into<String>) -> DocumentError {
        DocumentError::Shape { path: self.clone(), expected: expected.into(), place: None }
    }
}

impl Display for KeyPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (depth, step) in self.0.iter().enumerate() {
            match step {
                Step::Key(key) if depth == 0 => f.write_str(&cut(key))?,
                Step::Key(key) => write!(f, ".{}", cut(key))?,
                Step::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

fn in_brackets(place: Option<Place>) -> String {
    place.map_or(String::new(), |place| format!(" ({place})"))
}

impl DocumentError {
    /// The same error with its place in the text that was read.
    fn located(mut self, text: &[u8]) -> Self {
        if let Self::Shape { path, place, .. } = &mut self {
            *place = find(text, &path.0);
        }
        self
    }
}

/// Parses JSON text under the bounds on size and depth.
pub(crate) fn parse_bounded(text: &[u8]) -> Result<Value, DocumentError> {
    if text.len() > MAX_BYTES {
        return Err(DocumentError::TooLarge { bytes: text.len() });
    }
    let value: Value = serde_json::from_slice(text).map_err(|error| DocumentError::Syntax {
        place: Place { line: error.line(), column: error.column() },
        reason: reason_only(&error),
    })?;
    check_depth(&value)?;
    Ok(value)
}

/// The parser's message without the place, which we give ourselves.
fn reason_only(error: &serde_json::Error) -> String {
    let message = error.to_string();
    message.split(" at line ").next().unwrap_or(&message).to_owned()
}

fn check_depth(value: &Value) -> Result<(), DocumentError> {
    let mut level: Vec<&Value> = vec![value];
    for _ in 0..=MAX_DEPTH {
        level = level
            .into_iter()
            .flat_map(|value| -> Box<dyn Iterator<Item = &Value>> {
                match value {
                    Value::Array(items) => Box::new(items.iter()),
                    Value::Object(members) => Box::new(members.values()),
                    _ => Box::new(std::iter::empty()),
                }
            })
            .collect();
        if level.is_empty() {
            return Ok(());
        }
    }
    Err(KeyPath::default().error(format!("is nested more than {MAX_DEPTH} levels deep")))
}

impl Document {
    /// Reads a document from JSON text.
    ///
    /// # Errors
    /// When the text is not JSON or not a document, with the line and column and, for the latter, the key and what
    /// belongs there; and when it is larger than [`MAX_BYTES`], [`MAX_BRICKS`], [`MAX_LINKS`] or [`MAX_DEPTH`].
    pub fn from_json(text: impl AsRef<[u8]>) -> Result<Self, DocumentError> {
        let text = text.as_ref();
        from_value(parse_bounded(text)?).map_err(|error| error.located(text))
    }
}

impl TryFrom<Value> for Document {
    type Error = DocumentError;
    fn try_from(value: Value) -> Result<Self, DocumentError> {
        check_depth(&value)?;
        from_value(value)
    }
}

/// Reads a document from JSON whose depth was checked.
fn from_value(value: Value) -> Result<Document, DocumentError> {
    if value.is_array() {
        return Err(DocumentError::Original);
    }
    let mut whole = Members::of(value, KeyPath::default())?;
    let version = whole.required("version", version)?;
    Ok(Document {
        version,
        name: whole.required("name", name)?,
        doc: whole.optional("doc", text)?,
        bricks: whole.required("bricks", |value, path| list(value, path, MAX_BRICKS, node))?,
        links: whole.optional("links", |value, path| list(value, path, MAX_LINKS, link))?.unwrap_or_default(),
        layout: whole.optional("layout", object)?.unwrap_or_default(),
        lock: whole.optional("lock", lock)?.unwrap_or_default(),
        other: whole.rest,
    })
}

/// The members of one object, taken out one by one; what stays behind is kept as it is.
struct Members {
    rest: Map<String, Value>,
    path: KeyPath,
}

impl Members {
    fn of(value: Value, path: KeyPath) -> Result<Self, DocumentError> {
        Ok(Self { rest: object(value, &path)?, path })
    }

    fn required<T>(
        &mut self,
        key: &str,
        read: impl FnOnce(Value, &KeyPath) -> Result<T, DocumentError>,
    ) -> Result<T, DocumentError> {
        match self.rest.remove(key) {
            Some(value) => read(value, &self.path.key(key)),
            None => Err(self.path.error(format!("must have the key `{key}`"))),
        }
    }

    fn optional<T>(
        &mut self,
        key: &str,
        read: impl FnOnce(Value, &KeyPath) -> Result<T, DocumentError>,
    ) -> Result<Option<T>, DocumentError> {
        match self.rest.remove(key) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => read(value, &self.path.key(key)).map(Some),
        }
    }
}

fn version(value: Value, path: &KeyPath) -> Result<u64, DocumentError> {
    match value.as_u64() {
        Some(VERSION) => Ok(VERSION),
        Some(found) if found > VERSION => Err(DocumentError::NewerVersion { found }),
        _ => Err(path.error(format!("must be the number {VERSION}, not {}", show(&value)))),
    }
}

fn name(value: Value, path: &KeyPath) -> Result<String, DocumentError> {
    let name = text(value, path)?;
    let length = name.chars().count();
    if length > MAX_NAME {
        return Err(path.error(format!("must have at most {MAX_NAME} characters, not {length}")));
    }
    Ok(name)
}

fn node(value: Value, path: &KeyPath) -> Result<BrickNode, DocumentError> {
    let mut node = Members::of(value, path.clone())?;
    Ok(BrickNode {
        id: node.required("id", parsed)?,
        brick: node.required("brick", parsed)?,
        requires: node.optional("requires", parsed)?.unwrap_or(VersionReq::STAR),
        params: node.optional("params", object)?.unwrap_or_default(),
        other: node.rest,
    })
}

fn link(value: Value, path: &KeyPath) -> Result<Link, DocumentError> {
    let mut link = Members::of(value, path.clone())?;
    Ok(Link { from: link.required("from", parsed)?, to: link.required("to", parsed)?, other: link.rest })
}

fn lock(value: Value, path: &KeyPath) -> Result<Lock, DocumentError> {
    let mut lock = Members::of(value, path.clone())?;
    Ok(Lock {
        bricks: lock.optional("bricks", |value, path| table(value, path, locked_brick))?.unwrap_or_default(),
        models: lock.optional("models", |value, path| table(value, path, parsed))?.unwrap_or_default(),
        other: lock.rest,
    })
}

fn locked_brick(value: Value, path: &KeyPath) -> Result<LockedBrick, DocumentError> {
    let mut locked = Members::of(value, path.clone())?;
    Ok(LockedBrick {
        version: locked.required("version", parsed)?,
        digest: locked.required("digest", parsed)?,
        other: locked.rest,
    })
}

fn object(value: Value, path: &KeyPath) -> Result<Map<String, Value>, DocumentError> {
    match value {
        Value::Object(members) => Ok(members),
        value => Err(path.error(format!("must be an object, not {}", show(&value)))),
    }
}

fn text(value: Value, path: &KeyPath) -> Result<String, DocumentError> {
    match value {
        Value::String(text) => Ok(text),
        value => Err(path.error(format!("must be a text, not {}", show(&value)))),
    }
}

/// A text that is read further into a type of its own.
fn parsed<T: FromStr<Err: Display>>(value: Value, path: &KeyPath) -> Result<T, DocumentError> {
    text(value, path)?.parse().map_err(|error| path.error(format!("can't be read: {error}")))
}

fn list<T>(
    value: Value,
    path: &KeyPath,
    most: usize,
    read: impl Fn(Value, &KeyPath) -> Result<T, DocumentError>,
) -> Result<Vec<T>, DocumentError> {
    match value {
        Value::Array(items) if items.len() > most => {
            Err(path.error(format!("may have at most {most} entries, not {}", items.len())))
        }
        Value::Array(items) => {
            items.into_iter().enumerate().map(|(index, item)| read(item, &path.index(index))).collect()
        }
        value => Err(path.error(format!("must be a list, not {}", show(&value)))),
    }
}

fn table<T>(
    value: Value,
    path: &KeyPath,
    read: impl Fn(Value, &KeyPath) -> Result<T, DocumentError>,
) -> Result<BTreeMap<String, T>, DocumentError> {
    let members = object(value, path)?;
    if members.len() > MAX_LOCKED {
        return Err(path.error(format!("may have at most {MAX_LOCKED} entries, not {}", members.len())));
    }
    members
        .into_iter()
        .map(|(key, member)| {
            let read = read(member, &path.key(&key))?;
            Ok((key, read))
        })
        .collect()
}

/// A value in a message: plain ones as they are, cut short; lists and objects by what they are.
pub(crate) fn show(value: &Value) -> String {
    match value {
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
        value => cut(&value.to_string()),
    }
}

/// A text in a message, whole when it is short.
pub(crate) fn cut(text: &str) -> String {
    /// Longest text that is quoted whole, in characters.
    const LONGEST: usize = 60;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn error(value: Value) -> String {
        Document::try_from(value).unwrap_err().to_string()
    }

    fn with_brick(node: Value) -> Value {
        json!({"version": 1, "name": "x", "bricks": [{"id": "a", "brick": "qpyt:prompt"}, node]})
    }

    #[test]
    fn what_is_not_json_is_told_with_line_and_column() {
        let message = Document::from_json("{\n  \"version\": 1,\n  oops\n}").unwrap_err().to_string();
        assert!(message.contains("line 3, column 3"), "{message}");
    }

    #[test]
    fn a_wrong_value_is_told_with_its_key_and_what_belongs_there() {
        assert_eq!(
            error(with_brick(json!({"id": "b", "brick": 7}))),
            "`bricks[1].brick` must be a text, not 7"
        );
        assert_eq!(error(with_brick(json!({"brick": "qpyt:prompt"}))), "`bricks[1]` must have the key `id`");
        assert_eq!(error(json!({"version": 1, "bricks": []})), "the workflow must have the key `name`");
        assert_eq!(error(json!("hello")), "the workflow must be an object, not \"hello\"");
        let message = error(with_brick(json!({"id": "b", "brick": "prompt"})));
        assert!(
            message.starts_with("`bricks[1].brick` can't be read: `prompt` is not the name of a brick"),
            "{message}"
        );
        let message = error(with_brick(json!({"id": "b", "brick": "qpyt:prompt", "requires": "new"})));
        assert!(message.starts_with("`bricks[1].requires` can't be read"), "{message}");
    }

    #[test]
    fn a_wrong_value_in_a_text_is_told_with_line_and_column_too() {
        let text = "{\"version\": 1, \"name\": \"x\",\n \"bricks\": [\n  {\"id\": \"a\", \"brick\": 7}]}";
        let message = Document::from_json(text).unwrap_err().to_string();
        assert_eq!(message, "`bricks[0].brick` must be a text, not 7 (line 3, column 24)");
    }

    #[test]
    fn a_newer_format_says_which_version_is_known() {
        let message = error(json!({"version": 9, "name": "x", "bricks": []}));
        assert!(message.contains("format version 9") && message.contains("reads version 1"), "{message}");
        assert_eq!(
            error(json!({"version": "1", "name": "x", "bricks": []})),
            "`version` must be the number 1, not \"1\""
        );
    }

    #[test]
    fn a_list_of_the_original_program_says_to_import_it() {
        assert_eq!(Document::from_json("[]").unwrap_err(), DocumentError::Original);
    }

    #[test]
    fn too_many_bricks_and_links_are_refused() {
        let brick = json!({"id": "a", "brick": "qpyt:prompt"});
        let link = json!({"from": "a.b", "to": "c.d"});
        let full = |bricks, links| json!({"version": 1, "name": "x", "bricks": vec![brick.clone(); bricks], "links": vec![link.clone(); links]});
        assert!(Document::from_json(full(MAX_BRICKS, MAX_LINKS).to_string()).is_ok());
        assert_eq!(error(full(MAX_BRICKS + 1, 0)), "`bricks` may have at most 500 entries, not 501");
        assert_eq!(error(full(0, MAX_LINKS + 1)), "`links` may have at most 2000 entries, not 2001");
    }

    #[test]
    fn a_text_that_is_too_large_is_refused_before_it_is_parsed() {
        let text = vec![b' '; MAX_BYTES + 1];
        assert_eq!(Document::from_json(text).unwrap_err(), DocumentError::TooLarge { bytes: MAX_BYTES + 1 });
    }

    #[test]
    fn nesting_that_is_too_deep_is_refused() {
        let nested = |depth: usize| (0..depth).fold(json!(1), |value, _| json!([value]));
        let deep = |depth| json!({"version": 1, "name": "x", "bricks": [], "more": nested(depth)});
        assert!(Document::from_json(deep(MAX_DEPTH - 1).to_string()).is_ok());
        assert!(error(deep(MAX_DEPTH)).contains("more than 64 levels"));
        let endless = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(Document::from_json(endless).is_err());
    }

    #[test]
    fn a_name_without_end_is_refused() {
        assert!(
            error(json!({"version": 1, "name": "x".repeat(201), "bricks": []}))
                .contains("at most 200 characters")
        );
    }
}
