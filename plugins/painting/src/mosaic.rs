//! Tiles laid over one another into one picture, row of tiles after row of tiles, so that only the rows that may still
//! change are held.

/// Bytes of a pixel: red, green and blue.
const CHANNELS: usize = 3;

/// Sums of weighted pixels, from the first row that is not finished.
#[derive(Debug)]
pub(crate) struct Mosaic {
    width: usize,
    /// Rows that were handed out already.
    finished: usize,
    sums: Vec<f32>,
}

/// Where a tile lies: its upper left pixel, and how much its columns and rows count.
pub(crate) struct Place<'a> {
    pub(crate) x: usize,
    pub(crate) y: usize,
    pub(crate) across: &'a [f32],
    pub(crate) down: &'a [f32],
}

impl Mosaic {
    /// Of pictures of this width, in pixels.
    pub(crate) const fn new(width: usize) -> Self {
        Self { width, finished: 0, sums: Vec::new() }
    }

    /// Adds a tile of RGB bytes. It must not reach above the rows that are finished.
    pub(crate) fn add(&mut self, pixels: &[u8], place: &Place<'_>) {
        let top = place.y.saturating_sub(self.finished);
        let row_length = self.width * CHANNELS;
        let needed = (top + place.down.len()) * row_length;
        self.sums.resize(self.sums.len().max(needed), 0.0);
        let rows = self.sums.chunks_exact_mut(row_length.max(1)).skip(top);
        let tile_rows = pixels.chunks_exact((place.across.len() * CHANNELS).max(1));
        for ((row, tile), down) in rows.zip(tile_rows).zip(place.down) {
            let row = row.chunks_exact_mut(CHANNELS).skip(place.x);
            for ((sums, pixel), across) in row.zip(tile.chunks_exact(CHANNELS)).zip(place.across) {
                let weight = across * down;
                sums.iter_mut().zip(pixel).for_each(|(sum, value)| *sum += weight * f32::from(*value));
            }
        }
    }

    /// The bytes of the rows up to `row`, to which no further tile will add.
    pub(crate) fn finish(&mut self, row: usize) -> Vec<u8> {
        let count = row.saturating_sub(self.finished) * self.width * CHANNELS;
        self.finished = self.finished.max(row);
        let done = self.sums.drain(..count.min(self.sums.len()));
        // A cast of a float stops at the ends of the range.
        done.map(|sum| (sum + 0.5) as u8).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tiles::Tiles;

    /// A picture cut into tiles and laid together again.
    fn together((width, height): (usize, usize), tile: usize, overlap: usize, picture: &[u8]) -> Vec<u8> {
        let (across, down) = (Tiles::over(width, tile, overlap), Tiles::over(height, tile, overlap));
        let mut mosaic = Mosaic::new(width);
        let mut done = Vec::new();
        for (row, y) in down.starts.iter().enumerate() {
            done.extend(mosaic.finish(*y));
            for (column, x) in across.starts.iter().enumerate() {
                let rows = picture.chunks_exact(width * 3).skip(*y).take(down.tile);
                let pixels: Vec<u8> =
                    rows.flat_map(|row| row[x * 3..(x + across.tile) * 3].to_vec()).collect();
                let place = Place { x: *x, y: *y, across: &across.weights(column), down: &down.weights(row) };
                mosaic.add(&pixels, &place);
            }
        }
        done.extend(mosaic.finish(height));
        done
    }

    #[test]
    fn tiles_that_agree_give_the_very_picture_without_seams_or_dark_borders() {
        for (width, height, tile, overlap) in
            [(50, 37, 16, 5), (16, 16, 16, 4), (9, 40, 16, 15), (33, 17, 16, 0)]
        {
            let picture: Vec<u8> = (0..width * height * 3).map(|at| (at * 7 % 256) as u8).collect();
            assert_eq!(together((width, height), tile, overlap, &picture), picture, "{width} × {height}");
        }
        let white = vec![255; 40 * 40 * 3];
        assert_eq!(together((40, 40), 16, 6, &white), white);
    }

    #[test]
    fn where_tiles_differ_one_gives_way_to_the_other_by_and_by() {
        let tiles = Tiles::over(24, 16, 8);
        let mut mosaic = Mosaic::new(24);
        for (index, (x, grey)) in tiles.starts.iter().zip([0_u8, 240]).enumerate() {
            let place = Place { x: *x, y: 0, across: &tiles.weights(index), down: &[1.0] };
            mosaic.add(&[grey; 16 * 3], &place);
        }
        let row: Vec<u8> = mosaic.finish(1).chunks_exact(3).map(|pixel| pixel[0]).collect();
        assert!(row.is_sorted() && row[7] == 0 && row[16] == 240, "{row:?}");
        assert!(row.windows(2).all(|pair| pair[1] - pair[0] < 60), "{row:?}");
    }
}
