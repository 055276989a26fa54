//! Textual inversion (Gal et al., arXiv 2208.01618): rows that were trained to stand for a word, in a small file.
//!
//! Files are safetensors or PyTorch's: `emb_params`, or `clip_l` and `clip_g` for Stable Diffusion XL;
//! `string_to_param` with one entry (AUTOMATIC1111); or one entry by the word that it is for (diffusers).

use std::path::{Path, PathBuf};
use std::sync::Arc;

use candle_core::{Device, Tensor};

use crate::diffusion::architecture::Architecture;
use crate::weights::{BrokenFile, Loaded, TensorFile};

/// Widths of the encoders that embeddings are made for: CLIP-L, OpenCLIP-H and OpenCLIP-G.
const WIDTHS: [usize; 3] = [768, 1024, 1280];
/// Most rows of an embedding; a window has room for 75.
const MAX_ROWS: usize = 128;
/// Largest file that is looked at for an embedding.
const MAX_FILE: u64 = 8 << 20;

/// An embedding file with a sound header.
pub struct InversionLayout {
    file: Arc<TensorFile>,
    /// Names of its tensors with rows and width, at most one of each width.
    tensors: Vec<(String, usize, usize)>,
}

impl InversionLayout {
    /// True if a file's name says that it may be one of PyTorch's small files, of which only embeddings are of use.
    pub fn may_be_at(path: &Path) -> bool {
        let ending = path.extension().is_some_and(|ending| ending == "pt" || ending == "bin");
        ending && path.metadata().is_ok_and(|metadata| metadata.len() <= MAX_FILE)
    }

    /// Reads a file's header. None if it is no embedding.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn read(path: &Path) -> Loaded<Option<Self>> {
        Ok(Self::recognise(&Arc::new(TensorFile::open(path)?)))
    }

    /// Reads the header of a file that is said to be an embedding.
    ///
    /// # Errors
    /// The file cannot be read, or what makes it none.
    pub fn require(path: &Path) -> Loaded<Self> {
        let file = Arc::new(TensorFile::open(path)?);
        Self::examine(&file).map_err(|problem| BrokenFile::new(path, problem))
    }

    /// The layout of an open file. None if it is no embedding.
    pub fn recognise(file: &Arc<TensorFile>) -> Option<Self> {
        Self::examine(file).ok()
    }

    /// The layout of an open file, or why it is no embedding.
    fn examine(file: &Arc<TensorFile>) -> Result<Self, String> {
        if file.path().metadata().is_ok_and(|metadata| metadata.len() > MAX_FILE) {
            return Err("is larger than any embedding".to_owned());
        }
        let mut tensors: Vec<(String, usize, usize)> = Vec::new();
        for (name, entry) in file.entries() {
            let (rows, width) = match entry.shape.as_slice() {
                [width] => (1, *width),
                [rows, width] => (*rows, *width),
                _ => return Err(format!("is no embedding: `{name}` is no row of vectors")),
            };
            if !WIDTHS.contains(&width) {
                let [one, two, three] = WIDTHS;
                return Err(format!(
                    "is for no model that takes embeddings here: its vectors have {width} numbers, not {one}, {two} or {three}"
                ));
            }
            if !(1..=MAX_ROWS).contains(&rows) {
                return Err(format!("is no embedding: it has {rows} vectors, not 1 to {MAX_ROWS}"));
            }
            if !entry.dtype.is_weight() || tensors.iter().any(|(_, _, other)| *other == width) {
                return Err(format!("is no embedding: `{name}` has no place in one"));
            }
            tensors.push((name.clone(), rows, width));
        }
        if tensors.is_empty() {
            return Err("is no embedding: it holds no vectors".to_owned());
        }
        Ok(Self { file: Arc::clone(file), tensors })
    }

    /// The network that the embedding is made for; none if its widths leave that open.
    pub fn architecture(&self) -> Option<Architecture> {
        let mut widths: Vec<usize> = self.tensors.iter().map(|(.., width)| *width).collect();
        widths.sort_unstable();
        match widths.as_slice() {
            [768] => Some(Architecture::StableDiffusion1),
            [1024] => Some(Architecture::StableDiffusion2),
            [768, 1280] => Some(Architecture::StableDiffusionXl),
            _ => None,
        }
    }

    /// The file.
    pub fn files(&self) -> Vec<PathBuf> {
        vec![self.file.path().to_path_buf()]
    }

    /// Memory that the embedding takes once loaded.
    pub fn weight_bytes(&self) -> u64 {
        let numbers = self.tensors.iter().map(|(_, rows, width)| (rows * width) as u64);
        numbers.sum::<u64>() * size_of::<f32>() as u64
    }
}

/// A loaded embedding.
pub struct TextualInversion {
    /// Its rows (rows, width) for encoders of different widths.
    rows: Vec<Tensor>,
}

impl TextualInversion {
    /// An embedding of rows (rows, width), at most one tensor for each width.
    pub fn new(rows: Vec<Tensor>) -> Self {
        Self { rows }
    }

    /// Loads the rows onto a device.
    ///
    /// # Errors
    /// A tensor cannot be read.
    pub fn load(layout: &InversionLayout, device: &Device) -> Loaded<Self> {
        let load = |(name, rows, width): &(String, usize, usize)| {
            let tensor = layout.file.tensor(name, device)?;
            tensor.reshape((*rows, *width)).map_err(|e| BrokenFile::new(layout.file.path(), e))
        };
        Ok(Self::new(layout.tensors.iter().map(load).collect::<Loaded<_>>()?))
    }

    /// The rows (rows, width) for an encoder of a width, if there are any.
    pub fn rows(&self, width: usize) -> Option<&Tensor> {
        self.rows.iter().find(|rows| rows.dims().last() == Some(&width))
    }
}
