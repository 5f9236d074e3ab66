// Weight of an add-drop microring, through minus drop transmission of a Lorentzian resonance:
//   x = detuning + offset + drift T        distance of the resonance from its channel now, in nm
//   W(x) = 1 - 2 A / (1 + (x/g)^2),   dW/dx = 4 A (x/g^2) / (1 + (x/g)^2)^2
//   dW/dw = -(x/g) g0 dW/dx,          dW/da = -2 / (1 + (x/g)^2)           ABOUT 1 and 2; 0 where width or contrast is held
// with g = g0 (1 + w) and A = A0 + a, changes w and a of the nominal width and contrast,
// g: half width at half maximum (nm), A: contrast, both as the ring was built; drift: shift of the resonance
// (nm/K), T: temperature from nominal (K), offset: what the resonance was misbuilt by (nm). Every shift of x is
// added to the detuning, so its gradient is the detuning's. Source: Xu et al., Nat. Commun. 17, 1766 (2026).
// Layout: an invocation owns a ring. Reference: src/reference/microring.rs

import package::shared::indexing::{indexing_group};
import package::shared::ring::{ring_half_width, ring_contrast, ring_width_moves, ring_contrast_moves};

const WORKGROUP: u32 = 64u;

/// What the gradient is about: 0 the detuning, 1 the change of the width, 2 that of the contrast.
override ABOUT: u32 = 0u;

struct Params {
    n_rings: u32,
    half_width: f32,
    contrast: f32,
    drift: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> detuning: array<f32>;              // [rings] nm
@group(0) @binding(2) var<storage, read> offset: array<f32>;                // [rings] nm
@group(0) @binding(3) var<storage, read> temperature: array<f32>;           // [1] K
@group(0) @binding(4) var<storage, read> width_change: array<f32>;          // [rings] relative
@group(0) @binding(5) var<storage, read> contrast_change: array<f32>;       // [rings]
@group(0) @binding(6) var<storage, read> d_weight: array<f32>;              // [rings]
@group(0) @binding(7) var<storage, read_write> weight: array<f32>;          // [rings]
@group(0) @binding(8) var<storage, read_write> d_detuning: array<f32>;      // [rings] 1/nm, or of what it is about

@compute @workgroup_size(WORKGROUP)
fn forward(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let ring = indexing_group(group, groups) * WORKGROUP + lane;
    if ring >= params.n_rings {
        return;
    }
    let half_width = ring_half_width(params.half_width, width_change[ring]);
    let u = (detuning[ring] + offset[ring] + params.drift * temperature[0]) / half_width;
    weight[ring] = 1.0 - 2.0 * ring_contrast(params.contrast, contrast_change[ring]) / (1.0 + u * u);
}

@compute @workgroup_size(WORKGROUP)
fn backward(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let ring = indexing_group(group, groups) * WORKGROUP + lane;
    if ring >= params.n_rings {
        return;
    }
    let half_width = ring_half_width(params.half_width, width_change[ring]);
    let u = (detuning[ring] + offset[ring] + params.drift * temperature[0]) / half_width;
    let width = 1.0 + u * u;
    let contrast = ring_contrast(params.contrast, contrast_change[ring]);
    if ABOUT == 2u {
        d_detuning[ring] = d_weight[ring] * -2.0 / width * ring_contrast_moves(params.contrast, contrast_change[ring]);
        return;
    }
    let slope = d_weight[ring] * 4.0 * contrast * u / (half_width * width * width);
    if ABOUT == 1u {
        d_detuning[ring] = slope * -u * params.half_width * ring_width_moves(width_change[ring]);
        return;
    }
    d_detuning[ring] = slope;
}
