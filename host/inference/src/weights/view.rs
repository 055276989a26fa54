//! What layers load from: the tensors below a name prefix, on their way to a device.

use std::sync::Arc;

use candle_core::{DType, Device, Tensor};

use super::source::{Found, WeightFiles};
use super::stretches::{BlockRows, StoredRows};
use super::{BrokenFile, Computing, GgufFile, Holding, Loaded};
use crate::slots::{Slot, SlotWeight, Slots};
use crate::tensor::Parameter;

/// A view into weight files below a name prefix, loading onto one device.
#[derive(Clone)]
pub struct Weights {
    files: Arc<WeightFiles>,
    prefix: String,
    device: Device,
    holding: Holding,
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

/// How a layer keeps packed rows.
#[derive(Clone)]
pub(crate) struct Keeping {
    /// Where it computes.
    pub(crate) device: Device,
    /// The type that numbers are unpacked to; none where they are multiplied as they are.
    pub(crate) dtype: Option<DType>,
    /// True if the rows are brought to the device for each use.
    pub(crate) streams: bool,
}

impl Weights {
    /// All tensors of `files`, to be loaded onto `device`.
    pub fn new(files: Arc<WeightFiles>, device: &Device) -> Self {
        Self {
            files,
            prefix: String::new(),
            device: device.clone(),
            holding: Holding::default(),
            component: None,
        }
    }

    /// The same tensors, for layers that get slots under the name of their component.
    pub fn with_slots(self, slots: &Slots, component: &'static str) -> Self {
        let base = self.prefix.len();
        Self { component: Some(Component { slots: slots.clone(), name: component, base }), ..self }
    }

    /// The same tensors, for layers that hold them in another way.
    pub fn held(self, holding: &Holding) -> Self {
        Self { holding: holding.clone(), ..self }
    }

    /// The type that a network of these tensors computes in.
    pub(crate) fn working_type(&self) -> DType {
        self.holding.computing.dtype().unwrap_or(DType::F32)
    }

    /// A slot for the layer of these tensors, if its model has slots.
    pub(crate) fn slot(&self, weight: SlotWeight) -> Option<Arc<Slot>> {
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

    /// The GGUF file that holds the tensors, if one does.
    pub(crate) fn gguf_file(&self) -> Option<&Arc<GgufFile>> {
        self.files.gguf_file()
    }

    /// Where tensors are loaded to.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// True if there is a tensor of this name.
    pub fn contains(&self, name: &str) -> bool {
        self.files.has(&format!("{}{name}", self.prefix))
    }

    /// The type that these tensors are held in on their device; none if they are used as files hold them.
    fn typed(&self) -> Option<DType> {
        let plain = (!self.device.is_cpu()).then_some(DType::F32);
        self.holding.computing.dtype().or(plain)
    }

    /// True if all or some of what a tensor is made of is brought to the device for each use.
    fn streams(&self, full: &str) -> bool {
        match &self.holding.computing {
            Computing::Single => false,
            computing => self.files.stretches(full).iter().any(|stretch| computing.streams(&stretch.name)),
        }
    }

    /// The rows of a matrix (out, in) as a file packs them, or in the blocks that they are to be held in; none if they
    /// are not packed.
    ///
    /// # Errors
    /// The matrix is missing or has another shape.
    pub(crate) fn stored_rows(
        &self,
        name: &str,
        (out, input): (usize, usize),
    ) -> Loaded<Option<Vec<StoredRows>>> {
        if let Some(rows) = self.packed_rows(name, (out, input))? {
            return Ok(Some(rows));
        }
        let Some(dtype) = self.holding.storage.blocks(input) else { return Ok(None) };
        let matrix = self.found(name, &[&[out, input]])?;
        let rows = BlockRows::quantized(&matrix, dtype).map_err(|e| self.failed(e))?;
        self.files.let_go(&format!("{}{name}", self.prefix));
        Ok(Some(vec![StoredRows::Blocks(rows)]))
    }

    /// The rows of a matrix as a file packs them.
    fn packed_rows(&self, name: &str, (out, input): (usize, usize)) -> Loaded<Option<Vec<StoredRows>>> {
        let full = format!("{}{name}", self.prefix);
        let mut all = Vec::new();
        // Codes are multiplied on the CPU alone. Elsewhere they are unpacked: once, or whenever they are streamed.
        let takes_codes = self.typed().is_none() || self.streams(&full);
        for stretch in &self.files.stretches(&full) {
            match self.files.stored_rows(stretch)? {
                Some(rows) if takes_codes || !rows.is_coded() => all.push(rows),
                _ => return Ok(None),
            }
        }
        let found: usize = all.iter().map(StoredRows::count).sum();
        if found != out || all.iter().any(|rows| rows.width() != input) {
            let problem =
                format!("tensor `{full}` has {found} rows, the configuration asks for {out}x{input}");
            return Err(BrokenFile::new(self.files.place(), problem));
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
        let found = self.found(name, shapes)?.tensor();
        found.and_then(|tensor| tensor.to_device(&self.device)).map_err(|e| self.failed(e))
    }

    /// The weight of a layer: on the CPU left where the file holds it, if layers can use it so.
    ///
    /// # Errors
    /// As [`Weights::tensor`].
    pub fn parameter(&self, name: &str, shape: &[usize]) -> Loaded<Parameter> {
        self.parameter_of_shapes(name, &[shape])
    }

    /// The same for a weight that may be stored in one of several shapes, as the first of them.
    ///
    /// # Errors
    /// As [`Weights::tensor`].
    pub fn parameter_of_shapes(&self, name: &str, shapes: &[&[usize]]) -> Loaded<Parameter> {
        let found = self.found(name, shapes)?;
        match self.typed() {
            None => Ok(found),
            Some(dtype) if self.streams(&format!("{}{name}", self.prefix)) => {
                found.streamed(&self.device, dtype).map_err(|e| self.failed(e))
            }
            Some(dtype) => found.resident(&self.device, dtype).map_err(|e| self.failed(e)),
        }
    }

    /// A weight in memory, where the file holds it if it can be used so.
    fn found(&self, name: &str, shapes: &[&[usize]]) -> Loaded<Parameter> {
        let full = format!("{}{name}", self.prefix);
        let wanted = shapes.first().copied().unwrap_or_default();
        let (file, found) = match self.files.find(&full) {
            Some(Found { file, name, entry }) => {
                let rows = 0..entry.shape.first().copied().unwrap_or(1);
                (file.path(), file.parameter(name, rows, &Device::Cpu)?)
            }
            None => {
                let missing = || BrokenFile::new(self.files.place(), format!("has no tensor `{full}`"));
                (self.files.place(), self.files.joined(&full, &Device::Cpu)?.ok_or_else(missing)?)
            }
        };
        let shape = found.dims();
        if !shapes.contains(&shape) {
            let problem =
                format!("tensor `{full}` has shape {shape:?}, the configuration asks for {wanted:?}");
            return Err(BrokenFile::new(file, problem));
        }
        found.reshaped(wanted).map_err(|e| BrokenFile::new(file, format!("tensor `{full}`: {e}")))
    }

    /// How a layer of the packed rows of some tensors keeps them.
    pub(crate) fn keeping(&self, name: &str) -> Keeping {
        let full = format!("{}{name}", self.prefix);
        Keeping { device: self.device.clone(), dtype: self.typed(), streams: self.streams(&full) }
    }

    /// Wraps a failed tensor operation during loading.
    pub fn failed(&self, error: candle_core::Error) -> BrokenFile {
        BrokenFile::new(self.files.place(), format!("`{}`: {error}", self.prefix.trim_end_matches('.')))
    }
}
