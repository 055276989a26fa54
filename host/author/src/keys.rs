//! A publisher's key: drawn once, kept in a file that only its owner can read.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use ed25519_dalek::{Signer, SigningKey};
use qpyt_bricks::package::{PublisherKey, Seal};

use crate::files::read_text;
use crate::{AuthorError, FileError};

const PREFIX: &str = "ed25519-secret:";
const MAX_KEY_BYTES: u64 = 4 << 10;

/// The secret half of a publisher's key.
pub struct SecretKey(SigningKey);

impl SecretKey {
    /// Draws a key and writes it to `file`, which must not be there.
    ///
    /// # Errors
    /// When the file is there or can't be written.
    pub fn draw(file: &Path) -> Result<Self, AuthorError> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed)
            .map_err(|error| FileError::on("draw a key for", file)(io::Error::from(error)))?;
        let key = Self(SigningKey::from_bytes(&seed));
        let digits: String = seed.iter().map(|byte| format!("{byte:02x}")).collect();
        let text = format!(
            "# The secret key of {}. Whoever has it can publish in your name.\n{PREFIX}{digits}\n",
            key.public()
        );
        write_private(file, text.as_bytes()).map_err(FileError::on("write", file))?;
        Ok(key)
    }

    /// Reads a key from its file.
    ///
    /// # Errors
    /// When it is no key file, or others can read it.
    pub fn read(file: &Path) -> Result<Self, AuthorError> {
        let wrong = |problem: String| AuthorError::KeyFile { path: file.to_owned(), problem };
        check_private(file).map_err(wrong)?;
        let text = read_text(file, MAX_KEY_BYTES)?;
        let digits = text.lines().find_map(|line| line.trim().strip_prefix(PREFIX));
        // The public half is written in the same way, so it is read in the same way.
        let seed: PublisherKey =
            digits.and_then(|digits| format!("ed25519:{digits}").parse().ok()).ok_or_else(|| {
                wrong(format!(
                    "it has no line `{PREFIX}` with 64 hexadecimal digits; make one with `qpyt brick keygen`"
                ))
            })?;
        Ok(Self(SigningKey::from_bytes(seed.as_bytes())))
    }

    /// The public half.
    pub fn public(&self) -> PublisherKey {
        PublisherKey::from_bytes(self.0.verifying_key().to_bytes())
    }

    /// Signs a statement.
    pub fn seal(&self, statement: &str) -> Seal {
        Seal { key: self.public(), signature: self.0.sign(statement.as_bytes()).to_bytes() }
    }
}

fn write_private(file: &Path, content: &[u8]) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    let mut file = options.open(file)?;
    file.write_all(content)?;
    file.sync_all()
}

#[cfg(unix)]
fn check_private(file: &Path) -> Result<(), String> {
    use std::os::unix::fs::PermissionsExt;
    let readable = fs::metadata(file).is_ok_and(|metadata| metadata.permissions().mode() & 0o077 != 0);
    if readable {
        return Err(format!("others can read it; run: chmod 600 {}", file.display()));
    }
    Ok(())
}

#[cfg(not(unix))]
fn check_private(_file: &Path) -> Result<(), String> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_private_and_reads_back() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("me.key");
        let key = SecretKey::draw(&file).unwrap();
        assert_eq!(SecretKey::read(&file).unwrap().public(), key.public());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
            fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
            let message = SecretKey::read(&file).err().unwrap().to_string();
            assert!(message.contains("chmod 600"), "{message}");
        }
    }

    #[test]
    fn a_key_is_never_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("me.key");
        SecretKey::draw(&file).unwrap();
        let before = fs::read(&file).unwrap();
        assert!(SecretKey::draw(&file).is_err());
        assert_eq!(fs::read(&file).unwrap(), before);
    }

    #[test]
    fn a_file_without_a_key_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("me.key");
        write_private(&file, b"ed25519-secret:00\n").unwrap();
        let message = SecretKey::read(&file).err().unwrap().to_string();
        assert!(message.contains("me.key") && message.contains("keygen"), "{message}");
    }
}
