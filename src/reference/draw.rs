//! Batches drawn from a data set; specification of `shaders/draw.wgsl`.

use crate::random;

/// The sample at a position of an epoch's random order.
pub fn sample(position: u32, samples: u32, seed: u32, epoch: u32) -> u32 {
    random::permute(position, samples, random::mix(seed) ^ epoch)
}

/// Rows `raw[sample] * scale + shift` of the given samples, `[rows, features]`.
pub fn forward(raw: &[f64], features: usize, samples: &[u32], scale: f64, shift: f64) -> Vec<f64> {
    let rows = samples.iter().flat_map(|&sample| &raw[sample as usize * features..][..features]);
    rows.map(|value| value * scale + shift).collect()
}
