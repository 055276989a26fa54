//! Packing: one file out of a component and its manifest, signed if there is a key.

use std::path::{Path, PathBuf};

use qpyt_bricks::package::{Package, append, statement};
use qpyt_bricks::{BrickInfo, Digest, MANIFEST_FILE, Manifest, Runtime};

use crate::AuthorError;
use crate::files::{read_bounded, read_text, replace};
use crate::keys::SecretKey;

const MAX_WASM_BYTES: u64 = 128 << 20;
const MAX_MANIFEST_BYTES: u64 = 64 << 10;

/// What was packed.
#[derive(Debug)]
pub struct Packed {
    /// The file.
    pub file: PathBuf,
    /// What is in it, checked again.
    pub package: Package,
    /// Size of the file.
    pub bytes: u64,
}

/// Packs the brick in the folder `place`, which holds a `brick.toml` and the component. The file goes to `out`, or to
/// the folder under its usual name.
///
/// # Errors
/// When the brick can't be loaded, or the manifest names no publisher although there is a key.
pub async fn pack(
    runtime: &Runtime,
    place: &Path,
    key: Option<&SecretKey>,
    out: Option<&Path>,
) -> Result<Packed, AuthorError> {
    let binary = runtime.load(place).await?;
    let text = read_text(&place.join(MANIFEST_FILE), MAX_MANIFEST_BYTES)?;
    let manifest = Manifest::parse(&text).map_err(|problem| AuthorError::manifest(place, problem))?;
    let component = read_bounded(&place.join(&manifest.wasm), MAX_WASM_BYTES)?;
    let publisher = manifest.publisher.unwrap_or_default();
    let seal = key.map(|key| key.seal(&statement(&Digest::of(&component), &text, &publisher)));
    let bytes = append(&component, &text, seal)?;
    let package = Package::read(&bytes)?.ok_or_else(|| AuthorError::NotPacked(place.to_owned()))?;
    let file = match out {
        Some(out) => out.to_owned(),
        None => place.join(file_name(binary.bricks()).ok_or_else(|| AuthorError::NoBrick(place.to_owned()))?),
    };
    replace(&file, &bytes)?;
    Ok(Packed { file, package, bytes: bytes.len() as u64 })
}

/// The usual name of a package, from its first brick: `namespace.name-version.wasm`.
pub(crate) fn file_name(bricks: &[BrickInfo]) -> Option<String> {
    let first = bricks.first()?;
    Some(format!("{}-{}.wasm", first.id.replace(':', "."), first.version))
}
