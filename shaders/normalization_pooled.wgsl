// Batch normalization with pooling behind it: of images [batch, channels, 2 height, 2 width], the largest of every window
// of two by two. What lies between, four times as large as the result, is neither written nor read:
//   y = max over a window of n(x),   n(x) = gamma (x - mean) / sqrt(variance + eps) + beta
// and, where a rectifier stands on either side of the pooling, y = 0 wherever it would be below. As n rises or falls with x, y
// is n of the largest x of a window, or of the smallest where gamma is below 0. The pass that takes the moments of x keeps
// that element; y, and the sums over gradients, which are 0 elsewhere, are then those that normalization.wgsl makes of a
// tensor of these elements. The backward pass finds them anew, the first of several with the same bits. NaN counts as the
// largest and the smallest.
// Layout: an invocation owns a piece of a channel, every runs-th sample and every lanes-th pair of columns of its images: two
// windows, whose rows are loaded as fours where these start at multiples of four words, as those of all upper rows do. Where the
// width is odd, the second window of the last pair is none. Moments are updated sample by sample, as in normalization.wgsl,
// whose pass `merge` joins those of pieces. Reference: src/reference/normalization.rs and src/reference/pool.rs

import package::shared::clock::{Clock};
import package::shared::indexing::{indexing_group, indexing_divide};
import package::shared::math::{math_is_nan};

const WORKGROUP: u32 = 64u;
/// Whether the width of what is put out is odd.
override ODD: u32 = 1u;

struct Params {
    batch: u32,
    channels: u32,
    height: u32,        // of what is put out
    width: u32,
    runs: u32,
    lanes: u32,
    rectify: u32,       // 1: a rectifier follows
    epsilon: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<uniform> clock: Clock;
@group(0) @binding(2) var<storage, read> x: array<vec4<f32>>;                   // [batch, channels, 2 height, 2 width]
@group(0) @binding(3) var<storage, read> gamma: array<f32>;                     // [channels]
@group(0) @binding(4) var<storage, read> beta: array<f32>;                      // [channels]
@group(0) @binding(5) var<storage, read> statistics: array<vec2<f32>>;          // [channels, 2] mean, variance
@group(0) @binding(6) var<storage, read> d_y: array<vec2<f32>>;                 // [batch, channels, height, width]
@group(0) @binding(7) var<storage, read> slopes: array<vec2<f32>>;              // [channels, 2] sums of d n, of d n n
@group(0) @binding(8) var<storage, read_write> pieces: array<vec2<f32>>;        // [runs, channels, lanes, 2] mean, variance
@group(0) @binding(9) var<storage, read_write> extremes: array<vec2<f32>>;           // [batch, channels, height, width]
@group(0) @binding(10) var<storage, read_write> d_x: array<vec4<f32>>;         // like x

/// What an invocation owns.
struct Piece {
    run: u32,
    channel: u32,
    lane: u32,
}

fn item(group: vec3<u32>, groups: vec3<u32>, lane: u32) -> u32 {
    return indexing_group(group, groups) * WORKGROUP + lane;
}

fn is_piece(index: u32) -> bool {
    return index < params.runs * params.channels * params.lanes;
}

fn piece_of(index: u32) -> Piece {
    let line = indexing_divide(index, params.lanes);
    let run = indexing_divide(line, params.channels);
    return Piece(run, line - run * params.channels, index - line * params.lanes);
}

/// First output of a sample's image: that of a row and column is row * width + column further, and the upper row of its
/// window begins at four times this place, less twice the column.
fn image_of(piece: Piece, sample: u32) -> u32 {
    return (sample * params.channels + piece.channel) * params.height * params.width;
}

/// Two windows beside one another.
struct Windows {
    top: vec4<f32>,
    bottom: vec4<f32>,
}

/// The windows of a pair of columns, in a row of them that starts with an output.
fn windows_at(line: u32, pair: u32) -> Windows {
    let at = line + pair;
    let below = at + params.width / 2u;
    if ODD == 1u {
        return Windows(x[at], vec4(x[below].z, x[below].w, x[below + 1u].x, x[below + 1u].y));
    }
    return Windows(x[at], x[below]);
}

/// Whether a pair of columns has a second one.
fn is_whole(pair: u32) -> bool {
    return ODD == 0u || 2u * pair + 1u < params.width;
}

/// Whether n rises or falls, 1 or -1. Where it is the same everywhere, or NaN, nothing is larger than the first.
fn sign_of(channel: u32) -> f32 {
    let gain = gamma[channel];
    let sign = select(select(0.0, 1.0, gain > 0.0), -1.0, gain < 0.0);
    return select(sign, 0.0, math_is_nan(beta[channel]));
}

/// Where b takes the place of a, the extreme so far: the largest times a sign.
fn replaced(a: vec4<f32>, b: vec4<f32>, sign: f32) -> vec4<bool> {
    return (sign * b > sign * a) | (bitcast<vec4<u32>>(b) << vec4(1u)) > vec4(0xff000000u);
}

/// The extremes of two windows.
fn extremes_of(windows: Windows, sign: f32) -> vec2<f32> {
    let column = select(windows.top, windows.bottom, replaced(windows.top, windows.bottom, sign));
    return select(column, column.yyww, replaced(column, column.yyww, sign)).xz;
}

fn store_extremes(at: u32, own: vec2<f32>, is_whole: bool) {
    if ODD == 0u {
        extremes[at / 2u] = own;
        return;
    }
    extremes[at / 2u][at % 2u] = own.x;
    if is_whole {
        let next = at + 1u;
        extremes[next / 2u][next % 2u] = own.y;
    }
}

fn fold(four: vec4<f32>) -> f32 {
    return (four.x + four.y) + (four.z + four.w);
}

/// Mean and variance of every piece, and the extremes of its windows.
@compute @workgroup_size(WORKGROUP)
fn moments(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let index = item(group, groups, lane);
    if !is_piece(index) {
        return;
    }
    let piece = piece_of(index);
    let sign = sign_of(piece.channel);
    let pivot = x[image_of(piece, piece.run) + piece.lane].x;
    var count = 0.0;
    var mean = 0.0;
    var squares = 0.0;
    for (var sample = piece.run; sample < clock.rows; sample += params.runs) {
        let image = image_of(piece, sample);
        var windows_seen = 0u;
        var sum = vec4(0.0);
        var each = vec4(0.0);
        for (var pair = piece.lane; 2u * pair < params.width; pair += params.lanes) {
            let is_whole = is_whole(pair);
            for (var row = 0u; row < params.height; row++) {
                let line = image + row * params.width;
                let windows = windows_at(line, pair);
                let own = extremes_of(windows, sign);
                store_extremes(line + 2u * pair, own, is_whole);
                var top = windows.top - pivot - mean;
                var bottom = windows.bottom - pivot - mean;
                if ODD == 1u {
                    top = select(vec4(top.xy, 0.0, 0.0), top, is_whole);
                    bottom = select(vec4(bottom.xy, 0.0, 0.0), bottom, is_whole);
                }
                sum += top + bottom;
                each += top * top + bottom * bottom;
            }
            windows_seen += select(1u, 2u, is_whole);
        }
        count += f32(4u * windows_seen * params.height);
        let total = fold(sum);
        let shift = total / count;
        mean += shift;
        squares += fold(each) - shift * total;
    }
    pieces[index] = vec2(pivot + mean, squares / count);
}

/// Two neighbours from a place on.
fn d_y_at(at: u32) -> vec2<f32> {
    let next = at + 1u;
    if ODD == 1u {
        return vec2(d_y[at / 2u][at % 2u], d_y[next / 2u][next % 2u]);
    }
    return d_y[at / 2u];
}

/// Stores gradients of the windows of a pair of columns, in a row of them that starts with an output.
fn store_windows(line: u32, pair: u32, windows: Windows) {
    let at = line + pair;
    let below = at + params.width / 2u;
    if is_whole(pair) {
        d_x[at] = windows.top;
    } else {
        d_x[at].x = windows.top.x;
        d_x[at].y = windows.top.y;
    }
    if ODD == 0u {
        d_x[below] = windows.bottom;
        return;
    }
    d_x[below].z = windows.bottom.x;
    d_x[below].w = windows.bottom.y;
    if is_whole(pair) {
        d_x[below + 1u].x = windows.bottom.z;
        d_x[below + 1u].y = windows.bottom.w;
    }
}

/// Elements that another one of their row of a window stands before.
const RIGHT: vec4<bool> = vec4(false, true, false, true);

@compute @workgroup_size(WORKGROUP)
fn backward(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let index = item(group, groups, lane);
    if !is_piece(index) {
        return;
    }
    let piece = piece_of(index);
    let moments = statistics[piece.channel];
    let mean = moments.x;
    let inverse = 1.0 / sqrt(moments.y + params.epsilon);
    let sign = sign_of(piece.channel);
    let gain = gamma[piece.channel];
    let shift = beta[piece.channel];
    let means = gain * slopes[piece.channel] * (1.0 / f32(clock.rows * 4u * params.height * params.width));
    let slope = inverse * means.y;
    let scale = gain * inverse;
    for (var sample = piece.run; sample < params.batch; sample += params.runs) {
        let image = image_of(piece, sample);
        let is_valid = sample < clock.rows;
        for (var pair = piece.lane; 2u * pair < params.width; pair += params.lanes) {
            for (var row = 0u; row < params.height; row++) {
                let line = image + row * params.width;
                let windows = windows_at(line, pair);
                let output = line + 2u * pair;
                let own = extremes_of(windows, sign);
                let d = d_y_at(output);
                let is_cut = (scale * (own - mean) + shift <= vec2(0.0)) & vec2(params.rectify == 1u);
                let g = (gain * select(d, vec2(0.0), is_cut)).xxyy;
                // The first of a window that has the bits of the extreme.
                let bits = bitcast<vec4<u32>>(own.xxyy);
                let high = bitcast<vec4<u32>>(windows.top) == bits;
                let low = bitcast<vec4<u32>>(windows.bottom) == bits;
                let is_high = high & !(RIGHT & high.xxzz);
                let is_low = low & !(RIGHT & low.xxzz) & !(high.xxzz | high.yyww);
                let top = select(vec4(0.0), g, is_high) - means.x - (windows.top - mean) * slope;
                let bottom = select(vec4(0.0), g, is_low) - means.x - (windows.bottom - mean) * slope;
                let upper = select(vec4(0.0), top * inverse, is_valid);
                let lower = select(vec4(0.0), bottom * inverse, is_valid);
                store_windows(line, pair, Windows(upper, lower));
            }
        }
    }
}
