//! Bricks in Rust: cargo, and which of the files it made is the component.

use std::path::Path;

use super::{BuildOptions, MAX_WASM_BYTES, Say};
use crate::AuthorError;
use crate::cargo::{self, CARGO, RUSTUP};
use crate::files::read_bounded;
use crate::source::Source;

/// Builds the component and gives its bytes.
pub(super) fn build(source: &Source, options: &BuildOptions, say: Say) -> Result<Vec<u8>, AuthorError> {
    let folder = source.folder();
    if !cargo::has_target(folder)? {
        if options.offline {
            return Err(AuthorError::MissingTarget);
        }
        RUSTUP.run(cargo::add_target(folder), say, |_| {})?;
    }
    let mut component = None;
    CARGO.run(cargo::build(folder, options.offline), say, |line| {
        let ours = cargo::component(line).filter(|(package, _)| is_same(package, folder));
        component = ours.map(|(_, wasm)| wasm).or(component.take());
    })?;
    let component = component.ok_or_else(|| AuthorError::NoComponent {
        folder: folder.to_owned(),
        remedy: "Its Cargo.toml needs [lib] with crate-type = [\"cdylib\"].".to_owned(),
    })?;
    Ok(read_bounded(&component, MAX_WASM_BYTES)?)
}

fn is_same(package: &Path, folder: &Path) -> bool {
    package.canonicalize().is_ok_and(|package| package == folder)
}
