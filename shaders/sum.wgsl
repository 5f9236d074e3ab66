// A sum over a tensor, total = factor sum x, or added to what total holds, without float atomics, in a fixed order.
// Layout: `partial` sums to one number a workgroup, lanes striding over the elements, then a tree; `total` adds those up.
// Reference: src/reference/sum.rs

import package::shared::indexing::{indexing_group};
import package::shared::reduce::{reduce_sum};

const WORKGROUP: u32 = 64u;

struct Params {
    count: u32,
    n_groups: u32,       // workgroups that `partial` runs with
    accumulate: u32,     // 1: total is added to
    factor: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;                     // [count]
@group(0) @binding(2) var<storage, read_write> partials: array<f32>;        // [groups]
@group(0) @binding(3) var<storage, read> summands: array<f32>;              // partials, read back
@group(0) @binding(4) var<storage, read_write> sum_of_all: array<f32>;      // [1]

@compute @workgroup_size(WORKGROUP)
fn partial(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let index = indexing_group(group, groups);
    var sum = 0.0;
    if index < params.n_groups {
        for (var at = index * WORKGROUP + lane; at < params.count; at += params.n_groups * WORKGROUP) {
            sum += x[at];
        }
    }
    let whole = reduce_sum(lane, sum);
    if lane == 0u && index < params.n_groups {
        partials[index] = whole;
    }
}

@compute @workgroup_size(WORKGROUP)
fn total(@builtin(local_invocation_index) lane: u32) {
    var sum = 0.0;
    for (var at = lane; at < params.n_groups; at += WORKGROUP) {
        sum += summands[at];
    }
    let whole = reduce_sum(lane, sum);
    if lane == 0u {
        let before = select(0.0, sum_of_all[0], params.accumulate == 1u);
        sum_of_all[0] = before + params.factor * whole;
    }
}
