//! Floats of eight bits (Micikevicius et al. 2022, arXiv 2209.05433), and the factors that files keep beside tensors of
//! them: `<layer>.scale_weight` or `<layer>.weight_scale`, one number for all or one for each row.

use std::collections::BTreeMap;

use super::tensor_file::{StoredType, TensorEntry};
use crate::tensor::half_to_f32;

/// Ends of the name of a factor, in the place of a weight's `weight`.
const FACTORS: [&str; 2] = ["scale_weight", "weight_scale"];
/// Bits of the fraction and offset of the exponent in E4M3.
const FRACTION: u32 = 3;
const BIAS: i32 = 7;

/// True for types of eight-bit floats.
pub(super) fn is_eight_bit(dtype: StoredType) -> bool {
    matches!(dtype, StoredType::F8E4M3 | StoredType::F8E5M2)
}

/// The value of four bits of exponent and three of fraction; there are no infinities.
pub(super) fn e4m3(byte: u8) -> f32 {
    let (sign, rest) = (if byte & 0x80 == 0 { 1.0 } else { -1.0 }, byte & 0x7f);
    let (exponent, fraction) = (i32::from(rest >> FRACTION), f32::from(rest & 0b111) / 8.0);
    let magnitude = match (rest, exponent) {
        (0x7f, _) => f32::NAN,
        (_, 0) => fraction * 2f32.powi(1 - BIAS),
        _ => (1.0 + fraction) * 2f32.powi(exponent - BIAS),
    };
    sign * magnitude
}

/// The value of five bits of exponent and two of fraction: the upper half of a half-precision number.
pub(super) fn e5m2(byte: u8) -> f32 {
    half_to_f32(u16::from(byte) << 8)
}

/// The tensor that holds the factors of another, if there is one.
pub(super) fn factors_of<'a>(
    name: &str,
    entries: &'a BTreeMap<String, TensorEntry>,
) -> Option<(&'a str, &'a TensorEntry)> {
    let layer = name.strip_suffix("weight")?;
    let found = FACTORS.iter().find_map(|end| entries.get_key_value(&format!("{layer}{end}")));
    found.map(|(name, entry)| (name.as_str(), entry))
}

/// Multiplies values, of which `row` make a row and the first lies at `first` of the whole tensor, by their factors.
///
/// # Errors
/// There are fewer factors than rows.
pub(super) fn multiply(values: &mut [f32], factors: &[f32], row: usize, first: usize) -> Result<(), String> {
    if let &[factor] = factors {
        values.iter_mut().for_each(|value| *value *= factor);
        return Ok(());
    }
    for (number, value) in values.iter_mut().enumerate() {
        let place = (first + number) / row.max(1);
        let factor =
            factors.get(place).ok_or_else(|| format!("has {} factors for more rows", factors.len()))?;
        *value *= factor;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eight_bit_floats_have_the_values_of_their_formats() {
        for (byte, value) in [
            (0x00, 0.0),
            (0x01, 0.001953125),
            (0x08, 0.015625),
            (0x38, 1.0),
            (0x7e, 448.0),
            (0xb8, -1.0),
            (0x40, 2.0),
        ] {
            assert_eq!(e4m3(byte), value, "{byte:#x}");
        }
        assert!(e4m3(0x7f).is_nan() && e4m3(0xff).is_nan());
        for (byte, value) in [(0x3c, 1.0), (0x7b, 57344.0), (0xc0, -2.0), (0x01, 2f32.powi(-16))] {
            assert_eq!(e5m2(byte), value, "{byte:#x}");
        }
    }

    #[test]
    fn factors_are_one_for_all_or_one_for_each_row() {
        let mut values = [1.0, 2.0, 3.0, 4.0];
        multiply(&mut values, &[0.5], 2, 0).unwrap();
        assert_eq!(values, [0.5, 1.0, 1.5, 2.0]);
        multiply(&mut values, &[1.0, 2.0, 10.0], 2, 2).unwrap();
        assert_eq!(values, [1.0, 2.0, 15.0, 20.0]);
        assert!(multiply(&mut values, &[1.0, 2.0], 2, 2).is_err());
    }
}
