// Gradient of a bias that is added to every row: d_bias[n] = sum_row d_y[row, n], over a run of rows.
// Layout: an invocation owns a column. The first run overwrites d_bias, later ones add to it.
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
    var sum = 0.0;
    for (var row = params.first_row; row < params.first_row + params.n_rows; row++) {
        sum += d_y[row * params.n + column];
    }
    d_bias[column] = select(0.0, d_bias[column], params.accumulate == 1u) + sum;
}
