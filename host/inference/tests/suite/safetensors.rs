//! Weight files that are cut short, contradict themselves or mean harm are refused with the file and the reason.

use std::path::PathBuf;
use std::sync::Arc;

use candle_core::{DType, Device};
use qpyt_inference::weights::{SafetensorsFile, WeightFiles, Weights};
use serde_json::{Value, json};

/// The bytes of a file with this header and this many bytes of data.
fn bytes(header: &str, data: usize) -> Vec<u8> {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    bytes.extend((0..data).map(|i| i as u8));
    bytes
}

fn refusal(content: &[u8]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.safetensors");
    std::fs::write(&path, content).unwrap();
    let error = SafetensorsFile::open(&path).err().expect("the file was accepted");
    assert_eq!(error.file, path);
    error.problem
}

fn refused(header: Value, data: usize) -> String {
    refusal(&bytes(&header.to_string(), data))
}

fn entry(shape: Value, begin: u64, end: u64) -> Value {
    json!({"dtype": "F32", "shape": shape, "data_offsets": [begin, end]})
}

#[test]
fn a_sound_file_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.safetensors");
    let header = json!({"__metadata__": {"format": "pt"}, "a": entry(json!([2, 1]), 0, 8), "b": entry(json!([]), 8, 12)});
    std::fs::write(&path, bytes(&header.to_string(), 12)).unwrap();
    let file = SafetensorsFile::open(&path).unwrap();
    assert_eq!(file.entries().keys().collect::<Vec<_>>(), ["a", "b"]);
    let a = file.tensor("a", &Device::Cpu).unwrap();
    assert_eq!((a.dims(), a.dtype()), ([2, 1].as_slice(), DType::F32));
    assert_eq!(a.to_vec2::<f32>().unwrap()[0][0], f32::from_le_bytes([0, 1, 2, 3]));
    assert!(file.tensor("c", &Device::Cpu).unwrap_err().to_string().contains("has no tensor `c`"));
}

#[test]
fn every_way_of_cutting_a_file_short_is_noticed() {
    let whole = bytes(&json!({"a": entry(json!([4]), 0, 16)}).to_string(), 16);
    for length in 0..whole.len() {
        let problem = refusal(&whole[..length]);
        assert!(problem.contains("short") || problem.contains("too short"), "{length}: {problem}");
    }
    assert!(refusal(&[whole, vec![0; 3]].concat()).contains("3 bytes that belong to no tensor"));
}

#[test]
fn a_header_length_beyond_the_limit_is_refused_without_reading_it() {
    for length in [u64::MAX, 1 << 40, (64 << 20) + 1] {
        let content = [length.to_le_bytes().as_slice(), &[0; 100]].concat();
        assert!(refusal(&content).contains("claims a header"));
    }
}

#[test]
fn headers_that_are_not_what_they_should_be_are_refused() {
    for header in ["", "{", "[]", "{\"a\": 3}", "{} trailing", "{\"a\": {\"dtype\": \"F32\"}}", "\u{0}\u{1}"]
    {
        assert!(refusal(&bytes(header, 0)).contains("does not parse"), "{header}");
    }
    let unknown = json!({"a": {"dtype": "F99", "shape": [1], "data_offsets": [0, 4]}});
    assert!(refused(unknown, 4).contains("F99"));
    let twice = r#"{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}"#;
    assert!(refusal(&bytes(twice, 2)).contains("occurs twice"));
    assert!(refused(json!({"a": entry(json!([-1]), 0, 4)}), 4).contains("does not parse"));
}

#[test]
fn offsets_and_shapes_that_contradict_each_other_are_refused() {
    assert!(refused(json!({"a": entry(json!([2]), 0, 4)}), 4).contains("needs 8"));
    assert!(refused(json!({"a": entry(json!([1]), 8, 4)}), 16).contains("before it begins"));
    assert!(refused(json!({"a": entry(json!([2]), 100, 108)}), 8).contains("cut short"));
    let huge = json!([u64::MAX, u64::MAX, 2]);
    assert!(refused(json!({"a": entry(huge, 0, 4)}), 4).contains("impossible shape"));
    let deep = json!([1, 1, 1, 1, 1, 1, 1, 1, 1]);
    assert!(refused(json!({"a": entry(deep, 0, 4)}), 4).contains("dimensions"));
    let overlapping = json!({"a": entry(json!([2]), 0, 8), "b": entry(json!([2]), 4, 12)});
    assert!(refused(overlapping, 12).contains("`a` and `b` overlap"));
}

#[test]
fn whole_numbers_are_not_taken_for_weights() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.safetensors");
    let header = json!({"ids": {"dtype": "I64", "shape": [1], "data_offsets": [0, 8]}});
    std::fs::write(&path, bytes(&header.to_string(), 8)).unwrap();
    let error = SafetensorsFile::open(&path).unwrap().tensor("ids", &Device::Cpu).unwrap_err();
    assert!(error.problem.contains("I64"), "{error}");
}

#[test]
fn half_precision_and_sharded_weights_are_found() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, tensor: &str, dtype: &str, data: &[u8]| {
        let header =
            json!({tensor: {"dtype": dtype, "shape": [1], "data_offsets": [0, data.len()]}}).to_string();
        let content = [(header.len() as u64).to_le_bytes().as_slice(), header.as_bytes(), data].concat();
        std::fs::write(folder.path().join(name), content).unwrap();
    };
    let value = |tensor: &str| {
        let files = Arc::new(WeightFiles::open(folder.path(), "model").unwrap());
        Weights::new(files, &Device::Cpu).tensor(tensor, &[1]).unwrap().to_vec1::<f32>().unwrap()[0]
    };
    write("model.fp16.safetensors", "a", "F16", &[0x00, 0x3c]);
    assert_eq!(value("a"), 1.0);
    std::fs::remove_file(folder.path().join("model.fp16.safetensors")).unwrap();

    write("model-00001-of-00002.safetensors", "a", "BF16", &[0x00, 0xc0]);
    write("model-00002-of-00002.safetensors", "b", "F64", &2.5f64.to_le_bytes());
    let index = |first: &str| {
        let index = json!({"weight_map": {"a": first, "b": "model-00002-of-00002.safetensors"}});
        std::fs::write(folder.path().join("model.safetensors.index.json"), index.to_string()).unwrap();
    };
    index("model-00001-of-00002.safetensors");
    assert_eq!((value("a"), value("b")), (-2.0, 2.5));

    for outside in ["../secret.safetensors", "/etc/passwd", "a/b.safetensors", ".hidden.safetensors"] {
        index(outside);
        let error = WeightFiles::open(folder.path(), "model").err().unwrap();
        assert!(error.problem.contains("`weight_map`"), "{outside}: {error}");
    }
    index("model-00003-of-00003.safetensors");
    assert!(WeightFiles::open(folder.path(), "model").err().unwrap().problem.contains("cannot be opened"));
}

#[test]
fn what_is_not_a_plain_file_is_not_opened() {
    let folder = tempfile::tempdir().unwrap();
    let error = SafetensorsFile::open(folder.path()).err().unwrap();
    assert!(error.problem.contains("not a plain file"), "{error}");
}

#[test]
fn a_folder_without_weights_says_what_is_missing() {
    let error = WeightFiles::open(&PathBuf::from("/nowhere"), "model").err().unwrap();
    assert_eq!(error.to_string().split(':').next(), Some("/nowhere"));
    assert!(error.problem.contains("`model.safetensors` is missing"));
}
