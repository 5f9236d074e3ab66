// Batch, layer and group normalization of activations [batch, channels * positions]:
//   y = gamma (x - mean) / sqrt(variance + eps) + beta,   gamma and beta by channel
//   d_x = (g - <g> - n <g n>) / sqrt(variance + eps),     g = gamma d_y, n = (x - mean) / sqrt(variance + eps)
//   d_gamma = sum d_y n,  d_beta = sum d_y                by channel, over rows and positions
// and, where a rectifier follows, y = 0 and d_y = 0 wherever y would be below 0.
// (Ioffe and Szegedy 2015; Ba, Kiros and Hinton 2016; Wu and He 2018.) They differ in which elements share a mean and a
// biased variance, a population, and average <>. With the tensor as [blocks, outer, across, inner], it is what
// has the same block and the same place across:
//   batch  [1, batch, channels, positions]                                   a channel
//   layer  [batch, channels, positions, 1]                                   a position of a row
//   group  [batch * groups, channels / groups, 1, positions]                 a group of channels of a row
// Rows past clock.rows are padding: they belong to no population, and give 0 and gradient 0.
// Layout: tensors are read in loads of four words: four neighbours along inner, or along across where inner is 1, or one
// word where neither axis is a multiple of four. Few positions, of no multiple of four, count as places across in sums of
// batch normalization, each of them a piece of its channel. The axes are counted in loads. An invocation that sums owns a piece of a
// population (or of four): every runs-th along outer, every lanes-th along inner, with the pieces in the order of the
// tensor, so that neighbours read neighbours. What belongs to a population is looked up once a piece, and nothing is
// divided in the innermost loop. Sums over a population are those of its pieces, added in order by a second pass, without
// barriers; where one piece is all, the first pass is the only one. An invocation that writes owns a column of aligned
// quads, every runs-th along outer, whatever the shape; past the end of a tensor it writes 0.
// Means and variances are updated line by line around the mean so far and merged piece by piece (Welford 1962; Chan,
// Golub and LeVeque 1983), both from the first value, so that a common offset costs no digits.
// Reference: src/reference/normalization.rs

import package::shared::clock::{Clock};
import package::shared::indexing::{indexing_group, indexing_divide};

const WORKGROUP: u32 = 64u;
/// Words of a load: 4 or 1.
override WIDTH: u32 = 4u;

struct Params {
    blocks: u32,
    outer: u32,
    across: u32,
    inner: u32,
    spread: u32,                    // pieces that a load belongs to, neighbours across: 4 or 1
    places: u32,                    // neighbours across that belong to one population, each of them a piece
    apart: u32,                     // 1: the words of a load belong to neighbouring populations
    runs: u32,                      // pieces along outer
    lanes: u32,                     // pieces along inner
    joint: u32,                     // neighbours along inner that belong to the same piece
    row_blocks: u32,                // blocks in a row; 0: a place along outer is a row
    row_populations: u32,           // population of an element:
    population_channels: u32,       //   row * row_populations + channel / population_channels + position *
    position_populations: u32,      //   position_populations (0 or 1)
    channels: u32,
    positions: u32,
    lookups: u32,                   // of a load: 1 where its words are of one channel, else 4
    outer_rows: u32,                // of what is written: 1 where places along outer are rows
    weighted: u32,                  // 1: sums are of gamma d_y, 0: of d_y
    rectify: u32,                   // 1: a rectifier follows
    component: u32,                 // of the sums, the one that is a gradient: 0 of beta, 1 of gamma
    epsilon: f32,
    momentum: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<uniform> clock: Clock;
@group(0) @binding(2) var<storage, read> x: array<vec4<f32>>;                   // [batch, channels * positions]
@group(0) @binding(3) var<storage, read> d_y: array<vec4<f32>>;                 // [batch, channels * positions]
@group(0) @binding(4) var<storage, read> gamma: array<f32>;                     // [channels]
@group(0) @binding(5) var<storage, read> beta: array<f32>;                      // [channels]
@group(0) @binding(6) var<storage, read> statistics: array<vec4<f32>>;          // [populations, 2] mean, variance
@group(0) @binding(7) var<storage, read> pieces: array<vec2<f32>>;              // [blocks, runs, across, lanes, 2]
@group(0) @binding(8) var<storage, read> slopes: array<vec4<f32>>;              // [populations, 2] sums of g, g n
@group(0) @binding(9) var<storage, read_write> result: array<vec2<f32>>;        // of a piece, or of a population
@group(0) @binding(10) var<storage, read_write> stored: array<vec2<f32>>;       // [channels, 2] mean, variance
@group(0) @binding(11) var<storage, read_write> y: array<vec4<f32>>;            // [batch, channels * positions]
@group(0) @binding(12) var<storage, read_write> d_x: array<vec4<f32>>;          // [batch, channels * positions]
@group(0) @binding(13) var<storage, read_write> d_parameter: array<f32>;        // [channels]

struct Piece {
    population: u32,    // the first of them
    first: u32,         // load at (0, 0); the one at (outer, inner) is outer * across * inner axis + inner further
    run: u32,
    lane: u32,
    place: u32,         // that its gain and shift belong to, at outer 0: a channel, or of several that share one
}

fn item(group: vec3<u32>, groups: vec3<u32>, lane: u32) -> u32 {
    return indexing_group(group, groups) * WORKGROUP + lane;
}

fn piece_of(index: u32) -> Piece {
    let line = indexing_divide(index, params.lanes);
    let sheet = indexing_divide(line, params.across);
    let block = indexing_divide(sheet, params.runs);
    let place = line - sheet * params.across;
    var piece: Piece;
    piece.population = indexing_divide((block * params.across + place) * params.spread, params.places);
    piece.first = (block * params.outer * params.across + place) * params.inner;
    piece.run = sheet - block * params.runs;
    piece.lane = index - line * params.lanes;
    piece.place = place * params.spread;
    if !outer_is_row() {
        piece.place = block % params.row_blocks * params.outer;
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

/// Extent of the outer axis without padding rows.
fn outer_end() -> u32 {
    return select(params.outer, clock.rows, outer_is_row());
}

/// Word of an aligned quad.
fn word_of(four: vec4<f32>, at: u32) -> f32 {
    let odd = (at & 1u) == 1u;
    return select(select(four.x, four.y, odd), select(four.z, four.w, odd), (at & 2u) == 2u);
}

/// The words of a load of x; one word, four times.
fn x_at(load: u32) -> vec4<f32> {
    if WIDTH == 4u {
        return x[load];
    }
    return vec4(x[load / 4u][load % 4u]);
}

fn d_y_at(load: u32) -> vec4<f32> {
    if WIDTH == 4u {
        return d_y[load];
    }
    return vec4(d_y[load / 4u][load % 4u]);
}

/// Sum over the words of a load.
fn fold(four: vec4<f32>) -> f32 {
    return select((four.x + four.y) + (four.z + four.w), four.x, WIDTH == 1u);
}

/// The pairs of the words of a load, whose first word belongs to this population: (first of each), (second of each).
fn pairs_of(here: vec4<f32>, next: vec4<f32>, population: u32) -> mat2x4<f32> {
    let own = select(here.xy, here.zw, (population & 1u) == 1u);
    let apart = params.apart == 1u;
    return mat2x4(
        select(vec4(own.x), vec4(here.xz, next.xz), apart),
        select(vec4(own.y), vec4(here.yw, next.yw), apart),
    );
}

/// Means and reciprocal deviations of the words of a load.
struct Moments {
    mean: vec4<f32>,
    inverse: vec4<f32>,
}

fn moments_of(population: u32) -> Moments {
    let half = population / 2u;
    let pairs = pairs_of(statistics[half], statistics[half + params.apart], population);
    return Moments(pairs[0], 1.0 / sqrt(pairs[1] + params.epsilon));
}

const WORDS: vec4<u32> = vec4(0u, 1u, 2u, 3u);

/// Those of the words of a piece; with several places to a channel, of neighbouring channels that share a load.
fn moments_of_piece(piece: Piece, home: u32) -> Moments {
    var own = moments_of(home);
    for (var word = 1u; word < params.lookups && params.places > 1u; word++) {
        let next = moments_of(channel_of(piece.place + word));
        own.mean = select(own.mean, next.mean, WORDS >= vec4(word));
        own.inverse = select(own.inverse, next.inverse, WORDS >= vec4(word));
    }
    return own;
}

/// Channel of a place across.
fn channel_of(place: u32) -> u32 {
    return indexing_divide(place, params.places);
}

/// Gain of the words of a load, whose first word is at this place across.
fn gain_of(place: u32) -> vec4<f32> {
    var gain = vec4(gamma[channel_of(place)]);
    for (var word = 1u; word < params.lookups; word++) {
        gain = select(gain, vec4(gamma[channel_of(place + word)]), WORDS >= vec4(word));
    }
    return gain;
}

/// Shift of the words of a load, whose first word is at this place across.
fn shift_of(place: u32) -> vec4<f32> {
    var shift = vec4(beta[channel_of(place)]);
    for (var word = 1u; word < params.lookups; word++) {
        shift = select(shift, vec4(beta[channel_of(place + word)]), WORDS >= vec4(word));
    }
    return shift;
}

fn rectified(value: vec4<f32>, before: vec4<f32>) -> vec4<f32> {
    return select(value, vec4(0.0), (before <= vec4(0.0)) & vec4(params.rectify == 1u));
}

/// Stores the pairs of the pieces that an invocation summed: four, or the one that they add up to.
fn store_result(index: u32, first: vec4<f32>, second: vec4<f32>, whole: vec2<f32>) {
    if params.spread == 1u {
        result[index] = whole;
    } else {
        for (var word = 0u; word < 4u; word++) {
            result[4u * index + word] = vec2(word_of(first, word), word_of(second, word));
        }
    }
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
    let begin = piece.first + piece.run * step + piece.lane;
    let start = x_at(begin);
    let pivot = select(vec4(start.x), start, params.spread == 4u);
    let loads = f32(turns(params.inner, piece.lane, params.lanes));
    var count = 0.0;
    var mean = vec4(0.0);
    var squares = vec4(0.0);
    for (var outer = piece.run; outer < end; outer += params.runs) {
        var sum = vec4(0.0);
        for (var inner = piece.lane; inner < params.inner; inner += params.lanes) {
            let at = piece.first + outer * step + inner;
            let above = x_at(at) - pivot - mean;
            sum += above;
            squares += above * above;
        }
        count += loads;
        let shift = sum * (1.0 / count);
        mean += shift;
        squares -= shift * sum;
    }
    let variance = squares / count;
    let centre = mean_of(mean);
    let above = mean - centre;
    store_result(index, pivot + mean, variance, vec2(pivot.x + centre, mean_of(variance + above * above)));
}

fn mean_of(four: vec4<f32>) -> f32 {
    return 0.25 * ((four.x + four.y) + (four.z + four.w));
}

/// How many of first, first + step, ... lie below the end.
fn turns(end: u32, first: u32, step: u32) -> u32 {
    return end / step + select(0u, 1u, first < end % step);
}

/// How many places along inner a lane's piece has.
fn places_of(lane: u32) -> u32 {
    let whole = params.inner / params.joint;
    let rest = select(0u, params.inner - whole * params.joint, lane == whole % params.lanes);
    return turns(whole, lane, params.lanes) * params.joint + rest;
}

fn populations() -> u32 {
    return params.blocks * params.across;
}

/// The first piece of a population: the one at (run, lane) is run * row_of_pieces() + lane further.
fn first_piece(population: u32) -> u32 {
    let block = population / params.across;
    return (block * params.runs * params.across + population - block * params.across) * params.lanes;
}

fn row_of_pieces() -> u32 {
    return params.across * params.lanes;
}

/// Mean and variance of every population from those of its pieces.
@compute @workgroup_size(WORKGROUP)
fn merge(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let index = item(group, groups, lane);
    if index >= populations() {
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
            let moments = pieces[first + run * row_of_pieces() + lane];
            let more = f32(members * places_of(lane));
            let above = moments.x - pivot - mean;
            let share = more / (count + more);
            mean += above * share;
            squares += moments.y * more + above * above * count * share;
            count += more;
        }
    }
    result[index] = vec2(pivot + mean, squares / count);
}

/// stored = (1 - momentum) stored + momentum (mean, unbiased variance), of batch normalization. A momentum of 0 stands
/// for the clock's weight of an average.
@compute @workgroup_size(WORKGROUP)
fn track(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let channel = item(group, groups, lane);
    if channel >= params.channels {
        return;
    }
    let count = clock.rows * params.positions;
    let unbiased = f32(count) / f32(max(count, 2u) - 1u);
    let two = statistics[channel / 2u];
    let news = select(two.xy, two.zw, (channel & 1u) == 1u) * vec2(1.0, unbiased);
    let momentum = select(params.momentum, clock.average, params.momentum == 0.0);
    stored[channel] = (1.0 - momentum) * stored[channel] + momentum * news;
}

/// Sums of g and of g n over every piece, g = d_y or gamma d_y.
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
    var own = moments_of_piece(piece, home);
    var gain = gain_of(piece.place);
    var shift = shift_of(piece.place);
    var first = vec4(0.0);
    var second = vec4(0.0);
    for (var outer = piece.run; outer < end; outer += params.runs) {
        if params.row_populations > 0u {
            own = moments_of(home + outer * params.row_populations);
        }
        if !outer_is_row() {
            gain = gain_of(piece.place + outer);
            shift = shift_of(piece.place + outer);
        }
        let scale = gain * own.inverse;
        let weight = select(vec4(1.0), gain, params.weighted == 1u);
        for (var inner = piece.lane; inner < params.inner; inner += params.lanes) {
            let at = piece.first + outer * step + inner;
            let above = x_at(at) - own.mean;
            let g = weight * rectified(d_y_at(at), scale * above + shift);
            first += g;
            second += g * above * own.inverse;
        }
    }
    store_result(index, first, second, vec2(fold(first), fold(second)));
}

/// The same over the pieces of channels where every position is a population of its own.
@compute @workgroup_size(WORKGROUP)
fn correlate_positions(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let index = item(group, groups, lane);
    if !is_piece(index) {
        return;
    }
    let piece = piece_of(index);
    let end = outer_end();
    let step = params.across * params.inner;
    let gain = gain_of(piece.place);
    let shift = shift_of(piece.place);
    var first = vec4(0.0);
    var second = vec4(0.0);
    for (var outer = piece.run; outer < end; outer += params.runs) {
        for (var inner = piece.lane; inner < params.inner; inner += params.lanes) {
            let own = moments_of(outer * params.row_populations + inner * WIDTH);
            let at = piece.first + outer * step + inner;
            let above = x_at(at) - own.mean;
            let g = rectified(d_y_at(at), gain * own.inverse * above + shift);
            first += g;
            second += g * above * own.inverse;
        }
    }
    result[index] = vec2(fold(first), fold(second));
}

/// Sum over the pieces of a population or channel.
fn sum_of_pieces(population: u32) -> vec2<f32> {
    let first = first_piece(population);
    var sum = vec2(0.0);
    for (var run = 0u; run < params.runs; run++) {
        for (var lane = 0u; lane < params.lanes; lane++) {
            sum += pieces[first + run * row_of_pieces() + lane];
        }
    }
    return sum;
}

@compute @workgroup_size(WORKGROUP)
fn add(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let index = item(group, groups, lane);
    if index < populations() {
        result[index] = sum_of_pieces(index);
    }
}

/// Gradient of beta or gamma from the pieces of channels. One at a time: they may lie in one buffer.
@compute @workgroup_size(WORKGROUP)
fn gradient(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let channel = item(group, groups, lane);
    if channel < params.channels {
        d_parameter[channel] = sum_of_pieces(channel)[params.component];
    }
}

/// A column of aligned quads, every runs-th along outer and all along across, and what belongs to the words of the first.
struct Column {
    quad: u32,
    run: u32,
    channel: u32,               // of its first word
    row: vec4<u32>,
    population: vec4<u32>,
    mean: vec4<f32>,
    inverse: vec4<f32>,
    gain: vec4<f32>,
    shift: vec4<f32>,
}

fn is_column(index: u32) -> bool {
    return index < params.blocks * params.runs * params.lanes;
}

fn column_of(index: u32) -> Column {
    let line = indexing_divide(index, params.lanes);
    let block = indexing_divide(line, params.runs);
    var column: Column;
    column.run = line - block * params.runs;
    column.quad = (block * params.across * params.outer + column.run) * params.lanes + index - line * params.lanes;
    for (var word = params.lookups; word > 0u; word--) {
        let at = 4u * column.quad + word - 1u;
        let line = indexing_divide(at, params.positions);
        let row = indexing_divide(line, params.channels);
        let channel = line - row * params.channels;
        let position = at - line * params.positions;
        let group = indexing_divide(channel, params.population_channels);
        let population = row * params.row_populations + group + position * params.position_populations;
        let own = moments_of(population);
        let words = looked_up(word);
        column.channel = channel;
        column.row = select(column.row, vec4(row), words);
        column.population = select(column.population, vec4(population), words);
        column.mean = select(column.mean, own.mean, words);
        column.inverse = select(column.inverse, own.inverse, words);
        column.gain = select(column.gain, vec4(gamma[channel]), words);
        column.shift = select(column.shift, vec4(beta[channel]), words);
    }
    return column;
}

/// The words of a quad that a look-up is for: all, or one.
fn looked_up(word: u32) -> vec4<bool> {
    return vec4(params.lookups == 1u) | (WORDS + 1u == vec4(word));
}

/// Moves gain and shift along across.
fn turn_to(column: ptr<function, Column>, across: u32) {
    if across > 0u {
        (*column).gain = vec4(gamma[(*column).channel + across]);
        (*column).shift = vec4(beta[(*column).channel + across]);
    }
}

/// Whether the words of a quad belong to rows that are there.
fn is_valid(column: Column, outer: u32) -> vec4<bool> {
    return column.row + (outer - column.run) * params.outer_rows < vec4(clock.rows);
}

@compute @workgroup_size(WORKGROUP)
fn forward(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let index = item(group, groups, lane);
    if !is_column(index) {
        return;
    }
    var column = column_of(index);
    for (var across = 0u; across < params.across; across++) {
        turn_to(&column, across);
        var quad = column.quad + across * params.outer * params.lanes;
        let scale = column.gain * column.inverse;
        for (var outer = column.run; outer < params.outer; outer += params.runs) {
            let value = scale * (x[quad] - column.mean) + column.shift;
            y[quad] = select(vec4(0.0), rectified(value, value), is_valid(column, outer));
            quad += params.runs * params.lanes;
        }
    }
}

@compute @workgroup_size(WORKGROUP)
fn backward(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let index = item(group, groups, lane);
    if !is_column(index) {
        return;
    }
    var column = column_of(index);
    var sums = mat2x4(vec4(0.0), vec4(0.0));
    for (var word = params.lookups; word > 0u; word--) {
        let words = looked_up(word);
        let population = column.population[word - 1u];
        let own = pairs_of(slopes[population / 2u], slopes[population / 2u + params.apart], population);
        sums = mat2x4(select(sums[0], own[0], words), select(sums[1], own[1], words));
    }
    // The sums of batch normalization are without gamma.
    let means = sums * (1.0 / f32(members()));
    let factor = select(column.gain, vec4(1.0), params.weighted == 1u);
    let mean_g = factor * means[0];
    let mean_gn = factor * means[1];
    for (var across = 0u; across < params.across; across++) {
        turn_to(&column, across);
        var quad = column.quad + across * params.outer * params.lanes;
        let scale = column.gain * column.inverse;
        for (var outer = column.run; outer < params.outer; outer += params.runs) {
            let above = x[quad] - column.mean;
            let g = column.gain * rectified(d_y[quad], scale * above + column.shift);
            let d = (g - mean_g - above * column.inverse * mean_gn) * column.inverse;
            d_x[quad] = select(vec4(0.0), d, is_valid(column, outer));
            quad += params.runs * params.lanes;
        }
    }
}

/// Members of a population.
fn members() -> u32 {
    if params.row_populations == 0u {
        return clock.rows * params.positions;
    }
    return params.population_channels * select(params.positions, 1u, params.position_populations == 1u);
}
