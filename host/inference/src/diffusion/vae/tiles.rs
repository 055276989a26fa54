//! Decoding in tiles, for pictures whose feature maps would not fit into memory as a whole: overlapping squares, whose
//! edges are blended into those of the tiles above and to the left.
//!
//! Follows `AutoencoderKL.tiled_decode` of diffusers.

use candle_core::{Result, Tensor};

use super::Vae;

/// Edge of a tile in pixels of the encoder's latents.
pub(super) const TILE: usize = 64;
/// The share of a tile that overlaps the next is one of so many.
const OVERLAP: usize = 4;

/// Rows and columns of a map.
const ROWS: usize = 2;
const COLUMNS: usize = 3;

impl Vae {
    /// As [`Vae::decode`], tile by tile. Where tiles meet, the picture differs a little from one decoded as a whole.
    pub fn decode_in_tiles(&self, latents: &Tensor) -> Result<Tensor> {
        let (_, _, height, width) = latents.dims4()?;
        let tile = TILE * self.config().scale();
        let (blended, kept) = (tile / OVERLAP, tile - tile / OVERLAP);
        let mut picture = Vec::new();
        let mut above: Vec<Tensor> = Vec::new();
        for top in starts(height) {
            let latents = latents.narrow(ROWS, top, TILE.min(height - top))?;
            let mut row: Vec<Tensor> = Vec::new();
            for (number, left) in starts(width).enumerate() {
                let part = latents.narrow(COLUMNS, left, TILE.min(width - left))?.contiguous()?;
                let mut decoded = self.decode(&part)?;
                if let Some(above) = above.get(number) {
                    decoded = blend(above, &decoded, ROWS, blended)?;
                }
                if let Some(before) = row.last() {
                    decoded = blend(before, &decoded, COLUMNS, blended)?;
                }
                row.push(decoded);
            }
            let parts = row.iter().map(|tile| first(&first(tile, ROWS, kept)?, COLUMNS, kept));
            picture.push(Tensor::cat(&parts.collect::<Result<Vec<_>>>()?, COLUMNS)?);
            above = row;
        }
        Tensor::cat(&picture, ROWS)
    }
}

/// Where tiles begin along a length.
fn starts(length: usize) -> impl Iterator<Item = usize> {
    (0..length).step_by(TILE - TILE / OVERLAP)
}

/// As much of a tile as is kept.
fn first(tile: &Tensor, dim: usize, most: usize) -> Result<Tensor> {
    tile.narrow(dim, 0, most.min(tile.dim(dim)?))
}

/// A tile whose first `extent` pixels along a dimension go over from the last ones of the tile before.
fn blend(before: &Tensor, tile: &Tensor, dim: usize, extent: usize) -> Result<Tensor> {
    let extent = extent.min(before.dim(dim)?).min(tile.dim(dim)?);
    let mut shape = [1; 4];
    if let Some(length) = shape.get_mut(dim) {
        *length = extent;
    }
    let share = Tensor::arange(0u32, extent as u32, tile.device())?.to_dtype(tile.dtype())?;
    let share = (share / extent as f64)?.reshape(&shape)?;
    let old = before.narrow(dim, before.dim(dim)? - extent, extent)?;
    let new = tile.narrow(dim, 0, extent)?;
    let mixed = (old.broadcast_mul(&(1.0 - &share)?)? + new.broadcast_mul(&share)?)?;
    let rest = tile.narrow(dim, extent, tile.dim(dim)? - extent)?;
    Tensor::cat(&[mixed, rest], dim)
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    #[test]
    fn a_tile_goes_over_from_the_one_before_pixel_by_pixel() {
        let of = |value: f32| Tensor::full(value, (1, 1, 2, 6), &Device::Cpu).unwrap();
        let mixed = blend(&of(8.0), &of(0.0), COLUMNS, 4).unwrap();
        let row = mixed.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        assert_eq!(row[..6], [8.0, 6.0, 4.0, 2.0, 0.0, 0.0]);
        let mixed = blend(&of(8.0), &of(0.0), ROWS, 4).unwrap();
        assert_eq!(mixed.flatten_all().unwrap().to_vec1::<f32>().unwrap()[5..7], [8.0, 4.0]);
    }

    #[test]
    fn tiles_cover_every_length() {
        for length in [1, 48, 64, 65, 96, 97, 500] {
            let last = starts(length).last().unwrap();
            assert!(last < length && last + TILE >= length, "{length}");
        }
    }
}
