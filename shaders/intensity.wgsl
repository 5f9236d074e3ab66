// What detectors read of complex amplitudes, and its gradient (see shared/complex.wgsl):
//   forward   I = |E|^2          backward   d_E = 2 d_I E
// Layout: an invocation owns two neighbours, whose amplitudes are four words; what it makes of the words past the end is
// nobody's. Reference: src/reference/intensity.rs

import package::shared::indexing::{indexing_group};

const WORKGROUP: u32 = 64u;

struct Params {
    n_pairs: u32,        // amplitudes / 2, rounded up
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> field: array<vec4<f32>>;               // [n / 2, 2, 2]
@group(0) @binding(2) var<storage, read> d_intensity: array<vec2<f32>>;         // [n / 2, 2]
@group(0) @binding(3) var<storage, read_write> intensity: array<vec2<f32>>;     // [n / 2, 2]
@group(0) @binding(4) var<storage, read_write> d_field: array<vec4<f32>>;       // [n / 2, 2, 2]

@compute @workgroup_size(WORKGROUP)
fn forward(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let at = indexing_group(group, groups) * WORKGROUP + lane;
    if at < params.n_pairs {
        let e = field[at];
        intensity[at] = vec2(dot(e.xy, e.xy), dot(e.zw, e.zw));
    }
}

@compute @workgroup_size(WORKGROUP)
fn backward(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let at = indexing_group(group, groups) * WORKGROUP + lane;
    if at < params.n_pairs {
        d_field[at] = 2.0 * d_intensity[at].xxyy * field[at];
    }
}
