//! Imperfections drawn anew; specification of `shaders/disturb.wgsl`.

use crate::random;

/// `count` normal numbers of a standard deviation, of a step and a stream.
pub fn forward(seed: u32, stream: u32, step: u32, deviation: f64, count: usize) -> Vec<f64> {
    let pairs = (0_u32..).flat_map(|counter| random::normal(random::bits([seed, stream], [step, counter])));
    pairs.take(count).map(|value| deviation * value).collect()
}

/// `count` times the deviation: for imperfections that are drawn for every sample.
pub fn constant(deviation: f64, count: usize) -> Vec<f64> {
    vec![deviation; count]
}
