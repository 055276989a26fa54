//! Random noise. Sources are injected, so that a run can be repeated with noise from elsewhere.

mod mersenne;
mod torch;

pub use torch::TorchGenerator;

/// Gives standard normal noise.
pub trait NoiseSource {
    /// The next `count` values, in row-major order of whatever tensor they fill.
    fn draw(&mut self, count: usize) -> Vec<f32>;
}
