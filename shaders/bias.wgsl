// Gradient of a bias that is added to every row: d_bias[n] = sum_row d_y[row, n], over a run of rows.
// Layout: an invocation owns a column, and adds four rows a turn. The first run overwrites d_bias, later ones add to it.
// The forward pass is part of the matrix product. Reference: src/reference/bias.rs

import package::shared::indexing::{indexing_group};

const WORKGROUP: u32 = 64u;

struct Params {
    n: u32,
    first_row: u32,
    n_rows: u32,
    accumulate: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> d_y: array<f32>;               // [rows, n]
@group(0) @binding(2) var<storage, read_write> d_bias: array<f32>;      // [n]

@compute @workgroup_size(WORKGROUP)
fn backward(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let column = indexing_group(group, groups) * WORKGROUP + lane;
    if column >= params.n {
        return;
    }
    let end = params.first_row + params.n_rows;
    var sum = 0.0;
    var row = params.first_row;
    for (; row + 4u <= end; row += 4u) {
        let at = row * params.n + column;
        sum += d_y[at];
        sum += d_y[at + params.n];
        sum += d_y[at + 2u * params.n];
        sum += d_y[at + 3u * params.n];
    }
    for (; row < end; row++) {
        sum += d_y[row * params.n + column];
    }
    d_bias[column] = select(0.0, d_bias[column], params.accumulate == 1u) + sum;
}
