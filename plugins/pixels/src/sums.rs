//! Weighted sums of whole rows: what softening and resizing are made of.

use crate::mixed::Mixed;

/// Weights are whole numbers that make this together.
pub const WHOLE: u32 = 1 << 15;

/// A row of sums.
#[derive(Debug, Clone)]
pub struct Sums(Vec<[u32; 4]>);

impl Sums {
    /// Of nothing yet.
    pub fn new(width: usize) -> Self {
        Self(vec![[0; 4]; width])
    }

    /// Adds a row, times the weight.
    pub fn add(&mut self, row: &[Mixed], weight: u16) {
        for (sum, value) in self.0.as_flattened_mut().iter_mut().zip(row.as_flattened()) {
            *sum += u32::from(*value) * u32::from(weight);
        }
    }

    /// Adds two rows that weigh the same.
    pub fn add_both(&mut self, one: &[Mixed], other: &[Mixed], weight: u16) {
        let values = one.as_flattened().iter().zip(other.as_flattened());
        for (sum, (one, other)) in self.0.as_flattened_mut().iter_mut().zip(values) {
            // Two values of a pixel have room in one.
            *sum += u32::from(*one + *other) * u32::from(weight);
        }
    }

    /// Puts what the sums have become, after weights of [`WHOLE`] together, into a row, and starts again.
    pub fn settle(&mut self, row: &mut [Mixed]) {
        for (sum, value) in self.0.as_flattened_mut().iter_mut().zip(row.as_flattened_mut()) {
            *value = settled(std::mem::take(sum));
        }
    }
}

/// A value that was summed up with weights of [`WHOLE`] together.
pub fn settled(sum: u32) -> u16 {
    ((sum + WHOLE / 2) / WHOLE) as u16
}
