//! Cheap pictures of unfinished latents: a linear map from latent channels to colours.
//!
//! No table of numbers would do, because every autoencoder has its own latent space. The map is fitted once per
//! model, by least squares on random latents and what the autoencoder decodes them to.

use candle_core::{Result, Tensor};

use super::noise::{NoiseSource, TorchGenerator};
use super::vae::Vae;

/// Picture pixels along an edge that the fit decodes, and bounds of the latent grid they come from.
const FIT_PIXELS: usize = 64;
const FIT_GRID: (usize, usize) = (8, 16);

/// A fitted map from latents as the decoder takes them to colours in 0..1.
#[derive(Debug, Clone)]
pub struct LatentPreview {
    /// For each colour, a weight per latent channel and a constant.
    weights: [Vec<f64>; 3],
}

impl LatentPreview {
    /// Fits the map of an autoencoder.
    ///
    /// # Errors
    /// Decoding failed.
    pub fn fit(vae: &Vae) -> Result<Self> {
        let (channels, scale) = (vae.config().latent_channels, vae.config().scale());
        let grid = (FIT_PIXELS / scale).clamp(FIT_GRID.0, FIT_GRID.1);
        // A map needs clearly more pixels than it has weights.
        let grid = if grid * grid <= 2 * channels { FIT_GRID.1 } else { grid };
        let patch = vae.config().model_scale() / scale;
        let (model_channels, model_grid) = (vae.config().model_channels(), grid / patch);
        let noise = patchy_noise(model_channels, model_grid);
        let noise = Tensor::from_vec(noise, (1, model_channels, model_grid, model_grid), vae.device())?;
        let latents = vae.denormalize(&noise)?;
        let decoded = vae.decode(&latents)?.avg_pool2d(scale)?;
        let latents: Vec<f32> = latents.flatten_all()?.to_vec1()?;
        let colours: Vec<Vec<f32>> = decoded.squeeze(0)?.flatten_from(1)?.to_vec2()?;

        let area = grid * grid;
        let rows: Vec<Vec<f64>> = (0..area)
            .map(|pixel| {
                let own = latents.iter().skip(pixel).step_by(area).map(|&v| f64::from(v));
                own.chain([1.0]).collect()
            })
            .collect();
        let fit = |colour: usize| {
            let targets = colours.get(colour).map(Vec::as_slice).unwrap_or_default();
            let targets: Vec<f64> = targets.iter().map(|&v| f64::from(v) / 2.0 + 0.5).collect();
            least_squares(&rows, &targets)
        };
        Ok(Self { weights: [fit(0), fit(1), fit(2)] })
    }

    /// Colours of latents (channels, then `pixels` each): red, green and blue bytes per pixel.
    pub fn colours(&self, latents: &[f32], pixels: usize) -> Vec<u8> {
        let mut rgb = Vec::with_capacity(pixels * 3);
        for pixel in 0..pixels {
            for weights in &self.weights {
                let channels = latents.iter().skip(pixel).step_by(pixels.max(1)).map(|&v| f64::from(v));
                let value: f64 = channels.chain([1.0]).zip(weights).map(|(v, w)| v * w).sum();
                rgb.push((value.clamp(0.0, 1.0) * 255.0).round() as u8);
            }
        }
        rgb
    }
}

/// Unit noise of which a part is constant over two by two patches: real latents are smooth as well as varied.
fn patchy_noise(channels: usize, grid: usize) -> Vec<f32> {
    const PATCH_SHARE: f32 = 0.8;
    let mut generator = TorchGenerator::new(0);
    let fine = generator.draw(channels * grid * grid);
    let coarse = generator.draw(channels * grid * grid);
    let fine_share = (1.0 - PATCH_SHARE * PATCH_SHARE).sqrt();
    fine.iter()
        .enumerate()
        .map(|(i, fine)| {
            let (plane, pixel) = (i / (grid * grid), i % (grid * grid));
            let (row, column) = (pixel / grid / 2 * 2, pixel % grid / 2 * 2);
            let patch = coarse.get(plane * grid * grid + row * grid + column).copied().unwrap_or(0.0);
            fine_share * fine + PATCH_SHARE * patch
        })
        .collect()
}

/// Weights that bring the rows closest to the targets, by the normal equations with a little ridge.
#[allow(clippy::indexing_slicing, reason = "all indices are below the size that the matrix is made with")]
fn least_squares(rows: &[Vec<f64>], targets: &[f64]) -> Vec<f64> {
    let size = rows.first().map_or(0, Vec::len);
    let mut system = vec![vec![0f64; size + 1]; size];
    for (row, target) in rows.iter().zip(targets) {
        for i in 0..size {
            for j in 0..size {
                system[i][j] += row[i] * row[j];
            }
            system[i][size] += row[i] * target;
        }
    }
    for (i, row) in system.iter_mut().enumerate() {
        row[i] += 1e-6 * rows.len() as f64;
    }
    // The matrix is positive definite, so elimination needs no pivoting.
    for i in 0..size {
        let pivot = system[i].clone();
        for (j, row) in system.iter_mut().enumerate() {
            if j != i {
                let factor = row[i] / pivot[i];
                row.iter_mut().zip(&pivot).for_each(|(v, p)| *v -= factor * p);
            }
        }
    }
    system.iter().enumerate().map(|(i, row)| row[size] / row[i]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn least_squares_finds_the_map_that_made_the_targets() {
        let rows: Vec<Vec<f64>> =
            (0..50).map(|i| vec![(i as f64 * 0.7).sin(), (i as f64 * 0.3).cos(), 1.0]).collect();
        let targets: Vec<f64> = rows.iter().map(|r| 2.0 * r[0] - 0.5 * r[1] + 0.25).collect();
        for (found, made) in least_squares(&rows, &targets).iter().zip([2.0, -0.5, 0.25]) {
            assert!((found - made).abs() < 1e-4, "{found} is not {made}");
        }
    }
}
