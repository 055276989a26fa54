//! A Depth Anything model on disk, in the folder layout of transformers: configurations and weight headers alone.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::config::DepthConfig;
use crate::vision::VisionError;
use crate::vision::pixels::{IMAGENET, Normalisation, processor_config};
use crate::weights::{ConfigFile, Loaded, WeightFiles};

/// Bytes of a weight or value in memory.
const BYTES: u64 = 4;
/// Most patches that a picture is cut into.
const MAX_PATCHES: usize = 1 << 14;
/// Longest edge that a processor may ask for.
const MAX_EDGE: usize = 1 << 12;
/// Maps of the size of the patch states that a transformer layer holds besides its feed-forward ones: states,
/// normed, the three projections, and what attention gives.
const LAYER_MAPS: u64 = 6;

/// How pictures are brought to the sizes that the model takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sizing {
    /// Height and width that are aimed at.
    pub aim: (usize, usize),
    /// Whether the picture keeps its shape, so that only one edge meets its aim.
    pub keep_aspect: bool,
    /// What edges are multiples of.
    pub multiple: usize,
}

impl Sizing {
    /// Height and width for a picture, as transformers' DPT processor finds them; an edge that would vanish gets
    /// one multiple.
    ///
    /// # Errors
    /// The picture is so long that it would take more than 16384 patches of `patch` pixels.
    pub fn size_for(&self, (height, width): (u32, u32), patch: usize) -> Result<(usize, usize), VisionError> {
        let (tall, wide) = (f64::from(height), f64::from(width));
        let (mut down, mut across) = (self.aim.0 as f64 / tall, self.aim.1 as f64 / wide);
        if self.keep_aspect {
            // The edge that changes least decides.
            let scale = if (1.0 - across).abs() < (1.0 - down).abs() { across } else { down };
            (down, across) = (scale, scale);
        }
        let multiple = self.multiple as f64;
        let whole = |edge: f64| (edge / multiple).round_ties_even().max(1.0) * multiple;
        let (tall, wide) = (whole(down * tall), whole(across * wide));
        let patches = (tall / patch as f64) * (wide / patch as f64);
        if patches > MAX_PATCHES as f64 {
            let problem = format!(
                "{width}x{height} is so long that it becomes {wide}x{tall} for the model; crop it or cut it in parts"
            );
            return Err(VisionError::BadPicture(problem));
        }
        Ok((tall as usize, wide as usize))
    }

    fn read(config: Option<&ConfigFile>, model: &DepthConfig) -> Loaded<Self> {
        let (image, patch) = (model.backbone.image, model.backbone.patch);
        let Some(config) = config else {
            return Ok(Self { aim: (image, image), keep_aspect: true, multiple: patch });
        };
        let size = config.section("size")?;
        let multiple = config.integer_or("ensure_multiple_of", 1)?;
        if multiple == 0 || multiple > MAX_EDGE || multiple % patch != 0 {
            let problem = format!("{multiple} is not a multiple of the model's patches of {patch}");
            return Err(config.problem("ensure_multiple_of", problem));
        }
        config.must_be_off(&["do_pad"])?;
        Ok(Self {
            aim: (size.size("height", MAX_EDGE)?, size.size("width", MAX_EDGE)?),
            keep_aspect: config.flag_or("keep_aspect_ratio", false)?,
            multiple,
        })
    }
}

/// Configuration and open weight files of a model folder.
pub struct DepthLayout {
    /// The folder.
    pub folder: PathBuf,
    /// Dimensions of the model.
    pub config: DepthConfig,
    /// How pictures are sized for it.
    pub sizing: Sizing,
    /// How their values are scaled.
    pub normalisation: Normalisation,
    pub(super) weights: Arc<WeightFiles>,
}

impl DepthLayout {
    /// Reads a folder; none when it holds no model of this kind.
    ///
    /// # Errors
    /// It does, but a file is missing or broken, or asks for what is not there.
    pub fn read(folder: &Path) -> Loaded<Option<Self>> {
        let path = folder.join("config.json");
        if !path.is_file() {
            return Ok(None);
        }
        let file = ConfigFile::read(&path)?;
        if file.get("model_type").and_then(|v| v.as_str()) != Some("depth_anything") {
            return Ok(None);
        }
        let config = DepthConfig::read(&file)?;
        let processor = processor_config(folder)?;
        Ok(Some(Self {
            folder: folder.to_path_buf(),
            sizing: Sizing::read(processor.as_ref(), &config)?,
            normalisation: processor.as_ref().map_or(Ok(IMAGENET), Normalisation::read)?,
            weights: Arc::new(WeightFiles::open(folder, "model")?),
            config,
        }))
    }

    /// Files whose contents decide what the model computes.
    pub fn files(&self) -> Vec<PathBuf> {
        let fixed = ["config.json", "preprocessor_config.json", "processor_config.json"];
        let fixed = fixed.iter().map(|name| self.folder.join(name)).filter(|path| path.is_file());
        fixed.chain(self.weights.paths().map(Path::to_path_buf)).collect()
    }

    /// Memory that the weights take once loaded, in bytes.
    pub fn weight_bytes(&self) -> u64 {
        self.weights.weight_count() * BYTES
    }

    /// Bytes that looking at a picture takes besides the weights, the larger of two peaks: a transformer layer with
    /// the states that wait for the head, and the head's last maps, with the map at the picture's size.
    ///
    /// # Errors
    /// As [`Sizing::size_for`].
    pub fn activation_bytes(&self, (height, width): (u32, u32)) -> Result<u64, VisionError> {
        let backbone = &self.config.backbone;
        let (tall, wide) = self.sizing.size_for((height, width), backbone.patch)?;
        let pixels = (tall * wide) as u64;
        let tokens = pixels / (backbone.patch * backbone.patch) as u64 + 1;
        let waiting = self.config.levels.len() as u64;
        let layer = (LAYER_MAPS + waiting) * backbone.width as u64 + 2 * backbone.inner_width as u64;
        let (fusion, head) = (self.config.fusion_width as u64, self.config.head_width as u64);
        // The finest joined map has about a third of the picture's pixels; the last ones have all of them.
        let maps = pixels / 3 * fusion * 3 + pixels * (fusion / 2 + 2 * head);
        let result = u64::from(height) * u64::from(width) * 2;
        Ok(((tokens * layer).max(maps) + result) * BYTES)
    }
}
