//! The digest of a component, a value or a model, as text with its algorithm in front.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Longest digest, in bytes; room for any algorithm in use.
const MAX_DIGEST: usize = 200;

/// A content digest, written `algorithm:hexadecimal`, like `blake3:af13…`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest(String);

/// A text that is not a digest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a digest is written `algorithm:hexadecimal`, like `blake3:af13…`")]
pub struct DigestError;

impl Digest {
    /// The digest with its algorithm, as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_digest(text: &str) -> bool {
    text.len() <= MAX_DIGEST
        && text.split_once(':').is_some_and(|(algorithm, hex)| {
            !algorithm.is_empty()
                && algorithm.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
                && !hex.is_empty()
                && hex.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
        })
}

impl From<blake3::Hash> for Digest {
    fn from(hash: blake3::Hash) -> Self {
        Self(format!("blake3:{}", hash.to_hex()))
    }
}

impl TryFrom<String> for Digest {
    type Error = DigestError;
    fn try_from(text: String) -> Result<Self, DigestError> {
        if is_digest(&text) { Ok(Self(text)) } else { Err(DigestError) }
    }
}

impl FromStr for Digest {
    type Err = DigestError;
    fn from_str(text: &str) -> Result<Self, DigestError> {
        text.to_owned().try_into()
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_names_its_algorithm() {
        assert_eq!("blake3:00ff".parse::<Digest>().unwrap().as_str(), "blake3:00ff");
        for bad in ["", "00ff", "blake3:", ":00", "blake3:XY", "blake3:00FF", "blake3:00 "] {
            assert!(bad.parse::<Digest>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_blake3_hash_becomes_64_hexadecimal_digits() {
        let digest = Digest::from(blake3::hash(b"qpyt"));
        assert_eq!(digest.as_str().len(), "blake3:".len() + 64);
        assert_eq!(digest.as_str().parse::<Digest>().unwrap(), digest);
    }
}
