// The electronic gain behind the detectors of a layer, one number for all its outputs:
//   y = G r                 `forward`          G r + bias, by column       `biased`
//   d_r = G d_y             `backward`
//   d_G = sum d_y r         over all elements, in a fixed order: `partial` sums to one number a workgroup, `total` adds up
// r: what the detectors read; the gradient of the bias is that of `bias.wgsl`.
// Layout: an invocation owns an element; in the sums lanes stride over the elements, then a tree in workgroup memory.
// Reference: src/reference/gain.rs

import package::shared::indexing::{indexing_group};
import package::shared::reduce::{reduce_sum};

const WORKGROUP: u32 = 64u;

struct Params {
    count: u32,
    n_columns: u32,
    n_groups: u32,       // workgroups that `partial` runs with
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> gain: array<f32>;                  // [1]
@group(0) @binding(2) var<storage, read> bias: array<f32>;                  // [columns]
@group(0) @binding(3) var<storage, read> reading: array<f32>;               // [rows, columns]
@group(0) @binding(4) var<storage, read> d_y: array<f32>;                   // [rows, columns]
@group(0) @binding(5) var<storage, read_write> y: array<f32>;               // [rows, columns]
@group(0) @binding(6) var<storage, read_write> d_reading: array<f32>;       // [rows, columns]
@group(0) @binding(7) var<storage, read_write> partials: array<f32>;        // [groups]
@group(0) @binding(8) var<storage, read> summands: array<f32>;              // [groups], the partial sums
@group(0) @binding(9) var<storage, read_write> d_gain: array<f32>;          // [1]

@compute @workgroup_size(WORKGROUP)
fn forward(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let at = indexing_group(group, groups) * WORKGROUP + lane;
    if at < params.count {
        y[at] = gain[0] * reading[at];
    }
}

@compute @workgroup_size(WORKGROUP)
fn biased(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let at = indexing_group(group, groups) * WORKGROUP + lane;
    if at < params.count {
        y[at] = gain[0] * reading[at] + bias[at % params.n_columns];
    }
}

@compute @workgroup_size(WORKGROUP)
fn backward(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let at = indexing_group(group, groups) * WORKGROUP + lane;
    if at < params.count {
        d_reading[at] = gain[0] * d_y[at];
    }
}

@compute @workgroup_size(WORKGROUP)
fn partial(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let index = indexing_group(group, groups);
    var sum = 0.0;
    if index < params.n_groups {
        for (var at = index * WORKGROUP + lane; at < params.count; at += params.n_groups * WORKGROUP) {
            sum += d_y[at] * reading[at];
        }
    }
    let all = reduce_sum(lane, sum);
    if lane == 0u && index < params.n_groups {
        partials[index] = all;
    }
}

@compute @workgroup_size(WORKGROUP)
fn total(@builtin(local_invocation_index) lane: u32) {
    var sum = 0.0;
    for (var at = lane; at < params.n_groups; at += WORKGROUP) {
        sum += summands[at];
    }
    let all = reduce_sum(lane, sum);
    if lane == 0u {
        d_gain[0] = all;
    }
}
