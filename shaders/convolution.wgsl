// Convolution as deep learning has it (cross-correlation), stride s, p zeros around the input:
//   forward          y[b, o, i, j]     = sum_{c, k, l} weight[o, c, k, l] x[b, c, s i + k - p, s j + l - p]  (+ bias[o])
//   backward_input   d_x[b, c, i, j]   = sum_{o, k, l} weight[o, c, k, l] d_y[b, o, (i + p - k) / s, (j + p - l) / s]
//   backward_weight  d_w[o, c, k, l]   = sum_{b, i, j} d_y[b, o, i, j] x[b, c, s i + k - p, s j + l - p]
//   backward_bias    d_b[o]            = sum_{b, i, j} d_y[b, o, i, j]
// What lies outside or, in backward_input, at no whole place is zero. Taken from its end, the weight of backward_input is
// that of a forward pass with stride 1 over d_y with its elements spread s apart: both are one loop. The last two
// write a partial sum a run of output rows; ops::bias adds those up.
// Layout: loads are dear on software adapters and barriers dearer, so an invocation shares loads in registers.
//   forward, backward_input   8 channels x 4 columns x 4 samples: a tap loads a column of 4 samples and 8 weights for
//                             128 products. Samples rather than more columns, as few images are wide. 4 channels are
//                             slower; 6 are faster where there are 6, and slower elsewhere.
//   backward_weight           8 channels x 3 x 3 taps: a position loads 8 gradients and a column of 3 rows for 72
//                             products. Windows of 3 waste least over kernels of 3, 5 and 7.
// With a stride, taps that lie a stride apart meet the same columns one after the other, and with spread elements
// so do columns that lie a spread apart; that is how they are grouped, and why nothing between is loaded.
// Channels and samples past the end are loaded from the end and not stored. Reference: src/reference/convolution.rs

import package::shared::indexing::{indexing_group};
import package::shared::convolution::{Params};

const WORKGROUP: u32 = 64u;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;                     // [batch, channels_in, height_in, width_in]
@group(0) @binding(2) var<storage, read> weight: array<f32>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;                  // [channels_out]
@group(0) @binding(4) var<storage, read_write> y: array<f32>;               // [batch, channels_out, height_out, width_out]
@group(0) @binding(5) var<storage, read> d_y: array<f32>;                   // like y
@group(0) @binding(6) var<storage, read_write> partials: array<f32>;        // [runs, channels_out (, channels_in, height, width)]

/// The first sample, channel, row and column of an invocation's outputs.
struct Tile {
    sample: u32,
    channel: u32,
    row: u32,
    column: u32,
}

fn tile(index: u32) -> Tile {
    let across = (params.width_out + 4u * params.spread - 1u) / (4u * params.spread) * params.spread;
    let channels = (params.channels_out + 7u) / 8u;
    let line = index / across;
    let block = line / params.height_out;
    let column = index % across / params.spread * 4u * params.spread + index % params.spread;
    return Tile(block / channels * 4u, block % channels * 8u, line % params.height_out, column);
}

fn four(first: u32, count: u32) -> vec4<u32> {
    return min(vec4(first, first + 1u, first + 2u, first + 3u), vec4(count - 1u));
}

/// The first tap, not before `tap`, that meets an element.
fn next_tap(place: u32, tap: u32) -> u32 {
    return tap + (params.spread - (place + tap) % params.spread) % params.spread;
}

/// A column of four samples that lie at `rows`.
fn load_x(rows: vec4<u32>, column: u32) -> vec4<f32> {
    let inside = column < params.width_in;
    let at = select(vec4(0u), rows + column, inside);
    return select(vec4(0.0), vec4(x[at.x], x[at.y], x[at.z], x[at.w]), inside);
}

/// What four samples add to four channels.
fn outer(weights: vec4<f32>, samples: vec4<f32>) -> mat4x4<f32> {
    return mat4x4(weights.x * samples, weights.y * samples, weights.z * samples, weights.w * samples);
}

/// Sums of a tile: [column, then column of the upper four channels][channel][sample].
fn correlate(tile: Tile) -> array<mat4x4<f32>, 8> {
    let plane = params.height_in * params.width_in;
    let samples = four(tile.sample, params.batch) * (params.channels_in * plane);
    let low = four(tile.channel, params.channels_out) * params.weight_out + params.weight_first;
    let high = four(tile.channel + 4u, params.channels_out) * params.weight_out + params.weight_first;

    // Rows outside, and between, are skipped.
    let top = params.lift_y * params.spread;
    let row = tile.row * params.stride + params.lead_y;
    let first_k = next_tap(row, max(top, row) - row);
    let end_k = min(max(top + params.height_in * params.spread, row) - row, params.kernel_height);
    // Taps a stride apart meet the same columns one after the other.
    let column = tile.column * params.stride + params.lead_x;
    let first_l = next_tap(column, 0u);
    let end_phase = min(first_l + params.stride, params.kernel_width);
    let step = params.stride * params.spread;

    var sums = array<mat4x4<f32>, 8>();
    for (var channel = 0u; channel < params.channels_in; channel++) {
        for (var k = first_k; k < end_k; k += params.spread) {
            let rows = samples + (channel * plane + ((row + k) / params.spread - params.lift_y) * params.width_in);
            let filter_row = channel * params.weight_in + k * params.kernel_width * params.weight_step;
            for (var phase = first_l; phase < end_phase; phase++) {
                var at = (column + phase) / params.spread - params.lift_x;
                var second = load_x(rows, at);
                var third = load_x(rows, at + params.stride);
                var fourth = load_x(rows, at + 2u * params.stride);
                for (var l = phase; l < params.kernel_width; l += step) {
                    let first = second;
                    second = third;
                    third = fourth;
                    fourth = load_x(rows, at + 3u * params.stride);
                    let tap = filter_row + l * params.weight_step;
                    let lower = load_weight(low + tap);
                    sums[0] += outer(lower, first);
                    sums[1] += outer(lower, second);
                    sums[2] += outer(lower, third);
                    sums[3] += outer(lower, fourth);
                    let upper = load_weight(high + tap);
                    sums[4] += outer(upper, first);
                    sums[5] += outer(upper, second);
                    sums[6] += outer(upper, third);
                    sums[7] += outer(upper, fourth);
                    at += params.stride;
                }
            }
        }
    }
    return sums;
}

fn load_weight(at: vec4<u32>) -> vec4<f32> {
    return vec4(weight[at.x], weight[at.y], weight[at.z], weight[at.w]);
}

fn load_bias(channel: u32) -> vec4<f32> {
    let at = four(channel, params.channels_out);
    return vec4(bias[at.x], bias[at.y], bias[at.z], bias[at.w]);
}

fn store(tile: Tile, sums: array<mat4x4<f32>, 8>, lower: vec4<f32>, upper: vec4<f32>) {
    store_column(tile, 0u, sums[0], lower);
    store_column(tile, 1u, sums[1], lower);
    store_column(tile, 2u, sums[2], lower);
    store_column(tile, 3u, sums[3], lower);
    let next = Tile(tile.sample, tile.channel + 4u, tile.row, tile.column);
    store_column(next, 0u, sums[4], upper);
    store_column(next, 1u, sums[5], upper);
    store_column(next, 2u, sums[6], upper);
    store_column(next, 3u, sums[7], upper);
}

fn store_column(tile: Tile, index: u32, sums: mat4x4<f32>, offset: vec4<f32>) {
    let column = tile.column + index * params.spread;
    if column < params.width_out {
        let place = tile.row * params.width_out + column;
        store_channel(tile, place, 0u, sums[0] + offset.x);
        store_channel(tile, place, 1u, sums[1] + offset.y);
        store_channel(tile, place, 2u, sums[2] + offset.z);
        store_channel(tile, place, 3u, sums[3] + offset.w);
    }
}

fn store_channel(tile: Tile, place: u32, channel: u32, samples: vec4<f32>) {
    if tile.channel + channel >= params.channels_out {
        return;
    }
    let plane = params.height_out * params.width_out;
    let at = (tile.sample * params.channels_out + tile.channel + channel) * plane + place;
    let step = params.channels_out * plane;
    let room = params.batch - tile.sample;
    y[at] = samples.x;
    if room > 1u {
        y[at + step] = samples.y;
    }
    if room > 2u {
        y[at + 2u * step] = samples.z;
    }
    if room > 3u {
        y[at + 3u * step] = samples.w;
    }
}

@compute @workgroup_size(WORKGROUP)
fn forward(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let tile = tile(indexing_group(group, groups) * WORKGROUP + lane);
    if tile.sample < params.batch {
        store(tile, correlate(tile), vec4(0.0), vec4(0.0));
    }
}

@compute @workgroup_size(WORKGROUP)
fn forward_bias(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let tile = tile(indexing_group(group, groups) * WORKGROUP + lane);
    if tile.sample < params.batch {
        store(tile, correlate(tile), load_bias(tile.channel), load_bias(tile.channel + 4u));
    }
}

/// x is d_y and y is d_x here, and so are their sizes.
@compute @workgroup_size(WORKGROUP)
fn backward_input(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let tile = tile(indexing_group(group, groups) * WORKGROUP + lane);
    if tile.sample < params.batch {
        store(tile, correlate(tile), vec4(0.0), vec4(0.0));
    }
}

/// A column of the three rows that start at `rows`, if they are inside.
fn load_rows(rows: vec3<u32>, column: u32, row_inside: vec3<bool>) -> vec3<f32> {
    let inside = row_inside & vec3(column < params.width_in);
    let at = select(vec3(0u), rows + column, inside);
    return select(vec3(0.0), vec3(x[at.x], x[at.y], x[at.z]), inside);
}

fn load_d_y(at: vec4<u32>) -> vec4<f32> {
    return vec4(d_y[at.x], d_y[at.y], d_y[at.z], d_y[at.w]);
}

/// The first of an invocation's 8 x 3 x 3 weights, columns a stride apart, and its run.
struct Taps {
    run: u32,
    channel_out: u32,
    channel_in: u32,
    row: u32,
    column: u32,
}

fn store_filter(first: Taps, channel: u32, sums: mat3x3<f32>) {
    if first.channel_out + channel < params.channels_out {
        let place = (first.run * params.channels_out + first.channel_out + channel) * params.channels_in + first.channel_in;
        let at = (place * params.kernel_height + first.row) * params.kernel_width + first.column;
        store_taps(at, params.kernel_height - first.row, sums[0]);
        if first.column + params.stride < params.kernel_width {
            store_taps(at + params.stride, params.kernel_height - first.row, sums[1]);
        }
        if first.column + 2u * params.stride < params.kernel_width {
            store_taps(at + 2u * params.stride, params.kernel_height - first.row, sums[2]);
        }
    }
}

fn store_taps(at: u32, room: u32, sums: vec3<f32>) {
    partials[at] = sums.x;
    if room > 1u {
        partials[at + params.kernel_width] = sums.y;
    }
    if room > 2u {
        partials[at + 2u * params.kernel_width] = sums.z;
    }
}

@compute @workgroup_size(WORKGROUP)
fn backward_weight(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    // First tap and channels of the invocation, and its run.
    var rest = indexing_group(group, groups) * WORKGROUP + lane;
    let across = (params.kernel_width + 3u * params.stride - 1u) / (3u * params.stride) * params.stride;
    let l = rest % across / params.stride * 3u * params.stride + rest % across % params.stride;
    rest /= across;
    let k = rest % ((params.kernel_height + 2u) / 3u) * 3u;
    rest /= (params.kernel_height + 2u) / 3u;
    let channel_in = rest % params.channels_in;
    rest /= params.channels_in;
    let channel_out = rest % ((params.channels_out + 7u) / 8u) * 8u;
    let run = rest / ((params.channels_out + 7u) / 8u);
    if run >= params.n_runs || l >= params.kernel_width {
        return;
    }

    let plane = params.height_out * params.width_out;
    let low = four(channel_out, params.channels_out) * plane;
    let high = four(channel_out + 4u, params.channels_out) * plane;
    let rows = params.batch * params.height_out;
    var sums = array<mat3x3<f32>, 8>();    // [channel][column][row]
    for (var line = run * params.run; line < min((run + 1u) * params.run, rows); line++) {
        let sample = line / params.height_out;
        let i = line % params.height_out;
        let row = vec3(k, k + 1u, k + 2u) + (i * params.stride - params.lift_y);
        let row_inside = row < vec3(params.height_in);
        let at_row = (row + (sample * params.channels_in + channel_in) * params.height_in) * params.width_in;
        let at_d_y = sample * params.channels_out * plane + i * params.width_out;
        var column = l - params.lift_x;
        var second = load_rows(at_row, column, row_inside);
        var third = load_rows(at_row, column + params.stride, row_inside);
        for (var j = 0u; j < params.width_out; j++) {
            let window = mat3x3(second, third, load_rows(at_row, column + 2u * params.stride, row_inside));
            second = window[1];
            third = window[2];
            column += params.stride;
            let d_low = load_d_y(low + (at_d_y + j));
            let d_high = load_d_y(high + (at_d_y + j));
            sums[0] += d_low.x * window;
            sums[1] += d_low.y * window;
            sums[2] += d_low.z * window;
            sums[3] += d_low.w * window;
            sums[4] += d_high.x * window;
            sums[5] += d_high.y * window;
            sums[6] += d_high.z * window;
            sums[7] += d_high.w * window;
        }
    }

    let first = Taps(run, channel_out, channel_in, k, l);
    store_filter(first, 0u, sums[0]);
    store_filter(first, 1u, sums[1]);
    store_filter(first, 2u, sums[2]);
    store_filter(first, 3u, sums[3]);
    store_filter(first, 4u, sums[4]);
    store_filter(first, 5u, sums[5]);
    store_filter(first, 6u, sums[6]);
    store_filter(first, 7u, sums[7]);
}

@compute @workgroup_size(WORKGROUP)
fn backward_bias(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let index = indexing_group(group, groups) * WORKGROUP + lane;
    let run = index / params.channels_out;
    if run >= params.n_runs {
        return;
    }
    let channel = index % params.channels_out;
    let rows = params.batch * params.height_out;
    var sum = 0.0;
    for (var line = run * params.run; line < min((run + 1u) * params.run, rows); line++) {
        let plane = line / params.height_out * params.channels_out + channel;
        let at = (plane * params.height_out + line % params.height_out) * params.width_out;
        for (var j = 0u; j < params.width_out; j++) {
            sum += d_y[at + j];
        }
    }
    partials[index] = sum;
}
