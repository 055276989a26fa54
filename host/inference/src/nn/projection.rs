//! A linear layer whose weights are held either as numbers or as quantised blocks.

use candle_core::{Result, Tensor};

use super::{Linear, QuantizedLinear};
use crate::tensor::Operand;
use crate::weights::{Loaded, Weights};

/// y = x W^T + b over the last dimension.
pub enum Projection {
    /// Weights as numbers.
    Dense(Linear),
    /// Weights in blocks, as GGUF files store them.
    Quantized(QuantizedLinear),
}

impl Projection {
    /// Loads `weight` (out, in) and, if it is biased, `bias` (out): quantised if the file holds the weights so or they
    /// are to be held so, else as the file holds them.
    pub fn load(weights: &Weights, input: usize, output: usize, biased: bool) -> Loaded<Self> {
        Self::joined(weights, &[(weights.clone(), output)], input, biased)
    }

    /// Loads layers of one input, by name and output, as one whose output is theirs side by side.
    pub fn side_by_side(
        weights: &Weights,
        parts: &[(&str, usize)],
        input: usize,
        biased: bool,
    ) -> Loaded<Self> {
        let parts: Vec<_> = parts.iter().map(|(name, output)| (weights.sub(name), *output)).collect();
        Self::joined(weights, &parts, input, biased)
    }

    /// The same for layers that lie anywhere; `weights` is named in errors.
    pub(crate) fn joined(
        weights: &Weights,
        parts: &[(Weights, usize)],
        input: usize,
        biased: bool,
    ) -> Loaded<Self> {
        let failed = |e| weights.failed(e);
        let stored = parts.iter().map(|(part, output)| part.stored_rows("weight", (*output, input)));
        if let Some(rows) = stored.collect::<Loaded<Option<Vec<_>>>>()? {
            let bias = |(part, output): &(Weights, usize)| part.tensor("bias", &[*output]);
            let bias = match biased {
                false => None,
                true => {
                    let biases = parts.iter().map(bias).collect::<Loaded<Vec<_>>>()?;
                    Some(Tensor::cat(&biases, 0).map_err(failed)?)
                }
            };
            let keeping = parts.first().map_or(weights, |(part, _)| part).keeping("weight");
            let layer = QuantizedLinear::of_rows(&rows.concat(), bias, &keeping).map_err(failed)?;
            let parts: Vec<_> = parts.iter().map(|(part, _)| part.clone()).zip(rows).collect();
            return Ok(Self::Quantized(layer.with_slots(&parts)));
        }
        let load = if biased { Linear::load } else { Linear::load_unbiased };
        let layers = parts.iter().map(|(part, output)| load(part, input, *output));
        let mut layers = layers.collect::<Loaded<Vec<_>>>()?;
        match (layers.pop(), layers.is_empty()) {
            (Some(only), true) => Ok(Self::Dense(only)),
            (last, _) => {
                layers.extend(last);
                Ok(Self::Dense(Linear::side_by_side(&layers).map_err(failed)?))
            }
        }
    }

    /// Applies the layer to (..., in), giving (..., out).
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        match self {
            Self::Dense(layer) => layer.forward(x),
            Self::Quantized(layer) => layer.forward(x),
        }
    }

    /// How exactly products of its outputs must be made: no better than the outputs are known.
    pub fn operand(&self) -> Operand {
        match self {
            Self::Quantized(layer) if layer.rounds_inputs() => Operand::Rounded,
            Self::Quantized(_) | Self::Dense(_) => Operand::Exact,
        }
    }
}
