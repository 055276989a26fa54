//! Changes components at random, but knows what sections are: what comes out is mostly still a component, so that
//! more than the first check of the loader is reached. The same seed gives the same changes.

/// Marsaglia's xorshift64*.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number below `end`, or 0.
    pub fn below(&mut self, end: usize) -> usize {
        (self.next() >> 16) as usize % end.max(1)
    }

    pub fn byte(&mut self) -> u8 {
        (self.next() >> 24) as u8
    }
}

const HEADER: usize = 8;
const CUSTOM: u8 = 0;
const MODULE: u8 = 1;
const COMPONENT: u8 = 4;
/// Bytes that mean something to a decoder.
const TELLING: [u8; 10] = [0x00, 0x01, 0x40, 0x60, 0x70, 0x7f, 0x80, 0xff, 0x0b, 0xfc];

/// `parent` with one to four changes. `other` lends its sections.
pub fn mutate(parent: &[u8], other: &[u8], random: &mut Random) -> Vec<u8> {
    let mut child = parent.to_vec();
    for _ in 0..1 + random.below(4) {
        child = match random.below(20) {
            0 => child[..random.below(child.len())].to_vec(),
            1 => at_a_byte(child, random),
            _ => in_a_section(&child, other, random),
        };
    }
    child
}

fn in_a_section(wasm: &[u8], other: &[u8], random: &mut Random) -> Vec<u8> {
    let (Some(mut sections), Some(header)) = (sections(wasm), wasm.get(..HEADER)) else {
        return at_a_byte(wasm.to_vec(), random);
    };
    let picked = random.below(sections.len());
    match random.below(12) {
        0 if !sections.is_empty() => drop(sections.remove(picked)),
        1 if !sections.is_empty() => sections.insert(picked, sections[picked].clone()),
        2 if !sections.is_empty() => {
            let with = random.below(sections.len());
            sections.swap(picked, with);
        }
        3 => {
            let lent = self::sections(other).unwrap_or_default();
            if let Some(section) = lent.get(random.below(lent.len())) {
                sections.insert(picked, section.clone());
            }
        }
        4 => {
            let noise = (0..random.below(64)).map(|_| random.byte()).collect();
            sections.insert(picked, (CUSTOM, noise));
        }
        5 if !sections.is_empty() => sections[picked].0 = random.below(14) as u8,
        _ => {
            if let Some((kind, payload)) = sections.get_mut(picked) {
                let inner = std::mem::take(payload);
                *payload = match *kind {
                    MODULE | COMPONENT => in_a_section(&inner, other, random),
                    _ => at_a_byte(inner, random),
                };
            }
        }
    }
    let mut wasm = header.to_vec();
    for (kind, payload) in sections {
        wasm.push(kind);
        leb(payload.len(), &mut wasm);
        wasm.extend(payload);
    }
    wasm
}

fn at_a_byte(mut bytes: Vec<u8>, random: &mut Random) -> Vec<u8> {
    let at = random.below(bytes.len());
    match random.below(6) {
        _ if bytes.is_empty() => bytes.push(random.byte()),
        0 => bytes[at] ^= 1 << random.below(8),
        1 => bytes[at] = random.byte(),
        2 => bytes[at] = TELLING[random.below(TELLING.len())],
        3 => bytes.insert(at, random.byte()),
        4 => drop(bytes.remove(at)),
        _ => {
            let end = (at + 1 + random.below(16)).min(bytes.len());
            let copy = bytes[at..end].to_vec();
            bytes.splice(at..at, copy);
        }
    }
    bytes
}

/// Kind and payload of each section; none if they can't be told apart.
fn sections(wasm: &[u8]) -> Option<Vec<(u8, Vec<u8>)>> {
    let (mut found, mut at) = (Vec::new(), HEADER);
    while at < wasm.len() {
        let kind = wasm[at];
        let (mut size, mut shift) = (0usize, 0);
        loop {
            at += 1;
            let byte = *wasm.get(at)?;
            size |= usize::from(byte & 0x7f) << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                break;
            }
            if shift > 28 {
                return None;
            }
        }
        let end = (at + 1).checked_add(size)?;
        found.push((kind, wasm.get(at + 1..end)?.to_vec()));
        at = end;
    }
    Some(found)
}

fn leb(mut value: usize, into: &mut Vec<u8>) {
    while value >= 0x80 {
        into.push(value as u8 | 0x80);
        value >>= 7;
    }
    into.push(value as u8);
}
