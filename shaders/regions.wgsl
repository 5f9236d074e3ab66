// Light on the detector regions of a camera, rectangles that do not overlap:
//   sum[r] = sum of |E|^2 over wavelengths and the pixels of r
//   out[r] = sum[r], or sum[r] / sum over all regions (0 in the dark)
//   d_sum[r] = d_out[r], or (d_out[r] - sum_j d_out[j] out[j]) / sum over all regions
//   d_E = 2 d_sum[r] E in region r, 0 outside
// Layout: `collect`: an invocation owns 32 pixels of a column of a region in light of one wavelength, so that neighbours read
// neighbours; `gather` adds up what a region has of all wavelengths, a workgroup each. `share` and `share_backward`: an invocation owns a region of a sample.
// `backward`: one owns a pixel of a sample. Reference: src/reference/regions.rs

import package::shared::indexing::{indexing_divide, indexing_group};
import package::shared::reduce::{reduce_sum};

const WORKGROUP: u32 = 64u;
const TURNS: u32 = 32u;
const OUTSIDE: u32 = 0xffffffffu;

struct Params {
    n_samples: u32,          // of the run
    n_regions: u32,
    width: u32,              // of the camera
    n_pixels: u32,
    n_columns: u32,          // of the widest region
    n_strips: u32,           // of 32 rows, of the highest region
    n_lines: u32,            // wavelengths
    line: u32,               // that of the field
    divided: u32,            // 1: by the sum over all regions
    first: u32,              // sample of the batch that is the first of the run
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> field: array<vec2<f32>>;           // [samples, pixels] complex
@group(0) @binding(2) var<storage, read> rectangles: array<vec4<u32>>;      // [regions] top, left, height, width
@group(0) @binding(3) var<storage, read> region_of: array<u32>;             // [pixels], OUTSIDE in none
@group(0) @binding(4) var<storage, read_write> partials: array<f32>;        // [samples, regions, lines, strips, columns]
@group(0) @binding(5) var<storage, read> summands: array<f32>;              // partials, read back
@group(0) @binding(6) var<storage, read_write> gathered: array<f32>;        // [batch, regions]
@group(0) @binding(7) var<storage, read> sums: array<f32>;                  // [batch, regions]
@group(0) @binding(8) var<storage, read_write> out: array<f32>;             // [batch, regions]
@group(0) @binding(9) var<storage, read> d_out: array<f32>;                 // [batch, regions]
@group(0) @binding(10) var<storage, read_write> d_gathered: array<f32>;     // [batch, regions]
@group(0) @binding(11) var<storage, read> d_sums: array<f32>;               // [batch, regions]
@group(0) @binding(12) var<storage, read_write> d_field: array<vec2<f32>>;  // [samples, pixels] complex

@compute @workgroup_size(WORKGROUP)
fn collect(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let at = indexing_group(group, groups) * WORKGROUP + lane;
    if at >= params.n_samples * params.n_regions * params.n_strips * params.n_columns {
        return;
    }
    let strips = indexing_divide(at, params.n_columns);
    let across = at - strips * params.n_columns;
    let rectangle = indexing_divide(strips, params.n_strips);       // of all samples
    let strip = strips - rectangle * params.n_strips;
    let sample = indexing_divide(rectangle, params.n_regions);
    let region = rectangles[rectangle - sample * params.n_regions];
    var sum = 0.0;
    if across < region.w {
        var pixel = sample * params.n_pixels + (region.x + strip * TURNS) * params.width + region.y + across;
        for (var row = strip * TURNS; row < (strip + 1u) * TURNS && row < region.z; row++) {
            let e = field[pixel];
            sum += dot(e, e);
            pixel += params.width;
        }
    }
    let place = (rectangle * params.n_lines + params.line) * params.n_strips + strip;
    partials[place * params.n_columns + across] = sum;
}

@compute @workgroup_size(WORKGROUP)
fn gather(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let own = indexing_group(group, groups);
    let inside = own < params.n_samples * params.n_regions;
    let n_partials = params.n_lines * params.n_strips * params.n_columns;
    var sum = 0.0;
    if inside {
        for (var at = lane; at < n_partials; at += WORKGROUP) {
            sum += summands[own * n_partials + at];
        }
    }
    let whole = reduce_sum(lane, sum);
    if lane == 0u && inside {
        gathered[params.first * params.n_regions + own] = whole;
    }
}

/// Light on all regions of a sample, from its first one on.
fn total(first: u32) -> f32 {
    var sum = 0.0;
    for (var region = 0u; region < params.n_regions; region++) {
        sum += sums[first + region];
    }
    return sum;
}

@compute @workgroup_size(WORKGROUP)
fn share(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let at = indexing_group(group, groups) * WORKGROUP + lane;
    if at >= params.n_samples * params.n_regions {
        return;
    }
    let own = params.first * params.n_regions + at;
    if params.divided == 0u {
        out[own] = sums[own];
        return;
    }
    let all = total(own - own % params.n_regions);
    out[own] = select(sums[own] / all, 0.0, all == 0.0);
}

@compute @workgroup_size(WORKGROUP)
fn share_backward(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let at = indexing_group(group, groups) * WORKGROUP + lane;
    if at >= params.n_samples * params.n_regions {
        return;
    }
    let own = params.first * params.n_regions + at;
    if params.divided == 0u {
        d_gathered[own] = d_out[own];
        return;
    }
    let first = own - own % params.n_regions;
    let all = total(first);
    var mean = 0.0;
    for (var other = first; other < first + params.n_regions; other++) {
        mean += d_out[other] * sums[other];
    }
    d_gathered[own] = select((d_out[own] - mean / all) / all, 0.0, all == 0.0);
}

@compute @workgroup_size(WORKGROUP)
fn backward(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let at = indexing_group(group, groups) * WORKGROUP + lane;
    if at >= params.n_samples * params.n_pixels {
        return;
    }
    let sample = indexing_divide(at, params.n_pixels);
    let region = region_of[at - sample * params.n_pixels];
    if region == OUTSIDE {
        d_field[at] = vec2(0.0);
    } else {
        d_field[at] = 2.0 * d_sums[(params.first + sample) * params.n_regions + region] * field[at];
    }
}
