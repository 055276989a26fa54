//! Maps side by side along their channels, read where they are: a convolution over them needs no joined copy.

use std::ops::Deref;

use candle_core::{Layout, Result, Storage, Tensor, bail};

use super::elements;

/// Contiguous f32 maps (batch, channels, height, width) on the CPU that differ in their channels only.
pub(super) struct Joined<'a> {
    /// Storages, locked for reading, with their layouts.
    parts: Vec<(Box<dyn Deref<Target = Storage> + 'a>, &'a Layout)>,
    pub(super) batch: usize,
    /// Channels of all parts together.
    pub(super) channels: usize,
    pub(super) height: usize,
    pub(super) width: usize,
}

impl<'a> Joined<'a> {
    pub(super) fn new(parts: &'a [Tensor]) -> Result<Self> {
        let Some((batch, _, height, width)) = parts.first().map(Tensor::dims4).transpose()? else {
            bail!("conv2d: there is no map");
        };
        let mut channels = 0;
        for part in parts {
            let (part_batch, part_channels, part_height, part_width) = part.dims4()?;
            if (part_batch, part_height, part_width) != (batch, height, width) {
                bail!("conv2d: {:?} does not fit beside {:?}", part.dims(), (batch, height, width));
            }
            channels += part_channels;
        }
        if batch * channels * height * width == 0 {
            bail!("conv2d: an empty map of {channels} channels, {height}x{width}");
        }
        let lock = |part: &'a Tensor| {
            let (storage, layout) = part.storage_and_layout();
            let storage: Box<dyn Deref<Target = Storage> + 'a> = Box::new(storage);
            (storage, layout)
        };
        Ok(Self { parts: parts.iter().map(lock).collect(), batch, channels, height, width })
    }

    /// The planes of one picture, those of all parts in order.
    pub(super) fn planes(&self, picture: usize) -> Result<Vec<&[f32]>> {
        let mut planes = Vec::with_capacity(self.channels);
        for (storage, layout) in &self.parts {
            let Storage::Cpu(storage) = &***storage else { bail!("conv2d: a map is not on the CPU") };
            let values = elements(storage, layout, "conv2d")?;
            let length = values.len() / self.batch;
            let values = values.get(picture * length..(picture + 1) * length).unwrap_or_default();
            planes.extend(values.chunks_exact(self.height * self.width));
        }
        Ok(planes)
    }
}
