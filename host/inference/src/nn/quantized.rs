//! The linear layer on quantised blocks.

use std::sync::Arc;

use candle_core::quantized::{GgmlDType, QTensor};
use candle_core::{D, DType, Device, Result, Tensor, bail};

use super::patched::patched;
use crate::slots::{Slot, SlotWeight};
use crate::tensor::{BlockKind, BlockMatrix, SharedBytes, block_linear, code_linear, linear};
use crate::weights::{BlockRows, GgufFile, Keeping, Loaded, PackedRows, StoredRows, Weights};

/// One or more quantised matrices with one input, whose outputs lie side by side.
pub struct QuantizedLinear {
    weights: Stored,
    bias: Option<Tensor>,
    slot: Option<Arc<Slot>>,
}

enum Stored {
    /// In the file, multiplied from there.
    Mapped(Vec<MappedMatrix>),
    /// Codes in the file, unpacked tile by tile.
    Coded(Vec<PackedRows>),
    /// On the device, multiplied by candle.
    Tensors(Vec<QTensor>),
    /// Codes in the file, unpacked and brought to the device for each use.
    Unpacked(Vec<PackedRows>, Keeping),
    /// Blocks in the file, brought to the device for each use and multiplied by candle.
    Moved(Vec<BlockRows>, Device),
}

struct MappedMatrix {
    kind: BlockKind,
    bytes: SharedBytes,
    rows: usize,
    width: usize,
}

impl QuantizedLinear {
    /// Loads matrices (out, `input`) by name and output, and takes a bias as long as their outputs together.
    pub fn load(
        file: &GgufFile,
        parts: &[(String, usize)],
        input: usize,
        bias: Option<Tensor>,
        device: &Device,
    ) -> Loaded<Self> {
        let mut mapped = Vec::new();
        for (name, out) in parts {
            let (entry, bytes) = file.bytes(name, &[*out, input])?;
            if let Some(kind) = block_kind(entry.dtype).filter(|_| device.is_cpu()) {
                mapped.push(MappedMatrix { kind, bytes, rows: *out, width: input });
            }
        }
        if mapped.len() == parts.len() {
            return Ok(Self { weights: Stored::Mapped(mapped), bias, slot: None });
        }
        let tensors = parts.iter().map(|(name, out)| file.quantized(name, &[*out, input], device));
        Ok(Self { weights: Stored::Tensors(tensors.collect::<Loaded<_>>()?), bias, slot: None })
    }

    /// A layer of stored rows, whose outputs lie side by side, and a bias as long as these together.
    ///
    /// # Errors
    /// They are not all packed alike, or cannot be brought to the device.
    pub(crate) fn of_rows(rows: &[StoredRows], bias: Option<Tensor>, keeping: &Keeping) -> Result<Self> {
        let device = &keeping.device;
        let coded = rows.iter().map(|rows| match rows {
            StoredRows::Codes(rows) => Some(rows.clone()),
            StoredRows::Blocks(_) => None,
        });
        if let Some(coded) = coded.collect::<Option<Vec<_>>>() {
            let weights = match keeping.streams {
                true => Stored::Unpacked(coded, keeping.clone()),
                false => Stored::Coded(coded),
            };
            return Ok(Self { weights, bias, slot: None });
        }
        let blocks = rows.iter().map(|rows| match rows {
            StoredRows::Blocks(rows) => Ok(rows),
            StoredRows::Codes(_) => bail!("rows of one layer are packed in two ways"),
        });
        let blocks = blocks.collect::<Result<Vec<_>>>()?;
        let mapped = blocks.iter().map(|rows| {
            let kind = block_kind(rows.dtype).filter(|_| device.is_cpu())?;
            Some(MappedMatrix { kind, bytes: rows.bytes.clone(), rows: rows.count, width: rows.width })
        });
        if let Some(mapped) = mapped.collect::<Option<Vec<_>>>() {
            return Ok(Self { weights: Stored::Mapped(mapped), bias, slot: None });
        }
        if keeping.streams {
            let blocks = blocks.into_iter().cloned().collect();
            return Ok(Self { weights: Stored::Moved(blocks, device.clone()), bias, slot: None });
        }
        let tensors = blocks.iter().map(|rows| rows.on(device));
        Ok(Self { weights: Stored::Tensors(tensors.collect::<Result<_>>()?), bias, slot: None })
    }

    /// The same layer with slots for the layers of `parts`, each with its rows, that it was joined of.
    pub(crate) fn with_slots(self, parts: &[(Weights, Vec<StoredRows>)]) -> Self {
        let Some(device) = parts.first().map(|(weights, _)| weights.device()) else { return self };
        let slots = parts.iter().map(|(weights, rows)| weights.slot(slot_weight(rows.clone(), device)));
        let slots: Vec<_> = slots.flatten().collect();
        let all: Vec<_> = parts.iter().flat_map(|(_, rows)| rows.iter().cloned()).collect();
        let slot = (!slots.is_empty()).then(|| Slot::joined(&slots, slot_weight(all, device)));
        Self { slot, ..self }
    }

    /// Applies the layer to (..., in), giving (..., out).
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let own = || self.forward_own(x);
        match self.slot.as_ref().and_then(|slot| slot.patch()) {
            None => own(),
            Some(patch) => patched(x, &patch, self.bias.as_ref(), own),
        }
    }

    /// True if inputs are rounded to 8 bits before they are multiplied.
    pub fn rounds_inputs(&self) -> bool {
        match self.weights {
            Stored::Mapped(_) | Stored::Tensors(_) | Stored::Moved(..) => true,
            Stored::Coded(_) | Stored::Unpacked(..) => false,
        }
    }

    fn forward_own(&self, x: &Tensor) -> Result<Tensor> {
        // What is packed is multiplied in f32.
        let wide = &x.to_dtype(DType::F32)?;
        let y = match &self.weights {
            Stored::Unpacked(parts, keeping) => {
                let weight = parts.iter().map(|rows| rows.dense(&Device::Cpu));
                let weight = Tensor::cat(&weight.collect::<Result<Vec<_>>>()?, 0)?;
                let weight = weight.to_dtype(keeping.dtype.unwrap_or(x.dtype()))?;
                return linear(x, &weight.to_device(&keeping.device)?, self.bias.as_ref());
            }
            Stored::Mapped(parts) => {
                let parts = parts.iter().map(|p| BlockMatrix::new(p.kind, p.bytes.get(), p.rows, p.width));
                block_linear(wide, &parts.collect::<Result<Vec<_>>>()?)?
            }
            Stored::Coded(parts) => {
                code_linear(wide, &parts.iter().map(PackedRows::codes).collect::<Result<Vec<_>>>()?)?
            }
            Stored::Tensors(parts) => {
                let wide = wide.contiguous()?;
                let outputs = parts.iter().map(|part| wide.apply_op1_no_bwd(part));
                Tensor::cat(&outputs.collect::<Result<Vec<_>>>()?, D::Minus1)?
            }
            Stored::Moved(parts, device) => {
                let wide = wide.contiguous()?;
                let outputs = parts.iter().map(|rows| wide.apply_op1_no_bwd(&rows.on(device)?));
                Tensor::cat(&outputs.collect::<Result<Vec<_>>>()?, D::Minus1)?
            }
        };
        let y = match &self.bias {
            Some(bias) => y.broadcast_add(bias)?,
            None => y,
        };
        y.to_dtype(x.dtype())
    }
}

/// The weight of stored rows, one after the other.
fn slot_weight(rows: Vec<StoredRows>, device: &Device) -> SlotWeight {
    let dims = [rows.iter().map(StoredRows::count).sum(), rows.first().map_or(0, StoredRows::width)];
    let device = device.clone();
    SlotWeight::packed(&dims, move || {
        let unpacked = rows.iter().map(|rows| rows.dense(&device));
        Tensor::cat(&unpacked.collect::<Result<Vec<_>>>()?, 0)
    })
}

/// The types that are multiplied from the file.
fn block_kind(dtype: GgmlDType) -> Option<BlockKind> {
    match dtype {
        GgmlDType::Q4_0 => Some(BlockKind::Q4_0),
        GgmlDType::Q4_1 => Some(BlockKind::Q4_1),
        GgmlDType::Q8_0 => Some(BlockKind::Q8_0),
        _ => None,
    }
}
