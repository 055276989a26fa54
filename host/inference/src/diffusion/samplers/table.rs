//! The noise table that a model was trained with: how much of the picture is left at each timestep.

/// Cumulative products of alpha over the training timesteps.
#[derive(Debug, Clone, PartialEq)]
pub struct NoiseTable {
    /// In f64, rounded to f32 as diffusers stores them, so that what follows from them is the same.
    products: Vec<f64>,
}

impl NoiseTable {
    /// The table of a sequence of betas. With `zero_terminal` the last timestep is pure noise (Lin et al. 2023).
    pub fn from_betas(betas: &[f32], zero_terminal: bool) -> Self {
        let mut product = 1f64;
        let mut products: Vec<f64> = betas
            .iter()
            .map(|beta| {
                product *= f64::from(1.0 - beta);
                f64::from(product as f32)
            })
            .collect();
        if zero_terminal {
            let roots: Vec<f64> = products.iter().map(|p| p.sqrt()).collect();
            let first = roots.first().copied().unwrap_or(1.0);
            let last = roots.last().copied().unwrap_or(0.0);
            let stretch = first / (first - last);
            products = roots.iter().map(|root| ((root - last) * stretch).powi(2)).collect();
        }
        Self { products }
    }

    /// Number of training timesteps.
    pub fn len(&self) -> usize {
        self.products.len()
    }

    /// True for a table without timesteps.
    pub fn is_empty(&self) -> bool {
        self.products.is_empty()
    }

    /// The share of the picture's variance left at a whole timestep, which is clamped to the table.
    pub fn product(&self, timestep: f64) -> f64 {
        let last = self.products.len().saturating_sub(1);
        self.products.get((timestep.max(0.0) as usize).min(last)).copied().unwrap_or(1.0)
    }

    /// Noise to picture ratio at each timestep. A terminal product of zero is read as 2^-24, as diffusers does.
    pub fn sigmas(&self) -> Vec<f64> {
        self.products
            .iter()
            .map(|&p| {
                let p = if p == 0.0 { 2f64.powi(-24) } else { p };
                ((1.0 - p) / p).sqrt()
            })
            .collect()
    }
}

/// Betas that rise in a straight line, computed in f32 as torch does.
pub(super) fn linear(start: f32, end: f32, count: usize) -> Vec<f32> {
    let step = (end - start) / (count.saturating_sub(1).max(1)) as f32;
    (0..count)
        .map(|i| if i < count / 2 { start + step * i as f32 } else { end - step * (count - 1 - i) as f32 })
        .collect()
}

/// Betas whose square roots rise in a straight line.
pub(super) fn scaled_linear(start: f64, end: f64, count: usize) -> Vec<f32> {
    linear(start.sqrt() as f32, end.sqrt() as f32, count).into_iter().map(|b| b * b).collect()
}

/// Betas of the cosine schedule (Nichol and Dhariwal 2021).
pub(super) fn cosine(count: usize) -> Vec<f32> {
    let bar = |t: f64| ((t + 0.008) / 1.008 * std::f64::consts::FRAC_PI_2).cos().powi(2);
    let n = count as f64;
    (0..count).map(|i| (1.0 - bar((i + 1) as f64 / n) / bar(i as f64 / n)).min(0.999) as f32).collect()
}
