//! A file that grows: its bytes so far, their running SHA-256 and the ETag they came under.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256 as Hasher};

use super::error::PullError;
use crate::catalogue::Sha256;

/// Bytes that are hashed at once when a part is taken up again.
const BLOCK: usize = 1 << 20;
/// The longest ETag that is kept.
const LONGEST_ETAG: usize = 512;

/// A part on the disk. Its calls block.
pub(super) struct Part {
    path: PathBuf,
    etag_path: PathBuf,
    file: File,
    hasher: Hasher,
    length: u64,
    etag: Option<String>,
}

impl Part {
    /// Takes up a part where it was left, or begins one.
    pub(super) fn open(path: PathBuf, etag_path: PathBuf) -> Result<Self, PullError> {
        let failed = |source| PullError::disk("read", &path, &source);
        let mut options = OpenOptions::new();
        let mut file = options.create(true).read(true).append(true).open(&path).map_err(failed)?;
        let (length, hasher) = hash(&mut file).map_err(failed)?;
        let etag = read_etag(&etag_path);
        Ok(Self { path, etag_path, file, hasher, length, etag })
    }

    /// Bytes that are here.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// The ETag that they came under.
    pub(super) fn etag(&self) -> Option<&str> {
        self.etag.as_deref()
    }

    /// Adds bytes to the end.
    pub(super) fn append(&mut self, bytes: &[u8]) -> Result<(), PullError> {
        self.file.write_all(bytes).map_err(|source| PullError::disk("write", &self.path, &source))?;
        self.hasher.update(bytes);
        self.length += bytes.len() as u64;
        Ok(())
    }

    /// Throws away what is here and begins anew, under the ETag of what will come.
    pub(super) fn restart(&mut self, etag: Option<&str>) -> Result<(), PullError> {
        self.file.set_len(0).map_err(|source| PullError::disk("write", &self.path, &source))?;
        self.hasher = Hasher::new();
        self.length = 0;
        self.etag = etag.filter(|etag| etag.len() <= LONGEST_ETAG).map(ToOwned::to_owned);
        let kept = match &self.etag {
            Some(etag) => fs::write(&self.etag_path, etag),
            None => fs::remove_file(&self.etag_path).or(Ok(())),
        };
        kept.map_err(|source| PullError::disk("write", &self.etag_path, &source))
    }

    /// The digest of all bytes so far.
    pub(super) fn sha256(&self) -> Sha256 {
        digest(self.hasher.clone())
    }

    /// Moves the whole file to its place.
    pub(super) fn finish(self, place: &Path) -> Result<(), PullError> {
        let failed = |source| PullError::disk("write", place, &source);
        if let Some(folder) = place.parent() {
            fs::create_dir_all(folder).map_err(failed)?;
        }
        self.file.sync_all().map_err(failed)?;
        fs::rename(&self.path, place).map_err(failed)?;
        // It is of no use any more; one that stays is thrown away with the rest.
        let _ = fs::remove_file(&self.etag_path);
        Ok(())
    }

    /// Throws it away.
    pub(super) fn discard(self) -> Result<(), PullError> {
        let _ = fs::remove_file(&self.etag_path);
        fs::remove_file(&self.path).map_err(|source| PullError::disk("remove", &self.path, &source))
    }
}

/// Length and digest of a file that is whole, if it is there. Blocks.
pub(super) fn measure(path: &Path) -> Result<Option<(u64, Sha256)>, PullError> {
    let failed = |source| PullError::disk("read", path, &source);
    let mut file = match File::open(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(failed)?,
    };
    let (length, hasher) = hash(&mut file).map_err(failed)?;
    Ok(Some((length, digest(hasher))))
}

fn hash(file: &mut File) -> std::io::Result<(u64, Hasher)> {
    let (mut hasher, mut length, mut block) = (Hasher::new(), 0, vec![0; BLOCK]);
    loop {
        let read = file.read(&mut block)?;
        if read == 0 {
            return Ok((length, hasher));
        }
        hasher.update(block.get(..read).unwrap_or_default());
        length += read as u64;
    }
}

fn digest(hasher: Hasher) -> Sha256 {
    let digest: [u8; 32] = hasher.finalize().into();
    digest.into()
}

fn read_etag(path: &Path) -> Option<String> {
    let mut text = String::new();
    File::open(path).ok()?.take(LONGEST_ETAG as u64).read_to_string(&mut text).ok()?;
    let plain = text.bytes().all(|letter| letter.is_ascii_graphic() || letter == b' ');
    (plain && !text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_that_is_taken_up_again_has_the_digest_of_the_whole() {
        let folder = tempfile::tempdir().unwrap();
        let open = || Part::open(folder.path().join("a.part"), folder.path().join("a.etag")).unwrap();
        let mut part = open();
        part.restart(Some("\"x\"")).unwrap();
        part.append(b"abc").unwrap();
        drop(part);
        let mut part = open();
        assert_eq!((part.length(), part.etag()), (3, Some("\"x\"")));
        part.append(b"def").unwrap();
        let whole: [u8; 32] = Hasher::digest(b"abcdef").into();
        assert_eq!(part.sha256(), Sha256::from(whole));
        part.finish(&folder.path().join("x/whole")).unwrap();
        assert_eq!(fs::read(folder.path().join("x/whole")).unwrap(), b"abcdef");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_restarted_part_forgets_all() {
        let folder = tempfile::tempdir().unwrap();
        let mut part = Part::open(folder.path().join("a.part"), folder.path().join("a.etag")).unwrap();
        part.restart(Some("\"x\"")).unwrap();
        part.append(b"abc").unwrap();
        part.restart(None).unwrap();
        part.append(b"z").unwrap();
        let digest: [u8; 32] = Hasher::digest(b"z").into();
        assert_eq!((part.length(), part.etag(), part.sha256()), (1, None, Sha256::from(digest)));
        assert!(!folder.path().join("a.etag").exists());
    }
}
