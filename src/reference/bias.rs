//! A bias added to every row; specification of `shaders/bias.wgsl`.

/// Gradient of a bias `[n]` from that of the rows `[rows, n]`: their sum.
pub fn backward(d_y: &[f64], n: usize) -> Vec<f64> {
    let mut sum = vec![0.0; n];
    for row in d_y.chunks_exact(n) {
        sum.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
    }
    sum
}
