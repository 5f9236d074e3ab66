// Complex transmission of masks:
//   set = phase within a turn, or the nearest of n_levels levels around the circle (shared/phase.wgsl)
//   e = exp(i (set + fixed))       t = amplitude e
//   d_phase = amplitude Re(conj(i e) d_t)         d_amplitude = Re(conj(e) d_t)         levels count as 1
// fixed and amplitude are of one plane, shared by all masks, or of every mask; without them 0 and 1.
// Layout: an invocation owns a pixel of a mask. Reference: src/reference/transmission.rs

import package::shared::indexing::{indexing_divide, indexing_group};
import package::shared::math::{math_circle};
import package::shared::phase::{phase_set};

const WORKGROUP: u32 = 64u;

struct Params {
    n_pixels: u32,           // of all masks
    n_levels: u32,           // 0: phases are free
    n_fixed: u32,            // pixels of `fixed`; 0: there is none
    n_amplitude: u32,        // pixels of `amplitude`; 0: there is none
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> phase: array<f32>;                 // [masks, height, width] rad
@group(0) @binding(2) var<storage, read> fixed_phase: array<f32>;           // [.., height, width] rad
@group(0) @binding(3) var<storage, read> amplitude: array<f32>;             // [.., height, width]
@group(0) @binding(4) var<storage, read> d_t: array<vec2<f32>>;             // [masks, height, width] complex
@group(0) @binding(5) var<storage, read_write> t: array<vec2<f32>>;         // [masks, height, width] complex
@group(0) @binding(6) var<storage, read_write> d_phase: array<f32>;         // [masks, height, width]
@group(0) @binding(7) var<storage, read_write> d_amplitude: array<f32>;     // [masks, height, width]

/// a modulo b.
fn remainder(a: u32, b: u32) -> u32 {
    return a - indexing_divide(a, b) * b;
}

/// exp(i (set + fixed)) at a pixel.
fn unit(pixel: u32) -> vec2<f32> {
    var angle = phase_set(phase[pixel], params.n_levels);
    if params.n_fixed > 0u {
        angle += fixed_phase[remainder(pixel, params.n_fixed)];
    }
    return math_circle(angle);
}

fn amplitude_at(pixel: u32) -> f32 {
    if params.n_amplitude == 0u {
        return 1.0;
    }
    return amplitude[remainder(pixel, params.n_amplitude)];
}

@compute @workgroup_size(WORKGROUP)
fn forward(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let pixel = indexing_group(group, groups) * WORKGROUP + lane;
    if pixel < params.n_pixels {
        t[pixel] = amplitude_at(pixel) * unit(pixel);
    }
}

@compute @workgroup_size(WORKGROUP)
fn backward_phase(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let pixel = indexing_group(group, groups) * WORKGROUP + lane;
    if pixel < params.n_pixels {
        let e = unit(pixel);
        d_phase[pixel] = amplitude_at(pixel) * (e.x * d_t[pixel].y - e.y * d_t[pixel].x);
    }
}

@compute @workgroup_size(WORKGROUP)
fn backward_amplitude(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let pixel = indexing_group(group, groups) * WORKGROUP + lane;
    if pixel < params.n_pixels {
        d_amplitude[pixel] = dot(unit(pixel), d_t[pixel]);
    }
}
