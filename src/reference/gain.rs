//! The electronic gain behind the detectors of a layer; specification of `shaders/gain.wgsl`.

/// y = G r, plus a bias `[columns]` to every row if there is one.
pub fn forward(reading: &[f64], gain: f64, bias: Option<&[f64]>) -> Vec<f64> {
    let bias = bias.unwrap_or(&[0.0]);
    reading.iter().zip(bias.iter().cycle()).map(|(r, b)| gain * r + b).collect()
}

/// Gradients of the readings, d_r = G d_y, and of the gain, d_G = sum d_y r.
pub fn backward(reading: &[f64], gain: f64, d_y: &[f64]) -> (Vec<f64>, f64) {
    let d_reading = d_y.iter().map(|d| gain * d).collect();
    (d_reading, d_y.iter().zip(reading).map(|(d, r)| d * r).sum())
}
