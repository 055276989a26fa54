//! Making a part of a picture anew: the model gets to see a window of it, and what it painted is laid over the picture
//! within the mask alone, with a soft edge.

use pixels::Plane;
use qpyt_sdk::ai::imaging::{Inpainting, Start, TextRequest};
use qpyt_sdk::media::image::Canvas;
use qpyt_sdk::media::types::Filter;
use qpyt_sdk::prelude::*;
use qpyt_sdk::shapes::Info;

use crate::{Guided, Manner, Pictures, Window, Wishes, info, paint_each, request};

/// The part of a picture that is made anew, on the picture's grid.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// Where the model paints: 0 or 1.
    pub painted: Plane,
    /// How much of what it painted is seen: 1 in the part, falling to 0 in what lies around it.
    pub seen: Plane,
}

impl Part {
    /// The white of a mask, larger by `grow` pixels (smaller where that is below 0), with an edge that falls over twice
    /// `feather` pixels outwards. None if nothing of it is left.
    pub fn of(mask: &Plane, grow: i32, feather: u32) -> Option<Self> {
        let feather = feather.min(1 << 12);
        let clear =
            Plane { values: mask.values.iter().map(|it| it.round().clamp(0.0, 1.0)).collect(), ..*mask };
        let part = clear.grown(grow);
        Window::around(&part)?;
        let reach = i32::try_from(feather).unwrap_or_default();
        let seen = if feather == 0 { part.clone() } else { part.grown(reach).mean(feather as usize) };
        Some(Self { painted: part.grown(2 * reach), seen })
    }
}

/// The part of a picture that a window shows, painted anew once for each seed.
pub fn mend_each(
    manner: Manner<'_>,
    wishes: &Wishes,
    source: &Image,
    (part, window): (&Part, Window),
    strength: f64,
) -> Result<Pictures> {
    let size = window.rect();
    let info = Info { strength: Some(strength), ..info(manner, wishes, Some((size.width, size.height)))? };
    let whole = source.info();
    let guided = wishes.guided.within(window, (whole.width, whole.height))?;
    let image =
        paint_each(&info.seeds, |seed| mend(source, part, window, strength, &request(&info, seed), &guided))?;
    Ok(Pictures { image, info: Json(info) })
}

/// The picture with the part of it in a window painted anew. `strength` 0..1: how much of it may change. What the mask
/// does not reach stays as it is, to the bit.
fn mend(
    source: &Image,
    part: &Part,
    window: Window,
    strength: f64,
    request: &TextRequest,
    guided: &Guided,
) -> Result<Image> {
    if strength <= 0.0 {
        return Ok(source.clone_handle());
    }
    let before = source.crop(window.rect())?;
    let mask = cut(&part.painted, window).mask()?;
    let start = Start::Inpainting(Inpainting { source: &before, mask: &mask, strength: strength as f32 });
    let painted = guided.paint(request, &start)?;
    let area = window.rect();
    let fitted = painted.resize(area.width, area.height, Filter::Lanczos)?;
    let after = before.blend(&fitted, 1.0, Some(&cut(&part.seen, window).mask()?))?;
    if window == Window::whole(part.seen.width, part.seen.height) {
        Ok(after)
    } else {
        put(source, &after, window)
    }
}

/// A picture with another one in its window.
fn put(into: &Image, picture: &Image, window: Window) -> Result<Image> {
    let info = into.info();
    let whole = Window::whole(info.width as usize, info.height as usize).rect();
    let canvas = Canvas::create(info.width, info.height, info.format)?;
    canvas.write(whole, &into.read(whole, info.format)?)?;
    let size = picture.info();
    let all = Window::whole(size.width as usize, size.height as usize).rect();
    canvas.write(window.rect(), &picture.read(all, info.format)?)?;
    Ok(Canvas::freeze(canvas))
}

/// What of a plane lies in a window.
fn cut(plane: &Plane, window: Window) -> Plane {
    let rows = plane.values.chunks_exact(plane.width.max(1)).skip(window.y).take(window.height);
    let values = rows.flat_map(|row| row.iter().skip(window.x).take(window.width)).copied().collect();
    Plane { width: window.width, height: window.height, values }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(values: &[f32]) -> Plane {
        Plane { width: values.len(), height: 1, values: values.to_vec() }
    }

    #[test]
    fn a_soft_edge_lies_outside_of_the_part_and_the_model_paints_all_that_is_seen() {
        let mut mask = line(&[0.0; 21]);
        mask.values[8..=12].fill(0.9);
        let part = Part::of(&mask, 0, 2).unwrap();
        let seen = &part.seen.values;
        assert!(seen[8..=12].iter().all(|it| (it - 1.0).abs() < 1e-6), "{seen:?}");
        assert!(seen[4..8].is_sorted() && seen[4] > 0.0 && seen[3] == 0.0, "{seen:?}");
        for (seen, painted) in seen.iter().zip(&part.painted.values) {
            assert_eq!(*painted, f32::from(u8::from(*seen > 0.0)));
        }
    }

    #[test]
    fn without_feather_the_part_is_the_mask_grown_or_shrunk() {
        let mask = line(&[0.0, 0.0, 1.0, 1.0, 1.0, 0.0, 0.0]);
        let part = Part::of(&mask, 1, 0).unwrap();
        assert_eq!(part.seen.values, [0.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.0]);
        assert_eq!(part.painted, part.seen);
        assert_eq!(Part::of(&mask, -1, 0).unwrap().seen.values, [0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0]);
        assert_eq!(Part::of(&mask, -2, 0), None);
    }

    #[test]
    fn a_window_of_a_plane_has_its_rows_and_columns() {
        let plane = Plane { width: 3, height: 3, values: (0_u8..9).map(f32::from).collect() };
        let window = Window { x: 1, y: 1, width: 2, height: 2 };
        assert_eq!(cut(&plane, window).values, [4.0, 5.0, 7.0, 8.0]);
    }
}
