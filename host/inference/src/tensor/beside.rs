//! Tensors side by side along their last dimension, copied by all threads.

use std::mem::MaybeUninit;
use std::ops::Deref;

use candle_core::{D, Device, Layout, Result, Storage, Tensor, bail};
use rayon::prelude::*;

use super::{on_cpu, row_stride};

/// Elements per task.
const CHUNK: usize = 1 << 16;

/// Joins tensors that differ in their last dimension only.
pub fn side_by_side(parts: &[&Tensor]) -> Result<Tensor> {
    let in_order = |part: &&Tensor| on_cpu(part) && row_stride(part.layout()).is_some();
    let Some(first) = parts.first().filter(|_| parts.iter().all(in_order)) else {
        return Tensor::cat(parts, D::Minus1);
    };
    let outer = |part: &Tensor| part.dims().split_last().map(|(_, outer)| outer.to_vec());
    if parts.iter().any(|part| outer(part) != outer(first)) {
        bail!("side by side: parts differ in more than their last dimension");
    }
    let sources: Vec<Source> = parts.iter().map(|part| Source::new(part)).collect();
    let rows = sources.iter().map(Source::rows).collect::<Result<Vec<_>>>()?;
    let width: usize = rows.iter().map(|rows| rows.width).sum();
    let count = first.elem_count() / rows.first().map_or(1, |rows| rows.width.max(1));
    let mut joined = Vec::with_capacity(count * width);
    let target = joined.spare_capacity_mut().get_mut(..count * width).unwrap_or_default();
    let portion = (CHUNK / width.max(1)).max(1);
    target.par_chunks_mut(portion * width.max(1)).enumerate().for_each(|(chunk, target)| {
        for (row, mut target) in target.chunks_exact_mut(width).enumerate() {
            for rows in &rows {
                let (place, rest) = target.split_at_mut(rows.width);
                copy(rows.row(chunk * portion + row), place);
                target = rest;
            }
        }
    });
    // SAFETY: every part of every row has been written.
    unsafe { joined.set_len(count * width) };
    let mut dims = first.dims().to_vec();
    if let Some(last) = dims.last_mut() {
        *last = width;
    }
    Tensor::from_vec(joined, dims, &Device::Cpu)
}

/// Writes a row; zeros where it ends early.
fn copy(row: &[f32], place: &mut [MaybeUninit<f32>]) {
    let (inside, beyond) = place.split_at_mut(row.len().min(place.len()));
    inside.write_copy_of_slice(row.get(..inside.len()).unwrap_or_default());
    beyond.iter_mut().for_each(|place| {
        place.write(0.0);
    });
}

/// A tensor locked for reading.
struct Source<'a> {
    storage: Box<dyn Deref<Target = Storage> + 'a>,
    layout: &'a Layout,
}

/// The rows of a tensor.
struct Rows<'a> {
    values: &'a [f32],
    stride: usize,
    width: usize,
}

impl<'a> Source<'a> {
    fn new(part: &'a Tensor) -> Self {
        let (storage, layout) = part.storage_and_layout();
        Self { storage: Box::new(storage), layout }
    }

    fn rows(&self) -> Result<Rows<'_>> {
        let (Storage::Cpu(storage), Some(stride)) = (&**self.storage, row_stride(self.layout)) else {
            bail!("side by side: a part is not on the CPU");
        };
        let values = storage.as_slice::<f32>()?.get(self.layout.start_offset()..).unwrap_or_default();
        Ok(Rows { values, stride, width: self.layout.dims().last().copied().unwrap_or(0) })
    }
}

impl Rows<'_> {
    fn row(&self, number: usize) -> &[f32] {
        self.values.get(number * self.stride..number * self.stride + self.width).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::DType;

    #[test]
    fn parts_are_joined_as_the_stock_operation_joins_them() {
        let whole = Tensor::arange(0f32, 420.0, &Device::Cpu).unwrap().reshape((2, 7, 30)).unwrap();
        let (left, right) = (whole.narrow(2, 3, 8).unwrap(), whole.narrow(2, 20, 5).unwrap());
        let turned = whole.narrow(2, 0, 7).unwrap().transpose(1, 2).unwrap();
        for parts in [vec![&left, &right], vec![&right], vec![&left, &turned, &right]] {
            let ours = side_by_side(&parts).unwrap();
            let stock = Tensor::cat(&parts, 2).unwrap();
            let gap = (ours - stock).unwrap().abs().unwrap().max_all().unwrap().to_dtype(DType::F32).unwrap();
            assert_eq!(gap.to_scalar::<f32>().unwrap(), 0.0);
        }
        let short = whole.narrow(1, 0, 3).unwrap();
        assert!(side_by_side(&[&left, &short]).is_err());
    }
}
