//! Compiled copies of components on disk, so that only the first start compiles.
//!
//! Loading machine code is only as safe as the file it comes from. Each copy carries a BLAKE3 MAC under a key that
//! is drawn once per installation and readable by its owner alone; a copy with a wrong MAC is compiled anew. See
//! `docs/decisions/021-trust-in-compiled-copies.md`.

use std::{
    fs,
    hash::{Hash, Hasher},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
    time::SystemTime,
};

use wasmtime::{Engine, component::Component};

use crate::{Digest, RuntimeError};

const KEY_FILE: &str = "key";
const KEY_BYTES: usize = 32;
const MAC_BYTES: usize = 32;
const EXTENSION: &str = "cwasm";
/// Copies are kept up to this many files and bytes; the oldest go first.
const MAX_FILES: usize = 4096;
const MAX_BYTES: u64 = 2 << 30;

/// The folder of compiled copies.
pub(crate) struct CompiledCopies {
    folder: PathBuf,
    key: [u8; KEY_BYTES],
    compiled: AtomicU64,
}

impl CompiledCopies {
    /// Opens the folder, making it and its key if they are not there.
    pub(crate) fn open(folder: &Path) -> Result<Self, RuntimeError> {
        let prepare = || {
            make_private_folder(folder)?;
            read_or_draw_key(&folder.join(KEY_FILE))
        };
        let key = prepare().map_err(|error: io::Error| RuntimeError::Cache {
            folder: folder.to_owned(),
            problem: error.to_string(),
        })?;
        Ok(Self { folder: folder.to_owned(), key, compiled: AtomicU64::new(0) })
    }

    /// How many components were compiled because there was no good copy.
    pub(crate) fn compiled(&self) -> u64 {
        self.compiled.load(Ordering::Relaxed)
    }

    /// The component of `wasm`, from its copy or compiled. Takes seconds of all processors if it compiles.
    pub(super) fn component(
        &self,
        engine: &Engine,
        wasm: &[u8],
        digest: &Digest,
    ) -> wasmtime::Result<Loaded> {
        let name = file_name(engine, digest);
        if let Some(loaded) = self.read(engine, &name) {
            return Ok(loaded);
        }
        let component = Component::new(engine, wasm)?;
        self.compiled.fetch_add(1, Ordering::Relaxed);
        let code = match component.serialize() {
            Ok(code) => code,
            Err(error) => {
                tracing::warn!("no compiled copy of {digest}: {error:#}");
                return Ok(component.into());
            }
        };
        if let Err(error) = self.write(&name, &code) {
            tracing::warn!("no compiled copy in {}: {error}", self.folder.display());
        }
        // SAFETY: `serialize` has just made these bytes. Loaded from a file, they take less memory.
        unsafe { self.map(engine, &code) }.or(Ok(component.into()))
    }

    fn read(&self, engine: &Engine, name: &str) -> Option<Loaded> {
        let file = fs::read(self.folder.join(name)).ok()?;
        let (mac, code) = file.split_first_chunk::<MAC_BYTES>()?;
        if blake3::Hash::from_bytes(*mac) != self.mac(name, code) {
            tracing::warn!("{name} was not written by this installation or is damaged; it is compiled anew");
            return None;
        }
        // SAFETY: `deserialize` trusts its input to come from `serialize`. The MAC shows that whoever wrote these
        // bytes knew this installation's key, and only `component` above writes with it. The bytes that were
        // checked are the bytes that are loaded.
        let loaded = unsafe {
            self.map(engine, code).or_else(|_| Component::deserialize(engine, code).map(Loaded::from))
        };
        loaded.inspect_err(|error| tracing::warn!("{name} is compiled anew: {error:#}")).ok()
    }

    /// Loads code that the system may take out of memory while nobody runs it, because it can be read again: from a
    /// file that has no name, so that nobody else can change what was checked. Fails where the system has no such
    /// files or runs nothing from this disk.
    ///
    /// # Safety
    /// `code` must come from `serialize`.
    #[cfg(target_os = "linux")]
    unsafe fn map(&self, engine: &Engine, code: &[u8]) -> wasmtime::Result<Loaded> {
        use std::os::fd::AsRawFd;

        let mut file = tempfile::tempfile_in(&self.folder)?;
        file.write_all(code)?;
        let path = format!("/proc/self/fd/{}", file.as_raw_fd());
        // SAFETY: by the contract of this function. The file holds `code` and nobody else has it open.
        let component = unsafe { Component::deserialize_file(engine, path) }?;
        Ok(Loaded { component, file: Some(file) })
    }

    #[cfg(not(target_os = "linux"))]
    unsafe fn map(&self, engine: &Engine, code: &[u8]) -> wasmtime::Result<Loaded> {
        // SAFETY: by the contract of this function.
        unsafe { Component::deserialize(engine, code) }.map(Loaded::from)
    }

    fn write(&self, name: &str, code: &[u8]) -> io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(&self.folder)?;
        file.write_all(self.mac(name, code).as_bytes())?;
        file.write_all(code)?;
        file.persist(self.folder.join(name)).map_err(|error| error.error)?;
        self.remove_oldest()
    }

    fn mac(&self, name: &str, code: &[u8]) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        hasher.update(&(name.len() as u64).to_le_bytes());
        hasher.update(name.as_bytes());
        hasher.update(code);
        hasher.finalize()
    }

    fn remove_oldest(&self) -> io::Result<()> {
        let mut copies: Vec<(SystemTime, u64, PathBuf)> = fs::read_dir(&self.folder)?
            .filter_map(Result::ok)
            .filter(|entry| entry.path().extension().is_some_and(|extension| extension == EXTENSION))
            .filter_map(|entry| {
                let metadata = entry.metadata().ok()?;
                Some((metadata.modified().ok()?, metadata.len(), entry.path()))
            })
            .collect();
        copies.sort_by(|(a, ..), (b, ..)| b.cmp(a));
        let mut bytes = 0;
        for (kept, (_, size, path)) in copies.iter().enumerate() {
            bytes += size;
            if kept >= MAX_FILES || (bytes > MAX_BYTES && kept > 0) {
                fs::remove_file(path)?;
            }
        }
        Ok(())
    }
}

/// A component with its machine code.
pub(super) struct Loaded {
    pub(super) component: Component,
    /// What the code is mapped from, if it is.
    file: Option<fs::File>,
}

impl From<Component> for Loaded {
    fn from(component: Component) -> Self {
        Self { component, file: None }
    }
}

impl Loaded {
    /// Tells the system that nobody needs the code in memory now. Loading has looked at most of it; what runs comes
    /// back when it does, from its file. Waits for the disk.
    #[cfg(target_os = "linux")]
    pub(super) fn rest(self) {
        use rustix::mm::{Advice, madvise};

        let Self { component, file: Some(file) } = self else { return };
        let image = component.image_range();
        let bytes = image.end.addr().saturating_sub(image.start.addr());
        // Pages that are not on the disk yet can't leave the memory.
        let advised = file.sync_data().and_then(|()| {
            // SAFETY: the component keeps its image mapped, and this advice changes no byte of it: what has no file
            // behind it stays where it is, or is swapped out like any other memory.
            unsafe { madvise(image.start.cast_mut().cast(), bytes, Advice::LinuxPageOut) }
                .map_err(io::Error::from)
        });
        if let Err(error) = advised {
            tracing::debug!("code of a brick stays in memory: {error}");
        }
    }

    #[cfg(not(target_os = "linux"))]
    pub(super) fn rest(self) {
        drop(self.file);
    }
}

/// Another binary, wasmtime version, processor or engine setting is another file.
fn file_name(engine: &Engine, digest: &Digest) -> String {
    let mut hasher = CompatibilityHasher(blake3::Hasher::new());
    engine.precompile_compatibility_hash().hash(&mut hasher);
    let engine = Digest::from(hasher.0.finalize()).hex();
    format!("{}-{}.{EXTENSION}", digest.hex(), engine.get(..16).unwrap_or(&engine))
}

/// A hash that is the same in every run of the program, which the standard library's does not promise.
struct CompatibilityHasher(blake3::Hasher);

impl Hasher for CompatibilityHasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        let [a, b, c, d, e, f, g, h, ..] = *self.0.finalize().as_bytes();
        u64::from_le_bytes([a, b, c, d, e, f, g, h])
    }
}

fn make_private_folder(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(folder, fs::Permissions::from_mode(0o700))?;
    }
    Ok(())
}

fn read_or_draw_key(path: &Path) -> io::Result<[u8; KEY_BYTES]> {
    if let Some(key) = read_key(path)? {
        return Ok(key);
    }
    let mut key = [0; KEY_BYTES];
    getrandom::fill(&mut key).map_err(io::Error::from)?;
    let folder = path.parent().unwrap_or(Path::new("."));
    // A temporary file is readable by its owner alone from the start.
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(&key)?;
    match file.persist_noclobber(path) {
        Ok(_) => Ok(key),
        // Another process was first; its key is as good.
        Err(error) => read_key(path)?.ok_or(error.error),
    }
}

/// None if there is no key or it is cut short, in which case it is removed.
fn read_key(path: &Path) -> io::Result<Option<[u8; KEY_BYTES]>> {
    match fs::read(path) {
        Ok(bytes) => match <[u8; KEY_BYTES]>::try_from(bytes.as_slice()) {
            Ok(key) => Ok(Some(key)),
            Err(_) => fs::remove_file(path).map(|()| None),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_drawn_once_and_private() {
        let folder = tempfile::tempdir().unwrap();
        let first = CompiledCopies::open(folder.path()).unwrap();
        let second = CompiledCopies::open(folder.path()).unwrap();
        assert_eq!(first.key, second.key);
        let other = tempfile::tempdir().unwrap();
        assert_ne!(first.key, CompiledCopies::open(other.path()).unwrap().key);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
            assert_eq!(mode(folder.path()), 0o700);
            assert_eq!(mode(&folder.path().join(KEY_FILE)), 0o600);
        }
    }

    #[test]
    fn a_key_that_was_cut_short_is_drawn_again() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(KEY_FILE), b"short").unwrap();
        CompiledCopies::open(folder.path()).unwrap();
        assert_eq!(fs::read(folder.path().join(KEY_FILE)).unwrap().len(), KEY_BYTES);
    }

    #[test]
    fn a_mac_holds_for_one_name_and_one_code() {
        let folder = tempfile::tempdir().unwrap();
        let copies = CompiledCopies::open(folder.path()).unwrap();
        assert_ne!(copies.mac("a", b"code"), copies.mac("b", b"code"));
        assert_ne!(copies.mac("a", b"code"), copies.mac("a", b"cod"));
        assert_ne!(copies.mac("ab", b"c"), copies.mac("a", b"bc"));
    }
}
