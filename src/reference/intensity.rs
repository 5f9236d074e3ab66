//! Detected power; specification of `shaders/intensity.wgsl`. Fields are pairs (re, im) in a flat slice, gradients as in
//! [`complex_matmul`](super::complex_matmul).

/// I = |E|^2.
pub fn forward(field: &[f64]) -> Vec<f64> {
    field.chunks_exact(2).map(|e| e[0] * e[0] + e[1] * e[1]).collect()
}

/// d_E = 2 d_I E.
pub fn backward(field: &[f64], d_intensity: &[f64]) -> Vec<f64> {
    field.chunks_exact(2).zip(d_intensity).flat_map(|(e, d)| [2.0 * d * e[0], 2.0 * d * e[1]]).collect()
}
