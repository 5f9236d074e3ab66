//! The penalty on steep weights; specification of `shaders/slope.wgsl`.

use super::microring::{Ring, State};

/// s = dW/dx of every ring, alone on its bus, 1/nm.
fn slopes(ring: &Ring, state: State<'_>) -> Vec<f64> {
    let slope = |i| {
        let (ring, x) = ring.built(state, i);
        ring.slope(x)
    };
    (0..state.detuning.len()).map(slope).collect()
}

/// ||s|| over the rings, 1/nm.
pub fn steepness(ring: &Ring, state: State<'_>) -> f64 {
    slopes(ring, state).iter().map(|s| s * s).sum::<f64>().sqrt()
}

/// Gradient of strength * ||s|| with respect to the detunings: strength s s' / ||s||, with
/// s' = d2W/dx2 = 4 (A/g^2) (1 - 3 u^2) / (1 + u^2)^3 and u = x/g; 0 where no ring has a slope.
pub fn penalty(ring: &Ring, state: State<'_>, strength: f64) -> Vec<f64> {
    let norm = steepness(ring, state);
    let factor = if norm == 0.0 { 0.0 } else { strength / norm };
    let bend = |i| {
        let (ring, x) = ring.built(state, i);
        let square = (x / ring.half_width).powi(2);
        4.0 * ring.contrast / ring.half_width.powi(2) * (1.0 - 3.0 * square) / (1.0 + square).powi(3)
    };
    slopes(ring, state).iter().enumerate().map(|(i, s)| factor * s * bend(i)).collect()
}
