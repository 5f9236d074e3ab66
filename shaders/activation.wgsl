// Activations, element by element; the backward pass needs the output y only. NaN passes (max() would drop it).
//   relu      y = x where x > 0, else 0      d_x = d_y where y > 0, else 0
//   sigmoid   y = 1 / (1 + exp(-x))          d_x = d_y y (1 - y)
//   tanh      y = tanh x                     d_x = d_y (1 - y^2)
// Layout: an invocation owns four neighbours; what it makes of the words between the end and the next multiple of four is
// nobody's. Reference: src/reference/activation.rs

import package::shared::indexing::{indexing_group};
import package::shared::math::{math_exp, math_tanh};

const WORKGROUP: u32 = 64u;

struct Params {
    count: u32,          // elements / 4, rounded up
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> d_y: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> y: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> d_x: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read> output: array<vec4<f32>>;        // y of the forward pass

@compute @workgroup_size(WORKGROUP)
fn relu_forward(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let at = indexing_group(group, groups) * WORKGROUP + lane;
    if at < params.count {
        let own = x[at];
        y[at] = select(own, vec4(0.0), own <= vec4(0.0));
    }
}

@compute @workgroup_size(WORKGROUP)
fn relu_backward(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let at = indexing_group(group, groups) * WORKGROUP + lane;
    if at < params.count {
        d_x[at] = select(d_y[at], vec4(0.0), output[at] <= vec4(0.0));
    }
}

fn sigmoid(x: f32) -> f32 {
    // exp(-|x|) never overflows, and below 0 it keeps its relative accuracy.
    let e = math_exp(-abs(x));
    return select(1.0, e, x < 0.0) / (1.0 + e);
}

@compute @workgroup_size(WORKGROUP)
fn sigmoid_forward(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let at = indexing_group(group, groups) * WORKGROUP + lane;
    if at < params.count {
        let own = x[at];
        y[at] = vec4(sigmoid(own.x), sigmoid(own.y), sigmoid(own.z), sigmoid(own.w));
    }
}

@compute @workgroup_size(WORKGROUP)
fn sigmoid_backward(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let at = indexing_group(group, groups) * WORKGROUP + lane;
    if at < params.count {
        let own = output[at];
        d_x[at] = d_y[at] * own * (1.0 - own);
    }
}

@compute @workgroup_size(WORKGROUP)
fn tanh_forward(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let at = indexing_group(group, groups) * WORKGROUP + lane;
    if at < params.count {
        let own = x[at];
        y[at] = vec4(math_tanh(own.x), math_tanh(own.y), math_tanh(own.z), math_tanh(own.w));
    }
}

@compute @workgroup_size(WORKGROUP)
fn tanh_backward(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let at = indexing_group(group, groups) * WORKGROUP + lane;
    if at < params.count {
        // The factored form loses nothing where y is near 1.
        let own = output[at];
        d_x[at] = d_y[at] * (1.0 - own) * (1.0 + own);
    }
}
