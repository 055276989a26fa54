//! How far positions turn queries and keys: the base frequencies and how long-context variants stretch them.

use std::f64::consts::TAU;

use candle_core::{Device, Result, Tensor};
use serde_json::{Map, Value};

use crate::tensor::Pairing;
use crate::weights::{ConfigFile, GgufFile, Loaded};

/// How frequencies are stretched beyond the trained context.
#[derive(Debug, Clone, PartialEq)]
pub enum Stretch {
    /// Not at all.
    None,
    /// All by one factor.
    Linear(f64),
    /// Low ones by a factor, high ones not, those between in part: Llama 3.1, as in transformers'
    /// `_compute_llama3_parameters`.
    Llama3 {
        /// The factor of low frequencies.
        factor: f64,
        /// The trained context over the wavelength from which on frequencies count as low.
        low: f64,
        /// The same for high frequencies.
        high: f64,
        /// The trained context.
        trained: f64,
    },
    /// Each by its own divisor, half a head width of them; GGUF files store them as `rope_freqs.weight`.
    Each(Vec<f64>),
}

/// Rotation of a decoder.
#[derive(Debug, Clone, PartialEq)]
pub struct RotationConfig {
    /// Base of the geometric series of frequencies.
    pub theta: f64,
    /// How the series is stretched.
    pub stretch: Stretch,
    /// Which elements are turned together.
    pub pairing: Pairing,
}

impl RotationConfig {
    /// Reads `rope_parameters`, or `rope_theta` and `rope_scaling` of older files.
    ///
    /// # Errors
    /// The variant is not supported.
    pub fn read(config: &ConfigFile) -> Loaded<Self> {
        let empty = Map::new();
        let object = |key: &str| config.get(key).map(|_| config.object(key)).transpose();
        let (key, values) = match (object("rope_parameters")?, object("rope_scaling")?) {
            (Some(values), _) => ("rope_parameters", values),
            (None, Some(values)) => ("rope_scaling", values),
            (None, None) => ("rope_parameters", &empty),
        };
        let number = |name: &str| {
            let number = values.get(name).and_then(Value::as_f64).filter(|n| n.is_finite() && *n > 0.0);
            number.ok_or_else(|| config.problem(key, format!("`{name}` must be a number above 0")))
        };
        let kind = values.get("rope_type").or_else(|| values.get("type")).and_then(Value::as_str);
        let stretch = match kind.unwrap_or("default") {
            "default" => Stretch::None,
            "linear" => Stretch::Linear(number("factor")?),
            "llama3" => Stretch::Llama3 {
                factor: number("factor")?,
                low: number("low_freq_factor")?,
                high: number("high_freq_factor")?,
                trained: number("original_max_position_embeddings")?,
            },
            other => return Err(config.problem(key, format!("rotation `{other}` is not supported"))),
        };
        config.must_be("partial_rotary_factor", 1.0)?;
        let theta = match values.get("rope_theta") {
            Some(_) => number("rope_theta")?,
            None => config.number_or("rope_theta", 10000.0)?,
        };
        Ok(Self { theta, stretch, pairing: Pairing::Halves })
    }

    /// Reads the `rope` keys of a GGUF file, and its divisors where it has any.
    ///
    /// # Errors
    /// The variant is not supported.
    pub fn read_gguf(file: &GgufFile, name: &str, head_width: usize, pairing: Pairing) -> Loaded<Self> {
        let key = format!("{name}.rope.scaling.type");
        let factor = file.number_or(&format!("{name}.rope.scaling.factor"), 1.0)?;
        let mut stretch = match file.text(&key)?.unwrap_or("none") {
            "none" => Stretch::None,
            "linear" if factor > 0.0 => Stretch::Linear(factor),
            other => return Err(file.problem(&key, format!("rotation `{other}` is not supported"))),
        };
        if file.entries().contains_key("rope_freqs.weight") {
            let divisors = file.tensor("rope_freqs.weight", &[head_width / 2], &Device::Cpu)?;
            let divisors = divisors.to_vec1::<f32>().unwrap_or_default();
            stretch = Stretch::Each(divisors.into_iter().map(f64::from).collect());
        }
        Ok(Self { theta: file.number_or(&format!("{name}.rope.freq_base"), 10000.0)?, stretch, pairing })
    }

    /// Radians per position for each pair of a head.
    fn frequencies(&self, head_width: usize) -> Vec<f64> {
        let plain = (0..head_width / 2).map(|i| self.theta.powf(-2.0 * i as f64 / head_width as f64));
        match &self.stretch {
            Stretch::None => plain.collect(),
            Stretch::Linear(factor) => plain.map(|f| f / factor).collect(),
            Stretch::Each(divisors) => plain.zip(divisors).map(|(f, divisor)| f / divisor).collect(),
            Stretch::Llama3 { factor, low, high, trained } => plain
                .map(|f| {
                    let turns = trained * f / TAU;
                    if turns < *low {
                        f / factor
                    } else if turns > *high {
                        f
                    } else {
                        let share = (turns - low) / (high - low);
                        f * (share + (1.0 - share) / factor)
                    }
                })
                .collect(),
        }
    }
}

/// Turns queries and keys of any position.
pub(super) struct Rotation {
    frequencies: Vec<f64>,
    pairing: Pairing,
    device: Device,
}

/// Cosines and sines of some positions, (positions, head width / 2) each.
pub(super) struct Angles {
    cos: Tensor,
    sin: Tensor,
    pairing: Pairing,
}

impl Rotation {
    pub(super) fn new(config: &RotationConfig, head_width: usize, device: &Device) -> Self {
        let frequencies = config.frequencies(head_width);
        Self { frequencies, pairing: config.pairing, device: device.clone() }
    }

    pub(super) fn angles(&self, first: usize, count: usize) -> Result<Angles> {
        let shape = (count, self.frequencies.len());
        let of = |function: fn(f64) -> f64| {
            let positions = first..first + count;
            let values: Vec<f32> = positions
                .flat_map(|position| {
                    self.frequencies.iter().map(move |f| function(f * position as f64) as f32)
                })
                .collect();
            Tensor::from_vec(values, shape, &self.device)
        };
        Ok(Angles { cos: of(f64::cos)?, sin: of(f64::sin)?, pairing: self.pairing })
    }
}

impl Angles {
    pub(super) fn turn(&self, x: &Tensor) -> Result<Tensor> {
        crate::tensor::rope(x, &self.cos, &self.sin, self.pairing)
    }
}
