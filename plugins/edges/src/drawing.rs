//! Line drawings: what is darker than its surroundings.

use pixels::{Picture, blur};

use crate::lines::Lines;

/// How fine and how coarse the two softened pictures of a scribble are (XDoG: H. Winnemöller et al., 2012).
const FINE: f32 = 0.5;
const COARSE: f32 = 5.0;
/// How wide the surroundings of a line in line art are, in pixels.
const SURROUNDINGS: f32 = 6.0;
/// Differences up to this are paper.
const PAPER: i32 = 8;
/// The usual line gets at least this much room below white.
const LEAST_USUAL: i32 = 16;
/// What the usual line becomes.
const USUAL: i32 = 127;

/// White lines on black where the picture is darker than around it by half of `threshold`, 1 to 255.
pub(crate) fn scribble(picture: &Picture, threshold: i32) -> Lines<u8> {
    let (mut fine, mut coarse) = (picture.clone(), picture.clone());
    blur(&mut fine, FINE);
    blur(&mut coarse, COARSE);
    darker(&coarse, &fine, |by| if 2 * by > threshold { 255 } else { 0 })
}

/// Soft lines, white on black, as bright as the picture is darker than around it.
pub(crate) fn line_art(picture: &Picture) -> Lines<u8> {
    let mut around = picture.clone();
    blur(&mut around, SURROUNDINGS);
    let mut by = darker(&around, picture, |by| by.clamp(0, 255) as u8);
    let mut lines: Vec<i32> = by.values.iter().copied().map(i32::from).filter(|by| *by > PAPER).collect();
    let middle = lines.len() / 2;
    let usual = if lines.is_empty() { 0 } else { *lines.select_nth_unstable(middle).1 };
    let usual = usual.max(LEAST_USUAL);
    by.values.iter_mut().for_each(|value| *value = (i32::from(*value) * USUAL / usual).clamp(0, 255) as u8);
    by
}

/// `value` of how much darker the picture is than `around` in the channel where that is least.
fn darker(around: &Picture, picture: &Picture, value: impl Fn(i32) -> u8) -> Lines<u8> {
    let by = |([r, g, b, _], [to_r, to_g, to_b, _]): (&[u8; 4], &[u8; 4])| {
        let less = |around: u8, here: u8| i32::from(around) - i32::from(here);
        value(less(*r, *to_r).min(less(*g, *to_g)).min(less(*b, *to_b)))
    };
    let values = around.pixels.iter().zip(&picture.pixels).map(by).collect();
    Lines { width: picture.width, height: picture.height, values }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A dark line of 2 pixels on light paper.
    fn stroke(dark: u8) -> Picture {
        let pixel = |at: usize| {
            if (19..21).contains(&(at % 40)) { [dark, dark, dark, 255] } else { [230, 230, 230, 255] }
        };
        Picture { width: 40, height: 30, pixels: (0..40 * 30).map(pixel).collect() }
    }

    #[test]
    fn a_dark_stroke_is_a_white_line_and_paper_is_black() {
        for lines in [scribble(&stroke(20), 32), line_art(&stroke(20))] {
            assert!(lines.near(19, 15) > 120 && lines.near(20, 15) > 120);
            assert_eq!((lines.near(3, 15), lines.near(36, 15)), (0, 0));
        }
    }

    #[test]
    fn a_pale_stroke_is_left_out_by_a_high_threshold_and_lifted_by_line_art() {
        assert_eq!(scribble(&stroke(200), 250).near(19, 15), 0);
        assert_eq!(scribble(&stroke(200), 10).near(19, 15), 255);
        assert!(line_art(&stroke(200)).near(19, 15) > 100);
    }

    #[test]
    fn an_empty_page_has_no_lines() {
        let page = Picture { width: 8, height: 8, pixels: vec![[255; 4]; 64] };
        assert!(scribble(&page, 1).values.iter().chain(&line_art(&page).values).all(|value| *value == 0));
    }
}
