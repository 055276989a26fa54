//! Starting a brick: a template's files with its names filled in.

use std::fs;
use std::path::{Path, PathBuf};

use crate::files::make_folder;
use crate::source::Language;
use crate::sources::MADE;
use crate::{AuthorError, FileError};

/// Whose bricks they are if nobody says.
const NAMESPACE: &str = "me";
const MAX_NAME: usize = 64;

/// What to start.
#[derive(Debug, Clone, Copy)]
pub struct NewBrick<'a> {
    /// `name` or `namespace:name`.
    pub name: &'a str,
    /// What it is written in.
    pub language: Language,
    /// The folder that gets the brick's folder.
    pub into: &'a Path,
    /// The folder `sdk` of the installation.
    pub sdk: &'a Path,
}

/// The names of a brick, from the one that the person gave.
struct Names {
    name: String,
    id: String,
    label: String,
}

/// Makes the brick's folder and gives its path.
///
/// # Errors
/// When the name can't be used, the folder is there already, or it can't be written.
pub fn create(brick: &NewBrick) -> Result<PathBuf, AuthorError> {
    let names = Names::of(brick.name)?;
    let folder = brick.into.join(&names.name);
    if folder.symlink_metadata().is_ok() {
        return Err(AuthorError::Exists(folder));
    }
    let template = brick.sdk.join("templates").join(brick.language.folder());
    if !template.is_dir() {
        return Err(AuthorError::NoKit { language: brick.language.name(), path: template });
    }
    make_folder(brick.into)?;
    // Under another name until it is whole.
    let draft = tempfile::Builder::new()
        .prefix(".new-brick-")
        .tempdir_in(brick.into)
        .map_err(FileError::on("write into", brick.into))?;
    let sdk = std::path::absolute(brick.sdk).map_err(FileError::on("find", brick.sdk))?;
    let sdk = sdk.to_string_lossy().replace('\\', "/");
    let filled = draft.path().join(&names.name);
    copy(&template, &filled, &|text| names.fill(text, &sdk))?;
    fs::rename(&filled, &folder).map_err(FileError::on("write", &folder))?;
    Ok(folder)
}

/// Copies a folder, with every text filled in. What is no text is copied as it is.
fn copy(from: &Path, to: &Path, fill: &dyn Fn(&str) -> String) -> Result<(), AuthorError> {
    make_folder(to)?;
    for entry in fs::read_dir(from).map_err(FileError::on("read", from))? {
        let entry = entry.map_err(FileError::on("read", from))?;
        let (path, name) = (entry.path(), entry.file_name());
        if MADE.iter().any(|made| name == *made) {
            continue;
        }
        let target = to.join(fill(&name.to_string_lossy()));
        if path.is_dir() {
            copy(&path, &target, fill)?;
            continue;
        }
        let content = fs::read(&path).map_err(FileError::on("read", &path))?;
        let content = match String::from_utf8(content) {
            Ok(text) => fill(&text).into_bytes(),
            Err(bytes) => bytes.into_bytes(),
        };
        fs::write(&target, content).map_err(FileError::on("write", &target))?;
    }
    Ok(())
}

impl Names {
    fn of(given: &str) -> Result<Self, AuthorError> {
        let (namespace, name) = given.split_once(':').unwrap_or((NAMESPACE, given));
        if !is_kebab(namespace) || !is_kebab(name) {
            return Err(AuthorError::BadName(given.chars().take(2 * MAX_NAME).collect()));
        }
        let mut label = name.replace('-', " ");
        if let Some(first) = label.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        Ok(Self { id: format!("{namespace}:{name}"), label, name: name.to_owned() })
    }

    fn fill(&self, text: &str, sdk: &str) -> String {
        text.replace("{{name}}", &self.name)
            .replace("{{id}}", &self.id)
            .replace("{{label}}", &self.label)
            .replace("{{sdk}}", sdk)
    }
}

/// Lower-case words of letters and digits joined by `-`, beginning with a letter, as the contract has it.
fn is_kebab(name: &str) -> bool {
    let is_word = |word: &str| {
        !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    name.len() <= MAX_NAME
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.split('-').all(is_word)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An SDK with one template.
    fn sdk() -> tempfile::TempDir {
        let sdk = tempfile::tempdir().unwrap();
        let template = sdk.path().join("templates/rust");
        fs::create_dir_all(template.join("tests")).unwrap();
        fs::create_dir_all(template.join("target")).unwrap();
        fs::write(template.join("Cargo.toml"), "name = \"{{name}}\"\nsdk = \"{{sdk}}/rust\"").unwrap();
        fs::write(template.join("tests/{{name}}.txt"), "{{id}} {{label}}").unwrap();
        fs::write(template.join("tests/in.png"), [0x89, b'P', 0xff, b'{', b'{']).unwrap();
        sdk
    }

    fn new<'a>(name: &'a str, into: &'a Path, sdk: &'a Path) -> NewBrick<'a> {
        NewBrick { name, language: Language::Rust, into, sdk }
    }

    #[test]
    fn names_are_filled_in_and_pictures_left_alone() {
        let (sdk, into) = (sdk(), tempfile::tempdir().unwrap());
        let folder = create(&new("acme:soft-light", into.path(), sdk.path())).unwrap();
        assert_eq!(folder, into.path().join("soft-light"));
        let text = |name: &str| fs::read_to_string(folder.join(name)).unwrap();
        assert!(text("Cargo.toml").starts_with("name = \"soft-light\""));
        assert!(text("Cargo.toml").contains(sdk.path().to_str().unwrap()));
        assert_eq!(text("tests/soft-light.txt"), "acme:soft-light Soft light");
        assert_eq!(fs::read(folder.join("tests/in.png")).unwrap(), [0x89, b'P', 0xff, b'{', b'{']);
        assert!(!folder.join("target").exists());
        assert_eq!(fs::read_dir(into.path()).unwrap().count(), 1, "no draft is left");
    }

    #[test]
    fn what_is_there_already_is_not_touched() {
        let (sdk, into) = (sdk(), tempfile::tempdir().unwrap());
        fs::write(into.path().join("shout"), "mine").unwrap();
        let message = create(&new("shout", into.path(), sdk.path())).unwrap_err().to_string();
        assert!(message.contains("shout is there already"), "{message}");
        assert_eq!(fs::read_to_string(into.path().join("shout")).unwrap(), "mine");
    }

    #[test]
    fn names_that_are_no_names_are_refused_before_anything_is_made() {
        let (sdk, into) = (sdk(), tempfile::tempdir().unwrap());
        let long = "x".repeat(MAX_NAME + 1);
        for name in ["", "Shout", "../up", "a/b", "a b", "a--b", "1st", ":a", "a:", "a:b:c", "é", &long] {
            let error = create(&new(name, into.path(), sdk.path())).unwrap_err();
            assert!(matches!(error, AuthorError::BadName(_)), "{name}");
        }
        assert_eq!(fs::read_dir(into.path()).unwrap().count(), 0);
    }

    #[test]
    fn an_installation_without_templates_says_so() {
        let empty = tempfile::tempdir().unwrap();
        let message = create(&new("shout", empty.path(), empty.path())).unwrap_err().to_string();
        assert!(message.contains("QPYT_HOME"), "{message}");
    }
}
