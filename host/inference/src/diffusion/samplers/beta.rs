//! The distribution Beta(0.6, 0.6), by whose quantiles noise levels are laid out in "Beta Sampling is All You Need"
//! (Lee et al., arXiv 2407.12173).

/// Both parameters of the distribution.
const SHAPE: f64 = 0.6;
/// Halvings of an interval, more than a double can tell apart.
const HALVINGS: usize = 64;
/// Terms of the series; each is at most half of the one before.
const TERMS: usize = 64;

/// The value below which a share of the distribution lies; the share is within 0..1.
pub(super) fn quantile(share: f64) -> f64 {
    if share > 0.5 { 1.0 - lower_quantile(1.0 - share) } else { lower_quantile(share) }
}

/// The same in the lower half, where the series converges fast; the upper half mirrors it.
fn lower_quantile(share: f64) -> f64 {
    let wanted = share.max(0.0) * 2.0 * below(0.5);
    let (mut low, mut high) = (0.0, 0.5);
    for _ in 0..HALVINGS {
        let middle = f64::midpoint(low, high);
        if below(middle) < wanted { low = middle } else { high = middle }
    }
    // A share of nothing is met at the end itself.
    if share > 0.0 { high } else { 0.0 }
}

/// The incomplete beta function at `x` up to 0.5, without its normalisation: the series of its integrand
/// `x^(a-1) (1-x)^(b-1)`, integrated term by term.
fn below(x: f64) -> f64 {
    let (mut coefficient, mut power, mut sum) = (1.0, 1.0, 0.0);
    for n in 0..TERMS {
        let n = n as f64;
        if n > 0.0 {
            coefficient *= (n - SHAPE) / n;
            power *= x;
        }
        sum += coefficient * power / (SHAPE + n);
    }
    x.powf(SHAPE) * sum
}

#[cfg(test)]
mod tests {
    use super::quantile;

    #[test]
    fn quantiles_are_those_of_scipy() {
        let wanted = [
            (0.0, 0.0),
            (0.001, 1.855873851745199e-05),
            (0.05, 0.012554456873611399),
            (0.25, 0.17568037865269498),
            (0.5, 0.5000000000000001),
            (0.7, 0.7659829961247643),
            (0.9, 0.9604155944112192),
            (0.999, 0.9999814412614826),
            (1.0, 1.0),
        ];
        for (share, value) in wanted {
            assert!((quantile(share) - value).abs() < 1e-9, "{share}: {} is not {value}", quantile(share));
        }
    }

    #[test]
    fn quantiles_mirror_each_other_and_rise() {
        let all: Vec<f64> = (0..=1000).map(|i| quantile(f64::from(i) / 1000.0)).collect();
        assert!(all.is_sorted() && all.first() == Some(&0.0) && all.last() == Some(&1.0));
        assert!(all.iter().zip(all.iter().rev()).all(|(a, b)| (a + b - 1.0).abs() < 1e-12));
    }
}
