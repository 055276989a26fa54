//! The weight of a layer: a tensor, or numbers as a file holds them, which are widened, or brought to a device,
//! whenever they are used.

use std::borrow::Cow;
use std::mem::MaybeUninit;
use std::ops::Range;
use std::sync::Arc;

use candle_core::{DType, Device, Result, Storage, Tensor, bail};
use rayon::prelude::*;

use super::elements;
use super::half::{self, Precision};
use super::product::pack_lines;
use super::shared_bytes::SharedBytes;

/// Elements that one task widens.
const CHUNK: usize = 1 << 16;

/// Numbers as they are stored.
#[derive(Clone)]
pub struct StoredNumbers {
    /// How they are stored.
    pub precision: Precision,
    /// Where.
    pub bytes: SharedBytes,
}

impl StoredNumbers {
    fn count(&self) -> usize {
        self.bytes.get().len() / self.precision.bytes()
    }

    /// The numbers where they are, if they need no widening and lie as memory must.
    fn in_place(&self) -> Option<&[f32]> {
        let bytes = self.bytes.get();
        if self.precision != Precision::F32 || cfg!(target_endian = "big") {
            return None;
        }
        // SAFETY: any four bytes are a number.
        let (before, numbers, after) = unsafe { bytes.align_to::<f32>() };
        (before.is_empty() && after.is_empty()).then_some(numbers)
    }
}

/// The weight of a layer, (out, ...), f32 to whoever asks, and of the layer's input's kind to the layer.
#[derive(Clone)]
pub struct Parameter {
    shape: Vec<usize>,
    held: Held,
}

#[derive(Clone)]
enum Held {
    Tensor(Tensor),
    /// On the CPU, rows of all parts one after the other.
    Stored(Arc<[StoredNumbers]>),
    /// The same, for a device that gets them in this type for each use.
    Streamed(Arc<[StoredNumbers]>, Device, DType),
}

impl From<Tensor> for Parameter {
    fn from(tensor: Tensor) -> Self {
        Self { shape: tensor.dims().to_vec(), held: Held::Tensor(tensor) }
    }
}

impl Parameter {
    /// Stored numbers, one part after the other, in a shape.
    ///
    /// # Errors
    /// They are not as many as the shape has.
    pub fn stored(parts: Vec<StoredNumbers>, shape: &[usize]) -> Result<Self> {
        let (found, wanted) =
            (parts.iter().map(StoredNumbers::count).sum::<usize>(), shape.iter().product::<usize>());
        if found != wanted {
            bail!("{found} numbers are no {shape:?}");
        }
        Ok(Self { shape: shape.to_vec(), held: Held::Stored(parts.into()) })
    }

    /// One weight of the rows of several.
    ///
    /// # Errors
    /// They differ in more than their rows.
    pub fn joined(parts: &[&Self]) -> Result<Self> {
        let Some((first, rest)) = parts.split_first() else { bail!("there is nothing to join") };
        if rest.iter().any(|part| part.shape.get(1..) != first.shape.get(1..)) {
            bail!("weights of different widths cannot be joined");
        }
        let mut stored = Vec::new();
        for part in parts {
            match &part.held {
                Held::Stored(numbers) | Held::Streamed(numbers, ..) => stored.extend(numbers.iter().cloned()),
                Held::Tensor(like) => {
                    let tensors = parts.iter().map(|part| part.like(like)).collect::<Result<Vec<_>>>()?;
                    return Ok(Tensor::cat(&tensors, 0)?.into());
                }
            }
        }
        let rows = parts.iter().filter_map(|part| part.shape.first()).sum();
        let mut shape = first.shape.clone();
        if let Some(dim) = shape.first_mut() {
            *dim = rows;
        }
        let joined = Self::stored(stored, &shape)?;
        match &first.held {
            Held::Streamed(_, device, dtype) => joined.streamed(device, *dtype),
            _ => Ok(joined),
        }
    }

    /// The same numbers on a device, in a type.
    ///
    /// # Errors
    /// The device has no room for them.
    pub fn resident(&self, device: &Device, dtype: DType) -> Result<Self> {
        match &self.held {
            Held::Tensor(tensor) => Ok(tensor.to_device(device)?.to_dtype(dtype)?.into()),
            Held::Stored(parts) | Held::Streamed(parts, ..) => {
                Ok(brought(parts, &self.shape, device, dtype)?.into())
            }
        }
    }

    /// The same numbers, to be brought to a device in a type whenever they are used.
    ///
    /// # Errors
    /// They are a tensor that cannot be read.
    pub fn streamed(self, device: &Device, dtype: DType) -> Result<Self> {
        let parts = match self.held {
            Held::Stored(parts) | Held::Streamed(parts, ..) => parts,
            Held::Tensor(tensor) => {
                let numbers = tensor.to_dtype(DType::F32)?.flatten_all()?.to_vec1::<f32>()?;
                let bytes: Vec<u8> = numbers.into_iter().flat_map(f32::to_le_bytes).collect();
                let bytes = SharedBytes::whole(Arc::new(bytes));
                Arc::from(vec![StoredNumbers { precision: Precision::F32, bytes }])
            }
        };
        Ok(Self { held: Held::Streamed(parts, device.clone(), dtype), ..self })
    }

    /// The same numbers in another shape.
    ///
    /// # Errors
    /// It has not as many.
    pub fn reshaped(self, shape: &[usize]) -> Result<Self> {
        match self.held {
            Held::Tensor(tensor) => Ok(tensor.reshape(shape)?.into()),
            Held::Stored(parts) => Self::stored(parts.to_vec(), shape),
            Held::Streamed(parts, device, dtype) => {
                Self::stored(parts.to_vec(), shape)?.streamed(&device, dtype)
            }
        }
    }

    /// Its dimensions.
    pub fn dims(&self) -> &[usize] {
        &self.shape
    }

    /// All of it as a tensor of f32.
    pub fn tensor(&self) -> Result<Tensor> {
        match &self.held {
            Held::Tensor(tensor) => tensor.to_dtype(DType::F32),
            Held::Stored(parts) => {
                let count = self.shape.iter().product();
                Tensor::from_vec(widened(parts, 0..count), self.shape.as_slice(), &Device::Cpu)
            }
            Held::Streamed(parts, device, dtype) => {
                brought(parts, &self.shape, device, *dtype)?.to_dtype(DType::F32)
            }
        }
    }

    /// All of it where an input of a layer is, in the input's type.
    pub(super) fn like(&self, x: &Tensor) -> Result<Tensor> {
        match &self.held {
            Held::Tensor(tensor) => tensor.to_device(x.device())?.to_dtype(x.dtype()),
            Held::Stored(parts) => brought(parts, &self.shape, x.device(), x.dtype()),
            // By way of the type that it would be held in, so that what is streamed computes the same.
            Held::Streamed(parts, _, dtype) => {
                brought(parts, &self.shape, x.device(), *dtype)?.to_dtype(x.dtype())
            }
        }
    }

    /// Rows of a table (rows, width), in the order of `ids`: (ids, width) of f32 on a device.
    ///
    /// # Errors
    /// A row lies beyond the table.
    pub fn rows(&self, ids: &[u32], device: &Device) -> Result<Tensor> {
        let (parts, dtype) = match &self.held {
            Held::Tensor(table) => {
                return table.index_select(&Tensor::new(ids, device)?, 0)?.to_dtype(DType::F32);
            }
            Held::Stored(parts) => (parts, DType::F32),
            Held::Streamed(parts, _, dtype) => (parts, *dtype),
        };
        let &[rows, width] = self.shape.as_slice() else { bail!("{:?} is no table", self.shape) };
        let mut values = Vec::with_capacity(ids.len() * width);
        for &id in ids {
            let row = id as usize;
            if row >= rows {
                bail!("row {row} lies beyond a table of {rows}");
            }
            values.extend(widened(parts, row * width..(row + 1) * width));
        }
        Tensor::from_vec(values, (ids.len(), width), device)?.to_dtype(dtype)?.to_dtype(DType::F32)
    }

    /// Some rows as a tensor of f32.
    ///
    /// # Errors
    /// There are fewer.
    pub fn narrow_rows(&self, rows: Range<usize>) -> Result<Tensor> {
        let parts = match &self.held {
            Held::Tensor(tensor) => return tensor.narrow(0, rows.start, rows.len())?.to_dtype(DType::F32),
            Held::Stored(parts) | Held::Streamed(parts, ..) => parts,
        };
        let mut shape = self.shape.clone();
        match shape.first_mut() {
            Some(dim) if rows.start <= rows.end && rows.end <= *dim => *dim = rows.len(),
            _ => bail!("{:?} has no rows {rows:?}", self.shape),
        }
        let row: usize = shape.iter().skip(1).product();
        Tensor::from_vec(widened(parts, rows.start * row..rows.end * row), shape, &Device::Cpu)
    }

    /// True where kernels of this folder can take it.
    pub(super) fn is_on_cpu(&self) -> bool {
        match &self.held {
            Held::Tensor(tensor) => tensor.device().is_cpu() && tensor.dtype() == DType::F32,
            Held::Stored(_) => true,
            Held::Streamed(..) => false,
        }
    }

    /// Does something with the numbers.
    pub(super) fn with_numbers<R>(&self, task: impl FnOnce(Numbers<'_>) -> Result<R>) -> Result<R> {
        match &self.held {
            Held::Stored(parts) | Held::Streamed(parts, ..) => task(match &**parts {
                [only] => only.in_place().map_or(Numbers::Stored(parts), Numbers::Ready),
                _ => Numbers::Stored(parts),
            }),
            Held::Tensor(tensor) => {
                let tensor = tensor.contiguous()?;
                let (storage, layout) = tensor.storage_and_layout();
                let Storage::Cpu(storage) = &*storage else { bail!("a weight is not on the CPU") };
                task(Numbers::Ready(elements(storage, layout, "weight")?))
            }
        }
    }
}

/// The numbers of a parameter on the CPU.
#[derive(Clone, Copy)]
pub(super) enum Numbers<'a> {
    /// As they are needed.
    Ready(&'a [f32]),
    /// To be widened.
    Stored(&'a [StoredNumbers]),
}

impl<'a> Numbers<'a> {
    /// How many there are.
    pub(super) fn count(self) -> usize {
        match self {
            Self::Ready(numbers) => numbers.len(),
            Self::Stored(parts) => parts.iter().map(StoredNumbers::count).sum(),
        }
    }

    /// A range of them, widened where need be.
    pub(super) fn range(self, range: Range<usize>) -> Cow<'a, [f32]> {
        match self {
            Self::Ready(numbers) => Cow::Borrowed(numbers.get(range).unwrap_or_default()),
            Self::Stored(parts) => Cow::Owned(widened(parts, range)),
        }
    }

    /// Packs lines of `width` numbers, between two places of each, as [`pack_lines`] does; `wide` is memory to work in.
    pub(super) fn pack<const LANES: usize>(
        self,
        lines: Range<usize>,
        width: usize,
        places: Range<usize>,
        wide: &mut Vec<f32>,
        target: &mut [f32],
    ) {
        let parts = match self {
            Self::Ready(numbers) => {
                let numbers = numbers.get(lines.start * width + places.start..lines.end * width);
                return pack_lines::<LANES>(numbers.unwrap_or_default(), width, target);
            }
            Self::Stored(parts) => parts,
        };
        wide.clear();
        wide.reserve(lines.len() * places.len());
        for line in lines {
            let start = line * width;
            let room = wide.spare_capacity_mut();
            let written = widen_range(parts, start + places.start..start + places.end, room);
            // SAFETY: so many have been written after those that were there.
            unsafe { wide.set_len(wide.len() + written) };
        }
        pack_lines::<LANES>(wide, places.len(), target);
    }

    /// How many of `count` to take at a time, in multiples of `step`: all that need no widening, else at most `most`.
    pub(super) fn portion(self, count: usize, step: usize, most: usize) -> usize {
        match self {
            Self::Ready(_) => count,
            Self::Stored(_) => (most / step.max(1)).max(1) * step,
        }
    }
}

/// Parts that follow each other as one tensor of a shape on a device, in a type: moved as they are stored, since that is
/// least to move, and converted there.
fn brought(parts: &[StoredNumbers], shape: &[usize], device: &Device, dtype: DType) -> Result<Tensor> {
    let moved = parts.iter().map(|part| {
        let stored = match part.precision {
            Precision::F32 => DType::F32,
            Precision::F16 => DType::F16,
            Precision::BF16 => DType::BF16,
        };
        let (bytes, count) = (part.bytes.get(), part.count());
        if stored == DType::BF16 && dtype != DType::BF16 {
            // A device that is not to compute in it may not know it.
            let numbers = Tensor::from_raw_buffer(bytes, stored, &[count], &Device::Cpu)?;
            return numbers.to_dtype(dtype)?.to_device(device);
        }
        Tensor::from_raw_buffer(bytes, stored, &[count], device)?.to_dtype(dtype)
    });
    match moved.collect::<Result<Vec<_>>>()?.as_slice() {
        [only] => only.reshape(shape),
        several => Tensor::cat(several, 0)?.reshape(shape),
    }
}

/// A range of the numbers of parts that follow each other, in f32.
fn widened(parts: &[StoredNumbers], range: Range<usize>) -> Vec<f32> {
    let mut values = Vec::with_capacity(range.len());
    let written = widen_range(parts, range, values.spare_capacity_mut());
    // SAFETY: so many of the elements have been written, from the first on.
    unsafe { values.set_len(written) };
    values
}

/// Writes such a range to the beginning of `values`; gives how many there were.
fn widen_range(parts: &[StoredNumbers], range: Range<usize>, values: &mut [MaybeUninit<f32>]) -> usize {
    let mut start = 0;
    let mut written = 0;
    for part in parts {
        let (first, end) = (start, start + part.count());
        start = end;
        let (from, to) = (range.start.max(first), range.end.min(end));
        if from >= to {
            continue;
        }
        let size = part.precision.bytes();
        let bytes = part.bytes.get().get((from - first) * size..(to - first) * size).unwrap_or_default();
        let target = values.get_mut(written..written + (to - from)).unwrap_or_default();
        if target.len() <= CHUNK {
            half::widen(part.precision, bytes, target);
        } else {
            let chunks = target.par_chunks_mut(CHUNK).zip(bytes.par_chunks(CHUNK * size));
            chunks.for_each(|(target, bytes)| half::widen(part.precision, bytes, target));
        }
        written += to - from;
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(precision: Precision, bytes: Vec<u8>) -> StoredNumbers {
        StoredNumbers { precision, bytes: SharedBytes::whole(Arc::new(bytes)) }
    }

    fn parts() -> Vec<StoredNumbers> {
        let halves = [0x3c00u16, 0xc000, 0x0001, 0x7bff].map(u16::to_le_bytes).concat();
        let brains = [0x3f80u16, 0xc2f7].map(u16::to_le_bytes).concat();
        let plain = [0.1f32, -7.5].map(f32::to_le_bytes).concat();
        vec![stored(Precision::F16, halves), stored(Precision::BF16, brains), stored(Precision::F32, plain)]
    }

    const WIDE: [f32; 8] = [1.0, -2.0, 5.960_464_5e-8, 65504.0, 1.0, -123.5, 0.1, -7.5];

    #[test]
    fn parts_of_any_precision_widen_to_one_tensor() {
        let parameter = Parameter::stored(parts(), &[4, 2]).unwrap();
        assert_eq!(parameter.tensor().unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap(), WIDE);
        let rows = parameter.rows(&[3, 1], &Device::Cpu).unwrap().to_vec2::<f32>().unwrap();
        assert_eq!(rows, [WIDE[6..].to_vec(), WIDE[2..4].to_vec()]);
        assert!(parameter.rows(&[4], &Device::Cpu).is_err());
        assert!(Parameter::stored(parts(), &[3, 3]).is_err());
    }

    #[test]
    fn stored_weights_are_joined_by_their_rows_with_tensors_too() {
        let stored = Parameter::stored(parts(), &[4, 2]).unwrap();
        let tensor = Parameter::from(stored.tensor().unwrap());
        for pair in [[&stored, &stored], [&stored, &tensor]] {
            let joined = Parameter::joined(&pair).unwrap();
            assert_eq!(joined.dims(), [8, 2]);
            let values = joined.tensor().unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
            assert_eq!(values, [WIDE, WIDE].concat());
        }
        let other = Parameter::stored(parts(), &[2, 4]).unwrap();
        assert!(Parameter::joined(&[&stored, &other]).is_err());
    }

    #[test]
    fn streamed_weights_are_what_resident_ones_are_and_come_in_the_type_of_the_input() {
        let stored = Parameter::stored(parts(), &[4, 2]).unwrap();
        for dtype in [DType::F16, DType::BF16, DType::F32] {
            let resident = stored.resident(&Device::Cpu, dtype).unwrap();
            let streamed = stored.clone().streamed(&Device::Cpu, dtype).unwrap();
            let made = Parameter::from(stored.tensor().unwrap()).streamed(&Device::Cpu, dtype).unwrap();
            let joined = Parameter::joined(&[&streamed, &streamed]).unwrap();
            assert!(matches!(joined.held, Held::Streamed(_, _, kept) if kept == dtype));
            let numbers = |tensor: Tensor| {
                let wide = tensor.to_dtype(DType::F32).unwrap().flatten_all().unwrap();
                wide.to_vec1::<f32>().unwrap()
            };
            for input in [DType::F16, DType::BF16, DType::F32] {
                let x = Tensor::zeros(1, input, &Device::Cpu).unwrap();
                let (own, brought) = (resident.like(&x).unwrap(), streamed.like(&x).unwrap());
                assert_eq!((own.dtype(), brought.dtype()), (input, input));
                assert_eq!(numbers(own), numbers(brought), "{dtype:?} for {input:?}");
            }
            let ids = [3, 1];
            let (own, brought) =
                (resident.rows(&ids, &Device::Cpu).unwrap(), streamed.rows(&ids, &Device::Cpu).unwrap());
            assert_eq!(numbers(own), numbers(brought));
            let all = numbers(resident.tensor().unwrap());
            assert_eq!(all, numbers(streamed.tensor().unwrap()));
            assert_eq!(all, numbers(made.tensor().unwrap()), "what is no longer in a file");
        }
    }
}
