//! The wire format of protobuf messages, read field by field and never beyond the message.

/// The value of a field.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Field<'a> {
    /// A variable-length integer.
    Integer(u64),
    /// Eight bytes.
    Fixed64,
    /// A text, bytes or a message.
    Bytes(&'a [u8]),
    /// Four bytes.
    Fixed32([u8; 4]),
}

/// The fields of a message with their numbers, in order. After an error there are no more.
pub(super) fn fields(message: &[u8]) -> impl Iterator<Item = Result<(u64, Field<'_>), String>> {
    let mut rest = message;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let field = next(&mut rest);
        if field.is_none() {
            rest = &[];
        }
        Some(field.ok_or_else(|| "is cut short or no SentencePiece model".to_owned()))
    })
}

fn next<'a>(rest: &mut &'a [u8]) -> Option<(u64, Field<'a>)> {
    let key = integer(rest)?;
    let value = match key & 7 {
        0 => Field::Integer(integer(rest)?),
        1 => {
            rest.split_off(..8)?;
            Field::Fixed64
        }
        2 => {
            let length = usize::try_from(integer(rest)?).ok()?;
            Field::Bytes(rest.split_off(..length)?)
        }
        5 => Field::Fixed32(*rest.split_off(..4)?.first_chunk()?),
        _ => return None,
    };
    Some((key >> 3, value))
}

fn integer(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let byte = *rest.split_off_first()?;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_every_kind_are_read() {
        let message = [0x08, 0x96, 0x01, 0x12, 0x02, b'h', b'i', 0x1d, 0, 0, 0x80, 0x3f];
        let read: Vec<_> = fields(&message).map(Result::unwrap).collect();
        let one = 1.0f32.to_le_bytes();
        assert_eq!(read, [(1, Field::Integer(150)), (2, Field::Bytes(b"hi")), (3, Field::Fixed32(one))]);
    }

    #[test]
    fn messages_that_are_cut_short_are_errors() {
        for message in [&[0x12, 0x05, b'h'][..], &[0x1d, 0, 0], &[0x80], &[0xff; 12], &[0x0b, 0]] {
            assert!(fields(message).last().unwrap().is_err(), "{message:?}");
        }
    }
}
