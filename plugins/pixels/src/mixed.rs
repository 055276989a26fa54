//! Colour times alpha, in which pixels are mixed so that what can't be seen does not bleed into what can. In whole
//! numbers: the sandbox looks at every result of a float, which takes longer than the sum itself.

/// Red, green, blue and alpha of one pixel, colour already times alpha, 0 to 255 in steps of 1/128.
pub type Mixed = [u16; 4];

/// One grey level.
const LEVEL: u32 = 128;
/// What counts as half a grey level, below which there is nothing and above which there is all.
const HALF: u32 = LEVEL / 2;
const OPAQUE: u16 = (255 * LEVEL - HALF) as u16;

/// Colour times alpha.
pub fn mixed([r, g, b, a]: [u8; 4]) -> Mixed {
    // 32897 / 2^23 is 1 / 255 for all products of two bytes.
    [r, g, b, 255].map(|value| ((u32::from(value) * u32::from(a) * 32_897 + (1 << 15)) >> 16) as u16)
}

/// Colour times alpha of a whole row.
pub fn mixed_row(from: &[[u8; 4]], to: &mut [Mixed]) {
    let least = from.iter().fold(255, |least, pixel| pixel[3].min(least));
    if least == 255 {
        let values = to.as_flattened_mut().iter_mut().zip(from.as_flattened());
        values.for_each(|(to, from)| *to = u16::from(*from) * LEVEL as u16);
    } else {
        to.iter_mut().zip(from).for_each(|(to, from)| *to = mixed(*from));
    }
}

/// The way back.
pub fn straight(pixel: Mixed) -> [u8; 4] {
    let [r, g, b, a] = pixel;
    if a >= OPAQUE {
        return pixel.map(rounded);
    }
    let alpha = u32::from(a);
    if alpha < HALF {
        return [0; 4];
    }
    let by_alpha = ((255 << 16) + alpha / 2) / alpha;
    // Colour is at most alpha, give or take a rounding.
    let [r, g, b] = [r, g, b].map(|value| ((u32::from(value) * by_alpha + (1 << 15)) >> 16).min(255) as u8);
    [r, g, b, rounded(a)]
}

/// The way back for a whole row.
pub fn straight_row(from: &[Mixed], to: &mut [[u8; 4]]) {
    let least = from.iter().fold(OPAQUE, |least, pixel| least.min(pixel[3]));
    if least == OPAQUE {
        let values = to.as_flattened_mut().iter_mut().zip(from.as_flattened());
        values.for_each(|(to, from)| *to = rounded(*from));
    } else {
        to.iter_mut().zip(from).for_each(|(to, from)| *to = straight(*from));
    }
}

fn rounded(value: u16) -> u8 {
    ((value + HALF as u16) / LEVEL as u16).min(255) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_colour_that_can_be_seen_well_comes_back_from_being_mixed() {
        for alpha in 0..=255 {
            for value in 0..=255 {
                let [r, _, _, a] = straight(mixed([value, 0, 255, alpha]));
                assert_eq!(a, alpha);
                let lost = if alpha >= 128 { 0 } else { 128 / alpha.max(1) };
                assert!(r.abs_diff(value) <= lost || alpha == 0, "{value} × {alpha}: {r}");
            }
        }
    }

    #[test]
    fn mixing_is_the_product_to_a_part_of_a_grey_level() {
        for (value, alpha) in (0..=255_u8).flat_map(|value| (0..=255).map(move |alpha| (value, alpha))) {
            let exact = f64::from(value) * f64::from(alpha) / 255.0;
            assert!((f64::from(mixed([value, 0, 0, alpha])[0]) / 128.0 - exact).abs() < 1.0 / 128.0);
        }
    }

    #[test]
    fn rows_go_and_come_back_as_their_pixels_do() {
        let row = [[0, 0, 0, 255], [255, 128, 1, 255], [200, 100, 50, 128], [0, 0, 0, 0]];
        for row in [&row[..], &row[..2]] {
            let (mut there, mut back) = (vec![[9; 4]; row.len()], vec![[9; 4]; row.len()]);
            mixed_row(row, &mut there);
            assert_eq!(there, row.iter().copied().map(mixed).collect::<Vec<_>>());
            straight_row(&there, &mut back);
            assert_eq!(back, row);
        }
    }
}
