//! Numbers between an encoder and a decoder; specification of `shaders/latent.wgsl`.
//!
//! A row x `[2k]` holds means m and logarithms of variances v (Kingma & Welling, ICLR 2014).

/// Mean and logarithm of the variance of every element of rows of k numbers.
fn elements(x: &[f64], k: usize) -> impl Iterator<Item = (f64, f64)> {
    x.chunks_exact(2 * k).flat_map(move |row| row[..k].iter().copied().zip(row[k..].iter().copied()))
}

/// m + exp(v / 2) n `[rows, k]`, of a standard normal number n an element.
pub fn sample(x: &[f64], k: usize, normals: &[f64]) -> Vec<f64> {
    elements(x, k).zip(normals).map(|((m, v), n)| m + (0.5 * v).exp() * n).collect()
}

/// m `[rows, k]`.
pub fn mean(x: &[f64], k: usize) -> Vec<f64> {
    elements(x, k).map(|(m, _)| m).collect()
}

/// KL(N(m, e^v) || N(0, 1)) of every row, nats: sum (m^2 + e^v - 1 - v) / 2.
pub fn divergence(x: &[f64], k: usize) -> Vec<f64> {
    let terms: Vec<_> = elements(x, k).map(|(m, v)| 0.5 * (m * m + v.exp() - 1.0 - v)).collect();
    terms.chunks_exact(k).map(|row| row.iter().sum()).collect()
}

/// Gradient of x `[rows, 2k]` from that of the drawn numbers, with that of `weight` times the mean divergence over the rows.
pub fn backward(x: &[f64], k: usize, normals: &[f64], d_y: &[f64], weight: f64) -> Vec<f64> {
    let share = weight * k as f64 / d_y.len() as f64;
    let terms: Vec<_> = elements(x, k)
        .zip(normals)
        .zip(d_y)
        .map(|(((m, v), n), d)| [d + share * m, 0.5 * d * (0.5 * v).exp() * n + 0.5 * share * (v.exp() - 1.0)])
        .collect();
    let row = |row: &[[f64; 2]]| [0, 1].map(|which| row.iter().map(|pair| pair[which]).collect::<Vec<_>>()).concat();
    terms.chunks_exact(k).flat_map(row).collect()
}
