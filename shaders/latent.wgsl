// Numbers between an encoder and a decoder, drawn as the encoder says (Kingma & Welling, ICLR 2014). A row x holds the means m and,
// behind them, the logarithms of variances v of k numbers:
//   sample       y = m + exp(v / 2) n                n: a standard normal number of (seed, stream; step, element)
//   mean         y = m
//   prior        y = n                               of (seed, stream; 0, element): the same in every step and on every device
//   backward     d_m = d_y + w m / rows,  d_v = d_y exp(v / 2) n / 2 + w (exp(v) - 1) / (2 rows)
//   divergence   loss[row] = loss[row] + w KL,  KL = sum (m^2 + exp(v) - 1 - v) / 2
// backward is of sample, and adds the gradient of w times the divergence from standard normal numbers, KL(N(m, exp(v)) || N(0, 1)),
// mean over the valid rows. An element is counted by its sample's position in the epoch or the set, as in detect.wgsl. Padding rows have
// no gradient and no divergence.
// Layout: an invocation owns an element of y; divergence: a row, as k is small. Reference: src/reference/latent.rs

import package::shared::clock::{Clock};
import package::shared::indexing::{indexing_group, indexing_divide};
import package::shared::math::{math_exp};
import package::shared::random::{random_bits, random_normal};

const WORKGROUP: u32 = 64u;

struct Params {
    count: u32,             // elements of y
    n_features: u32,        // k
    stream: u32,
    weight: f32,            // w
    draw_step: u32,         // added to the clock's step
    draw_row: u32,          // position of the first row in the batch
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<uniform> clock: Clock;
@group(0) @binding(2) var<storage, read> x: array<f32>;             // [rows, 2 k]
@group(0) @binding(3) var<storage, read_write> y: array<f32>;       // [rows, k]
@group(0) @binding(4) var<storage, read> d_y: array<f32>;           // [rows, k]
@group(0) @binding(5) var<storage, read_write> d_x: array<f32>;     // [rows, 2 k]
@group(0) @binding(6) var<storage, read_write> loss: array<f32>;    // [rows]

/// Standard normal number of an element of the batch.
fn normal(step: u32, at: u32) -> f32 {
    let place = (clock.first + params.draw_row) * params.n_features + at;
    let pair = random_normal(random_bits(vec2(clock.seed, params.stream), vec2(step, place / 2u)));
    return select(pair.x, pair.y, (place & 1u) == 1u);
}

/// Place in x of the mean of an element; the logarithm of its variance is k behind it.
fn mean_of(at: u32) -> u32 {
    return at + indexing_divide(at, params.n_features) * params.n_features;
}

@compute @workgroup_size(WORKGROUP)
fn sample(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let at = indexing_group(group, groups) * WORKGROUP + lane;
    if at >= params.count {
        return;
    }
    let mean_at = mean_of(at);
    y[at] = x[mean_at] + math_exp(0.5 * x[mean_at + params.n_features]) * normal(clock.step + params.draw_step, at);
}

@compute @workgroup_size(WORKGROUP)
fn mean(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let at = indexing_group(group, groups) * WORKGROUP + lane;
    if at < params.count {
        y[at] = x[mean_of(at)];
    }
}

@compute @workgroup_size(WORKGROUP)
fn prior(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let at = indexing_group(group, groups) * WORKGROUP + lane;
    if at < params.count {
        y[at] = normal(0u, at);
    }
}

@compute @workgroup_size(WORKGROUP)
fn backward(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let at = indexing_group(group, groups) * WORKGROUP + lane;
    if at >= params.count {
        return;
    }
    let mean_at = mean_of(at);
    let deviation_at = mean_at + params.n_features;
    if params.draw_row + indexing_divide(at, params.n_features) >= clock.rows {
        d_x[mean_at] = 0.0;
        d_x[deviation_at] = 0.0;
        return;
    }
    let deviation = math_exp(0.5 * x[deviation_at]);
    let weight = params.weight / f32(clock.rows);
    let spread = 0.5 * d_y[at] * deviation * normal(clock.step + params.draw_step, at);
    d_x[mean_at] = d_y[at] + weight * x[mean_at];
    d_x[deviation_at] = spread + 0.5 * weight * (deviation * deviation - 1.0);
}

@compute @workgroup_size(WORKGROUP)
fn divergence(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let row = indexing_group(group, groups) * WORKGROUP + lane;
    if row >= params.count / params.n_features || params.draw_row + row >= clock.rows {
        return;
    }
    let first = 2u * row * params.n_features;
    var sum = 0.0;
    for (var feature = 0u; feature < params.n_features; feature++) {
        let m = x[first + feature];
        let v = x[first + params.n_features + feature];
        sum += m * m + (math_exp(v) - 1.0 - v);
    }
    loss[row] += 0.5 * params.weight * sum;
}
