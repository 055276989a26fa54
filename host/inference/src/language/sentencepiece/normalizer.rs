//! How SentencePiece normalises text before it is cut: a table of replacements, and spaces made visible.
//!
//! Follows `normalizer.cc` of SentencePiece. The table is a double array as darts-clone lays it out, then the
//! replacements, each ended by a zero byte.

use super::protobuf::{Field, fields};

/// Stands for a space.
const SPACE: char = '▁';
/// Longest sequence, in bytes, that is looked for in the table.
const MAX_MATCH: usize = 64;

/// Normalises text.
#[derive(Debug, Default)]
pub(super) struct Normalizer {
    units: Vec<u32>,
    replacements: Vec<u8>,
    user_defined: Vec<String>,
    dummy_prefix: bool,
    single_spaces: bool,
    escape_spaces: bool,
}

impl Normalizer {
    /// Reads a `NormalizerSpec`; pieces defined by users are left as they are.
    pub(super) fn parse(spec: &[u8], user_defined: Vec<String>) -> Result<Self, String> {
        let mut read = Self {
            user_defined,
            dummy_prefix: true,
            single_spaces: true,
            escape_spaces: true,
            ..Self::default()
        };
        for field in fields(spec) {
            match field? {
                (2, Field::Bytes(table)) if !table.is_empty() => read.parse_table(table)?,
                (3, Field::Integer(flag)) => read.dummy_prefix = flag != 0,
                (4, Field::Integer(flag)) => read.single_spaces = flag != 0,
                (5, Field::Integer(flag)) => read.escape_spaces = flag != 0,
                _ => {}
            }
        }
        Ok(read)
    }

    fn parse_table(&mut self, table: &[u8]) -> Result<(), String> {
        let cut_short = || "has a table of replacements that is cut short".to_owned();
        let (length, rest) = table.split_first_chunk::<4>().ok_or_else(cut_short)?;
        let length = u32::from_le_bytes(*length) as usize;
        let (units, replacements) = rest.split_at_checked(length).ok_or_else(cut_short)?;
        self.units = units.as_chunks::<4>().0.iter().map(|unit| u32::from_le_bytes(*unit)).collect();
        self.replacements = replacements.to_vec();
        Ok(())
    }

    /// Normalises a text; empty if nothing but spaces is left.
    pub(super) fn normalize(&self, text: &str) -> String {
        let space = if self.escape_spaces { SPACE } else { ' ' };
        let mut rest = text;
        let mut out = String::with_capacity(text.len() + 3);
        let mut after_space = self.single_spaces;
        while !rest.is_empty() {
            let (length, replacement) = self.prefix(rest);
            rest = rest.get(length..).unwrap_or_default();
            let kept = if after_space { replacement.trim_start_matches(' ') } else { replacement };
            if kept.is_empty() {
                continue;
            }
            if out.is_empty() && self.dummy_prefix {
                out.push(space);
            }
            out.extend(kept.chars().map(|c| if c == ' ' { space } else { c }));
            after_space = self.single_spaces && kept.ends_with(' ');
        }
        if self.single_spaces {
            out.truncate(out.trim_end_matches(space).len());
        }
        out
    }

    /// How many bytes of `text` are taken together, and what they become.
    fn prefix<'a>(&'a self, text: &'a str) -> (usize, &'a str) {
        let own = self.user_defined.iter().filter(|piece| text.starts_with(piece.as_str()));
        if let Some(own) = own.max_by_key(|piece| piece.len()) {
            return (own.len(), own);
        }
        match self.longest(text.as_bytes()) {
            Some((length, replacement)) => (length, replacement),
            None => {
                let length = text.chars().next().map_or(1, char::len_utf8);
                (length, text.get(..length).unwrap_or_default())
            }
        }
    }

    /// The longest entry of the table that `text` begins with. Units hold an offset to their children, a label, and
    /// whether an entry ends there, whose value is then the first child.
    fn longest(&self, text: &[u8]) -> Option<(usize, &str)> {
        let offset = |unit: u32| ((unit >> 10) << ((unit & (1 << 9)) >> 6)) as usize;
        let mut node = offset(*self.units.first()?);
        let mut found = None;
        for (place, byte) in text.iter().take(MAX_MATCH).enumerate() {
            node ^= usize::from(*byte);
            let Some(unit) = self.units.get(node).filter(|u| **u & 0x8000_00ff == u32::from(*byte)) else {
                break;
            };
            node ^= offset(*unit);
            if (unit >> 8) & 1 == 1 {
                found = self.units.get(node).map(|value| (place + 1, value & 0x7fff_ffff));
            }
        }
        let (length, value) = found?;
        let replacement = self.replacements.get(value as usize..)?;
        let end = replacement.iter().position(|byte| *byte == 0).unwrap_or(replacement.len());
        // An entry may end only where a character does.
        let whole = std::str::from_utf8(text.get(..length)?).is_ok();
        Some((length, std::str::from_utf8(replacement.get(..end)?).ok().filter(|_| whole)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spaces_are_made_visible_and_single() {
        let normalizer = Normalizer::parse(&[], Vec::new()).unwrap();
        assert_eq!(normalizer.normalize("  red   fox "), "▁red▁fox");
        assert_eq!(normalizer.normalize("   "), "");
        assert_eq!(normalizer.normalize(""), "");
    }

    #[test]
    fn a_table_that_points_anywhere_is_read_within_its_bounds() {
        for seed in 0..200u32 {
            let noise =
                |i: u32| (i.wrapping_mul(2_654_435_761) ^ seed.wrapping_mul(40_503)).rotate_left(seed % 32);
            let units: Vec<u8> = (0..300).flat_map(|i| noise(i).to_le_bytes()).collect();
            let table = [&(units.len() as u32).to_le_bytes()[..], &units, b"a\0bc\0\xff\0"].concat();
            let mut normalizer = Normalizer { dummy_prefix: true, ..Normalizer::default() };
            normalizer.parse_table(&table).unwrap();
            assert!(normalizer.normalize("Ein Fuchs 🦊 läuft").starts_with(' '));
        }
    }
}
