// Mean squared error of a batch, mean over its valid rows:
//   loss[row] = sum_k (p_k - w_k)^2 / features,   d_p = 2 (p - w) / (features rows)
// and how that compares to a peak of 1, the peak signal-to-noise ratio in decibels, at most 100:
//   ratio[row] = -10 log10(loss[row] or 1e-10, whichever is more)
// Padding rows give 0.
// Layout: forward, a workgroup owns a row, as rows may be long and few: lanes stride over it, then a tree in a fixed
// order; backward, an invocation owns an element; decibels, a row. Reference: src/reference/mean_squared_error.rs

import package::shared::clock::{Clock};
import package::shared::indexing::{indexing_group};
import package::shared::math::{math_log};
import package::shared::reduce::{reduce_sum};

const WORKGROUP: u32 = 64u;

struct Params {
    batch: u32,
    features: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<uniform> clock: Clock;
@group(0) @binding(2) var<storage, read> prediction: array<f32>;            // [batch, features]
@group(0) @binding(3) var<storage, read> wanted: array<f32>;                // [batch, features]
@group(0) @binding(4) var<storage, read_write> loss: array<f32>;            // [batch]
@group(0) @binding(5) var<storage, read_write> d_prediction: array<f32>;    // [batch, features]
@group(0) @binding(6) var<storage, read> losses: array<f32>;                // [batch] what forward gave
@group(0) @binding(7) var<storage, read_write> ratio: array<f32>;           // [batch] dB

@compute @workgroup_size(WORKGROUP)
fn forward(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let row = indexing_group(group, groups);
    var sum = 0.0;
    if row < params.batch && row < clock.rows {
        for (var column = lane; column < params.features; column += WORKGROUP) {
            let error = prediction[row * params.features + column] - wanted[row * params.features + column];
            sum += error * error;
        }
    }
    let whole = reduce_sum(lane, sum);
    if lane == 0u && row < params.batch {
        loss[row] = whole / f32(params.features);
    }
}

@compute @workgroup_size(WORKGROUP)
fn backward(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let at = indexing_group(group, groups) * WORKGROUP + lane;
    if at >= params.batch * params.features {
        return;
    }
    if at / params.features >= clock.rows {
        d_prediction[at] = 0.0;
        return;
    }
    d_prediction[at] = 2.0 * (prediction[at] - wanted[at]) / (f32(params.features) * f32(clock.rows));
}

@compute @workgroup_size(WORKGROUP)
fn decibels(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let row = indexing_group(group, groups) * WORKGROUP + lane;
    if row >= params.batch {
        return;
    }
    // So that NaN stays NaN.
    let loss = select(losses[row], 1e-10, losses[row] < 1e-10);
    ratio[row] = select(-4.3429448190325176 * math_log(loss), 0.0, row >= clock.rows);
}
