// Batch, layer and group normalization of activations [batch, channels * positions]:
//   y = gamma (x - mean) / sqrt(variance + eps) + beta,   gamma and beta by channel
//   d_x = (g - <g> - n <g n>) / sqrt(variance + eps),     g = gamma d_y, n = (x - mean) / sqrt(variance + eps)
//   d_gamma = sum d_y n,  d_beta = sum d_y                by channel, over rows and positions
// (Ioffe and Szegedy 2015; Ba, Kiros and Hinton 2016; Wu and He 2018.) They differ in which elements share a mean and a
// biased variance, a population, and average <>. With the tensor as [blocks, outer, across, inner], it is what
// has the same block and the same place across:
//   batch  [1, batch, channels, positions]                                   a channel
//   layer  [batch, channels, positions, 1]                                   a position of a row
//   group  [batch * groups, channels / groups, 1, positions]                 a group of channels of a row
// Rows past clock.rows are padding: they belong to no population, and give 0 and gradient 0.
// Layout: an invocation owns a piece of a population: every runs-th along outer, every lanes-th along inner, with the
// pieces in the order of the tensor, so that neighbours read neighbours. What belongs to a population is looked up once a
// piece, and nothing is divided in a loop. Sums over a population are those of its pieces, added in order by a
// second pass, without barriers; where one piece is all, the first pass is the only one.
// Means and variances are updated element by element and merged piece by piece (Welford 1962; Chan, Golub and
// LeVeque 1983), both from the first value, so that a common offset costs no digits. Reference: src/reference/normalization.rs

import package::shared::clock::{Clock};
import package::shared::indexing::{indexing_group};

const WORKGROUP: u32 = 64u;

struct Params {
    blocks: u32,
    outer: u32,
    across: u32,
    inner: u32,
    runs: u32,                      // pieces along outer
    lanes: u32,                     // pieces along inner
    row_blocks: u32,                // blocks in a row; 0: a place along outer is a row
    row_populations: u32,           // where pieces of channels, along outer rows, find the populations of members:
    population_channels: u32,       //   row * row_populations + channel / population_channels + position *
    position_populations: u32,      //   position_populations (0 or 1)
    weighted: u32,                  // 1: sums are of gamma d_y, 0: of d_y
    component: u32,                 // of the sums, the one that is a gradient: 0 of beta, 1 of gamma
    epsilon: f32,
    momentum: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<uniform> clock: Clock;
@group(0) @binding(2) var<storage, read> x: array<f32>;                         // [batch, channels * positions]
@group(0) @binding(3) var<storage, read> d_y: array<f32>;                       // [batch, channels * positions]
@group(0) @binding(4) var<storage, read> gamma: array<f32>;                     // [channels]
@group(0) @binding(5) var<storage, read> beta: array<f32>;                      // [channels]
@group(0) @binding(6) var<storage, read> statistics: array<vec2<f32>>;          // [populations, 2] mean, variance
@group(0) @binding(7) var<storage, read> pieces: array<vec2<f32>>;              // [blocks, runs, across, lanes, 2]
@group(0) @binding(8) var<storage, read> slopes: array<vec2<f32>>;              // [populations, 2] sums of g, g n
@group(0) @binding(9) var<storage, read_write> result: array<vec2<f32>>;        // of a piece, or of a population
@group(0) @binding(10) var<storage, read_write> stored: array<vec2<f32>>;       // [channels, 2] mean, variance
@group(0) @binding(11) var<storage, read_write> y: array<f32>;                  // [batch, channels * positions]
@group(0) @binding(12) var<storage, read_write> d_x: array<f32>;                // [batch, channels * positions]
@group(0) @binding(13) var<storage, read_write> d_parameter: array<f32>;        // [channels]

struct Piece {
    population: u32,
    first: u32,         // member at (0, 0); the one at (outer, inner) is outer * across * inner axis + inner further
    run: u32,
    lane: u32,
    row: u32,           // at outer 0
    channel: u32,       // at outer 0
}

fn item(group: vec3<u32>, groups: vec3<u32>, lane: u32) -> u32 {
    return indexing_group(group, groups) * WORKGROUP + lane;
}

fn piece_of(index: u32) -> Piece {
    let line = index / params.lanes;
    let sheet = line / params.across;
    let block = sheet / params.runs;
    let place = line - sheet * params.across;
    var piece: Piece;
    piece.population = block * params.across + place;
    piece.first = (block * params.outer * params.across + place) * params.inner;
    piece.run = sheet - block * params.runs;
    piece.lane = index - line * params.lanes;
    piece.channel = place;
    if !outer_is_row() {
        piece.row = block / params.row_blocks;
        piece.channel = (block - piece.row * params.row_blocks) * params.outer;
    }
    return piece;
}

fn is_piece(index: u32) -> bool {
    return index < params.blocks * params.runs * params.across * params.lanes;
}

/// Whether the outer axis of the tensor is that of its rows.
fn outer_is_row() -> bool {
    return params.row_blocks == 0u;
}

fn is_valid(piece: Piece, outer: u32) -> bool {
    return select(piece.row, outer, outer_is_row()) < clock.rows;
}

fn channel_of(piece: Piece, outer: u32) -> u32 {
    return select(piece.channel + outer, piece.channel, outer_is_row());
}

/// Extent of the outer axis without padding rows.
fn outer_end() -> u32 {
    return select(params.outer, clock.rows, outer_is_row());
}

/// How many of first, first + step, ... lie below the end.
fn turns(end: u32, first: u32, step: u32) -> u32 {
    return end / step + select(0u, 1u, first < end % step);
}

fn inverse_deviation(variance: f32) -> f32 {
    return 1.0 / sqrt(variance + params.epsilon);
}

/// Mean and variance of every piece.
@compute @workgroup_size(WORKGROUP)
fn moments(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let index = item(group, groups, lane);
    if !is_piece(index) {
        return;
    }
    let piece = piece_of(index);
    let end = outer_end();
    let step = params.across * params.inner;
    let pivot = x[piece.first + piece.run * step + piece.lane];
    var count = 0.0;
    var mean = 0.0;
    var squares = 0.0;
    for (var outer = piece.run; outer < end; outer += params.runs) {
        for (var inner = piece.lane; inner < params.inner; inner += params.lanes) {
            let value = x[piece.first + outer * step + inner] - pivot;
            count += 1.0;
            let above = value - mean;
            mean += above / count;
            squares += above * (value - mean);
        }
    }
    result[index] = vec2(pivot + mean, squares / count);
}

/// Mean and variance of every population from those of its pieces.
@compute @workgroup_size(WORKGROUP)
fn merge(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let index = item(group, groups, lane);
    if index >= params.blocks * params.across {
        return;
    }
    let first = first_piece(index);
    let pivot = pieces[first].x;
    var count = 0.0;
    var mean = 0.0;
    var squares = 0.0;
    for (var run = 0u; run < params.runs; run++) {
        let members = turns(outer_end(), run, params.runs);
        for (var lane = 0u; lane < params.lanes && members > 0u; lane++) {
            let moments = pieces[first + run * params.across * params.lanes + lane];
            let more = f32(members * turns(params.inner, lane, params.lanes));
            let above = moments.x - pivot - mean;
            let share = more / (count + more);
            mean += above * share;
            squares += moments.y * more + above * above * count * share;
            count += more;
        }
    }
    result[index] = vec2(pivot + mean, squares / count);
}

/// The first piece of a population: the one at (run, lane) is run * across * lanes + lane further.
fn first_piece(population: u32) -> u32 {
    let block = population / params.across;
    return (block * params.runs * params.across + population - block * params.across) * params.lanes;
}

/// stored = (1 - momentum) stored + momentum (mean, unbiased variance), of batch normalization. A momentum of 0 stands
/// for the clock's weight of an average.
@compute @workgroup_size(WORKGROUP)
fn track(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let channel = item(group, groups, lane);
    if channel >= params.across {
        return;
    }
    let count = clock.rows * params.inner;
    let unbiased = f32(count) / f32(max(count, 2u) - 1u);
    let news = statistics[channel] * vec2(1.0, unbiased);
    let momentum = select(params.momentum, clock.average, params.momentum == 0.0);
    stored[channel] = (1.0 - momentum) * stored[channel] + momentum * news;
}

@compute @workgroup_size(WORKGROUP)
fn forward(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let index = item(group, groups, lane);
    if !is_piece(index) {
        return;
    }
    let piece = piece_of(index);
    let step = params.across * params.inner;
    let moments = statistics[piece.population];
    let inverse = inverse_deviation(moments.y);
    var scale = gamma[piece.channel] * inverse;
    var shift = beta[piece.channel];
    for (var outer = piece.run; outer < params.outer; outer += params.runs) {
        if !outer_is_row() {
            scale = gamma[piece.channel + outer] * inverse;
            shift = beta[piece.channel + outer];
        }
        let valid = is_valid(piece, outer);
        for (var inner = piece.lane; inner < params.inner; inner += params.lanes) {
            let at = piece.first + outer * step + inner;
            y[at] = select(0.0, scale * (x[at] - moments.x) + shift, valid);
        }
    }
}

/// Sums of g and of g n over every piece, g = d_y or gamma d_y; also over the pieces of channels, which are no
/// populations of layer and group normalization.
@compute @workgroup_size(WORKGROUP)
fn correlate(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let index = item(group, groups, lane);
    if !is_piece(index) {
        return;
    }
    let piece = piece_of(index);
    let end = outer_end();
    let step = params.across * params.inner;
    let home = piece.population / params.population_channels;
    var sums = vec2(0.0);
    for (var outer = piece.run; outer < end; outer += params.runs) {
        let weight = select(1.0, gamma[channel_of(piece, outer)], params.weighted == 1u);
        let row_home = home + outer * params.row_populations;
        var moments = statistics[row_home];
        var inverse = inverse_deviation(moments.y);
        for (var inner = piece.lane; inner < params.inner; inner += params.lanes) {
            if params.position_populations == 1u {
                moments = statistics[row_home + inner];
                inverse = inverse_deviation(moments.y);
            }
            let at = piece.first + outer * step + inner;
            let g = weight * d_y[at];
            sums += vec2(g, g * (x[at] - moments.x) * inverse);
        }
    }
    result[index] = sums;
}

/// Sum over the pieces of a population or channel.
fn sum_of_pieces(population: u32) -> vec2<f32> {
    let first = first_piece(population);
    var sum = vec2(0.0);
    for (var run = 0u; run < params.runs; run++) {
        for (var lane = 0u; lane < params.lanes; lane++) {
            sum += pieces[first + run * params.across * params.lanes + lane];
        }
    }
    return sum;
}

@compute @workgroup_size(WORKGROUP)
fn add(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let index = item(group, groups, lane);
    if index < params.blocks * params.across {
        result[index] = sum_of_pieces(index);
    }
}

/// Gradient of beta or gamma from the pieces of channels. One at a time: they may lie in one buffer.
@compute @workgroup_size(WORKGROUP)
fn gradient(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let channel = item(group, groups, lane);
    if channel < params.across {
        d_parameter[channel] = sum_of_pieces(channel)[params.component];
    }
}

@compute @workgroup_size(WORKGROUP)
fn backward(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let index = item(group, groups, lane);
    if !is_piece(index) {
        return;
    }
    let piece = piece_of(index);
    let step = params.across * params.inner;
    let moments = statistics[piece.population];
    let inverse = inverse_deviation(moments.y);
    var means = slopes[piece.population] / f32(outer_end() * params.inner);
    var weight = gamma[piece.channel];
    if params.weighted == 0u {
        means *= weight;    // a population is a channel
    }
    for (var outer = piece.run; outer < params.outer; outer += params.runs) {
        if !outer_is_row() {
            weight = gamma[piece.channel + outer];
        }
        let valid = is_valid(piece, outer);
        for (var inner = piece.lane; inner < params.inner; inner += params.lanes) {
            let at = piece.first + outer * step + inner;
            let n = (x[at] - moments.x) * inverse;
            d_x[at] = select(0.0, (weight * d_y[at] - means.x - n * means.y) * inverse, valid);
        }
    }
}
