// Convolution as deep learning has it (cross-correlation), stride s, p zeros around the input:
//   forward          y[b, o, i, j]     = sum_{c, k, l} weight[o, c, k, l] x[b, c, s i + k - p, s j + l - p]  (+ bias[o])
//   backward_input   d_x[b, c, i, j]   = sum_{o, k, l} weight[o, c, k, l] d_y[b, o, (i + p - k) / s, (j + p - l) / s]
//   backward_weight  d_w[o, c, k, l]   = sum_{b, i, j} d_y[b, o, i, j] x[b, c, s i + k - p, s j + l - p]
//   backward_bias    d_b[o]            = sum_{b, i, j} d_y[b, o, i, j]
// What lies outside or, in backward_input, between is zero, and is multiplied like any number. Taken from its end, the
// weight of backward_input is that of a forward pass with stride 1 over d_y with its elements spread s apart: both
// are one loop. The last two write a partial sum a run of output rows; ops::bias adds those up.
// Layout: loads are dear on software adapters and barriers dearer, so an invocation shares loads in registers.
//   forward, backward_input   4 channels x 4 columns x 4 samples; with stride 1 a tap loads one column of 4 samples
//                             and 4 weights for 64 products. Samples rather than rows: no output is narrower.
//   backward_weight           8 channels x 3 x 3 taps; a position loads 8 gradients and 3 inputs for 72 products.
//                             Windows of 3 waste least over kernels 3, 5 and 7.
// Channels, columns and samples past the end are loaded from the end and not stored. Reference:
// src/reference/convolution.rs

import package::shared::indexing::{indexing_group};

const WORKGROUP: u32 = 64u;

struct Params {
    batch: u32,
    channels_in: u32,
    height_in: u32,
    width_in: u32,
    channels_out: u32,
    height_out: u32,
    width_out: u32,
    kernel_height: u32,
    kernel_width: u32,
    stride: u32,
    spread: u32,           // distance of neighbours of the input; 1 unless it is a gradient. It or the stride is 1
    lead_y: u32,           // place k of output i is stride i + k + lead; element n lies at (n + lift) spread
    lead_x: u32,
    lift_y: u32,
    lift_x: u32,
    weight_out: u32,       // weight[o, c, tap] is at o weight_out + c weight_in + weight_first + tap weight_step
    weight_in: u32,
    weight_first: u32,
    weight_step: u32,
    run: u32,              // output rows, of all samples, to a partial sum
    n_runs: u32,
}

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
    let across = (params.width_out + 3u) / 4u;
    let channels = (params.channels_out + 3u) / 4u;
    let line = index / across;
    let block = line / params.height_out;
    return Tile(block / channels * 4u, block % channels * 4u, line % params.height_out, index % across * 4u);
}

fn four(first: u32, count: u32) -> vec4<u32> {
    return min(vec4(first, first + 1u, first + 2u, first + 3u), vec4(count - 1u));
}

/// Element of the input at a place, and how far past it the place is.
fn element(place: u32, lift: u32) -> vec2<u32> {
    return vec2(place / params.spread - lift, place % params.spread);
}

fn load_x(at: vec4<u32>, inside: bool) -> vec4<f32> {
    let safe = select(vec4(0u), at, inside);
    return select(vec4(0.0), vec4(x[safe.x], x[safe.y], x[safe.z], x[safe.w]), inside);
}

/// What four samples add to four channels.
fn outer(weights: vec4<f32>, samples: vec4<f32>) -> mat4x4<f32> {
    return mat4x4(weights.x * samples, weights.y * samples, weights.z * samples, weights.w * samples);
}

/// Sums of a tile: [column][channel][sample].
fn correlate(tile: Tile) -> array<mat4x4<f32>, 4> {
    let plane = params.height_in * params.width_in;
    let samples = four(tile.sample, params.batch) * (params.channels_in * plane);
    let weights = four(tile.channel, params.channels_out) * params.weight_out + params.weight_first;
    let first = element(tile.column * params.stride + params.lead_x, params.lift_x);
    var sums = array<mat4x4<f32>, 4>();
    for (var channel = 0u; channel < params.channels_in; channel++) {
        var at_weight = weights + channel * params.weight_in;
        for (var k = 0u; k < params.kernel_height; k++) {
            let row = element(tile.row * params.stride + k + params.lead_y, params.lift_y);
            let row_inside = row.y == 0u && row.x < params.height_in;
            let at_row = samples + (channel * plane + row.x * params.width_in);
            var column = first;
            var window = mat4x4<f32>();    // [column][sample]
            for (var l = 0u; l < params.kernel_width; l++) {
                // With stride 1 the window moves on by a column, otherwise it is filled anew.
                var fresh = 1u;
                if l == 0u || params.stride > 1u {
                    fresh = 4u;
                    column = vec2(first.x + l, first.y);
                }
                for (; fresh > 0u; fresh--) {
                    let inside = row_inside && column.y == 0u && column.x < params.width_in;
                    window = mat4x4(window[1], window[2], window[3], load_x(at_row + column.x, inside));
                    column.y++;
                    if column.y == params.spread {
                        column = vec2(column.x + params.stride, 0u);
                    }
                }
                let w = vec4(weight[at_weight.x], weight[at_weight.y], weight[at_weight.z], weight[at_weight.w]);
                sums[0] += outer(w, window[0]);
                sums[1] += outer(w, window[1]);
                sums[2] += outer(w, window[2]);
                sums[3] += outer(w, window[3]);
                at_weight += params.weight_step;
            }
        }
    }
    return sums;
}

fn store(tile: Tile, sums: array<mat4x4<f32>, 4>, offset: vec4<f32>) {
    store_column(tile, 0u, sums[0], offset);
    store_column(tile, 1u, sums[1], offset);
    store_column(tile, 2u, sums[2], offset);
    store_column(tile, 3u, sums[3], offset);
}

fn store_column(tile: Tile, column: u32, sums: mat4x4<f32>, offset: vec4<f32>) {
    let place = tile.row * params.width_out + tile.column + column;
    if tile.column + column < params.width_out {
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
        store(tile, correlate(tile), vec4(0.0));
    }
}

@compute @workgroup_size(WORKGROUP)
fn forward_bias(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let tile = tile(indexing_group(group, groups) * WORKGROUP + lane);
    if tile.sample < params.batch {
        let at = four(tile.channel, params.channels_out);
        store(tile, correlate(tile), vec4(bias[at.x], bias[at.y], bias[at.z], bias[at.w]));
    }
}

/// x is d_y and y is d_x here, and so are their sizes.
@compute @workgroup_size(WORKGROUP)
fn backward_input(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let tile = tile(indexing_group(group, groups) * WORKGROUP + lane);
    if tile.sample < params.batch {
        store(tile, correlate(tile), vec4(0.0));
    }
}

fn load_x3(at: vec3<u32>, inside: vec3<bool>) -> vec3<f32> {
    let safe = select(vec3(0u), at, inside);
    return select(vec3(0.0), vec3(x[safe.x], x[safe.y], x[safe.z]), inside);
}

fn load_d_y(at: vec4<u32>) -> vec4<f32> {
    return vec4(d_y[at.x], d_y[at.y], d_y[at.z], d_y[at.w]);
}

/// The first of an invocation's 8 x 3 x 3 weights, and its run.
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
        if first.column + 1u < params.kernel_width {
            store_taps(at + 1u, params.kernel_height - first.row, sums[1]);
        }
        if first.column + 2u < params.kernel_width {
            store_taps(at + 2u, params.kernel_height - first.row, sums[2]);
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
    let l = rest % ((params.kernel_width + 2u) / 3u) * 3u;
    rest /= (params.kernel_width + 2u) / 3u;
    let k = rest % ((params.kernel_height + 2u) / 3u) * 3u;
    rest /= (params.kernel_height + 2u) / 3u;
    let channel_in = rest % params.channels_in;
    rest /= params.channels_in;
    let channel_out = rest % ((params.channels_out + 7u) / 8u) * 8u;
    let run = rest / ((params.channels_out + 7u) / 8u);
    if run >= params.n_runs {
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
        var window = mat3x3<f32>();    // [column][row]
        for (var j = 0u; j < params.width_out; j++) {
            // The window moves on by the stride.
            var fresh = select(min(params.stride, 3u), 3u, j == 0u);
            for (; fresh > 0u; fresh--) {
                let column = j * params.stride + l + 3u - fresh - params.lift_x;
                let inside = row_inside & vec3(column < params.width_in);
                window = mat3x3(window[1], window[2], load_x3(at_row + column, inside));
            }
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
