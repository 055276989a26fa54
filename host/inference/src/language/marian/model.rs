//! The two stacks with their embeddings: reading a source, and logits for the next token of each beam.

use candle_core::{D, Device, Result, Tensor, bail};

use super::config::MarianConfig;
use super::layer::{DecoderLayer, EncoderLayer, LayerState};
use crate::nn::Linear;
use crate::weights::{Loaded, Weights};

/// A MarianMT model with its weights.
pub struct MarianModel {
    config: MarianConfig,
    source_table: Tensor,
    target_table: Tensor,
    source_positions: Tensor,
    target_positions: Tensor,
    encoder: Vec<EncoderLayer>,
    decoder: Vec<DecoderLayer>,
    head: Linear,
    device: Device,
}

/// What the decoder remembers of a source and of the beams written so far.
pub struct DecoderState {
    layers: Vec<LayerState>,
    beams: usize,
    length: usize,
}

impl DecoderState {
    /// How many beams are written side by side.
    pub(super) fn beams(&self) -> usize {
        self.beams
    }

    /// Continues the beams of these numbers, which may be more, fewer, or some of them twice.
    ///
    /// # Errors
    /// There is no beam of a number.
    pub fn reorder(&mut self, beams: &[u32]) -> Result<()> {
        if beams.iter().map(|beam| *beam as usize).eq(0..self.beams) {
            return Ok(());
        }
        let Some(device) = self.layers.first().map(LayerState::device) else { return Ok(()) };
        let chosen = Tensor::new(beams, &device)?;
        self.layers.iter_mut().try_for_each(|layer| layer.reorder(&chosen))?;
        self.beams = beams.len();
        Ok(())
    }
}

impl MarianModel {
    /// Loads the weights. Files that hold no tables of positions, as most, mean the usual ones.
    ///
    /// # Errors
    /// A tensor is missing or has another shape.
    pub fn load(config: &MarianConfig, weights: &Weights) -> Loaded<Self> {
        let root = weights.sub("model");
        let table = |name: &str, rows: usize| {
            let name = if config.shared && root.contains("shared.weight") { "shared" } else { name };
            root.tensor(&format!("{name}.weight"), &[rows, config.width])
        };
        let source_table = table("encoder.embed_tokens", config.source_vocabulary)?;
        let target_table = match config.shared {
            true => source_table.clone(),
            false => table("decoder.embed_tokens", config.target_vocabulary)?,
        };
        let output = match config.tied {
            true => target_table.clone(),
            false => weights.tensor("lm_head.weight", &[config.target_vocabulary, config.width])?,
        };
        let bias = weights.tensor_of_shapes(
            "final_logits_bias",
            &[&[config.target_vocabulary], &[1, config.target_vocabulary]],
        )?;
        let layers = |stack: &str, count: usize| {
            let root = root.sub(stack);
            (0..count).map(move |i| root.sub(format_args!("layers.{i}")))
        };
        let positions = |stack: &str| {
            let name = format!("{stack}.embed_positions.weight");
            match root.contains(&name) {
                true => root.tensor(&name, &[config.positions, config.width]),
                false => sinusoids(config, weights.device()).map_err(|e| weights.failed(e)),
            }
        };
        Ok(Self {
            source_table,
            target_table,
            source_positions: positions("encoder")?,
            target_positions: positions("decoder")?,
            encoder: layers("encoder", config.encoder.layers)
                .map(|weights| EncoderLayer::load(config, &weights))
                .collect::<Loaded<_>>()?,
            decoder: layers("decoder", config.decoder.layers)
                .map(|weights| DecoderLayer::load(config, &weights))
                .collect::<Loaded<_>>()?,
            head: Linear::new(output, Some(bias)),
            device: weights.device().clone(),
            config: config.clone(),
        })
    }

    /// Its dimensions.
    pub fn config(&self) -> &MarianConfig {
        &self.config
    }

    /// Reads a source, the end mark included; gives the state of one beam before its first token.
    ///
    /// # Errors
    /// No ids, more than there are positions, or one outside the vocabulary.
    pub fn read(&self, source: &[u32]) -> Result<DecoderState> {
        let mut hidden =
            self.embed((&self.source_table, &self.source_positions), source, (1, source.len()), 0)?;
        for layer in &self.encoder {
            hidden = layer.forward(&hidden)?;
        }
        let layers = self.decoder.iter().map(|layer| layer.begin(&hidden)).collect::<Result<_>>()?;
        Ok(DecoderState { layers, beams: 1, length: 0 })
    }

    /// Appends as many tokens to every beam, beam by beam; gives the logits after each, (beams, tokens, vocabulary).
    ///
    /// # Errors
    /// The tokens do not divide by the beams, are more than there are positions, or lie outside the vocabulary.
    pub fn next(&self, ids: &[u32], state: &mut DecoderState) -> Result<Tensor> {
        if !ids.len().is_multiple_of(state.beams) {
            bail!("{} tokens do not divide by {} beams", ids.len(), state.beams);
        }
        let tokens = ids.len() / state.beams;
        let mut hidden = self.embed(
            (&self.target_table, &self.target_positions),
            ids,
            (state.beams, tokens),
            state.length,
        )?;
        for (layer, state) in self.decoder.iter().zip(&mut state.layers) {
            hidden = layer.forward(&hidden, state)?;
        }
        state.length += tokens;
        self.head.forward(&hidden)
    }

    /// Embeddings of ids with their positions from `first` on, (rows, tokens, width).
    fn embed(
        &self,
        (table, positions): (&Tensor, &Tensor),
        ids: &[u32],
        (rows, tokens): (usize, usize),
        first: usize,
    ) -> Result<Tensor> {
        let vocabulary = table.dim(0)?;
        if tokens == 0 || first + tokens > self.config.positions {
            bail!("{} tokens do not fit {} positions", first + tokens, self.config.positions);
        }
        if let Some(id) = ids.iter().find(|id| **id as usize >= vocabulary) {
            bail!("token {id} is outside the vocabulary of {vocabulary}");
        }
        let scale = if self.config.scaled { (self.config.width as f64).sqrt() } else { 1.0 };
        let embedded = table.index_select(&Tensor::new(ids, &self.device)?, 0)?;
        let embedded = (embedded.reshape((rows, tokens, ()))? * scale)?;
        embedded.broadcast_add(&positions.narrow(0, first, tokens)?)
    }
}

/// Sinusoids of every position (Vaswani et al., arXiv 1706.03762), (positions, width): sines of all frequencies, then
/// cosines.
fn sinusoids(config: &MarianConfig, device: &Device) -> Result<Tensor> {
    let half = config.width / 2;
    let of = |function: fn(f64) -> f64| {
        let values: Vec<f32> = (0..config.positions * half)
            .map(|i| {
                let (position, pair) = ((i / half) as f64, (i % half) as f64);
                function(position / 10000f64.powf(2.0 * pair / config.width as f64)) as f32
            })
            .collect();
        Tensor::from_vec(values, (config.positions, half), device)
    };
    Tensor::cat(&[of(f64::sin)?, of(f64::cos)?], D::Minus1)
}
