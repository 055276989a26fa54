//! Recognising U²-Net and IS-Net in a weight file, from the names and shapes of its tensors alone.
//!
//! Sources: `model/u2net.py` of xuebinqin/U-2-Net and `IS-Net/models/isnet.py` of xuebinqin/DIS.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::weights::{BrokenFile, Loaded, WeightFiles};

/// A tensor that both networks have, and none other.
const MARK: &str = "stage1.rebnconvin.conv_s1.weight";
/// Most channels of a feature map.
const MAX_CHANNELS: usize = 4096;
/// Bytes of a number in memory.
const BYTES: u64 = 4;

/// Which network it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SalientKind {
    /// U²-Net in any width: `u2net`, `u2netp`, `u2net_human_seg`.
    U2Net,
    /// IS-Net: `isnet-general-use`.
    IsNet,
}

impl SalientKind {
    /// Edge in pixels of the square that pictures are brought to.
    pub fn input_size(self) -> u32 {
        match self {
            Self::U2Net => 320,
            Self::IsNet => 1024,
        }
    }
}

/// Depth of the nested U-blocks; blocks without pooling are dilated instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Depth {
    /// Levels, each half as large as the one before, and below them a dilated one.
    Levels(usize),
    /// Four layers of one size with dilations 1, 2, 4 and 8.
    Dilated,
}

/// The nested U-blocks in the order in which they run.
pub(super) const STAGES: [(&str, Depth); 11] = [
    ("stage1", Depth::Levels(7)),
    ("stage2", Depth::Levels(6)),
    ("stage3", Depth::Levels(5)),
    ("stage4", Depth::Levels(4)),
    ("stage5", Depth::Dilated),
    ("stage6", Depth::Dilated),
    ("stage5d", Depth::Dilated),
    ("stage4d", Depth::Levels(4)),
    ("stage3d", Depth::Levels(5)),
    ("stage2d", Depth::Levels(6)),
    ("stage1d", Depth::Levels(7)),
];

/// Channels of a nested U-block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct StageWidth {
    pub(super) input: usize,
    pub(super) middle: usize,
    pub(super) output: usize,
}

/// A network in a weight file.
pub struct SalientLayout {
    /// Which network it is.
    pub kind: SalientKind,
    pub(super) widths: Vec<StageWidth>,
    /// What stands before the names of all tensors, with its dot.
    pub(super) prefix: String,
    pub(super) weights: Arc<WeightFiles>,
}

impl SalientLayout {
    /// Opens a weight file (safetensors, ONNX or PyTorch) and looks for a network; none if it is something else.
    ///
    /// # Errors
    /// The file is broken, or it is such a network but a variant that is not supported.
    pub fn read(path: &Path) -> Loaded<Option<Self>> {
        Self::recognise(WeightFiles::single(path)?)
    }

    /// Looks for a network in open weight files.
    ///
    /// # Errors
    /// It is such a network, but a variant that is not supported.
    pub fn recognise(weights: WeightFiles) -> Loaded<Option<Self>> {
        let named = weights.names().find_map(|name| name.strip_suffix(MARK).map(str::to_owned));
        let (kind, prefix, weights) = match named {
            Some(prefix) => {
                let has = |name: &str| weights.shape(&format!("{prefix}{name}")).is_some();
                let kind = match (has("outconv.weight"), has("conv_in.weight")) {
                    (true, false) => SalientKind::U2Net,
                    (false, true) => SalientKind::IsNet,
                    _ => return Ok(None),
                };
                (kind, prefix, weights)
            }
            None => match by_order(weights) {
                Some((kind, weights)) => (kind, String::new(), weights),
                None => return Ok(None),
            },
        };
        let widths = STAGES.iter().map(|(stage, _)| stage_width(&weights, &prefix, stage));
        let layout =
            Self { kind, widths: widths.collect::<Loaded<_>>()?, prefix, weights: Arc::new(weights) };
        layout.check_outputs()?;
        Ok(Some(layout))
    }

    /// Files whose contents decide what the network computes.
    pub fn files(&self) -> Vec<PathBuf> {
        self.weights.paths().map(Path::to_path_buf).collect()
    }

    /// Memory that the weights take once loaded.
    pub fn weight_bytes(&self) -> u64 {
        self.weights.weight_count() * BYTES
    }

    /// Bytes for the feature maps and copies of a picture of this size, beside the weights. The maps do not depend on
    /// it: the network always works on the square of [`SalientKind::input_size`].
    pub fn activation_bytes(&self, width: u32, height: u32) -> u64 {
        // The first block works on the square, or in IS-Net on its half; the last block holds the two joined maps, its
        // input, those of its levels (each beside its joined copy) and its result, while the encoder's maps wait.
        let edge = u64::from(self.kind.input_size()) / if self.kind == SalientKind::IsNet { 2 } else { 1 };
        let widest = self.widths.first().map_or(0, |w| 7 * w.output + 6 * w.middle) as u64;
        let input = u64::from(self.kind.input_size());
        // Copies of the picture: between the two passes of the size change, and the matte likewise.
        let picture =
            (u64::from(height) * 4 * input).saturating_add(u64::from(width) * u64::from(height) * 4);
        (edge * edge * widest * BYTES).saturating_add(picture)
    }

    /// Refuses networks with more than one map as their result, such as those for clothes.
    fn check_outputs(&self) -> Loaded<()> {
        let name = format!("{}side1.weight", self.prefix);
        match self.weights.shape(&name) {
            Some(&[1, _, 3, 3]) => Ok(()),
            Some(shape) => Err(self.broken(format!(
                "tensor `{name}` has shape {shape:?}: only networks with one map as their result are supported"
            ))),
            None => Err(self.broken(format!("has no tensor `{name}`"))),
        }
    }

    fn broken(&self, problem: String) -> BrokenFile {
        BrokenFile::new(self.weights.paths().next().unwrap_or(Path::new("")), problem)
    }
}

/// Names of the convolutions in a nested U-block, in the order in which they run.
pub(super) fn block_convolutions(depth: Depth) -> Vec<String> {
    let levels = match depth {
        Depth::Levels(levels) => levels,
        Depth::Dilated => 4,
    };
    let down = (1..=levels).map(|level| format!("rebnconv{level}"));
    let up = (1..levels).rev().map(|level| format!("rebnconv{level}d"));
    std::iter::once("rebnconvin".to_owned()).chain(down).chain(up).collect()
}

/// Names of the convolutions that a network needs, in the order in which they run.
fn convolutions(kind: SalientKind) -> Vec<String> {
    let blocks = STAGES.iter().flat_map(|&(stage, depth)| {
        block_convolutions(depth).into_iter().map(move |layer| format!("{stage}.{layer}.conv_s1"))
    });
    let (first, last): (&[&str], &[&str]) = match kind {
        SalientKind::U2Net => (&[], &["side1", "side2", "side3", "side4", "side5", "side6", "outconv"]),
        SalientKind::IsNet => (&["conv_in"], &["side1"]),
    };
    let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
    owned(first).into_iter().chain(blocks).chain(owned(last)).collect()
}

/// Gives the tensors of a program (ONNX) their names. Exporters fold the normalisation into the convolutions and number
/// the results, but keep their order, which is that of the network. None if the program is another.
fn by_order(weights: WeightFiles) -> Option<(SalientKind, WeightFiles)> {
    let found = weights.convolutions();
    let kernel = |convolution: Option<&(String, Option<String>)>| weights.shape(&convolution?.0);
    let Some(&[_, 3, 3, 3]) = kernel(found.first()) else { return None };
    let (u2net, isnet) = (convolutions(SalientKind::U2Net), convolutions(SalientKind::IsNet));
    let (kind, names) = if found.len() == u2net.len() && kernel(found.last()) == Some(&[1, 6, 1, 1]) {
        (SalientKind::U2Net, u2net)
    } else {
        (SalientKind::IsNet, isnet)
    };
    let mut aliases = Vec::new();
    for (name, convolution) in names.iter().zip(found) {
        match (name.as_str(), kernel(Some(convolution))?) {
            ("outconv", _) | ("side1", [1, _, 3, 3]) => {}
            (name, [_, _, 3, 3]) if name != "side1" => {}
            _ => return None,
        }
        aliases.push((format!("{name}.weight"), convolution.0.clone()));
        aliases.push((format!("{name}.bias"), convolution.1.clone()?));
    }
    let complete = aliases.len() == 2 * names.len();
    let weights = weights.with_aliases(aliases);
    let fits = complete && STAGES.iter().all(|(stage, _)| stage_width(&weights, "", stage).is_ok());
    fits.then_some((kind, weights))
}

/// Channels of a block, from the shapes of three of its kernels, which must fit each other.
fn stage_width(weights: &WeightFiles, prefix: &str, stage: &str) -> Loaded<StageWidth> {
    let file = weights.paths().next().unwrap_or(Path::new(""));
    let kernel = |layer: &str| {
        let name = format!("{prefix}{stage}.{layer}.conv_s1.weight");
        let sound = |n: usize| (1..=MAX_CHANNELS).contains(&n);
        match weights.shape(&name) {
            Some(&[output, input, 3, 3]) if sound(output) && sound(input) => Ok((output, input)),
            Some(shape) => {
                let problem =
                    format!("tensor `{name}` has shape {shape:?}, which no kernel of this network has");
                Err(BrokenFile::new(file, problem))
            }
            None => Err(BrokenFile::new(file, format!("has no tensor `{name}`"))),
        }
    };
    let ((output, input), (middle, first)) = (kernel("rebnconvin")?, kernel("rebnconv1")?);
    if first != output || kernel("rebnconv1d")? != (output, 2 * middle) {
        return Err(BrokenFile::new(
            file,
            format!("the kernels below `{prefix}{stage}` do not fit each other"),
        ));
    }
    Ok(StageWidth { input, middle, output })
}
