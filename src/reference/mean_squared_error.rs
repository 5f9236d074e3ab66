//! Mean squared error; specification of `shaders/mean_squared_error.wgsl`.

/// Loss of every row of a prediction `[rows, features]`: the mean of (prediction - wanted)^2.
pub fn forward(prediction: &[f64], wanted: &[f64], features: usize) -> Vec<f64> {
    let rows = prediction.chunks_exact(features).zip(wanted.chunks_exact(features));
    rows.map(|(p, w)| p.iter().zip(w).map(|(p, w)| (p - w).powi(2)).sum::<f64>() / features as f64).collect()
}

/// Gradient of the mean loss with respect to the prediction: 2 (prediction - wanted) / (rows features).
pub fn backward(prediction: &[f64], wanted: &[f64]) -> Vec<f64> {
    prediction.iter().zip(wanted).map(|(p, w)| 2.0 * (p - w) / prediction.len() as f64).collect()
}

/// Peak signal-to-noise ratio of losses, dB, for a peak of 1; at most 100.
pub fn decibels(loss: &[f64]) -> Vec<f64> {
    loss.iter().map(|loss| if *loss < 1e-10 { 100.0 } else { -10.0 * loss.log10() }).collect()
}
