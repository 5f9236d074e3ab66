//! A step of the adversary that moves imperfections; specification of `shaders/adversary.wgsl`.

/// c + step sign(g), held within -range..range; one g may count for all. NaN stays NaN.
pub fn forward(step: f64, range: f64, g: &[f64], c: &[f64]) -> Vec<f64> {
    let moved = |(&c, &g): (&f64, &f64)| {
        let next = if g == 0.0 { c } else { c + step * g.signum() };
        // Comparisons, as `clamp` is for numbers.
        if next > range {
            range
        } else if next < -range {
            -range
        } else {
            next
        }
    };
    c.iter().zip(g.iter().cycle()).map(moved).collect()
}
