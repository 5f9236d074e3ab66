// Exponential moving average of the parameters, and the exchange of both for an evaluation.
//   update     average += w (p - average),   w = (1 - d) / (1 - d^t) after step t, from the clock
//   exchange   p <-> average
// With this w the average is sum_i d^(t-i) p_i / sum_i d^(t-i) from the first step on: it has no bias towards its start
// (the bias correction of Kingma and Ba, ICLR 2015, section 3, as a recursion).
// Layout: an invocation owns four neighbours; vectors are whole blocks of 64 words. Reference: src/reference/average.rs

import package::shared::clock::{Clock};
import package::shared::indexing::{indexing_group};

const WORKGROUP: u32 = 64u;

struct Params {
    count: u32,          // words / 4
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<uniform> clock: Clock;
@group(0) @binding(2) var<storage, read> parameters: array<vec4<f32>>;      // [count]
@group(0) @binding(3) var<storage, read_write> average: array<vec4<f32>>;   // [count]
@group(0) @binding(4) var<storage, read_write> other: array<vec4<f32>>;     // the parameters, written

@compute @workgroup_size(WORKGROUP)
fn update(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let at = indexing_group(group, groups) * WORKGROUP + lane;
    if at < params.count {
        average[at] += clock.average * (parameters[at] - average[at]);
    }
}

@compute @workgroup_size(WORKGROUP)
fn exchange(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let at = indexing_group(group, groups) * WORKGROUP + lane;
    if at < params.count {
        let kept = average[at];
        average[at] = other[at];
        other[at] = kept;
    }
}
