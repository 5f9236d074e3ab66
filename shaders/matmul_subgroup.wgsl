// The matrix products of matmul.wgsl for adapters whose subgroups have eight lanes (Mesa's software renderer): the
// same equations, the same order of addition, the same bits.
// Layout: a subgroup owns 8 rows x 32 columns of c; a lane keeps 8 rows x 4 columns in registers. A turn adds four
// elements of the contraction: each lane loads one vec4 of a, an eighth of what the tile needs of it, and its own 4
// columns of b, and hears the rest of a by broadcast, which is several times cheaper there than a load. Loads are vec4
// along the contiguous axes: `abt` needs k, `ab` n and k, `atb` m, n and k in multiples of 4.
// Reference: src/reference/matmul.rs

import package::shared::indexing::{indexing_group};
import package::shared::product::{Params, product_four};

const WORKGROUP: u32 = 64u;
const LANES: u32 = 8u;
const ROWS: u32 = 8u;
const COLUMNS: u32 = 32u;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<vec4<f32>>;           // ab, abt: [m, k / 4, 4], atb: [k, m / 4, 4]
@group(0) @binding(2) var<storage, read> b: array<vec4<f32>>;           // ab, atb: [k, n / 4, 4], abt: [n, k / 4, 4]
@group(0) @binding(3) var<storage, read> bias: array<f32>;              // [n]
@group(0) @binding(4) var<storage, read_write> c: array<f32>;           // [m, n]

alias Sums = array<vec4<f32>, 8>;

/// First row and column of the subgroup's tile; a row past the end means no work. All lanes agree.
fn tile(group: vec3<u32>, groups: vec3<u32>, lane: u32) -> vec2<u32> {
    let index = (indexing_group(group, groups) * WORKGROUP + lane) / LANES;
    let across = (params.n + COLUMNS - 1u) / COLUMNS;
    return vec2(index / across * ROWS, index % across * COLUMNS);
}

/// Adds one element of the contraction: each lane's own value of a, and its four columns of b.
fn accumulate(sums: ptr<function, Sums>, left: f32, right: vec4<f32>) {
    (*sums)[0] += subgroupBroadcast(left, 0u) * right;
    (*sums)[1] += subgroupBroadcast(left, 1u) * right;
    (*sums)[2] += subgroupBroadcast(left, 2u) * right;
    (*sums)[3] += subgroupBroadcast(left, 3u) * right;
    (*sums)[4] += subgroupBroadcast(left, 4u) * right;
    (*sums)[5] += subgroupBroadcast(left, 5u) * right;
    (*sums)[6] += subgroupBroadcast(left, 6u) * right;
    (*sums)[7] += subgroupBroadcast(left, 7u) * right;
}

fn store_row(row: u32, first: u32, values: vec4<f32>) {
    for (var j = 0u; j < 4u; j++) {
        let column = first + j;
        if row < params.m && column < params.n {
            let at = row * params.n + column;
            c[at] = select(0.0, c[at], params.accumulate == 1u) + values[j];
        }
    }
}

/// Adds `offset` to every row and stores the lane's 8 x 4 elements. Constant indices keep the sums in registers.
fn store(row: u32, first: u32, sums: Sums, offset: vec4<f32>) {
    store_row(row, first, sums[0] + offset);
    store_row(row + 1u, first, sums[1] + offset);
    store_row(row + 2u, first, sums[2] + offset);
    store_row(row + 3u, first, sums[3] + offset);
    store_row(row + 4u, first, sums[4] + offset);
    store_row(row + 5u, first, sums[5] + offset);
    store_row(row + 6u, first, sums[6] + offset);
    store_row(row + 7u, first, sums[7] + offset);
}

/// Adds four elements of the contraction, each lane's values of a being `left`.
fn accumulate_four(sums: ptr<function, Sums>, left: vec4<f32>, right: mat4x4<f32>) {
    accumulate(sums, left.x, right[0]);
    accumulate(sums, left.y, right[1]);
    accumulate(sums, left.z, right[2]);
    accumulate(sums, left.w, right[3]);
}

/// The four columns of a lane in four rows of b, from word 4 at, with n words a row.
fn rows_of_b(at: u32) -> mat4x4<f32> {
    let row = params.n / 4u;
    return mat4x4<f32>(b[at], b[at + row], b[at + 2u * row], b[at + 3u * row]);
}

@compute @workgroup_size(WORKGROUP)
fn ab(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) index: u32, @builtin(subgroup_invocation_id) lane: u32) {
    let corner = tile(group, groups, index);
    if corner.x >= params.m {
        return;
    }
    let row = min(corner.x + lane, params.m - 1u);
    let column = min(corner.y + 4u * lane, params.n - 4u);
    var at_a = (row * params.k + params.k_first) / 4u;
    var at_b = (params.k_first * params.n + column) / 4u;
    var sums = Sums();
    for (var turn = 0u; turn < params.k_count / 4u; turn++) {
        accumulate_four(&sums, a[at_a], rows_of_b(at_b));
        at_a += 1u;
        at_b += params.n;
    }
    store(corner.x, corner.y + 4u * lane, sums, vec4(0.0));
}

/// Adds one element of the contraction: rows 0..4 of a from lane `low`, rows 4..8 from the next.
fn accumulate_rows(sums: ptr<function, Sums>, low: vec4<f32>, high: vec4<f32>, right: vec4<f32>) {
    (*sums)[0] += low.x * right;
    (*sums)[1] += low.y * right;
    (*sums)[2] += low.z * right;
    (*sums)[3] += low.w * right;
    (*sums)[4] += high.x * right;
    (*sums)[5] += high.y * right;
    (*sums)[6] += high.z * right;
    (*sums)[7] += high.w * right;
}

@compute @workgroup_size(WORKGROUP)
fn atb(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) index: u32, @builtin(subgroup_invocation_id) lane: u32) {
    let corner = tile(group, groups, index);
    if corner.x >= params.m {
        return;
    }
    // Four rows of a, eight words each, are one vec4 a lane.
    let row = min(corner.x + 4u * (lane % 2u), params.m - 4u);
    let column = min(corner.y + 4u * lane, params.n - 4u);
    var at_a = ((params.k_first + lane / 2u) * params.m + row) / 4u;
    var at_b = (params.k_first * params.n + column) / 4u;
    var sums = Sums();
    for (var turn = 0u; turn < params.k_count / 4u; turn++) {
        let left = a[at_a];
        let right = rows_of_b(at_b);
        accumulate_rows(&sums, subgroupBroadcast(left, 0u), subgroupBroadcast(left, 1u), right[0]);
        accumulate_rows(&sums, subgroupBroadcast(left, 2u), subgroupBroadcast(left, 3u), right[1]);
        accumulate_rows(&sums, subgroupBroadcast(left, 4u), subgroupBroadcast(left, 5u), right[2]);
        accumulate_rows(&sums, subgroupBroadcast(left, 6u), subgroupBroadcast(left, 7u), right[3]);
        at_a += params.m;
        at_b += params.n;
    }
    store(corner.x, corner.y + 4u * lane, sums, vec4(0.0));
}

fn product_abt(corner: vec2<u32>, lane: u32) -> Sums {
    var sums = Sums();
    let row = min(corner.x + lane, params.m - 1u);
    let first = corner.y + 4u * lane;
    let columns = product_four(first, params.n);
    var at_a = (row * params.k + params.k_first) / 4u;
    var at_b = (columns * params.k + params.k_first) / 4u;
    for (var turn = 0u; turn < params.k_count / 4u; turn++) {
        accumulate_four(&sums, a[at_a], transpose(mat4x4<f32>(b[at_b.x], b[at_b.y], b[at_b.z], b[at_b.w])));
        at_a += 1u;
        at_b += 1u;
    }
    return sums;
}

@compute @workgroup_size(WORKGROUP)
fn abt(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) index: u32, @builtin(subgroup_invocation_id) lane: u32) {
    let corner = tile(group, groups, index);
    if corner.x >= params.m {
        return;
    }
    let sums = product_abt(corner, lane);
    store(corner.x, corner.y + 4u * lane, sums, vec4(0.0));
}

@compute @workgroup_size(WORKGROUP)
fn abt_bias(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) index: u32, @builtin(subgroup_invocation_id) lane: u32) {
    let corner = tile(group, groups, index);
    if corner.x >= params.m {
        return;
    }
    let sums = product_abt(corner, lane);
    let first = corner.y + 4u * lane;
    let columns = product_four(first, params.n);
    let row = vec4(bias[columns.x], bias[columns.y], bias[columns.z], bias[columns.w]);
    store(corner.x, first, sums, row);
}
