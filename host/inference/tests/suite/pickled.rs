//! Checkpoints as PyTorch writes them: an archive of a pickle and of storages.

use candle_core::Tensor;

use crate::original_names::Tensors;
use crate::support::values;

/// How an archive writes its numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Numbers {
    /// In fields of four bytes.
    Narrow,
    /// In the fields of eight bytes of large archives (zip64).
    Wide,
}

/// An archive of stored members.
pub(crate) fn archive(members: &[(String, Vec<u8>)], numbers: Numbers) -> Vec<u8> {
    let wide = numbers == Numbers::Wide;
    let (mut out, mut central) = (Vec::new(), Vec::new());
    for (name, content) in members {
        let size = if wide { u32::MAX } else { content.len() as u32 }.to_le_bytes();
        let fields = |extra: u16, more: &[u8]| {
            let length = (name.len() as u16).to_le_bytes();
            [&[0; 16], size.as_slice(), &size, &length, &extra.to_le_bytes(), more].concat()
        };
        let start = if wide { u32::MAX } else { out.len() as u32 }.to_le_bytes();
        let values =
            [content.len(), content.len(), out.len()].map(|value| (value as u64).to_le_bytes()).concat();
        // A field of another kind before the one that counts.
        let extra =
            if wide { [&[9, 0, 1, 0, 0, 1, 0, 24, 0], values.as_slice()].concat() } else { Vec::new() };
        let head = fields(extra.len() as u16, &[0; 10]);
        central.extend([b"PK\x01\x02".as_slice(), &head, &start, name.as_bytes(), &extra].concat());
        out.extend([b"PK\x03\x04".as_slice(), &fields(0, &[])[2..], name.as_bytes(), content].concat());
    }
    if wide {
        let (begin, count) = ((out.len() as u64).to_le_bytes(), (members.len() as u64).to_le_bytes());
        let length = (central.len() as u64).to_le_bytes();
        out.extend(&central);
        let record = (out.len() as u64).to_le_bytes();
        out.extend([b"PK\x06\x06".as_slice(), &[0; 20], &count, &count, &length, &begin].concat());
        out.extend([b"PK\x06\x07".as_slice(), &[0; 4], &record, &[1, 0, 0, 0]].concat());
        out.extend([b"PK\x05\x06".as_slice(), &[0; 4], &[0xff; 4], &[0xff; 8], &[0, 0]].concat());
        return out;
    }
    let count = (members.len() as u16).to_le_bytes();
    let (length, start) = ((central.len() as u32).to_le_bytes(), (out.len() as u32).to_le_bytes());
    out.extend(
        [&central, b"PK\x05\x06".as_slice(), &[0; 4], &count, &count, &length, &start, &[0, 0]].concat(),
    );
    out
}

fn text(text: &str) -> Vec<u8> {
    [b"X".as_slice(), &(text.len() as u32).to_le_bytes(), text.as_bytes()].concat()
}

fn integer(number: usize) -> Vec<u8> {
    [b"J".as_slice(), &(number as i32).to_le_bytes()].concat()
}

/// A tuple of numbers.
fn tuple(numbers: &[usize]) -> Vec<u8> {
    let numbers: Vec<u8> = numbers.iter().flat_map(|number| integer(*number)).collect();
    [b"(".as_slice(), &numbers, b"t"].concat()
}

/// What rebuilds a tensor from a storage.
fn rebuilt(tensor: &Tensor, storage: usize) -> Vec<u8> {
    let dims = tensor.dims();
    let strides: Vec<usize> = (0..dims.len()).map(|axis| dims[axis + 1..].iter().product()).collect();
    [
        b"ctorch._utils\n_rebuild_tensor_v2\n((".as_slice(),
        &text("storage"),
        b"ctorch\nFloatStorage\n",
        &text(&storage.to_string()),
        &text("cpu"),
        &integer(tensor.elem_count()),
        b"tQ",
        &integer(0),
        &tuple(dims),
        &tuple(&strides),
        b"\x89ccollections\nOrderedDict\n)RtR",
    ]
    .concat()
}

/// A checkpoint of a trainer: the tensors lie in a dictionary beside a number.
pub(crate) fn checkpoint(tensors: &Tensors, numbers: Numbers) -> Vec<u8> {
    let mut pickle = [b"\x80\x02}(".as_slice(), &text("global_step"), &integer(470_000)].concat();
    pickle.extend([text("state_dict"), b"}(".to_vec()].concat());
    let mut members = vec![(String::new(), Vec::new())];
    for (storage, (name, tensor)) in tensors.iter().enumerate() {
        pickle.extend([text(name), rebuilt(tensor, storage)].concat());
        let bytes = values(tensor).into_iter().flat_map(f32::to_le_bytes).collect();
        members.push((format!("model/data/{storage}"), bytes));
    }
    pickle.extend(b"uu.");
    members[0] = ("model/data.pkl".to_owned(), pickle);
    archive(&members, numbers)
}
