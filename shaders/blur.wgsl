// Pictures behind a Gaussian point-spread function, along one axis: y[i] = sum_d w(d) x[i + d] / sum_d w(d), dark outside,
//   w(d) = exp(-d^2 / 2 sigma^2) for |d| <= 5 sigma, sigma^2 = spread^2 + error^2.
// Widths add up in their squares, so that the sign of an error does not matter. Without any, y = x bit for bit. It is its own
// adjoint. A sigma that is not within 0..8 pixels gives NaN.
// Layout: an invocation owns a pixel. Reference: src/reference/blur.rs

import package::shared::indexing::{indexing_divide, indexing_group};
import package::shared::math::{math_exp};

const WORKGROUP: u32 = 64u;
const WIDEST: f32 = 8.0;         // pixels

struct Params {
    count: u32,          // pixels of all pictures
    extent: u32,         // along the axis
    stride: u32,         // from a pixel to the next along the axis
    spread: f32,         // pixels
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> error: array<f32>;             // [1], pixels
@group(0) @binding(2) var<storage, read> x: array<f32>;                 // [pictures, height, width]
@group(0) @binding(3) var<storage, read_write> y: array<f32>;           // [pictures, height, width]

@compute @workgroup_size(WORKGROUP)
fn along(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let at = indexing_group(group, groups) * WORKGROUP + lane;
    if at >= params.count {
        return;
    }
    let variance = params.spread * params.spread + error[0] * error[0];
    // NaN by its bits: a comparison may drop it.
    let is_number = (bitcast<u32>(variance) & 0x7f800000u) != 0x7f800000u;
    if !is_number || variance > WIDEST * WIDEST {
        y[at] = bitcast<f32>(0x7fc00000u + (params.count & 0u));
        return;
    }
    let line = indexing_divide(at, params.stride);
    let place = line - indexing_divide(line, params.extent) * params.extent;
    let reach = u32(ceil(5.0 * sqrt(variance)));
    var sum = x[at];
    var shares = 1.0;
    for (var away = 1u; away <= reach; away += 1u) {
        let share = math_exp(-0.5 * f32(away * away) / variance);
        shares += 2.0 * share;
        // Of a pixel that has no share nothing is seen.
        if share > 0.0 && away <= place {
            sum += share * x[at - away * params.stride];
        }
        if share > 0.0 && place + away < params.extent {
            sum += share * x[at + away * params.stride];
        }
    }
    y[at] = sum / shares;
}
