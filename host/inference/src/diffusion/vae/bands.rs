//! Encoding in bands of rows, for pictures whose feature maps would not fit into memory as a whole.
//!
//! The latents are those of the whole picture. Each band is computed with the rows beside it that its pixels depend on,
//! and norms go by the moments of all bands. So a level's bands are computed once for each of its norms, up to there,
//! and once more to the end; only the halved map that a level leaves is kept.

use candle_core::{Result, Tensor};

use super::blocks::{Encoder, EncoderLevel};
use super::config::VaeConfig;
use crate::diffusion::resnet::{BLOCK_NORMS, BLOCK_REACH};
use crate::nn::Conv2d;
use crate::tensor::GroupMoments;

/// The dimension of rows.
const ROWS: usize = 2;
/// Rows that the convolutions before and behind a level's blocks reach.
const ENDS_REACH: usize = 2;

/// The bands of a level's map.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::diffusion) struct Bands {
    /// Rows of each; even, so that they can be halved.
    pub(in crate::diffusion) rows: usize,
    /// Rows that are computed besides, above and below.
    pub(in crate::diffusion) reach: usize,
}

impl Bands {
    /// The bands of a level, from 0, whose maps have a width: as many rows as a tile of the finest level has values.
    pub(in crate::diffusion) fn of(config: &VaeConfig, level: usize, width: usize) -> Self {
        let channels = |level: usize| config.channels.get(level).copied().unwrap_or(1).max(1) as u64;
        let rows = config.tile_pixels() * channels(0) / (channels(level) * width.max(1) as u64);
        Self { rows: (rows as usize / 2 * 2).max(2), reach: config.layers * BLOCK_REACH + ENDS_REACH }
    }
}

impl Encoder {
    /// As [`Encoder::forward`], band by band.
    pub(super) fn forward_in_bands(&self, config: &VaeConfig, picture: &Tensor) -> Result<Tensor> {
        let mut map = picture.clone();
        let mut first = Some(&self.conv_in);
        for (number, level) in self.levels.iter().enumerate() {
            let first = first.take();
            let (_, _, height, width) = map.dims4()?;
            let bands = Bands::of(config, number, width);
            map = match &level.downsample {
                Some(downsample) if bands.rows < height => {
                    BandedLevel { first, level, downsample, groups: self.norm_groups, bands }.forward(&map)?
                }
                _ => level.forward(begun(first, map)?)?,
            };
        }
        self.finish(&map)
    }
}

/// What a level's blocks take of what comes into it.
fn begun(first: Option<&Conv2d>, x: Tensor) -> Result<Tensor> {
    match first {
        Some(conv) => conv.forward(&x),
        None => Ok(x),
    }
}

/// A level whose map is computed band by band.
struct BandedLevel<'a> {
    /// What comes before the blocks.
    first: Option<&'a Conv2d>,
    level: &'a EncoderLevel,
    downsample: &'a Conv2d,
    groups: usize,
    bands: Bands,
}

impl BandedLevel<'_> {
    fn forward(&self, map: &Tensor) -> Result<Tensor> {
        let mut known = Vec::new();
        while known.len() < self.level.resnets.len() * BLOCK_NORMS {
            known.push(self.measured(map, &known)?);
        }
        self.halved(map, &known)
    }

    /// The moments of the first norm that are not known yet.
    fn measured(&self, map: &Tensor, known: &[GroupMoments]) -> Result<GroupMoments> {
        let mut moments = GroupMoments::new(self.groups);
        for (top, rows) in self.tops(map)? {
            let piece = self.piece(map, top, known)?;
            moments.add(&piece.narrow(ROWS, top.min(self.bands.reach), rows)?)?;
        }
        Ok(moments)
    }

    /// The map that the level leaves.
    fn halved(&self, map: &Tensor, known: &[GroupMoments]) -> Result<Tensor> {
        let mut halved: Option<Tensor> = None;
        let (batch, _, height, width) = map.dims4()?;
        for (top, rows) in self.tops(map)? {
            let piece = self.piece(map, top, known)?;
            // Where there is a row below, it takes the place of the padding.
            let seen = rows + usize::from(top + rows < height);
            let piece = piece.narrow(ROWS, top.min(self.bands.reach), seen)?.contiguous()?;
            let piece = self.downsample.forward(&piece)?;
            let shape = (batch, piece.dim(1)?, height / 2, width / 2);
            let all = match halved.take() {
                Some(all) => all,
                None => Tensor::zeros(shape, piece.dtype(), piece.device())?,
            };
            all.slice_set(&piece, ROWS, top / 2)?;
            halved = Some(all);
        }
        halved.map_or_else(|| candle_core::bail!("a map without rows"), Ok)
    }

    /// Where bands begin, and their rows.
    fn tops(&self, map: &Tensor) -> Result<impl Iterator<Item = (usize, usize)> + use<>> {
        let (height, rows) = (map.dim(ROWS)?, self.bands.rows);
        Ok((0..height).step_by(rows).map(move |top| (top, rows.min(height - top))))
    }

    /// A band with the rows beside it, taken through the blocks up to the first norm whose moments are not known. The
    /// outermost of the rows beside it are wrong then, since they saw zeros where the map goes on.
    fn piece(&self, map: &Tensor, top: usize, known: &[GroupMoments]) -> Result<Tensor> {
        let Bands { rows, reach } = self.bands;
        let from = top.saturating_sub(reach);
        let to = (top + rows + reach).min(map.dim(ROWS)?);
        let mut x = begun(self.first, map.narrow(ROWS, from, to - from)?.contiguous()?)?;
        for (number, resnet) in self.level.resnets.iter().enumerate() {
            x = resnet.forward_piece(&x, known.get(number * BLOCK_NORMS..).unwrap_or_default())?;
            if known.len() < (number + 1) * BLOCK_NORMS {
                break;
            }
        }
        Ok(x)
    }
}
