//! The rectifier; specification of `shaders/relu.wgsl`.

/// x where x > 0, else 0.
pub fn forward(x: &[f64]) -> Vec<f64> {
    x.iter().map(|&x| if x <= 0.0 { 0.0 } else { x }).collect()
}

/// Gradient of x from that of y, at the output y.
pub fn backward(y: &[f64], d_y: &[f64]) -> Vec<f64> {
    y.iter().zip(d_y).map(|(&y, &d_y)| if y <= 0.0 { 0.0 } else { d_y }).collect()
}
