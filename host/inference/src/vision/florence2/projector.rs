//! From the tower's features to tokens of the text model.

use candle_core::{Result, Tensor};

use super::config::TowerConfig;
use super::davit::{EPS, to_tokens};
use super::names::Names;
use crate::nn::LayerNorm;
use crate::tensor::linear;
use crate::weights::{Loaded, Weights};

/// Adds positions, puts the mean of all tokens before them, and projects.
pub struct Projector {
    /// (positions, width - width / 2).
    columns: Tensor,
    /// (positions, width / 2).
    rows: Tensor,
    /// (1, 1, width).
    moment: Tensor,
    projection: Tensor,
    norm: LayerNorm,
}

impl Projector {
    /// Loads the weights.
    ///
    /// # Errors
    /// A tensor is missing or has another shape.
    pub fn load(config: &TowerConfig, names: Names, weights: &Weights) -> Loaded<Self> {
        let (width, positions) = (config.width(), config.positions);
        let parts = names.projector(weights);
        // The cosine embedding of the moment 0, the only one that a single picture has: sines 0, cosines 1.
        let moment = (0..width).map(|i| (i % 2) as f32).collect::<Vec<_>>();
        let moment = Tensor::from_vec(moment, (1, 1, width), weights.device());
        Ok(Self {
            columns: parts.positions.tensor("column_embeddings.weight", &[positions, width - width / 2])?,
            rows: parts.positions.tensor("row_embeddings.weight", &[positions, width / 2])?,
            moment: moment.map_err(|e| weights.failed(e))?,
            projection: names.projection(weights, width, config.output_width)?,
            norm: LayerNorm::load(&parts.norm, config.output_width, EPS)?,
        })
    }

    /// Tokens (1, 1 + rows * columns, output width) for features (1, width, rows, columns).
    ///
    /// # Errors
    /// The grid is larger than the positions reach.
    pub fn forward(&self, features: &Tensor) -> Result<Tensor> {
        let (_, _, rows, columns) = features.dims4()?;
        let across = self.columns.narrow(0, 0, columns)?;
        let down = self.rows.narrow(0, 0, rows)?;
        let (columns_width, rows_width) = (across.dim(1)?, down.dim(1)?);
        let across = across.unsqueeze(0)?.expand((rows, columns, columns_width))?;
        let down = down.unsqueeze(1)?.expand((rows, columns, rows_width))?;
        let positions = Tensor::cat(&[across, down], 2)?.reshape((1, rows * columns, ()))?;
        let tokens = (to_tokens(features)? + positions)?.broadcast_add(&self.moment)?;
        let tokens = Tensor::cat(&[&tokens.mean_keepdim(1)?, &tokens], 1)?;
        self.norm.forward(&linear(&tokens, &self.projection, None)?)
    }
}
