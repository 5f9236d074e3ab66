// A plane that light passes, the same for all samples of a batch, and an optional threshold behind it:
//   E = x t         I = |E|^2         m = mean of I over the plane of a sample
//   y = s E         s = sqrt(1 - f m / I) where I > f m, else 0; without a threshold (f = 0) s = 1: the phase is kept
// backward, with q = Re(conj(E) d_y), and v = 1 / (s I), 0 where it is dark:
//   M = mean over the plane of -f q v / 2                            what comes by way of the mean
//   d_E = s d_y + E (q v f m / I + 2 M)
//   d_x = conj(t) d_E         d_t = sum over samples of conj(x) d_E
// The slope at the threshold itself is infinite, as that of a root.
// Layout: `forward`: an invocation owns a pixel of a sample. `backward`: one owns a pixel of the plane and walks the
// samples, so that the sum has one order. Means: a workgroup owns 2,048 pixels of a sample and leaves a sum a lane, which
// `gather` adds up, a workgroup a sample. Reference: src/reference/plane.rs

import package::shared::complex::{complex_mul, complex_mul_conj};
import package::shared::indexing::{indexing_divide, indexing_group};
import package::shared::reduce::{reduce_sum};

const WORKGROUP: u32 = 64u;
const TURNS: u32 = 32u;

struct Params {
    first: u32,              // sample of the run
    n_samples: u32,          // of the run
    n_pixels: u32,
    n_blocks: u32,           // of a sample: workgroups that sum over it
    threshold: f32,          // f; 0: none
    added: u32,              // 1: d_t is added to what is there
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec2<f32>>;               // [batch, pixels] complex
@group(0) @binding(2) var<storage, read> t: array<vec2<f32>>;               // [pixels] complex
@group(0) @binding(3) var<storage, read> mean: array<f32>;                  // [batch] m
@group(0) @binding(4) var<storage, read> slope: array<f32>;                 // [batch] M
@group(0) @binding(5) var<storage, read> d_y: array<vec2<f32>>;             // [batch, pixels] complex
@group(0) @binding(6) var<storage, read_write> y: array<vec2<f32>>;         // [batch, pixels] complex
@group(0) @binding(7) var<storage, read_write> d_x: array<vec2<f32>>;       // [batch, pixels] complex
@group(0) @binding(8) var<storage, read_write> d_t: array<vec2<f32>>;       // [pixels] complex
@group(0) @binding(9) var<storage, read_write> partials: array<f32>;        // [batch, blocks, 64]
@group(0) @binding(10) var<storage, read> summands: array<f32>;             // partials, read back
@group(0) @binding(11) var<storage, read_write> gathered: array<f32>;       // [batch] m or M

/// s, v and f m / I of an intensity and the limit f m. NaN is let through.
fn passed(intensity: f32, limit: f32) -> vec3<f32> {
    if intensity <= limit {
        return vec3(0.0);
    }
    let s = sqrt((intensity - limit) / intensity);
    return vec3(s, 1.0 / (s * intensity), limit / intensity);
}

@compute @workgroup_size(WORKGROUP)
fn forward(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let at = indexing_group(group, groups) * WORKGROUP + lane;
    if at >= params.n_samples * params.n_pixels {
        return;
    }
    let sample = indexing_divide(at, params.n_pixels);
    let e = complex_mul(x[at], t[at - sample * params.n_pixels]);
    if params.threshold == 0.0 {
        y[at] = e;
    } else {
        y[at] = passed(dot(e, e), params.threshold * mean[sample]).x * e;
    }
}

@compute @workgroup_size(WORKGROUP)
fn backward(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let pixel = indexing_group(group, groups) * WORKGROUP + lane;
    if pixel >= params.n_pixels {
        return;
    }
    let through = t[pixel];
    var sum = vec2(0.0);
    if params.added == 1u {
        sum = d_t[pixel];
    }
    for (var sample = params.first; sample < params.first + params.n_samples; sample++) {
        let at = sample * params.n_pixels + pixel;
        let before = x[at];
        var d_e = d_y[at];
        if params.threshold > 0.0 {
            let e = complex_mul(before, through);
            let at_e = passed(dot(e, e), params.threshold * mean[sample]);
            d_e = at_e.x * d_e + e * (dot(e, d_e) * at_e.y * at_e.z + 2.0 * slope[sample]);
        }
        d_x[at] = complex_mul_conj(d_e, through);
        sum += complex_mul_conj(d_e, before);
    }
    d_t[pixel] = sum;
}

@compute @workgroup_size(WORKGROUP)
fn intensity(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let own = indexing_group(group, groups);
    if own >= params.n_samples * params.n_blocks {
        return;
    }
    let sample = own / params.n_blocks;
    var pixel = (own - sample * params.n_blocks) * TURNS * WORKGROUP + lane;
    var sum = 0.0;
    for (var turn = 0u; turn < TURNS && pixel < params.n_pixels; turn++) {
        let e = complex_mul(x[sample * params.n_pixels + pixel], t[pixel]);
        sum += dot(e, e);
        pixel += WORKGROUP;
    }
    partials[own * WORKGROUP + lane] = sum;
}

@compute @workgroup_size(WORKGROUP)
fn intensity_slope(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let own = indexing_group(group, groups);
    if own >= params.n_samples * params.n_blocks {
        return;
    }
    let sample = own / params.n_blocks;
    let limit = params.threshold * mean[sample];
    var pixel = (own - sample * params.n_blocks) * TURNS * WORKGROUP + lane;
    var sum = 0.0;
    for (var turn = 0u; turn < TURNS && pixel < params.n_pixels; turn++) {
        let at = sample * params.n_pixels + pixel;
        let e = complex_mul(x[at], t[pixel]);
        sum -= 0.5 * params.threshold * dot(e, d_y[at]) * passed(dot(e, e), limit).y;
        pixel += WORKGROUP;
    }
    partials[own * WORKGROUP + lane] = sum;
}

@compute @workgroup_size(WORKGROUP)
fn gather(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let sample = indexing_group(group, groups);
    let n_partials = params.n_blocks * WORKGROUP;
    var sum = 0.0;
    if sample < params.n_samples {
        for (var at = lane; at < n_partials; at += WORKGROUP) {
            sum += summands[sample * n_partials + at];
        }
    }
    let whole = reduce_sum(lane, sum);
    if lane == 0u && sample < params.n_samples {
        gathered[sample] = whole / f32(params.n_pixels);
    }
}
