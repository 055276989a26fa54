//! Keys and values of the tokens so far, so that each token passes through the layers once.

use candle_core::{DType, Device, Result, Tensor, bail};

/// Keys and values of every layer, written in place; room is reserved once.
pub struct KeyValueCache {
    layers: Vec<(Tensor, Tensor)>,
    capacity: usize,
    length: usize,
}

impl KeyValueCache {
    pub(super) fn new(layers: usize, capacity: usize, width: usize, device: &Device) -> Result<Self> {
        let empty = || Tensor::zeros((1, capacity, width), DType::F32, device);
        let layers = (0..layers).map(|_| Ok((empty()?, empty()?))).collect::<Result<_>>()?;
        Ok(Self { layers, capacity, length: 0 })
    }

    /// Tokens that it holds.
    pub fn length(&self) -> usize {
        self.length
    }

    /// Tokens that still fit.
    pub fn room(&self) -> usize {
        self.capacity - self.length
    }

    /// Writes the keys and values of new tokens, (1, tokens, key width), behind those of a layer; gives all of them.
    pub(super) fn append(&self, layer: usize, keys: &Tensor, values: &Tensor) -> Result<(Tensor, Tensor)> {
        let Some((all_keys, all_values)) = self.layers.get(layer) else {
            bail!("the cache has no layer {layer}");
        };
        all_keys.slice_set(&keys.contiguous()?, 1, self.length)?;
        all_values.slice_set(&values.contiguous()?, 1, self.length)?;
        let length = self.length + keys.dim(1)?;
        Ok((all_keys.narrow(1, 0, length)?, all_values.narrow(1, 0, length)?))
    }

    /// Counts the tokens that every layer has appended.
    pub(super) fn advance(&mut self, tokens: usize) {
        self.length = (self.length + tokens).min(self.capacity);
    }
}
