//! The bundled model as one file under the names of its architecture's makers: put into the data folder, it is listed and
//! paints what the bundled one paints.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::{Map, Value};
use tempfile::TempDir;

use crate::server::checkout;
use crate::{APPLE, json, qpyt};

/// Tensors by name: their header entries and their bytes.
type Tensors = BTreeMap<String, (Value, Vec<u8>)>;

fn read(path: &Path) -> Tensors {
    let bytes = fs::read(path).unwrap();
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let header: Map<String, Value> = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
    let entries = header.into_iter().filter(|(name, _)| name != "__metadata__");
    let data = |entry: &Value, end: usize| entry["data_offsets"][end].as_u64().unwrap() as usize + 8 + length;
    entries
        .map(|(name, entry)| (name, (entry.clone(), bytes[data(&entry, 0)..data(&entry, 1)].to_vec())))
        .collect()
}

fn write(tensors: Tensors, path: &Path) {
    let (mut header, mut data) = (Map::new(), Vec::new());
    for (name, (mut entry, bytes)) in tensors {
        entry["data_offsets"] = vec![data.len(), data.len() + bytes.len()].into();
        data.extend(bytes);
        header.insert(name, entry);
    }
    let header = Value::Object(header).to_string();
    let length = (header.len() as u64).to_le_bytes();
    fs::write(path, [length.as_slice(), header.as_bytes(), &data].concat()).unwrap();
}

fn renamed(name: &str, pairs: &[(&str, &str)]) -> String {
    pairs.iter().fold(name.to_owned(), |name, (from, to)| name.replace(from, to))
}

/// The network's names: two levels of one residual block each, with attention everywhere.
fn network(name: &str) -> String {
    let name = renamed(
        name,
        &[
            ("down_blocks.0.resnets.0", "input_blocks.1.0"),
            ("down_blocks.0.attentions.0", "input_blocks.1.1"),
            ("down_blocks.0.downsamplers.0.conv", "input_blocks.2.0.op"),
            ("down_blocks.1.resnets.0", "input_blocks.3.0"),
            ("down_blocks.1.attentions.0", "input_blocks.3.1"),
            ("mid_block.resnets.0", "middle_block.0"),
            ("mid_block.attentions.0", "middle_block.1"),
            ("mid_block.resnets.1", "middle_block.2"),
            ("up_blocks.0.resnets.0", "output_blocks.0.0"),
            ("up_blocks.0.resnets.1", "output_blocks.1.0"),
            ("up_blocks.0.attentions.0", "output_blocks.0.1"),
            ("up_blocks.0.attentions.1", "output_blocks.1.1"),
            ("up_blocks.0.upsamplers.0", "output_blocks.1.2"),
            ("up_blocks.1.resnets.0", "output_blocks.2.0"),
            ("up_blocks.1.resnets.1", "output_blocks.3.0"),
            ("up_blocks.1.attentions.0", "output_blocks.2.1"),
            ("up_blocks.1.attentions.1", "output_blocks.3.1"),
            ("time_embedding.linear_1", "time_embed.0"),
            ("time_embedding.linear_2", "time_embed.2"),
            ("conv_norm_out", "out.0"),
            ("conv_out", "out.2"),
            ("conv_in", "input_blocks.0.0"),
        ],
    );
    if name.contains("transformer_blocks") {
        return name;
    }
    let inner = [
        (".norm1.", ".in_layers.0."),
        (".conv1.", ".in_layers.2."),
        (".time_emb_proj.", ".emb_layers.1."),
        (".norm2.", ".out_layers.0."),
        (".conv2.", ".out_layers.3."),
        (".conv_shortcut.", ".skip_connection."),
    ];
    renamed(&name, &inner)
}

/// The autoencoder's names, whose levels on the way up count from the finest.
fn autoencoder(levels: usize) -> impl Fn(&str) -> String {
    move |name| {
        let ups = (0..levels).map(|level| {
            (format!("decoder.up_blocks.{level}."), format!("decoder.up.{}.", levels - 1 - level))
        });
        let name = ups.fold(name.to_owned(), |name, (from, to)| name.replace(&from, &to));
        renamed(
            &name,
            &[
                ("down_blocks.", "down."),
                ("resnets.", "block."),
                ("downsamplers.0.", "downsample."),
                ("upsamplers.0.", "upsample."),
                ("conv_shortcut", "nin_shortcut"),
                ("conv_norm_out", "norm_out"),
                ("mid_block.block.0.", "mid.block_1."),
                ("mid_block.block.1.", "mid.block_2."),
                ("mid_block.attentions.0.group_norm.", "mid.attn_1.norm."),
                ("mid_block.attentions.0.to_out.0.", "mid.attn_1.proj_out."),
                ("mid_block.attentions.0.to_", "mid.attn_1."),
            ],
        )
    }
}

/// The bundled model in `folder`: its configurations and tokenizer, and all weights in one file.
fn one_file(folder: &Path) {
    let emoji = checkout().join("models/emoji");
    for part in ["scheduler", "text_encoder", "tokenizer", "unet", "vae"] {
        fs::create_dir_all(folder.join(part)).unwrap();
        for entry in fs::read_dir(emoji.join(part)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|ending| ending == "json") {
                fs::copy(&path, folder.join(part).join(path.file_name().unwrap())).unwrap();
            }
        }
    }
    fs::copy(emoji.join("model_index.json"), folder.join("model_index.json")).unwrap();
    let vae: Value = serde_json::from_slice(&fs::read(emoji.join("vae/config.json")).unwrap()).unwrap();
    let levels = vae["block_out_channels"].as_array().unwrap().len();
    let mut all = Tensors::new();
    let mut add = |file: &str, prefix: &str, name: &dyn Fn(&str) -> String| {
        let tensors = read(&emoji.join(file));
        all.extend(tensors.into_iter().map(|(own, tensor)| (format!("{prefix}{}", name(&own)), tensor)));
    };
    add("unet/diffusion_pytorch_model.safetensors", "model.diffusion_model.", &network);
    add("vae/diffusion_pytorch_model.safetensors", "first_stage_model.", &autoencoder(levels));
    add("text_encoder/model.safetensors", "cond_stage_model.transformer.", &str::to_owned);
    write(all, &folder.join("emoji.safetensors"));
}

#[test]
fn a_model_in_one_file_is_listed_and_paints_what_its_folder_paints() {
    let (data, out) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let folder = data.path().join("models/emoji-in-one-file");
    one_file(&folder);
    let listed = json(&qpyt(data.path(), &["models", "--json"]));
    let models = listed["models"].as_array().unwrap();
    let found = models.iter().find(|model| model["id"] == "emoji-in-one-file");
    let found = found.unwrap_or_else(|| panic!("{listed:#}"));
    assert_eq!((&found["family"], &found["size_multiple"]), (&"stable-diffusion".into(), &8.into()));
    let painted = |model: &str| {
        let out = out.path().join(model);
        let mut arguments = APPLE.to_vec();
        let chosen = format!("render.model={model}");
        arguments.extend(["settings.seed=7", "--set", &chosen, "--json", "--out", out.to_str().unwrap()]);
        json(&qpyt(data.path(), &arguments));
        let picture = fs::read_dir(&out).unwrap().next().unwrap().unwrap().path();
        let limits = qpyt_bricks::media::DecodeLimits::default();
        let picture = qpyt_bricks::media::decode(&fs::read(picture).unwrap(), limits).unwrap();
        picture.convert(qpyt_bricks::media::PixelFormat::Rgb8).unwrap().pixels().to_vec()
    };
    assert_eq!(painted("emoji-in-one-file"), painted("emoji"));
}
