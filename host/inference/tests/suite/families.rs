//! The families of decoders beside Qwen2: what transformers computed from small models with random weights, in
//! shards and with untied embeddings.

use std::sync::Arc;

use candle_core::{DType, Device, Tensor};
use qpyt_inference::language::decoder::{Decoder, DecoderConfig, DecoderWeights, Family, Stretch};
use qpyt_inference::weights::{ConfigFile, WeightFiles, Weights};

use crate::support::{Reference, gap, largest, repository};

/// Largest difference allowed of logits, as a share of the largest.
const LOGITS: f32 = 1e-4;

/// Checks the logits and the greedy tokens of a case, and gives its dimensions.
fn check(name: &str, family: Family) -> DecoderConfig {
    let folder = repository().join("tests/reference").join(name);
    let config =
        DecoderConfig::read(&ConfigFile::read(&folder.join("config.json")).unwrap(), family).unwrap();
    let files = WeightFiles::open(&folder, "model").unwrap();
    assert!(files.paths().count() > 2, "the case is not in shards");
    let weights = DecoderWeights::Folder(Weights::new(Arc::new(files), &Device::Cpu));
    let decoder = Decoder::load(&config, &weights).unwrap();
    let reference = Reference::open(&folder);
    let ids = |name: &str| -> Vec<u32> {
        reference.integers(&folder, name).into_iter().map(|id| u32::try_from(id).unwrap()).collect()
    };

    let prompt = ids("input_ids");
    let logits = decoder.every(&prompt, &mut decoder.cache(prompt.len()).unwrap()).unwrap();
    let wanted = reference.get("logits");
    let difference = gap(&logits, &wanted) / largest(&wanted);
    println!("{name}: logits within {difference:.1e} of the largest");
    assert!(difference <= LOGITS, "{name}: logits differ by {difference}");

    let wanted = ids("greedy");
    let mut written = prompt[..8].to_vec();
    let mut cache = decoder.cache(wanted.len()).unwrap();
    let mut logits = decoder.next(&written, &mut cache).unwrap();
    while written.len() < wanted.len() {
        let id: u32 = logits.flatten_all().unwrap().argmax(0).unwrap().to_scalar().unwrap();
        written.push(id);
        logits = decoder.next(&[id], &mut cache).unwrap();
    }
    assert_eq!(written, wanted, "{name}");
    config
}

#[test]
fn qwen3_with_normalised_heads_computes_what_the_reference_computes() {
    let config = check("qwen3", Family::Qwen3);
    assert_ne!(config.head_width * config.heads, config.width);
}

#[test]
fn llama_with_stretched_rotation_computes_what_the_reference_computes() {
    let config = check("llama", Family::Llama);
    assert!(matches!(config.rotation.stretch, Stretch::Llama3 { .. }));
    assert!(!config.tied);
}

#[test]
fn no_token_sees_those_after_it() {
    let folder = repository().join("tests/reference/llama");
    let config =
        DecoderConfig::read(&ConfigFile::read(&folder.join("config.json")).unwrap(), Family::Llama).unwrap();
    let files = Arc::new(WeightFiles::open(&folder, "model").unwrap());
    let decoder = Decoder::load(&config, &DecoderWeights::Folder(Weights::new(files, &Device::Cpu))).unwrap();
    let logits = |ids: &[u32]| decoder.every(ids, &mut decoder.cache(ids.len()).unwrap()).unwrap();
    let first = |logits: Tensor| logits.narrow(1, 0, 3).unwrap().to_dtype(DType::F32).unwrap();
    assert!(gap(&first(logits(&[1, 2, 3, 4, 5])), &first(logits(&[1, 2, 3, 9, 8]))) < 1e-5);
}
