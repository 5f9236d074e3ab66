// Stochastic gradient descent with momentum, then projection onto the bounds of each parameter:
//   m = mu m + g,  p -= lr m
// Layout: an invocation owns four neighbours; vectors are whole blocks of 64 words. Reference: src/reference/sgd.rs

import package::shared::clock::{Clock};
import package::shared::indexing::{indexing_group};
import package::shared::segments::{SEGMENTS_QUADS, segments_project};

const WORKGROUP: u32 = 64u;

struct Params {
    count: u32,          // words / 4
    momentum: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<uniform> clock: Clock;
@group(0) @binding(2) var<storage, read> gradient: array<vec4<f32>>;        // [count]
@group(0) @binding(3) var<storage, read> segments: array<vec4<f32>>;        // [count / 64, 4]
@group(0) @binding(4) var<storage, read_write> parameters: array<vec4<f32>>;// [count]
@group(0) @binding(5) var<storage, read_write> velocity: array<vec4<f32>>;  // [count]

@compute @workgroup_size(WORKGROUP)
fn update(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let at = indexing_group(group, groups) * WORKGROUP + lane;
    if at >= params.count {
        return;
    }
    let m = params.momentum * velocity[at] + gradient[at];
    velocity[at] = m;
    parameters[at] = segments_project(segments[at / SEGMENTS_QUADS], parameters[at] - clock.learning_rate * m);
}
