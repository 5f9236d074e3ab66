// Detectors read light y, in place:
//   r = y + noise F n                                     n: a standard normal number of (seed, stream; step, element)
//   y = -F + step round((r + F) / step), held in -F..F    converter of n_levels levels; none: y = r
//   y = y + bias                                          in the electronics, by column; `biased` only
// F: full scale; noise: standard deviation relative to it. An element is counted by its sample's position in the
// epoch or the set, so that every pass of a step meets the same draw and no two batches do. There is no backward
// kernel: noise is added, and the converter counts as 1 (straight-through).
// Layout: an invocation owns an element. Reference: src/reference/detect.rs

import package::shared::clock::{Clock};
import package::shared::indexing::{indexing_group};
import package::shared::random::{random_bits, random_normal};

const WORKGROUP: u32 = 64u;

struct Params {
    count: u32,
    n_columns: u32,
    stream: u32,
    full_scale: f32,
    step: f32,
    n_levels: u32,
    draw_step: u32,         // added to the clock's step
    draw_row: u32,          // position of the first row in the batch
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<uniform> clock: Clock;
@group(0) @binding(2) var<storage, read> noise: array<f32>;         // [1] relative to full scale
@group(0) @binding(3) var<storage, read> bias: array<f32>;          // [columns]
@group(0) @binding(4) var<storage, read_write> y: array<f32>;       // [rows, columns]

/// Standard normal number of an element of the batch.
fn normal(at: u32) -> f32 {
    let place = (clock.first + params.draw_row) * params.n_columns + at;
    let key = vec2(clock.step + params.draw_step, place / 2u);
    let pair = random_normal(random_bits(vec2(clock.seed, params.stream), key));
    return select(pair.x, pair.y, (place & 1u) == 1u);
}

fn quantised(signal: f32) -> f32 {
    if params.n_levels == 0u {
        return signal;
    }
    let level = floor((signal + params.full_scale) / params.step + 0.5);
    let raised = select(level, 0.0, level < 0.0);
    let top = f32(params.n_levels - 1u);
    return -params.full_scale + params.step * select(raised, top, raised > top);
}

/// What is read of an element of the light.
fn reading(at: u32) -> f32 {
    return quantised(y[at] + noise[0] * params.full_scale * normal(at));
}

@compute @workgroup_size(WORKGROUP)
fn forward(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let at = indexing_group(group, groups) * WORKGROUP + lane;
    if at >= params.count {
        return;
    }
    y[at] = reading(at);
}

@compute @workgroup_size(WORKGROUP)
fn biased(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let at = indexing_group(group, groups) * WORKGROUP + lane;
    if at >= params.count {
        return;
    }
    y[at] = reading(at) + bias[at % params.n_columns];
}
