//! Repainting a picture that is larger than what a model can take, tile by tile.

use qpyt_sdk::ai::imaging::{Repainting, Start, TextRequest};
use qpyt_sdk::job;
use qpyt_sdk::media::image::Canvas;
use qpyt_sdk::media::types::{PixelFormat, Rect};
use qpyt_sdk::prelude::*;
use qpyt_sdk::shapes::Info;

use crate::mosaic::{Mosaic, Place};
use crate::plan::native;
use crate::size::rounded;
use crate::tiles::Tiles;
use crate::{Guided, Window, request};

/// The smallest side that is painted, in pixels.
const LEAST_SIDE: u32 = 64;
/// Parts the seeds of neighbouring tiles: 2³² by the golden ratio, odd.
const SEED_STEP: u32 = 0x9E37_79B9;

/// How a picture is cut.
#[derive(Debug, Clone, Copy)]
pub struct Tiling {
    /// Sides of the tiles, in pixels; rounded to what the model can paint.
    pub tile: u32,
    /// By how much neighbours overlap at least, in pixels.
    pub overlap: u32,
}

/// The picture with each tile of it repainted by the model and prompt of `info`, in its own size. Where tiles overlap,
/// one gives way to the other smoothly. `said` begins what the person reads, such as "Picture 1 of 2".
pub fn repaint_in_tiles(
    source: &Image,
    tiling: Tiling,
    (info, seed, strength): (&Info, u32, f64),
    guided: &Guided,
    said: &str,
) -> Result<Image> {
    let size = source.info();
    let grid = Grid::over((size.width, size.height), tiling, native(&info.model).multiple);
    let padded = grid.padded(source)?;
    let canvas = Canvas::create(grid.width, grid.height, PixelFormat::Rgb8)?;
    let mut mosaic = Mosaic::new(grid.width as usize);
    let mut written = 0;
    for (row, y) in grid.down.starts.iter().enumerate() {
        written = write_rows(&canvas, &grid, written, *y, &mut mosaic)?;
        for (column, x) in grid.across.starts.iter().enumerate() {
            let index = row * grid.across.starts.len() + column;
            job::progress(
                index as f32 / grid.count() as f32,
                &format!("{said}Tile {} of {}", index + 1, grid.count()),
            )?;
            let window = grid.window(*x, *y);
            let source = &padded.crop(window.rect())?;
            let start = Start::Repainting(Repainting { source, strength: strength as f32 });
            let guided = guided.within(window, (grid.width, grid.height))?;
            let painted = guided.paint(&grid.request(info, seed_of_tile(seed, index)), &start)?;
            let all = Window::whole(window.width, window.height).rect();
            let pixels = painted.read(all, PixelFormat::Rgb8)?;
            let (across, down) = (grid.across.weights(column), grid.down.weights(row));
            mosaic.add(&pixels, &Place { x: *x, y: *y, across: &across, down: &down });
        }
    }
    write_rows(&canvas, &grid, written, grid.height as usize, &mut mosaic)?;
    let whole = Canvas::freeze(canvas);
    Ok(if grid.fits() { whole } else { whole.crop(grid.inside())? })
}

/// Writes the rows that no further tile changes, up to `until`; gives how many are written then.
fn write_rows(canvas: &Canvas, grid: &Grid, from: usize, until: usize, mosaic: &mut Mosaic) -> Result<usize> {
    if until > from {
        let area = Window { x: 0, y: from, width: grid.width as usize, height: until - from };
        canvas.write(area.rect(), &mosaic.finish(until))?;
    }
    Ok(until)
}

/// The seed of a tile: another one for each, and always the same.
fn seed_of_tile(seed: u32, index: usize) -> u32 {
    seed.wrapping_add((index as u32).wrapping_mul(SEED_STEP))
}

/// The tiles over a picture. A side that is shorter than a tile is lengthened to what the model can paint.
#[derive(Debug)]
struct Grid {
    inside: (u32, u32),
    width: u32,
    height: u32,
    across: Tiles,
    down: Tiles,
}

impl Grid {
    fn over(inside: (u32, u32), Tiling { tile, overlap }: Tiling, multiple: u32) -> Self {
        let tile = rounded(f64::from(tile), multiple, LEAST_SIDE);
        let lengthened = |side: u32| {
            if side >= tile { side } else { side.max(LEAST_SIDE).next_multiple_of(multiple.max(1)).min(tile) }
        };
        let (width, height) = (lengthened(inside.0), lengthened(inside.1));
        let tiles = |side: u32| Tiles::over(side as usize, tile as usize, overlap as usize);
        Self { inside, width, height, across: tiles(width), down: tiles(height) }
    }

    fn count(&self) -> usize {
        self.across.starts.len() * self.down.starts.len()
    }

    fn fits(&self) -> bool {
        self.inside == (self.width, self.height)
    }

    fn inside(&self) -> Rect {
        Rect { x: 0, y: 0, width: self.inside.0, height: self.inside.1 }
    }

    fn window(&self, x: usize, y: usize) -> Window {
        Window { x, y, width: self.across.tile, height: self.down.tile }
    }

    fn request(&self, info: &Info, seed: u32) -> TextRequest {
        let size = self.window(0, 0).rect();
        TextRequest { width: size.width, height: size.height, ..request(info, seed) }
    }

    /// The picture on the grid; beyond its edges the last pixels go on.
    fn padded(&self, source: &Image) -> Result<Image> {
        if self.fits() {
            return Ok(source.clone_handle());
        }
        let bytes = source.read(self.inside(), PixelFormat::Rgb8)?;
        let canvas = Canvas::create(self.width, self.height, PixelFormat::Rgb8)?;
        let area = Rect { x: 0, y: 0, width: self.width, height: self.height };
        canvas.write(
            area,
            &lengthened(&bytes, self.inside.0 as usize, (self.width as usize, self.height as usize)),
        )?;
        Ok(Canvas::freeze(canvas))
    }
}

/// RGB rows of `inside` pixels, made `width` long and `height` many by repeating the last pixels and rows.
fn lengthened(bytes: &[u8], inside: usize, (width, height): (usize, usize)) -> Vec<u8> {
    let mut rows: Vec<u8> = Vec::with_capacity(width * height * 3);
    for row in bytes.chunks_exact((inside * 3).max(1)).take(height) {
        rows.extend_from_slice(row);
        let last = row.last_chunk::<3>().copied().unwrap_or_default();
        rows.extend(std::iter::repeat_n(last, width.saturating_sub(inside)).flatten());
    }
    let last: Vec<u8> = rows.rchunks_exact((width * 3).max(1)).next().map(<[u8]>::to_vec).unwrap_or_default();
    while rows.len() < width * height * 3 && !last.is_empty() {
        rows.extend_from_slice(&last);
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    const USUAL: Tiling = Tiling { tile: 768, overlap: 128 };

    #[test]
    fn a_large_picture_keeps_its_size_whatever_the_multiple() {
        let grid = Grid::over((1999, 1111), USUAL, 16);
        assert!(grid.fits());
        assert_eq!((grid.across.tile, grid.down.tile, grid.count()), (768, 768, 6));
    }

    #[test]
    fn a_small_side_is_lengthened_to_the_next_multiple_and_no_further_than_a_tile() {
        let grid = Grid::over((1999, 333), USUAL, 16);
        assert_eq!((grid.width, grid.height, grid.across.tile, grid.down.tile), (1999, 336, 768, 336));
        assert!(!grid.fits());
        let tiny = Grid::over((3, 767), USUAL, 64);
        assert_eq!((tiny.width, tiny.height, tiny.count()), (64, 768, 1));
    }

    #[test]
    fn tiles_are_what_the_model_can_paint() {
        let grid = Grid::over((3000, 3000), Tiling { tile: 700, overlap: 128 }, 64);
        assert_eq!(grid.across.tile, 704);
        assert_eq!(Grid::over((3000, 3000), Tiling { tile: 0, overlap: 0 }, 8).across.tile, 64);
    }

    #[test]
    fn each_tile_has_a_seed_of_its_own_and_the_first_that_of_the_picture() {
        let seeds: Vec<u32> = (0..100).map(|index| seed_of_tile(7, index)).collect();
        assert_eq!(seeds[0], 7);
        let different: std::collections::BTreeSet<_> = seeds.iter().collect();
        assert_eq!(different.len(), 100);
    }

    #[test]
    fn beyond_the_edges_the_last_pixels_go_on() {
        let two = [1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4];
        let grey = |bytes: Vec<u8>| bytes.chunks_exact(3).map(|pixel| pixel[0]).collect::<Vec<_>>();
        assert_eq!(grey(lengthened(&two, 2, (3, 3))), [1, 2, 2, 3, 4, 4, 3, 4, 4]);
        assert_eq!(grey(lengthened(&two, 2, (2, 2))), [1, 2, 3, 4]);
    }
}
