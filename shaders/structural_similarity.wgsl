// Structural similarity of two images of values 0..1 (Wang, Bovik, Sheikh & Simoncelli, IEEE Trans. Image Process. 13, 600 (2004)): the
// mean, over all channels and all windows that lie wholly in the image, of
//   (2 mx my + C1) (2 sxy + C2) / ((mx^2 + my^2 + C1) (sx^2 + sy^2 + C2)),   C1 = 0.01^2, C2 = 0.03^2
// with means m, variances s^2 and covariance sxy under the weights w[row] w[column] of a window, which sum to 1. Moments are taken about the
// middle pixel of the window, so that little is lost where both images are flat. Padding rows of the batch give 0.
// Layout: windows: an invocation owns a window; mean: a workgroup owns a sample, lanes stride over its windows, then a tree in a fixed
// order. Reference: src/reference/structural_similarity.rs

import package::shared::clock::{Clock};
import package::shared::indexing::{indexing_group, indexing_divide};
import package::shared::reduce::{reduce_sum};

const WORKGROUP: u32 = 64u;
const C1: f32 = 1e-4;
const C2: f32 = 9e-4;

struct Params {
    batch: u32,
    height: u32,
    width: u32,
    side: u32,           // of a window, odd
    across: u32,         // windows in a line
    n_windows: u32,      // of a plane
    n_own: u32,          // of all channels of a sample
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<uniform> clock: Clock;
@group(0) @binding(2) var<storage, read> weights: array<f32>;               // [side]
@group(0) @binding(3) var<storage, read> image: array<f32>;                 // [batch, channels, height, width]
@group(0) @binding(4) var<storage, read> wanted: array<f32>;                // as image
@group(0) @binding(5) var<storage, read_write> map: array<f32>;             // [batch, windows]
@group(0) @binding(6) var<storage, read> made: array<f32>;                  // what windows wrote
@group(0) @binding(7) var<storage, read_write> similarity: array<f32>;      // [batch]

/// The similarity in the window whose first pixel is at a place.
fn window(first: u32) -> f32 {
    let middle = first + (params.side / 2u) * (params.width + 1u);
    let about = vec2(image[middle], wanted[middle]);
    var mean = vec2(0.0);
    var square = vec2(0.0);
    var product = 0.0;
    for (var row = 0u; row < params.side; row++) {
        for (var column = 0u; column < params.side; column++) {
            let at = first + row * params.width + column;
            let weight = weights[row] * weights[column];
            let value = vec2(image[at], wanted[at]) - about;
            mean += weight * value;
            square += weight * value * value;
            product += weight * value.x * value.y;
        }
    }
    let variance = square - mean * mean;
    let covariance = product - mean.x * mean.y;
    let m = mean + about;
    return (2.0 * m.x * m.y + C1) * (2.0 * covariance + C2)
        / ((dot(m, m) + C1) * (variance.x + variance.y + C2));
}

@compute @workgroup_size(WORKGROUP)
fn windows(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let at = indexing_group(group, groups) * WORKGROUP + lane;
    if at >= params.batch * params.n_own {
        return;
    }
    // Channels of all samples are counted.
    let plane = indexing_divide(at, params.n_windows);
    let place = at - plane * params.n_windows;
    let row = indexing_divide(place, params.across);
    map[at] = window(plane * params.height * params.width + row * params.width + place - row * params.across);
}

@compute @workgroup_size(WORKGROUP)
fn mean(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let sample = indexing_group(group, groups);
    var sum = 0.0;
    if sample < params.batch && sample < clock.rows {
        for (var place = lane; place < params.n_own; place += WORKGROUP) {
            sum += made[sample * params.n_own + place];
        }
    }
    let whole = reduce_sum(lane, sum);
    if lane == 0u && sample < params.batch {
        similarity[sample] = whole / f32(params.n_own);
    }
}
