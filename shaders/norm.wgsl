// Length of the gradient over a scope, without float atomics, in a fixed order:
//   plain     norm = ||g||       adaptive  norm = ||p g||       over the parameters inside the scope
// `partial` sums squares to one number a workgroup, `total` adds those up. Gradients past
// 1e19 overflow to infinity, which is passed on, not hidden.
// Layout: lanes stride over the vector, then a tree in workgroup memory. Reference: src/reference/norm.rs

import package::shared::indexing::{indexing_group};
import package::shared::segments::{SEGMENTS_QUADS, segments_inside};

const WORKGROUP: u32 = 64u;

struct Params {
    count: u32,          // words / 4, or partials
    n_groups: u32,       // workgroups that `partial` runs with
    scope: u32,
    adaptive: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> gradient: array<vec4<f32>>;        // [count]
@group(0) @binding(2) var<storage, read> parameters: array<vec4<f32>>;      // [count]
@group(0) @binding(3) var<storage, read> segments: array<vec4<f32>>;        // [count / 64, 4]
@group(0) @binding(4) var<storage, read_write> partials: array<f32>;        // [groups]
@group(0) @binding(5) var<storage, read> summands: array<f32>;              // partials of the whole vector
@group(0) @binding(6) var<storage, read_write> norm: array<f32>;            // [1]

var<workgroup> sums: array<f32, WORKGROUP>;

/// Sum over the workgroup; valid in lane 0.
fn reduce(lane: u32, value: f32) -> f32 {
    sums[lane] = value;
    workgroupBarrier();
    for (var half = WORKGROUP / 2u; half > 0u; half /= 2u) {
        if lane < half {
            sums[lane] += sums[lane + half];
        }
        workgroupBarrier();
    }
    return sums[0];
}

@compute @workgroup_size(WORKGROUP)
fn partial(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let index = indexing_group(group, groups);
    var sum = vec4(0.0);
    if index < params.n_groups {
        for (var at = index * WORKGROUP + lane; at < params.count; at += params.n_groups * WORKGROUP) {
            let scale = select(vec4(1.0), parameters[at], params.adaptive == 1u);
            let value = segments_inside(segments[at / SEGMENTS_QUADS], params.scope) * scale * gradient[at];
            sum += value * value;
        }
    }
    let total = reduce(lane, (sum.x + sum.y) + (sum.z + sum.w));
    if lane == 0u && index < params.n_groups {
        partials[index] = total;
    }
}

@compute @workgroup_size(WORKGROUP)
fn total(@builtin(local_invocation_index) lane: u32) {
    var sum = 0.0;
    for (var at = lane; at < params.count; at += WORKGROUP) {
        sum += summands[at];
    }
    let whole = reduce(lane, sum);
    if lane == 0u {
        norm[0] = sqrt(whole);
    }
}
