// Phases that something is set to: within a turn, and with a converter at one of its levels around the circle. Gradients
// pass both as if they were not there.

import package::shared::math::{MATH_TAU};

/// The angle in 0..2 pi, to the last bits for angles up to 10^4. 2 pi is taken off in three parts, with few bits in the
/// first two so that their products are exact (Cody and Waite 1980; parts of Cephes' sinf).
fn phase_wrapped(angle: f32) -> f32 {
    let turns = floor(angle / MATH_TAU);
    let near = ((angle - turns * 6.28125) - turns * 1.93500518798828125e-3) - turns * 3.0199159819567528e-7;
    // Rounding may leave it a little outside; so far out that an angle has no digits below a turn, anywhere.
    let raised = select(near, near + MATH_TAU, near < 0.0);
    let lowered = select(raised, raised - MATH_TAU, raised >= MATH_TAU);
    return select(lowered, 0.0, lowered < 0.0 || lowered >= MATH_TAU);
}

/// What an angle is set to: wrapped, and with a converter the nearest of `n_levels` levels; 0: none.
fn phase_set(angle: f32, n_levels: u32) -> f32 {
    let near = phase_wrapped(angle);
    if n_levels == 0u {
        return near;
    }
    let levels = f32(n_levels);
    let level = floor(near * (levels / MATH_TAU) + 0.5);
    return select(level, 0.0, level >= levels) * (MATH_TAU / levels);
}
