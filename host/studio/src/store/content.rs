//! Pictures, tensors and files by the digest of what they hold. Equal things are kept once; what is read is
//! checked against its name, so a damaged file is told as such and never used.
//!
//! ```text
//! content/images/ab/<64 digits>.png   8-bit pictures, lossless; the digest is over format, size and pixels
//!                           .f32   float pictures: a header and the floats
//!         tensors/ab/<64 digits>.tensor
//!         files/ab/<64 digits>     bytes as they are
//!         staging/                 files being written
//! ```

use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use qpyt_bricks::Digest;
use qpyt_bricks::media::{self, DecodeLimits, Element, Image, PixelFormat, Tensor};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{StoreError, files};

/// Begins the files that are written in our own layout: then the header's length (u32, little endian), the header
/// as JSON, and the data.
const MAGIC: &[u8; 8] = b"QPYTRAW\x01";
const MAX_HEADER: usize = 4096;
/// The largest file that is read back, in bytes. What goes in is bounded by the limits of whoever puts it.
const MAX_FILE: u64 = 4 << 30;
/// What the store writes itself may be larger than what people may bring.
const LIMITS: DecodeLimits = DecodeLimits { max_side: 65_535, max_bytes: MAX_FILE };

/// What is kept under a digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ContentKind {
    /// A picture.
    Image,
    /// A tensor.
    Tensor,
    /// Bytes.
    File,
}

/// One stored thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Content {
    /// What it is.
    pub kind: ContentKind,
    /// Its name.
    pub digest: Digest,
}

/// The folder of content. Any number of threads may use it at once.
#[derive(Debug)]
pub struct ContentStore {
    folder: PathBuf,
    staging: PathBuf,
}

#[derive(Serialize, Deserialize)]
struct FloatHeader {
    width: u32,
    height: u32,
}

#[derive(Serialize, Deserialize)]
struct TensorHeader {
    shape: Vec<u32>,
    element: Element,
}

impl ContentStore {
    pub(super) fn open(folder: &Path) -> Result<Self, StoreError> {
        let staging = folder.join("staging");
        files::create_folder(&staging)?;
        Ok(Self { folder: folder.to_path_buf(), staging })
    }

    /// Clears away what a killed process left half written. For the owner of the data folder only: others may be
    /// writing there.
    pub(super) fn clear_staging(&self) -> Result<(), StoreError> {
        fs::remove_dir_all(&self.staging).map_err(|source| StoreError::io("clear", &self.staging, source))?;
        files::create_folder(&self.staging)
    }

    /// Keeps a picture under its digest.
    ///
    /// # Errors
    /// [`StoreError::NoSpace`] and other refusals of the disk.
    pub fn put_image(&self, image: &Image) -> Result<Digest, StoreError> {
        let digest = image.digest();
        if self.open_image(digest).is_ok() {
            return Ok(digest);
        }
        if image.format() == PixelFormat::Luma32f {
            let header = FloatHeader { width: image.width(), height: image.height() };
            self.write_raw(&self.float_path(digest), &header, image.pixels())?;
        } else {
            let png = png(image)?;
            self.write(&self.png_path(digest), &[&png])?;
        }
        Ok(digest)
    }

    /// The picture with this digest.
    ///
    /// # Errors
    /// [`StoreError::NoContent`], [`StoreError::Corrupt`].
    pub fn open_image(&self, digest: Digest) -> Result<Image, StoreError> {
        self.read_image(digest).map(|(image, _)| image)
    }

    /// The picture with this digest as a PNG file; float pictures have 16 bits.
    ///
    /// # Errors
    /// [`StoreError::NoContent`], [`StoreError::Corrupt`].
    pub fn picture_png(&self, digest: Digest) -> Result<Vec<u8>, StoreError> {
        match self.read_image(digest)? {
            (_, Some(file)) => Ok(file),
            (image, None) => png(&image),
        }
    }

    /// Keeps a tensor under its digest.
    ///
    /// # Errors
    /// [`StoreError::NoSpace`] and other refusals of the disk.
    pub fn put_tensor(&self, tensor: &Tensor) -> Result<Digest, StoreError> {
        let digest = tensor.digest();
        if self.open_tensor(digest).is_err() {
            let header = TensorHeader { shape: tensor.shape().to_vec(), element: tensor.element() };
            self.write_raw(&self.tensor_path(digest), &header, tensor.data())?;
        }
        Ok(digest)
    }

    /// The tensor with this digest.
    ///
    /// # Errors
    /// [`StoreError::NoContent`], [`StoreError::Corrupt`].
    pub fn open_tensor(&self, digest: Digest) -> Result<Tensor, StoreError> {
        let path = self.tensor_path(digest);
        let file = read(&path)?.ok_or(StoreError::NoContent(digest))?;
        let (header, data) = split_raw::<TensorHeader>(&path, &file)?;
        let tensor = Tensor::new(header.shape, header.element, data.to_vec())
            .map_err(|error| corrupt(&path, error))?;
        check(&path, tensor.digest(), digest)?;
        Ok(tensor)
    }

    /// Keeps bytes under their digest.
    ///
    /// # Errors
    /// [`StoreError::NoSpace`] and other refusals of the disk.
    pub fn put_file(&self, bytes: &[u8]) -> Result<Digest, StoreError> {
        let digest = Digest::of(bytes);
        if self.open_file(digest).is_err() {
            self.write(&self.file_path(digest), &[bytes])?;
        }
        Ok(digest)
    }

    /// The bytes with this digest.
    ///
    /// # Errors
    /// [`StoreError::NoContent`], [`StoreError::Corrupt`].
    pub fn open_file(&self, digest: Digest) -> Result<Vec<u8>, StoreError> {
        let path = self.file_path(digest);
        let bytes = read(&path)?.ok_or(StoreError::NoContent(digest))?;
        check(&path, Digest::of(&bytes), digest)?;
        Ok(bytes)
    }

    /// What people get who ask for this digest: a picture as PNG, a file as it is.
    ///
    /// # Errors
    /// [`StoreError::NoContent`], also for tensors; [`StoreError::Corrupt`].
    pub fn served(&self, digest: Digest) -> Result<Vec<u8>, StoreError> {
        match self.kind(digest) {
            Some(ContentKind::Image) => self.picture_png(digest),
            Some(ContentKind::File) => self.open_file(digest),
            Some(ContentKind::Tensor) | None => Err(StoreError::NoContent(digest)),
        }
    }

    /// What is kept under this digest, without reading it.
    #[must_use]
    pub fn kind(&self, digest: Digest) -> Option<ContentKind> {
        if self.png_path(digest).is_file() || self.float_path(digest).is_file() {
            Some(ContentKind::Image)
        } else if self.file_path(digest).is_file() {
            Some(ContentKind::File)
        } else if self.tensor_path(digest).is_file() {
            Some(ContentKind::Tensor)
        } else {
            None
        }
    }

    /// Reads a stored thing and checks it against its name.
    pub(super) fn verify(&self, content: Content) -> Result<(), StoreError> {
        match content.kind {
            ContentKind::Image => self.open_image(content.digest).map(drop),
            ContentKind::Tensor => self.open_tensor(content.digest).map(drop),
            ContentKind::File => self.open_file(content.digest).map(drop),
        }
    }

    /// The pixels, and the stored PNG file if they are in one.
    fn read_image(&self, digest: Digest) -> Result<(Image, Option<Vec<u8>>), StoreError> {
        let path = self.png_path(digest);
        if let Some(file) = read(&path)? {
            let image = media::decode(&file, LIMITS).map_err(|error| corrupt(&path, error))?;
            check(&path, image.digest(), digest)?;
            return Ok((image, Some(file)));
        }
        let path = self.float_path(digest);
        let file = read(&path)?.ok_or(StoreError::NoContent(digest))?;
        let (header, data) = split_raw::<FloatHeader>(&path, &file)?;
        let image = Image::new(PixelFormat::Luma32f, header.width, header.height, data.to_vec())
            .map_err(|error| corrupt(&path, error))?;
        check(&path, image.digest(), digest)?;
        Ok((image, None))
    }

    fn write(&self, target: &Path, parts: &[&[u8]]) -> Result<(), StoreError> {
        files::write_whole(&self.staging, target, parts)
    }

    fn write_raw(&self, target: &Path, header: &impl Serialize, data: &[u8]) -> Result<(), StoreError> {
        let header = serde_json::to_vec(header)
            .map_err(|error| StoreError::Unstorable { kind: "value", reason: error.to_string() })?;
        let length = u32::try_from(header.len()).unwrap_or(u32::MAX).to_le_bytes();
        self.write(target, &[MAGIC, &length, &header, data])
    }

    fn png_path(&self, digest: Digest) -> PathBuf {
        self.path("images", digest, ".png")
    }

    fn float_path(&self, digest: Digest) -> PathBuf {
        self.path("images", digest, ".f32")
    }

    fn tensor_path(&self, digest: Digest) -> PathBuf {
        self.path("tensors", digest, ".tensor")
    }

    fn file_path(&self, digest: Digest) -> PathBuf {
        self.path("files", digest, "")
    }

    fn path(&self, kind: &str, digest: Digest, extension: &str) -> PathBuf {
        let hex = digest.hex();
        let (shelf, _) = hex.split_at(2);
        self.folder.join(kind).join(shelf).join(format!("{hex}{extension}"))
    }
}

fn png(image: &Image) -> Result<Vec<u8>, StoreError> {
    media::encode(image, media::Container::Png, 100)
        .map_err(|error| StoreError::Unstorable { kind: "picture", reason: error.to_string() })
}

/// The whole file, or none when there is none.
fn read(path: &Path) -> Result<Option<Vec<u8>>, StoreError> {
    let failed = |source| StoreError::io("read", path, source);
    let file = match File::open(path) {
        Ok(file) => file,
        Err(source) if source.kind() == ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(failed(source)),
    };
    let length = file.metadata().map_err(failed)?.len();
    if length > MAX_FILE {
        return Err(corrupt(path, format!("{length} bytes are more than any stored file has")));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or_default());
    file.take(MAX_FILE).read_to_end(&mut bytes).map_err(failed)?;
    Ok(Some(bytes))
}

fn split_raw<'a, H: DeserializeOwned>(path: &Path, file: &'a [u8]) -> Result<(H, &'a [u8]), StoreError> {
    let parts = || {
        let rest = file.strip_prefix(MAGIC)?;
        let (length, rest) = rest.split_first_chunk::<4>()?;
        let length =
            usize::try_from(u32::from_le_bytes(*length)).ok().filter(|&length| length <= MAX_HEADER)?;
        rest.split_at_checked(length)
    };
    let (header, data) = parts().ok_or_else(|| corrupt(path, "its header is broken"))?;
    Ok((serde_json::from_slice(header).map_err(|error| corrupt(path, error))?, data))
}

fn check(path: &Path, found: Digest, expected: Digest) -> Result<(), StoreError> {
    if found == expected { Ok(()) } else { Err(corrupt(path, "its content does not fit its name")) }
}

fn corrupt(path: &Path, reason: impl ToString) -> StoreError {
    StoreError::Corrupt { path: path.to_path_buf(), reason: reason.to_string() }
}
