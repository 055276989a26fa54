//! Other versions of a fixture brick, made by replacing bytes of equal length in its component.

use std::{fs, path::Path};

use super::fixtures::folder;

/// What a variant of the fixtures `versions` and `memory` is.
#[derive(Clone, Copy)]
pub struct Variant {
    /// Three numbers of one digit each.
    pub version: &'static str,
    /// What it does; five letters.
    pub mode: &'static str,
}

pub const ECHO_1: Variant = Variant { version: "0.1.0", mode: "echo." };
pub const ECHO_2: Variant = Variant { version: "0.2.0", mode: "echo." };

/// The component of a variant.
pub fn variant_of(fixture: &str, variant: Variant) -> Vec<u8> {
    let mut bytes = fs::read(folder(fixture).join(format!("{fixture}.wasm"))).unwrap();
    replace(&mut bytes, b"VERSION:0.1.0", format!("VERSION:{}", variant.version).as_bytes());
    replace(&mut bytes, b"MODE:echo.", format!("MODE:{}", variant.mode).as_bytes());
    bytes
}

fn replace(bytes: &mut [u8], from: &[u8], to: &[u8]) {
    assert_eq!(from.len(), to.len());
    let starts: Vec<_> =
        bytes.windows(from.len()).enumerate().filter(|(_, part)| *part == from).map(|(at, _)| at).collect();
    assert!(!starts.is_empty(), "the fixture lacks {}", String::from_utf8_lossy(from));
    for start in starts {
        bytes[start..start + to.len()].copy_from_slice(to);
    }
}

/// The component with a custom section at its end, so that its digest is another one.
pub fn marked(mut component: Vec<u8>, mark: u32) -> Vec<u8> {
    component.extend([0, 6, 1, b'm']);
    component.extend(mark.to_le_bytes());
    component
}

/// Writes a brick folder as a careful builder does: beside, then renamed.
pub fn place(folder: &Path, component: &[u8]) {
    fs::create_dir_all(folder).unwrap();
    let manifest = "[brick]\nwasm = \"brick.wasm\"\nuses = [\"qpyt:ai/imaging\"]\n";
    for (name, bytes) in [("brick.wasm", component), ("brick.toml", manifest.as_bytes())] {
        let (new, path) = (folder.join(format!("{name}.new")), folder.join(name));
        if fs::read(&path).is_ok_and(|old| old == bytes) {
            continue;
        }
        fs::write(&new, bytes).unwrap();
        fs::rename(new, path).unwrap();
    }
}
