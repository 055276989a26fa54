//! Models in one file, as their makers publish them: which components a file holds, their configurations as diffusers
//! would write them, and their weights by the names of diffusers. All of it is told by names and shapes in the header;
//! the tests for kinds are those of diffusers' `single_file_utils.py` and ComfyUI's `model_detection.py`.

mod clip;
mod control;
mod nature;
mod published;
mod refused;
mod section;
mod text;
mod unet;
mod vae;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};

use super::painter::PainterKind;
use super::patches::PATCH;
use super::{flux, flux2, sd3};
use crate::text::Vocabulary;
use crate::weights::{BrokenFile, ConfigFile, KeyMap, Loaded, WeightFiles};

pub(super) use control::ControlFile;
use published::Nature;
pub(super) use section::Section;

/// What the names of a network may begin with.
const NETWORKS: [&str; 5] = ["model.diffusion_model.", "diffusion_model.", "", "model.", "net."];
/// The dictionary in which trainers' checkpoints keep the tensors.
const NEST: &str = "state_dict.";
/// What the names of an autoencoder may begin with.
const AUTOENCODERS: [&str; 3] = ["first_stage_model.", "vae.", ""];
/// What the names of CLIP's encoders may begin with, and which they are.
const CLIPS: [(&str, Part); 8] = [
    ("cond_stage_model.transformer.", Part::ClipL),
    ("cond_stage_model.model.", Part::OpenClip),
    ("conditioner.embedders.0.transformer.", Part::ClipL),
    ("conditioner.embedders.1.model.", Part::ClipG),
    ("text_encoders.clip_l.transformer.", Part::ClipL),
    ("text_encoders.clip_l.", Part::ClipL),
    ("text_encoders.clip_g.transformer.", Part::ClipG),
    ("text_encoders.clip_g.", Part::ClipG),
];
/// What the names of T5 and Qwen3 may begin with.
const T5S: [&str; 3] = ["text_encoders.t5xxl.transformer.", "text_encoders.t5xxl.", ""];
const QWEN3S: [&str; 3] = ["text_encoders.qwen3_4b.transformer.", "text_encoders.qwen3_8b.transformer.", ""];
/// Tensors of networks as diffusers saves them, in files of their own without their configuration.
const BARE: [&str; 2] =
    ["transformer_blocks.0.attn.norm_added_k.weight", "down_blocks.0.resnets.0.time_emb_proj.weight"];

/// A component that a file may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// The network of Stable Diffusion 1, 2 and XL.
    Unet,
    /// The network of the others.
    Transformer,
    /// The autoencoder.
    Vae,
    /// OpenAI's CLIP, 768 wide.
    ClipL,
    /// OpenCLIP's, 1280 wide.
    ClipG,
    /// OpenCLIP's, 1024 wide, of Stable Diffusion 2.
    OpenClip,
    /// T5's encoder.
    T5,
    /// Qwen3.
    Qwen3,
}

impl Part {
    /// True for the networks, which are not shared by models.
    pub(super) const fn is_network(self) -> bool {
        matches!(self, Self::Unet | Self::Transformer)
    }

    /// The name that people know it by.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Unet | Self::Transformer => "the network",
            Self::Vae => "the autoencoder (VAE)",
            Self::ClipL => "the text encoder CLIP-L",
            Self::ClipG => "the text encoder CLIP-G",
            Self::OpenClip => "the text encoder OpenCLIP-H",
            Self::T5 => "the text encoder T5-XXL",
            Self::Qwen3 => "the text encoder Qwen3",
        }
    }

    /// The vocabulary of a text encoder.
    pub(super) const fn vocabulary(self) -> Option<Vocabulary> {
        match self {
            Self::Unet | Self::Transformer | Self::Vae => None,
            Self::ClipL => Some(Vocabulary::Clip),
            Self::ClipG | Self::OpenClip => Some(Vocabulary::OpenClip),
            Self::T5 => Some(Vocabulary::T5),
            Self::Qwen3 => Some(Vocabulary::Qwen3),
        }
    }
}

/// An open file that holds a model or parts of one.
pub struct Checkpoint {
    files: Arc<WeightFiles>,
    kind: Option<PainterKind>,
    nature: Nature,
    /// What the names of each part begin with.
    prefixes: Prefixes,
}

/// What the names of each part begin with.
type Prefixes = BTreeMap<Part, String>;

impl Checkpoint {
    /// Opens a file. None if it holds no part that is known.
    ///
    /// # Errors
    /// It is broken, or of a kind that is known but not supported.
    pub fn open(path: &Path) -> Loaded<Option<Self>> {
        Self::recognise(&WeightFiles::file(path)?)
    }

    /// Looks for parts in an open file.
    ///
    /// # Errors
    /// It is of a kind that is known but not supported.
    pub fn recognise(files: &WeightFiles) -> Loaded<Option<Self>> {
        let whole = Section::below(files, "");
        let refuse = |name: &str| whole.problem(format!("is {name}, which this version can't run"));
        if let Some(name) = refused::name(NETWORKS.into_iter().map(|prefix| Section::below(files, prefix))) {
            return Err(refuse(name));
        }
        let prefixes = prefixes(files, nest(files));
        if let Some(unet) = prefixes.get(&Part::Unet)
            && let Some(name) = refused::unet_name(Section::below(files, unet))
        {
            return Err(refuse(name));
        }
        if prefixes.is_empty() {
            if BARE.iter().any(|name| whole.has(name)) {
                let problem = "is a network as diffusers saves it, without the configuration beside it; \
                    use the model's whole folder, or a file with the names of the model's makers";
                return Err(whole.problem(problem));
            }
            return Ok(None);
        }
        let kind = kind(files, &prefixes);
        let nature = nature::read(files, &prefixes, kind)?;
        Ok(Some(Self { files: Arc::new(files.clone()), kind, nature, prefixes }))
    }

    /// The kind of model whose network it holds; none if it holds other parts alone.
    pub fn kind(&self) -> Option<PainterKind> {
        self.kind
    }

    /// What is known of the model beyond its kind.
    pub(super) fn nature(&self) -> Nature {
        self.nature
    }

    /// The parts that it holds.
    pub fn parts(&self) -> impl Iterator<Item = Part> {
        self.prefixes.keys().copied()
    }

    /// True if it holds a part.
    pub(super) fn holds(&self, part: Part) -> bool {
        self.prefixes.contains_key(&part)
    }

    /// Width of a text encoder's states, or channels of the autoencoder's latents.
    pub(super) fn width(&self, part: Part) -> Option<usize> {
        let section = self.section(part)?;
        match part {
            Part::Unet | Part::Transformer => None,
            Part::Vae => vae::latent_channels(section),
            Part::ClipL | Part::ClipG | Part::OpenClip => clip::width(section),
            Part::T5 => text::t5_width(section),
            Part::Qwen3 => text::qwen3_width(section),
        }
    }

    /// The same as its network takes it of a part; none where its tensors do not tell.
    pub(super) fn taken_width(&self, part: Part) -> Option<usize> {
        let network = self.section(Part::Transformer).or_else(|| self.section(Part::Unet))?;
        let dim = |name: &str, axis: usize| network.dim(name, axis).ok();
        match (self.kind?, part) {
            (PainterKind::StableDiffusion | PainterKind::StableDiffusionXl, Part::Vae) => {
                dim("out.2.weight", 0)
            }
            (PainterKind::StableDiffusion3, Part::Vae) => dim("x_embedder.proj.weight", 1),
            (_, Part::Vae) => dim("img_in.weight", 1).map(|channels| channels / (PATCH * PATCH)),
            (PainterKind::StableDiffusion, Part::ClipL | Part::OpenClip) => {
                dim("middle_block.1.transformer_blocks.0.attn2.to_k.weight", 1)
            }
            (PainterKind::StableDiffusion3, Part::T5) => dim("context_embedder.weight", 1),
            (PainterKind::Flux, Part::T5) => dim("txt_in.weight", 1),
            (PainterKind::Flux, Part::ClipL) => dim("vector_in.in_layer.weight", 1),
            (PainterKind::Flux2, Part::Qwen3) => dim("txt_in.weight", 1).map(|width| width / flux2::STATES),
            _ => None,
        }
    }

    /// Its path.
    pub(super) fn path(&self) -> &Path {
        self.files.paths().next().unwrap_or(Path::new(""))
    }

    /// The index that a folder of the model would have.
    pub(super) fn index(&self, kind: PainterKind) -> Loaded<ConfigFile> {
        ConfigFile::derived(
            self.path(),
            "model_index",
            published::index(kind, self.nature, self.files.note("modelspec.title")),
        )
    }

    /// The configuration of the scheduler.
    pub(super) fn scheduler(&self, kind: PainterKind) -> Loaded<ConfigFile> {
        ConfigFile::derived(self.path(), "scheduler", published::scheduler(kind, self.nature))
    }

    /// The configuration of a part, for a model of a kind.
    ///
    /// # Errors
    /// The file does not hold it, a tensor of it is missing, or it is of a variant that is not supported.
    pub(super) fn config(&self, part: Part, kind: PainterKind) -> Loaded<ConfigFile> {
        let section = self.section(part).ok_or_else(|| self.lacks(part))?;
        let projected = part == Part::ClipG || kind == PainterKind::StableDiffusion3;
        let (name, config) = match part {
            Part::Unet => ("unet", self.describe_unet(section, kind)?),
            Part::Transformer => (
                "transformer",
                match kind {
                    PainterKind::Flux2 => flux2::describe(section)?,
                    PainterKind::StableDiffusion3 => sd3::describe(section)?,
                    _ => flux::describe(section)?,
                },
            ),
            Part::Vae => ("vae", vae::describe(section, kind)?),
            Part::ClipL | Part::ClipG | Part::OpenClip => {
                let taken = clip::Use { projected, without_last: part == Part::OpenClip };
                ("text_encoder", clip::describe(section, taken)?)
            }
            Part::T5 => ("text_encoder", text::describe_t5(section)?),
            Part::Qwen3 => ("text_encoder", text::describe_qwen3(section)?),
        };
        ConfigFile::derived(self.path(), name, config)
    }

    fn describe_unet(&self, section: Section<'_>, kind: PainterKind) -> Loaded<Value> {
        let size = published::sample_size(kind, self.nature);
        Ok(joined(unet::describe(section)?, json!({"sample_size": size})))
    }

    /// The weights of a part by the names of diffusers; `published` maps those of transformers.
    ///
    /// # Errors
    /// The file does not hold it.
    pub(super) fn weights(
        &self,
        part: Part,
        published: impl FnOnce(&WeightFiles) -> KeyMap,
    ) -> Loaded<Arc<WeightFiles>> {
        let section = self.section(part).ok_or_else(|| self.lacks(part))?;
        let map = match part {
            Part::Unet => unet::keys(section),
            Part::Transformer => published(&self.files),
            Part::Vae => vae::keys(section),
            Part::ClipL | Part::ClipG | Part::OpenClip => clip::keys(section),
            Part::T5 => text::t5_keys(section),
            Part::Qwen3 => match text::qwen3_keys(section) {
                Some(map) => map,
                None => return Ok(Arc::clone(&self.files)),
            },
        };
        let prefix = self.prefixes.get(&part).map(String::as_str).unwrap_or_default();
        Ok(Arc::new(self.files.seen_through(map.below(prefix))))
    }

    fn section(&self, part: Part) -> Option<Section<'_>> {
        self.prefixes.get(&part).map(|prefix| Section::below(&self.files, prefix))
    }

    fn lacks(&self, part: Part) -> BrokenFile {
        BrokenFile::new(self.path(), format!("does not hold {}", part.label()))
    }
}

/// The keys of two JSON objects together.
fn joined(one: Value, other: Value) -> Value {
    match (one, other) {
        (Value::Object(mut keys), Value::Object(more)) => {
            keys.extend(more);
            Value::Object(keys)
        }
        (one, _) => one,
    }
}

/// The dictionary that the tensors lie in, if they do.
fn nest(files: &WeightFiles) -> &'static str {
    if files.names().any(|name| name.starts_with(NEST)) { NEST } else { "" }
}

/// What the names of each part in a file begin with.
fn prefixes(files: &WeightFiles, nest: &str) -> Prefixes {
    let first = |prefixes: &[&str], is_one: fn(Section<'_>) -> bool| {
        let mut nested = prefixes.iter().map(|prefix| format!("{nest}{prefix}"));
        nested.find(|prefix| is_one(Section::below(files, prefix)))
    };
    let clip_width = |prefix: &str| clip::width(Section::below(files, prefix));
    let mut found = Prefixes::new();
    for (part, prefix) in [
        (Part::Unet, first(&NETWORKS, |section| section.has(unet::MARK) && section.has("out.2.weight"))),
        (Part::Transformer, first(&NETWORKS, |section| transformer(section).is_some())),
        (Part::Vae, first(&AUTOENCODERS, |section| section.has(vae::MARK))),
        (Part::T5, first(&T5S, |section| text::t5_width(section).is_some())),
        (Part::Qwen3, first(&QWEN3S, |section| text::qwen3_width(section).is_some())),
    ] {
        if let Some(prefix) = prefix {
            found.insert(part, prefix);
        }
    }
    for (prefix, part) in CLIPS {
        let prefix = format!("{nest}{prefix}");
        if clip_width(&prefix).is_some() {
            found.entry(part).or_insert(prefix);
        }
    }
    let alone = match clip_width(nest) {
        Some(1280) => Some(Part::ClipG),
        Some(1024) => Some(Part::OpenClip),
        Some(_) => Some(Part::ClipL),
        None => None,
    };
    if let Some(part) = alone {
        found.entry(part).or_insert_with(|| nest.to_owned());
    }
    found
}

/// The kind of a transformer, if a section is one.
fn transformer(section: Section<'_>) -> Option<PainterKind> {
    let has = |name: &str| section.has(name);
    let norm = "double_blocks.0.img_attn.norm.key_norm";
    if has("double_stream_modulation_img.lin.weight") {
        Some(PainterKind::Flux2)
    } else if has(&format!("{norm}.scale")) || has(&format!("{norm}.weight")) {
        Some(PainterKind::Flux)
    } else if has("joint_blocks.0.context_block.adaLN_modulation.1.bias") {
        Some(PainterKind::StableDiffusion3)
    } else {
        None
    }
}

fn kind(files: &WeightFiles, prefixes: &Prefixes) -> Option<PainterKind> {
    let section = |part| prefixes.get(&part).map(|prefix| Section::below(files, prefix));
    if let Some(kind) = section(Part::Transformer).and_then(transformer) {
        return Some(kind);
    }
    let unet = section(Part::Unet)?;
    let told = unet.has("label_emb.0.0.weight");
    Some(if told { PainterKind::StableDiffusionXl } else { PainterKind::StableDiffusion })
}
