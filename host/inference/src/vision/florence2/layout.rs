//! A Florence-2 model on disk: configurations, tokenizer files and weight headers alone.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::config::Florence2Config;
use super::task::Teaching;
use super::tokenizer::FlorenceTokenizer;
use crate::text::beam::SearchRules;
use crate::text::generation::GenerationConfig;
use crate::vision::pixels::{IMAGENET, Normalisation, processor_config};
use crate::weights::{BrokenFile, ConfigFile, Loaded, WeightFiles};

/// Bytes of a weight or value in memory.
const BYTES: u64 = 4;
/// Edge of the pictures that published models look at.
const USUAL_EDGE: usize = 768;
/// Longest edge that a processor may ask for.
const MAX_EDGE: usize = 1 << 12;
/// Tokens that a prompt has room for beside the picture.
const PROMPT_ROOM: usize = 64;
/// Longest caption, in tokens; the model card's.
const LONGEST: usize = 1024;
/// Maps of the size of a stage that a vision block holds besides its feed-forward ones: the map, its tokens, their
/// norm, the three projections, and what attention gives.
const BLOCK_MAPS: u64 = 7;

/// Configurations and open weight files of a model folder.
pub struct CaptionLayout {
    /// The folder.
    pub folder: PathBuf,
    /// Dimensions of the model.
    pub config: Florence2Config,
    /// How it writes.
    pub rules: SearchRules,
    /// Height and width that pictures are brought to, whatever their shape.
    pub picture_size: (usize, usize),
    /// How their values are scaled.
    pub normalisation: Normalisation,
    /// What it was taught.
    pub teaching: Teaching,
    pub(super) weights: Arc<WeightFiles>,
}

impl CaptionLayout {
    /// Reads a folder; none when it holds no model of this kind.
    ///
    /// # Errors
    /// It does, but a file is missing or broken, asks for what is not there, or does not fit another.
    pub fn read(folder: &Path) -> Loaded<Option<Self>> {
        let path = folder.join("config.json");
        if !path.is_file() {
            return Ok(None);
        }
        let file = ConfigFile::read(&path)?;
        if file.get("model_type").and_then(|v| v.as_str()) != Some("florence2") {
            return Ok(None);
        }
        let config = Florence2Config::read(&file)?;
        let processor = processor_config(folder)?;
        if !FlorenceTokenizer::is_in(folder) {
            let problem = "has neither `tokenizer.json` nor `vocab.json` with `merges.txt`";
            return Err(BrokenFile::new(folder, problem));
        }
        Ok(Some(Self {
            folder: folder.to_path_buf(),
            rules: read_rules(folder, &file, &config)?,
            picture_size: read_size(processor.as_ref(), &file, &config)?,
            normalisation: processor.as_ref().map_or(Ok(IMAGENET), Normalisation::read)?,
            teaching: teaching_of(folder, &file),
            weights: Arc::new(WeightFiles::open(folder, "model")?),
            config,
        }))
    }

    /// Files whose contents decide what the model writes.
    pub fn files(&self) -> Vec<PathBuf> {
        let fixed = [
            "config.json",
            "generation_config.json",
            "preprocessor_config.json",
            "processor_config.json",
            "tokenizer.json",
            "vocab.json",
            "merges.txt",
        ];
        let fixed = fixed.iter().map(|name| self.folder.join(name)).filter(|path| path.is_file());
        fixed.chain(self.weights.paths().map(Path::to_path_buf)).collect()
    }

    /// Memory that the weights take once loaded, in bytes.
    pub fn weight_bytes(&self) -> u64 {
        self.weights.weight_count() * BYTES
    }

    /// Bytes that a caption takes besides the weights, the larger of two peaks: the widest stage of the tower, and
    /// the text model with what its beams remember.
    pub fn activation_bytes(&self) -> u64 {
        let (tower, text) = (&self.config.tower, &self.config.text);
        let (height, width) = self.picture_size;
        let mut grid = (height, width);
        let mut stages = 0;
        for stage in &tower.stages {
            let shrink = |edge: usize| edge.div_ceil(stage.stride);
            grid = (shrink(grid.0), shrink(grid.1));
            let values = (grid.0 * grid.1 * stage.width) as u64;
            stages = stages.max(values * (BLOCK_MAPS + 2 * tower.inner_ratio.ceil() as u64));
        }
        let read = (grid.0 * grid.1 + 1 + PROMPT_ROOM) as u64;
        let reading = read * (7 * text.width + 2 * text.encoder.inner_width) as u64;
        let memories = (2 * text.decoder.layers * text.width) as u64;
        let (beams, longest) = (self.rules.beams as u64, self.rules.longest as u64);
        // Growing what a beam remembers copies it, one layer at a time.
        let writing = memories * (read + beams * longest) + beams * longest * text.width as u64 * 2;
        // Scores, their sums over the beams, and those being sorted.
        let scores = beams * text.vocabulary as u64 * 4;
        let picture = (height * width * 3) as u64;
        (stages + picture).max(reading + writing + scores) * BYTES
    }
}

/// The search rules: `generation_config.json`, then the text model's own configuration, then the whole model's.
fn read_rules(folder: &Path, file: &ConfigFile, config: &Florence2Config) -> Loaded<SearchRules> {
    let text = file.section("text_config")?;
    let path = folder.join("generation_config.json");
    let own = if path.is_file() { ConfigFile::read(&path)? } else { text.clone() };
    let files = GenerationConfig { main: &own, fallbacks: &[&text, file] };
    files.rules(config.text.vocabulary, LONGEST.min(config.text.positions))
}

fn read_size(
    processor: Option<&ConfigFile>,
    file: &ConfigFile,
    config: &Florence2Config,
) -> Loaded<(usize, usize)> {
    let (height, width) = match processor {
        None => (USUAL_EDGE, USUAL_EDGE),
        Some(processor) => {
            processor.must_be_off(&["do_center_crop", "do_pad"])?;
            let size = processor.section("size")?;
            (size.size("height", MAX_EDGE)?, size.size("width", MAX_EDGE)?)
        }
    };
    let (rows, columns) = (config.tower.grid(height), config.tower.grid(width));
    let problem = if rows == 0 || columns == 0 {
        "leave nothing for the last stage".to_owned()
    } else if rows.max(columns) > config.tower.positions {
        format!("become {columns}x{rows} tokens, the positions reach to {}", config.tower.positions)
    } else if rows * columns + 1 + PROMPT_ROOM > config.text.positions {
        format!("become {} tokens, the text model reads {}", rows * columns + 1, config.text.positions)
    } else {
        return Ok((height, width));
    };
    Err(processor.unwrap_or(file).problem("size", format!("pictures of {width}x{height} {problem}")))
}

/// Fine-tunes are told by their name alone: nothing else in their files differs.
fn teaching_of(folder: &Path, file: &ConfigFile) -> Teaching {
    // The hub's cache names a model's folder two levels above its files.
    let snapshots = folder.parent().filter(|parent| parent.ends_with("snapshots"));
    let named = snapshots.and_then(Path::parent).unwrap_or(folder);
    let own = named.file_name().map(|name| name.to_string_lossy().into_owned());
    let origin = file.get("_name_or_path").and_then(|v| v.as_str()).map(str::to_owned);
    let is_prompt_gen = |name: String| name.to_lowercase().contains("promptgen");
    if own.into_iter().chain(origin).any(is_prompt_gen) { Teaching::PromptGen } else { Teaching::Plain }
}
