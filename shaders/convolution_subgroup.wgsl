// The convolutions of convolution.wgsl for adapters whose subgroups have eight lanes (Mesa's software renderer): the same
// equations, the same order of addition, the same bits. Stride and spread are 1; x and d_y have a multiple of four words.
// Layout: loads cost most there, broadcasts next to nothing. What a subgroup shares, each lane loads an eighth of.
//   forward, backward_input   a subgroup owns 16 channels x 16 columns of one row of 16 samples (8 of a batch that has no more), a
//                             lane two: it loads a row of 20 elements of each for up to 5 taps and all channels, and the
//                             weights of two channels, which its samples share.
//                             All lanes meet the same rows, so that rows outside cost nothing.
//   backward_weight           a subgroup owns 16 channels out x 16 rows of 5 taps, a lane two of them, or 8 where there are no
//                             more: for 16 positions it loads 20 elements of x for each of its rows, and 16 gradients of two
//                             channels, which it adds to the gradient of the bias: those sums follow the others at a
//                             multiple of 64 words.
//   forward_single            for one channel in: a subgroup owns 8 channels x 4 columns of all rows of 8 samples, a lane a sample:
//                             it loads all weights once, and a row of 8 elements for each row of outputs.
//   backward_weight_single    for one channel in, which has fewer than 8 rows of taps: a subgroup owns 8 channels out x all
//                             taps, a lane a run: for 4 positions it loads as many elements a row of x, and 4 gradients a channel.
// Rows are loaded as vectors wherever they start, and shifted into place. Tiles are cut to a shape by constants: what is
// computed of a tile and not stored is no work, as the driver drops it.
// Reference: src/reference/convolution.rs

import package::shared::convolution::{Params};
import package::shared::indexing::{indexing_group};

const WORKGROUP: u32 = 64u;
const LANES: u32 = 8u;
// Tile: at most 16 channels, 16 columns and 5 taps, which divide the kernel's width; in backward_weight columns divide the
// width of the output.
override CHANNELS: u32 = 8u;
/// Samples of a lane: 1 or 2.
override SAMPLES: u32 = 1u;
override COLUMNS: u32 = 16u;
override TAPS: u32 = 5u;
/// Places of a window, of its 20, that may lie inside a row: others are zeros for sure, and no work.
override FIRST: u32 = 0u;
override LAST: u32 = 20u;
/// Words, of 1, 2 and 4, that divide every place where a row is loaded.
override ALIGNED: u32 = 1u;
/// Whether windows reach past the ends of an image.
override PADDED: u32 = 1u;
/// Whether columns go in pairs: the width of y and COLUMNS are even.
override PAIRS: u32 = 0u;
/// Rows of taps and columns of padding, of what takes a single channel in.
override HEIGHT: u32 = 5u;
override LIFT: u32 = 0u;
/// Rows of taps of a lane in backward_weight: 1 or 2.
override ROWS: u32 = 1u;
/// Whether backward_weight sums the gradient of the bias too.
override BIAS: u32 = 0u;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;                     // [batch, channels_in, height_in, width_in]
@group(0) @binding(2) var<storage, read> weight: array<f32>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;                  // [channels_out]
@group(0) @binding(4) var<storage, read_write> y: array<vec2<f32>>;         // [batch, channels_out, height_out, width_out]
@group(0) @binding(5) var<storage, read> d_y: array<vec4<f32>>;                   // like y
@group(0) @binding(6) var<storage, read_write> partials: array<f32>;        // [runs, channels_out, channels_in, height, width], [runs, channels_out]
@group(0) @binding(7) var<storage, read_write> quads: array<vec4<f32>>;         // y by fours, where its rows are of such

/// [channel][column]
alias Sums = array<mat4x4<f32>, 8>;

/// Those of the first eight channels of a tile, and of the others; then those of a lane's second sample.
struct Tiles {
    low: Sums,
    high: Sums,
    next_low: Sums,
    next_high: Sums,
}

/// A lane's sample, and the first of its outputs.
struct Tile {
    sample: u32,
    channel: u32,
    row: u32,
    column: u32,
}

fn tile(index: u32, lane: u32) -> Tile {
    let blocks = (params.channels_out + CHANNELS - 1u) / CHANNELS;
    let across = (params.width_out + COLUMNS - 1u) / COLUMNS;
    let line = index / LANES / blocks / across;
    let sample = line / params.height_out * LANES * SAMPLES + lane;
    let column = index / LANES / blocks % across * COLUMNS;
    return Tile(sample, index / LANES % blocks * CHANNELS, line % params.height_out, column);
}

/// That of a lane's second sample.
fn next_tile(tile: Tile) -> Tile {
    return Tile(tile.sample + LANES, tile.channel, tile.row, tile.column);
}

/// First word of a tile's sample in x; past the end of the batch it is the last sample.
fn image_of(tile: Tile) -> u32 {
    return min(tile.sample, params.batch - 1u) * params.channels_in * params.height_in * params.width_in;
}

/// Twenty neighbours.
struct Row {
    window: mat4x4<f32>,
    next: vec4<f32>,
}

/// Twenty neighbours out of six vectors, from the first to fourth word on, as `place` is 0 to 3 past a multiple of 4.
fn shifted(place: i32, a: vec4<f32>, b: vec4<f32>, c: vec4<f32>, d: vec4<f32>, e: vec4<f32>, f: vec4<f32>) -> Row {
    let two = ALIGNED < 4u && (place & 2) != 0;
    let a2 = select(a, vec4(a.zw, b.xy), two);
    let b2 = select(b, vec4(b.zw, c.xy), two);
    let c2 = select(c, vec4(c.zw, d.xy), two);
    let d2 = select(d, vec4(d.zw, e.xy), two);
    let e2 = select(e, vec4(e.zw, f.xy), two);
    let f2 = select(f.x, f.z, two);
    let one = ALIGNED < 2u && (place & 1) != 0;
    return Row(
        mat4x4(
            select(a2, vec4(a2.yzw, b2.x), one),
            select(b2, vec4(b2.yzw, c2.x), one),
            select(c2, vec4(c2.yzw, d2.x), one),
            select(d2, vec4(d2.yzw, e2.x), one),
        ),
        select(e2, vec4(e2.yzw, f2), one),
    );
}

/// Four elements of a window from a place on, zeros where they lie outside.
fn inside(values: vec4<f32>, place: u32, column: u32, width: u32) -> vec4<f32> {
    if PADDED == 0u {
        return values;
    }
    let places = place + vec4(0u, 1u, 2u, 3u);
    let possible = (places >= vec4(FIRST)) & (places < vec4(LAST));
    return select(vec4(0.0), values, possible & (places + column < vec4(width)));
}

/// A row of x, which starts at word `row`, from a column on, and zeros past its ends. What is loaded from before the
/// first row lies outside of it and is not used.
fn load_x(row: u32, column: u32, width: u32) -> Row {
    let place = i32(row + column);
    let at = place >> 2u;
    let words = shifted(place, x[at], x[at + 1], x[at + 2], x[at + 3], x[at + 4], x[at + 5]);
    return Row(
        mat4x4(
            inside(words.window[0], 0u, column, width),
            inside(words.window[1], 4u, column, width),
            inside(words.window[2], 8u, column, width),
            inside(words.window[3], 12u, column, width),
        ),
        inside(words.next, 16u, column, width),
    );
}

/// Sixteen gradients.
fn load_d_y(place: i32) -> mat4x4<f32> {
    let at = place >> 2u;
    return shifted(place, d_y[at], d_y[at + 1], d_y[at + 2], d_y[at + 3], d_y[at + 4], vec4(0.0)).window;
}

/// The taps of a row of a kernel.
struct Taps {
    low: vec4<f32>,
    high: f32,
}

fn load_taps(at: u32) -> Taps {
    let step = params.weight_step;
    return Taps(vec4(weight[at], weight[at + step], weight[at + 2u * step], weight[at + 3u * step]), weight[at + 4u * step]);
}

/// What four columns and the four behind them add to four sums, tap after tap.
fn add_columns(sums: vec4<f32>, taps: Taps, here: vec4<f32>, next: vec4<f32>) -> vec4<f32> {
    var four = sums + taps.low.x * here;
    if TAPS > 1u {
        four += taps.low.y * vec4(here.yzw, next.x);
    }
    if TAPS > 2u {
        four += taps.low.z * vec4(here.zw, next.xy);
    }
    if TAPS > 3u {
        four += taps.low.w * vec4(here.w, next.xyz);
    }
    if TAPS > 4u {
        four += taps.high * next;
    }
    return four;
}

/// Zeros for columns past the end of a tile: the driver does not see by itself that sums in a loop are not used.
fn of_tile(first: u32, sums: vec4<f32>) -> vec4<f32> {
    return select(vec4(0.0), sums, first + vec4(0u, 1u, 2u, 3u) < vec4(COLUMNS));
}

fn add_row(sums: mat4x4<f32>, low: vec4<f32>, high: f32, row: Row) -> mat4x4<f32> {
    let taps = Taps(low, high);
    return mat4x4(
        of_tile(0u, add_columns(sums[0], taps, row.window[0], row.window[1])),
        of_tile(4u, add_columns(sums[1], taps, row.window[1], row.window[2])),
        of_tile(8u, add_columns(sums[2], taps, row.window[2], row.window[3])),
        of_tile(12u, add_columns(sums[3], taps, row.window[3], row.next)),
    );
}

/// Adds a row of taps: each lane's own channel of the weights, and its columns. All taps of a channel before the next one:
/// a sum is then fetched and put back once, as there are more of them than registers.
fn accumulate(sums: ptr<function, Sums>, own: Taps, row: Row) {
    (*sums)[0] = add_row((*sums)[0], subgroupBroadcast(own.low, 0u), subgroupBroadcast(own.high, 0u), row);
    (*sums)[1] = add_row((*sums)[1], subgroupBroadcast(own.low, 1u), subgroupBroadcast(own.high, 1u), row);
    (*sums)[2] = add_row((*sums)[2], subgroupBroadcast(own.low, 2u), subgroupBroadcast(own.high, 2u), row);
    (*sums)[3] = add_row((*sums)[3], subgroupBroadcast(own.low, 3u), subgroupBroadcast(own.high, 3u), row);
    (*sums)[4] = add_row((*sums)[4], subgroupBroadcast(own.low, 4u), subgroupBroadcast(own.high, 4u), row);
    (*sums)[5] = add_row((*sums)[5], subgroupBroadcast(own.low, 5u), subgroupBroadcast(own.high, 5u), row);
    (*sums)[6] = add_row((*sums)[6], subgroupBroadcast(own.low, 6u), subgroupBroadcast(own.high, 6u), row);
    (*sums)[7] = add_row((*sums)[7], subgroupBroadcast(own.low, 7u), subgroupBroadcast(own.high, 7u), row);
}

fn own_channel(tile: Tile, lane: u32) -> u32 {
    return min(tile.channel + lane, params.channels_out - 1u);
}

fn correlate(tile: Tile, lane: u32) -> Tiles {
    let plane = params.height_in * params.width_in;
    let own = vec2(own_channel(tile, lane), own_channel(tile, lane + 8u)) * params.weight_out + params.weight_first;
    let images = vec2(image_of(tile), image_of(next_tile(tile)));
    // Rows outside are skipped.
    let place = tile.row + params.lead_y;
    let first_k = max(params.lift_y, place) - place;
    let end_k = min(max(params.lift_y + params.height_in, place) - place, params.kernel_height);
    let first_column = tile.column + params.lead_x - params.lift_x;
    // One loop over channels, rows and windows of taps, as every loop saves all sums at every turn.
    let turns = params.channels_in * (max(end_k, first_k) - first_k) * (params.kernel_width / TAPS);
    var channel = 0u;
    var k = first_k;
    var l = 0u;
    var low_sums = Sums();
    var high_sums = Sums();
    var next_low_sums = Sums();
    var next_high_sums = Sums();
    for (var turn = 0u; turn < turns; turn++) {
        let at = images + channel * plane + (place + k - params.lift_y) * params.width_in;
        let w = own + channel * params.weight_in + (k * params.kernel_width + l) * params.weight_step;
        let elements = load_x(at.x, first_column + l, params.width_in);
        var next = Row();
        if SAMPLES > 1u {
            next = load_x(at.y, first_column + l, params.width_in);
        }
        let taps = load_taps(w.x);
        accumulate(&low_sums, taps, elements);
        if SAMPLES > 1u {
            accumulate(&next_low_sums, taps, next);
        }
        if CHANNELS > 8u {
            let taps = load_taps(w.y);
            accumulate(&high_sums, taps, elements);
            if SAMPLES > 1u {
                accumulate(&next_high_sums, taps, next);
            }
        }
        l += TAPS;
        k += select(0u, 1u, l == params.kernel_width);
        l = select(l, 0u, l == params.kernel_width);
        channel += select(0u, 1u, k == end_k);
        k = select(k, first_k, k == end_k);
    }
    return Tiles(low_sums, high_sums, next_low_sums, next_high_sums);
}

fn store_channel(tile: Tile, index: u32, values: mat4x4<f32>) {
    let channel = tile.channel + index;
    if index >= CHANNELS || tile.sample >= params.batch || channel >= params.channels_out {
        return;
    }
    let at = ((tile.sample * params.channels_out + channel) * params.height_out + tile.row) * params.width_out + tile.column;
    let room = params.width_out - tile.column;
    store_four(at, 0u, room, values[0]);
    store_four(at, 4u, room, values[1]);
    store_four(at, 8u, room, values[2]);
    store_four(at, 12u, room, values[3]);
}

fn store_four(at: u32, first: u32, room: u32, values: vec4<f32>) {
    store_two(at, first, room, values.xy);
    store_two(at, first + 2u, room, values.zw);
}

fn store_two(at: u32, first: u32, room: u32, values: vec2<f32>) {
    if PAIRS == 0u {
        store_one(at, first, room, values.x);
        store_one(at, first + 1u, room, values.y);
    } else if first < COLUMNS && first < room {
        y[(at + first) / 2u] = values;
    }
}

fn store_one(at: u32, column: u32, room: u32, value: f32) {
    if column < COLUMNS && column < room {
        y[(at + column) / 2u][(at + column) % 2u] = value;
    }
}

fn add(sums: mat4x4<f32>, offset: f32) -> mat4x4<f32> {
    return mat4x4(sums[0] + offset, sums[1] + offset, sums[2] + offset, sums[3] + offset);
}

fn store(tile: Tile, first: u32, sums: Sums, offset: f32) {
    store_channel(tile, first, add(sums[0], subgroupBroadcast(offset, 0u)));
    store_channel(tile, first + 1u, add(sums[1], subgroupBroadcast(offset, 1u)));
    store_channel(tile, first + 2u, add(sums[2], subgroupBroadcast(offset, 2u)));
    store_channel(tile, first + 3u, add(sums[3], subgroupBroadcast(offset, 3u)));
    store_channel(tile, first + 4u, add(sums[4], subgroupBroadcast(offset, 4u)));
    store_channel(tile, first + 5u, add(sums[5], subgroupBroadcast(offset, 5u)));
    store_channel(tile, first + 6u, add(sums[6], subgroupBroadcast(offset, 6u)));
    store_channel(tile, first + 7u, add(sums[7], subgroupBroadcast(offset, 7u)));
}

fn store_tiles(tile: Tile, sums: Tiles, low_offset: f32, high_offset: f32) {
    store(tile, 0u, sums.low, low_offset);
    if CHANNELS > 8u {
        store(tile, 8u, sums.high, high_offset);
    }
    if SAMPLES > 1u {
        store(next_tile(tile), 0u, sums.next_low, low_offset);
        if CHANNELS > 8u {
            store(next_tile(tile), 8u, sums.next_high, high_offset);
        }
    }
}

@compute @workgroup_size(WORKGROUP)
fn forward(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) index: u32, @builtin(subgroup_invocation_id) lane: u32) {
    let tile = tile(indexing_group(group, groups) * WORKGROUP + index, lane);
    store_tiles(tile, correlate(tile, lane), 0.0, 0.0);
}

@compute @workgroup_size(WORKGROUP)
fn forward_bias(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) index: u32, @builtin(subgroup_invocation_id) lane: u32) {
    let tile = tile(indexing_group(group, groups) * WORKGROUP + index, lane);
    store_tiles(tile, correlate(tile, lane), bias[own_channel(tile, lane)], bias[own_channel(tile, lane + 8u)]);
}

@compute @workgroup_size(WORKGROUP)
fn backward_input(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) index: u32, @builtin(subgroup_invocation_id) lane: u32) {
    let tile = tile(indexing_group(group, groups) * WORKGROUP + index, lane);
    store_tiles(tile, correlate(tile, lane), 0.0, 0.0);
}

/// [tap]
alias Filter = array<f32, 5>;
/// [channel]
alias Block = array<Filter, 8>;

/// Adds a position: a gradient, and the five elements that the taps meet.
fn add_position(sums: Filter, d: f32, low: vec4<f32>, high: f32) -> Filter {
    let four = vec4(sums[0], sums[1], sums[2], sums[3]) + d * low;
    return Filter(four.x, four.y, four.z, four.w, sums[4] + d * high);
}

fn add_four(sums: Filter, first: u32, d: vec4<f32>, low: vec4<f32>, high: vec4<f32>) -> Filter {
    var all = sums;
    if first < COLUMNS {
        all = add_position(all, d.x, low, high.x);
    }
    if first + 1u < COLUMNS {
        all = add_position(all, d.y, vec4(low.yzw, high.x), high.y);
    }
    if first + 2u < COLUMNS {
        all = add_position(all, d.z, vec4(low.zw, high.xy), high.z);
    }
    if first + 3u < COLUMNS {
        all = add_position(all, d.w, vec4(low.w, high.xyz), high.w);
    }
    return all;
}

/// Adds sixteen positions of a channel. One channel after the other, so that its sums stay in registers.
fn add_positions(sums: Filter, d: mat4x4<f32>, x: Row) -> Filter {
    var all = add_four(sums, 0u, d[0], x.window[0], x.window[1]);
    all = add_four(all, 4u, d[1], x.window[1], x.window[2]);
    all = add_four(all, 8u, d[2], x.window[2], x.window[3]);
    return add_four(all, 12u, d[3], x.window[3], x.next);
}

/// Adds sixteen positions of eight channels to one row of taps or two, a lane's own the gradients that it holds.
fn add_block(sums: ptr<function, Block>, next_sums: ptr<function, Block>, d: mat4x4<f32>, elements: Row, next: Row) {
    let d0 = mat4x4(subgroupBroadcast(d[0], 0u), subgroupBroadcast(d[1], 0u), subgroupBroadcast(d[2], 0u), subgroupBroadcast(d[3], 0u));
    (*sums)[0] = add_positions((*sums)[0], d0, elements);
    if ROWS > 1u {
        (*next_sums)[0] = add_positions((*next_sums)[0], d0, next);
    }
    let d1 = mat4x4(subgroupBroadcast(d[0], 1u), subgroupBroadcast(d[1], 1u), subgroupBroadcast(d[2], 1u), subgroupBroadcast(d[3], 1u));
    (*sums)[1] = add_positions((*sums)[1], d1, elements);
    if ROWS > 1u {
        (*next_sums)[1] = add_positions((*next_sums)[1], d1, next);
    }
    let d2 = mat4x4(subgroupBroadcast(d[0], 2u), subgroupBroadcast(d[1], 2u), subgroupBroadcast(d[2], 2u), subgroupBroadcast(d[3], 2u));
    (*sums)[2] = add_positions((*sums)[2], d2, elements);
    if ROWS > 1u {
        (*next_sums)[2] = add_positions((*next_sums)[2], d2, next);
    }
    let d3 = mat4x4(subgroupBroadcast(d[0], 3u), subgroupBroadcast(d[1], 3u), subgroupBroadcast(d[2], 3u), subgroupBroadcast(d[3], 3u));
    (*sums)[3] = add_positions((*sums)[3], d3, elements);
    if ROWS > 1u {
        (*next_sums)[3] = add_positions((*next_sums)[3], d3, next);
    }
    let d4 = mat4x4(subgroupBroadcast(d[0], 4u), subgroupBroadcast(d[1], 4u), subgroupBroadcast(d[2], 4u), subgroupBroadcast(d[3], 4u));
    (*sums)[4] = add_positions((*sums)[4], d4, elements);
    if ROWS > 1u {
        (*next_sums)[4] = add_positions((*next_sums)[4], d4, next);
    }
    let d5 = mat4x4(subgroupBroadcast(d[0], 5u), subgroupBroadcast(d[1], 5u), subgroupBroadcast(d[2], 5u), subgroupBroadcast(d[3], 5u));
    (*sums)[5] = add_positions((*sums)[5], d5, elements);
    if ROWS > 1u {
        (*next_sums)[5] = add_positions((*next_sums)[5], d5, next);
    }
    let d6 = mat4x4(subgroupBroadcast(d[0], 6u), subgroupBroadcast(d[1], 6u), subgroupBroadcast(d[2], 6u), subgroupBroadcast(d[3], 6u));
    (*sums)[6] = add_positions((*sums)[6], d6, elements);
    if ROWS > 1u {
        (*next_sums)[6] = add_positions((*next_sums)[6], d6, next);
    }
    let d7 = mat4x4(subgroupBroadcast(d[0], 7u), subgroupBroadcast(d[1], 7u), subgroupBroadcast(d[2], 7u), subgroupBroadcast(d[3], 7u));
    (*sums)[7] = add_positions((*sums)[7], d7, elements);
    if ROWS > 1u {
        (*next_sums)[7] = add_positions((*next_sums)[7], d7, next);
    }
}

/// Adds four gradients of a lane's own channel.
fn add_own(sum: f32, first: u32, d: vec4<f32>) -> f32 {
    var all = sum;
    if first < COLUMNS {
        all += d.x;
    }
    if first + 1u < COLUMNS {
        all += d.y;
    }
    if first + 2u < COLUMNS {
        all += d.z;
    }
    if first + 3u < COLUMNS {
        all += d.w;
    }
    return all;
}

fn add_all(sum: f32, d: mat4x4<f32>) -> f32 {
    return add_own(add_own(add_own(add_own(sum, 0u, d[0]), 4u, d[1]), 8u, d[2]), 12u, d[3]);
}

fn store_filter(first: u32, channel: u32, room: u32, step: u32, sums: Filter) {
    let at = first + channel * step;
    if channel < CHANNELS && channel < room {
        partials[at] = sums[0];
        if TAPS > 1u {
            partials[at + 1u] = sums[1];
        }
        if TAPS > 2u {
            partials[at + 2u] = sums[2];
        }
        if TAPS > 3u {
            partials[at + 3u] = sums[3];
        }
        if TAPS > 4u {
            partials[at + 4u] = sums[4];
        }
    }
}

fn store_block(first: u32, channel: u32, room: u32, step: u32, sums: Block) {
    store_filter(first, channel, room, step, sums[0]);
    store_filter(first, channel + 1u, room, step, sums[1]);
    store_filter(first, channel + 2u, room, step, sums[2]);
    store_filter(first, channel + 3u, room, step, sums[3]);
    store_filter(first, channel + 4u, room, step, sums[4]);
    store_filter(first, channel + 5u, room, step, sums[5]);
    store_filter(first, channel + 6u, room, step, sums[6]);
    store_filter(first, channel + 7u, room, step, sums[7]);
}

/// A row of taps: of a kernel's rows and a channel of x, from a tap on.
struct FilterRow {
    tap: u32,
    row: u32,
    channel: u32,
}

fn filter_row_of(index: u32, windows: u32) -> FilterRow {
    let line = index / windows;
    return FilterRow(index % windows * TAPS, line % params.kernel_height, line / params.kernel_height);
}

/// What a row of taps meets from an output on.
fn load_row(own: FilterRow, sample: u32, i: u32, j: u32) -> Row {
    let row = i + own.row - params.lift_y;
    let width = select(0u, params.width_in, row < params.height_in);
    let at = ((sample * params.channels_in + own.channel) * params.height_in + row) * params.width_in;
    return load_x(at, j + own.tap - params.lift_x, width);
}

@compute @workgroup_size(WORKGROUP)
fn backward_weight(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) index: u32, @builtin(subgroup_invocation_id) lane: u32) {
    // The subgroup's run and channels, and the lane's row of taps.
    let windows = params.kernel_width / TAPS;
    let filter_rows = params.channels_in * params.kernel_height * windows;
    let across = (filter_rows + LANES * ROWS - 1u) / (LANES * ROWS);
    let blocks = (params.channels_out + CHANNELS - 1u) / CHANNELS;
    let tile = (indexing_group(group, groups) * WORKGROUP + index) / LANES;
    let filter_row = (tile % across * LANES + lane) * ROWS;
    let channel_out = tile / across % blocks * CHANNELS;
    let run = tile / across / blocks;
    if run >= params.n_runs {
        return;
    }
    // Lanes past the end load what the last one loads, for broadcasts, and store nothing.
    let first = filter_row_of(min(filter_row, filter_rows - 1u), windows);
    let second = filter_row_of(min(filter_row + 1u, filter_rows - 1u), windows);

    let plane = params.height_out * params.width_out;
    let low = min(channel_out + lane, params.channels_out - 1u) * plane;
    let high = min(channel_out + 8u + lane, params.channels_out - 1u) * plane;
    let end = min((run + 1u) * params.run, params.batch * params.height_out);
    var low_sums = Block();
    var high_sums = Block();
    var next_low_sums = Block();
    var next_high_sums = Block();
    var low_sum = 0.0;
    var high_sum = 0.0;
    var sample = run * params.run / params.height_out;
    var i = run * params.run % params.height_out;
    for (var line = run * params.run; line < end; line++) {
        let at_d_y = sample * params.channels_out * plane + i * params.width_out;
        for (var j = 0u; j < params.width_out; j += COLUMNS) {
            let elements = load_row(first, sample, i, j);
            var next = Row();
            if ROWS > 1u {
                next = load_row(second, sample, i, j);
            }
            let d = load_d_y(i32(low + at_d_y + j));
            low_sum = add_all(low_sum, d);
            add_block(&low_sums, &next_low_sums, d, elements, next);
            if CHANNELS > 8u {
                let d = load_d_y(i32(high + at_d_y + j));
                high_sum = add_all(high_sum, d);
                add_block(&high_sums, &next_high_sums, d, elements, next);
            }
        }
        i += 1u;
        sample += select(0u, 1u, i == params.height_out);
        i = select(i, 0u, i == params.height_out);
    }
    let room = min(CHANNELS, params.channels_out - channel_out);
    if BIAS == 1u && tile % across == 0u {
        let weights = params.n_runs * params.channels_out * params.channels_in * params.kernel_height * params.kernel_width;
        let at = (weights + 63u) / 64u * 64u + run * params.channels_out + channel_out + lane;
        if lane < room {
            partials[at] = low_sum;
        }
        if CHANNELS > 8u && lane + 8u < room {
            partials[at + 8u] = high_sum;
        }
    }
    if filter_row < filter_rows {
        let step = params.channels_in * params.kernel_height * params.kernel_width;
        let at = (run * params.channels_out + channel_out) * step + filter_row * TAPS;
        store_block(at, 0u, room, step, low_sums);
        store_block(at, 8u, room, step, high_sums);
        if ROWS > 1u && filter_row + 1u < filter_rows {
            store_block(at + TAPS, 0u, room, step, next_low_sums);
            store_block(at + TAPS, 8u, room, step, next_high_sums);
        }
    }
}

/// [row of taps]
alias Filters = array<Filter, 5>;
/// A vector of every row that the rows of taps meet.
alias Quads = array<vec4<f32>, 5>;

/// A vector of a row of x, zeros where it lies outside.
fn quad_of(image: u32, row: u32, column: u32) -> vec4<f32> {
    let is_inside = row < params.height_in && column < params.width_in;
    return select(vec4(0.0), x[(image + row * params.width_in + column) / 4u], is_inside);
}

/// The vectors at a column of the rows from one on.
fn quads_of(image: u32, row: u32, column: u32) -> Quads {
    var quads = Quads();
    quads[0] = quad_of(image, row, column);
    if HEIGHT > 1u {
        quads[1] = quad_of(image, row + 1u, column);
    }
    if HEIGHT > 2u {
        quads[2] = quad_of(image, row + 2u, column);
    }
    if HEIGHT > 3u {
        quads[3] = quad_of(image, row + 3u, column);
    }
    if HEIGHT > 4u {
        quads[4] = quad_of(image, row + 4u, column);
    }
    return quads;
}

/// Four words out of two vectors, from a place of the first on.
fn window_of(place: u32, a: vec4<f32>, b: vec4<f32>) -> vec4<f32> {
    let two = select(a, vec4(a.zw, b.xy), (place & 2u) != 0u);
    let next = select(b.xy, b.zw, (place & 2u) != 0u);
    let one = select(two, vec4(two.yzw, next.x), (place & 1u) != 0u);
    return select(one, b, place == 4u);
}

/// Adds four positions of a channel to a row of taps.
fn add_quad(sums: Filter, d: vec4<f32>, before: vec4<f32>, here: vec4<f32>, next: vec4<f32>) -> Filter {
    let low = window_of(4u - LIFT, before, here);
    let high = window_of(4u - LIFT, here, next);
    return add_four(sums, 0u, d, low, high);
}

/// Adds four positions of a channel to all its taps.
fn add_channel(sums: Filters, d: vec4<f32>, before: Quads, here: Quads, next: Quads) -> Filters {
    var all = sums;
    all[0] = add_quad(all[0], d, before[0], here[0], next[0]);
    if HEIGHT > 1u {
        all[1] = add_quad(all[1], d, before[1], here[1], next[1]);
    }
    if HEIGHT > 2u {
        all[2] = add_quad(all[2], d, before[2], here[2], next[2]);
    }
    if HEIGHT > 3u {
        all[3] = add_quad(all[3], d, before[3], here[3], next[3]);
    }
    if HEIGHT > 4u {
        all[4] = add_quad(all[4], d, before[4], here[4], next[4]);
    }
    return all;
}

fn store_filters(first: u32, channel: u32, room: u32, sums: Filters) {
    let step = HEIGHT * TAPS;
    store_filter(first, channel, room, step, sums[0]);
    if HEIGHT > 1u {
        store_filter(first + TAPS, channel, room, step, sums[1]);
    }
    if HEIGHT > 2u {
        store_filter(first + 2u * TAPS, channel, room, step, sums[2]);
    }
    if HEIGHT > 3u {
        store_filter(first + 3u * TAPS, channel, room, step, sums[3]);
    }
    if HEIGHT > 4u {
        store_filter(first + 4u * TAPS, channel, room, step, sums[4]);
    }
}

/// Eight neighbours of a row.
struct Window {
    low: vec4<f32>,
    high: vec4<f32>,
}

/// What four columns from one on meet in a row.
fn window_at(image: u32, row: u32, column: u32) -> Window {
    let before = quad_of(image, row, column - 4u);
    let here = quad_of(image, row, column);
    let next = quad_of(image, row, column + 4u);
    return Window(window_of(4u - LIFT, before, here), window_of(4u - LIFT, here, next));
}

/// Adds a row of taps: each lane's own channel of the weights, and its columns.
fn add_taps(sums: ptr<function, array<vec4<f32>, 8>>, own: Taps, row: Window) {
    (*sums)[0] = add_columns((*sums)[0], Taps(subgroupBroadcast(own.low, 0u), subgroupBroadcast(own.high, 0u)), row.low, row.high);
    (*sums)[1] = add_columns((*sums)[1], Taps(subgroupBroadcast(own.low, 1u), subgroupBroadcast(own.high, 1u)), row.low, row.high);
    (*sums)[2] = add_columns((*sums)[2], Taps(subgroupBroadcast(own.low, 2u), subgroupBroadcast(own.high, 2u)), row.low, row.high);
    (*sums)[3] = add_columns((*sums)[3], Taps(subgroupBroadcast(own.low, 3u), subgroupBroadcast(own.high, 3u)), row.low, row.high);
    (*sums)[4] = add_columns((*sums)[4], Taps(subgroupBroadcast(own.low, 4u), subgroupBroadcast(own.high, 4u)), row.low, row.high);
    (*sums)[5] = add_columns((*sums)[5], Taps(subgroupBroadcast(own.low, 5u), subgroupBroadcast(own.high, 5u)), row.low, row.high);
    (*sums)[6] = add_columns((*sums)[6], Taps(subgroupBroadcast(own.low, 6u), subgroupBroadcast(own.high, 6u)), row.low, row.high);
    (*sums)[7] = add_columns((*sums)[7], Taps(subgroupBroadcast(own.low, 7u), subgroupBroadcast(own.high, 7u)), row.low, row.high);
}

fn store_quad(at: u32, channel: u32, room: u32, values: vec4<f32>) {
    if channel < CHANNELS && channel < room {
        quads[(at + channel * params.height_out * params.width_out) / 4u] = values;
    }
}

/// A lane's sample, and the subgroup's channels and columns.
fn single_tile(index: u32, lane: u32) -> Tile {
    let blocks = (params.channels_out + CHANNELS - 1u) / CHANNELS;
    let quads = params.width_out / 4u;
    let tile = index / LANES;
    return Tile(tile / blocks / quads * LANES + lane, tile % blocks * CHANNELS, 0u, tile / blocks % quads * 4u);
}

/// A subgroup's channels and four columns of all rows, of a lane's sample. Rows of taps and what they meet are the last
/// HEIGHT of five.
fn correlate_single(tile: Tile, lane: u32, offset: f32) {
    let image = min(tile.sample, params.batch - 1u) * params.height_in * params.width_in;
    let filter_rows = own_channel(tile, lane) * params.weight_out + params.kernel_width * (params.kernel_height - 5u);
    let taps = array<Taps, 5>(
        load_taps(filter_rows),
        load_taps(filter_rows + params.kernel_width),
        load_taps(filter_rows + 2u * params.kernel_width),
        load_taps(filter_rows + 3u * params.kernel_width),
        load_taps(filter_rows + 4u * params.kernel_width),
    );
    let room = select(0u, params.channels_out - tile.channel, tile.sample < params.batch);
    let first_row = params.kernel_height - 5u - params.lift_y;
    var rows = array<Window, 5>(
        window_at(image, first_row, tile.column),
        window_at(image, first_row + 1u, tile.column),
        window_at(image, first_row + 2u, tile.column),
        window_at(image, first_row + 3u, tile.column),
        Window(),
    );
    for (var i = 0u; i < params.height_out; i++) {
        rows[4] = window_at(image, first_row + 4u + i, tile.column);
        var sums = array<vec4<f32>, 8>();
        if HEIGHT > 4u {
            add_taps(&sums, taps[0], rows[0]);
        }
        if HEIGHT > 3u {
            add_taps(&sums, taps[1], rows[1]);
        }
        if HEIGHT > 2u {
            add_taps(&sums, taps[2], rows[2]);
        }
        if HEIGHT > 1u {
            add_taps(&sums, taps[3], rows[3]);
        }
        add_taps(&sums, taps[4], rows[4]);
        let at = ((tile.sample * params.channels_out + tile.channel) * params.height_out + i) * params.width_out + tile.column;
        store_quad(at, 0u, room, sums[0] + subgroupBroadcast(offset, 0u));
        store_quad(at, 1u, room, sums[1] + subgroupBroadcast(offset, 1u));
        store_quad(at, 2u, room, sums[2] + subgroupBroadcast(offset, 2u));
        store_quad(at, 3u, room, sums[3] + subgroupBroadcast(offset, 3u));
        store_quad(at, 4u, room, sums[4] + subgroupBroadcast(offset, 4u));
        store_quad(at, 5u, room, sums[5] + subgroupBroadcast(offset, 5u));
        store_quad(at, 6u, room, sums[6] + subgroupBroadcast(offset, 6u));
        store_quad(at, 7u, room, sums[7] + subgroupBroadcast(offset, 7u));
        rows = array(rows[1], rows[2], rows[3], rows[4], rows[4]);
    }
}

@compute @workgroup_size(WORKGROUP)
fn forward_single(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) index: u32, @builtin(subgroup_invocation_id) lane: u32) {
    correlate_single(single_tile(indexing_group(group, groups) * WORKGROUP + index, lane), lane, 0.0);
}

@compute @workgroup_size(WORKGROUP)
fn forward_bias_single(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) index: u32, @builtin(subgroup_invocation_id) lane: u32) {
    let tile = single_tile(indexing_group(group, groups) * WORKGROUP + index, lane);
    correlate_single(tile, lane, bias[own_channel(tile, lane)]);
}

@compute @workgroup_size(WORKGROUP)
fn backward_weight_single(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) index: u32, @builtin(subgroup_invocation_id) lane: u32) {
    // The subgroup's channels, and the lane's run.
    let blocks = (params.channels_out + CHANNELS - 1u) / CHANNELS;
    let tile = (indexing_group(group, groups) * WORKGROUP + index) / LANES;
    let channel = tile % blocks * CHANNELS;
    let run = tile / blocks * LANES + lane;
    if run >= params.n_runs {
        return;
    }
    let room = min(CHANNELS, params.channels_out - channel);
    let plane = params.height_out * params.width_out;
    let end = min((run + 1u) * params.run, params.batch * params.height_out);
    // Channels past the end of a tile are the last one, and are not stored.
    let first = vec4(0u, 1u, 2u, 3u);
    let low_planes = min(first, vec4(room - 1u)) * plane / 4u;
    let high_planes = min(first + 4u, vec4(room - 1u)) * plane / 4u;
    var sums0 = Filters();
    var sums1 = Filters();
    var sums2 = Filters();
    var sums3 = Filters();
    var sums4 = Filters();
    var sums5 = Filters();
    var sums6 = Filters();
    var sums7 = Filters();
    var low_bias = vec4(0.0);
    var high_bias = vec4(0.0);
    var sample = run * params.run / params.height_out;
    var i = run * params.run % params.height_out;
    for (var line = run * params.run; line < end; line++) {
        let row = i - params.lift_y;
        let image = sample * params.height_in * params.width_in;
        let at = ((sample * params.channels_out + channel) * plane + i * params.width_out) / 4u;
        var before = Quads();
        var here = quads_of(image, row, 0u);
        for (var j = 0u; j < params.width_out; j += 4u) {
            let next = quads_of(image, row, j + 4u);
            let low = low_planes + at + j / 4u;
            let high = high_planes + at + j / 4u;
            let first_d = d_y[low.x];
            low_bias.x = add_own(low_bias.x, 0u, first_d);
            sums0 = add_channel(sums0, first_d, before, here, next);
            if CHANNELS > 1u {
                let d = d_y[low.y];
                low_bias.y = add_own(low_bias.y, 0u, d);
                sums1 = add_channel(sums1, d, before, here, next);
            }
            if CHANNELS > 2u {
                let d = d_y[low.z];
                low_bias.z = add_own(low_bias.z, 0u, d);
                sums2 = add_channel(sums2, d, before, here, next);
            }
            if CHANNELS > 3u {
                let d = d_y[low.w];
                low_bias.w = add_own(low_bias.w, 0u, d);
                sums3 = add_channel(sums3, d, before, here, next);
            }
            if CHANNELS > 4u {
                let d = d_y[high.x];
                high_bias.x = add_own(high_bias.x, 0u, d);
                sums4 = add_channel(sums4, d, before, here, next);
            }
            if CHANNELS > 5u {
                let d = d_y[high.y];
                high_bias.y = add_own(high_bias.y, 0u, d);
                sums5 = add_channel(sums5, d, before, here, next);
            }
            if CHANNELS > 6u {
                let d = d_y[high.z];
                high_bias.z = add_own(high_bias.z, 0u, d);
                sums6 = add_channel(sums6, d, before, here, next);
            }
            if CHANNELS > 7u {
                let d = d_y[high.w];
                high_bias.w = add_own(high_bias.w, 0u, d);
                sums7 = add_channel(sums7, d, before, here, next);
            }
            before = here;
            here = next;
        }
        i += 1u;
        sample += select(0u, 1u, i == params.height_out);
        i = select(i, 0u, i == params.height_out);
    }
    let weights = params.n_runs * params.channels_out * HEIGHT * TAPS;
    if BIAS == 1u {
        let at = (weights + 63u) / 64u * 64u + run * params.channels_out + channel;
        for (var own = 0u; own < room; own++) {
            partials[at + own] = select(low_bias[own & 3u], high_bias[own & 3u], own > 3u);
        }
    }
    let place = (run * params.channels_out + channel) * HEIGHT * TAPS;
    store_filters(place, 0u, room, sums0);
    store_filters(place, 1u, room, sums1);
    store_filters(place, 2u, room, sums2);
    store_filters(place, 3u, room, sums3);
    store_filters(place, 4u, room, sums4);
    store_filters(place, 5u, room, sums5);
    store_filters(place, 6u, room, sums6);
    store_filters(place, 7u, room, sums7);
}
