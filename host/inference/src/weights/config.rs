//! Configuration files: typed access to JSON keys, with errors that name the file and the key.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::{BrokenFile, Loaded};

/// Longest configuration that is read; shard indices of large models take a few megabytes.
const MAX_BYTES: u64 = 16 << 20;

/// A JSON object read from a file.
#[derive(Debug, Clone)]
pub struct ConfigFile {
    path: PathBuf,
    /// Names of the sections that the values lie in, each followed by a dot.
    section: String,
    values: Map<String, Value>,
}

impl ConfigFile {
    /// Reads a file.
    ///
    /// # Errors
    /// It is missing, too long, or not a JSON object.
    pub fn read(path: &Path) -> Loaded<Self> {
        let text = read_text(path, MAX_BYTES)?;
        Self::parse(path, &text)
    }

    /// Parses `text` as if read from `path`. Python writes infinities and not-a-number bare; they are read as
    /// absent.
    ///
    /// # Errors
    /// The text is not a JSON object.
    pub fn parse(path: &Path, text: &str) -> Loaded<Self> {
        let values = serde_json::from_str(text)
            .or_else(|error| serde_json::from_str(&without_infinities(text)).map_err(|_| error))
            .map_err(|e| BrokenFile::new(path, format!("is not a JSON object: {e}")))?;
        Ok(Self { path: path.to_path_buf(), section: String::new(), values })
    }

    /// Values that were derived from a file, as if they stood in a section of it.
    ///
    /// # Errors
    /// They are not a JSON object.
    pub(crate) fn derived(path: &Path, section: &str, values: Value) -> Loaded<Self> {
        match values {
            Value::Object(values) => {
                Ok(Self { path: path.to_path_buf(), section: format!("{section}."), values })
            }
            _ => Err(BrokenFile::new(path, format!("`{section}` is not a JSON object"))),
        }
    }

    /// The file that the values come from.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// An error about one key of this file.
    pub fn problem(&self, key: &str, problem: impl std::fmt::Display) -> BrokenFile {
        BrokenFile::new(&self.path, format!("`{}{key}`: {problem}", self.section))
    }

    /// The value of a key, none when it is absent or null.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.values.get(key).filter(|value| !value.is_null())
    }

    /// A JSON object.
    pub fn object(&self, key: &str) -> Loaded<&Map<String, Value>> {
        self.get(key).and_then(Value::as_object).ok_or_else(|| self.problem(key, "an object is needed"))
    }

    /// The object of a key as a configuration of its own, whose errors name the key too.
    ///
    /// # Errors
    /// There is no such object.
    pub fn section(&self, key: &str) -> Loaded<Self> {
        let values = self.object(key)?.clone();
        Ok(Self { path: self.path.clone(), section: format!("{}{key}.", self.section), values })
    }

    /// A whole number from 0 up.
    pub fn integer(&self, key: &str) -> Loaded<Option<usize>> {
        self.get(key).map(|v| whole(v).ok_or_else(|| self.bad(key, v, "a whole number"))).transpose()
    }

    /// A whole number, or `default`.
    pub fn integer_or(&self, key: &str, default: usize) -> Loaded<usize> {
        Ok(self.integer(key)?.unwrap_or(default))
    }

    /// A whole number above 0 and at most `most`, which must be there.
    pub fn size(&self, key: &str, most: usize) -> Loaded<usize> {
        match self.integer(key)? {
            Some(n) if (1..=most).contains(&n) => Ok(n),
            Some(n) => Err(self.problem(key, format!("{n} is not between 1 and {most}"))),
            None => Err(self.problem(key, "is missing")),
        }
    }

    /// A list of whole numbers above 0 and at most `most`, which must be there and not empty.
    pub fn sizes(&self, key: &str, most: usize) -> Loaded<Vec<usize>> {
        let value = self.get(key).ok_or_else(|| self.problem(key, "is missing"))?;
        let list =
            value.as_array().filter(|l| !l.is_empty()).ok_or_else(|| self.bad(key, value, "a list"))?;
        let sizes = list.iter().map(whole).collect::<Option<Vec<_>>>();
        sizes
            .filter(|sizes| sizes.iter().all(|n| (1..=most).contains(n)))
            .ok_or_else(|| self.bad(key, value, &format!("numbers between 1 and {most}")))
    }

    /// A list of finite numbers that must be there and not empty.
    pub fn numbers(&self, key: &str) -> Loaded<Vec<f64>> {
        let value = self.get(key).ok_or_else(|| self.problem(key, "is missing"))?;
        let list = value.as_array().filter(|list| !list.is_empty());
        list.and_then(|list| list.iter().map(Value::as_f64).collect::<Option<Vec<_>>>())
            .filter(|numbers| numbers.iter().all(|n| n.is_finite()))
            .ok_or_else(|| self.bad(key, value, "a list of numbers"))
    }

    /// One whole number for all of `count` places, or a list with one for each.
    pub fn size_each(
        &self,
        key: &str,
        default: Option<usize>,
        count: usize,
        most: usize,
    ) -> Loaded<Vec<usize>> {
        match (self.get(key), default) {
            (None, Some(default)) => Ok(vec![default; count]),
            (Some(Value::Array(_)), _) => {
                let sizes = self.sizes(key, most)?;
                if sizes.len() == count {
                    Ok(sizes)
                } else {
                    Err(self.problem(key, format!("has {} numbers for {count} levels", sizes.len())))
                }
            }
            _ => Ok(vec![self.size(key, most)?; count]),
        }
    }

    /// A finite number, or `default`.
    pub fn number_or(&self, key: &str, default: f64) -> Loaded<f64> {
        match self.get(key) {
            None => Ok(default),
            Some(v) => v.as_f64().filter(|n| n.is_finite()).ok_or_else(|| self.bad(key, v, "a number")),
        }
    }

    /// True or false, none when absent.
    pub fn flag(&self, key: &str) -> Loaded<Option<bool>> {
        self.get(key).map(|v| v.as_bool().ok_or_else(|| self.bad(key, v, "true or false"))).transpose()
    }

    /// True or false, or `default`.
    pub fn flag_or(&self, key: &str, default: bool) -> Loaded<bool> {
        Ok(self.flag(key)?.unwrap_or(default))
    }

    /// A text, none when absent.
    pub fn text(&self, key: &str) -> Loaded<Option<&str>> {
        self.get(key).map(|v| v.as_str().ok_or_else(|| self.bad(key, v, "a text"))).transpose()
    }

    /// A text that must be there.
    pub fn required_text(&self, key: &str) -> Loaded<&str> {
        self.text(key)?.ok_or_else(|| self.problem(key, "is missing"))
    }

    /// A list of texts that must be there.
    pub fn texts(&self, key: &str) -> Loaded<Vec<&str>> {
        let value = self.get(key).ok_or_else(|| self.problem(key, "is missing"))?;
        value
            .as_array()
            .and_then(|list| list.iter().map(Value::as_str).collect::<Option<Vec<_>>>())
            .ok_or_else(|| self.bad(key, value, "a list of texts"))
    }

    /// Refuses keys that switch on mathematics which is not there: each must be absent, null or false.
    pub fn must_be_off(&self, keys: &[&str]) -> Loaded<()> {
        for key in keys {
            match self.get(key) {
                None | Some(Value::Bool(false)) => {}
                Some(value) => return Err(self.problem(key, format!("`{value}` is not supported"))),
            }
        }
        Ok(())
    }

    /// Refuses a key unless it is absent or has this value.
    pub fn must_be(&self, key: &str, wanted: impl Into<Value>) -> Loaded<()> {
        let wanted = wanted.into();
        match self.get(key) {
            None => Ok(()),
            Some(value) if *value == wanted => Ok(()),
            Some(value) if value.is_number() && value.as_f64() == wanted.as_f64() => Ok(()),
            Some(value) => Err(self.problem(key, format!("`{value}` is not supported, only `{wanted}`"))),
        }
    }

    fn bad(&self, key: &str, value: &Value, wanted: &str) -> BrokenFile {
        let mut shown = value.to_string();
        if shown.len() > 80 {
            shown = shown.chars().take(80).chain("…".chars()).collect();
        }
        self.problem(key, format!("`{shown}` is not {wanted}"))
    }
}

/// Reads a text file of at most `limit` bytes.
pub(crate) fn read_text(path: &Path, limit: u64) -> Loaded<String> {
    String::from_utf8(read_bytes(path, limit)?)
        .map_err(|e| BrokenFile::new(path, format!("cannot be read: {e}")))
}

/// Reads a file of at most `limit` bytes.
pub(crate) fn read_bytes(path: &Path, limit: u64) -> Loaded<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = open_file(path)?.take(limit + 1).read_to_end(&mut bytes);
    let read = read.map_err(|e| BrokenFile::new(path, format!("cannot be read: {e}")))?;
    if read as u64 > limit {
        return Err(BrokenFile::new(path, format!("is longer than {limit} bytes")));
    }
    Ok(bytes)
}

/// Opens a plain file; anything else, such as a pipe, could block or never end.
pub(super) fn open_file(path: &Path) -> Loaded<File> {
    let broken = |e: std::io::Error| BrokenFile::new(path, format!("cannot be opened: {e}"));
    if std::fs::metadata(path).map_err(broken)?.is_file() {
        File::open(path).map_err(broken)
    } else {
        Err(BrokenFile::new(path, "cannot be opened: it is not a plain file"))
    }
}

fn whole(value: &Value) -> Option<usize> {
    value.as_u64().and_then(|n| usize::try_from(n).ok())
}

/// Replaces bare `Infinity` and `NaN`, with their sign, by null; texts are left alone.
fn without_infinities(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut inside = false;
    while let Some(c) = rest.chars().next() {
        let word = ["-Infinity", "Infinity", "NaN"].into_iter().find(|w| !inside && rest.starts_with(w));
        let length = match word {
            Some(word) => {
                out.push_str("null");
                word.len()
            }
            None if inside && c == '\\' => {
                let escaped = rest.chars().take(2).map(char::len_utf8).sum();
                out.push_str(rest.get(..escaped).unwrap_or_default());
                escaped
            }
            None => {
                inside ^= c == '"';
                out.push(c);
                c.len_utf8()
            }
        };
        rest = rest.get(length..).unwrap_or_default();
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bare_infinities_are_read_as_absent() {
        let text = r#"{"lambda_min_clipped": -Infinity, "name": "Infinity \" NaN", "n": 3}"#;
        let config = ConfigFile::parse(Path::new("x.json"), text).unwrap();
        assert!(config.get("lambda_min_clipped").is_none());
        assert_eq!(config.text("name").unwrap(), Some("Infinity \" NaN"));
        assert_eq!(config.integer("n").unwrap(), Some(3));
    }

    #[test]
    fn errors_name_the_file_and_the_key() {
        let config = ConfigFile::parse(Path::new("unet/config.json"), r#"{"levels": "two"}"#).unwrap();
        let message = config.size("levels", 9).unwrap_err().to_string();
        assert_eq!(message, "unet/config.json: `levels`: `\"two\"` is not a whole number");
        let outer = ConfigFile::parse(Path::new("config.json"), r#"{"text": {"inner": {}}}"#).unwrap();
        let inner = outer.section("text").unwrap().section("inner").unwrap();
        let message = inner.size("width", 9).unwrap_err().to_string();
        assert_eq!(message, "config.json: `text.inner.width`: is missing");
    }
}
