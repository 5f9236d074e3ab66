// The matrix products of matmul.wgsl for adapters whose subgroups have eight lanes (Mesa's software renderer): the
// same equations, the same order of addition, the same bits.
// Layout: a subgroup owns 32 rows (16 or 8 of a smaller matrix) x 32 columns of c; a lane keeps its 4 columns of all
// rows. A turn adds four elements of the contraction: each lane loads one to four vec4 of a, an eighth of what the tile needs
// of it, and its own 4 columns of b, and hears the rest of a by broadcast, which is several times cheaper there than a load.
// A row takes all four elements before the next one: there are more sums than registers, and each is fetched and put back
// once. Loads are vec4 along the contiguous axes: `abt` needs k, `ab` n and k, `atb` m, n and k in multiples of 4.
// Reference: src/reference/matmul.rs

import package::shared::indexing::{indexing_group};
import package::shared::product::{Params, product_four, product_tile};

const WORKGROUP: u32 = 64u;
const LANES: u32 = 8u;
const COLUMNS: u32 = 32u;
/// Rows of a tile: 8, 16 or 32.
override ROWS: u32 = 16u;
/// Whether columns come in fours: n is a multiple of 4.
override QUADS: u32 = 0u;
/// Whether the product is added to what c holds.
override ACCUMULATE: u32 = 0u;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<vec4<f32>>;           // ab, abt: [m, k / 4, 4], atb: [k, m / 4, 4]
@group(0) @binding(2) var<storage, read> b: array<vec4<f32>>;           // ab, atb: [k, n / 4, 4], abt: [n, k / 4, 4]
@group(0) @binding(3) var<storage, read> bias: array<f32>;              // [n]
@group(0) @binding(4) var<storage, read_write> c: array<vec4<f32>>;     // [m, n]

alias Sums = array<vec4<f32>, 16>;

/// Those of the first sixteen rows of a tile, and of the others.
struct Tile {
    low: Sums,
    high: Sums,
}

/// First row and column of the subgroup's tile, and its product; a row past the end means no work. All lanes agree.
fn tile(group: vec3<u32>, groups: vec3<u32>, lane: u32) -> vec3<u32> {
    return product_tile(params, (indexing_group(group, groups) * WORKGROUP + lane) / LANES, ROWS, COLUMNS);
}

/// Adds four elements of the contraction to a row: its elements of a, and four columns of b for each.
fn add_four(sum: vec4<f32>, left: vec4<f32>, right: mat4x4<f32>) -> vec4<f32> {
    return (((sum + left.x * right[0]) + left.y * right[1]) + left.z * right[2]) + left.w * right[3];
}

fn store_one(at: u32, value: f32) {
    let quad = at / 4u;
    let word = at % 4u;
    if ACCUMULATE == 1u {
        c[quad][word] += value;
    } else {
        c[quad][word] = value;
    }
}

/// Four columns of a row of c, which starts at word `before`.
fn store_row(before: u32, row: u32, first: u32, values: vec4<f32>) {
    if row >= params.m || first >= params.n {
        return;
    }
    let at = before + row * params.n + first;
    if QUADS == 1u {
        c[at / 4u] = select(values, c[at / 4u] + values, ACCUMULATE == 1u);
        return;
    }
    for (var j = 0u; j < min(4u, params.n - first); j++) {
        store_one(at + j, values[j]);
    }
}

/// Adds `offset` to every row and stores the lane's columns.
fn store(corner: vec3<u32>, first: u32, sums: Tile, offset: vec4<f32>) {
    let before = corner.z * params.m * params.n;
    store_sums(before, corner.x, first, sums.low, offset);
    if ROWS > 16u {
        store_sums(before, corner.x + 16u, first, sums.high, offset);
    }
}

/// Constant indices keep the sums in registers.
fn store_sums(before: u32, row: u32, first: u32, sums: Sums, offset: vec4<f32>) {
    store_row(before, row, first, sums[0] + offset);
    store_row(before, row + 1u, first, sums[1] + offset);
    store_row(before, row + 2u, first, sums[2] + offset);
    store_row(before, row + 3u, first, sums[3] + offset);
    store_row(before, row + 4u, first, sums[4] + offset);
    store_row(before, row + 5u, first, sums[5] + offset);
    store_row(before, row + 6u, first, sums[6] + offset);
    store_row(before, row + 7u, first, sums[7] + offset);
    if ROWS > 8u {
        store_row(before, row + 8u, first, sums[8] + offset);
        store_row(before, row + 9u, first, sums[9] + offset);
        store_row(before, row + 10u, first, sums[10] + offset);
        store_row(before, row + 11u, first, sums[11] + offset);
        store_row(before, row + 12u, first, sums[12] + offset);
        store_row(before, row + 13u, first, sums[13] + offset);
        store_row(before, row + 14u, first, sums[14] + offset);
        store_row(before, row + 15u, first, sums[15] + offset);
    }
}

/// Adds four elements of the contraction; a lane holds those of one of the first eight rows of a, and of one of the last.
fn accumulate(sums: ptr<function, Sums>, low: vec4<f32>, high: vec4<f32>, right: mat4x4<f32>) {
    (*sums)[0] = add_four((*sums)[0], subgroupBroadcast(low, 0u), right);
    (*sums)[1] = add_four((*sums)[1], subgroupBroadcast(low, 1u), right);
    (*sums)[2] = add_four((*sums)[2], subgroupBroadcast(low, 2u), right);
    (*sums)[3] = add_four((*sums)[3], subgroupBroadcast(low, 3u), right);
    (*sums)[4] = add_four((*sums)[4], subgroupBroadcast(low, 4u), right);
    (*sums)[5] = add_four((*sums)[5], subgroupBroadcast(low, 5u), right);
    (*sums)[6] = add_four((*sums)[6], subgroupBroadcast(low, 6u), right);
    (*sums)[7] = add_four((*sums)[7], subgroupBroadcast(low, 7u), right);
    if ROWS > 8u {
        (*sums)[8] = add_four((*sums)[8], subgroupBroadcast(high, 0u), right);
        (*sums)[9] = add_four((*sums)[9], subgroupBroadcast(high, 1u), right);
        (*sums)[10] = add_four((*sums)[10], subgroupBroadcast(high, 2u), right);
        (*sums)[11] = add_four((*sums)[11], subgroupBroadcast(high, 3u), right);
        (*sums)[12] = add_four((*sums)[12], subgroupBroadcast(high, 4u), right);
        (*sums)[13] = add_four((*sums)[13], subgroupBroadcast(high, 5u), right);
        (*sums)[14] = add_four((*sums)[14], subgroupBroadcast(high, 6u), right);
        (*sums)[15] = add_four((*sums)[15], subgroupBroadcast(high, 7u), right);
    }
}

/// The four columns of a lane in four rows of b, from word 4 at, with n words a row.
fn rows_of_b(at: u32) -> mat4x4<f32> {
    let row = params.n / 4u;
    return mat4x4<f32>(b[at], b[at + row], b[at + 2u * row], b[at + 3u * row]);
}

/// Places of a lane's four rows of a, in vectors.
fn rows_of_a(corner: vec3<u32>, lane: u32) -> vec4<u32> {
    let rows = corner.z * params.m + min(corner.x + lane + vec4(0u, 8u, 16u, 24u), vec4(params.m - 1u));
    return (rows * params.k + params.k_first) / 4u;
}

@compute @workgroup_size(WORKGROUP)
fn ab(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) index: u32, @builtin(subgroup_invocation_id) lane: u32) {
    let corner = tile(group, groups, index);
    if corner.x >= params.m {
        return;
    }
    let column = min(corner.y + 4u * lane, params.n - 4u);
    let at_a = rows_of_a(corner, lane);
    var at_b = ((corner.z * params.k + params.k_first) * params.n + column) / 4u;
    var low = Sums();
    var high = Sums();
    for (var turn = 0u; turn < params.k_count / 4u; turn++) {
        let right = rows_of_b(at_b);
        accumulate(&low, a[at_a.x + turn], a[at_a.y + turn], right);
        if ROWS > 16u {
            accumulate(&high, a[at_a.z + turn], a[at_a.w + turn], right);
        }
        at_b += params.n;
    }
    store(corner, corner.y + 4u * lane, Tile(low, high), vec4(0.0));
}

/// Adds four elements of the contraction to four rows, each element a vector of them.
fn add_rows(sums: mat4x4<f32>, left: mat4x4<f32>, right: mat4x4<f32>) -> mat4x4<f32> {
    let rows = transpose(left);
    return mat4x4(
        add_four(sums[0], rows[0], right),
        add_four(sums[1], rows[1], right),
        add_four(sums[2], rows[2], right),
        add_four(sums[3], rows[3], right),
    );
}

/// Four elements of four of eight rows, of which the lanes hold two vectors an element.
fn rows_of(left: vec4<f32>) -> array<mat4x4<f32>, 2> {
    return array(
        mat4x4(subgroupBroadcast(left, 0u), subgroupBroadcast(left, 2u), subgroupBroadcast(left, 4u), subgroupBroadcast(left, 6u)),
        mat4x4(subgroupBroadcast(left, 1u), subgroupBroadcast(left, 3u), subgroupBroadcast(left, 5u), subgroupBroadcast(left, 7u)),
    );
}

fn sums_of(a: mat4x4<f32>, b: mat4x4<f32>, c: mat4x4<f32>, d: mat4x4<f32>) -> Sums {
    return Sums(a[0], a[1], a[2], a[3], b[0], b[1], b[2], b[3], c[0], c[1], c[2], c[3], d[0], d[1], d[2], d[3]);
}

@compute @workgroup_size(WORKGROUP)
fn atb(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) index: u32, @builtin(subgroup_invocation_id) lane: u32) {
    let corner = tile(group, groups, index);
    if corner.x >= params.m {
        return;
    }
    // Four elements of eight rows of a are one vec4 a lane.
    let row = corner.x + 4u * (lane % 2u);
    let rows = min(row + vec4(0u, 8u, 16u, 24u), vec4(params.m - 4u));
    let column = min(corner.y + 4u * lane, params.n - 4u);
    var at_a = ((corner.z * params.k + params.k_first + lane / 2u) * params.m + rows) / 4u;
    var at_b = ((corner.z * params.k + params.k_first) * params.n + column) / 4u;
    // [four rows]
    var sums = array<mat4x4<f32>, 8>();
    for (var turn = 0u; turn < params.k_count / 4u; turn++) {
        let right = rows_of_b(at_b);
        let low = rows_of(a[at_a.x]);
        sums[0] = add_rows(sums[0], low[0], right);
        sums[1] = add_rows(sums[1], low[1], right);
        if ROWS > 8u {
            let high = rows_of(a[at_a.y]);
            sums[2] = add_rows(sums[2], high[0], right);
            sums[3] = add_rows(sums[3], high[1], right);
        }
        if ROWS > 16u {
            let third = rows_of(a[at_a.z]);
            let fourth = rows_of(a[at_a.w]);
            sums[4] = add_rows(sums[4], third[0], right);
            sums[5] = add_rows(sums[5], third[1], right);
            sums[6] = add_rows(sums[6], fourth[0], right);
            sums[7] = add_rows(sums[7], fourth[1], right);
        }
        at_a += params.m;
        at_b += params.n;
    }
    let low = sums_of(sums[0], sums[1], sums[2], sums[3]);
    let high = sums_of(sums[4], sums[5], sums[6], sums[7]);
    store(corner, corner.y + 4u * lane, Tile(low, high), vec4(0.0));
}

fn product_abt(corner: vec3<u32>, lane: u32) -> Tile {
    var low = Sums();
    var high = Sums();
    let at_a = rows_of_a(corner, lane);
    let columns = product_four(corner.y + 4u * lane, params.n);
    var at_b = ((corner.z * params.n + columns) * params.k + params.k_first) / 4u;
    for (var turn = 0u; turn < params.k_count / 4u; turn++) {
        let right = transpose(mat4x4<f32>(b[at_b.x], b[at_b.y], b[at_b.z], b[at_b.w]));
        accumulate(&low, a[at_a.x + turn], a[at_a.y + turn], right);
        if ROWS > 16u {
            accumulate(&high, a[at_a.z + turn], a[at_a.w + turn], right);
        }
        at_b += 1u;
    }
    return Tile(low, high);
}

@compute @workgroup_size(WORKGROUP)
fn abt(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) index: u32, @builtin(subgroup_invocation_id) lane: u32) {
    let corner = tile(group, groups, index);
    if corner.x >= params.m {
        return;
    }
    let sums = product_abt(corner, lane);
    store(corner, corner.y + 4u * lane, sums, vec4(0.0));
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
    store(corner, first, sums, row);
}
