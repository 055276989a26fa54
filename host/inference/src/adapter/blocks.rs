//! Layers of a UNet as the original Stable Diffusion names them, under diffusers' names (both joined by underscores).
//!
//! The original counts blocks through all levels. Every published UNet of the family has two residual blocks in a
//! level on the way down, so three blocks of the original make up a level (`convert_ldm_unet_checkpoint` in diffusers).

/// Blocks of the original in a level: two residual blocks and a change of size, or three residual blocks.
const BLOCKS_PER_LEVEL: usize = 3;

/// The name in diffusers; none if this is no name of the original.
pub(super) fn to_diffusers(layer: &str) -> Option<String> {
    const FIXED: [(&str, &str); 7] = [
        ("input_blocks_0_0", "conv_in"),
        ("out_2", "conv_out"),
        ("time_embed_0", "time_embedding_linear_1"),
        ("time_embed_2", "time_embedding_linear_2"),
        ("label_emb_0_0", "add_embedding_linear_1"),
        ("label_emb_0_2", "add_embedding_linear_2"),
        ("out_0", "conv_norm_out"),
    ];
    if let Some((_, name)) = FIXED.iter().find(|(original, _)| *original == layer) {
        return Some((*name).to_owned());
    }
    if let Some(rest) = layer.strip_prefix("input_blocks_") {
        let (block, place, inner) = numbers(rest)?;
        let (level, index) = (block.checked_sub(1)? / BLOCKS_PER_LEVEL, (block - 1) % BLOCKS_PER_LEVEL);
        return Some(match (place, index) {
            (0, 2) if inner == "op" => format!("down_blocks_{level}_downsamplers_0_conv"),
            (0, _) => format!("down_blocks_{level}_resnets_{index}_{}", resnet(inner)),
            _ => format!("down_blocks_{level}_attentions_{index}_{inner}"),
        });
    }
    if let Some(rest) = layer.strip_prefix("middle_block_") {
        let (place, inner) = rest.split_once('_')?;
        return match place {
            "0" => Some(format!("mid_block_resnets_0_{}", resnet(inner))),
            "1" => Some(format!("mid_block_attentions_0_{inner}")),
            "2" => Some(format!("mid_block_resnets_1_{}", resnet(inner))),
            _ => None,
        };
    }
    let (block, place, inner) = numbers(layer.strip_prefix("output_blocks_")?)?;
    let (level, index) = (block / BLOCKS_PER_LEVEL, block % BLOCKS_PER_LEVEL);
    Some(match place {
        0 => format!("up_blocks_{level}_resnets_{index}_{}", resnet(inner)),
        _ if inner == "conv" => format!("up_blocks_{level}_upsamplers_0_conv"),
        _ => format!("up_blocks_{level}_attentions_{index}_{inner}"),
    })
}

/// The block, the place in it, and the rest.
fn numbers(rest: &str) -> Option<(usize, usize, &str)> {
    let (block, rest) = rest.split_once('_')?;
    let (place, inner) = rest.split_once('_')?;
    Some((block.parse().ok()?, place.parse().ok()?, inner))
}

/// A layer of a residual block.
fn resnet(inner: &str) -> &str {
    match inner {
        "in_layers_2" => "conv1",
        "emb_layers_1" => "time_emb_proj",
        "out_layers_3" => "conv2",
        "skip_connection" => "conv_shortcut",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::to_diffusers;

    #[test]
    fn names_of_the_original_become_those_of_diffusers() {
        for (original, diffusers) in [
            ("input_blocks_0_0", "conv_in"),
            (
                "input_blocks_1_1_transformer_blocks_0_attn1_to_q",
                "down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q",
            ),
            ("input_blocks_3_0_op", "down_blocks_0_downsamplers_0_conv"),
            ("input_blocks_5_0_in_layers_2", "down_blocks_1_resnets_1_conv1"),
            ("input_blocks_8_1_proj_in", "down_blocks_2_attentions_1_proj_in"),
            (
                "middle_block_1_transformer_blocks_9_ff_net_2",
                "mid_block_attentions_0_transformer_blocks_9_ff_net_2",
            ),
            ("middle_block_2_out_layers_3", "mid_block_resnets_1_conv2"),
            ("output_blocks_2_1_conv", "up_blocks_0_upsamplers_0_conv"),
            ("output_blocks_2_2_conv", "up_blocks_0_upsamplers_0_conv"),
            ("output_blocks_11_0_skip_connection", "up_blocks_3_resnets_2_conv_shortcut"),
            (
                "output_blocks_4_1_transformer_blocks_1_attn2_to_out_0",
                "up_blocks_1_attentions_1_transformer_blocks_1_attn2_to_out_0",
            ),
            ("label_emb_0_2", "add_embedding_linear_2"),
        ] {
            assert_eq!(to_diffusers(original).as_deref(), Some(diffusers));
        }
        for other in [
            "down_blocks_0_resnets_0_conv1",
            "double_blocks_0_img_attn_qkv",
            "input_blocks_x_0_op",
            "output_blocks_1",
            "",
        ] {
            assert_eq!(to_diffusers(other), None, "{other}");
        }
    }
}
