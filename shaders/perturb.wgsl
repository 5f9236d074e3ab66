// The adversarial step of sharpness-aware training, and the way back.
//   plain     p += rho g / ||g||           adaptive  p += rho p^2 g / ||p g||        inside the scope
// (Foret et al., ICLR 2021; Kwon et al., ICML 2021.) A zero gradient moves nothing; NaN is passed on.
// Layout: an invocation owns four neighbours; vectors are whole blocks of 64 words. Reference: src/reference/perturb.rs

import package::shared::indexing::{indexing_group};
import package::shared::segments::{SEGMENTS_QUADS, segments_inside};

const WORKGROUP: u32 = 64u;

struct Params {
    count: u32,          // words / 4
    scope: u32,
    adaptive: u32,
    rho: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> gradient: array<vec4<f32>>;        // [count]
@group(0) @binding(2) var<storage, read> norm: array<f32>;                  // [1]
@group(0) @binding(3) var<storage, read> segments: array<vec4<f32>>;        // [count / 64, 4]
@group(0) @binding(4) var<storage, read_write> parameters: array<vec4<f32>>;// [count]
@group(0) @binding(5) var<storage, read_write> saved: array<vec4<f32>>;     // [count]
@group(0) @binding(6) var<storage, read> backup: array<vec4<f32>>;          // saved, read back

@compute @workgroup_size(WORKGROUP)
fn ascend(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let at = indexing_group(group, groups) * WORKGROUP + lane;
    if at >= params.count {
        return;
    }
    let p = parameters[at];
    saved[at] = p;
    let length = select(params.rho / norm[0], 0.0, norm[0] == 0.0);
    let scale = select(vec4(1.0), p * p, params.adaptive == 1u);
    if segments_inside(segments[at / SEGMENTS_QUADS], params.scope) > 0.0 {
        parameters[at] = p + length * scale * gradient[at];
    }
}

@compute @workgroup_size(WORKGROUP)
fn restore(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let at = indexing_group(group, groups) * WORKGROUP + lane;
    if at < params.count {
        parameters[at] = backup[at];
    }
}
