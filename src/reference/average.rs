//! Exponential moving average of the parameters; specification of `shaders/average.wgsl`.

/// Weight of the parameters after step `t` (from 1) in their average: (1 - d) / (1 - d^t). It is 1 at first, when the
/// average knows nothing, and goes to 1 - d.
pub fn weight(decay: f64, t: i32) -> f64 {
    (1.0 - decay) / (1.0 - decay.powi(t))
}

/// One step of the average in place: average += weight (p - average).
pub fn update(average: &mut [f64], parameters: &[f64], weight: f64) {
    average.iter_mut().zip(parameters).for_each(|(average, p)| *average += weight * (p - *average));
}
