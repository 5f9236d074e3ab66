//! Imperfections drawn anew; specification of `shaders/disturb.wgsl`.

use crate::random;

/// `count` numbers of a standard deviation, of a step and a stream: normal, or uniform within sqrt(3) deviations of 0, there
/// in part `uniform.0` of `uniform.1` equal parts. Values that reach the limit in size are drawn again, at most
/// `random::ATTEMPTS` times in all, and then are 0.
pub fn forward(
    seed: u32,
    stream: u32,
    step: u32,
    uniform: Option<(usize, usize)>,
    deviation: f64,
    limit: Option<f64>,
    count: usize,
) -> Vec<f64> {
    let even = |bits, (part, parts): (usize, usize)| {
        3.0_f64.sqrt() * (2.0 * (part as f64 + random::unit(bits)) / parts as f64 - 1.0)
    };
    let pair = |bits: [u32; 2]| uniform.map_or_else(|| random::normal(bits), |part| bits.map(|bits| even(bits, part)));
    let draw = |attempt, at: usize| {
        let key = random::again([seed, stream], attempt);
        deviation * pair(random::bits(key, [step, at as u32 / 2]))[at % 2]
    };
    let fits = |value: &f64| limit.is_none_or(|limit| value.abs() < limit);
    let element = |at| (0..random::ATTEMPTS).map(|attempt| draw(attempt, at)).find(fits).unwrap_or(0.0);
    (0..count).map(element).collect()
}

/// `count` times the deviation: for imperfections that are drawn for every sample.
pub fn constant(deviation: f64, count: usize) -> Vec<f64> {
    vec![deviation; count]
}
