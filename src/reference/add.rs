//! A tensor added to another; specification of `shaders/add.wgsl`.

/// y + x
pub fn forward(x: &[f64], y: &[f64]) -> Vec<f64> {
    x.iter().zip(y).map(|(x, y)| y + x).collect()
}
