//! Patches of two by two latent pixels as channels, and maps of channels as sequences of tokens.

use candle_core::{Result, Tensor};

/// Pixels along the edge of a patch.
pub(super) const PATCH: usize = 2;

/// (batch, channels, height, width) to (batch, 4 channels, height / 2, width / 2); channels come by channel, row and
/// column of the patch.
pub(super) fn to_patches(x: &Tensor) -> Result<Tensor> {
    let (batch, channels, height, width) = x.dims4()?;
    let (rows, columns) = (height / PATCH, width / PATCH);
    x.reshape((batch, channels, rows, PATCH, columns, PATCH))?.permute((0, 1, 3, 5, 2, 4))?.reshape((
        batch,
        channels * PATCH * PATCH,
        rows,
        columns,
    ))
}

/// The inverse of [`to_patches`].
pub(super) fn from_patches(x: &Tensor) -> Result<Tensor> {
    let (batch, channels, rows, columns) = x.dims4()?;
    let channels = channels / (PATCH * PATCH);
    x.reshape((batch, channels, PATCH, PATCH, rows, columns))?.permute((0, 1, 4, 2, 5, 3))?.reshape((
        batch,
        channels,
        rows * PATCH,
        columns * PATCH,
    ))
}

/// A map (batch, channels, height, width) as tokens (batch, height * width, channels), row by row.
pub(super) fn to_tokens(map: &Tensor) -> Result<Tensor> {
    map.flatten_from(2)?.transpose(1, 2)?.contiguous()
}

/// Tokens (batch, height * width, channels) as a map of a height and width.
pub(super) fn from_tokens(tokens: &Tensor, (height, width): (usize, usize)) -> Result<Tensor> {
    let (batch, _, channels) = tokens.dims3()?;
    tokens.transpose(1, 2)?.contiguous()?.reshape((batch, channels, height, width))
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    #[test]
    fn patches_and_tokens_come_back_as_they_were_and_keep_neighbours_together() {
        let values: Vec<f32> = (0..2 * 4 * 6).map(|i| i as f32).collect();
        let map = Tensor::from_vec(values.clone(), (1, 2, 4, 6), &Device::Cpu).unwrap();
        let patches = to_patches(&map).unwrap();
        let tokens = to_tokens(&patches).unwrap();
        let first: Vec<f32> = tokens.narrow(1, 0, 1).unwrap().flatten_all().unwrap().to_vec1().unwrap();
        assert_eq!(first, [0.0, 1.0, 6.0, 7.0, 24.0, 25.0, 30.0, 31.0]);
        let back = from_patches(&from_tokens(&tokens, (2, 3)).unwrap()).unwrap();
        assert_eq!(back.flatten_all().unwrap().to_vec1::<f32>().unwrap(), values);
    }
}
