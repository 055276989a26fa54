//! Reads the weights out of ONNX files: the initialisers of the graph, and which of them its convolutions use.
//!
//! An ONNX file is a protobuf message (onnx.proto: `ModelProto.graph`, `GraphProto.node` and `.initializer`). Only the
//! fields needed are looked at, in place; nothing is executed.

use std::collections::BTreeMap;

use super::tensor_file::{Contents, StoredType, TensorEntry};

/// Most initialisers and most nodes that are taken.
const MAX_PARTS: usize = 100_000;
/// Longest name of a tensor.
const MAX_NAME: usize = 1024;
/// Most dimensions that are collected; the shape is checked again by [`TensorEntry::size`].
const MAX_DIMS: usize = 16;

/// Finds the initialisers in the bytes of a file, or says what is wrong with it.
pub(super) fn parse(bytes: &[u8]) -> Result<Contents, String> {
    let mut contents = Contents {
        data_start: 0,
        entries: BTreeMap::new(),
        convolutions: Vec::new(),
        notes: BTreeMap::new(),
    };
    let mut found_graph = false;
    let mut model = Message { bytes, at: 0, end: bytes.len() };
    while let Some((field, value)) = model.next_field()? {
        if let (7, Value::Bytes(graph)) = (field, value) {
            found_graph = true;
            read_graph(graph, &mut contents)?;
        }
    }
    if found_graph { Ok(contents) } else { Err("has no graph; is it an ONNX file?".to_owned()) }
}

fn read_graph(mut graph: Message<'_>, contents: &mut Contents) -> Result<(), String> {
    let mut parts = 0;
    while let Some((field, value)) = graph.next_field()? {
        let (1 | 5, Value::Bytes(part)) = (field, value) else { continue };
        parts += 1;
        if parts > MAX_PARTS {
            return Err(format!("has a graph of more than {MAX_PARTS} parts"));
        }
        if field == 1 {
            contents.convolutions.extend(read_convolution(part)?);
        } else if let Some((name, entry)) = read_initialiser(part)? {
            if contents.entries.contains_key(&name) {
                return Err(format!("tensor `{name}` occurs twice"));
            }
            contents.entries.insert(name, entry);
        }
    }
    Ok(())
}

/// The names of the kernel and bias of a node that is a convolution.
fn read_convolution(mut node: Message<'_>) -> Result<Option<(String, Option<String>)>, String> {
    let mut convolution = false;
    let mut operands = Vec::new();
    while let Some((field, value)) = node.next_field()? {
        match (field, value) {
            (1, Value::Bytes(name)) if operands.len() < 3 => operands.push(name.text()?.to_owned()),
            (4, Value::Bytes(kind)) => convolution = kind.text()? == "Conv",
            _ => {}
        }
    }
    let mut operands = operands.into_iter().skip(1);
    Ok(operands.next().filter(|_| convolution).map(|kernel| (kernel, operands.next())))
}

/// Name and place of an initialiser; none for those without numbers of a known type.
fn read_initialiser(mut tensor: Message<'_>) -> Result<Option<(String, TensorEntry)>, String> {
    let (mut name, mut shape, mut dtype, mut data) = (String::new(), Vec::new(), None, None);
    let mut external = false;
    while let Some((field, value)) = tensor.next_field()? {
        match (field, value) {
            (1, Value::Number(dim)) => shape.push(dimension(dim)?),
            (1, Value::Bytes(mut packed)) => {
                while packed.at < packed.end && shape.len() <= MAX_DIMS {
                    shape.push(dimension(packed.varint()?)?);
                }
            }
            (2, Value::Number(kind)) => dtype = stored_type(kind),
            (4 | 9, Value::Bytes(bytes)) => data = Some((bytes.at, bytes.end)),
            (8, Value::Bytes(text)) => name = text.text()?.to_owned(),
            (14, Value::Number(place)) => external = place != 0,
            _ => {}
        }
        if shape.len() > MAX_DIMS {
            return Err(format!("tensor `{name}` has more than {MAX_DIMS} dimensions"));
        }
    }
    if external {
        return Err(format!(
            "tensor `{name}` is kept in another file, which is not read; save the model as one file"
        ));
    }
    let (Some(dtype), Some(data_offsets)) = (dtype, data) else { return Ok(None) };
    let entry = TensorEntry { dtype, shape, data_offsets };
    let (needed, held) =
        (entry.size().map_err(|e| format!("tensor `{name}` {e}"))?, data_offsets.1 - data_offsets.0);
    if needed != held {
        return Err(format!(
            "tensor `{name}` takes {held} bytes where {dtype:?} {:?} needs {needed}",
            entry.shape
        ));
    }
    Ok(Some((name, entry)))
}

fn dimension(dim: u64) -> Result<usize, String> {
    usize::try_from(dim).map_err(|_| format!("has an impossible dimension {dim}"))
}

/// `TensorProto.DataType`, as far as its numbers lie as bytes in a row.
fn stored_type(kind: u64) -> Option<StoredType> {
    match kind {
        1 => Some(StoredType::F32),
        6 => Some(StoredType::I32),
        7 => Some(StoredType::I64),
        10 => Some(StoredType::F16),
        11 => Some(StoredType::F64),
        16 => Some(StoredType::BF16),
        _ => None,
    }
}

/// A protobuf message: the part `at..end` of a file.
struct Message<'a> {
    bytes: &'a [u8],
    at: usize,
    end: usize,
}

/// The value of a field; those of fixed width are of no interest here.
enum Value<'a> {
    Number(u64),
    Bytes(Message<'a>),
    Fixed,
}

impl<'a> Message<'a> {
    /// Number and value of the next field, none at the end.
    fn next_field(&mut self) -> Result<Option<(u64, Value<'a>)>, String> {
        if self.at >= self.end {
            return Ok(None);
        }
        let key = self.varint()?;
        let value = match key & 7 {
            0 => Value::Number(self.varint()?),
            1 => self.skip(8).map(|_| Value::Fixed)?,
            2 => {
                let length = usize::try_from(self.varint()?).unwrap_or(usize::MAX);
                Value::Bytes(self.skip(length)?)
            }
            5 => self.skip(4).map(|_| Value::Fixed)?,
            kind => {
                return Err(format!(
                    "has a field of unknown kind {kind} at byte {}; is it an ONNX file?",
                    self.at
                ));
            }
        };
        Ok(Some((key >> 3, value)))
    }

    /// A number of seven bits a byte, lowest first.
    fn varint(&mut self) -> Result<u64, String> {
        let mut number = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = *self.bytes.get(self.at).filter(|_| self.at < self.end).ok_or_else(|| self.cut())?;
            self.at += 1;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(format!("has a number without end at byte {}; is it an ONNX file?", self.at))
    }

    /// Goes on by `length` bytes and gives them.
    fn skip(&mut self, length: usize) -> Result<Message<'a>, String> {
        let end = self.at.checked_add(length).filter(|&end| end <= self.end).ok_or_else(|| self.cut())?;
        let part = Message { bytes: self.bytes, at: self.at, end };
        self.at = end;
        Ok(part)
    }

    fn text(&self) -> Result<&'a str, String> {
        let bytes = self.bytes.get(self.at..self.end).filter(|bytes| bytes.len() <= MAX_NAME);
        let bytes = bytes.ok_or_else(|| format!("has a name of more than {MAX_NAME} bytes"))?;
        std::str::from_utf8(bytes).map_err(|_| format!("has a name that is not text at byte {}", self.at))
    }

    fn cut(&self) -> String {
        format!("is cut short at byte {}, or is not an ONNX file", self.at)
    }
}
