//! DINOv2, the vision transformer that Depth Anything looks with.

use candle_core::{Result, Tensor};

use super::config::BackboneConfig;
use crate::nn::{Conv2d, LayerNorm, Linear};
use crate::tensor::{self, Attention, Conv2dGeometry, Interpolation, attention, interpolate};
use crate::weights::{Loaded, Weights};

/// The backbone with its weights.
pub struct Dinov2 {
    patches: Conv2d,
    class_token: Tensor,
    /// (1, 1 + grid², width): the class token's position, then those of the trained grid.
    positions: Tensor,
    layers: Vec<Layer>,
    norm: LayerNorm,
    config: BackboneConfig,
}

impl Dinov2 {
    /// Loads the weights.
    ///
    /// # Errors
    /// A tensor is missing or has another shape.
    pub fn load(config: &BackboneConfig, weights: &Weights) -> Loaded<Self> {
        let (width, patch) = (config.width, config.patch);
        let embeddings = weights.sub("embeddings");
        let geometry = Conv2dGeometry { stride: patch, pad_before: 0, pad_after: 0, dilation: 1 };
        let grid = config.image / patch;
        let layers = (0..config.layers)
            .map(|i| Layer::load(config, &weights.sub(format_args!("encoder.layer.{i}"))))
            .collect::<Loaded<_>>()?;
        Ok(Self {
            patches: Conv2d::load(&embeddings.sub("patch_embeddings.projection"), 3, width, patch, geometry)?,
            class_token: embeddings.tensor("cls_token", &[1, 1, width])?,
            positions: embeddings.tensor("position_embeddings", &[1, grid * grid + 1, width])?,
            layers,
            norm: LayerNorm::load(&weights.sub("layernorm"), width, config.eps)?,
            config: config.clone(),
        })
    }

    /// The patch states (1, width, rows, columns) after each of the layers that `depths` counts, ascending, for a
    /// picture (1, 3, height, width) in whole patches.
    ///
    /// # Errors
    /// A tensor operation fails.
    pub fn forward(&self, picture: &Tensor, depths: &[usize]) -> Result<Vec<Tensor>> {
        let patches = self.patches.forward(picture)?;
        let (_, width, rows, columns) = patches.dims4()?;
        let tokens = patches.flatten_from(2)?.transpose(1, 2)?;
        let tokens = Tensor::cat(&[&self.class_token, &tokens], 1)?;
        let mut hidden = (tokens + self.positions_for(rows, columns)?)?;
        let mut levels = Vec::with_capacity(depths.len());
        for depth in 0..=self.layers.len() {
            if depths.contains(&depth) {
                let level =
                    if self.config.norm_levels { self.norm.forward(&hidden)? } else { hidden.clone() };
                let level = level.narrow(1, 1, rows * columns)?.transpose(1, 2)?;
                levels.push(level.reshape((1, width, rows, columns))?);
            }
            if levels.len() == depths.len() {
                break;
            }
            if let Some(layer) = self.layers.get(depth) {
                hidden = layer.forward(&hidden)?;
            }
        }
        Ok(levels)
    }

    /// The positions resized from the trained grid to another.
    fn positions_for(&self, rows: usize, columns: usize) -> Result<Tensor> {
        let grid = self.config.image / self.config.patch;
        if (rows, columns) == (grid, grid) {
            return Ok(self.positions.clone());
        }
        let width = self.config.width;
        let trained = self.positions.narrow(1, 1, grid * grid)?.transpose(1, 2)?;
        let trained = trained.reshape((1, width, grid, grid))?;
        let resized = interpolate(&trained, rows, columns, Interpolation::Bicubic)?;
        let resized = resized.flatten_from(2)?.transpose(1, 2)?;
        Tensor::cat(&[&self.positions.narrow(1, 0, 1)?, &resized], 1)
    }
}

struct Layer {
    norm1: LayerNorm,
    qkv: Linear,
    out: Linear,
    scale1: Tensor,
    norm2: LayerNorm,
    fc1: Linear,
    fc2: Linear,
    scale2: Tensor,
    width: usize,
    attention: Attention,
}

impl Layer {
    fn load(config: &BackboneConfig, weights: &Weights) -> Loaded<Self> {
        let (width, inner) = (config.width, config.inner_width);
        let attention = weights.sub("attention.attention");
        let [q, k, v] =
            ["query", "key", "value"].map(|name| Linear::load(&attention.sub(name), width, width));
        Ok(Self {
            norm1: LayerNorm::load(&weights.sub("norm1"), width, config.eps)?,
            qkv: Linear::side_by_side(&[q?, k?, v?]).map_err(|e| weights.failed(e))?,
            out: Linear::load(&weights.sub("attention.output.dense"), width, width)?,
            scale1: weights.tensor("layer_scale1.lambda1", &[width])?,
            norm2: LayerNorm::load(&weights.sub("norm2"), width, config.eps)?,
            fc1: Linear::load(&weights.sub("mlp.fc1"), width, inner)?,
            fc2: Linear::load(&weights.sub("mlp.fc2"), inner, width)?,
            scale2: weights.tensor("layer_scale2.lambda1", &[width])?,
            width,
            attention: Attention::full(config.heads),
        })
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let qkv = self.qkv.forward(&self.norm1.forward(x)?)?;
        let part = |i: usize| qkv.narrow(2, i * self.width, self.width);
        let seen = self.out.forward(&attention(&part(0)?, &part(1)?, &part(2)?, self.attention)?)?;
        let x = (x + seen.broadcast_mul(&self.scale1)?)?;
        let inner = tensor::gelu(&self.fc1.forward(&self.norm2.forward(&x)?)?)?;
        x + self.fc2.forward(&inner)?.broadcast_mul(&self.scale2)?
    }
}
