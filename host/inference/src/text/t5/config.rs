//! Dimensions of a T5 encoder, and how it classes distances.

use crate::weights::{ConfigFile, Loaded};

/// Dimensions of a T5 encoder.
#[derive(Debug, Clone, PartialEq)]
pub struct T5Config {
    /// Number of tokens in the vocabulary.
    pub vocabulary: usize,
    /// Width of the hidden states.
    pub width: usize,
    /// Width inside the feed-forward layers.
    pub inner_width: usize,
    /// Number of transformer layers.
    pub layers: usize,
    /// Attention heads per layer.
    pub heads: usize,
    /// Width of a head.
    pub head_width: usize,
    /// Classes of distances, half of them for each direction.
    pub buckets: usize,
    /// Distance from which on all are of one class.
    pub far: usize,
    /// Added to mean squares in norms.
    pub eps: f64,
    /// Token that ends a text.
    pub end: u32,
    /// Token that fills the window.
    pub padding: u32,
}

impl T5Config {
    /// Reads a text encoder's `config.json`.
    ///
    /// # Errors
    /// A key is missing or asks for something that is not there.
    pub fn read(config: &ConfigFile) -> Loaded<Self> {
        config.must_be("model_type", "t5")?;
        match config.required_text("feed_forward_proj")? {
            "gated-gelu" => {}
            other => {
                return Err(config.problem("feed_forward_proj", format!("`{other}` is not supported")));
            }
        }
        let vocabulary = config.size("vocab_size", 1 << 24)?;
        let token = |key: &str, default: usize| match config.integer_or(key, default)? {
            token if token < vocabulary => Ok(token as u32),
            token => Err(config.problem(key, format!("{token} is outside the vocabulary of {vocabulary}"))),
        };
        let buckets = config.integer_or("relative_attention_num_buckets", 32)?;
        let far = config.integer_or("relative_attention_max_distance", 128)?;
        if !(4..=1 << 16).contains(&buckets) || !buckets.is_multiple_of(4) || far <= buckets / 4 {
            let problem = format!("{buckets} with a greatest distance of {far} are not supported");
            return Err(config.problem("relative_attention_num_buckets", problem));
        }
        Ok(Self {
            vocabulary,
            width: config.size("d_model", 1 << 14)?,
            inner_width: config.size("d_ff", 1 << 16)?,
            layers: config.size("num_layers", 1 << 10)?,
            heads: config.size("num_heads", 1 << 10)?,
            head_width: config.size("d_kv", 1 << 12)?,
            buckets,
            far,
            eps: config.number_or("layer_norm_epsilon", 1e-6)?,
            end: token("eos_token_id", 1)?,
            padding: token("pad_token_id", 0)?,
        })
    }

    /// The class of the distance from a query to a key (`_relative_position_bucket` of transformers).
    pub(super) fn bucket(&self, query: usize, key: usize) -> u32 {
        let half = self.buckets / 2;
        let near = half / 2;
        let distance = query.abs_diff(key);
        let class = if distance < near {
            distance
        } else {
            let share = (distance as f32 / near as f32).ln() / (self.far as f64 / near as f64).ln() as f32;
            (near + (share * (half - near) as f32) as usize).min(half - 1)
        };
        (class + if key > query { half } else { 0 }) as u32
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn distances_are_exact_nearby_and_logarithmic_beyond() {
        let text = r#"{"model_type": "t5", "feed_forward_proj": "gated-gelu", "vocab_size": 32128, "d_model": 8,
            "d_ff": 8, "num_layers": 1, "num_heads": 1, "d_kv": 8}"#;
        let config = T5Config::read(&ConfigFile::parse(Path::new("config.json"), text).unwrap()).unwrap();
        let classes = |distances: &[usize]| -> Vec<u32> {
            distances.iter().map(|distance| config.bucket(*distance, 0)).collect()
        };
        assert_eq!(classes(&[0, 1, 7, 8, 11, 12, 127, 500]), [0, 1, 7, 8, 8, 9, 15, 15]);
        assert_eq!(config.bucket(0, 1), 17);
    }
}
