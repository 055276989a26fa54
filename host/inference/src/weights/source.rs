//! The weights of one model component: one file, a half-precision file, or shards listed by an index.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use candle_core::{Device, Tensor};

use super::stretches::{KeyMap, StoredRows, Stretch};
use super::{BrokenFile, ConfigFile, GgufFile, Loaded, SafetensorsFile, TensorEntry, TensorFile};
use crate::slots::{Slot, Slots};

/// Most shards that an index may name.
const MAX_SHARDS: usize = 512;

/// The weight files of a component folder and the tensors in them.
pub struct WeightFiles {
    folder: PathBuf,
    files: Vec<TensorFile>,
    /// Index into `files` by tensor name.
    owners: BTreeMap<String, usize>,
    /// Other names of tensors, and the ones in the files.
    aliases: BTreeMap<String, String>,
    /// Tensors that are made of rows of those in the files.
    stretches: KeyMap,
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
        for (number, file) in files.iter().enumerate() {
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
            files,
            owners,
            aliases: BTreeMap::new(),
            stretches: KeyMap::default(),
            gguf: None,
            index,
        })
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
        self.files.iter().map(TensorFile::path).chain(self.index.as_deref()).chain(gguf)
    }

    /// The GGUF file, if that is what was opened.
    pub(crate) fn gguf_file(&self) -> Option<&Arc<GgufFile>> {
        self.gguf.as_ref()
    }

    /// Bytes that the weights take once loaded: four for each number, and as in the file for what is quantised.
    pub fn loaded_bytes(&self) -> u64 {
        self.loaded_bytes_of(|_| true)
    }

    /// The same for tensors of certain names alone.
    pub(crate) fn loaded_bytes_of(&self, counts: impl Fn(&str) -> bool) -> u64 {
        let stored = self.files.iter().flat_map(|file| file.entries());
        let stored = stored.filter(|(name, entry)| entry.dtype.is_weight() && counts(name));
        let numbers = stored.map(|(_, entry)| entry.shape.iter().map(|&d| d as u64).product::<u64>());
        let gguf = self.gguf.iter().flat_map(|file| file.entries()).filter(|(name, _)| counts(name));
        numbers.sum::<u64>() * 4 + gguf.map(|(_, entry)| StoredRows::loaded_bytes(entry)).sum::<u64>()
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
        Self { stretches, ..self }
    }

    /// In a single file that holds a program: the kernel and the bias of each of its convolutions, in order.
    pub fn convolutions(&self) -> &[(String, Option<String>)] {
        match self.files.as_slice() {
            [only] => only.convolutions(),
            _ => &[],
        }
    }

    /// Names of all tensors, in alphabetic order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let gguf = self.gguf.iter().flat_map(|file| file.entries().keys());
        self.owners.keys().chain(gguf).map(String::as_str)
    }

    /// The dimensions of a stored tensor.
    fn stored_shape(&self, name: &str) -> Option<&[usize]> {
        match &self.gguf {
            Some(file) => file.entries().get(name).map(|entry| entry.shape.as_slice()),
            None => self.find(name).map(|found| found.entry.shape.as_slice()),
        }
    }

    /// The stretches that a tensor is made of.
    fn stretches(&self, name: &str) -> Vec<Stretch> {
        self.stretches.get(name).unwrap_or_else(|| vec![Stretch::whole(name)])
    }

    /// Loads the stretches of a tensor, one after the other.
    fn joined(&self, name: &str, device: &Device) -> Loaded<Option<Tensor>> {
        let mut parts = Vec::new();
        for stretch in self.stretches(name) {
            let Some(shape) = self.stored_shape(&stretch.name) else { return Ok(None) };
            let rows = stretch.rows(shape);
            parts.push(match (&self.gguf, self.find(&stretch.name)) {
                (Some(file), _) => {
                    let whole = file.tensor(&stretch.name, shape, device)?;
                    whole.narrow(0, rows.start, rows.len()).map_err(|e| BrokenFile::new(file.path(), e))?
                }
                (None, Some(Found { file, name, .. })) => file.rows(name, rows, device)?,
                (None, None) => return Ok(None),
            });
        }
        let joined = Tensor::cat(&parts, 0).map_err(|e| BrokenFile::new(&self.folder, e))?;
        Ok(Some(joined))
    }

    /// Dimensions of a tensor, none when it is not there.
    pub fn shape(&self, name: &str) -> Option<&[usize]> {
        self.find(name).map(|found| found.entry.shape.as_slice())
    }

    fn find(&self, name: &str) -> Option<Found<'_>> {
        let (name, &owner) =
            self.owners.get_key_value(self.aliases.get(name).map_or(name, String::as_str))?;
        let file = self.files.get(owner)?;
        Some(Found { file, name, entry: file.entries().get(name)? })
    }
}

/// A tensor in a file, under its name there.
struct Found<'a> {
    file: &'a TensorFile,
    name: &'a str,
    entry: &'a TensorEntry,
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

/// A view into weight files below a name prefix, loading onto one device.
#[derive(Clone)]
pub struct Weights {
    files: Arc<WeightFiles>,
    prefix: String,
    device: Device,
    component: Option<Component>,
}

/// The part of a model whose layers get slots.
#[derive(Clone)]
struct Component {
    slots: Slots,
    name: &'static str,
    /// Bytes of the prefix at which its layers' names begin.
    base: usize,
}

impl Weights {
    /// All tensors of `files`, to be loaded onto `device`.
    pub fn new(files: Arc<WeightFiles>, device: &Device) -> Self {
        Self { files, prefix: String::new(), device: device.clone(), component: None }
    }

    /// The same tensors, for layers that get slots under the name of their component.
    pub fn with_slots(self, slots: &Slots, component: &'static str) -> Self {
        let base = self.prefix.len();
        Self { component: Some(Component { slots: slots.clone(), name: component, base }), ..self }
    }

    /// A slot for the layer of these tensors, if its model has slots.
    pub(crate) fn slot(&self, weight: &Tensor) -> Option<Arc<Slot>> {
        let Component { slots, name, base } = self.component.as_ref()?;
        let layer = self.prefix.get(*base..).unwrap_or_default().trim_end_matches('.');
        Some(slots.add(format!("{name}.{layer}"), weight))
    }

    /// The tensors below `name`, whose names then begin after it and a dot.
    pub fn sub(&self, name: impl std::fmt::Display) -> Self {
        Self { prefix: format!("{}{name}.", self.prefix), ..self.clone() }
    }

    /// The tensors whose names begin with `prefix`, which ends in a dot or is empty, and are then without it.
    pub fn below(&self, prefix: &str) -> Self {
        Self { prefix: format!("{}{prefix}", self.prefix), ..self.clone() }
    }

    /// Where tensors are loaded to.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// True if there is a tensor of this name.
    pub fn contains(&self, name: &str) -> bool {
        let stretches = self.files.stretches(&format!("{}{name}", self.prefix));
        stretches.iter().all(|stretch| self.files.stored_shape(&stretch.name).is_some())
    }

    /// The rows of a matrix (out, in) as a GGUF file holds them; none if they are not quantised.
    ///
    /// # Errors
    /// The matrix is missing or has another shape.
    pub(crate) fn stored_rows(
        &self,
        name: &str,
        (out, input): (usize, usize),
    ) -> Loaded<Option<Vec<StoredRows>>> {
        let Some(file) = &self.files.gguf else { return Ok(None) };
        let full = format!("{}{name}", self.prefix);
        let stretches = self.files.stretches(&full);
        let mut all = Vec::new();
        for stretch in &stretches {
            let shape = self.files.stored_shape(&stretch.name).unwrap_or_default();
            match StoredRows::of(file, stretch, shape)? {
                Some(rows) => all.push(rows),
                None => return Ok(None),
            }
        }
        let found: usize = all.iter().map(|rows| rows.count).sum();
        if found != out || all.iter().any(|rows| rows.width != input) {
            let problem =
                format!("tensor `{full}` has {found} rows, the configuration asks for {out}x{input}");
            return Err(BrokenFile::new(file.path(), problem));
        }
        Ok(Some(all))
    }

    /// Loads a tensor as f32.
    ///
    /// # Errors
    /// It is missing or has another shape; the message names the file, the tensor and both shapes.
    pub fn tensor(&self, name: &str, shape: &[usize]) -> Loaded<Tensor> {
        self.tensor_of_shapes(name, &[shape])
    }

    /// Loads a tensor that may be stored in one of several shapes, as the first of them.
    ///
    /// # Errors
    /// As [`Weights::tensor`].
    pub fn tensor_of_shapes(&self, name: &str, shapes: &[&[usize]]) -> Loaded<Tensor> {
        let full = format!("{}{name}", self.prefix);
        let wanted = shapes.first().copied().unwrap_or_default();
        let check = |file: &Path, shape: &[usize]| {
            if shapes.contains(&shape) {
                return Ok(());
            }
            let problem =
                format!("tensor `{full}` has shape {shape:?}, the configuration asks for {wanted:?}");
            Err(BrokenFile::new(file, problem))
        };
        let (file, tensor) = match self.files.find(&full) {
            Some(Found { file, name, entry }) => {
                check(file.path(), &entry.shape)?;
                (file.path(), file.tensor(name, &self.device)?)
            }
            None => {
                let missing = || BrokenFile::new(self.missing_in(), format!("has no tensor `{full}`"));
                let tensor = self.files.joined(&full, &self.device)?.ok_or_else(missing)?;
                check(self.missing_in(), tensor.dims())?;
                (self.missing_in(), tensor)
            }
        };
        tensor.reshape(wanted).map_err(|e| BrokenFile::new(file, format!("tensor `{full}`: {e}")))
    }

    /// Wraps a failed tensor operation during loading.
    pub fn failed(&self, error: candle_core::Error) -> BrokenFile {
        BrokenFile::new(self.missing_in(), format!("`{}`: {error}", self.prefix.trim_end_matches('.')))
    }

    fn missing_in(&self) -> &Path {
        match (&self.files.gguf, self.files.files.as_slice()) {
            (Some(file), _) => file.path(),
            (None, [only]) => only.path(),
            _ => &self.files.folder,
        }
    }
}
