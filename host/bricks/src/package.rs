//! A brick in one file: its component, followed by a custom section that carries the manifest, the component's digest
//! and, if the publisher signs, a signature. A custom section says nothing to whoever runs a component, so a package
//! is still one. What is read here may come from anyone: the section has to be the only one of its name and the last
//! thing in the file, it is bounded, and everything it claims is checked before it is believed.

use std::{borrow::Cow, fmt, str::FromStr};

use ed25519_dalek::{Signature, VerifyingKey};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use wasmparser::{Chunk, Parser, Payload};

use crate::{Digest, Manifest};

/// Name of the custom section.
pub const SECTION: &str = "qpyt:package";

/// How every WebAssembly file begins.
const MAGIC: &[u8] = b"\0asm";
const FORMAT: u64 = 1;
/// Room for a manifest of 64 KiB in which JSON escapes every byte.
const MAX_SECTION_BYTES: usize = 512 << 10;
const MAX_MANIFEST_BYTES: usize = 64 << 10;
const MAX_PUBLISHER: usize = 80;
const KEY_PREFIX: &str = "ed25519:";

/// What a package says, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    /// What its `brick.toml` says.
    pub manifest: Manifest,
    /// The text of its `brick.toml`.
    pub manifest_text: String,
    /// Digest of the component.
    pub digest: Digest,
    /// The key that signed it.
    pub signed_by: Option<PublisherKey>,
    /// How many bytes of the file are the component; the section follows.
    pub component_bytes: usize,
}

/// The key that a publisher's signatures are checked with, written `ed25519:` and 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PublisherKey([u8; 32]);

/// A publisher's word for a package: an ed25519 signature over [`statement`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seal {
    /// Who signs.
    pub key: PublisherKey,
    /// The signature's bytes.
    pub signature: [u8; 64],
}

/// Why a file is no package that can be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PackageError {
    /// The file begins with other bytes than WebAssembly does.
    #[error("it is not a WebAssembly file")]
    NotWebAssembly,
    /// The file can't be read to its end.
    #[error("it is damaged or cut short: {0}")]
    Damaged(String),
    /// Bytes follow the section.
    #[error(
        "its package section is not the last thing in it, so what follows is signed by nobody; pack it again"
    )]
    NotLast,
    /// It was packed twice.
    #[error("it has two package sections; pack the component that the build gave")]
    Several,
    /// The section is too large to be one of ours.
    #[error("its package section has {0} bytes, at most {MAX_SECTION_BYTES} are allowed")]
    TooLarge(usize),
    /// The section does not say what it must.
    #[error("its package section is not right: {0}")]
    Malformed(String),
    /// A later version of the format.
    #[error("it is packed in format {0}, but this studio reads format {FORMAT}; update the studio")]
    UnknownFormat(u64),
    /// The manifest in it is wrong.
    #[error("the brick.toml in it is not right: {0}")]
    Manifest(String),
    /// The component was changed after it was packed.
    #[error("its component was changed after it was packed: it says {said}, but it is {found}; get it again")]
    WrongDigest {
        /// What the section says.
        said: Digest,
        /// What the bytes give.
        found: Digest,
    },
    /// The signature is not the publisher's.
    #[error("its signature is not by the key {0} that it names; get it from its publisher again")]
    WrongSignature(PublisherKey),
    /// A signature without a name says nothing.
    #[error("a signed package names its publisher; write publisher = \"your name\" into brick.toml")]
    NoPublisher,
}

/// A text that is no key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no publisher key; a key is `{KEY_PREFIX}` and 64 hexadecimal digits")]
pub struct KeyError {
    /// The text, cut to a readable length.
    pub text: String,
}

/// The section's payload as it is written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Section<'a> {
    format: u64,
    #[serde(borrow)]
    manifest: Cow<'a, str>,
    digest: Digest,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    publisher: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key: Option<PublisherKey>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    signature: Option<String>,
}

/// What every format has.
#[derive(Deserialize)]
struct AnyFormat {
    format: u64,
}

impl Package {
    /// Reads and checks the package section at the end of `file`; none if there is none.
    ///
    /// # Errors
    /// [`PackageError`] if there is one that can't be believed.
    pub fn read(file: &[u8]) -> Result<Option<Self>, PackageError> {
        let Some((component_bytes, payload)) = find(file)? else { return Ok(None) };
        let section = parse(payload)?;
        let found = Digest::of(file.get(..component_bytes).unwrap_or_default());
        if found != section.digest {
            return Err(PackageError::WrongDigest { said: section.digest, found });
        }
        let manifest = manifest(&section.manifest)?;
        if manifest.publisher != section.publisher {
            return Err(PackageError::Malformed(
                "it names another publisher than the brick.toml in it".to_owned(),
            ));
        }
        let signed_by = signer(&section)?;
        let manifest_text = section.manifest.into_owned();
        Ok(Some(Self { manifest, manifest_text, digest: found, signed_by, component_bytes }))
    }
}

/// What a publisher signs: which component, with which manifest, in whose name.
pub fn statement(digest: &Digest, manifest: &str, publisher: &str) -> String {
    let manifest = blake3::hash(manifest.as_bytes()).to_hex();
    format!("qpyt package v1\n{digest}\n{manifest}\n{publisher}\n")
}

/// The package of `component` with the text of its `brick.toml`. The seal has to be over their [`statement`].
///
/// # Errors
/// [`PackageError`] if the result would not be a good package.
pub fn append(component: &[u8], manifest_text: &str, seal: Option<Seal>) -> Result<Vec<u8>, PackageError> {
    if find(component)?.is_some() {
        return Err(PackageError::Several);
    }
    let section = Section {
        format: FORMAT,
        manifest: manifest_text.into(),
        digest: Digest::of(component),
        publisher: manifest(manifest_text)?.publisher,
        key: seal.map(|seal| seal.key),
        signature: seal.map(|seal| Signature::from_bytes(&seal.signature).to_string().to_lowercase()),
    };
    let payload = serde_json::to_vec(&section).map_err(|error| PackageError::Malformed(error.to_string()))?;
    let mut file = component.to_vec();
    push_section(&mut file, &payload);
    // Whoever reads it checks more than whoever writes it knows.
    Package::read(&file)?;
    Ok(file)
}

/// Where the package section begins, and its payload. Nested components and modules are passed over: what is in them
/// is theirs.
fn find(file: &[u8]) -> Result<Option<(usize, &[u8])>, PackageError> {
    if !file.starts_with(MAGIC) {
        return Err(PackageError::NotWebAssembly);
    }
    let damaged = |error: wasmparser::Error| {
        PackageError::Damaged(format!("{} (at byte {})", error.message(), error.offset()))
    };
    let mut parser = Parser::new(0);
    let mut found = None;
    let mut at = 0_usize;
    loop {
        let rest = file.get(at..).ok_or_else(|| PackageError::Damaged("its end is missing".to_owned()))?;
        let Chunk::Parsed { consumed, payload } = parser.parse(rest, true).map_err(damaged)? else {
            return Err(PackageError::Damaged("its end is missing".to_owned()));
        };
        let start = at;
        at = at.saturating_add(consumed);
        match payload {
            Payload::ModuleSection { unchecked_range, .. }
            | Payload::ComponentSection { unchecked_range, .. } => {
                at = at.saturating_add(unchecked_range.len());
            }
            Payload::CustomSection(section) if section.name() == SECTION => {
                if found.is_some() {
                    return Err(PackageError::Several);
                }
                found = Some((start, at, section.data()));
            }
            Payload::End(_) => break,
            _ => {}
        }
    }
    match found {
        None => Ok(None),
        Some((_, end, _)) if end != file.len() => Err(PackageError::NotLast),
        Some((start, _, payload)) => Ok(Some((start, payload))),
    }
}

fn parse(payload: &[u8]) -> Result<Section<'_>, PackageError> {
    if payload.len() > MAX_SECTION_BYTES {
        return Err(PackageError::TooLarge(payload.len()));
    }
    let malformed = |error: serde_json::Error| PackageError::Malformed(error.to_string());
    let AnyFormat { format } = serde_json::from_slice(payload).map_err(malformed)?;
    if format != FORMAT {
        return Err(PackageError::UnknownFormat(format));
    }
    serde_json::from_slice(payload).map_err(malformed)
}

fn manifest(text: &str) -> Result<Manifest, PackageError> {
    if text.len() > MAX_MANIFEST_BYTES {
        return Err(PackageError::Manifest(format!(
            "it has {} bytes, at most {MAX_MANIFEST_BYTES} are allowed",
            text.len()
        )));
    }
    let manifest = Manifest::parse(text).map_err(PackageError::Manifest)?;
    let is_name = |name: &str| {
        !name.trim().is_empty() && name.chars().count() <= MAX_PUBLISHER && !name.contains(char::is_control)
    };
    if manifest.publisher.as_deref().is_some_and(|name| !is_name(name)) {
        return Err(PackageError::Manifest(format!(
            "`publisher` must be a name of at most {MAX_PUBLISHER} characters in one line"
        )));
    }
    Ok(manifest)
}

/// Who signed the section; none if nobody did.
fn signer(section: &Section) -> Result<Option<PublisherKey>, PackageError> {
    let (key, signature) = match (section.key, section.signature.as_deref()) {
        (None, None) => return Ok(None),
        (Some(key), Some(signature)) => (key, signature),
        (None, Some(_)) => {
            return Err(PackageError::Malformed("it has a signature, but no key".to_owned()));
        }
        (Some(_), None) => {
            return Err(PackageError::Malformed("it has a key, but no signature".to_owned()));
        }
    };
    let publisher = section.publisher.as_deref().ok_or(PackageError::NoPublisher)?;
    let signature = digits(signature).ok_or_else(|| {
        PackageError::Malformed("a signature is 128 lower-case hexadecimal digits".to_owned())
    })?;
    let seal = Seal { key, signature };
    if seal.holds(&statement(&section.digest, &section.manifest, publisher)) {
        Ok(Some(key))
    } else {
        Err(PackageError::WrongSignature(key))
    }
}

impl Seal {
    fn holds(&self, statement: &str) -> bool {
        let Ok(key) = VerifyingKey::from_bytes(&self.key.0) else { return false };
        // Strict: of one statement and one key there is one signature, and no key that verifies everything.
        key.verify_strict(statement.as_bytes(), &Signature::from_bytes(&self.signature)).is_ok()
    }
}

/// Adds the custom section as the binary format has it: 0, size, length of the name, name, payload.
fn push_section(file: &mut Vec<u8>, payload: &[u8]) {
    let mut content = Vec::with_capacity(payload.len() + SECTION.len() + 1);
    push_leb128(&mut content, SECTION.len());
    content.extend_from_slice(SECTION.as_bytes());
    content.extend_from_slice(payload);
    file.push(0);
    push_leb128(file, content.len());
    file.extend_from_slice(&content);
}

fn push_leb128(bytes: &mut Vec<u8>, mut number: usize) {
    loop {
        let low = u8::try_from(number & 0x7f).unwrap_or_default();
        number >>= 7;
        if number == 0 {
            bytes.push(low);
            return;
        }
        bytes.push(low | 0x80);
    }
}

/// The bytes that lower-case hexadecimal digits stand for, if there are exactly `N`.
fn digits<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let pairs = text.as_bytes().chunks_exact(2);
    if !pairs.remainder().is_empty() {
        return None;
    }
    let bytes: Option<Vec<u8>> = pairs
        .map(|pair| match pair {
            [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
            _ => None,
        })
        .collect();
    bytes?.try_into().ok()
}

impl PublisherKey {
    /// The key of these 32 bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for PublisherKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(KEY_PREFIX)?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for PublisherKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for PublisherKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        text.strip_prefix(KEY_PREFIX)
            .and_then(digits)
            .map(Self)
            .ok_or_else(|| KeyError { text: text.chars().take(80).collect() })
    }
}

impl Serialize for PublisherKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PublisherKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::{Signer, SigningKey};

    use super::*;

    /// An empty component: the header.
    const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";
    const MANIFEST: &str = "[brick]\nwasm = \"shout.wasm\"\nuses = []\npublisher = \"me\"\n";

    fn seal(seed: u8, component: &[u8], manifest: &str, publisher: &str) -> Seal {
        let signer = SigningKey::from_bytes(&[seed; 32]);
        let statement = statement(&Digest::of(component), manifest, publisher);
        Seal {
            key: PublisherKey(signer.verifying_key().to_bytes()),
            signature: signer.sign(statement.as_bytes()).to_bytes(),
        }
    }

    fn signed() -> Vec<u8> {
        append(COMPONENT, MANIFEST, Some(seal(1, COMPONENT, MANIFEST, "me"))).unwrap()
    }

    /// A package with this payload, whatever it says.
    fn with_payload(payload: &str) -> Vec<u8> {
        let mut file = COMPONENT.to_vec();
        push_section(&mut file, payload.as_bytes());
        file
    }

    /// The payload of `file`, changed, in a package.
    fn changed(file: &[u8], change: impl FnOnce(&mut serde_json::Value)) -> Vec<u8> {
        let (_, payload) = find(file).unwrap().unwrap();
        let mut value = serde_json::from_slice(payload).unwrap();
        change(&mut value);
        with_payload(&value.to_string())
    }

    #[test]
    fn what_was_packed_is_read_with_its_signer() {
        let package = Package::read(&signed()).unwrap().unwrap();
        assert_eq!(package.manifest_text, MANIFEST);
        assert_eq!(package.manifest.wasm, "shout.wasm");
        assert_eq!(package.digest, Digest::of(COMPONENT));
        assert_eq!(package.component_bytes, COMPONENT.len());
        assert_eq!(package.signed_by, Some(seal(1, COMPONENT, MANIFEST, "me").key));
        let unsigned = append(COMPONENT, MANIFEST, None).unwrap();
        assert_eq!(Package::read(&unsigned).unwrap().unwrap().signed_by, None);
    }

    #[test]
    fn a_file_without_the_section_is_no_package() {
        assert_eq!(Package::read(COMPONENT), Ok(None));
        let mut other = COMPONENT.to_vec();
        other.extend(b"\0\x05\x04note");
        assert_eq!(Package::read(&other), Ok(None));
    }

    #[test]
    fn a_section_inside_a_nested_component_is_not_ours() {
        let nested = signed();
        let mut outer = COMPONENT.to_vec();
        outer.push(4);
        push_leb128(&mut outer, nested.len());
        outer.extend(&nested);
        assert_eq!(Package::read(&outer), Ok(None));
    }

    #[test]
    fn whatever_is_changed_after_signing_is_noticed() {
        let good = signed();
        let mut component = COMPONENT.to_vec();
        component.extend(b"\0\x05\x04more");
        let (_, payload) = find(&good).unwrap().unwrap();
        push_section(&mut component, payload);
        assert!(matches!(Package::read(&component), Err(PackageError::WrongDigest { .. })));

        let wider = MANIFEST.replace("[]", "[\"qpyt:store/files\"]");
        let wider = changed(&good, |value| value["manifest"] = wider.into());
        assert!(matches!(Package::read(&wider), Err(PackageError::WrongSignature(_))));

        let stranger = seal(2, COMPONENT, MANIFEST, "me").key;
        let taken_over = changed(&good, |value| value["key"] = stranger.to_string().into());
        assert_eq!(Package::read(&taken_over), Err(PackageError::WrongSignature(stranger)));

        let renamed = changed(&good, |value| value["publisher"] = "you".into());
        assert!(matches!(Package::read(&renamed), Err(PackageError::Malformed(_))));
        let renamed = changed(&good, |value| {
            value["publisher"] = "you".into();
            value["manifest"] = MANIFEST.replace("\"me\"", "\"you\"").into();
        });
        assert!(matches!(Package::read(&renamed), Err(PackageError::WrongSignature(_))));
    }

    #[test]
    fn a_signature_without_key_or_publisher_is_refused() {
        for (name, hint) in [("key", "no key"), ("signature", "no signature")] {
            let half = changed(&signed(), |value| {
                value.as_object_mut().unwrap().remove(name);
            });
            let message = Package::read(&half).unwrap_err().to_string();
            assert!(message.contains(hint), "{message}");
        }
        let nameless = "[brick]\nwasm = \"shout.wasm\"\n";
        let seal = seal(1, COMPONENT, nameless, "");
        assert_eq!(append(COMPONENT, nameless, Some(seal)), Err(PackageError::NoPublisher));
    }

    #[test]
    fn a_key_that_would_verify_everything_is_refused() {
        // The neutral element of the curve: with a zero scalar its signatures hold for any text.
        let mut neutral = [0; 32];
        neutral[0] = 1;
        let mut signature = [0; 64];
        signature[0] = 1;
        let seal = Seal { key: PublisherKey(neutral), signature };
        assert!(matches!(append(COMPONENT, MANIFEST, Some(seal)), Err(PackageError::WrongSignature(_))));
    }

    #[test]
    fn sections_that_are_not_last_or_not_alone_are_refused() {
        let good = signed();
        let mut followed = good.clone();
        followed.extend(b"\0\x05\x04more");
        assert_eq!(Package::read(&followed), Err(PackageError::NotLast));
        let mut twice = good.clone();
        push_section(&mut twice, b"{}");
        assert_eq!(Package::read(&twice), Err(PackageError::Several));
        assert_eq!(append(&good, MANIFEST, None), Err(PackageError::Several));
    }

    #[test]
    fn a_package_that_was_cut_short_is_refused_wherever_it_was_cut() {
        let good = signed();
        for end in COMPONENT.len() + 1..good.len() {
            assert!(matches!(Package::read(&good[..end]), Err(PackageError::Damaged(_))), "cut at {end}");
        }
    }

    #[test]
    fn a_file_of_another_kind_is_called_so() {
        for file in [b"".as_slice(), b"root:x:0:0", b"\0as"] {
            assert_eq!(Package::read(file), Err(PackageError::NotWebAssembly));
        }
    }

    #[test]
    fn sizes_that_are_not_there_are_refused() {
        let mut huge = COMPONENT.to_vec();
        huge.extend(b"\0\xff\xff\xff\xff\x0f\x0cqpyt:package{}");
        assert!(matches!(Package::read(&huge), Err(PackageError::Damaged(_))));
        let mut huge = COMPONENT.to_vec();
        huge.extend(b"\x04\xff\xff\xff\xff\x0f\0asm\x0d\0\x01\0");
        assert!(matches!(Package::read(&huge), Err(PackageError::Damaged(_))));
        let large = with_payload(&format!("{{\"format\":1,\"note\":\"{}\"}}", " ".repeat(MAX_SECTION_BYTES)));
        assert!(matches!(Package::read(&large), Err(PackageError::TooLarge(_))));
    }

    #[test]
    fn payloads_that_say_something_else_are_refused_with_what_is_wrong() {
        let manifest = |manifest: &'static str| {
            changed(&append(COMPONENT, MANIFEST, None).unwrap(), |value| value["manifest"] = manifest.into())
        };
        for (file, hint) in [
            (with_payload(""), "EOF"),
            (with_payload("[]"), "not right"),
            (with_payload("\u{fffd}"), "not right"),
            (with_payload("{\"format\":2,\"parts\":[]}"), "format 2"),
            (with_payload("{\"format\":1}"), "missing field"),
            (changed(&signed(), |value| value["extra"] = 1.into()), "extra"),
            (changed(&signed(), |value| value["digest"] = "sha256:00".into()), "no digest"),
            (changed(&signed(), |value| value["key"] = "ed25519:00".into()), "no publisher key"),
            (changed(&signed(), |value| value["signature"] = "é0".into()), "128"),
            (manifest("[brick]"), "brick.toml"),
            (manifest("[brick]\nwasm = \"../a.wasm\""), "without folders"),
            (manifest("[brick]\nwasm = \"a.wasm\"\npublisher = \"a\\nb\""), "one line"),
        ] {
            let message = Package::read(&file).unwrap_err().to_string();
            assert!(message.contains(hint), "{message} does not say {hint}");
        }
    }

    #[test]
    fn nesting_without_end_is_refused() {
        let deep = format!("{{\"format\":1,\"manifest\":{}", "[".repeat(100_000));
        assert!(matches!(Package::read(&with_payload(&deep)), Err(PackageError::Malformed(_))));
    }

    #[test]
    fn a_key_survives_being_written_and_read() {
        let key = seal(1, COMPONENT, MANIFEST, "me").key;
        assert_eq!(key.to_string().parse(), Ok(key));
        for text in ["", "ed25519:", "ed25519:00", &key.to_string().to_uppercase()] {
            assert!(text.parse::<PublisherKey>().is_err(), "{text} was taken for a key");
        }
    }
}
