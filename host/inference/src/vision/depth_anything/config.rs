//! Dimensions of a Depth Anything model, from its `config.json`.

use crate::weights::{ConfigFile, Loaded};

/// Most values in one weight dimension.
const MAX_WIDTH: usize = 1 << 14;
/// Most transformer layers.
const MAX_LAYERS: usize = 1 << 8;

/// How a level of the depth head changes the size of the patch grid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rescale {
    /// Every position becomes this many, in both directions.
    Up(usize),
    /// The grid stays.
    Keep,
    /// Every so manieth position is kept, in both directions.
    Down(usize),
}

/// What the last map means.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum DepthKind {
    /// Inverse depth up to an unknown scale: more is nearer.
    Relative,
    /// Depth in metres up to this many: more is farther.
    Metric(f64),
}

/// One of the levels at which the depth head reads the backbone, finest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Level {
    /// Layers of the backbone that have run; 0 is before the first.
    pub after_layer: usize,
    /// Channels of the level.
    pub channels: usize,
    /// Its size.
    pub rescale: Rescale,
}

/// Dimensions of the DINOv2 backbone.
#[derive(Debug, Clone, PartialEq)]
pub struct BackboneConfig {
    /// Width of the hidden states.
    pub width: usize,
    /// Transformer layers.
    pub layers: usize,
    /// Attention heads per layer.
    pub heads: usize,
    /// Width inside the feed-forward layers.
    pub inner_width: usize,
    /// Edge of a patch in pixels.
    pub patch: usize,
    /// Edge of the square pictures that the positions were trained on, in pixels.
    pub image: usize,
    /// Added to variances in layer norms.
    pub eps: f64,
    /// True when the final norm applies to every level that is read.
    pub norm_levels: bool,
}

/// Dimensions of the whole model.
#[derive(Debug, Clone, PartialEq)]
pub struct DepthConfig {
    /// The transformer that looks at the picture.
    pub backbone: BackboneConfig,
    /// What the depth head reads, finest first.
    pub levels: Vec<Level>,
    /// Channels in which the levels are joined.
    pub fusion_width: usize,
    /// Channels before the last map.
    pub head_width: usize,
    /// What the last map means.
    pub kind: DepthKind,
}

impl DepthConfig {
    /// Reads a model's `config.json`.
    ///
    /// # Errors
    /// A key is missing, out of range, or asks for something that is not there.
    pub fn read(config: &ConfigFile) -> Loaded<Self> {
        let section = config.section("backbone_config")?;
        let backbone = BackboneConfig::read(&section)?;
        config.must_be("patch_size", backbone.patch)?;
        config.must_be("reassemble_hidden_size", backbone.width)?;
        let depths = read_levels(&section, backbone.layers)?;
        let channels = config.sizes("neck_hidden_sizes", MAX_WIDTH)?;
        let rescales = read_rescales(config)?;
        if channels.len() != depths.len() || rescales.len() != depths.len() || depths.len() > 8 {
            let problem = format!(
                "{} sizes and {} factors do not fit {} outputs of the backbone",
                channels.len(),
                rescales.len(),
                depths.len()
            );
            return Err(config.problem("neck_hidden_sizes", problem));
        }
        let last = depths.len().saturating_sub(1);
        if config
            .get("head_in_index")
            .is_some_and(|v| v.as_i64() != Some(-1) && v.as_u64() != Some(last as u64))
        {
            return Err(config.problem("head_in_index", "only the last map can be used"));
        }
        let levels = depths.into_iter().zip(channels).zip(rescales);
        let fusion_width = config.size("fusion_hidden_size", MAX_WIDTH)?;
        if fusion_width % 2 != 0 {
            return Err(config.problem("fusion_hidden_size", format!("{fusion_width} is odd")));
        }
        Ok(Self {
            levels: levels
                .map(|((after_layer, channels), rescale)| Level { after_layer, channels, rescale })
                .collect(),
            fusion_width,
            head_width: config.size("head_hidden_size", MAX_WIDTH)?,
            kind: read_kind(config)?,
            backbone,
        })
    }
}

impl BackboneConfig {
    fn read(config: &ConfigFile) -> Loaded<Self> {
        config.must_be("model_type", "dinov2")?;
        config.must_be("hidden_act", "gelu")?;
        config.must_be("num_channels", 3)?;
        config.must_be("qkv_bias", true)?;
        config.must_be_off(&["use_swiglu_ffn", "reshape_hidden_states"])?;
        let width = config.size("hidden_size", MAX_WIDTH)?;
        let heads = config.size("num_attention_heads", 1 << 10)?;
        if width % heads != 0 {
            return Err(config.problem("num_attention_heads", format!("{heads} do not divide {width}")));
        }
        let ratio = config.number_or("mlp_ratio", 4.0)?;
        if !(ratio > 0.0 && ratio <= 64.0) {
            return Err(config.problem("mlp_ratio", format!("{ratio} is not between 0 and 64")));
        }
        let patch = config.integer_or("patch_size", 14)?;
        let image = config.integer_or("image_size", 518)?;
        if !(1..=256).contains(&patch) || !(patch..=1 << 13).contains(&image) {
            let problem = format!("{image} pixels in patches of {patch} are not supported");
            return Err(config.problem("image_size", problem));
        }
        let layers = config.integer_or("num_hidden_layers", 12)?;
        if !(1..=MAX_LAYERS).contains(&layers) {
            let problem = format!("{layers} is not between 1 and {MAX_LAYERS}");
            return Err(config.problem("num_hidden_layers", problem));
        }
        Ok(Self {
            width,
            layers,
            heads,
            inner_width: (width as f64 * ratio) as usize,
            patch,
            image,
            eps: config.number_or("layer_norm_eps", 1e-6)?,
            norm_levels: config.flag_or("apply_layernorm", true)?,
        })
    }
}

/// The layers that the depth head reads, ascending: `out_indices`, or `out_features` as `stem` and `stageN`.
fn read_levels(config: &ConfigFile, layers: usize) -> Loaded<Vec<usize>> {
    let key = if config.get("out_indices").is_some() { "out_indices" } else { "out_features" };
    let depths: Option<Vec<usize>> = if key == "out_indices" {
        let wrapped = |n: f64| if n < 0.0 { n + layers as f64 + 1.0 } else { n };
        let numbers = config.numbers(key)?.into_iter().map(wrapped);
        numbers.map(|n| (n.fract() == 0.0 && n >= 0.0).then_some(n as usize)).collect()
    } else {
        let names = config.texts(key)?.into_iter();
        names
            .map(|name| if name == "stem" { Some(0) } else { name.strip_prefix("stage")?.parse().ok() })
            .collect()
    };
    depths
        .filter(|d| d.is_sorted_by(|a, b| a < b) && d.last().is_some_and(|&last| last <= layers))
        .ok_or_else(|| config.problem(key, format!("these are not ascending stages of {layers} layers")))
}

fn read_rescales(config: &ConfigFile) -> Loaded<Vec<Rescale>> {
    let rescale = |factor: f64| {
        let inverse = 1.0 / factor;
        if factor == 1.0 {
            Some(Rescale::Keep)
        } else if factor > 1.0 && factor <= 64.0 && factor.fract() == 0.0 {
            Some(Rescale::Up(factor as usize))
        } else if inverse > 1.0 && inverse <= 64.0 && inverse.fract() == 0.0 {
            Some(Rescale::Down(inverse as usize))
        } else {
            None
        }
    };
    let factors = config.numbers("reassemble_factors")?;
    factors.into_iter().map(rescale).collect::<Option<_>>().ok_or_else(|| {
        config.problem("reassemble_factors", "only whole factors and their inverses up to 64 are supported")
    })
}

fn read_kind(config: &ConfigFile) -> Loaded<DepthKind> {
    match config.text("depth_estimation_type")?.unwrap_or("relative") {
        "relative" => Ok(DepthKind::Relative),
        "metric" => {
            let most = config.number_or("max_depth", 1.0)?;
            if most > 0.0 {
                Ok(DepthKind::Metric(most))
            } else {
                Err(config.problem("max_depth", format!("{most} is not above 0")))
            }
        }
        other => Err(config.problem("depth_estimation_type", format!("`{other}` is not supported"))),
    }
}
