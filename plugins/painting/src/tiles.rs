//! How a side of a picture is cut into tiles that overlap, and how much each of them counts where they do.

/// Tiles along one side, all of the same length.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tiles {
    /// Where each begins, in pixels; the first at 0, the last so that it ends with the side.
    pub(crate) starts: Vec<usize>,
    /// Length of a tile, in pixels.
    pub(crate) tile: usize,
    /// Over how many pixels a tile gives way to its neighbour.
    fade: usize,
}

impl Tiles {
    /// As few as reach over `side` pixels and overlap by at least `overlap`, evenly spread. A side that is no longer
    /// than a tile has one.
    pub(crate) fn over(side: usize, tile: usize, overlap: usize) -> Self {
        let tile = tile.clamp(1, side.max(1));
        let overlap = overlap.min(tile - 1);
        let count = side.saturating_sub(overlap).div_ceil(tile - overlap).max(1);
        let room = side.saturating_sub(tile);
        let starts = (0..count)
            .map(|index| if count == 1 { 0 } else { (room * index + (count - 1) / 2) / (count - 1) });
        Self { starts: starts.collect(), tile, fade: overlap.max(1) }
    }

    /// How much the tile at a place in the list counts at each of its pixels, 0..1. At each pixel of the side all tiles
    /// together count 1, and at the ends of the side the outermost tile counts all.
    pub(crate) fn weights(&self, index: usize) -> Vec<f32> {
        let Some(start) = self.starts.get(index) else { return Vec::new() };
        let places = *start..*start + self.tile;
        places.map(|at| (self.rise(*start, at) / self.sum(at)) as f32).collect()
    }

    fn sum(&self, at: usize) -> f64 {
        self.starts.iter().map(|start| self.rise(*start, at)).sum()
    }

    /// Rises from an inner edge of a tile to 1 in the smooth curve `3t² - 2t³`, and falls to the other edge. 0 outside.
    fn rise(&self, start: usize, at: usize) -> f64 {
        let end = start + self.tile;
        if at < start || at >= end {
            return 0.0;
        }
        let from = |inside: usize| {
            let t = ((inside as f64 + 0.5) / self.fade as f64).min(1.0);
            t * t * (3.0 - 2.0 * t)
        };
        let left = if self.starts.first() == Some(&start) { 1.0 } else { from(at - start) };
        let right = if self.starts.last() == Some(&start) { 1.0 } else { from(end - 1 - at) };
        left * right
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CASES: [(usize, usize, usize); 9] = [
        (1536, 768, 128),
        (769, 768, 128),
        (1537, 768, 128),
        (2999, 768, 128),
        (640, 768, 128),
        (100, 64, 0),
        (100, 64, 63),
        (7, 3, 2),
        (1, 1, 1),
    ];

    #[test]
    fn tiles_reach_from_end_to_end_and_overlap_enough() {
        for (side, tile, overlap) in CASES {
            let tiles = Tiles::over(side, tile, overlap);
            assert_eq!(tiles.starts[0], 0);
            assert_eq!(tiles.starts.last().unwrap() + tiles.tile, side, "{side} {tile} {overlap}");
            for pair in tiles.starts.windows(2) {
                assert!(pair[0] < pair[1] && pair[0] + tiles.tile >= pair[1] + overlap, "{side}: {pair:?}");
            }
        }
    }

    #[test]
    fn there_are_no_more_than_needed() {
        let count = |side| Tiles::over(side, 768, 128).starts.len();
        assert_eq!([640, 768, 769, 1408, 1409, 2048].map(count), [1, 1, 2, 2, 3, 3]);
    }

    #[test]
    fn weights_sum_to_one_at_every_pixel() {
        for (side, tile, overlap) in CASES {
            let tiles = Tiles::over(side, tile, overlap);
            let mut sums = vec![0.0_f64; side];
            for (index, start) in tiles.starts.iter().enumerate() {
                for (sum, weight) in sums[*start..].iter_mut().zip(tiles.weights(index)) {
                    assert!((0.0..=1.0).contains(&weight));
                    *sum += f64::from(weight);
                }
            }
            assert!(sums.iter().all(|sum| (sum - 1.0).abs() < 1e-6), "{side} {tile} {overlap}: {sums:?}");
        }
    }

    #[test]
    fn at_the_ends_of_the_side_one_tile_counts_all() {
        let tiles = Tiles::over(2048, 768, 128);
        assert_eq!(tiles.weights(0)[..500], [1.0; 500]);
        assert_eq!(tiles.weights(2)[268..], [1.0; 500]);
        let falling = &tiles.weights(0)[640..];
        assert!(falling.is_sorted_by(|a, b| a >= b) && falling[127] < 0.001, "{falling:?}");
    }

    #[test]
    fn a_side_that_fits_has_one_tile_that_counts_everywhere() {
        let tiles = Tiles::over(200, 768, 128);
        assert_eq!((tiles.starts.as_slice(), tiles.tile), (&[0][..], 200));
        assert!(tiles.weights(0).iter().all(|weight| *weight == 1.0));
    }
}
