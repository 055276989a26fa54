//! What lies at a place: a folder with a `brick.toml`, or a single file, packed or bare.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::{
    Digest, LoadError, Manifest,
    manifest::MANIFEST_FILE,
    package::{Package, PublisherKey},
};

const MAX_MANIFEST_BYTES: u64 = 64 << 10;
const MAX_WASM_BYTES: u64 = 128 << 20;

/// A brick as it lies on the disk.
pub(super) struct Found {
    /// The file that the component came from.
    pub(super) path: PathBuf,
    /// The component, without a package section.
    pub(super) wasm: Vec<u8>,
    /// Digest of the component.
    pub(super) digest: Digest,
    /// None for a bare file, which may use what it imports.
    pub(super) manifest: Option<Manifest>,
    pub(super) signed_by: Option<PublisherKey>,
}

/// Reads what lies at `place`.
pub(super) fn read(place: &Path) -> Result<Found, LoadError> {
    if place.is_dir() { read_folder(place) } else { read_file(place) }
}

/// In a folder `brick.toml` has the say; whatever section the binary has is a part of it.
fn read_folder(folder: &Path) -> Result<Found, LoadError> {
    let manifest = read_manifest(&folder.join(MANIFEST_FILE))?;
    let path = folder.join(&manifest.wasm);
    let wasm = read_component(&path)?;
    Ok(Found { digest: Digest::of(&wasm), path, wasm, manifest: Some(manifest), signed_by: None })
}

fn read_file(file: &Path) -> Result<Found, LoadError> {
    let mut wasm = read_component(file)?;
    let package =
        Package::read(&wasm).map_err(|source| LoadError::Package { path: file.to_owned(), source })?;
    let path = file.to_owned();
    Ok(match package {
        Some(Package { manifest, digest, signed_by, component_bytes, .. }) => {
            wasm.truncate(component_bytes);
            Found { path, wasm, digest, manifest: Some(manifest), signed_by }
        }
        None => Found { digest: Digest::of(&wasm), path, wasm, manifest: None, signed_by: None },
    })
}

fn read_manifest(path: &Path) -> Result<Manifest, LoadError> {
    let bytes = read_bounded(path, MAX_MANIFEST_BYTES)?;
    let text = String::from_utf8(bytes).map_err(|error| error.to_string());
    text.and_then(|text| Manifest::parse(&text))
        .map_err(|problem| LoadError::Manifest { path: path.to_owned(), problem })
}

fn read_component(path: &Path) -> Result<Vec<u8>, LoadError> {
    let wasm = read_bounded(path, MAX_WASM_BYTES)?;
    check_is_component(&wasm).map_err(|problem| LoadError::Compile { path: path.to_owned(), problem })?;
    Ok(wasm)
}

fn read_bounded(path: &Path, most: u64) -> Result<Vec<u8>, LoadError> {
    let unreadable = |problem: String| LoadError::Unreadable { path: path.to_owned(), problem };
    let open = || -> io::Result<(u64, Vec<u8>)> {
        let mut bytes = Vec::new();
        let file = fs::File::open(path)?;
        let size = file.metadata()?.len();
        io::Read::read_to_end(&mut io::Read::take(file, most), &mut bytes)?;
        Ok((size, bytes))
    };
    let (size, bytes) = open().map_err(|error| unreadable(error.to_string()))?;
    if size > most {
        return Err(unreadable(format!("it has {size} bytes, at most {most} are allowed")));
    }
    Ok(bytes)
}

/// The first eight bytes tell what a file is.
fn check_is_component(wasm: &[u8]) -> Result<(), String> {
    let advice = "build it as a component, for example with `cargo build --release --target wasm32-wasip2`";
    match wasm.get(..8) {
        Some(b"\0asm\x0d\0\x01\0") => Ok(()),
        Some(b"\0asm\x01\0\0\0") => Err(format!("it is a core WebAssembly module; {advice}")),
        _ => Err(format!("it is not WebAssembly; {advice}")),
    }
}
