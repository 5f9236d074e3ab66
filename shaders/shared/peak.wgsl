// The largest of four neighbours of an image. NaN counts as the largest.

import package::shared::math::{math_is_nan};

/// Whether a value takes the place of the largest so far.
fn peak_is_larger(value: f32, peak: f32) -> bool {
    return !math_is_nan(peak) && (math_is_nan(value) || value > peak);
}

/// The largest element of a window of two by two, and the place of the first.
struct Peak {
    value: f32,
    place: u32,
}

fn peak_of(top: vec2<f32>, bottom: vec2<f32>) -> Peak {
    let right = peak_is_larger(top.y, top.x);
    var peak = Peak(select(top.x, top.y, right), select(0u, 1u, right));
    let low = peak_is_larger(bottom.x, peak.value);
    peak = Peak(select(peak.value, bottom.x, low), select(peak.place, 2u, low));
    let last = peak_is_larger(bottom.y, peak.value);
    return Peak(select(peak.value, bottom.y, last), select(peak.place, 3u, last));
}
