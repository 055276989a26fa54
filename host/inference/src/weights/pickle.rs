//! Reads Python pickles as data: objects are described, never made, so nothing in a file is executed.
//!
//! Of the instructions (CPython's `pickletools`), those that PyTorch writes are understood. Objects lie in one list and
//! name each other by their place in it, so memory stays in proportion to the file, whatever it refers to how often.

use std::collections::HashMap;

use super::torch::OTHERWISE;

/// Most instructions that are followed.
const MAX_INSTRUCTIONS: usize = 4_000_000;
/// Longest pickle that is read, in bytes.
const MAX_BYTES: usize = 64 << 20;

/// Place of an object in the list of all objects.
pub(super) type Id = usize;

/// A Python object, as far as weight files are made of them.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Object<'a> {
    /// None, floats, bytes, and the results of functions that are not known.
    Opaque,
    /// A whole number or a truth value.
    Number(i64),
    /// A text.
    Text(&'a str),
    /// A name in a module.
    Global(&'a str, &'a str),
    /// A tuple.
    Tuple(Vec<Id>),
    /// A list.
    List(Vec<Id>),
    /// A dictionary, in the order in which it was filled.
    Dict(Vec<(Id, Id)>),
    /// What stands for an object outside the pickle, such as a storage.
    Persistent(Id),
    /// A function with its arguments, to be called in Python.
    Call(Id, Id),
}

/// The objects of a pickle.
pub(super) struct Pickle<'a> {
    objects: Vec<Object<'a>>,
    root: Id,
    /// Bytes that it takes.
    pub(super) length: usize,
}

impl<'a> Pickle<'a> {
    /// Reads the pickle at the beginning of `bytes`.
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, String> {
        let bytes = bytes.get(..bytes.len().min(MAX_BYTES)).unwrap_or_default();
        let mut machine = Machine {
            bytes,
            at: 0,
            objects: Vec::new(),
            stack: Vec::new(),
            marks: Vec::new(),
            memo: HashMap::new(),
        };
        for _ in 0..MAX_INSTRUCTIONS {
            if machine.step()? {
                let root = machine.pop()?;
                return Ok(Self { objects: machine.objects, root, length: machine.at });
            }
        }
        Err(format!("has a pickle of more than {MAX_INSTRUCTIONS} instructions"))
    }

    /// The object that was pickled.
    pub(super) fn root(&self) -> Id {
        self.root
    }

    /// Number of its objects; their places are below it.
    pub(super) fn count(&self) -> usize {
        self.objects.len()
    }

    /// An object by its place.
    pub(super) fn get(&self, id: Id) -> &Object<'a> {
        self.objects.get(id).unwrap_or(&Object::Opaque)
    }

    /// A whole number from 0 up.
    pub(super) fn size(&self, id: Id) -> Option<usize> {
        match self.get(id) {
            Object::Number(number) => usize::try_from(*number).ok(),
            _ => None,
        }
    }

    /// The parts of a tuple.
    pub(super) fn tuple(&self, id: Id) -> Option<&[Id]> {
        match self.get(id) {
            Object::Tuple(parts) => Some(parts),
            _ => None,
        }
    }

    /// A tuple of whole numbers from 0 up.
    pub(super) fn sizes(&self, id: Id) -> Option<Vec<usize>> {
        self.tuple(id)?.iter().map(|&part| self.size(part)).collect()
    }
}

/// The state of reading: a stack of objects, marks in it, and remembered objects.
struct Machine<'a> {
    bytes: &'a [u8],
    at: usize,
    objects: Vec<Object<'a>>,
    stack: Vec<Id>,
    marks: Vec<usize>,
    memo: HashMap<u64, Id>,
}

impl<'a> Machine<'a> {
    /// Follows one instruction; true after the last.
    fn step(&mut self) -> Result<bool, String> {
        let instruction = *self.take(1)?.first().ok_or_else(|| self.cut())?;
        match instruction {
            b'.' => return Ok(true),
            0x80 => drop(self.take(1)?),
            0x95 => drop(self.take(8)?),
            b'(' => self.marks.push(self.stack.len()),
            b'0' => drop(self.pop()?),
            b'2' => {
                let top = *self.stack.last().ok_or_else(|| self.unsound())?;
                self.stack.push(top);
            }
            b'q' | b'r' | 0x94 => self.remember(instruction)?,
            b'h' | b'j' => self.recall(instruction)?,
            b'R' | 0x81 => {
                let arguments = self.pop()?;
                let function = self.pop()?;
                let ordered = Some(&Object::Global("collections", "OrderedDict"));
                let is_dict = self.objects.get(function) == ordered;
                self.push(if is_dict { Object::Dict(Vec::new()) } else { Object::Call(function, arguments) });
            }
            // The state of an object: of no interest, and of a dictionary only its attributes.
            b'b' => drop(self.pop()?),
            b'Q' => {
                let id = self.pop()?;
                self.push(Object::Persistent(id));
            }
            b'a' | b'e' | b's' | b'u' => self.fill(instruction)?,
            b'c' | 0x93 => self.global(instruction)?,
            b')' | b't' | 0x85..=0x87 | b']' | b'l' | b'}' | b'd' => self.collection(instruction)?,
            _ => self.literal(instruction)?,
        }
        Ok(false)
    }

    fn remember(&mut self, instruction: u8) -> Result<(), String> {
        let key = match instruction {
            b'q' => self.unsigned(1)?,
            b'r' => self.unsigned(4)?,
            _ => self.memo.len() as u64,
        };
        let top = *self.stack.last().ok_or_else(|| self.unsound())?;
        self.memo.insert(key, top);
        Ok(())
    }

    fn recall(&mut self, instruction: u8) -> Result<(), String> {
        let key = self.unsigned(if instruction == b'h' { 1 } else { 4 })?;
        let id = *self.memo.get(&key).ok_or_else(|| self.unsound())?;
        self.stack.push(id);
        Ok(())
    }

    /// Puts what is on the stack into the list or dictionary below it.
    fn fill(&mut self, instruction: u8) -> Result<(), String> {
        let parts = match instruction {
            b'a' => vec![self.pop()?],
            b's' => {
                let value = self.pop()?;
                vec![self.pop()?, value]
            }
            _ => self.since_mark()?,
        };
        let target = self.stack.last().copied().and_then(|id| self.objects.get_mut(id));
        match target {
            Some(Object::List(list)) => list.extend(parts),
            Some(Object::Dict(dict)) => {
                dict.extend(parts.as_chunks::<2>().0.iter().map(|&[key, value]| (key, value)))
            }
            // An object of some class, whose parts are of no interest.
            Some(Object::Call(..)) => {}
            _ => return Err(self.unsound()),
        }
        Ok(())
    }

    fn global(&mut self, instruction: u8) -> Result<(), String> {
        let (module, name) = if instruction == b'c' {
            (self.line()?, self.line()?)
        } else {
            let (name, module) = (self.pop()?, self.pop()?);
            match (self.objects.get(module), self.objects.get(name)) {
                (Some(Object::Text(module)), Some(Object::Text(name))) => (*module, *name),
                _ => return Err(self.unsound()),
            }
        };
        self.push(Object::Global(module, name));
        Ok(())
    }

    fn collection(&mut self, instruction: u8) -> Result<(), String> {
        let object = match instruction {
            b')' => Object::Tuple(Vec::new()),
            b']' => Object::List(Vec::new()),
            b'}' => Object::Dict(Vec::new()),
            b't' => Object::Tuple(self.since_mark()?),
            b'l' => Object::List(self.since_mark()?),
            b'd' => {
                let parts = self.since_mark()?;
                Object::Dict(parts.as_chunks::<2>().0.iter().map(|&[key, value]| (key, value)).collect())
            }
            _ => {
                let first = self.stack.len().checked_sub(usize::from(instruction - 0x84));
                Object::Tuple(self.stack.split_off(first.ok_or_else(|| self.unsound())?))
            }
        };
        self.push(object);
        Ok(())
    }

    fn literal(&mut self, instruction: u8) -> Result<(), String> {
        let object = match instruction {
            b'N' => Object::Opaque,
            0x88 => Object::Number(1),
            0x89 => Object::Number(0),
            b'K' => Object::Number(self.signed(1)? & 0xff),
            b'M' => Object::Number(self.signed(2)? & 0xffff),
            b'J' => Object::Number(self.signed(4)?),
            0x8a => {
                let length = self.length(1)?;
                if length <= 8 { Object::Number(self.signed(length)?) } else { self.opaque(length)? }
            }
            b'G' => self.opaque(8)?,
            b'C' => self.opaque_of_length(1)?,
            b'B' => self.opaque_of_length(4)?,
            b'X' | b'T' => self.text(4)?,
            0x8c | b'U' => self.text(1)?,
            0x8d => self.text(8)?,
            other => {
                return Err(format!(
                    "is written in a way that is not read here (pickle instruction {other:#04x}); {OTHERWISE}"
                ));
            }
        };
        self.push(object);
        Ok(())
    }

    fn opaque(&mut self, length: usize) -> Result<Object<'a>, String> {
        self.take(length).map(|_| Object::Opaque)
    }

    fn opaque_of_length(&mut self, width: usize) -> Result<Object<'a>, String> {
        let length = self.length(width)?;
        self.opaque(length)
    }

    fn text(&mut self, width: usize) -> Result<Object<'a>, String> {
        let length = self.length(width)?;
        let bytes = self.take(length)?;
        Ok(std::str::from_utf8(bytes).map_or(Object::Opaque, Object::Text))
    }

    fn line(&mut self) -> Result<&'a str, String> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let end = rest.iter().position(|&byte| byte == b'\n').ok_or_else(|| self.cut())?;
        let line = self.take(end + 1)?;
        std::str::from_utf8(line.trim_ascii_end()).map_err(|_| self.unsound())
    }

    fn length(&mut self, width: usize) -> Result<usize, String> {
        Ok(usize::try_from(self.unsigned(width)?).unwrap_or(usize::MAX))
    }

    /// A little-endian number of up to eight bytes.
    fn unsigned(&mut self, width: usize) -> Result<u64, String> {
        Ok(self.take(width)?.iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte)))
    }

    /// The same with the sign in the highest bit.
    fn signed(&mut self, width: usize) -> Result<i64, String> {
        let unused = 64 - 8 * width.clamp(1, 8) as u32;
        Ok((self.unsigned(width)? << unused) as i64 >> unused)
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], String> {
        let end = self.at.checked_add(length).ok_or_else(|| self.cut())?;
        let taken = self.bytes.get(self.at..end).ok_or_else(|| self.cut())?;
        self.at = end;
        Ok(taken)
    }

    fn push(&mut self, object: Object<'a>) {
        self.stack.push(self.objects.len());
        self.objects.push(object);
    }

    fn pop(&mut self) -> Result<Id, String> {
        self.stack.pop().ok_or_else(|| self.unsound())
    }

    fn since_mark(&mut self) -> Result<Vec<Id>, String> {
        let mark = self.marks.pop().filter(|&mark| mark <= self.stack.len()).ok_or_else(|| self.unsound())?;
        Ok(self.stack.split_off(mark))
    }

    fn cut(&self) -> String {
        format!("is cut short or damaged (byte {} of its pickle); fetch it again", self.at)
    }

    fn unsound(&self) -> String {
        format!("contradicts itself (byte {} of its pickle); {OTHERWISE}", self.at)
    }
}
