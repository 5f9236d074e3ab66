// Products of complex matrices, row-major, with the contraction cut into runs k_first .. k_first + k_count:
//   ab    c[m, n] = sum_k a[m, k] b[k, n]
//   ahb   c[m, n] = sum_k conj(a[k, m]) b[k, n]
//   abh   c[m, n] = sum_k a[m, k] conj(b[n, k])
// Each is the backward pass of the others (see shared/complex.wgsl). The first run overwrites c, later ones add to it.
// Layout: an invocation owns 4 x 4 elements of c in registers and shares nothing, as in matmul.wgsl; 8 loads of
// complex numbers feed 16 products. Rows and columns past the edge are loaded from the edge and not stored.
// Reference: src/reference/complex_matmul.rs

import package::shared::complex::{complex_mul, complex_conj};
import package::shared::indexing::{indexing_group};
import package::shared::product::{Params, product_four, product_tile};

const WORKGROUP: u32 = 64u;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<vec2<f32>>;           // [m, k], ahb: [k, m]
@group(0) @binding(2) var<storage, read> b: array<vec2<f32>>;           // [k, n], abh: [n, k]
@group(0) @binding(3) var<storage, read_write> c: array<vec2<f32>>;     // [m, n]

/// Four complex numbers, one a column.
alias Four = mat4x2<f32>;

/// First row and column of the invocation's tile; a row past the end means no work.
fn tile(group: vec3<u32>, groups: vec3<u32>, lane: u32) -> vec2<u32> {
    return product_tile(params, indexing_group(group, groups) * WORKGROUP + lane, 4u, 4u).xy;
}

fn load_a(at: vec4<u32>) -> Four {
    return Four(a[at.x], a[at.y], a[at.z], a[at.w]);
}

fn load_b(at: vec4<u32>) -> Four {
    return Four(b[at.x], b[at.y], b[at.z], b[at.w]);
}

fn conj(z: Four) -> Four {
    return Four(complex_conj(z[0]), complex_conj(z[1]), complex_conj(z[2]), complex_conj(z[3]));
}

fn scaled(factor: vec2<f32>, z: Four) -> Four {
    return Four(
        complex_mul(factor, z[0]),
        complex_mul(factor, z[1]),
        complex_mul(factor, z[2]),
        complex_mul(factor, z[3]),
    );
}

/// Four rows of c.
struct Sums {
    x: Four,
    y: Four,
    z: Four,
    w: Four,
}

/// A turn's share of the sums.
fn add(sums: ptr<function, Sums>, left: Four, right: Four) {
    (*sums).x += scaled(left[0], right);
    (*sums).y += scaled(left[1], right);
    (*sums).z += scaled(left[2], right);
    (*sums).w += scaled(left[3], right);
}

fn store_row(row: u32, first: u32, sums: Four) {
    for (var j = 0u; j < 4u; j++) {
        let column = first + j;
        if row < params.m && column < params.n {
            let at = row * params.n + column;
            c[at] = select(vec2(0.0), c[at], params.accumulate == 1u) + sums[j];
        }
    }
}

fn store(corner: vec2<u32>, sums: Sums) {
    store_row(corner.x, corner.y, sums.x);
    store_row(corner.x + 1u, corner.y, sums.y);
    store_row(corner.x + 2u, corner.y, sums.z);
    store_row(corner.x + 3u, corner.y, sums.w);
}

@compute @workgroup_size(WORKGROUP)
fn ab(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let corner = tile(group, groups, lane);
    if corner.x >= params.m {
        return;
    }
    let first_a = product_four(corner.x, params.m) * params.k + params.k_first;
    let first_b = product_four(corner.y, params.n) + params.k_first * params.n;
    var sums = Sums();
    for (var turn = 0u; turn < params.k_count; turn++) {
        add(&sums, load_a(first_a + turn), load_b(first_b + turn * params.n));
    }
    store(corner, sums);
}

@compute @workgroup_size(WORKGROUP)
fn ahb(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let corner = tile(group, groups, lane);
    if corner.x >= params.m {
        return;
    }
    let first_a = product_four(corner.x, params.m) + params.k_first * params.m;
    let first_b = product_four(corner.y, params.n) + params.k_first * params.n;
    var sums = Sums();
    for (var turn = 0u; turn < params.k_count; turn++) {
        add(&sums, conj(load_a(first_a + turn * params.m)), load_b(first_b + turn * params.n));
    }
    store(corner, sums);
}

@compute @workgroup_size(WORKGROUP)
fn abh(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let corner = tile(group, groups, lane);
    if corner.x >= params.m {
        return;
    }
    let first_a = product_four(corner.x, params.m) * params.k + params.k_first;
    let first_b = product_four(corner.y, params.n) * params.k + params.k_first;
    var sums = Sums();
    for (var turn = 0u; turn < params.k_count; turn++) {
        add(&sums, load_a(first_a + turn), conj(load_b(first_b + turn)));
    }
    store(corner, sums);
}
