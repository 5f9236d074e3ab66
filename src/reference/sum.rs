//! A sum over a tensor; specification of `shaders/sum.wgsl`.

/// start + factor sum x.
pub fn forward(start: f64, factor: f64, x: &[f64]) -> f64 {
    start + factor * x.iter().sum::<f64>()
}
