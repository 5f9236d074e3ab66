// The convolutions of convolution.wgsl for GPUs: the same equations, the same order of addition.
// Layout: all are matrix products whose second operand is not stored but gathered from images.
//   forward, backward_input   channels out x outputs of the batch, over channels in and taps
//   backward_weight           channels out x channels in and taps, over the outputs of a run
// A workgroup owns 32 x 128 elements, an invocation 4 x 4 of them in registers. Tiles of 16 steps of both operands are
// brought to workgroup memory (10 KiB), so that a weight is loaded once for 128 uses and an element once for 32.
// Images are mostly larger than channels are many, hence the longer side. What lies past an edge is not summed.
// Reference: src/reference/convolution.rs

import package::shared::convolution::{Params};
import package::shared::indexing::{indexing_group};

const WORKGROUP: u32 = 256u;
const ROWS: u32 = 32u;
const COLUMNS: u32 = 128u;
const DEPTH: u32 = 16u;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;                     // [batch, channels_in, height_in, width_in]
@group(0) @binding(2) var<storage, read> weight: array<f32>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;                  // [channels_out]
@group(0) @binding(4) var<storage, read_write> y: array<f32>;               // [batch, channels_out, height_out, width_out]
@group(0) @binding(5) var<storage, read> d_y: array<f32>;                   // like y
@group(0) @binding(6) var<storage, read_write> partials: array<f32>;        // [runs, channels_out, channels_in, height, width]

// [depth, row] and [depth, column]. The odd pitch keeps columns of stores in different banks.
var<workgroup> tile_rows: array<f32, 528>;
var<workgroup> tile_columns: array<f32, 2064>;
const PITCH_ROWS: u32 = 33u;
const PITCH_COLUMNS: u32 = 129u;

/// Adds what the tiles hold to an invocation's 4 x 4 sums.
fn multiply(sums: ptr<function, mat4x4<f32>>, lane: u32, depth: u32) {
    for (var turn = 0u; turn < depth; turn++) {
        let row = turn * PITCH_ROWS + lane / 32u * 4u;
        let column = turn * PITCH_COLUMNS + lane % 32u * 4u;
        let right = vec4(tile_columns[column], tile_columns[column + 1u], tile_columns[column + 2u], tile_columns[column + 3u]);
        (*sums)[0] += tile_rows[row] * right;
        (*sums)[1] += tile_rows[row + 1u] * right;
        (*sums)[2] += tile_rows[row + 2u] * right;
        (*sums)[3] += tile_rows[row + 3u] * right;
    }
}

/// Place of an element of an image for an output and a tap, past `count` if there is none.
fn element(output: u32, tap: u32, lead: u32, lift: u32) -> u32 {
    let place = output * params.stride + tap + lead;
    return select(0xffffffffu, place / params.spread - lift, place % params.spread == 0u);
}

fn load_x(sample: u32, channel: u32, row: u32, column: u32) -> f32 {
    var value = 0.0;
    if row < params.height_in && column < params.width_in {
        value = x[((sample * params.channels_in + channel) * params.height_in + row) * params.width_in + column];
    }
    return value;
}

/// Taps of a row in the order that they are added in: those a stride apart follow one another.
fn tap_of(index: u32) -> u32 {
    let each = params.kernel_width / params.stride;
    let longer = params.kernel_width % params.stride * (each + 1u);
    if index < longer {
        return index / (each + 1u) + index % (each + 1u) * params.stride;
    }
    return params.kernel_width % params.stride + (index - longer) / each + (index - longer) % each * params.stride;
}

/// First row and column of the workgroup's tile.
fn corner_of(index: u32, columns: u32) -> vec2<u32> {
    let across = (columns + COLUMNS - 1u) / COLUMNS;
    return vec2(index / across * ROWS, index % across * COLUMNS);
}

fn correlate(corner: vec2<u32>, lane: u32) -> mat4x4<f32> {
    let plane = params.height_out * params.width_out;
    let taps = params.kernel_height * params.kernel_width;
    let end = params.channels_in * taps;
    var sums = mat4x4<f32>();
    for (var first = 0u; first < end; first += DEPTH) {
        for (var part = lane; part < ROWS * DEPTH; part += WORKGROUP) {
            let step = first + part % DEPTH;
            let channel = corner.x + part / DEPTH;
            var value = 0.0;
            if step < end && channel < params.channels_out {
                let k = step % taps / params.kernel_width;
                let tap = k * params.kernel_width + tap_of(step % params.kernel_width);
                value = weight[channel * params.weight_out + step / taps * params.weight_in + params.weight_first + tap * params.weight_step];
            }
            tile_rows[part % DEPTH * PITCH_ROWS + part / DEPTH] = value;
        }
        for (var part = lane; part < COLUMNS * DEPTH; part += WORKGROUP) {
            let step = first + part / COLUMNS;
            let output = corner.y + part % COLUMNS;
            var value = 0.0;
            if step < end && output < params.batch * plane {
                let k = step % taps / params.kernel_width;
                let row = element(output % plane / params.width_out, k, params.lead_y, params.lift_y);
                let column = element(output % params.width_out, tap_of(step % params.kernel_width), params.lead_x, params.lift_x);
                value = load_x(output / plane, step / taps, row, column);
            }
            tile_columns[part / COLUMNS * PITCH_COLUMNS + part % COLUMNS] = value;
        }
        workgroupBarrier();
        multiply(&sums, lane, min(DEPTH, end - first));
        workgroupBarrier();
    }
    return sums;
}

fn store_channel(channel: u32, first: u32, values: vec4<f32>) {
    let plane = params.height_out * params.width_out;
    for (var j = 0u; j < 4u; j++) {
        let output = first + j;
        if channel < params.channels_out && output < params.batch * plane {
            y[(output / plane * params.channels_out + channel) * plane + output % plane] = values[j];
        }
    }
}

fn store(corner: vec2<u32>, lane: u32, sums: mat4x4<f32>, offset: vec4<f32>) {
    let channel = corner.x + lane / 32u * 4u;
    let first = corner.y + lane % 32u * 4u;
    store_channel(channel, first, sums[0] + offset.x);
    store_channel(channel + 1u, first, sums[1] + offset.y);
    store_channel(channel + 2u, first, sums[2] + offset.z);
    store_channel(channel + 3u, first, sums[3] + offset.w);
}

fn corner_of_outputs(group: vec3<u32>, groups: vec3<u32>) -> vec2<u32> {
    return corner_of(indexing_group(group, groups), params.batch * params.height_out * params.width_out);
}

@compute @workgroup_size(WORKGROUP)
fn forward(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let corner = corner_of_outputs(group, groups);
    store(corner, lane, correlate(corner, lane), vec4(0.0));
}

@compute @workgroup_size(WORKGROUP)
fn forward_bias(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let corner = corner_of_outputs(group, groups);
    let first = corner.x + lane / 32u * 4u;
    let at = min(vec4(first, first + 1u, first + 2u, first + 3u), vec4(params.channels_out - 1u));
    store(corner, lane, correlate(corner, lane), vec4(bias[at.x], bias[at.y], bias[at.z], bias[at.w]));
}

/// x is d_y and y is d_x here, and so are their sizes.
@compute @workgroup_size(WORKGROUP)
fn backward_input(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let corner = corner_of_outputs(group, groups);
    store(corner, lane, correlate(corner, lane), vec4(0.0));
}

fn store_filter(run: u32, channel: u32, first: u32, values: vec4<f32>) {
    let filters = params.channels_in * params.kernel_height * params.kernel_width;
    for (var j = 0u; j < 4u; j++) {
        if channel < params.channels_out && first + j < filters {
            partials[(run * params.channels_out + channel) * filters + first + j] = values[j];
        }
    }
}

@compute @workgroup_size(WORKGROUP)
fn backward_weight(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let plane = params.height_out * params.width_out;
    let taps = params.kernel_height * params.kernel_width;
    let filters = params.channels_in * taps;
    let index = indexing_group(group, groups);
    let run = index % params.n_runs;
    let corner = corner_of(index / params.n_runs, filters);
    let end = min((run + 1u) * params.run, params.batch * params.height_out) * params.width_out;
    var sums = mat4x4<f32>();
    for (var first = run * params.run * params.width_out; first < end; first += DEPTH) {
        for (var part = lane; part < ROWS * DEPTH; part += WORKGROUP) {
            let output = first + part % DEPTH;
            let channel = corner.x + part / DEPTH;
            var value = 0.0;
            if output < end && channel < params.channels_out {
                value = d_y[(output / plane * params.channels_out + channel) * plane + output % plane];
            }
            tile_rows[part % DEPTH * PITCH_ROWS + part / DEPTH] = value;
        }
        for (var part = lane; part < COLUMNS * DEPTH; part += WORKGROUP) {
            let output = first + part % DEPTH;
            let wanted = corner.y + part / DEPTH;
            var value = 0.0;
            if output < end && wanted < filters {
                let row = output % plane / params.width_out * params.stride + wanted % taps / params.kernel_width - params.lift_y;
                let column = output % params.width_out * params.stride + wanted % params.kernel_width - params.lift_x;
                value = load_x(output / plane, wanted / taps, row, column);
            }
            tile_columns[part % DEPTH * PITCH_COLUMNS + part / DEPTH] = value;
        }
        workgroupBarrier();
        multiply(&sums, lane, min(DEPTH, end - first));
        workgroupBarrier();
    }
    let channel = corner.x + lane / 32u * 4u;
    let wanted = corner.y + lane % 32u * 4u;
    store_filter(run, channel, wanted, sums[0]);
    store_filter(run, channel + 1u, wanted, sums[1]);
    store_filter(run, channel + 2u, wanted, sums[2]);
    store_filter(run, channel + 3u, wanted, sums[3]);
}
