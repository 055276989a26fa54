//! A loaded adapter: the changes of its layers, on the device.

use candle_core::{Device, Tensor};
use rayon::prelude::*;

use super::delta::Delta;
use super::keys::Target;
use super::layout::{Entry, LoraLayout, Stored};
use crate::weights::{BrokenFile, Loaded, TensorFile};

/// A loaded adapter.
pub struct Lora {
    pub(super) modules: Vec<Module>,
    pub(super) strangers: Vec<String>,
}

/// The change of one layer.
pub struct Module {
    pub(super) target: Target,
    pub(super) spelled: String,
    /// The change of its weight.
    pub(super) delta: Option<Delta<Tensor>>,
    /// What the change is multiplied by: alpha over rank, 1 where the file names no alpha.
    pub(super) scale: f64,
    /// Lengths of the weight's rows (out, 1, ...) or columns (1, in, ...) once changed (DoRA, Liu et al. 2024).
    pub(super) magnitude: Option<Tensor>,
    /// The change of its bias (out).
    pub(super) bias: Option<Tensor>,
}

impl Lora {
    /// Loads all changes onto a device.
    ///
    /// # Errors
    /// A tensor does not hold floating-point numbers, or a scale is not finite.
    pub fn load(layout: &LoraLayout, device: &Device) -> Loaded<Self> {
        let modules = layout.entries.par_iter().map(|entry| Module::load(entry, &layout.file, device));
        let strangers = [layout.strangers.as_slice(), &layout.others].concat();
        Ok(Self { modules: modules.collect::<Loaded<_>>()?, strangers })
    }
}

impl Module {
    fn load(entry: &Entry, file: &TensorFile, device: &Device) -> Loaded<Self> {
        let load = |stored: &Stored| file.tensor(&stored.name, device);
        let delta = entry.delta.as_ref().map(|delta| delta.try_map(load)).transpose()?;
        let alpha = entry.alpha.as_ref().map(|stored| number(file, stored)).transpose()?;
        let scale = match (alpha, delta.as_ref().and_then(Delta::rank)) {
            (Some(alpha), Some(rank)) => alpha / rank.max(1) as f64,
            _ => entry.noted_scale.unwrap_or(1.0),
        };
        Ok(Self {
            target: entry.target.clone(),
            spelled: entry.spelled.clone(),
            delta,
            scale,
            magnitude: entry.magnitude.as_ref().map(load).transpose()?,
            bias: entry.bias.as_ref().map(load).transpose()?,
        })
    }
}

/// A tensor of one finite number.
fn number(file: &TensorFile, stored: &Stored) -> Loaded<f64> {
    let tensor = file.tensor(&stored.name, &Device::Cpu)?;
    let values = tensor.flatten_all().and_then(|flat| flat.to_vec1::<f32>()).unwrap_or_default();
    match values.as_slice() {
        [value] if value.is_finite() => Ok(f64::from(*value)),
        _ => Err(BrokenFile::new(file.path(), format!("`{}` is not one finite number", stored.name))),
    }
}
