//! The weights of one model component: one file, a half-precision file, or shards listed by an index.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use candle_core::{DType, Device, Tensor};

use super::holding::block_of;
use super::stretches::{BlockRows, KeyMap, StoredRows, Stretch};
use super::{
    Block, BrokenFile, ConfigFile, GgufFile, Holding, Loaded, SafetensorsFile, StoredType, TensorEntry,
    TensorFile,
};
use crate::tensor::Parameter;

/// Most shards that an index may name.
const MAX_SHARDS: usize = 512;

/// The weight files of a component folder and the tensors in them.
#[derive(Clone)]
pub struct WeightFiles {
    folder: PathBuf,
    files: Vec<Arc<TensorFile>>,
    /// Index into `files` by tensor name, where there are several.
    owners: Arc<BTreeMap<String, usize>>,
    /// Other names of tensors, and the ones in the files.
    aliases: BTreeMap<String, String>,
    /// Tensors that are made of rows of those in the files.
    stretches: Arc<KeyMap>,
    /// True if the map shows all that there is.
    mapped: bool,
    /// A file of quantised tensors, in the place of the others.
    gguf: Option<Arc<GgufFile>>,
    index: Option<PathBuf>,
}

impl WeightFiles {
    /// Opens the weights of `folder`: `<stem>.safetensors`, its shards, the same with `.fp16`, or a PyTorch checkpoint
    /// `<stem>.bin` or `pytorch_<stem>.bin`; headers only.
    ///
    /// # Errors
    /// There are none, or one of them is broken.
    pub fn open(folder: &Path, stem: &str) -> Loaded<Self> {
        for name in [format!("{stem}.safetensors"), format!("{stem}.fp16.safetensors")] {
            let path = folder.join(name);
            if path.is_file() {
                return Self::from_shards(folder, vec![path], None);
            }
        }
        for name in [
            format!("{stem}.safetensors.index.json"),
            format!("{stem}.fp16.safetensors.index.json"),
            format!("{stem}.safetensors.index.fp16.json"),
        ] {
            let path = folder.join(name);
            if path.is_file() {
                return Self::from_shards(folder, shards(&path)?, Some(path));
            }
        }
        for name in [format!("{stem}.bin"), format!("pytorch_{stem}.bin")] {
            let path = folder.join(name);
            if path.is_file() {
                return Self::from_files(folder, vec![TensorFile::open(&path)?], None);
            }
        }
        Err(BrokenFile::new(folder, format!("has no weights: `{stem}.safetensors` is missing")))
    }

    /// Opens one weight file of any format that [`TensorFile`] reads; its table of tensors only.
    ///
    /// # Errors
    /// It is broken or of another format.
    pub fn single(path: &Path) -> Loaded<Self> {
        let folder = path.parent().unwrap_or(Path::new("."));
        Self::from_files(folder, vec![TensorFile::open(path)?], None)
    }

    fn from_shards(folder: &Path, paths: Vec<PathBuf>, index: Option<PathBuf>) -> Loaded<Self> {
        let files = paths.iter().map(|p| SafetensorsFile::open(p).map(TensorFile::from));
        Self::from_files(folder, files.collect::<Result<_, _>>()?, index)
    }

    fn from_files(folder: &Path, files: Vec<TensorFile>, index: Option<PathBuf>) -> Loaded<Self> {
        let mut owners = BTreeMap::new();
        let several = if files.len() > 1 { files.as_slice() } else { &[] };
        for (number, file) in several.iter().enumerate() {
            for name in file.entries().keys() {
                if owners.insert(name.clone(), number).is_some() {
                    return Err(BrokenFile::new(
                        file.path(),
                        format!("tensor `{name}` is in another shard too"),
                    ));
                }
            }
        }
        Ok(Self {
            folder: folder.to_path_buf(),
            files: files.into_iter().map(Arc::new).collect(),
            owners: Arc::new(owners),
            aliases: BTreeMap::new(),
            stretches: Arc::default(),
            mapped: false,
            gguf: None,
            index,
        })
    }

    /// Opens one weight file of any format that is read, GGUF too; its table of tensors only.
    ///
    /// # Errors
    /// It is broken or of another format.
    pub fn file(path: &Path) -> Loaded<Self> {
        let gguf = path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("gguf"));
        if gguf { Self::gguf(path) } else { Self::single(path) }
    }

    /// Opens a GGUF file; its header only.
    ///
    /// # Errors
    /// It is broken.
    pub fn gguf(path: &Path) -> Loaded<Self> {
        let file = GgufFile::open(path)?;
        let none = Self::from_files(path.parent().unwrap_or(Path::new(".")), Vec::new(), None)?;
        Ok(Self { gguf: Some(Arc::new(file)), ..none })
    }

    /// The files on disk, the index among them.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        let gguf = self.gguf.as_ref().map(|file| file.path());
        self.files.iter().map(|file| file.path()).chain(self.index.as_deref()).chain(gguf)
    }

    /// The only file, where it is one of tensors as they are.
    pub(crate) fn only_file(&self) -> Option<&Arc<TensorFile>> {
        match self.files.as_slice() {
            [only] => Some(only),
            _ => None,
        }
    }

    /// Where what they lack is missing: the only file, or the folder.
    pub(super) fn place(&self) -> &Path {
        match (&self.gguf, self.files.as_slice()) {
            (Some(file), _) => file.path(),
            (None, [only]) => only.path(),
            _ => &self.folder,
        }
    }

    /// The GGUF file, if that is what was opened.
    pub(crate) fn gguf_file(&self) -> Option<&Arc<GgufFile>> {
        self.gguf.as_ref()
    }

    /// Bytes that the weights take once loaded: as in the file for what layers use as it is there, four for each other
    /// number.
    pub fn loaded_bytes(&self) -> u64 {
        self.loaded_bytes_of(|_| true)
    }

    /// The same for tensors of certain names alone.
    pub(crate) fn loaded_bytes_of(&self, counts: impl Fn(&str) -> bool) -> u64 {
        self.loaded_bytes_as(&Holding::default(), counts)
    }

    /// The same where layers hold weights in a way of their own.
    pub(crate) fn loaded_bytes_as(&self, holding: &Holding, counts: impl Fn(&str) -> bool) -> u64 {
        self.loaded_tensors(holding, counts).map(|(_, bytes)| bytes).sum()
    }

    /// The blocks of tensors of certain names, in the order of the files, where layers hold weights in this way.
    pub(crate) fn blocks(&self, holding: &Holding, counts: impl Fn(&str) -> bool) -> Vec<Block> {
        let mut blocks: Vec<Block> = Vec::new();
        let mut places: BTreeMap<&str, usize> = BTreeMap::new();
        for (name, bytes) in self.loaded_tensors(holding, counts) {
            let name = block_of(name);
            let place = *places.entry(name).or_insert(blocks.len());
            match blocks.get_mut(place) {
                Some(block) => {
                    block.bytes += bytes;
                    block.largest = block.largest.max(bytes);
                }
                None => blocks.push(Block { name: name.to_owned(), bytes, largest: bytes }),
            }
        }
        blocks
    }

    /// The stored tensors that certain tensors are made of, each with its bytes once loaded.
    fn loaded_tensors<'a>(
        &'a self,
        holding: &'a Holding,
        counts: impl Fn(&str) -> bool + 'a,
    ) -> Box<dyn Iterator<Item = (&'a str, u64)> + 'a> {
        if self.mapped {
            let made = self.stretches.iter().filter(move |(name, _)| counts(name));
            let parts = made.flat_map(|(name, parts)| parts.iter().map(move |part| (name, part)));
            return Box::new(
                parts.map(|(name, part)| (part.name.as_str(), self.stretch_bytes(name, part, holding))),
            );
        }
        let plain = self.files.iter().flat_map(|file| file.entries().keys().map(move |name| (file, name)));
        let plain = plain.map(|(file, name)| (name.as_str(), held_bytes(file, name, name, holding)));
        let gguf = self.gguf.iter().flat_map(|file| file.entries());
        let dtype = holding.computing.dtype();
        let gguf = gguf.map(move |(name, entry)| (name.as_str(), BlockRows::loaded_bytes(entry, dtype)));
        Box::new(plain.chain(gguf).filter(move |(name, _)| counts(name)))
    }

    /// Bytes that a stretch takes once loaded; 0 if it is not stored.
    fn stretch_bytes(&self, name: &str, stretch: &Stretch, holding: &Holding) -> u64 {
        let whole = match &self.gguf {
            Some(file) => {
                let entry = file.entries().get(&stretch.name);
                entry.map(|entry| BlockRows::loaded_bytes(entry, holding.computing.dtype()))
            }
            None => {
                self.find_stored(&stretch.name).map(|found| held_bytes(found.file, found.name, name, holding))
            }
        };
        stretch.share_of(whole.unwrap_or_default())
    }

    /// The type that most of its matrices and kernels would be computed in: half precision, where they are stored in no
    /// more.
    pub(crate) fn native_type(&self) -> DType {
        if self.gguf.is_some() {
            return DType::BF16;
        }
        let entries = self.files.iter().flat_map(|file| file.entries().values());
        let mut numbers: BTreeMap<StoredType, usize> = BTreeMap::new();
        for entry in entries.filter(|entry| entry.dtype.is_weight() && entry.shape.len() > 1) {
            *numbers.entry(entry.dtype).or_default() += entry.shape.iter().product::<usize>();
        }
        match numbers.into_iter().max_by_key(|(_, count)| *count) {
            Some((StoredType::F32 | StoredType::F64, _)) => DType::F32,
            Some((StoredType::F16, _)) => DType::F16,
            _ => DType::BF16,
        }
    }

    /// Number of weights in all tensors of floating-point type.
    pub fn weight_count(&self) -> u64 {
        self.files
            .iter()
            .flat_map(|f| f.entries().values())
            .filter(|entry| entry.dtype.is_weight())
            .map(|entry| entry.shape.iter().map(|&d| d as u64).product::<u64>())
            .sum()
    }

    /// The same files whose tensors can be asked for by further names: pairs of the new name and the one in the file.
    pub fn with_aliases(self, aliases: impl IntoIterator<Item = (String, String)>) -> Self {
        Self { aliases: aliases.into_iter().collect(), ..self }
    }

    /// The same files whose tensors can also be asked for by the names of a map.
    pub(crate) fn with_stretches(self, stretches: KeyMap) -> Self {
        Self { stretches: Arc::new(stretches), ..self }
    }

    /// The same files as a map shows them: nothing else can be asked for.
    pub(crate) fn seen_through(&self, map: KeyMap) -> Self {
        Self { stretches: Arc::new(map), mapped: true, ..self.clone() }
    }

    /// In a single file that holds a program: the kernel and the bias of each of its convolutions, in order.
    pub fn convolutions(&self) -> &[(String, Option<String>)] {
        self.only_file().map(|file| file.convolutions()).unwrap_or_default()
    }

    /// Names of all stored tensors, in alphabetic order within each file.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let gguf = self.gguf.iter().flat_map(|file| file.entries().keys());
        self.files.iter().flat_map(|file| file.entries().keys()).chain(gguf).map(String::as_str)
    }

    /// Names of all stored tensors that begin alike, found without looking at the others.
    pub(crate) fn names_below(&self, prefix: &str) -> impl Iterator<Item = &str> {
        let plain = self.files.iter().flat_map(move |file| below(file.entries(), prefix));
        plain.chain(self.gguf.iter().flat_map(move |file| below(file.entries(), prefix)))
    }

    /// The dimensions of a stored tensor, whatever the format of its file.
    pub(crate) fn stored_shape(&self, name: &str) -> Option<&[usize]> {
        match &self.gguf {
            Some(file) => file.entries().get(name).map(|entry| entry.shape.as_slice()),
            None => self.find_stored(name).map(|found| found.entry.shape.as_slice()),
        }
    }

    /// Loads a stored tensor as it is; none if it is not there.
    ///
    /// # Errors
    /// It does not hold floating-point numbers.
    pub(crate) fn stored_tensor(&self, name: &str, device: &Device) -> Loaded<Option<Tensor>> {
        let part = self.part(&Stretch::whole(name), device)?;
        part.map(|part| part.tensor()).transpose().map_err(|e| BrokenFile::new(&self.folder, e))
    }

    /// What the writer of the only file noted under a key.
    pub(crate) fn note(&self, key: &str) -> Option<&str> {
        self.only_file()?.note(key)
    }

    /// The stretches that a tensor is made of; none if it can't be asked for.
    pub(super) fn stretches(&self, name: &str) -> Vec<Stretch> {
        match self.stretches.get(name) {
            Some(stretches) => stretches.to_vec(),
            None if self.mapped => Vec::new(),
            None => vec![Stretch::whole(self.aliases.get(name).map_or(name, String::as_str))],
        }
    }

    /// Lets the system forget the pages of what a tensor is made of; it reads them from the file again if need be.
    pub(super) fn let_go(&self, name: &str) {
        for stretch in self.stretches(name) {
            if let Some(found) = self.find_stored(&stretch.name) {
                found.file.let_go(found.entry);
            }
        }
    }

    /// The stored tensor that a tensor is all of.
    pub(super) fn find(&self, name: &str) -> Option<Found<'_>> {
        match self.stretches(name).as_slice() {
            [only] if only.is_whole() => self.find_stored(&only.name),
            _ => None,
        }
    }

    /// True if all that a tensor is made of is stored.
    pub(super) fn has(&self, name: &str) -> bool {
        let stretches = self.stretches(name);
        !stretches.is_empty() && stretches.iter().all(|stretch| self.stored_shape(&stretch.name).is_some())
    }

    /// A stretch of a packed matrix; none if it is not packed.
    pub(super) fn stored_rows(&self, stretch: &Stretch) -> Loaded<Option<StoredRows>> {
        let shape = self.stored_shape(&stretch.name).unwrap_or_default();
        match &self.gguf {
            Some(file) => BlockRows::of(file, stretch, shape).map(|rows| rows.map(StoredRows::Blocks)),
            None => Ok(self.find_stored(&stretch.name).and_then(|Found { file, name, entry }| {
                file.packed_rows(name, stretch.rows(&entry.shape)).map(StoredRows::Codes)
            })),
        }
    }

    /// The stretches of a tensor, one after the other.
    pub(super) fn joined(&self, name: &str, device: &Device) -> Loaded<Option<Parameter>> {
        let mut parts = Vec::new();
        for stretch in self.stretches(name) {
            match self.part(&stretch, device)? {
                Some(part) => parts.push(part),
                None => return Ok(None),
            }
        }
        match parts.len() {
            0 => Ok(None),
            1 => Ok(parts.pop()),
            _ => {
                let parts: Vec<_> = parts.iter().collect();
                Parameter::joined(&parts).map(Some).map_err(|e| BrokenFile::new(&self.folder, e))
            }
        }
    }

    /// A stretch; none if it is not stored.
    fn part(&self, stretch: &Stretch, device: &Device) -> Loaded<Option<Parameter>> {
        let Some(shape) = self.stored_shape(&stretch.name) else { return Ok(None) };
        let rows = stretch.rows(shape);
        let part = match (&self.gguf, self.find_stored(&stretch.name)) {
            (Some(file), _) if rows.len() == shape.first().copied().unwrap_or(0) => {
                file.parameter(&stretch.name, shape, device)?
            }
            (Some(file), _) => {
                let whole = file.tensor(&stretch.name, shape, device)?;
                let rows = whole.narrow(0, rows.start, rows.len());
                rows.map_err(|e| BrokenFile::new(file.path(), e))?.into()
            }
            (None, Some(Found { file, name, .. })) => file.parameter(name, rows, device)?,
            (None, None) => return Ok(None),
        };
        if !stretch.transposed {
            return Ok(Some(part));
        }
        let turned = part.tensor().and_then(|part| part.t()?.contiguous());
        turned.map(|turned| Some(turned.into())).map_err(|e| BrokenFile::new(&self.folder, e))
    }

    /// Dimensions of a tensor, none when it is not there.
    pub fn shape(&self, name: &str) -> Option<&[usize]> {
        self.find(name).map(|found| found.entry.shape.as_slice())
    }

    /// A tensor by its name in a file.
    fn find_stored(&self, name: &str) -> Option<Found<'_>> {
        let file = match self.only_file() {
            Some(file) => file,
            None => self.files.get(*self.owners.get(name)?)?,
        };
        let (name, entry) = file.entries().get_key_value(name)?;
        Some(Found { file, name, entry })
    }
}

/// The keys of a map that begin alike.
fn below<'a, T>(entries: &'a BTreeMap<String, T>, prefix: &str) -> impl Iterator<Item = &'a str> {
    let from = (Bound::Included(prefix), Bound::Unbounded);
    let names = entries.range::<str, _>(from).map(|(name, _)| name.as_str());
    names.take_while(move |name| name.starts_with(prefix))
}

/// Bytes that a tensor, which is asked for by another name, takes once loaded.
fn held_bytes(file: &TensorFile, stored: &str, name: &str, holding: &Holding) -> u64 {
    let plain = |entry: &&TensorEntry| entry.dtype.is_weight() && entry.dtype != StoredType::Packed4;
    let quantised = file.entries().get(stored).filter(|entry| plain(entry) && !is_table(name));
    let quantised = quantised.and_then(|entry| holding.storage.bytes(&entry.shape));
    quantised.unwrap_or_else(|| file.loaded_bytes(stored, holding.computing.dtype()))
}

/// True for the embeddings of a vocabulary, which are no projection.
fn is_table(name: &str) -> bool {
    name.contains("embed_tokens") || name.starts_with("shared.")
}

/// A tensor in a file, under its name there.
pub(super) struct Found<'a> {
    pub(super) file: &'a TensorFile,
    pub(super) name: &'a str,
    pub(super) entry: &'a TensorEntry,
}

/// The files that an index names.
fn shards(index: &Path) -> Loaded<Vec<PathBuf>> {
    let config = ConfigFile::read(index)?;
    let folder = index.parent().unwrap_or(Path::new("."));
    let map = config.object("weight_map")?;
    let mut names = Vec::new();
    for value in map.values() {
        let name = value.as_str().unwrap_or_default();
        let plain =
            name.ends_with(".safetensors") && !name.contains(['/', '\\', ':']) && !name.starts_with('.');
        if !plain {
            return Err(config.problem("weight_map", format!("`{value}` is not the name of a weight file")));
        }
        if !names.contains(&name) {
            names.push(name);
        }
        if names.len() > MAX_SHARDS {
            return Err(config.problem("weight_map", format!("names more than {MAX_SHARDS} files")));
        }
    }
    Ok(names.into_iter().map(|name| folder.join(name)).collect())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn what_was_let_go_is_no_longer_in_memory_and_can_be_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().canonicalize().unwrap().join("model.safetensors");
        let numbers = Tensor::arange(0f32, (1 << 20) as f32, &Device::Cpu).unwrap();
        candle_core::safetensors::save(&HashMap::from([("weight", numbers.clone())]), &path).unwrap();
        let files = WeightFiles::single(&path).unwrap();
        // Bytes of the file that this process has in memory.
        let resident = || {
            let maps = std::fs::read_to_string("/proc/self/smaps").unwrap();
            let ours = maps.lines().skip_while(|line| !line.ends_with(path.to_str().unwrap()));
            let size = ours.filter_map(|line| line.strip_prefix("Rss:")).next().unwrap();
            size.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
        };
        let read = || files.stored_tensor("weight", &Device::Cpu).unwrap().unwrap();
        drop(read());
        assert!(resident() >= 4 << 20);
        files.let_go("weight");
        assert!(resident() < 1 << 20);
        assert_eq!(read().to_vec1::<f32>().unwrap(), numbers.to_vec1::<f32>().unwrap());
    }
}
