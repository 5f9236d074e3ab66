// Batch normalization with pooling behind it: of images [batch, channels, 2 height, 2 width], the largest of every window
// of two by two. What lies between, four times as large as the result, is neither written nor read:
//   y = max over a window of n(x),   n(x) = gamma (x - mean) / sqrt(variance + eps) + beta
// and, where a rectifier stands on either side of the pooling, y = 0 wherever it would be below. The gradient of y is that of
// the first of the largest of its window; what batch normalization does with it says normalization.wgsl, which has the other
// passes.
// Layout: an invocation owns a piece of a channel, every runs-th sample and every lanes-th pair of columns of its images: two
// windows, whose rows are loaded as fours where these start at multiples of four words, as those of all upper rows do. Where the
// width is odd, the second window of the last pair is none. Reference: src/reference/normalization.rs and src/reference/pool.rs

import package::shared::clock::{Clock};
import package::shared::indexing::{indexing_group, indexing_divide};
import package::shared::peak::{Peak, peak_of};

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
@group(0) @binding(3) var<storage, read> d_y: array<vec2<f32>>;                 // [batch, channels, height, width]
@group(0) @binding(4) var<storage, read> gamma: array<f32>;                     // [channels]
@group(0) @binding(5) var<storage, read> beta: array<f32>;                      // [channels]
@group(0) @binding(6) var<storage, read> statistics: array<vec2<f32>>;          // [channels, 2] mean, variance
@group(0) @binding(7) var<storage, read> slopes: array<vec2<f32>>;              // [channels, 2] sums of d n, of d n n
@group(0) @binding(8) var<storage, read_write> pieces: array<vec2<f32>>;        // [runs, channels, lanes, 2]
@group(0) @binding(9) var<storage, read_write> y: array<f32>;                   // [batch, channels, height, width]
@group(0) @binding(10) var<storage, read_write> d_x: array<vec2<f32>>;          // like x

/// What an invocation owns, and what belongs to its channel.
struct Piece {
    run: u32,
    channel: u32,
    lane: u32,
    mean: f32,
    inverse: f32,
    gain: f32,
    shift: f32,
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
    let channel = line - run * params.channels;
    let moments = statistics[channel];
    let inverse = 1.0 / sqrt(moments.y + params.epsilon);
    return Piece(run, channel, index - line * params.lanes, moments.x, inverse, gamma[channel], beta[channel]);
}

/// First output of a sample's image: that of a row and column is row * width + column further, and the upper row of its
/// window begins at four times this place, less twice the column.
fn image_of(piece: Piece, sample: u32) -> u32 {
    return (sample * params.channels + piece.channel) * params.height * params.width;
}

/// Two windows beside one another, as distances from the mean, and where each is largest.
struct Windows {
    top: vec4<f32>,
    bottom: vec4<f32>,
    left: Peak,
    right: Peak,
}

/// The windows of a pair of columns, in a row of them that starts with an output.
fn windows_at(piece: Piece, line: u32, pair: u32) -> Windows {
    let at = line + pair;
    let below = at + params.width / 2u;
    let top = x[at] - piece.mean;
    var bottom = x[below];
    if ODD == 1u {
        bottom = vec4(bottom.zw, x[below + 1u].xy);
    }
    bottom -= piece.mean;
    let scale = piece.gain * piece.inverse;
    let high = scale * top + piece.shift;
    let low = scale * bottom + piece.shift;
    return Windows(top, bottom, peak_of(high.xy, low.xy), peak_of(high.zw, low.zw));
}

/// Whether a pair of columns has a second one.
fn is_whole(pair: u32) -> bool {
    return ODD == 0u || 2u * pair + 1u < params.width;
}

/// The gradient of two outputs, 0 where a rectifier is and the largest of a window is not above 0.
fn gradient_at(at: u32, windows: Windows) -> vec2<f32> {
    var d = d_y[at / 2u];
    if ODD == 1u {
        let next = d_y[(at + 1u) / 2u];
        d = select(d, vec2(d.y, next.x), (at & 1u) == 1u);
    }
    return vec2(rectified(d.x, windows.left), rectified(d.y, windows.right));
}

/// 0 where a rectifier is and the largest of a window is not above 0.
fn rectified(value: f32, peak: Peak) -> f32 {
    return select(value, 0.0, peak.value <= 0.0 && params.rectify == 1u);
}

@compute @workgroup_size(WORKGROUP)
fn forward(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let index = item(group, groups, lane);
    if !is_piece(index) {
        return;
    }
    let piece = piece_of(index);
    for (var sample = piece.run; sample < params.batch; sample += params.runs) {
        let image = image_of(piece, sample);
        let is_valid = sample < clock.rows;
        for (var pair = piece.lane; 2u * pair < params.width; pair += params.lanes) {
            for (var row = 0u; row < params.height; row++) {
                let line = image + row * params.width;
                let windows = windows_at(piece, line, pair);
                let peaks = vec2(rectified(windows.left.value, windows.left), rectified(windows.right.value, windows.right));
                store(line + 2u * pair, is_whole(pair), select(vec2(0.0), peaks, is_valid));
            }
        }
    }
}

fn store(at: u32, is_whole: bool, values: vec2<f32>) {
    y[at] = values.x;
    if is_whole {
        y[at + 1u] = values.y;
    }
}

/// The element that a place in a window of two by two names.
fn element(top: vec2<f32>, bottom: vec2<f32>, place: u32) -> f32 {
    let pair = select(top, bottom, place >= 2u);
    return select(pair.x, pair.y, (place & 1u) == 1u);
}

/// Sums of d and of d n over every piece, d the gradient of y.
@compute @workgroup_size(WORKGROUP)
fn correlate(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let index = item(group, groups, lane);
    if !is_piece(index) {
        return;
    }
    let piece = piece_of(index);
    var sums = vec4(0.0);
    for (var sample = piece.run; sample < clock.rows; sample += params.runs) {
        let image = image_of(piece, sample);
        for (var pair = piece.lane; 2u * pair < params.width; pair += params.lanes) {
            for (var row = 0u; row < params.height; row++) {
                let line = image + row * params.width;
                let windows = windows_at(piece, line, pair);
                let d = gradient_at(line + 2u * pair, windows);
                let left = element(windows.top.xy, windows.bottom.xy, windows.left.place);
                let right = element(windows.top.zw, windows.bottom.zw, windows.right.place);
                let both = vec2(1.0, piece.inverse);
                sums += vec4(d.x * vec2(1.0, left) * both, select(vec2(0.0), d.y * vec2(1.0, right) * both, is_whole(pair)));
            }
        }
    }
    pieces[index] = sums.xy + sums.zw;
}

@compute @workgroup_size(WORKGROUP)
fn backward(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let index = item(group, groups, lane);
    if !is_piece(index) {
        return;
    }
    let piece = piece_of(index);
    let means = piece.gain * slopes[piece.channel] * (1.0 / f32(clock.rows * 4u * params.height * params.width));
    for (var sample = piece.run; sample < params.batch; sample += params.runs) {
        let image = image_of(piece, sample);
        let is_valid = sample < clock.rows;
        for (var pair = piece.lane; 2u * pair < params.width; pair += params.lanes) {
            for (var row = 0u; row < params.height; row++) {
                let line = image + row * params.width;
                let windows = windows_at(piece, line, pair);
                let g = piece.gain * gradient_at(line + 2u * pair, windows);
                let place = vec4(vec2(windows.left.place), vec2(windows.right.place));
                let each = g.xxyy;
                let top = select(vec4(0.0), each, place == vec4(0u, 1u, 0u, 1u)) - means.x - windows.top * piece.inverse * means.y;
                let bottom = select(vec4(0.0), each, place == vec4(2u, 3u, 2u, 3u)) - means.x - windows.bottom * piece.inverse * means.y;
                let at = 2u * (line + pair);
                let below = at + params.width;
                let upper = select(vec4(0.0), top * piece.inverse, is_valid);
                let lower = select(vec4(0.0), bottom * piece.inverse, is_valid);
                d_x[at] = upper.xy;
                d_x[below] = lower.xy;
                if is_whole(pair) {
                    d_x[at + 1u] = upper.zw;
                    d_x[below + 1u] = lower.zw;
                }
            }
        }
    }
}
