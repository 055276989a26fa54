//! Weights in ONNX files and PyTorch checkpoints: read like those in safetensors, and refused when they mean harm.

use std::path::{Path, PathBuf};

use crate::support::{Reference, gap, own_references, repository, values};
use candle_core::Device;
use qpyt_inference::upscale::{Upscaler, UpscalerLayout};
use qpyt_inference::vision::salient::{SalientKind, SalientLayout, SalientNetwork};
use qpyt_inference::weights::{SafetensorsFile, TensorFile, WeightFiles};

fn problem(path: &Path) -> String {
    let error = TensorFile::open(path).err().expect("the file was accepted");
    assert_eq!(error.file, path);
    error.problem
}

fn checkpoint(name: &str) -> PathBuf {
    own_references().join("checkpoints").join(name)
}

/// A number of seven bits a byte.
fn varint(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

/// A protobuf field that holds bytes.
fn field(number: u64, content: &[u8]) -> Vec<u8> {
    [varint(number << 3 | 2), varint(content.len() as u64), content.to_vec()].concat()
}

/// A protobuf field that holds a number.
fn number_field(number: u64, value: u64) -> Vec<u8> {
    [varint(number << 3), varint(value)].concat()
}

/// An initialiser of floats.
fn initialiser(name: &str, shape: &[usize], values: &[f32]) -> Vec<u8> {
    let dims = shape.iter().flat_map(|&dim| number_field(1, dim as u64)).collect();
    let data: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    field(5, &[dims, number_field(2, 1), field(8, name.as_bytes()), field(9, &data)].concat())
}

fn convolution(kernel: &str, bias: &str) -> Vec<u8> {
    let inputs = ["x", kernel, bias].into_iter().flat_map(|name| field(1, name.as_bytes())).collect();
    field(1, &[inputs, field(2, b"y"), field(4, b"Conv")].concat())
}

/// The layers of U²-Net in the order in which it runs them.
fn u2net_layers() -> Vec<String> {
    let stages = [("1", 7), ("2", 6), ("3", 5), ("4", 4), ("5", 4), ("6", 4)];
    let back = [("5d", 4), ("4d", 4), ("3d", 5), ("2d", 6), ("1d", 7)];
    let mut layers = Vec::new();
    for (stage, levels) in stages.into_iter().chain(back) {
        let down = (1..=levels).map(|level| format!("{level}"));
        let up = (1..levels).rev().map(|level| format!("{level}d"));
        let names = std::iter::once("in".to_owned()).chain(down).chain(up);
        layers.extend(names.map(|name| format!("stage{stage}.rebnconv{name}.conv_s1")));
    }
    layers.extend((1..=6).map(|side| format!("side{side}")));
    layers.push("outconv".into());
    layers
}

/// The bundled network as an exporter writes it: tensors have numbers, only their order tells what they are.
fn numbered_onnx() -> Vec<u8> {
    let file = SafetensorsFile::open(&repository().join("models/u2netp/u2netp.safetensors")).unwrap();
    let mut graph = Vec::new();
    for (number, layer) in u2net_layers().into_iter().enumerate() {
        let names = [format!("onnx::Conv_{}", 2 * number), format!("onnx::Conv_{}", 2 * number + 1)];
        for (name, part) in names.iter().zip(["weight", "bias"]) {
            let tensor = file.tensor(&format!("{layer}.{part}"), &Device::Cpu).unwrap();
            graph.extend(initialiser(name, tensor.dims(), &values(&tensor)));
        }
        graph.extend(convolution(&names[0], &names[1]));
        graph.extend(field(1, &[field(1, b"y"), field(2, b"x"), field(4, b"Relu")].concat()));
    }
    [number_field(1, 8), field(2, b"pytorch"), field(7, &graph)].concat()
}

#[test]
fn an_onnx_file_whose_tensors_have_numbers_is_read_by_their_order() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("u2netp.onnx");
    std::fs::write(&path, numbered_onnx()).unwrap();
    let layout = SalientLayout::read(&path).unwrap().expect("the network is not recognised");
    assert_eq!(layout.kind, SalientKind::U2Net);
    assert!(UpscalerLayout::read(&path).unwrap().is_none());
    let network = SalientNetwork::load(&layout, &Device::Cpu).unwrap();
    let reference = Reference::open(&own_references().join("u2netp"));
    let answer = network.forward(&reference.get("input")).unwrap();
    assert!(gap(&answer, &reference.get("d0")) <= 1e-3);
}

#[test]
fn other_programs_are_not_taken_for_the_network() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("other.onnx");
    let kernel = initialiser("k", &[1, 3, 3, 3], &[0.5; 27]);
    let graph = [kernel, initialiser("b", &[1], &[0.0]), convolution("k", "b").repeat(119)].concat();
    std::fs::write(&path, field(7, &graph)).unwrap();
    assert!(SalientLayout::read(&path).unwrap().is_none());
}

#[test]
fn every_way_of_cutting_an_onnx_file_short_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cut.onnx");
    let graph = [initialiser("k", &[1, 1, 3, 3], &[0.5; 9]), convolution("k", "b")].concat();
    let whole = [number_field(1, 8), field(7, &graph)].concat();
    std::fs::write(&path, &whole).unwrap();
    assert_eq!(TensorFile::open(&path).unwrap().entries()["k"].shape, [1, 1, 3, 3]);
    for length in 0..whole.len() {
        std::fs::write(&path, &whole[..length]).unwrap();
        assert!(TensorFile::open(&path).is_err(), "cut to {length} bytes");
    }
}

#[test]
fn onnx_files_that_contradict_themselves_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bad.onnx");
    let refused = |graph: &[u8]| {
        std::fs::write(&path, field(7, graph)).unwrap();
        problem(&path)
    };
    assert!(refused(&initialiser("k", &[2, 2], &[1.0; 3])).contains("needs 16"));
    assert!(refused(&initialiser("k", &[usize::MAX, 8], &[1.0])).contains("impossible"));
    assert!(refused(&initialiser("k", &[1; 9], &[1.0])).contains("dimensions"));
    assert!(refused(&initialiser(&"k".repeat(2000), &[1], &[1.0])).contains("name"));
    assert!(refused(&initialiser("k", &[1], &[1.0]).repeat(2)).contains("occurs twice"));
    let external = [number_field(2, 1), field(8, b"k"), number_field(14, 1)].concat();
    assert!(refused(&field(5, &external)).contains("another file"));
    std::fs::write(&path, [0xff; 64]).unwrap();
    assert!(problem(&path).contains("ONNX"));
    std::fs::write(&path, number_field(1, 8).repeat(8)).unwrap();
    assert!(problem(&path).contains("no graph"));
}

#[test]
fn checkpoints_of_pytorch_give_the_pictures_that_pytorch_gave() {
    let reference = Reference::open(&own_references().join("checkpoints"));
    for name in ["rrdb.pth", "rrdb-before-1.6.pth"] {
        let layout =
            UpscalerLayout::read(&checkpoint(name)).unwrap().expect("the upscaler is not recognised");
        assert_eq!((layout.scale(), layout.files()), (4, vec![checkpoint(name)]));
        let output = Upscaler::load(&layout, &Device::Cpu).unwrap().forward(&reference.get("input")).unwrap();
        let gap = gap(&output, &reference.get("output"));
        assert!(gap < 1e-5, "{name} differs by {gap}");
    }
}

#[test]
fn checkpoints_that_are_cut_short_or_changed_never_panic() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("changed.pth");
    for name in ["rrdb.pth", "rrdb-before-1.6.pth"] {
        let whole = std::fs::read(checkpoint(name)).unwrap();
        for length in (8..whole.len()).step_by(211) {
            std::fs::write(&path, &whole[..length]).unwrap();
            assert!(TensorFile::open(&path).is_err(), "{name} cut to {length} bytes");
        }
        let mut seed = 1u64;
        let mut random = |below: usize| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) as usize % below
        };
        for _ in 0..400 {
            let mut changed = whole.clone();
            for _ in 0..8 {
                // Half of the changes hit the description, which lies at one of the ends.
                let place = if random(2) == 0 { random(6000) } else { random(whole.len()) };
                changed[place] = random(256) as u8;
            }
            std::fs::write(&path, &changed).unwrap();
            if let Ok(Some(layout)) = UpscalerLayout::read(&path) {
                drop(Upscaler::load(&layout, &Device::Cpu));
            }
        }
    }
}

/// An archive with one stored member.
fn archive(name: &str, content: &[u8]) -> Vec<u8> {
    let size = (content.len() as u32).to_le_bytes();
    let fields = |more: &[u8]| {
        let length = (name.len() as u16).to_le_bytes();
        [&[0; 16], size.as_slice(), &size, &length, &[0, 0], more, name.as_bytes()].concat()
    };
    let local = [b"PK\x03\x04".as_slice(), &fields(&[])[2..], content].concat();
    let central = [b"PK\x01\x02".as_slice(), &fields(&[0; 14])].concat();
    let (length, start) = ((central.len() as u32).to_le_bytes(), (local.len() as u32).to_le_bytes());
    [&local, &central, b"PK\x05\x06".as_slice(), &[0; 4], &[1, 0, 1, 0], &length, &start, &[0, 0]].concat()
}

#[test]
fn nothing_in_a_pickle_is_executed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("harm.pth");
    let mark = folder.path().join("mark");
    let command = format!("touch {}", mark.display());
    let pickle = format!("\u{2}cposix\nsystem\nX{}\0\0\0{command}\u{5}R.", command.len() as u8 as char);
    let pickle = [&[0x80], pickle.replace('\u{5}', "").as_bytes()].concat();
    let at = pickle.len() - 2;
    // One argument in a tuple.
    let pickle = [&pickle[..at], &[0x85], &pickle[at..]].concat();
    std::fs::write(&path, archive("harm/data.pkl", &pickle)).unwrap();
    assert!(problem(&path).contains("holds no weights"));
    assert!(!mark.exists());
}

#[test]
fn pickles_that_refer_to_themselves_without_end_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bomb.pth");
    // Three levels of dictionaries, each with a thousand references to the one below.
    let mut pickle = vec![0x80, 2, b'}', b'q', 0];
    for level in 1..4u8 {
        pickle.extend([b'}', b'q', level, b'(']);
        for key in 0..1000u32 {
            pickle.extend([b'X', 8, 0, 0, 0]);
            pickle.extend(format!("{key:08}").bytes());
            pickle.extend([b'h', level - 1]);
        }
        pickle.push(b'u');
    }
    pickle.push(b'.');
    std::fs::write(&path, archive("bomb/data.pkl", &pickle)).unwrap();
    assert!(problem(&path).contains("more than 100000 objects"));
    // A dictionary in itself.
    let circle = [0x80, 2, b'}', b'q', 0, b'X', 1, 0, 0, 0, b'a', b'h', 0, b's', b'.'];
    std::fs::write(&path, archive("circle/data.pkl", &circle)).unwrap();
    assert!(problem(&path).contains("holds no weights"));
}

#[test]
fn archives_that_are_not_checkpoints_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("archive.pth");
    std::fs::write(&path, archive("readme.txt", b"hello")).unwrap();
    assert!(problem(&path).contains("zip archive and no checkpoint"));
    for pickle in [
        b"".as_slice(),
        b".",
        b"\x80\x02}",
        b"\x80\x02}u.",
        b"\x80\x02t.",
        b"\x80\x02h\x05.",
        b"\x80\x02\xff.",
    ] {
        std::fs::write(&path, archive("x/data.pkl", pickle)).unwrap();
        assert!(problem(&path).contains("pickle"), "{pickle:?}");
    }
}

#[test]
fn files_that_are_no_weights_are_told_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let told = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        problem(&path)
    };
    // What `pickle.dump` writes of a dictionary, and what another program writes.
    for bytes in
        [b"\x80\x04\x95\x0b\0\0\0\0\0\0\0}\x94\x8c\x01a\x94K\x01s.".as_slice(), b"nothing of the kind"]
    {
        let told = told("model.ckpt", bytes);
        assert!(told.contains("no checkpoint as PyTorch") && told.contains("safetensors"), "{told}");
    }
    let page = told("model.safetensors", b"<!DOCTYPE html><title>Sign in</title>");
    assert!(page.contains("web page") && page.contains("fetch the model again"), "{page}");
    let pointer = told("model.safetensors", b"version https://git-lfs.github.com/spec/v1\noid sha256:0");
    assert!(pointer.contains("Git LFS"), "{pointer}");
}

#[test]
fn a_folder_with_a_checkpoint_of_pytorch_is_read_where_it_has_no_safetensors() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::copy(checkpoint("rrdb.pth"), folder.path().join("pytorch_model.bin")).unwrap();
    let weights = WeightFiles::open(folder.path(), "model").unwrap();
    assert!(weights.weight_count() > 0 && weights.names().next().is_some());
    let missing = WeightFiles::open(folder.path(), "other").err().expect("nothing is there");
    assert!(missing.problem.contains("`other.safetensors` is missing"), "{}", missing.problem);
}
