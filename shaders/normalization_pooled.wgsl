// Batch normalization with pooling behind it: of images [batch, channels, 2 height, 2 width], the largest of every window
// of two by two. What lies between, four times as large as the result, is neither written nor read:
//   y = max over a window of n(x),   n(x) = gamma (x - mean) / sqrt(variance + eps) + beta
// and, where a rectifier stands on either side of the pooling, y = 0 wherever it would be below. The gradient of y is that of
// the first of the largest of its window; what batch normalization does with it says normalization.wgsl, which has the other
// passes.
// Layout: an invocation owns a piece of a channel, every runs-th sample and every lanes-th column of its images. Rows are loaded
// as pairs, and neighbours load neighbours. Reference: src/reference/normalization.rs and src/reference/pool.rs

import package::shared::clock::{Clock};
import package::shared::indexing::{indexing_group, indexing_divide};
import package::shared::peak::{Peak, peak_of};

const WORKGROUP: u32 = 64u;

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
@group(0) @binding(2) var<storage, read> x: array<vec2<f32>>;                   // [batch, channels, 2 height, width, 2]
@group(0) @binding(3) var<storage, read> d_y: array<f32>;                       // [batch, channels, height, width]
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

/// First output of a sample's image: that of a row and column is row * width + column further, and the upper pair of its
/// window at row * 2 width + column from twice this place.
fn image_of(piece: Piece, sample: u32) -> u32 {
    return (sample * params.channels + piece.channel) * params.height * params.width;
}

/// A window as distances from the mean, and where it is largest.
struct Window {
    top: vec2<f32>,
    bottom: vec2<f32>,
    peak: Peak,
}

fn window_at(piece: Piece, pair: u32) -> Window {
    let top = x[pair] - piece.mean;
    let bottom = x[pair + params.width] - piece.mean;
    let scale = piece.gain * piece.inverse;
    return Window(top, bottom, peak_of(scale * top + piece.shift, scale * bottom + piece.shift));
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
        for (var column = piece.lane; column < params.width; column += params.lanes) {
            for (var row = 0u; row < params.height; row++) {
                let line = row * params.width;
                let peak = window_at(piece, 2u * (image + line) + column).peak;
                y[image + line + column] = select(0.0, rectified(peak.value, peak), is_valid);
            }
        }
    }
}

/// Sums of d and of d n over every piece, d the gradient of y.
@compute @workgroup_size(WORKGROUP)
fn correlate(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let index = item(group, groups, lane);
    if !is_piece(index) {
        return;
    }
    let piece = piece_of(index);
    var sums = vec2(0.0);
    for (var sample = piece.run; sample < clock.rows; sample += params.runs) {
        let image = image_of(piece, sample);
        for (var column = piece.lane; column < params.width; column += params.lanes) {
            for (var row = 0u; row < params.height; row++) {
                let line = row * params.width;
                let window = window_at(piece, 2u * (image + line) + column);
                let pair = select(window.top, window.bottom, window.peak.place >= 2u);
                let above = select(pair.x, pair.y, (window.peak.place & 1u) == 1u);
                let d = rectified(d_y[image + line + column], window.peak);
                sums += d * vec2(1.0, above * piece.inverse);
            }
        }
    }
    pieces[index] = sums;
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
        for (var column = piece.lane; column < params.width; column += params.lanes) {
            for (var row = 0u; row < params.height; row++) {
                let line = row * params.width;
                let pair = 2u * (image + line) + column;
                let window = window_at(piece, pair);
                let g = vec2(piece.gain * rectified(d_y[image + line + column], window.peak));
                let place = vec2(window.peak.place);
                let top = select(vec2(0.0), g, place == vec2(0u, 1u)) - means.x - window.top * piece.inverse * means.y;
                let bottom = select(vec2(0.0), g, place == vec2(2u, 3u)) - means.x - window.bottom * piece.inverse * means.y;
                d_x[pair] = select(vec2(0.0), top * piece.inverse, is_valid);
                d_x[pair + params.width] = select(vec2(0.0), bottom * piece.inverse, is_valid);
            }
        }
    }
}
