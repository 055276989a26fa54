//! ControlNets in one file: under the names of their makers (`control_model.…`), or of diffusers without the
//! configuration that usually lies beside them.

use std::sync::Arc;

use serde_json::json;

use super::section::Section;
use super::{joined, unet};
use crate::weights::{ConfigFile, KeyMap, Loaded, WeightFiles};

/// What the makers' names may begin with.
const PREFIXES: [&str; 4] = ["control_model.", "", "state_dict.control_model.", "state_dict."];
/// The first convolution over the picture, by the names of the makers and of diffusers.
const MARK: &str = "input_hint_block.0.weight";
const DIFFUSERS_MARK: &str = "controlnet_cond_embedding.conv_in.weight";
/// Networks for several kinds of pictures at once.
const UNION_MARKS: [&str; 2] = ["task_embedding", "control_add_embedding.linear_1.weight"];

/// A ControlNet that was found in a file.
pub(in crate::diffusion) struct ControlFile {
    /// What its `config.json` would say.
    pub(in crate::diffusion) config: ConfigFile,
    /// Its weights by the names of diffusers.
    pub(in crate::diffusion) weights: Arc<WeightFiles>,
}

impl ControlFile {
    /// Looks for a ControlNet in an open file.
    ///
    /// # Errors
    /// It is one, of a variant that is not supported.
    pub(in crate::diffusion) fn recognise(files: &WeightFiles) -> Loaded<Option<Self>> {
        let below = |prefix| Section::below(files, prefix);
        if UNION_MARKS.iter().any(|mark| below("").has(mark)) {
            return Err(
                below("").problem("is a ControlNet for several kinds of pictures, which is not supported")
            );
        }
        let (config, hints, map, prefix) = if let Some(prefix) =
            PREFIXES.into_iter().find(|prefix| below(prefix).has(MARK))
        {
            let section = below(prefix);
            (unet::describe(section)?, hint_channels(section)?, keys(section), prefix)
        } else if below("").has(DIFFUSERS_MARK) {
            let section = below("");
            (unet::describe_diffusers(section)?, diffusers_hint_channels(section)?, section.own_names(), "")
        } else {
            return Ok(None);
        };
        let own = json!({"_class_name": "ControlNetModel", "conditioning_embedding_out_channels": hints});
        let path = files.paths().next().unwrap_or(std::path::Path::new("")).to_path_buf();
        Ok(Some(Self {
            config: ConfigFile::derived(&path, "controlnet", joined(config, own))?,
            weights: Arc::new(files.seen_through(map.below(prefix))),
        }))
    }
}

/// Channels of the picture's embedding, one for each size that it goes through.
fn hint_channels(section: Section<'_>) -> Loaded<Vec<usize>> {
    let mut numbers: Vec<usize> = hint_numbers(section);
    numbers.pop();
    // Of each size but the first, the convolution that keeps it comes after the one that halved it.
    numbers
        .into_iter()
        .step_by(2)
        .map(|number| section.dim(&format!("input_hint_block.{number}.weight"), 0))
        .collect()
}

fn diffusers_hint_channels(section: Section<'_>) -> Loaded<Vec<usize>> {
    let blocks = section.count("controlnet_cond_embedding.blocks.");
    let wider = (0..blocks).skip(1).step_by(2);
    let names = wider.map(|number| format!("controlnet_cond_embedding.blocks.{number}.weight"));
    std::iter::once(DIFFUSERS_MARK.to_owned()).chain(names).map(|name| section.dim(&name, 0)).collect()
}

/// The convolutions of the picture's embedding, by their numbers among its layers.
fn hint_numbers(section: Section<'_>) -> Vec<usize> {
    let names =
        section.names().filter_map(|name| name.strip_prefix("input_hint_block.")?.strip_suffix(".weight"));
    let mut numbers: Vec<usize> = names.filter_map(|number| number.parse().ok()).collect();
    numbers.sort_unstable();
    numbers
}

fn keys(section: Section<'_>) -> KeyMap {
    let mut map = unet::keys(section);
    let hints = hint_numbers(section);
    let last = hints.len().saturating_sub(1);
    for (place, number) in hints.into_iter().enumerate() {
        let name = match place {
            0 => "conv_in".to_owned(),
            place if place == last => "conv_out".to_owned(),
            place => format!("blocks.{}", place - 1),
        };
        map.layer(&format!("controlnet_cond_embedding.{name}"), &format!("input_hint_block.{number}"));
    }
    for number in 0..section.count("zero_convs.") {
        map.layer(&format!("controlnet_down_blocks.{number}"), &format!("zero_convs.{number}.0"));
    }
    map.layer("controlnet_mid_block", "middle_block_out.0");
    map
}
