//! Activations; specification of `shaders/activation.wgsl`. Backward functions take the output y.

/// x where x > 0, else 0.
pub fn relu_forward(x: &[f64]) -> Vec<f64> {
    x.iter().map(|&x| if x <= 0.0 { 0.0 } else { x }).collect()
}

/// Gradient of x from that of y: d_y where y > 0, else 0.
pub fn relu_backward(y: &[f64], d_y: &[f64]) -> Vec<f64> {
    y.iter().zip(d_y).map(|(&y, &d_y)| if y <= 0.0 { 0.0 } else { d_y }).collect()
}

/// The logistic function 1 / (1 + exp(-x)).
pub fn sigmoid_forward(x: &[f64]) -> Vec<f64> {
    x.iter().map(|x| 1.0 / (1.0 + (-x).exp())).collect()
}

/// Gradient of x from that of y: d_y y (1 - y).
pub fn sigmoid_backward(y: &[f64], d_y: &[f64]) -> Vec<f64> {
    y.iter().zip(d_y).map(|(y, d_y)| d_y * y * (1.0 - y)).collect()
}

/// The hyperbolic tangent.
pub fn tanh_forward(x: &[f64]) -> Vec<f64> {
    x.iter().map(|x| x.tanh()).collect()
}

/// Gradient of x from that of y: d_y (1 - y^2).
pub fn tanh_backward(y: &[f64], d_y: &[f64]) -> Vec<f64> {
    y.iter().zip(d_y).map(|(y, d_y)| d_y * (1.0 - y * y)).collect()
}
