// The penalty on steep weights, c ||s|| over the rings of a layer, with the slope of a ring alone on its bus
//   s = dW/dx = 4 (A/g) u / (1 + u^2)^2,   s' = d2W/dx2 = 4 (A/g^2) (1 - 3 u^2) / (1 + u^2)^3,   u = x/g
//   d_x += c s s' / ||s||                    all as in microring.wgsl; a slope of 0 everywhere adds nothing
// Source: the penalty that Xu et al., Nat. Commun. 17, 1766 (2026), call pruning.
// Layout: `partial` sums squares to one number a workgroup, lanes striding over the rings, then a tree; `total` adds those
// up; an invocation owns a ring in `penalty`. Reference: src/reference/slope.rs

import package::shared::indexing::{indexing_group};
import package::shared::reduce::{reduce_sum};
import package::shared::ring::{ring_half_width, ring_contrast};

const WORKGROUP: u32 = 64u;

struct Params {
    n_rings: u32,
    n_groups: u32,       // workgroups that `partial` runs with
    half_width: f32,
    contrast: f32,
    drift: f32,
    strength: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> detuning: array<f32>;              // [rings] nm
@group(0) @binding(2) var<storage, read> offset: array<f32>;                // [rings] nm
@group(0) @binding(3) var<storage, read> temperature: array<f32>;           // [1] K
@group(0) @binding(4) var<storage, read> width_change: array<f32>;          // [rings] relative
@group(0) @binding(5) var<storage, read> contrast_change: array<f32>;       // [rings]
@group(0) @binding(6) var<storage, read_write> partials: array<f32>;        // [groups]
@group(0) @binding(7) var<storage, read> summands: array<f32>;              // partials, read back
@group(0) @binding(8) var<storage, read_write> norm: array<f32>;            // [1] 1/nm
@group(0) @binding(9) var<storage, read> steepness: array<f32>;             // norm, read back
@group(0) @binding(10) var<storage, read_write> d_detuning: array<f32>;     // [rings] 1/nm

/// (dW/dx, d2W/dx2) of a ring.
fn slopes(ring: u32) -> vec2<f32> {
    let half_width = ring_half_width(params.half_width, width_change[ring]);
    let u = (detuning[ring] + offset[ring] + params.drift * temperature[0]) / half_width;
    let width = 1.0 + u * u;
    let steep = 4.0 * ring_contrast(params.contrast, contrast_change[ring]) / (half_width * width * width);
    return vec2(steep * u, steep * (1.0 - 3.0 * u * u) / (half_width * width));
}

@compute @workgroup_size(WORKGROUP)
fn partial(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let index = indexing_group(group, groups);
    var sum = 0.0;
    if index < params.n_groups {
        for (var ring = index * WORKGROUP + lane; ring < params.n_rings; ring += params.n_groups * WORKGROUP) {
            let slope = slopes(ring).x;
            sum += slope * slope;
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
        norm[0] = sqrt(whole);
    }
}

@compute @workgroup_size(WORKGROUP)
fn penalty(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let ring = indexing_group(group, groups) * WORKGROUP + lane;
    if ring >= params.n_rings {
        return;
    }
    let factor = select(params.strength / steepness[0], 0.0, steepness[0] == 0.0);
    let both = slopes(ring);
    d_detuning[ring] += factor * both.x * both.y;
}
