//! From source to component: runs the language's own tools and leaves `dist/` with the component and its manifest.

mod javascript;
mod python;
mod rust;

use std::path::{Path, PathBuf};

use qpyt_bricks::{Digest, MANIFEST_FILE};

use crate::AuthorError;
use crate::files::{make_folder, read_bounded, replace};
use crate::source::{Language, Source};
use crate::sources::{self, Stamp};

/// As large as the loader takes.
const MAX_WASM_BYTES: u64 = 128 << 20;
/// Notes in `dist` what it was built from.
const STAMP: &str = ".built-from";
/// Folders of a source folder that do not go into the component.
const LEFT_OUT: [&str; 2] = ["tests", "README.md"];

/// How to build.
#[derive(Debug, Clone)]
pub struct BuildOptions {
    /// The folder `sdk` of the installation.
    pub sdk: PathBuf,
    /// Use only what is on this machine.
    pub offline: bool,
}

/// What a build gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Built {
    /// The folder with manifest and component.
    pub dist: PathBuf,
    /// The component.
    pub wasm: PathBuf,
    /// Its digest.
    pub digest: Digest,
    /// Its size.
    pub bytes: u64,
}

/// Takes what a tool says while it works.
pub type Say<'a> = &'a (dyn Fn(&str) + Sync);

/// Builds the brick. Takes seconds; call it where that does not matter.
///
/// # Errors
/// When a tool is missing or fails, with its last words.
pub fn build(source: &Source, options: &BuildOptions, say: Say) -> Result<Built, AuthorError> {
    let (manifest, text) = source.manifest()?;
    let dist = source.dist();
    let wasm = dist.join(&manifest.wasm);
    let digests = digests(source, options)?;
    make_folder(&dist)?;
    let component = match source.language() {
        Language::Rust => rust::build(source, options, say)?,
        Language::JavaScript => {
            javascript::build(source, options, say)?;
            made(source, &wasm)?
        }
        Language::Python => {
            python::build(source, options, say)?;
            made(source, &wasm)?
        }
    };
    replace(&wasm, &component)?;
    replace(&dist.join(MANIFEST_FILE), text.as_bytes())?;
    Stamp::at(dist.join(STAMP)).set(&digests)?;
    Ok(Built { digest: Digest::of(&component), bytes: component.len() as u64, dist, wasm })
}

/// What the last build gave, or that of a new one if the sources changed since.
///
/// # Errors
/// Those of [`build`].
pub fn up_to_date(source: &Source, options: &BuildOptions, say: Say) -> Result<Built, AuthorError> {
    let (manifest, _) = source.manifest()?;
    let dist = source.dist();
    let wasm = dist.join(&manifest.wasm);
    if wasm.is_file() && Stamp::at(dist.join(STAMP)).is(&digests(source, options)?) {
        let component = read_bounded(&wasm, MAX_WASM_BYTES)?;
        return Ok(Built { digest: Digest::of(&component), bytes: component.len() as u64, dist, wasm });
    }
    build(source, options, say)
}

/// Digest of what the component is made from in the source folder itself.
///
/// # Errors
/// When a file can't be read.
pub fn source_digest(source: &Source) -> Result<Digest, AuthorError> {
    Ok(sources::digest(&[source.folder().to_owned()], &LEFT_OUT)?)
}

/// Digests of the source folder and of the kit that it is built with.
fn digests(source: &Source, options: &BuildOptions) -> Result<[Digest; 2], AuthorError> {
    let kit = options.sdk.join(source.language().folder());
    let contract = options.sdk.with_file_name("wit");
    Ok([source_digest(source)?, sources::digest(&[kit, contract], &["tests", "examples"])?])
}

/// The component that a kit left in `dist`.
fn made(source: &Source, wasm: &Path) -> Result<Vec<u8>, AuthorError> {
    if !wasm.is_file() {
        let remedy = format!("It should have written {}, the `wasm` of brick.toml.", wasm.display());
        return Err(AuthorError::NoComponent { folder: source.folder().to_owned(), remedy });
    }
    Ok(read_bounded(wasm, MAX_WASM_BYTES)?)
}
