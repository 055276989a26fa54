//! A ControlNet on disk, in a folder of diffusers or in one file, read by its configuration and weight header.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use candle_core::{DType, Device};

use super::architecture::Architecture;
use super::checkpoint::ControlFile;
use super::components::{DIFFUSERS_WEIGHTS, single_file};
use super::unet::{ControlConfig, ControlNet};
use crate::weights::{ConfigFile, Holding, Loaded, WeightFiles, Weights};

/// Bytes of a number in memory.
const NUMBER_BYTES: u64 = 4;

/// Configuration and open weight files of a ControlNet.
pub struct ControlLayout {
    /// The dimensions.
    pub config: ControlConfig,
    /// The file of the configuration, if it lies beside the weights.
    config_file: Option<PathBuf>,
    weights: Arc<WeightFiles>,
    /// How its layers hold their weights.
    holding: Holding,
}

impl ControlLayout {
    /// Reads a folder or a file. None if it is something else.
    ///
    /// # Errors
    /// A file is missing or broken, or asks for a computation that is not there.
    pub fn read(path: &Path) -> Loaded<Option<Self>> {
        if path.is_dir() { Self::read_folder(path) } else { Self::recognise(&WeightFiles::file(path)?) }
    }

    /// Looks for a ControlNet in an open file.
    ///
    /// # Errors
    /// It is one, of a variant that is not supported.
    pub fn recognise(files: &WeightFiles) -> Loaded<Option<Self>> {
        let Some(found) = ControlFile::recognise(files)? else { return Ok(None) };
        let config = ControlConfig::read(&found.config)?;
        Ok(Some(Self { config, weights: found.weights, config_file: None, holding: Holding::default() }))
    }

    fn read_folder(folder: &Path) -> Loaded<Option<Self>> {
        let config_file = folder.join("config.json");
        let config = ConfigFile::read(&config_file)?;
        if config.text("_class_name")? != Some("ControlNetModel") {
            return Ok(None);
        }
        Ok(Some(Self {
            config: ControlConfig::read(&config)?,
            weights: weights_in(folder)?,
            config_file: Some(config_file),
            holding: Holding::default(),
        }))
    }

    /// The network that it controls; none if that is none of the published ones.
    pub fn architecture(&self) -> Option<Architecture> {
        self.config.unet.architecture()
    }

    /// Files whose contents decide what it computes.
    pub fn files(&self) -> Vec<PathBuf> {
        let weights = self.weights.paths().map(Path::to_path_buf);
        self.config_file.iter().cloned().chain(weights).collect()
    }

    /// Chooses how its layers hold their weights and compute.
    pub fn hold(&mut self, holding: Holding) {
        self.holding = holding.as_stored();
    }

    /// The type that suits it as it is stored.
    pub fn native_type(&self) -> DType {
        self.weights.native_type()
    }

    /// Memory that the weights take once loaded.
    pub fn weight_bytes(&self) -> u64 {
        self.weights.loaded_bytes_as(&self.holding, |_| true)
    }

    /// Memory that it takes in a run besides the weights: its feature maps, what it adds to the model's, and the
    /// picture's embedding at full size, for pictures of a width and height and `batch` predictions at a time.
    pub fn activation_bytes(&self, (width, height): (usize, usize), batch: usize) -> u64 {
        let pixels = (width as u64).saturating_mul(height as u64);
        let scale = self.config.scale() as u64;
        let latent_pixels = pixels / scale.saturating_mul(scale).max(1);
        let levels = self.config.unet.levels.iter().enumerate();
        let maps: u64 = levels
            .map(|(i, level)| {
                (latent_pixels >> (2 * i).min(63)) * level.channels as u64 * (level.layers as u64 + 2)
            })
            .sum();
        let finest = self.config.hint_channels.iter().copied().max().unwrap_or_default() as u64;
        let hint = pixels.saturating_mul(finest);
        (2 * maps).saturating_mul(batch as u64).saturating_add(hint).saturating_mul(NUMBER_BYTES)
    }

    /// Loads all weights onto a device.
    ///
    /// # Errors
    /// A tensor is missing or misshapen.
    pub fn load(&self, device: &Device) -> Loaded<ControlNet> {
        let weights = Weights::new(Arc::clone(&self.weights), device).held(&self.holding);
        ControlNet::load(&self.config, &weights, device)
    }
}

/// The weights of a folder: as diffusers saves them, or in the only file, under the names of the makers.
fn weights_in(folder: &Path) -> Loaded<Arc<WeightFiles>> {
    let saved = WeightFiles::open(folder, DIFFUSERS_WEIGHTS);
    let Err(missing) = saved else { return saved.map(Arc::new) };
    let published = single_file(folder).map(|path| ControlFile::recognise(&WeightFiles::file(&path)?));
    match published.transpose()?.flatten() {
        Some(found) => Ok(found.weights),
        None => Err(missing),
    }
}
