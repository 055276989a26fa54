//! How layers hold matrices that their file has as plain numbers.

use candle_core::Result;
use candle_core::quantized::{GgmlDType, QTensor};
use rayon::prelude::*;

use super::stretches::BlockRows;
use crate::tensor::{Parameter, SharedBytes};

/// Rows that one task quantises.
const ROWS: usize = 64;

/// How layers of transformers hold matrices that their file has as plain numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum WeightStorage {
    /// As the file has them.
    #[default]
    AsStored,
    /// In blocks of 8 bits: half of f16, about 1 % off in a layer's output.
    Q8_0,
    /// In blocks of 4 to 5 bits: less than a third of f16, about 7 % off in a layer's output.
    Q4K,
}

impl WeightStorage {
    /// All of them, the default first.
    pub const ALL: [Self; 3] = [Self::AsStored, Self::Q8_0, Self::Q4K];

    /// The name in the configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::AsStored => "as-stored",
            Self::Q8_0 => "q8_0",
            Self::Q4K => "q4_k",
        }
    }

    /// The blocks that rows of a width are quantised to; none if they are left as they are.
    pub(super) fn blocks(self, width: usize) -> Option<GgmlDType> {
        let dtype = match self {
            Self::AsStored => return None,
            Self::Q8_0 => GgmlDType::Q8_0,
            Self::Q4K => GgmlDType::Q4K,
        };
        width.is_multiple_of(dtype.block_size()).then_some(dtype)
    }

    /// Bytes of a matrix of a shape that is quantised; none if it is left as it is.
    pub(super) fn bytes(self, shape: &[usize]) -> Option<u64> {
        let &[rows, width] = shape else { return None };
        let dtype = self.blocks(width)?;
        let row = width / dtype.block_size() * dtype.type_size();
        (row as u64).checked_mul(rows as u64)
    }
}

impl BlockRows {
    /// The rows of a matrix, quantised.
    pub(super) fn quantized(matrix: &Parameter, dtype: GgmlDType) -> Result<Self> {
        let &[count, width] = matrix.dims() else { candle_core::bail!("{:?} is no matrix", matrix.dims()) };
        let quantize = |first: usize| {
            let rows = matrix.narrow_rows(first..count.min(first + ROWS))?;
            Ok(QTensor::quantize(&rows, dtype)?.data()?.into_owned())
        };
        let pieces: Vec<_> = (0..count).step_by(ROWS).collect();
        let pieces = pieces.into_par_iter().map(quantize).collect::<Result<Vec<_>>>()?;
        let bytes = SharedBytes::whole(std::sync::Arc::new(pieces.concat()));
        Ok(Self { dtype, bytes, count, width })
    }
}
