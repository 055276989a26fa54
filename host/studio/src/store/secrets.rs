//! What the person lets bricks use and never see, in a file of its own that only its owner can read. Apart from the
//! database, so that copies of that give nothing away, and what was removed is gone. See
//! `docs/decisions/081-secrets-in-a-private-file.md`.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::PathBuf;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::files::write_private;
use super::{Store, StoreError};

/// The most secrets that are kept.
const MOST_SECRETS: usize = 256;
/// The longest value, in bytes.
const MOST_VALUE: usize = 8 << 10;
/// The largest file that can come of it.
const MOST_BYTES: u64 = 4 << 20;

/// A value that shows itself to nobody who does not [ask](Self::reveal).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SecretValue(String);

impl SecretValue {
    /// Takes a value that can stand in the head of a request.
    ///
    /// # Errors
    /// [`StoreError::BadSecret`], which never shows the value.
    pub fn new(value: String) -> Result<Self, StoreError> {
        let bad = |reason: &str| Err(StoreError::BadSecret(reason.to_owned()));
        if value.is_empty() {
            return bad("Its value is empty.");
        }
        if value.len() > MOST_VALUE {
            return bad("Its value has more than 8 KiB.");
        }
        if !value.bytes().all(|letter| letter.is_ascii_graphic()) {
            return bad("Its value may have visible ASCII characters only, without blanks.");
        }
        Ok(Self(value))
    }

    /// The value itself.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretValue(…)")
    }
}

/// What may be told of a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretInfo {
    /// Its name.
    pub name: String,
    /// When its value was set.
    pub set_at: Timestamp,
}

#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    value: SecretValue,
    /// In seconds since 1970.
    set_at: i64,
}

impl Kept {
    fn set_at(&self) -> Timestamp {
        Timestamp::from_second(self.set_at).unwrap_or_default()
    }
}

/// The file.
#[derive(Debug, Default, Serialize, Deserialize)]
struct SecretFile {
    secrets: BTreeMap<String, Kept>,
}

impl Store {
    /// All secrets by name, without their values.
    ///
    /// # Errors
    /// When the file can't be read.
    pub fn secrets(&self) -> Result<Vec<SecretInfo>, StoreError> {
        let file = self.read_secrets()?;
        let info = |(name, kept): (String, Kept)| SecretInfo { name, set_at: kept.set_at() };
        Ok(file.secrets.into_iter().map(info).collect())
    }

    /// The value of a secret, to be used.
    ///
    /// # Errors
    /// [`StoreError::NoSecret`], and when the file can't be read.
    pub fn secret(&self, name: &str) -> Result<SecretValue, StoreError> {
        let kept = self.read_secrets()?.secrets.remove(name);
        kept.map(|kept| kept.value).ok_or_else(|| StoreError::NoSecret(name.to_owned()))
    }

    /// Keeps a value under a name, in place of the one that was there.
    ///
    /// # Errors
    /// [`StoreError::BadSecret`] where the name can't be one or there are too many, and the disk's.
    pub fn set_secret(&self, name: &str, value: SecretValue) -> Result<SecretInfo, StoreError> {
        qpyt_bricks::check_secret_name(name).map_err(StoreError::BadSecret)?;
        let kept = Kept { value, set_at: Timestamp::now().as_second() };
        let info = SecretInfo { name: name.to_owned(), set_at: kept.set_at() };
        self.change_secrets(|file| {
            if file.secrets.len() >= MOST_SECRETS && !file.secrets.contains_key(name) {
                return Err(StoreError::BadSecret(format!(
                    "There are {MOST_SECRETS} secrets already. Remove one first."
                )));
            }
            file.secrets.insert(name.to_owned(), kept);
            Ok(())
        })?;
        Ok(info)
    }

    /// Forgets a secret.
    ///
    /// # Errors
    /// [`StoreError::NoSecret`], and the disk's.
    pub fn delete_secret(&self, name: &str) -> Result<(), StoreError> {
        self.change_secrets(|file| match file.secrets.remove(name) {
            Some(_) => Ok(()),
            None => Err(StoreError::NoSecret(name.to_owned())),
        })
    }

    fn secrets_path(&self) -> PathBuf {
        self.data.join("secrets.json")
    }

    fn read_secrets(&self) -> Result<SecretFile, StoreError> {
        let path = self.secrets_path();
        let mut text = Vec::new();
        match File::open(&path).and_then(|file| file.take(MOST_BYTES).read_to_end(&mut text)) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(SecretFile::default()),
            Err(source) => return Err(StoreError::io("read", &path, source)),
        }
        // What serde says could quote the file.
        serde_json::from_slice(&text)
            .map_err(|_| StoreError::Corrupt { path, reason: "it is no list of secrets".to_owned() })
    }

    /// Changes the file while no other process does.
    fn change_secrets(
        &self,
        change: impl FnOnce(&mut SecretFile) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let lock_path = self.data.join("secrets.lock");
        let mut options = fs::OpenOptions::new();
        options.create(true).truncate(false).write(true);
        let lock = options.open(&lock_path).map_err(|source| StoreError::io("open", &lock_path, source))?;
        lock.lock().map_err(|source| StoreError::io("lock", &lock_path, source))?;
        let mut file = self.read_secrets()?;
        change(&mut file)?;
        let text = serde_json::to_vec_pretty(&file)
            .map_err(|error| StoreError::Unstorable { kind: "secret", reason: error.to_string() })?;
        write_private(&self.data, &self.secrets_path(), &text)
    }
}
