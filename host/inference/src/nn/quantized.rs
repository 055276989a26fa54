//! The linear layer on quantised blocks.

use candle_core::quantized::{GgmlDType, QStorage, QTensor};
use candle_core::{D, Device, Result, Tensor};

use crate::tensor::{BlockKind, BlockMatrix, block_linear};
use crate::weights::{GgufFile, Loaded, MappedBytes, StoredRows};

/// One or more quantised matrices with one input, whose outputs lie side by side.
pub struct QuantizedLinear {
    weights: Stored,
    bias: Option<Tensor>,
}

enum Stored {
    /// In the file, multiplied from there.
    Mapped(Vec<MappedMatrix>),
    /// On the device, multiplied by candle.
    Tensors(Vec<QTensor>),
}

struct MappedMatrix {
    kind: BlockKind,
    bytes: MappedBytes,
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
            return Ok(Self { weights: Stored::Mapped(mapped), bias });
        }
        let tensors = parts.iter().map(|(name, out)| file.quantized(name, &[*out, input], device));
        Ok(Self { weights: Stored::Tensors(tensors.collect::<Loaded<_>>()?), bias })
    }

    /// A layer of stored rows, whose outputs lie side by side, and a bias as long as these together.
    pub(crate) fn of_rows(rows: &[StoredRows], bias: Option<Tensor>, device: &Device) -> Result<Self> {
        let mapped = rows.iter().map(|rows| {
            let kind = block_kind(rows.dtype).filter(|_| device.is_cpu())?;
            Some(MappedMatrix { kind, bytes: rows.bytes.clone(), rows: rows.count, width: rows.width })
        });
        if let Some(mapped) = mapped.collect::<Option<Vec<_>>>() {
            return Ok(Self { weights: Stored::Mapped(mapped), bias });
        }
        let tensors = rows.iter().map(|rows| {
            let storage = QStorage::from_data(rows.bytes.get().into(), device, rows.dtype)?;
            QTensor::new(storage, (rows.count, rows.width))
        });
        Ok(Self { weights: Stored::Tensors(tensors.collect::<Result<_>>()?), bias })
    }

    /// Applies the layer to (..., in), giving (..., out).
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let y = match &self.weights {
            Stored::Mapped(parts) => {
                let parts = parts.iter().map(|p| BlockMatrix::new(p.kind, p.bytes.get(), p.rows, p.width));
                block_linear(x, &parts.collect::<Result<Vec<_>>>()?)?
            }
            Stored::Tensors(parts) => {
                let x = x.contiguous()?;
                let outputs = parts.iter().map(|part| x.apply_op1_no_bwd(part));
                Tensor::cat(&outputs.collect::<Result<Vec<_>>>()?, D::Minus1)?
            }
        };
        match &self.bias {
            Some(bias) => y.broadcast_add(bias),
            None => Ok(y),
        }
    }
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
