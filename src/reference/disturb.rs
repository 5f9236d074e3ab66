//! Imperfections drawn anew; specification of `shaders/disturb.wgsl`.

use crate::random;

/// `count` numbers of a standard deviation, of a step and a stream: normal, or uniform within sqrt(3) deviations of 0, there
/// in part `uniform.0` of `uniform.1` equal parts.
pub fn forward(
    seed: u32,
    stream: u32,
    step: u32,
    uniform: Option<(usize, usize)>,
    deviation: f64,
    count: usize,
) -> Vec<f64> {
    let even = |bits, (part, parts): (usize, usize)| {
        3.0_f64.sqrt() * (2.0 * (part as f64 + random::unit(bits)) / parts as f64 - 1.0)
    };
    let pair = |bits: [u32; 2]| uniform.map_or_else(|| random::normal(bits), |part| bits.map(|bits| even(bits, part)));
    let pairs = (0_u32..).flat_map(|counter| pair(random::bits([seed, stream], [step, counter])));
    pairs.take(count).map(|value| deviation * value).collect()
}

/// `count` times the deviation: for imperfections that are drawn for every sample.
pub fn constant(deviation: f64, count: usize) -> Vec<f64> {
    vec![deviation; count]
}
