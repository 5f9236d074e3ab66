// Transfer function of free space and its slope along the distance, on the quarter of the frequencies that are not
// negative (the function is even along both axes):
//   H(row, column) = exp(2 pi i (turns + dz s))          dH/dz = 2 pi i s H
//   s = sqrt(1/lambda^2 - f^2) - 1/lambda = -(1/lambda) u / (1 + sqrt(1 - u))      u = lambda^2 f^2
//   s = -(1/lambda) u / 2 in the paraxial approximation (Fresnel)
// Frequencies that are cut have turns above 1: there both are 0. The difference of roots is written such that f32 does
// not cancel; what turns holds was reduced to one turn in f64 (src/light/space.rs).
//   forward      H, unless the table has that of the same number and error of the distance
//   derivative   the slope
//   mark         what the table has now
// Layout: a workgroup takes 1,024 elements. Reference: src/reference/transfer.rs

import package::shared::complex::{complex_mul};
import package::shared::indexing::{INDEXING_TURNS, indexing_divide, indexing_group};
import package::shared::math::{MATH_TAU, math_turn};

const WORKGROUP: u32 = 64u;

struct Params {
    rows: u32,               // of the quarter
    columns: u32,
    wavenumber: f32,         // 1 / lambda, 1/m
    row_step: f32,           // lambda f of the first row that is not 0
    column_step: f32,
    paraxial: u32,
    error: u32,              // which error of a distance counts
    number: u32,             // of H, from 1 on; 0 for its slope
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> turns: array<f32>;                 // [rows, columns]
@group(0) @binding(2) var<storage, read> distance_error: array<f32>;        // [n] dz, m
@group(0) @binding(3) var<storage, read_write> transfer: array<vec2<f32>>;  // [rows, columns] complex
@group(0) @binding(4) var<storage, read_write> slope: array<vec2<f32>>;     // [rows, columns] complex, 1/m
@group(0) @binding(5) var<storage, read> made: array<f32>;                  // [2] number of the table and its error
@group(0) @binding(6) var<storage, read_write> marked: array<f32>;          // [2] the same, to be written

/// s at an element, 1/m.
fn rate(at: u32) -> f32 {
    let row = indexing_divide(at, params.columns);
    let y = f32(row) * params.row_step;
    let x = f32(at - row * params.columns) * params.column_step;
    let u = x * x + y * y;
    if params.paraxial == 1u {
        return -0.5 * params.wavenumber * u;
    }
    // Evanescent waves are only there where the distance is 0; an error of it leaves their size as it is.
    let flat = select(u, 1.0, u > 1.0);
    return -params.wavenumber * flat / (1.0 + sqrt(1.0 - flat));
}

fn transfer_at(nominal: f32, error: f32, s: f32) -> vec2<f32> {
    let whole = nominal + error * s;
    return math_turn(whole - floor(whole + 0.5));
}

@compute @workgroup_size(WORKGROUP)
fn forward(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let error = distance_error[params.error];
    if made[0] == f32(params.number) && bitcast<u32>(made[1]) == bitcast<u32>(error) {
        return;
    }
    var at = indexing_group(group, groups) * INDEXING_TURNS * WORKGROUP + lane;
    for (var turn = 0u; turn < INDEXING_TURNS && at < params.rows * params.columns; turn++) {
        let nominal = turns[at];
        transfer[at] = select(transfer_at(nominal, error, rate(at)), vec2(0.0), nominal > 1.0);
        at += WORKGROUP;
    }
}

@compute @workgroup_size(1)
fn mark() {
    marked[0] = f32(params.number);
    marked[1] = distance_error[params.error];
}

@compute @workgroup_size(WORKGROUP)
fn derivative(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let error = distance_error[params.error];
    var at = indexing_group(group, groups) * INDEXING_TURNS * WORKGROUP + lane;
    for (var turn = 0u; turn < INDEXING_TURNS && at < params.rows * params.columns; turn++) {
        let nominal = turns[at];
        let s = rate(at);
        slope[at] = select(complex_mul(vec2(0.0, MATH_TAU * s), transfer_at(nominal, error, s)), vec2(0.0), nominal > 1.0);
        at += WORKGROUP;
    }
}
