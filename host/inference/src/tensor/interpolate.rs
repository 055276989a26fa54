//! Resizing of feature maps as PyTorch's `interpolate` computes it, without antialiasing.

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor, bail};
use rayon::prelude::*;

use super::vector::add_scaled;
use super::{elements, on_cpu};

/// How values between pixels are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interpolation {
    /// From the two nearest pixels of each axis; the edges of corner pixels meet.
    Bilinear,
    /// The same; the centres of corner pixels meet.
    BilinearCorners,
    /// From four pixels of each axis by cubic convolution with a = -0.75 (Keys 1981); the edges of corner pixels
    /// meet.
    Bicubic,
}

/// Resizes `x` (batch, channels, height, width) to (batch, channels, `height`, `width`).
///
/// # Errors
/// A size is zero.
pub fn interpolate(x: &Tensor, height: usize, width: usize, method: Interpolation) -> Result<Tensor> {
    let (batch, channels, in_height, in_width) = x.dims4()?;
    if x.elem_count() == 0 || height == 0 || width == 0 {
        bail!("interpolate: {:?} cannot be resized to {height}x{width}", x.dims());
    }
    if (in_height, in_width) == (height, width) {
        return Ok(x.clone());
    }
    let (rows, columns) = (Axis::new(in_height, height, method), Axis::new(in_width, width, method));
    if on_cpu(x) {
        return x.contiguous()?.apply_op1_no_bwd(&Resize { rows, columns });
    }
    let matrix = |axis: &Axis| Tensor::from_vec(axis.matrix(), (axis.output, axis.input), x.device());
    let (rows, columns) = (matrix(&rows)?.to_dtype(x.dtype())?, matrix(&columns)?.to_dtype(x.dtype())?);
    let wide = x.reshape((batch * channels * in_height, in_width))?.matmul(&columns.t()?)?;
    let turned = wide.reshape((batch * channels, in_height, width))?.transpose(1, 2)?.contiguous()?;
    let tall = turned.reshape((batch * channels * width, in_height))?.matmul(&rows.t()?)?;
    let upright = tall.reshape((batch * channels, width, height))?.transpose(1, 2)?.contiguous()?;
    upright.reshape((batch, channels, height, width))
}

/// The pixels that each output position of one axis is made of, `taps` for each.
struct Axis {
    input: usize,
    output: usize,
    taps: usize,
    sources: Vec<usize>,
    weights: Vec<f32>,
}

impl Axis {
    /// Positions and weights in single precision, as PyTorch computes them.
    fn new(input: usize, output: usize, method: Interpolation) -> Self {
        let taps = if method == Interpolation::Bicubic { 4 } else { 2 };
        let mut axis = Self {
            input,
            output,
            taps,
            sources: Vec::with_capacity(output * taps),
            weights: Vec::with_capacity(output * taps),
        };
        let last = input.saturating_sub(1);
        let scale = match method {
            Interpolation::BilinearCorners if output > 1 => last as f32 / (output - 1) as f32,
            Interpolation::BilinearCorners => 0.0,
            Interpolation::Bilinear | Interpolation::Bicubic => input as f32 / output as f32,
        };
        for position in 0..output {
            let at = match method {
                Interpolation::Bilinear => (scale * (position as f32 + 0.5) - 0.5).max(0.0),
                Interpolation::BilinearCorners => scale * position as f32,
                Interpolation::Bicubic => scale * (position as f32 + 0.5) - 0.5,
            };
            let (floor, share) = (at.floor(), at - at.floor());
            if method == Interpolation::Bicubic {
                axis.sources.extend((-1..3).map(|tap| (floor as i64 + tap).clamp(0, last as i64) as usize));
                axis.weights.extend(cubic_weights(share));
            } else {
                let first = (floor as usize).min(last);
                axis.sources.extend([first, (first + 1).min(last)]);
                axis.weights.extend([1.0 - share, share]);
            }
        }
        axis
    }

    /// The taps of every output position.
    fn positions(&self) -> impl Iterator<Item = (&[usize], &[f32])> {
        self.sources.chunks_exact(self.taps).zip(self.weights.chunks_exact(self.taps))
    }

    /// The axis as a matrix (output, input).
    fn matrix(&self) -> Vec<f32> {
        let mut matrix = vec![0f32; self.output * self.input];
        for (row, (sources, weights)) in matrix.chunks_exact_mut(self.input).zip(self.positions()) {
            for (&source, &weight) in sources.iter().zip(weights) {
                if let Some(value) = row.get_mut(source) {
                    *value += weight;
                }
            }
        }
        matrix
    }
}

/// Weights of the pixels at -1, 0, 1 and 2 for a position at `t` between 0 and 1.
fn cubic_weights(t: f32) -> [f32; 4] {
    const A: f32 = -0.75;
    let near = |x: f32| ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0;
    let far = |x: f32| ((A * x - 5.0 * A) * x + 8.0 * A) * x - 4.0 * A;
    [far(t + 1.0), near(t), near(1.0 - t), far(2.0 - t)]
}

struct Resize {
    rows: Axis,
    columns: Axis,
}

impl CustomOp1 for Resize {
    fn name(&self) -> &'static str {
        "interpolate"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let x = elements(storage, layout, self.name())?;
        let (batch, channels, _, _) = layout.shape().dims4()?;
        let (height, width) = (self.rows.output, self.columns.output);
        let mut out = vec![0f32; batch * channels * height * width];
        let planes = out.par_chunks_mut(height * width);
        let sources = x.par_chunks(self.rows.input * self.columns.input);
        planes.zip(sources).for_each_init(Vec::new, |widened: &mut Vec<f32>, (plane, source)| {
            widened.resize(self.rows.input * width, 0.0);
            for (to, from) in widened.chunks_exact_mut(width).zip(source.chunks_exact(self.columns.input)) {
                self.widen(from, to);
            }
            for (row, (sources, weights)) in plane.chunks_exact_mut(width).zip(self.rows.positions()) {
                for (&source, &weight) in sources.iter().zip(weights) {
                    let first = source * width;
                    add_scaled(widened.get(first..first + width).unwrap_or_default(), weight, row);
                }
            }
        });
        Ok((CpuStorage::F32(out), Shape::from((batch, channels, height, width))))
    }
}

impl Resize {
    /// Resizes one row.
    fn widen(&self, from: &[f32], to: &mut [f32]) {
        for (value, (sources, weights)) in to.iter_mut().zip(self.columns.positions()) {
            let terms = sources.iter().zip(weights).map(|(&s, w)| from.get(s).copied().unwrap_or(0.0) * w);
            *value = terms.sum();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    fn resized(values: &[f32], width: usize, method: Interpolation) -> Vec<f32> {
        let row = Tensor::from_vec(values.to_vec(), (1, 1, 1, values.len()), &Device::Cpu).unwrap();
        interpolate(&row, 1, width, method).unwrap().flatten_all().unwrap().to_vec1().unwrap()
    }

    #[test]
    fn maps_are_resized_to_the_numbers_of_torch() {
        // torch.nn.functional.interpolate of torch 2.15, with align_corners for the bilinear ones.
        let values = vec![1f32, 4.0, 2.0, 8.0, 0.0, -3.0, 5.0, 1.0, 7.0, 2.0, 2.0, -6.0];
        let x = Tensor::from_vec(values, (1, 1, 3, 4), &Device::Cpu).unwrap();
        let check = |height, width, method, wanted: &[f32]| {
            let ours = interpolate(&x, height, width, method).unwrap();
            let ours = ours.flatten_all().unwrap().to_vec1::<f32>().unwrap();
            let close = ours.iter().zip(wanted).all(|(a, b)| (a - b).abs() < 1e-5);
            assert!(close && ours.len() == wanted.len(), "{method:?}: {ours:?} instead of {wanted:?}");
        };
        let (bicubic, bilinear) = (Interpolation::Bicubic, Interpolation::BilinearCorners);
        check(
            2,
            7,
            bicubic,
            &[
                0.357_591, 1.076_702, 2.115_127, 2.308_838, 3.032_131, 5.373_406, 7.044_62, 5.850_962,
                3.624_628, 0.793_354, 1.955_078, 2.459_126, -1.990_13, -5.398_854,
            ],
        );
        check(
            5,
            3,
            bicubic,
            &[
                1.660_612, 2.874_75, 7.621_726, 0.182_473, 2.002_75, 5.485_043, -0.569_445, 1.093_75,
                1.712_961, 3.477_391, 1.703_501, -2.692_871, 6.940_187, 2.395_251, -5.482_074,
            ],
        );
        check(2, 7, bilinear, &[1.0, 2.5, 4.0, 3.0, 2.0, 5.0, 8.0, 7.0, 4.5, 2.0, 2.0, 2.0, -2.0, -6.0]);
        check(5, 3, bilinear, &[1.0, 3.0, 8.0, 0.5, 2.0, 4.5, 0.0, 1.0, 1.0, 3.5, 1.5, -2.5, 7.0, 2.0, -6.0]);
    }

    #[test]
    fn samples_of_a_bilinear_map_lie_between_pixel_centres() {
        // torch.nn.functional.interpolate of 0, 1, 4 to five samples, without align_corners.
        let ours = resized(&[0.0, 1.0, 4.0], 5, Interpolation::Bilinear);
        assert!(ours.iter().zip([0.0, 0.4, 1.0, 2.8, 4.0]).all(|(a, b)| (a - b).abs() < 1e-6), "{ours:?}");
    }

    #[test]
    fn corners_of_a_bilinear_map_stay_where_they_are() {
        assert_eq!(resized(&[0.0, 3.0], 4, Interpolation::BilinearCorners), [0.0, 1.0, 2.0, 3.0]);
        assert_eq!(resized(&[1.0, 7.0, 2.0], 1, Interpolation::BilinearCorners), [1.0]);
    }

    #[test]
    fn a_cubic_kernel_leaves_constants_and_pixel_centres_alone() {
        let ours = resized(&[5.0; 7], 11, Interpolation::Bicubic);
        assert!(ours.iter().all(|v| (v - 5.0).abs() < 1e-5), "{ours:?}");
        let thrice = resized(&[1.0, 4.0, 2.0, 8.0], 12, Interpolation::Bicubic);
        for (i, want) in [1.0, 4.0, 2.0, 8.0].into_iter().enumerate() {
            assert!((thrice[3 * i + 1] - want).abs() < 1e-5, "{thrice:?}");
        }
    }

    #[test]
    fn a_map_without_pixels_is_refused() {
        let x = Tensor::zeros((1, 1, 2, 2), candle_core::DType::F32, &Device::Cpu).unwrap();
        assert!(interpolate(&x, 0, 3, Interpolation::Bicubic).is_err());
    }
}
