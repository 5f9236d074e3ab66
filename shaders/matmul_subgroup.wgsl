// The matrix products of matmul.wgsl for adapters whose subgroups have eight lanes (Mesa's software renderer): the
// same equations, the same order of addition, the same bits.
// Layout: a subgroup owns 8 rows x 32 columns of c; a lane keeps 8 rows x 4 columns in registers. Each lane loads one of
// the 8 rows of a and its own 4 columns of b, and hears the other rows by broadcast, which is several times cheaper
// there than a load. Loads are vec4 along the contiguous axis: `abt` needs k, `ab` and `atb` need n in multiples of 4.
// Reference: src/reference/matmul.rs

import package::shared::indexing::{indexing_group};
import package::shared::product::{Params, product_four};

const WORKGROUP: u32 = 64u;
const LANES: u32 = 8u;
const ROWS: u32 = 8u;
const COLUMNS: u32 = 32u;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<f32>;                 // ab: [m, k], atb: [k, m]
@group(0) @binding(2) var<storage, read> b: array<vec4<f32>>;           // ab, atb: [k, n / 4, 4], abt: [n, k / 4, 4]
@group(0) @binding(3) var<storage, read> bias: array<f32>;              // [n]
@group(0) @binding(4) var<storage, read_write> c: array<f32>;           // [m, n]
@group(0) @binding(5) var<storage, read> a_rows: array<vec4<f32>>;      // abt: [m, k / 4, 4]

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

/// a[row, k] or a[k, row] at `step_a` words a turn, b[k, columns] at n words a turn.
fn product_b(corner: vec2<u32>, lane: u32, row_step: u32, step_a: u32) {
    let row = min(corner.x + lane, params.m - 1u);
    let column = min(corner.y + 4u * lane, params.n - 4u);
    var at_a = row * row_step + params.k_first * step_a;
    var at_b = (params.k_first * params.n + column) / 4u;
    var sums = Sums();
    for (var turn = 0u; turn < params.k_count; turn++) {
        accumulate(&sums, a[at_a], b[at_b]);
        at_a += step_a;
        at_b += params.n / 4u;
    }
    store(corner.x, corner.y + 4u * lane, sums, vec4(0.0));
}

@compute @workgroup_size(WORKGROUP)
fn ab(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) index: u32, @builtin(subgroup_invocation_id) lane: u32) {
    let corner = tile(group, groups, index);
    if corner.x >= params.m {
        return;
    }
    product_b(corner, lane, params.k, 1u);
}

@compute @workgroup_size(WORKGROUP)
fn atb(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) index: u32, @builtin(subgroup_invocation_id) lane: u32) {
    let corner = tile(group, groups, index);
    if corner.x >= params.m {
        return;
    }
    product_b(corner, lane, 1u, params.m);
}

fn product_abt(corner: vec2<u32>, lane: u32) -> Sums {
    var sums = Sums();
    let row = min(corner.x + lane, params.m - 1u);
    let first = corner.y + 4u * lane;
    let columns = product_four(first, params.n);
    var at_a = (row * params.k + params.k_first) / 4u;
    var at_b = (columns * params.k + params.k_first) / 4u;
    for (var turn = 0u; turn < params.k_count / 4u; turn++) {
        let left = a_rows[at_a];
        let right = transpose(mat4x4<f32>(b[at_b.x], b[at_b.y], b[at_b.z], b[at_b.w]));
        accumulate(&sums, left.x, right[0]);
        accumulate(&sums, left.y, right[1]);
        accumulate(&sums, left.z, right[2]);
        accumulate(&sums, left.w, right[3]);
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
