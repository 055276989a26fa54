//! Which brick takes over from which brick of the original program, and which value goes where.

use serde_json::{Map, Value};

use crate::document::cut;
use crate::names::BrickId;

/// Where a brick has to stand in the strip, from left to right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    Source,
    Style,
    Setting,
    Generator,
    Output,
    /// A placeholder: no ports, stands where it stood.
    Unknown,
}

/// A brick of the imported workflow.
pub(super) struct Brick {
    pub(super) id: BrickId,
    pub(super) params: Map<String, Value>,
    pub(super) rank: Rank,
    /// The settings' file format, on its way to the outputs.
    pub(super) output_format: Option<Value>,
    /// Text to image only: a source picture in the strip was not for it.
    pub(super) ignores_source: bool,
}

/// A kind of brick of the original program that has a counterpart.
struct Kind {
    tags: &'static [&'static str],
    brick: &'static str,
    rank: Rank,
    /// Value names: theirs, ours.
    renamed: &'static [(&'static str, &'static str)],
    /// Theirs that mean nothing here.
    meaningless: &'static [&'static str],
}

const KINDS: &[Kind] = &[
    Kind {
        tags: &["qp-prompt"],
        brick: "qpyt:prompt",
        rank: Rank::Source,
        renamed: &[("prompt", "prompt"), ("negative_prompt", "negative")],
        meaningless: &[],
    },
    Kind {
        tags: &["qp-image-input"],
        brick: "qpyt:image-input",
        rank: Rank::Source,
        renamed: &[],
        meaningless: &[],
    },
    Kind {
        tags: &["qp-styles"],
        brick: "qpyt:styles",
        rank: Rank::Style,
        renamed: &[("selectedKeys", "styles")],
        meaningless: &[],
    },
    Kind {
        tags: &["qp-settings"],
        brick: "qpyt:settings",
        rank: Rank::Setting,
        renamed: &[
            ("width", "width"),
            ("height", "height"),
            ("guidance_scale", "guidance"),
            ("num_inference_steps", "steps"),
            ("batch_count", "count"),
            ("seed", "seed"),
        ],
        meaningless: &["theme", "audio_enabled", "audioEnabled"],
    },
    Kind {
        tags: &["qp-render-sdxl", "qp-render", "qp-img2img"],
        brick: "qpyt:render",
        rank: Rank::Generator,
        renamed: &[
            ("selectedModel", "model"),
            ("selectedSampler", "sampler"),
            ("denoisingStrength", "strength"),
        ],
        meaningless: &["lastImageUrl", "useLowVram"],
    },
    Kind {
        tags: &["qp-image-out"],
        brick: "qpyt:image-out",
        rank: Rank::Output,
        renamed: &[],
        meaningless: &["lastImageUrl"],
    },
    Kind {
        tags: &["qp-save-to-disk"],
        brick: "qpyt:save-to-disk",
        rank: Rank::Output,
        renamed: &[
            ("custom_path", "folder"),
            ("path", "folder"),
            ("folder", "folder"),
            ("pattern", "pattern"),
            ("output_format", "format"),
            ("format", "format"),
        ],
        meaningless: &["lastImage", "lastImageUrl", "params"],
    },
];

/// The brick of ours that takes over, with its values under our names.
pub(super) fn counterpart(tag: &str, props: &Map<String, Value>, notes: &mut Vec<String>) -> Option<Brick> {
    let kind = KINDS.iter().find(|kind| kind.tags.contains(&tag))?;
    let mut brick = Brick {
        id: kind.brick.parse().ok()?,
        params: Map::new(),
        rank: kind.rank,
        output_format: None,
        ignores_source: kind.rank == Rank::Generator && tag != "qp-img2img",
    };
    for (theirs, value) in props {
        let ours = kind.renamed.iter().find(|(name, _)| name == theirs).map(|(_, ours)| *ours);
        match (ours, kind.rank, theirs.as_str()) {
            (Some(ours), ..) => {
                brick.params.insert(ours.to_owned(), value.clone());
            }
            (None, Rank::Setting, "output_format") => brick.output_format = Some(value.clone()),
            _ if kind.brick == "qpyt:image-input" && is_picture(value) => notes.push(
                "The source picture inside the file could not be kept; choose it again in the image brick."
                    .to_owned(),
            ),
            _ if kind.meaningless.contains(&theirs.as_str()) || is_empty(value) => {}
            _ => notes.push(format!("`{}` of {tag} has no counterpart and was left out.", cut(theirs))),
        }
    }
    Some(brick)
}

/// A brick that isn't there yet, with its values as they were.
pub(super) fn placeholder(tag: &str, props: Map<String, Value>, notes: &mut Vec<String>) -> Option<Brick> {
    /// Longest name of a brick.
    const LONGEST: usize = 64;
    let name: String = tag
        .to_lowercase()
        .chars()
        .map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '-' })
        .skip_while(|letter| !letter.is_ascii_lowercase())
        .take(LONGEST)
        .collect();
    let name = if name.is_empty() { "unknown" } else { &name };
    notes.push(format!("{name} has no brick yet; a placeholder keeps its values."));
    Some(Brick {
        id: format!("qpyt-ui:{name}").parse().ok()?,
        params: props,
        rank: Rank::Unknown,
        output_format: None,
        ignores_source: false,
    })
}

/// A picture in the file, or a path on the machine it was made on.
fn is_picture(value: &Value) -> bool {
    value
        .as_str()
        .is_some_and(|text| text.starts_with("data:") || text.starts_with('/') || text.starts_with("http"))
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        Value::Bool(true) | Value::Number(_) => false,
    }
}
