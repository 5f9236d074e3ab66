// The matrix products of matmul.wgsl for GPUs: the same equations, the same order of addition.
// Layout: a workgroup of 16 x 16 owns 64 x 64 elements of c, an invocation 4 x 4 of them in registers. Tiles of 64 x 16 of
// both operands are brought to workgroup memory (8 KiB), so that a word of a or b is loaded once for 64 uses. Loads follow
// the contiguous axis of each operand, to be coalesced. What lies past an edge is not summed.
// Reference: src/reference/matmul.rs

import package::shared::indexing::{indexing_group};
import package::shared::product::{Params, product_four, product_tile};

const WORKGROUP: u32 = 256u;
const TILE: u32 = 64u;
const DEPTH: u32 = 16u;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<f32>;             // [m, k], atb: [k, m]
@group(0) @binding(2) var<storage, read> b: array<f32>;             // [k, n], abt: [n, k]
@group(0) @binding(3) var<storage, read> bias: array<f32>;          // [n]
@group(0) @binding(4) var<storage, read_write> c: array<f32>;       // [m, n]

// [depth, row] and [depth, column]: the four values of an invocation lie side by side. The odd pitch keeps columns of
// stores in different banks.
const PITCH: u32 = 65u;
var<workgroup> tile_a: array<f32, 1040>;
var<workgroup> tile_b: array<f32, 1040>;

/// Fills a tile from a matrix [outer, inner] whose contiguous axis is the contraction: outer = row or column of c.
fn element_inner(first: u32, lane: u32, part: u32) -> vec2<u32> {
    let place = part * WORKGROUP + lane;
    return vec2(first + place / DEPTH, place % DEPTH);
}

/// The same where the contiguous axis is the row or column of c.
fn element_outer(first: u32, lane: u32, part: u32) -> vec2<u32> {
    let place = part * WORKGROUP + lane;
    return vec2(first + place % TILE, place / TILE);
}

/// First row and column of the workgroup's tile, and its product.
fn corner_of(group: vec3<u32>, groups: vec3<u32>) -> vec3<u32> {
    return product_tile(params, indexing_group(group, groups), TILE, TILE);
}

/// One product: `transposed_a`: a is [k, m]; `transposed_b`: b is [n, k].
fn product(corner: vec3<u32>, lane: u32, transposed_a: bool, transposed_b: bool) -> mat4x4<f32> {
    let row = lane / 16u * 4u;
    let column = lane % 16u * 4u;
    let k_end = params.k_first + params.k_count;
    let before_a = corner.z * params.m * params.k;
    let before_b = corner.z * params.k * params.n;
    var sums = mat4x4<f32>();
    for (var k = params.k_first; k < k_end; k += DEPTH) {
        for (var part = 0u; part < 4u; part++) {
            var at = element_inner(corner.x, lane, part);
            if transposed_a {
                at = element_outer(corner.x, lane, part);
            }
            var value = 0.0;
            if at.x < params.m && k + at.y < k_end {
                value = a[before_a + select(at.x * params.k + k + at.y, (k + at.y) * params.m + at.x, transposed_a)];
            }
            tile_a[at.y * PITCH + at.x - corner.x] = value;
            at = element_outer(corner.y, lane, part);
            if transposed_b {
                at = element_inner(corner.y, lane, part);
            }
            value = 0.0;
            if at.x < params.n && k + at.y < k_end {
                value = b[before_b + select((k + at.y) * params.n + at.x, at.x * params.k + k + at.y, transposed_b)];
            }
            tile_b[at.y * PITCH + at.x - corner.y] = value;
        }
        workgroupBarrier();
        let depth = min(DEPTH, k_end - k);
        for (var turn = 0u; turn < depth; turn++) {
            let at_a = turn * PITCH + row;
            let at_b = turn * PITCH + column;
            let right = vec4(tile_b[at_b], tile_b[at_b + 1u], tile_b[at_b + 2u], tile_b[at_b + 3u]);
            sums[0] += tile_a[at_a] * right;
            sums[1] += tile_a[at_a + 1u] * right;
            sums[2] += tile_a[at_a + 2u] * right;
            sums[3] += tile_a[at_a + 3u] * right;
        }
        workgroupBarrier();
    }
    return sums;
}

fn store(corner: vec3<u32>, lane: u32, sums: mat4x4<f32>) {
    let first = corner.xy + vec2(lane / 16u, lane % 16u) * 4u;
    for (var i = 0u; i < 4u; i++) {
        for (var j = 0u; j < 4u; j++) {
            let row = first.x + i;
            let column = first.y + j;
            if row < params.m && column < params.n {
                let at = (corner.z * params.m + row) * params.n + column;
                c[at] = select(0.0, c[at], params.accumulate == 1u) + sums[i][j];
            }
        }
    }
}

@compute @workgroup_size(WORKGROUP)
fn ab(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let corner = corner_of(group, groups);
    store(corner, lane, product(corner, lane, false, false));
}

@compute @workgroup_size(WORKGROUP)
fn atb(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let corner = corner_of(group, groups);
    store(corner, lane, product(corner, lane, true, false));
}

@compute @workgroup_size(WORKGROUP)
fn abt(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let corner = corner_of(group, groups);
    store(corner, lane, product(corner, lane, false, true));
}

@compute @workgroup_size(WORKGROUP)
fn abt_bias(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let corner = corner_of(group, groups);
    let sums = product(corner, lane, false, true);
    let first = corner.y + lane % 16u * 4u;
    let columns = product_four(first, params.n);
    let row = vec4(bias[columns.x], bias[columns.y], bias[columns.z], bias[columns.w]);
    store(corner, lane, sums + mat4x4<f32>(row, row, row, row));
}
