//! Tensor names of adapter files: which layer of which component they change, and which part of the change they are.
//!
//! The spellings are those of kohya's sd-scripts (`lora_unet_…`), diffusers and PEFT (`unet.….lora_A.weight` and what
//! came before it), OneTrainer (`lora_transformer_…`), ai-toolkit and Black Forest Labs (`diffusion_model.…`), XLabs
//! (`….processor.qkv_lora1.…`) and LyCORIS (`hada_…`, `lokr_…`, `diff`, `dora_scale`, `a1`).

use super::blocks::to_diffusers;

/// The part of a model that an adapter changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Component {
    /// The network that predicts noise.
    Denoiser,
    /// The text encoder of this number, from 1.
    Text(u8),
}

/// A layer of a model. Dots and underscores are not told apart, since some formats don't.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Target {
    pub(super) component: Component,
    /// The layer's name within the component, joined by underscores.
    pub(super) layer: String,
}

impl Target {
    /// The layer of a slot's name: the component, a dot, the layer within it.
    pub(super) fn of_slot(name: &str) -> Option<Self> {
        let (component, layer) = name.split_once('.')?;
        Some(Self::new(component_of(component)?, layer))
    }

    fn new(component: Component, layer: &str) -> Self {
        let joined = layer.replace('.', "_");
        let layer = match component {
            Component::Denoiser => to_diffusers(&joined).unwrap_or(joined),
            Component::Text(_) => joined.strip_prefix("text_model_").map_or(joined.clone(), str::to_owned),
        };
        Self { component, layer }
    }
}

/// What a tensor is of the change of its layer. The letters are those of LyCORIS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    Down,
    Mid,
    Up,
    Alpha,
    Magnitude,
    HadaW1A,
    HadaW1B,
    HadaW2A,
    HadaW2B,
    HadaT1,
    HadaT2,
    LokrW1,
    LokrW1A,
    LokrW1B,
    LokrW2,
    LokrW2A,
    LokrW2B,
    LokrT2,
    Full,
    Bias,
    GloraA1,
    GloraA2,
    GloraB1,
    GloraB2,
    Rotation,
    Rescale,
    /// A part of a change of a kind that is known and not computed: butterflies of rotations, IA3, norms.
    Other,
}

/// How the names of parts end. Longer endings come before those that they end with.
const ENDINGS: [(&str, Part); 44] = [
    (".lora_linear_layer.down.weight", Part::Down),
    (".lora_linear_layer.up.weight", Part::Up),
    (".lora_magnitude_vector.default.weight", Part::Magnitude),
    (".lora_magnitude_vector.weight", Part::Magnitude),
    (".lora_magnitude_vector", Part::Magnitude),
    (".lora_A.default.weight", Part::Down),
    (".lora_B.default.weight", Part::Up),
    (".lora_down.weight", Part::Down),
    (".lora_mid.weight", Part::Mid),
    (".lora_up.weight", Part::Up),
    (".lora.down.weight", Part::Down),
    (".lora.up.weight", Part::Up),
    ("_lora.down.weight", Part::Down),
    ("_lora.up.weight", Part::Up),
    (".lora_A.weight", Part::Down),
    (".lora_B.weight", Part::Up),
    (".alpha", Part::Alpha),
    (".dora_scale", Part::Magnitude),
    (".hada_w1_a", Part::HadaW1A),
    (".hada_w1_b", Part::HadaW1B),
    (".hada_w2_a", Part::HadaW2A),
    (".hada_w2_b", Part::HadaW2B),
    (".hada_t1", Part::HadaT1),
    (".hada_t2", Part::HadaT2),
    (".lokr_w1_a", Part::LokrW1A),
    (".lokr_w1_b", Part::LokrW1B),
    (".lokr_w2_a", Part::LokrW2A),
    (".lokr_w2_b", Part::LokrW2B),
    (".lokr_w1", Part::LokrW1),
    (".lokr_w2", Part::LokrW2),
    (".lokr_t2", Part::LokrT2),
    (".diff", Part::Full),
    (".diff_b", Part::Bias),
    (".a1.weight", Part::GloraA1),
    (".a2.weight", Part::GloraA2),
    (".b1.weight", Part::GloraB1),
    (".b2.weight", Part::GloraB2),
    (".oft_blocks", Part::Rotation),
    (".oft_diag", Part::Other),
    (".rescale", Part::Rescale),
    (".on_input", Part::Other),
    (".w_norm", Part::Other),
    (".b_norm", Part::Other),
    (".oft_R.weight", Part::Other),
];

/// How the names of layers begin, by format. `sformer_blocks.` is what one converter makes of `transformer_blocks.`.
const BEGINNINGS: [(&str, Component); 26] = [
    ("lora_unet_", Component::Denoiser),
    ("oft_unet_", Component::Denoiser),
    ("oft_te_", Component::Text(1)),
    ("lora_transformer_", Component::Denoiser),
    ("lycoris_", Component::Denoiser),
    ("lora_te1_", Component::Text(1)),
    ("lora_te2_", Component::Text(2)),
    ("lora_te3_", Component::Text(3)),
    ("lora_te_", Component::Text(1)),
    ("base_model.model.", Component::Denoiser),
    ("model.diffusion_model.", Component::Denoiser),
    ("diffusion_model.", Component::Denoiser),
    ("unet.", Component::Denoiser),
    ("transformer.", Component::Denoiser),
    ("text_encoder.", Component::Text(1)),
    ("text_encoder_2.", Component::Text(2)),
    ("text_encoder_3.", Component::Text(3)),
    ("clip_l.", Component::Text(1)),
    ("clip_g.", Component::Text(2)),
    ("down_blocks.", Component::Denoiser),
    ("mid_block.", Component::Denoiser),
    ("up_blocks.", Component::Denoiser),
    ("double_blocks.", Component::Denoiser),
    ("single_blocks.", Component::Denoiser),
    ("single_transformer_blocks.", Component::Denoiser),
    ("transformer_blocks.", Component::Denoiser),
];

/// What a tensor's name says; none if it is no part of an adapter. The last is the layer's name as the file spells it.
pub(super) fn parse(name: &str) -> Option<(Target, Part, &str)> {
    if let Some((layer, part, spelled)) = xlabs(name) {
        return Some((Target::new(Component::Denoiser, &layer), part, spelled));
    }
    let (spelled, part) =
        ENDINGS.iter().find_map(|(ending, part)| Some((name.strip_suffix(ending)?, *part)))?;
    let (component, layer) = split(spelled)?;
    // The attention processors of older diffusers held their layers under names of their own.
    let layer = match layer.rsplit_once(".processor.") {
        Some((attention, leaf)) => format!("{attention}.{}", processor_layer(leaf, component)),
        None => match layer.rsplit_once('.') {
            Some((attention, leaf)) if name.contains("_lora.") => {
                format!("{attention}.{}", processor_layer(leaf, component))
            }
            _ => layer.to_owned(),
        },
    };
    Some((Target::new(component, &layer), part, spelled))
}

/// A layer's name without what says which component it is in, and that component.
fn split(spelled: &str) -> Option<(Component, String)> {
    if let Some(rest) = spelled.strip_prefix("sformer_blocks.") {
        return Some((Component::Denoiser, format!("transformer_blocks.{rest}")));
    }
    let (beginning, component) = BEGINNINGS.iter().find(|(beginning, _)| spelled.starts_with(beginning))?;
    // A beginning that is the name of a block is part of the layer's name.
    let bare = beginning.ends_with("blocks.") || *beginning == "mid_block.";
    let layer = if bare { spelled } else { spelled.strip_prefix(beginning)? };
    Some((*component, layer.to_owned()))
}

/// The component of a slot's name.
fn component_of(name: &str) -> Option<Component> {
    match name {
        "unet" | "transformer" => Some(Component::Denoiser),
        "text_encoder" => Some(Component::Text(1)),
        "text_encoder_2" => Some(Component::Text(2)),
        "text_encoder_3" => Some(Component::Text(3)),
        _ => None,
    }
}

/// The layer that a processor's layer was added to.
fn processor_layer(leaf: &str, component: Component) -> &str {
    match (leaf, component) {
        ("to_out", Component::Denoiser) => "to_out.0",
        ("to_q", Component::Text(_)) => "q_proj",
        ("to_k", Component::Text(_)) => "k_proj",
        ("to_v", Component::Text(_)) => "v_proj",
        ("to_out", Component::Text(_)) => "out_proj",
        (other, _) => other,
    }
}

/// XLabs' processors of FLUX.1: in double blocks the first is of the picture, the second of the text.
fn xlabs(name: &str) -> Option<(String, Part, &str)> {
    let bare = name.strip_prefix("diffusion_model.").unwrap_or(name);
    let (block, rest) = bare.split_once(".processor.")?;
    let kind = block.split_once('.').map(|(kind, _)| kind)?;
    let (leaf, part) = match rest.strip_suffix(".down.weight") {
        Some(leaf) => (leaf, Part::Down),
        None => (rest.strip_suffix(".up.weight")?, Part::Up),
    };
    let layer = match (kind, leaf) {
        ("double_blocks", "qkv_lora1") => "img_attn.qkv",
        ("double_blocks", "proj_lora1") => "img_attn.proj",
        ("double_blocks", "qkv_lora2") => "txt_attn.qkv",
        ("double_blocks", "proj_lora2") => "txt_attn.proj",
        // The rows of the first map that are queries, keys and values.
        ("single_blocks", "qkv_lora") => "linear1.qkv",
        ("single_blocks", "proj_lora") => "linear2",
        _ => return None,
    };
    let spelled = name.strip_suffix(".weight").and_then(|n| n.rsplit_once('.')).map_or(name, |(n, _)| n);
    Some((format!("{block}.{layer}"), part, spelled))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_a_layer_is_the_same_layer() {
        let query = "down_blocks_1_attentions_0_transformer_blocks_0_attn1_to_q";
        let out = "down_blocks_1_attentions_0_transformer_blocks_0_attn1_to_out_0";
        let (denoiser, text) = (Component::Denoiser, |number| Component::Text(number));
        for (name, component, layer, part) in [
            (
                "lora_unet_down_blocks_1_attentions_0_transformer_blocks_0_attn1_to_q.lora_down.weight",
                denoiser,
                query,
                Part::Down,
            ),
            (
                "lora_unet_input_blocks_4_1_transformer_blocks_0_attn1_to_q.lora_up.weight",
                denoiser,
                query,
                Part::Up,
            ),
            (
                "lora_unet_input_blocks_4_1_transformer_blocks_0_attn1_to_q.alpha",
                denoiser,
                query,
                Part::Alpha,
            ),
            (
                "unet.down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q.lora_A.weight",
                denoiser,
                query,
                Part::Down,
            ),
            (
                "base_model.model.down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q.lora_B.default.weight",
                denoiser,
                query,
                Part::Up,
            ),
            (
                "unet.down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q.lora.down.weight",
                denoiser,
                query,
                Part::Down,
            ),
            (
                "unet.down_blocks.1.attentions.0.transformer_blocks.0.attn1.processor.to_q_lora.up.weight",
                denoiser,
                query,
                Part::Up,
            ),
            (
                "down_blocks.1.attentions.0.transformer_blocks.0.attn1.processor.to_out_lora.down.weight",
                denoiser,
                out,
                Part::Down,
            ),
            (
                "unet.down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_out.0.dora_scale",
                denoiser,
                out,
                Part::Magnitude,
            ),
            (
                "lora_te_text_model_encoder_layers_3_mlp_fc1.lora_down.weight",
                text(1),
                "encoder_layers_3_mlp_fc1",
                Part::Down,
            ),
            (
                "lora_te1_text_model_encoder_layers_3_mlp_fc1.hada_w1_a",
                text(1),
                "encoder_layers_3_mlp_fc1",
                Part::HadaW1A,
            ),
            (
                "lora_te2_text_model_encoder_layers_3_mlp_fc1.lokr_w2_b",
                text(2),
                "encoder_layers_3_mlp_fc1",
                Part::LokrW2B,
            ),
            (
                "text_encoder.text_model.encoder.layers.3.self_attn.q_proj.lora_linear_layer.up.weight",
                text(1),
                "encoder_layers_3_self_attn_q_proj",
                Part::Up,
            ),
            (
                "text_encoder_2.text_model.encoder.layers.3.self_attn.to_out_lora.down.weight",
                text(2),
                "encoder_layers_3_self_attn_out_proj",
                Part::Down,
            ),
            (
                "lora_te3_encoder_block_0_layer_0_SelfAttention_q.lora_down.weight",
                text(3),
                "encoder_block_0_layer_0_SelfAttention_q",
                Part::Down,
            ),
            (
                "lora_unet_double_blocks_0_img_attn_qkv.lora_down.weight",
                denoiser,
                "double_blocks_0_img_attn_qkv",
                Part::Down,
            ),
            (
                "diffusion_model.double_blocks.0.img_attn.qkv.lora_A.weight",
                denoiser,
                "double_blocks_0_img_attn_qkv",
                Part::Down,
            ),
            (
                "double_blocks.0.processor.qkv_lora1.down.weight",
                denoiser,
                "double_blocks_0_img_attn_qkv",
                Part::Down,
            ),
            (
                "double_blocks.0.processor.proj_lora2.up.weight",
                denoiser,
                "double_blocks_0_txt_attn_proj",
                Part::Up,
            ),
            (
                "single_blocks.3.processor.qkv_lora.up.weight",
                denoiser,
                "single_blocks_3_linear1_qkv",
                Part::Up,
            ),
            (
                "transformer.single_transformer_blocks.0.attn.to_q.lora_A.weight",
                denoiser,
                "single_transformer_blocks_0_attn_to_q",
                Part::Down,
            ),
            (
                "lora_transformer_single_transformer_blocks_0_attn_to_q.lora_down.weight",
                denoiser,
                "single_transformer_blocks_0_attn_to_q",
                Part::Down,
            ),
            (
                "sformer_blocks.0.attn.to_q.lora_A.weight",
                denoiser,
                "transformer_blocks_0_attn_to_q",
                Part::Down,
            ),
            (
                "oft_unet_mid_block_resnets_0_conv1.oft_blocks",
                denoiser,
                "mid_block_resnets_0_conv1",
                Part::Rotation,
            ),
            ("lycoris_mid_block_resnets_0_conv1.diff", denoiser, "mid_block_resnets_0_conv1", Part::Full),
        ] {
            let (target, parsed, _) = parse(name).unwrap_or_else(|| panic!("{name}"));
            assert_eq!((target.component, target.layer.as_str(), parsed), (component, layer, part), "{name}");
        }
        let slot =
            Target::of_slot("unet.down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q").unwrap();
        assert_eq!((slot.component, slot.layer.as_str()), (Component::Denoiser, query));
        let slot = Target::of_slot("text_encoder.text_model.encoder.layers.3.mlp.fc1").unwrap();
        assert_eq!((slot.component, slot.layer.as_str()), (Component::Text(1), "encoder_layers_3_mlp_fc1"));
        for name in [
            "unet.conv_in.weight",
            "vae.x.lora_A.weight",
            "lora_A.weight",
            "",
            "double_blocks.0.processor.lora",
        ] {
            assert!(parse(name).is_none(), "{name}");
        }
    }
}
