// What a propagation multiplies with besides the transforms of fft.wgsl.
//   mask: y = x t, with t [height, width] complex shared by the batch
//   filter: y = scale x H, or scale x conj(H): H depends on |fx| and |fy| only and is stored for one quadrant; element (i, j) of the
//   spectrum takes H[min(i, height - i), min(j, width - j)]
// Layout: an invocation an element.
// Reference: src/reference/propagation.rs

import package::shared::complex::{complex_conj, complex_mul};
import package::shared::indexing::{indexing_divide, indexing_group};

const WORKGROUP: u32 = 64u;

struct Params {
    height: u32,
    width: u32,
    first_in: u32,      // where x begins in its binding, complex numbers
    items: u32,
    conjugate: u32,
    scale: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec2<f32>>;           // [samples, height, width] complex
@group(0) @binding(2) var<storage, read> factor: array<vec2<f32>>;      // mask: [height, width], filter: [height / 2 + 1, width / 2 + 1] complex
@group(0) @binding(3) var<storage, read_write> y: array<vec2<f32>>;     // [samples, height, width] complex

fn folded(index: u32, length: u32) -> u32 {
    return select(index, length - index, 2u * index > length);
}

@compute @workgroup_size(WORKGROUP)
fn mask(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let item = indexing_group(group, groups) * WORKGROUP + lane;
    if item >= params.items {
        return;
    }
    let size = params.height * params.width;
    y[item] = complex_mul(x[params.first_in + item], factor[item - indexing_divide(item, size) * size]);
}

@compute @workgroup_size(WORKGROUP)
fn filter_spectrum(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let item = indexing_group(group, groups) * WORKGROUP + lane;
    if item >= params.items {
        return;
    }
    let line = indexing_divide(item, params.width);
    let row = line - indexing_divide(line, params.height) * params.height;
    let column = item - line * params.width;
    let h = factor[folded(row, params.height) * (params.width / 2u + 1u) + folded(column, params.width)];
    y[item] = params.scale * complex_mul(x[params.first_in + item], select(h, complex_conj(h), params.conjugate == 1u));
}
