// Softmax cross-entropy of a batch, mean over its valid rows, with targets t = (1 - e) onehot(label) + e / classes, smoothed
// by e (Szegedy et al., CVPR 2016):
//   loss[row] = log sum_c exp(z_c) - sum_c t_c z_c,   d_z = (softmax(z) - t) / rows
// correct[row] is 1 where the largest logit is the label's (the first of equals). Padding rows give 0.
// Layout: an invocation owns a row. Reference: src/reference/cross_entropy.rs

import package::shared::clock::{Clock};
import package::shared::indexing::{indexing_group};
import package::shared::math::{math_exp, math_log};

const WORKGROUP: u32 = 64u;

struct Params {
    batch: u32,
    n_classes: u32,
    smoothing: f32,      // e, 0 to below 1
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<uniform> clock: Clock;
@group(0) @binding(2) var<storage, read> logits: array<f32>;            // [batch, classes]
@group(0) @binding(3) var<storage, read> labels: array<u32>;            // [batch]
@group(0) @binding(4) var<storage, read_write> loss: array<f32>;        // [batch]
@group(0) @binding(5) var<storage, read_write> correct: array<f32>;     // [batch]
@group(0) @binding(6) var<storage, read_write> d_logits: array<f32>;    // [batch, classes]

/// Place of the largest logit of a row, the first of equals.
fn largest(first: u32) -> u32 {
    var best = 0u;
    for (var column = 1u; column < params.n_classes; column++) {
        if logits[first + column] > logits[first + best] {
            best = column;
        }
    }
    return best;
}

/// sum_c exp(z_c - peak)
fn exponentials(first: u32, peak: f32) -> f32 {
    var sum = 0.0;
    for (var column = 0u; column < params.n_classes; column++) {
        sum += math_exp(logits[first + column] - peak);
    }
    return sum;
}

@compute @workgroup_size(WORKGROUP)
fn forward(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let row = indexing_group(group, groups) * WORKGROUP + lane;
    if row >= params.batch {
        return;
    }
    if row >= clock.rows {
        loss[row] = 0.0;
        correct[row] = 0.0;
        return;
    }
    let first = row * params.n_classes;
    let best = largest(first);
    let peak = logits[first + best];
    var away = peak - logits[first + labels[row]];
    if params.smoothing > 0.0 {
        var sum = 0.0;
        for (var column = 0u; column < params.n_classes; column++) {
            sum += peak - logits[first + column];
        }
        away += params.smoothing * (sum / f32(params.n_classes) - away);
    }
    loss[row] = math_log(exponentials(first, peak)) + away;
    correct[row] = select(0.0, 1.0, best == labels[row]);
}

@compute @workgroup_size(WORKGROUP)
fn backward(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let row = indexing_group(group, groups) * WORKGROUP + lane;
    if row >= params.batch {
        return;
    }
    let first = row * params.n_classes;
    if row >= clock.rows {
        for (var column = 0u; column < params.n_classes; column++) {
            d_logits[first + column] = 0.0;
        }
        return;
    }
    let peak = logits[first + largest(first)];
    let scale = 1.0 / (exponentials(first, peak) * f32(clock.rows));
    let other = params.smoothing / f32(params.n_classes);
    let own = 1.0 - params.smoothing + other;
    for (var column = 0u; column < params.n_classes; column++) {
        let hit = select(other, own, column == labels[row]) / f32(clock.rows);
        d_logits[first + column] = math_exp(logits[first + column] - peak) * scale - hit;
    }
}
