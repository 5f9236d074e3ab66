// Activations, element by element; the backward pass needs the output y only. NaN passes (max() would drop it).
//   relu      y = x where x > 0, else 0      d_x = d_y where y > 0, else 0
//   sigmoid   y = 1 / (1 + exp(-x))          d_x = d_y y (1 - y)
//   tanh      y = tanh x                     d_x = d_y (1 - y^2)
// Layout: an invocation owns an element. Reference: src/reference/activation.rs

import package::shared::indexing::{indexing_group};
import package::shared::math::{math_exp, math_tanh};

const WORKGROUP: u32 = 64u;

struct Params {
    count: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> d_y: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
@group(0) @binding(4) var<storage, read_write> d_x: array<f32>;
@group(0) @binding(5) var<storage, read> output: array<f32>;        // y of the forward pass

@compute @workgroup_size(WORKGROUP)
fn relu_forward(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let at = indexing_group(group, groups) * WORKGROUP + lane;
    if at < params.count {
        y[at] = select(x[at], 0.0, x[at] <= 0.0);
    }
}

@compute @workgroup_size(WORKGROUP)
fn relu_backward(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let at = indexing_group(group, groups) * WORKGROUP + lane;
    if at < params.count {
        d_x[at] = select(d_y[at], 0.0, output[at] <= 0.0);
    }
}

@compute @workgroup_size(WORKGROUP)
fn sigmoid_forward(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let at = indexing_group(group, groups) * WORKGROUP + lane;
    if at < params.count {
        // exp(-|x|) never overflows, and below 0 it keeps its relative accuracy.
        let e = math_exp(-abs(x[at]));
        y[at] = select(1.0, e, x[at] < 0.0) / (1.0 + e);
    }
}

@compute @workgroup_size(WORKGROUP)
fn sigmoid_backward(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let at = indexing_group(group, groups) * WORKGROUP + lane;
    if at < params.count {
        d_x[at] = d_y[at] * output[at] * (1.0 - output[at]);
    }
}

@compute @workgroup_size(WORKGROUP)
fn tanh_forward(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let at = indexing_group(group, groups) * WORKGROUP + lane;
    if at < params.count {
        y[at] = math_tanh(x[at]);
    }
}

@compute @workgroup_size(WORKGROUP)
fn tanh_backward(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let at = indexing_group(group, groups) * WORKGROUP + lane;
    if at < params.count {
        // The factored form loses nothing where y is near 1.
        d_x[at] = d_y[at] * (1.0 - output[at]) * (1.0 + output[at]);
    }
}
