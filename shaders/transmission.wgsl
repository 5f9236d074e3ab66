// Complex transmission of masks, of phases or of amplitudes a, whose pixels act on a share F of their area:
//   set = phase within a turn, or the nearest of n_levels levels around the circle (shared/phase.wgsl)
//   e = exp(i D set)       t = F e + 1 - F            d_phase = F D Re(conj(i e) d_t)       levels count as 1
//                          t = F a + 1 - F            d_a = F Re(d_t)
// D is the wavelength that phases are set for over that of the light.
// Layout: a workgroup takes 1,024 pixels. Reference: src/reference/transmission.rs

import package::shared::indexing::{INDEXING_TURNS, indexing_group};
import package::shared::math::{math_circle};
import package::shared::phase::{phase_set};

const WORKGROUP: u32 = 64u;

struct Params {
    n_pixels: u32,           // of all masks
    amplitudes: u32,         // 1: values are amplitudes
    n_levels: u32,           // 0: phases are free
    added: u32,              // 1: d_values is added to what is there
    fill: f32,               // F
    rest: f32,               // 1 - F
    dispersion: f32,         // D
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> values: array<f32>;                // [masks, height, width] rad or amplitude
@group(0) @binding(2) var<storage, read> d_t: array<vec2<f32>>;             // [masks, height, width] complex
@group(0) @binding(3) var<storage, read_write> t: array<vec2<f32>>;         // [masks, height, width] complex
@group(0) @binding(4) var<storage, read_write> d_values: array<f32>;        // [masks, height, width]

/// exp(i D set) at a pixel.
fn unit(pixel: u32) -> vec2<f32> {
    return math_circle(params.dispersion * phase_set(values[pixel], params.n_levels));
}

@compute @workgroup_size(WORKGROUP)
fn forward(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    var pixel = indexing_group(group, groups) * INDEXING_TURNS * WORKGROUP + lane;
    for (var turn = 0u; turn < INDEXING_TURNS && pixel < params.n_pixels; turn++) {
        var acts = vec2(0.0);
        if params.amplitudes == 1u {
            acts.x = values[pixel];
        } else {
            acts = unit(pixel);
        }
        t[pixel] = params.fill * acts + vec2(params.rest, 0.0);
        pixel += WORKGROUP;
    }
}

@compute @workgroup_size(WORKGROUP)
fn backward(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    var pixel = indexing_group(group, groups) * INDEXING_TURNS * WORKGROUP + lane;
    for (var turn = 0u; turn < INDEXING_TURNS && pixel < params.n_pixels; turn++) {
        var along = vec2(1.0, 0.0);
        if params.amplitudes == 0u {
            let e = unit(pixel);
            along = params.dispersion * vec2(-e.y, e.x);
        }
        var slope = params.fill * dot(along, d_t[pixel]);
        if params.added == 1u {
            slope += d_values[pixel];
        }
        d_values[pixel] = slope;
        pixel += WORKGROUP;
    }
}
