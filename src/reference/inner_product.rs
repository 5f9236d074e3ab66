//! Inner product of two fields; specification of `shaders/inner_product.wgsl`.

/// sum Re(conj(a) b) over fields of interleaved (re, im).
pub fn forward(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
