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

/// u + step g / ||g||, and back to length 1 where that is longer. Where g is 0, u does not step.
pub fn climb(step: f64, g: &[f64], u: &[f64]) -> Vec<f64> {
    let length = |x: &[f64]| x.iter().map(|x| x * x).sum::<f64>().sqrt();
    let step = match length(g) {
        0.0 => 0.0,
        norm => step / norm,
    };
    let moved: Vec<f64> = u.iter().zip(g).map(|(u, g)| u + step * g).collect();
    let outside = length(&moved);
    if outside > 1.0 { moved.iter().map(|u| u / outside).collect() } else { moved }
}
