// The adversarial step of sharpness-aware training, and the way back. For the parameters of each group inside the scope:
//   plain     p += rho g / ||g||           adaptive  p += rho p^2 g / ||p g||       norms by norm.wgsl
// with a radius for control parameters and one for digital ones. (Foret et al., ICLR 2021; Kwon et al., ICML 2021.)
// A zero gradient moves nothing; NaN is passed on. `ascend` also saves where it starts, `climb` goes on from there.
// Layout: an invocation owns a parameter, a workgroup a block of the table. Reference: src/reference/perturb.rs

import package::shared::indexing::{indexing_group};
import package::shared::segments::{SEGMENTS_BLOCK, SEGMENTS_CONTROL, segments_inside, segments_group};

const WORKGROUP: u32 = SEGMENTS_BLOCK;

struct Params {
    count: u32,
    scope: u32,
    adaptive: u32,
    grouping: u32,
    rho: f32,
    rho_digital: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> gradient: array<f32>;              // [count]
@group(0) @binding(2) var<storage, read> norms: array<f32>;                 // [groups]
@group(0) @binding(3) var<storage, read> segments: array<vec4<f32>>;        // [count / 64, 4]
@group(0) @binding(4) var<storage, read_write> parameters: array<f32>;      // [count]
@group(0) @binding(5) var<storage, read_write> saved: array<f32>;           // [count]
@group(0) @binding(6) var<storage, read> backup: array<f32>;                // saved, read back

/// What the gradient of a block is multiplied by, beside p^2 if adaptive. The same for a whole workgroup.
fn factor(block: u32) -> f32 {
    let norm = norms[segments_group(segments[block], params.grouping)];
    let rho = select(params.rho_digital, params.rho, segments[block].z == SEGMENTS_CONTROL);
    return select(rho / norm, 0.0, norm == 0.0);
}

/// Where the adversary takes a parameter that is at p. Outside nothing moves, not even by a step that is NaN.
fn raised(block: u32, at: u32, p: f32) -> f32 {
    let scale = select(1.0, p * p, params.adaptive == 1u);
    let inside = segments_inside(segments[block], params.scope) > 0.0;
    return select(p, p + factor(block) * scale * gradient[at], inside);
}

@compute @workgroup_size(WORKGROUP)
fn ascend(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let block = indexing_group(group, groups);
    let at = block * WORKGROUP + lane;
    if at < params.count {
        let p = parameters[at];
        saved[at] = p;
        parameters[at] = raised(block, at, p);
    }
}

@compute @workgroup_size(WORKGROUP)
fn climb(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let block = indexing_group(group, groups);
    let at = block * WORKGROUP + lane;
    if at < params.count {
        parameters[at] = raised(block, at, parameters[at]);
    }
}

@compute @workgroup_size(WORKGROUP)
fn restore(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let at = indexing_group(group, groups) * WORKGROUP + lane;
    if at < params.count {
        parameters[at] = backup[at];
    }
}
