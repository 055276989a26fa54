//! Canny's edge detector (J. Canny, 1986) with the choices of OpenCV's `Canny` in its usual form: Sobel of 3 × 3,
//! gradients summed rather than squared, edges thinned along four directions, and weak edges kept where they touch
//! strong ones.

use crate::lines::Lines;

/// tan 22.5°, where one of the four directions ends.
const TAN_22: f32 = 0.414_213_56;

/// Changes of brightness at each pixel.
struct Gradient {
    lines: Lines<[i32; 2]>,
}

impl Gradient {
    fn of(grey: &Lines<u8>) -> Self {
        let at = |x: isize, y: isize| i32::from(grey.near(x, y));
        let lines = Lines::from_fn(grey.width, grey.height, |x, y| {
            let (x, y) = (x as isize, y as isize);
            let down = |x: isize| at(x, y - 1) + 2 * at(x, y) + at(x, y + 1);
            let across = |y: isize| at(x - 1, y) + 2 * at(x, y) + at(x + 1, y);
            [down(x + 1) - down(x - 1), across(y + 1) - across(y - 1)]
        });
        Self { lines }
    }

    /// How strong the change is; 0 outside.
    fn strength(&self, x: isize, y: isize) -> i32 {
        self.lines.inside(x, y).map_or(0, |[right, down]| right.abs() + down.abs())
    }

    /// Whether the change is strongest here, seen along its direction.
    fn is_ridge(&self, x: isize, y: isize) -> bool {
        let [right, down] = self.lines.near(x, y);
        let here = self.strength(x, y);
        let (across, along) = (right.abs() as f32, down.abs() as f32);
        if along < across * TAN_22 {
            here > self.strength(x - 1, y) && here >= self.strength(x + 1, y)
        } else if along > across / TAN_22 {
            here > self.strength(x, y - 1) && here >= self.strength(x, y + 1)
        } else {
            let side = if (right < 0) == (down < 0) { 1 } else { -1 };
            here > self.strength(x - side, y - 1) && here > self.strength(x + side, y + 1)
        }
    }
}

/// White where there is an edge. Changes of more than `high` are edges; those of more than `low` are where they touch
/// an edge. Both are 0 to 2040.
pub(crate) fn canny(grey: &Lines<u8>, low: i32, high: i32) -> Lines<u8> {
    let gradient = Gradient::of(grey);
    let mut edges = Lines::from_fn(grey.width, grey.height, |_, _| 0_u8);
    let may_be = |x: isize, y: isize| gradient.strength(x, y) > low && gradient.is_ridge(x, y);
    let mut grown: Vec<(isize, isize)> = Vec::new();
    for y in 0..grey.height as isize {
        for x in 0..grey.width as isize {
            if gradient.strength(x, y) > high && may_be(x, y) && mark(&mut edges, x, y) {
                grown.push((x, y));
            }
            while let Some((x, y)) = grown.pop() {
                for (x, y) in around(x, y) {
                    if may_be(x, y) && mark(&mut edges, x, y) {
                        grown.push((x, y));
                    }
                }
            }
        }
    }
    edges
}

/// Whether the pixel became white just now.
fn mark(edges: &mut Lines<u8>, x: isize, y: isize) -> bool {
    edges.inside_mut(x, y).is_some_and(|edge| std::mem::replace(edge, 255) == 0)
}

fn around(x: isize, y: isize) -> impl Iterator<Item = (isize, isize)> {
    (-1..=1).flat_map(move |down| (-1..=1).map(move |right| (x + right, y + down)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Dark on the left, light on the right.
    fn step(light: u8) -> Lines<u8> {
        Lines::from_fn(12, 9, |x, _| if x < 6 { 20 } else { light })
    }

    fn white(edges: &Lines<u8>) -> Vec<(usize, usize)> {
        let all = (0..edges.height).flat_map(|y| (0..edges.width).map(move |x| (x, y)));
        all.filter(|(x, y)| edges.near(*x as isize, *y as isize) == 255).collect()
    }

    #[test]
    fn a_step_is_one_line_of_one_pixel() {
        let found = white(&canny(&step(200), 100, 200));
        assert_eq!(found, (0..9).map(|y| (5, y)).collect::<Vec<_>>());
    }

    #[test]
    fn weak_edges_count_only_where_they_touch_strong_ones() {
        // A step of 40 has a gradient of 160.
        assert_eq!(white(&canny(&step(60), 100, 200)), []);
        assert_eq!(white(&canny(&step(60), 100, 159)).len(), 9);
        let fading = Lines::from_fn(12, 9, |x, y| if x < 6 { 20 } else { 220 - 20 * y as u8 });
        assert!(white(&canny(&fading, 100, 400)).len() > white(&canny(&fading, 400, 400)).len());
    }

    #[test]
    fn even_areas_have_no_edges_and_slopes_are_found_in_every_direction() {
        assert_eq!(white(&canny(&Lines::from_fn(9, 9, |_, _| 77), 0, 0)), []);
        for (right, down) in [(1, 0), (0, 1), (1, 1), (1, -1)] {
            let half = Lines::from_fn(21, 21, |x, y| {
                if (x as i32 - 10) * right + (y as i32 - 10) * down < 0 { 0 } else { 255 }
            });
            let found = white(&canny(&half, 100, 200)).len();
            // A diagonal is a stair, two pixels for each row.
            assert!((19..=42).contains(&found), "{right} {down}: {found}");
        }
    }

    #[test]
    fn one_pixel_is_a_picture_too() {
        assert_eq!(white(&canny(&Lines::from_fn(1, 1, |_, _| 200), 0, 0)), []);
    }
}
