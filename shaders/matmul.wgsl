// Matrix products, row-major, with the contraction cut into runs k_first .. k_first + k_count:
//   ab        c[m, n] = sum_k a[m, k] b[k, n]
//   atb       c[m, n] = sum_k a[k, m] b[k, n]
//   abt       c[m, n] = sum_k a[m, k] b[n, k]
//   abt_bias  the same + bias[n]
// The first run overwrites c, later ones add to it. Several products of one size lie one after the other in a, b and c.
// Layout: an invocation owns 4 x 4 elements of c in registers and shares nothing, so that it runs on any
// adapter without barriers; tiles of a workgroup lie side by side along n. Rows and columns past the edge are
// loaded from the edge and not stored.
// Reference: src/reference/matmul.rs

import package::shared::indexing::{indexing_group};
import package::shared::product::{Params, product_four, product_tile};

const WORKGROUP: u32 = 64u;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<f32>;             // [m, k], atb: [k, m]
@group(0) @binding(2) var<storage, read> b: array<f32>;             // [k, n], abt: [n, k]
@group(0) @binding(3) var<storage, read> bias: array<f32>;          // [n]
@group(0) @binding(4) var<storage, read_write> c: array<f32>;       // [m, n]

/// First row and column of the invocation's tile, and its product; a row past the end means no work.
fn tile(group: vec3<u32>, groups: vec3<u32>, lane: u32) -> vec3<u32> {
    return product_tile(params, indexing_group(group, groups) * WORKGROUP + lane, 4u, 4u);
}

/// Sums over the run: both operands are read four at a time at places that move on by a step each turn.
fn product(first_a: vec4<u32>, first_b: vec4<u32>, step_a: u32, step_b: u32) -> mat4x4<f32> {
    var at_a = first_a;
    var at_b = first_b;
    var sums = mat4x4<f32>();
    for (var turn = 0u; turn < params.k_count; turn++) {
        let left = load_a(at_a);
        let right = load_b(at_b);
        sums[0] += left.x * right;
        sums[1] += left.y * right;
        sums[2] += left.z * right;
        sums[3] += left.w * right;
        at_a += step_a;
        at_b += step_b;
    }
    return sums;
}

fn load_a(at: vec4<u32>) -> vec4<f32> {
    return vec4(a[at.x], a[at.y], a[at.z], a[at.w]);
}

fn load_b(at: vec4<u32>) -> vec4<f32> {
    return vec4(b[at.x], b[at.y], b[at.z], b[at.w]);
}

fn store(corner: vec3<u32>, sums: mat4x4<f32>) {
    for (var i = 0u; i < 4u; i++) {
        for (var j = 0u; j < 4u; j++) {
            let row = corner.x + i;
            let column = corner.y + j;
            if row < params.m && column < params.n {
                let at = (corner.z * params.m + row) * params.n + column;
                c[at] = select(0.0, c[at], params.accumulate == 1u) + sums[i][j];
            }
        }
    }
}

@compute @workgroup_size(WORKGROUP)
fn ab(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let corner = tile(group, groups, lane);
    if corner.x >= params.m {
        return;
    }
    let first_a = (corner.z * params.m + product_four(corner.x, params.m)) * params.k + params.k_first;
    let first_b = product_four(corner.y, params.n) + (corner.z * params.k + params.k_first) * params.n;
    store(corner, product(first_a, first_b, 1u, params.n));
}

@compute @workgroup_size(WORKGROUP)
fn atb(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let corner = tile(group, groups, lane);
    if corner.x >= params.m {
        return;
    }
    let first_a = product_four(corner.x, params.m) + (corner.z * params.k + params.k_first) * params.m;
    let first_b = product_four(corner.y, params.n) + (corner.z * params.k + params.k_first) * params.n;
    store(corner, product(first_a, first_b, params.m, params.n));
}

fn product_abt(corner: vec3<u32>) -> mat4x4<f32> {
    let first_a = (corner.z * params.m + product_four(corner.x, params.m)) * params.k + params.k_first;
    let first_b = (corner.z * params.n + product_four(corner.y, params.n)) * params.k + params.k_first;
    return product(first_a, first_b, 1u, 1u);
}

@compute @workgroup_size(WORKGROUP)
fn abt(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let corner = tile(group, groups, lane);
    if corner.x >= params.m {
        return;
    }
    store(corner, product_abt(corner));
}

@compute @workgroup_size(WORKGROUP)
fn abt_bias(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let corner = tile(group, groups, lane);
    if corner.x >= params.m {
        return;
    }
    let columns = product_four(corner.y, params.n);
    let row = vec4(bias[columns.x], bias[columns.y], bias[columns.z], bias[columns.w]);
    store(corner, product_abt(corner) + mat4x4<f32>(row, row, row, row));
}
