//! Imperfections drawn anew; specification of `shaders/disturb.wgsl`.

use crate::random;

/// `count` numbers of a standard deviation, of a step and a stream: normal, or `uniform` within sqrt(3) deviations of 0.
pub fn forward(seed: u32, stream: u32, step: u32, uniform: bool, deviation: f64, count: usize) -> Vec<f64> {
    let even = |bits| 3.0_f64.sqrt() * (2.0 * random::unit(bits) - 1.0);
    let pair = |bits: [u32; 2]| if uniform { bits.map(even) } else { random::normal(bits) };
    let pairs = (0_u32..).flat_map(|counter| pair(random::bits([seed, stream], [step, counter])));
    pairs.take(count).map(|value| deviation * value).collect()
}

/// `count` times the deviation: for imperfections that are drawn for every sample.
pub fn constant(deviation: f64, count: usize) -> Vec<f64> {
    vec![deviation; count]
}
