// The adversarial step of sharpness-aware training, and the way back. For the parameters of each group inside the scope:
//   plain     p += rho g / ||g||           adaptive  p += rho p^2 g / ||p g||       norms by norm.wgsl
// with a radius for control parameters and one for digital ones. (Foret et al., ICLR 2021; Kwon et al., ICML 2021.)
// A zero gradient moves nothing; NaN is passed on. `ascend` also saves where it starts, `climb` goes on from there.
// Layout: an invocation owns four neighbours; vectors are whole blocks of 64 words. Reference: src/reference/perturb.rs

import package::shared::indexing::{indexing_group};
import package::shared::segments::{SEGMENTS_QUADS, SEGMENTS_CONTROL, segments_inside, segments_group};

const WORKGROUP: u32 = 64u;

struct Params {
    count: u32,          // words / 4
    scope: u32,
    adaptive: u32,
    grouping: u32,
    rho: f32,
    rho_digital: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> gradient: array<vec4<f32>>;        // [count]
@group(0) @binding(2) var<storage, read> norms: array<f32>;                 // [groups]
@group(0) @binding(3) var<storage, read> segments: array<vec4<f32>>;        // [count / 64, 4]
@group(0) @binding(4) var<storage, read_write> parameters: array<vec4<f32>>;// [count]
@group(0) @binding(5) var<storage, read_write> saved: array<vec4<f32>>;     // [count]
@group(0) @binding(6) var<storage, read> backup: array<vec4<f32>>;          // saved, read back

/// Where the adversary takes parameters that are at p. Outside nothing moves, not even by a step that is NaN.
fn raised(at: u32, p: vec4<f32>) -> vec4<f32> {
    let segment = segments[at / SEGMENTS_QUADS];
    if segments_inside(segment, params.scope) == 0.0 {
        return p;
    }
    let norm = norms[segments_group(segment, params.grouping)];
    let rho = select(params.rho_digital, params.rho, segment.z == SEGMENTS_CONTROL);
    let scale = select(vec4(1.0), p * p, params.adaptive == 1u);
    return p + select(rho / norm, 0.0, norm == 0.0) * scale * gradient[at];
}

@compute @workgroup_size(WORKGROUP)
fn ascend(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let at = indexing_group(group, groups) * WORKGROUP + lane;
    if at < params.count {
        let p = parameters[at];
        saved[at] = p;
        parameters[at] = raised(at, p);
    }
}

@compute @workgroup_size(WORKGROUP)
fn climb(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let at = indexing_group(group, groups) * WORKGROUP + lane;
    if at < params.count {
        parameters[at] = raised(at, parameters[at]);
    }
}

@compute @workgroup_size(WORKGROUP)
fn restore(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let at = indexing_group(group, groups) * WORKGROUP + lane;
    if at < params.count {
        parameters[at] = backup[at];
    }
}
