//! An upscaler with its weights, and the way from a picture to a larger one.

use std::ops::ControlFlow;

use candle_core::{Device, Tensor};

use super::compact::CompactNet;
use super::layout::{Config, UpscalerLayout};
use super::rrdb::RrdbNet;
use super::tiles::{Span, spans};
use crate::engine::Picture;
use crate::pixels::{Kernel, PictureError, check_picture, check_size, resize};
use crate::weights::{Loaded, Weights};

/// Edge of tiles, without their halo, at which the halo costs little and memory stays about a gigabyte.
pub const DEFAULT_TILE: u32 = 256;
/// Smallest edge of a tile; below it, most of the work would be the halo's.
const MIN_TILE: u32 = 16;
/// Least and largest factor of one request.
const FACTORS: (f64, f64) = (0.25, 16.0);

/// Told how many tiles of how many are done; says whether to go on.
pub type Progress<'a> = &'a mut dyn FnMut(usize, usize) -> ControlFlow<()>;

/// Why a picture could not be enlarged.
#[derive(Debug, thiserror::Error)]
pub enum UpscaleError {
    /// The picture, or what it would become, is not one.
    #[error(transparent)]
    Picture(#[from] PictureError),
    /// The factor is out of range.
    #[error("factor: {0} is not between {min} and {max}", min = FACTORS.0, max = FACTORS.1)]
    Factor(f64),
    /// The tile is too small.
    #[error("tile: {0} pixels are too few, take at least {MIN_TILE}")]
    Tile(u32),
    /// The progress callback asked for it.
    #[error("cancelled")]
    Cancelled,
    /// The network gave numbers that are not finite.
    #[error("the network gave numbers that are not finite; its weights are damaged")]
    NotFinite,
    /// A tensor operation failed.
    #[error("the network failed: {0}")]
    Tensor(#[from] candle_core::Error),
}

enum Network {
    Rrdb(Box<RrdbNet>),
    Compact(CompactNet),
}

/// An upscaler with its weights.
pub struct Upscaler {
    config: Config,
    network: Network,
    device: Device,
}

impl Upscaler {
    /// Loads the weights onto a device.
    ///
    /// # Errors
    /// A tensor is missing or has another shape.
    pub fn load(layout: &UpscalerLayout, device: &Device) -> Loaded<Self> {
        let weights = Weights::new(layout.weights.clone(), device).below(layout.prefix);
        let network = match layout.config {
            Config::Rrdb(config) => Network::Rrdb(Box::new(RrdbNet::load(config, &weights)?)),
            Config::Compact(config) => Network::Compact(CompactNet::load(config, &weights)?),
        };
        Ok(Self { config: layout.config, network, device: device.clone() })
    }

    /// The factor that the network enlarges by.
    pub fn scale(&self) -> u32 {
        self.config.scale() as u32
    }

    /// Applies the network to (1, 3, height, width) in 0..1, giving (1, 3, height * scale, width * scale).
    pub fn forward(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        match &self.network {
            Network::Compact(network) => network.forward(x),
            Network::Rrdb(network) => {
                let (_, _, height, width) = x.dims4()?;
                let multiple = network.multiple();
                let padded = pad_to(&pad_to(x, 2, multiple)?, 3, multiple)?;
                let y = network.forward(&padded)?;
                let scale = self.config.scale();
                y.narrow(2, 0, height * scale)?.narrow(3, 0, width * scale)
            }
        }
    }

    /// Enlarges an 8-bit sRGB picture by any factor between 0.25 and 16; sides are rounded to whole pixels. The network
    /// runs, if need be again and again, until its pictures are at least as large as asked, and Lanczos brings the
    /// last one to the size. Tiles have the edge `tile` and are computed with a halo.
    ///
    /// # Errors
    /// The picture has no pixels or not the bytes that its size asks for, the result would have too many, the factor or
    /// the tile is out of range, `progress` said to stop, or the network fails.
    pub fn upscale(
        &self,
        picture: &Picture,
        factor: f64,
        tile: u32,
        progress: Progress<'_>,
    ) -> Result<Picture, UpscaleError> {
        check_picture(picture)?;
        if !(FACTORS.0..=FACTORS.1).contains(&factor) {
            return Err(UpscaleError::Factor(factor));
        }
        if tile < MIN_TILE {
            return Err(UpscaleError::Tile(tile));
        }
        let sized = |length: u32| (f64::from(length) * factor).round().max(1.0) as u32;
        let (width, height) = (sized(picture.width), sized(picture.height));
        check_size(width, height)?;
        let sizes = self.passes((picture.width, picture.height), factor);
        for &(width, height) in &sizes {
            check_size(width.saturating_mul(self.scale()), height.saturating_mul(self.scale()))?;
        }
        let of = sizes.iter().map(|&size| self.tile_count(size, tile)).sum();
        let mut done = 0;
        let mut enlarged = picture.clone();
        for _ in &sizes {
            enlarged = self.pass(&enlarged, tile, &mut || {
                done += 1;
                progress(done, of)
            })?;
        }
        let rgb =
            resize(&enlarged.rgb, 3, (enlarged.width, enlarged.height), (width, height), Kernel::Lanczos)?;
        Ok(Picture { width, height, rgb })
    }

    /// Sizes of the pictures that the network is applied to, one after the other.
    fn passes(&self, (width, height): (u32, u32), factor: f64) -> Vec<(u32, u32)> {
        let mut sizes = vec![(width, height)];
        let mut reached = self.scale();
        while self.scale() > 1 && f64::from(reached) < factor {
            sizes.push((width.saturating_mul(reached), height.saturating_mul(reached)));
            reached *= self.scale();
        }
        sizes
    }

    fn tile_count(&self, (width, height): (u32, u32), tile: u32) -> usize {
        let along = |side: u32| side.div_ceil(tile) as usize;
        along(width) * along(height)
    }

    /// Applies the network once to a whole picture, tile by tile.
    fn pass(
        &self,
        picture: &Picture,
        tile: u32,
        tile_done: &mut dyn FnMut() -> ControlFlow<()>,
    ) -> Result<Picture, UpscaleError> {
        let (width, height) = (picture.width as usize, picture.height as usize);
        let (scale, halo) = (self.config.scale(), self.config.halo());
        let row_length = width * scale * 3;
        let mut rgb = vec![0; row_length * height * scale];
        for rows in spans(height, tile as usize, halo) {
            for columns in spans(width, tile as usize, halo) {
                let part = self.tile(picture, rows, columns)?;
                let first = (rows.start + rows.skip) * scale;
                let left = (columns.start + columns.skip) * scale * 3;
                let targets = rgb.chunks_exact_mut(row_length).skip(first);
                for (target, row) in targets.zip(part.chunks_exact(columns.keep * scale * 3)) {
                    if let Some(target) = target.get_mut(left..left + row.len()) {
                        target.copy_from_slice(row);
                    }
                }
                if tile_done().is_break() {
                    return Err(UpscaleError::Cancelled);
                }
            }
        }
        Ok(Picture { width: picture.width * self.scale(), height: picture.height * self.scale(), rgb })
    }

    /// The kept part of one tile, as bytes.
    fn tile(&self, picture: &Picture, rows: Span, columns: Span) -> Result<Vec<u8>, UpscaleError> {
        let row_length = picture.width as usize * 3;
        let window = |row: &[u8], channel: usize| -> Vec<f32> {
            let pixels = row.iter().skip(columns.start * 3 + channel).step_by(3).take(columns.length);
            pixels.map(|&sample| f32::from(sample) / 255.0).collect()
        };
        let mut values = Vec::with_capacity(3 * rows.length * columns.length);
        for channel in 0..3 {
            let lines = picture.rgb.chunks_exact(row_length).skip(rows.start).take(rows.length);
            values.extend(lines.flat_map(|row| window(row, channel)));
        }
        let x = Tensor::from_vec(values, (1, 3, rows.length, columns.length), &self.device)?;
        let scale = self.config.scale();
        let kept = self
            .forward(&x)?
            .narrow(2, rows.skip * scale, rows.keep * scale)?
            .narrow(3, columns.skip * scale, columns.keep * scale)?
            .squeeze(0)?
            .permute((1, 2, 0))?
            .flatten_all()?
            .to_vec1::<f32>()?;
        if kept.iter().any(|value| !value.is_finite()) {
            return Err(UpscaleError::NotFinite);
        }
        Ok(kept.into_iter().map(|value| (value.clamp(0.0, 1.0) * 255.0).round_ties_even() as u8).collect())
    }
}

/// Continues a dimension to a multiple of `multiple` by mirroring it at its last sample, or repeating that where it is
/// too short.
fn pad_to(x: &Tensor, dim: usize, multiple: usize) -> candle_core::Result<Tensor> {
    let length = x.dim(dim)?;
    let missing = length.next_multiple_of(multiple) - length;
    if missing == 0 {
        return Ok(x.clone());
    }
    let mirrored = (0..length).chain((1..=missing).map(|i| length.saturating_sub(1 + i)));
    let places: Vec<u32> = mirrored.map(|place| place as u32).collect();
    x.index_select(&Tensor::new(places, x.device())?, dim)
}
