// Propagation on adapters whose subgroups have eight lanes (Mesa's software renderer), where a load costs as much as ten or more exchanges
// between lanes: the same equations as fft.wgsl and propagation.wgsl. Transforms of n = 8 RADIX numbers are made by a subgroup at once
// (shared/lanes.wgsl), with one load and one store of each number, always two of them (vec4), a complex number
// being a word of 64 bits: a load or a store goes word by word. Inverse transforms go the way back, with re and im exchanged.
// rows: lines of 2 n, as even and odd numbers of a line in the two halves of a vec4, joined by a butterfly more. Numbers past `extent` are
//   zero; the others may be multiplied with a transmission. rows_back: the inverse, of which the first `extent` numbers are wanted.
// columns: lines of n across rows, two columns at a time: forward, times H or conj(H), and back in place, so that rows of the padding
//   are never stored. Slots from KEPT on hold zeros before and nothing that is wanted after.
// Longer lines, of 8 r1 r2 numbers m = i + r2 j with k = k1 + 8 r1 k2, go in two steps through a tensor in between:
// strides: over j, for all i. strides_back: the inverse, at last.
// rows_join: times exp(-2 pi i i k1 / n), over i in registers, RADIX being r2; a lane has a row, so that all turn by the same factors, which they hear from each other.
//   rows_part: its way back. columns_join: the same for columns, times H, and back in place.
// Subgroups make several lines, for which they keep factors.
// Reference: src/reference/propagation.rs

import package::shared::fft::{FftBlock, fft_block, fft_turn, fft_turn_each};
import package::shared::indexing::{indexing_divide, indexing_group};
import package::shared::lanes::{Lanes, LanesTurns, lanes_back, lanes_forward, lanes_of};

const WORKGROUP: u32 = 64u;
const SUBGROUPS: u32 = 8u;
override RADIX: u32 = 16u;
override KEPT: u32 = 16u;
override MASKED: bool = false;
override CONJUGATE: bool = false;

struct Params {
    lines: u32,         // rows, strides of rows: 1; columns: pairs of columns
    samples: u32,       // strides, rows_join and so on: rows, or samples of columns
    begin: u32,         // number of the first of them outside
    turns: u32,         // lines that a subgroup makes
    height: u32,        // rows of a sample
    count: u32,         // strides: r2 in places along the axis; joins: 8 r1
    extent: u32,        // places along the axis outside: vec4 of rows, rows of columns
    first: u32,         // where the tensor outside begins in its binding, vec4
    outer: u32,         // vec4 between lines or samples outside
    pitch: u32,         // and between places along the axis
    scale: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec2<u64>>;
@group(0) @binding(2) var<storage, read> turns: array<vec4<f32>>;       // exp(-2 pi i lane k1 / n), [8, RADIX / 2 rounded up, 2] complex
@group(0) @binding(3) var<storage, read> joints: array<vec4<f32>>;      // exp(-2 pi i k / 2 n) of a lane's k, [8, RADIX / 2, 2] complex
@group(0) @binding(4) var<storage, read> mask: array<vec2<u64>>;        // [height, extent, 2] complex
@group(0) @binding(5) var<storage, read> transfer: array<u64>;          // [n / 2 + 1, padded width / 2 + 1] complex
@group(0) @binding(6) var<storage, read> twists: array<vec2<f32>>;      // exp(-2 pi i i k1 / n), [count, RADIX in whole eights] complex
@group(0) @binding(7) var<storage, read_write> y: array<vec2<u64>>;

/// Two complex numbers of the words that they are stored as.
fn unpacked(words: vec2<u64>) -> vec4<f32> {
    let re = bitcast<vec2<f32>>(vec2<u32>(words));
    let im = bitcast<vec2<f32>>(vec2<u32>(words >> vec2(32u)));
    return vec4(re.x, im.x, re.y, im.y);
}

fn packed(z: vec4<f32>) -> vec2<u64> {
    return vec2<u64>(bitcast<vec2<u32>>(z.xz)) | (vec2<u64>(bitcast<vec2<u32>>(z.yw)) << vec2(32u));
}

fn load_turns(lane: u32) -> LanesTurns {
    let at = lane * ((RADIX + 1u) / 2u);
    var w: LanesTurns;
    w[0] = turns[at + 0u];
    if RADIX > 2u { w[1] = turns[at + 1u]; }
    if RADIX > 4u { w[2] = turns[at + 2u]; }
    if RADIX > 6u { w[3] = turns[at + 3u]; }
    if RADIX > 8u { w[4] = turns[at + 4u]; }
    if RADIX > 10u { w[5] = turns[at + 5u]; }
    if RADIX > 12u { w[6] = turns[at + 6u]; }
    if RADIX > 14u { w[7] = turns[at + 7u]; }
    if RADIX > 16u { w[8] = turns[at + 8u]; }
    if RADIX > 18u { w[9] = turns[at + 9u]; }
    if RADIX > 20u { w[10] = turns[at + 10u]; }
    if RADIX > 22u { w[11] = turns[at + 11u]; }
    if RADIX > 24u { w[12] = turns[at + 12u]; }
    if RADIX > 26u { w[13] = turns[at + 13u]; }
    if RADIX > 28u { w[14] = turns[at + 14u]; }
    if RADIX > 30u { w[15] = turns[at + 15u]; }
    return w;
}

fn load_joints(lane: u32) -> LanesTurns {
    let at = lane * (RADIX / 2u);
    var w: LanesTurns;
    w[0] = joints[at + 0u];
    if RADIX > 2u { w[1] = joints[at + 1u]; }
    if RADIX > 4u { w[2] = joints[at + 2u]; }
    if RADIX > 6u { w[3] = joints[at + 3u]; }
    if RADIX > 8u { w[4] = joints[at + 4u]; }
    if RADIX > 10u { w[5] = joints[at + 5u]; }
    if RADIX > 12u { w[6] = joints[at + 6u]; }
    if RADIX > 14u { w[7] = joints[at + 7u]; }
    if RADIX > 16u { w[8] = joints[at + 8u]; }
    if RADIX > 18u { w[9] = joints[at + 9u]; }
    if RADIX > 20u { w[10] = joints[at + 10u]; }
    if RADIX > 22u { w[11] = joints[at + 11u]; }
    if RADIX > 24u { w[12] = joints[at + 12u]; }
    if RADIX > 26u { w[13] = joints[at + 13u]; }
    if RADIX > 28u { w[14] = joints[at + 14u]; }
    if RADIX > 30u { w[15] = joints[at + 15u]; }
    return w;
}

/// A place along a line that begins at `at` outside, and at `at_mask` in the transmission.
fn load_outside(at: u32, at_mask: u32, place: u32) -> vec4<f32> {
    // What a branch loads of `params` is loaded in each again.
    let near = at + place * params.pitch;
    if place >= params.extent {
        return vec4(0.0);
    }
    let z = unpacked(x[near]);
    if MASKED {
        return fft_turn_each(z, unpacked(mask[at_mask + place]));
    }
    return z;
}

fn store_outside(at: u32, place: u32, z: vec4<f32>) {
    let to = at + place * params.pitch;
    let words = packed(params.scale * z.yxwz);
    if place < params.extent {
        y[to] = words;
    }
}

/// Row of its sample.
fn row_of(line: u32) -> u32 {
    return line - indexing_divide(line, params.height) * params.height;
}

/// Stores two neighbours of a line of transforms, and two half a line on.
fn store_joined(at: u32, a: vec4<f32>, b: vec4<f32>, w: vec4<f32>) {
    let odd = fft_turn_each(vec4(a.zw, b.zw), w);
    let even = vec4(a.xy, b.xy);
    y[at] = packed(even + odd);
    y[at + 4u * RADIX] = packed(even - odd);
}

@compute @workgroup_size(WORKGROUP)
fn rows(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) index: u32) {
    let lane = lanes_of(index);
    let first = (indexing_group(group, groups) * SUBGROUPS + index / 8u) * params.turns;
    let w = load_turns(lane.index);
    let joint = load_joints(lane.index);
    for (var row = first; row < first + params.turns; row++) {
        if row >= params.samples {
            return;
        }
        let origin = params.first + row * params.outer;
        let at_mask = row_of(row) * params.extent;
        var z: FftBlock;
        z[0] = load_outside(origin, at_mask, lane.index + 0u);
        if KEPT > 1u { z[1] = load_outside(origin, at_mask, lane.index + 8u); }
        if KEPT > 2u { z[2] = load_outside(origin, at_mask, lane.index + 16u); }
        if KEPT > 3u { z[3] = load_outside(origin, at_mask, lane.index + 24u); }
        if KEPT > 4u { z[4] = load_outside(origin, at_mask, lane.index + 32u); }
        if KEPT > 5u { z[5] = load_outside(origin, at_mask, lane.index + 40u); }
        if KEPT > 6u { z[6] = load_outside(origin, at_mask, lane.index + 48u); }
        if KEPT > 7u { z[7] = load_outside(origin, at_mask, lane.index + 56u); }
        if KEPT > 8u { z[8] = load_outside(origin, at_mask, lane.index + 64u); }
        if KEPT > 9u { z[9] = load_outside(origin, at_mask, lane.index + 72u); }
        if KEPT > 10u { z[10] = load_outside(origin, at_mask, lane.index + 80u); }
        if KEPT > 11u { z[11] = load_outside(origin, at_mask, lane.index + 88u); }
        if KEPT > 12u { z[12] = load_outside(origin, at_mask, lane.index + 96u); }
        if KEPT > 13u { z[13] = load_outside(origin, at_mask, lane.index + 104u); }
        if KEPT > 14u { z[14] = load_outside(origin, at_mask, lane.index + 112u); }
        if KEPT > 15u { z[15] = load_outside(origin, at_mask, lane.index + 120u); }
        if KEPT > 16u { z[16] = load_outside(origin, at_mask, lane.index + 128u); }
        if KEPT > 17u { z[17] = load_outside(origin, at_mask, lane.index + 136u); }
        if KEPT > 18u { z[18] = load_outside(origin, at_mask, lane.index + 144u); }
        if KEPT > 19u { z[19] = load_outside(origin, at_mask, lane.index + 152u); }
        if KEPT > 20u { z[20] = load_outside(origin, at_mask, lane.index + 160u); }
        if KEPT > 21u { z[21] = load_outside(origin, at_mask, lane.index + 168u); }
        if KEPT > 22u { z[22] = load_outside(origin, at_mask, lane.index + 176u); }
        if KEPT > 23u { z[23] = load_outside(origin, at_mask, lane.index + 184u); }
        if KEPT > 24u { z[24] = load_outside(origin, at_mask, lane.index + 192u); }
        if KEPT > 25u { z[25] = load_outside(origin, at_mask, lane.index + 200u); }
        if KEPT > 26u { z[26] = load_outside(origin, at_mask, lane.index + 208u); }
        if KEPT > 27u { z[27] = load_outside(origin, at_mask, lane.index + 216u); }
        if KEPT > 28u { z[28] = load_outside(origin, at_mask, lane.index + 224u); }
        if KEPT > 29u { z[29] = load_outside(origin, at_mask, lane.index + 232u); }
        if KEPT > 30u { z[30] = load_outside(origin, at_mask, lane.index + 240u); }
        if KEPT > 31u { z[31] = load_outside(origin, at_mask, lane.index + 248u); }
        z = lanes_forward(RADIX, z, w, lane);
        let to = row * RADIX * 8u + lane.reversed * (RADIX / 2u);
        store_joined(to + 0u, z[0], z[1], joint[0]);
        if RADIX > 2u { store_joined(to + 1u, z[2], z[3], joint[1]); }
        if RADIX > 4u { store_joined(to + 2u, z[4], z[5], joint[2]); }
        if RADIX > 6u { store_joined(to + 3u, z[6], z[7], joint[3]); }
        if RADIX > 8u { store_joined(to + 4u, z[8], z[9], joint[4]); }
        if RADIX > 10u { store_joined(to + 5u, z[10], z[11], joint[5]); }
        if RADIX > 12u { store_joined(to + 6u, z[12], z[13], joint[6]); }
        if RADIX > 14u { store_joined(to + 7u, z[14], z[15], joint[7]); }
        if RADIX > 16u { store_joined(to + 8u, z[16], z[17], joint[8]); }
        if RADIX > 18u { store_joined(to + 9u, z[18], z[19], joint[9]); }
        if RADIX > 20u { store_joined(to + 10u, z[20], z[21], joint[10]); }
        if RADIX > 22u { store_joined(to + 11u, z[22], z[23], joint[11]); }
        if RADIX > 24u { store_joined(to + 12u, z[24], z[25], joint[12]); }
        if RADIX > 26u { store_joined(to + 13u, z[26], z[27], joint[13]); }
        if RADIX > 28u { store_joined(to + 14u, z[28], z[29], joint[14]); }
        if RADIX > 30u { store_joined(to + 15u, z[30], z[31], joint[15]); }
    }
}

/// Two numbers each of the even and of the odd line, from two neighbours of a line of transforms and two half a line on: in either vec4 one
/// of each, re and im exchanged.
fn load_parted(at: u32, w: vec4<f32>) -> array<vec4<f32>, 2> {
    let low = unpacked(x[at]).yxwz;
    let high = unpacked(x[at + 4u * RADIX]).yxwz;
    let even = low + high;
    let odd = fft_turn_each(low - high, w);
    return array(vec4(even.xy, odd.xy), vec4(even.zw, odd.zw));
}

@compute @workgroup_size(WORKGROUP)
fn rows_back(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) index: u32) {
    let lane = lanes_of(index);
    let first = (indexing_group(group, groups) * SUBGROUPS + index / 8u) * params.turns;
    let w = load_turns(lane.index);
    let joint = load_joints(lane.index);
    for (var row = first; row < first + params.turns; row++) {
        if row >= params.samples {
            return;
        }
        let origin = row * RADIX * 8u + lane.reversed * (RADIX / 2u);
        var z: FftBlock;
        var pair: array<vec4<f32>, 2>;
        pair = load_parted(origin + 0u, joint[0]); z[0] = pair[0]; z[1] = pair[1];
        if RADIX > 2u { pair = load_parted(origin + 1u, joint[1]); z[2] = pair[0]; z[3] = pair[1]; }
        if RADIX > 4u { pair = load_parted(origin + 2u, joint[2]); z[4] = pair[0]; z[5] = pair[1]; }
        if RADIX > 6u { pair = load_parted(origin + 3u, joint[3]); z[6] = pair[0]; z[7] = pair[1]; }
        if RADIX > 8u { pair = load_parted(origin + 4u, joint[4]); z[8] = pair[0]; z[9] = pair[1]; }
        if RADIX > 10u { pair = load_parted(origin + 5u, joint[5]); z[10] = pair[0]; z[11] = pair[1]; }
        if RADIX > 12u { pair = load_parted(origin + 6u, joint[6]); z[12] = pair[0]; z[13] = pair[1]; }
        if RADIX > 14u { pair = load_parted(origin + 7u, joint[7]); z[14] = pair[0]; z[15] = pair[1]; }
        if RADIX > 16u { pair = load_parted(origin + 8u, joint[8]); z[16] = pair[0]; z[17] = pair[1]; }
        if RADIX > 18u { pair = load_parted(origin + 9u, joint[9]); z[18] = pair[0]; z[19] = pair[1]; }
        if RADIX > 20u { pair = load_parted(origin + 10u, joint[10]); z[20] = pair[0]; z[21] = pair[1]; }
        if RADIX > 22u { pair = load_parted(origin + 11u, joint[11]); z[22] = pair[0]; z[23] = pair[1]; }
        if RADIX > 24u { pair = load_parted(origin + 12u, joint[12]); z[24] = pair[0]; z[25] = pair[1]; }
        if RADIX > 26u { pair = load_parted(origin + 13u, joint[13]); z[26] = pair[0]; z[27] = pair[1]; }
        if RADIX > 28u { pair = load_parted(origin + 14u, joint[14]); z[28] = pair[0]; z[29] = pair[1]; }
        if RADIX > 30u { pair = load_parted(origin + 15u, joint[15]); z[30] = pair[0]; z[31] = pair[1]; }
        z = lanes_back(RADIX, z, w, lane);
        let to = params.first + row * params.outer;
        store_outside(to, lane.index + 0u, z[0]);
        if KEPT > 1u { store_outside(to, lane.index + 8u, z[1]); }
        if KEPT > 2u { store_outside(to, lane.index + 16u, z[2]); }
        if KEPT > 3u { store_outside(to, lane.index + 24u, z[3]); }
        if KEPT > 4u { store_outside(to, lane.index + 32u, z[4]); }
        if KEPT > 5u { store_outside(to, lane.index + 40u, z[5]); }
        if KEPT > 6u { store_outside(to, lane.index + 48u, z[6]); }
        if KEPT > 7u { store_outside(to, lane.index + 56u, z[7]); }
        if KEPT > 8u { store_outside(to, lane.index + 64u, z[8]); }
        if KEPT > 9u { store_outside(to, lane.index + 72u, z[9]); }
        if KEPT > 10u { store_outside(to, lane.index + 80u, z[10]); }
        if KEPT > 11u { store_outside(to, lane.index + 88u, z[11]); }
        if KEPT > 12u { store_outside(to, lane.index + 96u, z[12]); }
        if KEPT > 13u { store_outside(to, lane.index + 104u, z[13]); }
        if KEPT > 14u { store_outside(to, lane.index + 112u, z[14]); }
        if KEPT > 15u { store_outside(to, lane.index + 120u, z[15]); }
        if KEPT > 16u { store_outside(to, lane.index + 128u, z[16]); }
        if KEPT > 17u { store_outside(to, lane.index + 136u, z[17]); }
        if KEPT > 18u { store_outside(to, lane.index + 144u, z[18]); }
        if KEPT > 19u { store_outside(to, lane.index + 152u, z[19]); }
        if KEPT > 20u { store_outside(to, lane.index + 160u, z[20]); }
        if KEPT > 21u { store_outside(to, lane.index + 168u, z[21]); }
        if KEPT > 22u { store_outside(to, lane.index + 176u, z[22]); }
        if KEPT > 23u { store_outside(to, lane.index + 184u, z[23]); }
        if KEPT > 24u { store_outside(to, lane.index + 192u, z[24]); }
        if KEPT > 25u { store_outside(to, lane.index + 200u, z[25]); }
        if KEPT > 26u { store_outside(to, lane.index + 208u, z[26]); }
        if KEPT > 27u { store_outside(to, lane.index + 216u, z[27]); }
        if KEPT > 28u { store_outside(to, lane.index + 224u, z[28]); }
        if KEPT > 29u { store_outside(to, lane.index + 232u, z[29]); }
        if KEPT > 30u { store_outside(to, lane.index + 240u, z[30]); }
        if KEPT > 31u { store_outside(to, lane.index + 248u, z[31]); }
    }
}

/// H of two neighbouring columns, the first of which is even, in row k of a spectrum of n rows and 2 `half` columns.
fn load_transfer(k: u32, n: u32, column: u32, half: u32) -> vec4<f32> {
    let row = select(k, n - k, 2u * k > n) * (half + 1u);
    let next = column + 1u;
    let left = transfer[row + select(column, 2u * half - column, column > half)];
    let right = transfer[row + select(next, 2u * half - next, next > half)];
    let h = unpacked(vec2(left, right)) * params.scale;
    return select(h, h * vec4(1.0, -1.0, 1.0, -1.0), CONJUGATE);
}

fn load_inside(at: u32, row: u32) -> vec4<f32> {
    let near = at + row * params.pitch;
    if row >= params.extent {
        return vec4(0.0);
    }
    return unpacked(y[near]);
}

fn store_inside(at: u32, row: u32, z: vec4<f32>) {
    let to = at + row * params.pitch;
    let words = packed(z.yxwz);
    if row < params.extent {
        y[to] = words;
    }
}

@compute @workgroup_size(WORKGROUP)
fn columns(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) index: u32) {
    let lane = lanes_of(index);
    let across = (params.lines + SUBGROUPS - 1u) / SUBGROUPS;
    let block = indexing_group(group, groups);
    let pair = block % across * SUBGROUPS + index / 8u;
    if pair >= params.lines {
        return;
    }
    let w = load_turns(lane.index);
    let k = RADIX * lane.reversed;
    var h: FftBlock;
    h[0] = load_transfer(k + 0u, 8u * RADIX, 2u * pair, params.lines);
    if RADIX > 1u { h[1] = load_transfer(k + 1u, 8u * RADIX, 2u * pair, params.lines); }
    if RADIX > 2u { h[2] = load_transfer(k + 2u, 8u * RADIX, 2u * pair, params.lines); }
    if RADIX > 3u { h[3] = load_transfer(k + 3u, 8u * RADIX, 2u * pair, params.lines); }
    if RADIX > 4u { h[4] = load_transfer(k + 4u, 8u * RADIX, 2u * pair, params.lines); }
    if RADIX > 5u { h[5] = load_transfer(k + 5u, 8u * RADIX, 2u * pair, params.lines); }
    if RADIX > 6u { h[6] = load_transfer(k + 6u, 8u * RADIX, 2u * pair, params.lines); }
    if RADIX > 7u { h[7] = load_transfer(k + 7u, 8u * RADIX, 2u * pair, params.lines); }
    if RADIX > 8u { h[8] = load_transfer(k + 8u, 8u * RADIX, 2u * pair, params.lines); }
    if RADIX > 9u { h[9] = load_transfer(k + 9u, 8u * RADIX, 2u * pair, params.lines); }
    if RADIX > 10u { h[10] = load_transfer(k + 10u, 8u * RADIX, 2u * pair, params.lines); }
    if RADIX > 11u { h[11] = load_transfer(k + 11u, 8u * RADIX, 2u * pair, params.lines); }
    if RADIX > 12u { h[12] = load_transfer(k + 12u, 8u * RADIX, 2u * pair, params.lines); }
    if RADIX > 13u { h[13] = load_transfer(k + 13u, 8u * RADIX, 2u * pair, params.lines); }
    if RADIX > 14u { h[14] = load_transfer(k + 14u, 8u * RADIX, 2u * pair, params.lines); }
    if RADIX > 15u { h[15] = load_transfer(k + 15u, 8u * RADIX, 2u * pair, params.lines); }
    if RADIX > 16u { h[16] = load_transfer(k + 16u, 8u * RADIX, 2u * pair, params.lines); }
    if RADIX > 17u { h[17] = load_transfer(k + 17u, 8u * RADIX, 2u * pair, params.lines); }
    if RADIX > 18u { h[18] = load_transfer(k + 18u, 8u * RADIX, 2u * pair, params.lines); }
    if RADIX > 19u { h[19] = load_transfer(k + 19u, 8u * RADIX, 2u * pair, params.lines); }
    if RADIX > 20u { h[20] = load_transfer(k + 20u, 8u * RADIX, 2u * pair, params.lines); }
    if RADIX > 21u { h[21] = load_transfer(k + 21u, 8u * RADIX, 2u * pair, params.lines); }
    if RADIX > 22u { h[22] = load_transfer(k + 22u, 8u * RADIX, 2u * pair, params.lines); }
    if RADIX > 23u { h[23] = load_transfer(k + 23u, 8u * RADIX, 2u * pair, params.lines); }
    if RADIX > 24u { h[24] = load_transfer(k + 24u, 8u * RADIX, 2u * pair, params.lines); }
    if RADIX > 25u { h[25] = load_transfer(k + 25u, 8u * RADIX, 2u * pair, params.lines); }
    if RADIX > 26u { h[26] = load_transfer(k + 26u, 8u * RADIX, 2u * pair, params.lines); }
    if RADIX > 27u { h[27] = load_transfer(k + 27u, 8u * RADIX, 2u * pair, params.lines); }
    if RADIX > 28u { h[28] = load_transfer(k + 28u, 8u * RADIX, 2u * pair, params.lines); }
    if RADIX > 29u { h[29] = load_transfer(k + 29u, 8u * RADIX, 2u * pair, params.lines); }
    if RADIX > 30u { h[30] = load_transfer(k + 30u, 8u * RADIX, 2u * pair, params.lines); }
    if RADIX > 31u { h[31] = load_transfer(k + 31u, 8u * RADIX, 2u * pair, params.lines); }
    let first = block / across * params.turns;
    for (var sample = first; sample < first + params.turns; sample++) {
        if sample >= params.samples {
            return;
        }
        let at = sample * params.outer + pair;
        var z: FftBlock;
        z[0] = load_inside(at, lane.index + 0u);
        if KEPT > 1u { z[1] = load_inside(at, lane.index + 8u); }
        if KEPT > 2u { z[2] = load_inside(at, lane.index + 16u); }
        if KEPT > 3u { z[3] = load_inside(at, lane.index + 24u); }
        if KEPT > 4u { z[4] = load_inside(at, lane.index + 32u); }
        if KEPT > 5u { z[5] = load_inside(at, lane.index + 40u); }
        if KEPT > 6u { z[6] = load_inside(at, lane.index + 48u); }
        if KEPT > 7u { z[7] = load_inside(at, lane.index + 56u); }
        if KEPT > 8u { z[8] = load_inside(at, lane.index + 64u); }
        if KEPT > 9u { z[9] = load_inside(at, lane.index + 72u); }
        if KEPT > 10u { z[10] = load_inside(at, lane.index + 80u); }
        if KEPT > 11u { z[11] = load_inside(at, lane.index + 88u); }
        if KEPT > 12u { z[12] = load_inside(at, lane.index + 96u); }
        if KEPT > 13u { z[13] = load_inside(at, lane.index + 104u); }
        if KEPT > 14u { z[14] = load_inside(at, lane.index + 112u); }
        if KEPT > 15u { z[15] = load_inside(at, lane.index + 120u); }
        if KEPT > 16u { z[16] = load_inside(at, lane.index + 128u); }
        if KEPT > 17u { z[17] = load_inside(at, lane.index + 136u); }
        if KEPT > 18u { z[18] = load_inside(at, lane.index + 144u); }
        if KEPT > 19u { z[19] = load_inside(at, lane.index + 152u); }
        if KEPT > 20u { z[20] = load_inside(at, lane.index + 160u); }
        if KEPT > 21u { z[21] = load_inside(at, lane.index + 168u); }
        if KEPT > 22u { z[22] = load_inside(at, lane.index + 176u); }
        if KEPT > 23u { z[23] = load_inside(at, lane.index + 184u); }
        if KEPT > 24u { z[24] = load_inside(at, lane.index + 192u); }
        if KEPT > 25u { z[25] = load_inside(at, lane.index + 200u); }
        if KEPT > 26u { z[26] = load_inside(at, lane.index + 208u); }
        if KEPT > 27u { z[27] = load_inside(at, lane.index + 216u); }
        if KEPT > 28u { z[28] = load_inside(at, lane.index + 224u); }
        if KEPT > 29u { z[29] = load_inside(at, lane.index + 232u); }
        if KEPT > 30u { z[30] = load_inside(at, lane.index + 240u); }
        if KEPT > 31u { z[31] = load_inside(at, lane.index + 248u); }
        z = lanes_forward(RADIX, z, w, lane);
        z[0] = fft_turn_each(z[0], h[0]).yxwz;
        if RADIX > 1u { z[1] = fft_turn_each(z[1], h[1]).yxwz; }
        if RADIX > 2u { z[2] = fft_turn_each(z[2], h[2]).yxwz; }
        if RADIX > 3u { z[3] = fft_turn_each(z[3], h[3]).yxwz; }
        if RADIX > 4u { z[4] = fft_turn_each(z[4], h[4]).yxwz; }
        if RADIX > 5u { z[5] = fft_turn_each(z[5], h[5]).yxwz; }
        if RADIX > 6u { z[6] = fft_turn_each(z[6], h[6]).yxwz; }
        if RADIX > 7u { z[7] = fft_turn_each(z[7], h[7]).yxwz; }
        if RADIX > 8u { z[8] = fft_turn_each(z[8], h[8]).yxwz; }
        if RADIX > 9u { z[9] = fft_turn_each(z[9], h[9]).yxwz; }
        if RADIX > 10u { z[10] = fft_turn_each(z[10], h[10]).yxwz; }
        if RADIX > 11u { z[11] = fft_turn_each(z[11], h[11]).yxwz; }
        if RADIX > 12u { z[12] = fft_turn_each(z[12], h[12]).yxwz; }
        if RADIX > 13u { z[13] = fft_turn_each(z[13], h[13]).yxwz; }
        if RADIX > 14u { z[14] = fft_turn_each(z[14], h[14]).yxwz; }
        if RADIX > 15u { z[15] = fft_turn_each(z[15], h[15]).yxwz; }
        if RADIX > 16u { z[16] = fft_turn_each(z[16], h[16]).yxwz; }
        if RADIX > 17u { z[17] = fft_turn_each(z[17], h[17]).yxwz; }
        if RADIX > 18u { z[18] = fft_turn_each(z[18], h[18]).yxwz; }
        if RADIX > 19u { z[19] = fft_turn_each(z[19], h[19]).yxwz; }
        if RADIX > 20u { z[20] = fft_turn_each(z[20], h[20]).yxwz; }
        if RADIX > 21u { z[21] = fft_turn_each(z[21], h[21]).yxwz; }
        if RADIX > 22u { z[22] = fft_turn_each(z[22], h[22]).yxwz; }
        if RADIX > 23u { z[23] = fft_turn_each(z[23], h[23]).yxwz; }
        if RADIX > 24u { z[24] = fft_turn_each(z[24], h[24]).yxwz; }
        if RADIX > 25u { z[25] = fft_turn_each(z[25], h[25]).yxwz; }
        if RADIX > 26u { z[26] = fft_turn_each(z[26], h[26]).yxwz; }
        if RADIX > 27u { z[27] = fft_turn_each(z[27], h[27]).yxwz; }
        if RADIX > 28u { z[28] = fft_turn_each(z[28], h[28]).yxwz; }
        if RADIX > 29u { z[29] = fft_turn_each(z[29], h[29]).yxwz; }
        if RADIX > 30u { z[30] = fft_turn_each(z[30], h[30]).yxwz; }
        if RADIX > 31u { z[31] = fft_turn_each(z[31], h[31]).yxwz; }
        z = lanes_back(RADIX, z, w, lane);
        store_inside(at, lane.index + 0u, z[0]);
        if KEPT > 1u { store_inside(at, lane.index + 8u, z[1]); }
        if KEPT > 2u { store_inside(at, lane.index + 16u, z[2]); }
        if KEPT > 3u { store_inside(at, lane.index + 24u, z[3]); }
        if KEPT > 4u { store_inside(at, lane.index + 32u, z[4]); }
        if KEPT > 5u { store_inside(at, lane.index + 40u, z[5]); }
        if KEPT > 6u { store_inside(at, lane.index + 48u, z[6]); }
        if KEPT > 7u { store_inside(at, lane.index + 56u, z[7]); }
        if KEPT > 8u { store_inside(at, lane.index + 64u, z[8]); }
        if KEPT > 9u { store_inside(at, lane.index + 72u, z[9]); }
        if KEPT > 10u { store_inside(at, lane.index + 80u, z[10]); }
        if KEPT > 11u { store_inside(at, lane.index + 88u, z[11]); }
        if KEPT > 12u { store_inside(at, lane.index + 96u, z[12]); }
        if KEPT > 13u { store_inside(at, lane.index + 104u, z[13]); }
        if KEPT > 14u { store_inside(at, lane.index + 112u, z[14]); }
        if KEPT > 15u { store_inside(at, lane.index + 120u, z[15]); }
        if KEPT > 16u { store_inside(at, lane.index + 128u, z[16]); }
        if KEPT > 17u { store_inside(at, lane.index + 136u, z[17]); }
        if KEPT > 18u { store_inside(at, lane.index + 144u, z[18]); }
        if KEPT > 19u { store_inside(at, lane.index + 152u, z[19]); }
        if KEPT > 20u { store_inside(at, lane.index + 160u, z[20]); }
        if KEPT > 21u { store_inside(at, lane.index + 168u, z[21]); }
        if KEPT > 22u { store_inside(at, lane.index + 176u, z[22]); }
        if KEPT > 23u { store_inside(at, lane.index + 184u, z[23]); }
        if KEPT > 24u { store_inside(at, lane.index + 192u, z[24]); }
        if KEPT > 25u { store_inside(at, lane.index + 200u, z[25]); }
        if KEPT > 26u { store_inside(at, lane.index + 208u, z[26]); }
        if KEPT > 27u { store_inside(at, lane.index + 216u, z[27]); }
        if KEPT > 28u { store_inside(at, lane.index + 224u, z[28]); }
        if KEPT > 29u { store_inside(at, lane.index + 232u, z[29]); }
        if KEPT > 30u { store_inside(at, lane.index + 240u, z[30]); }
        if KEPT > 31u { store_inside(at, lane.index + 248u, z[31]); }
    }
}

/// Where a subgroup's line of a stride is: its sample, or row; its first place along the axis; its pair of columns.
fn stride_of(unit: u32) -> vec3<u32> {
    let place = indexing_divide(unit, params.lines);
    let sample = indexing_divide(place, params.count);
    return vec3(sample, place - sample * params.count, unit - place * params.lines);
}

@compute @workgroup_size(WORKGROUP)
fn strides(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) index: u32) {
    let lane = lanes_of(index);
    let block = indexing_group(group, groups) * params.turns;
    let w = load_turns(lane.index);
    for (var turn = block; turn < block + params.turns; turn++) {
        let at = stride_of(turn * SUBGROUPS + index / 8u);
        if at.x >= params.samples {
            return;
        }
        let sample = params.begin + at.x;
        let origin = params.first + sample * params.outer + at.z;
        let at_mask = row_of(sample) * params.extent;
        let place = at.y + lane.index * params.count;
        var z: FftBlock;
        z[0] = load_outside(origin, at_mask, place + 0u * params.count);
        if KEPT > 1u { z[1] = load_outside(origin, at_mask, place + 8u * params.count); }
        if KEPT > 2u { z[2] = load_outside(origin, at_mask, place + 16u * params.count); }
        if KEPT > 3u { z[3] = load_outside(origin, at_mask, place + 24u * params.count); }
        if KEPT > 4u { z[4] = load_outside(origin, at_mask, place + 32u * params.count); }
        if KEPT > 5u { z[5] = load_outside(origin, at_mask, place + 40u * params.count); }
        if KEPT > 6u { z[6] = load_outside(origin, at_mask, place + 48u * params.count); }
        if KEPT > 7u { z[7] = load_outside(origin, at_mask, place + 56u * params.count); }
        if KEPT > 8u { z[8] = load_outside(origin, at_mask, place + 64u * params.count); }
        if KEPT > 9u { z[9] = load_outside(origin, at_mask, place + 72u * params.count); }
        if KEPT > 10u { z[10] = load_outside(origin, at_mask, place + 80u * params.count); }
        if KEPT > 11u { z[11] = load_outside(origin, at_mask, place + 88u * params.count); }
        if KEPT > 12u { z[12] = load_outside(origin, at_mask, place + 96u * params.count); }
        if KEPT > 13u { z[13] = load_outside(origin, at_mask, place + 104u * params.count); }
        if KEPT > 14u { z[14] = load_outside(origin, at_mask, place + 112u * params.count); }
        if KEPT > 15u { z[15] = load_outside(origin, at_mask, place + 120u * params.count); }
        if KEPT > 16u { z[16] = load_outside(origin, at_mask, place + 128u * params.count); }
        if KEPT > 17u { z[17] = load_outside(origin, at_mask, place + 136u * params.count); }
        if KEPT > 18u { z[18] = load_outside(origin, at_mask, place + 144u * params.count); }
        if KEPT > 19u { z[19] = load_outside(origin, at_mask, place + 152u * params.count); }
        if KEPT > 20u { z[20] = load_outside(origin, at_mask, place + 160u * params.count); }
        if KEPT > 21u { z[21] = load_outside(origin, at_mask, place + 168u * params.count); }
        if KEPT > 22u { z[22] = load_outside(origin, at_mask, place + 176u * params.count); }
        if KEPT > 23u { z[23] = load_outside(origin, at_mask, place + 184u * params.count); }
        if KEPT > 24u { z[24] = load_outside(origin, at_mask, place + 192u * params.count); }
        if KEPT > 25u { z[25] = load_outside(origin, at_mask, place + 200u * params.count); }
        if KEPT > 26u { z[26] = load_outside(origin, at_mask, place + 208u * params.count); }
        if KEPT > 27u { z[27] = load_outside(origin, at_mask, place + 216u * params.count); }
        if KEPT > 28u { z[28] = load_outside(origin, at_mask, place + 224u * params.count); }
        if KEPT > 29u { z[29] = load_outside(origin, at_mask, place + 232u * params.count); }
        if KEPT > 30u { z[30] = load_outside(origin, at_mask, place + 240u * params.count); }
        if KEPT > 31u { z[31] = load_outside(origin, at_mask, place + 248u * params.count); }
        z = lanes_forward(RADIX, z, w, lane);
        let step = params.count * params.lines;
        let to = (at.x * 8u + lane.reversed) * RADIX * step + at.y * params.lines + at.z;
        y[to + 0u * step] = packed(z[0]);
        if RADIX > 1u { y[to + 1u * step] = packed(z[1]); }
        if RADIX > 2u { y[to + 2u * step] = packed(z[2]); }
        if RADIX > 3u { y[to + 3u * step] = packed(z[3]); }
        if RADIX > 4u { y[to + 4u * step] = packed(z[4]); }
        if RADIX > 5u { y[to + 5u * step] = packed(z[5]); }
        if RADIX > 6u { y[to + 6u * step] = packed(z[6]); }
        if RADIX > 7u { y[to + 7u * step] = packed(z[7]); }
        if RADIX > 8u { y[to + 8u * step] = packed(z[8]); }
        if RADIX > 9u { y[to + 9u * step] = packed(z[9]); }
        if RADIX > 10u { y[to + 10u * step] = packed(z[10]); }
        if RADIX > 11u { y[to + 11u * step] = packed(z[11]); }
        if RADIX > 12u { y[to + 12u * step] = packed(z[12]); }
        if RADIX > 13u { y[to + 13u * step] = packed(z[13]); }
        if RADIX > 14u { y[to + 14u * step] = packed(z[14]); }
        if RADIX > 15u { y[to + 15u * step] = packed(z[15]); }
        if RADIX > 16u { y[to + 16u * step] = packed(z[16]); }
        if RADIX > 17u { y[to + 17u * step] = packed(z[17]); }
        if RADIX > 18u { y[to + 18u * step] = packed(z[18]); }
        if RADIX > 19u { y[to + 19u * step] = packed(z[19]); }
        if RADIX > 20u { y[to + 20u * step] = packed(z[20]); }
        if RADIX > 21u { y[to + 21u * step] = packed(z[21]); }
        if RADIX > 22u { y[to + 22u * step] = packed(z[22]); }
        if RADIX > 23u { y[to + 23u * step] = packed(z[23]); }
        if RADIX > 24u { y[to + 24u * step] = packed(z[24]); }
        if RADIX > 25u { y[to + 25u * step] = packed(z[25]); }
        if RADIX > 26u { y[to + 26u * step] = packed(z[26]); }
        if RADIX > 27u { y[to + 27u * step] = packed(z[27]); }
        if RADIX > 28u { y[to + 28u * step] = packed(z[28]); }
        if RADIX > 29u { y[to + 29u * step] = packed(z[29]); }
        if RADIX > 30u { y[to + 30u * step] = packed(z[30]); }
        if RADIX > 31u { y[to + 31u * step] = packed(z[31]); }
    }
}

@compute @workgroup_size(WORKGROUP)
fn strides_back(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) index: u32) {
    let lane = lanes_of(index);
    let block = indexing_group(group, groups) * params.turns;
    let w = load_turns(lane.index);
    for (var turn = block; turn < block + params.turns; turn++) {
        let at = stride_of(turn * SUBGROUPS + index / 8u);
        if at.x >= params.samples {
            return;
        }
        let step = params.count * params.lines;
        let origin = (at.x * 8u + lane.reversed) * RADIX * step + at.y * params.lines + at.z;
        var z: FftBlock;
        z[0] = unpacked(x[origin + 0u * step]);
        if RADIX > 1u { z[1] = unpacked(x[origin + 1u * step]); }
        if RADIX > 2u { z[2] = unpacked(x[origin + 2u * step]); }
        if RADIX > 3u { z[3] = unpacked(x[origin + 3u * step]); }
        if RADIX > 4u { z[4] = unpacked(x[origin + 4u * step]); }
        if RADIX > 5u { z[5] = unpacked(x[origin + 5u * step]); }
        if RADIX > 6u { z[6] = unpacked(x[origin + 6u * step]); }
        if RADIX > 7u { z[7] = unpacked(x[origin + 7u * step]); }
        if RADIX > 8u { z[8] = unpacked(x[origin + 8u * step]); }
        if RADIX > 9u { z[9] = unpacked(x[origin + 9u * step]); }
        if RADIX > 10u { z[10] = unpacked(x[origin + 10u * step]); }
        if RADIX > 11u { z[11] = unpacked(x[origin + 11u * step]); }
        if RADIX > 12u { z[12] = unpacked(x[origin + 12u * step]); }
        if RADIX > 13u { z[13] = unpacked(x[origin + 13u * step]); }
        if RADIX > 14u { z[14] = unpacked(x[origin + 14u * step]); }
        if RADIX > 15u { z[15] = unpacked(x[origin + 15u * step]); }
        if RADIX > 16u { z[16] = unpacked(x[origin + 16u * step]); }
        if RADIX > 17u { z[17] = unpacked(x[origin + 17u * step]); }
        if RADIX > 18u { z[18] = unpacked(x[origin + 18u * step]); }
        if RADIX > 19u { z[19] = unpacked(x[origin + 19u * step]); }
        if RADIX > 20u { z[20] = unpacked(x[origin + 20u * step]); }
        if RADIX > 21u { z[21] = unpacked(x[origin + 21u * step]); }
        if RADIX > 22u { z[22] = unpacked(x[origin + 22u * step]); }
        if RADIX > 23u { z[23] = unpacked(x[origin + 23u * step]); }
        if RADIX > 24u { z[24] = unpacked(x[origin + 24u * step]); }
        if RADIX > 25u { z[25] = unpacked(x[origin + 25u * step]); }
        if RADIX > 26u { z[26] = unpacked(x[origin + 26u * step]); }
        if RADIX > 27u { z[27] = unpacked(x[origin + 27u * step]); }
        if RADIX > 28u { z[28] = unpacked(x[origin + 28u * step]); }
        if RADIX > 29u { z[29] = unpacked(x[origin + 29u * step]); }
        if RADIX > 30u { z[30] = unpacked(x[origin + 30u * step]); }
        if RADIX > 31u { z[31] = unpacked(x[origin + 31u * step]); }
        z = lanes_back(RADIX, z, w, lane);
        let to = params.first + (params.begin + at.x) * params.outer + at.z;
        let place = at.y + lane.index * params.count;
        store_outside(to, place + 0u * params.count, z[0]);
        if KEPT > 1u { store_outside(to, place + 8u * params.count, z[1]); }
        if KEPT > 2u { store_outside(to, place + 16u * params.count, z[2]); }
        if KEPT > 3u { store_outside(to, place + 24u * params.count, z[3]); }
        if KEPT > 4u { store_outside(to, place + 32u * params.count, z[4]); }
        if KEPT > 5u { store_outside(to, place + 40u * params.count, z[5]); }
        if KEPT > 6u { store_outside(to, place + 48u * params.count, z[6]); }
        if KEPT > 7u { store_outside(to, place + 56u * params.count, z[7]); }
        if KEPT > 8u { store_outside(to, place + 64u * params.count, z[8]); }
        if KEPT > 9u { store_outside(to, place + 72u * params.count, z[9]); }
        if KEPT > 10u { store_outside(to, place + 80u * params.count, z[10]); }
        if KEPT > 11u { store_outside(to, place + 88u * params.count, z[11]); }
        if KEPT > 12u { store_outside(to, place + 96u * params.count, z[12]); }
        if KEPT > 13u { store_outside(to, place + 104u * params.count, z[13]); }
        if KEPT > 14u { store_outside(to, place + 112u * params.count, z[14]); }
        if KEPT > 15u { store_outside(to, place + 120u * params.count, z[15]); }
        if KEPT > 16u { store_outside(to, place + 128u * params.count, z[16]); }
        if KEPT > 17u { store_outside(to, place + 136u * params.count, z[17]); }
        if KEPT > 18u { store_outside(to, place + 144u * params.count, z[18]); }
        if KEPT > 19u { store_outside(to, place + 152u * params.count, z[19]); }
        if KEPT > 20u { store_outside(to, place + 160u * params.count, z[20]); }
        if KEPT > 21u { store_outside(to, place + 168u * params.count, z[21]); }
        if KEPT > 22u { store_outside(to, place + 176u * params.count, z[22]); }
        if KEPT > 23u { store_outside(to, place + 184u * params.count, z[23]); }
        if KEPT > 24u { store_outside(to, place + 192u * params.count, z[24]); }
        if KEPT > 25u { store_outside(to, place + 200u * params.count, z[25]); }
        if KEPT > 26u { store_outside(to, place + 208u * params.count, z[26]); }
        if KEPT > 27u { store_outside(to, place + 216u * params.count, z[27]); }
        if KEPT > 28u { store_outside(to, place + 224u * params.count, z[28]); }
        if KEPT > 29u { store_outside(to, place + 232u * params.count, z[29]); }
        if KEPT > 30u { store_outside(to, place + 240u * params.count, z[30]); }
        if KEPT > 31u { store_outside(to, place + 248u * params.count, z[31]); }
    }
}

/// Factors exp(-2 pi i i k1 / n) of a k1, factor i held by lane i % 8.
fn load_twists(k1: u32, lane: u32) -> array<vec2<f32>, 4> {
    let at = k1 * ((RADIX + 7u) / 8u * 8u) + lane;
    var w: array<vec2<f32>, 4>;
    w[0] = twists[at];
    if RADIX > 8u { w[1] = twists[at + 8u]; }
    if RADIX > 16u { w[2] = twists[at + 16u]; }
    if RADIX > 24u { w[3] = twists[at + 24u]; }
    return w;
}

/// Turns each number by the factor that its lane holds, both of a vec4 by one.
fn twisted(x: FftBlock, w: array<vec2<f32>, 4>) -> FftBlock {
    var z = x;
    z[0] = fft_turn(z[0], subgroupBroadcast(w[0], 0u));
    if RADIX > 1u { z[1] = fft_turn(z[1], subgroupBroadcast(w[0], 1u)); }
    if RADIX > 2u { z[2] = fft_turn(z[2], subgroupBroadcast(w[0], 2u)); }
    if RADIX > 3u { z[3] = fft_turn(z[3], subgroupBroadcast(w[0], 3u)); }
    if RADIX > 4u { z[4] = fft_turn(z[4], subgroupBroadcast(w[0], 4u)); }
    if RADIX > 5u { z[5] = fft_turn(z[5], subgroupBroadcast(w[0], 5u)); }
    if RADIX > 6u { z[6] = fft_turn(z[6], subgroupBroadcast(w[0], 6u)); }
    if RADIX > 7u { z[7] = fft_turn(z[7], subgroupBroadcast(w[0], 7u)); }
    if RADIX > 8u { z[8] = fft_turn(z[8], subgroupBroadcast(w[1], 0u)); }
    if RADIX > 9u { z[9] = fft_turn(z[9], subgroupBroadcast(w[1], 1u)); }
    if RADIX > 10u { z[10] = fft_turn(z[10], subgroupBroadcast(w[1], 2u)); }
    if RADIX > 11u { z[11] = fft_turn(z[11], subgroupBroadcast(w[1], 3u)); }
    if RADIX > 12u { z[12] = fft_turn(z[12], subgroupBroadcast(w[1], 4u)); }
    if RADIX > 13u { z[13] = fft_turn(z[13], subgroupBroadcast(w[1], 5u)); }
    if RADIX > 14u { z[14] = fft_turn(z[14], subgroupBroadcast(w[1], 6u)); }
    if RADIX > 15u { z[15] = fft_turn(z[15], subgroupBroadcast(w[1], 7u)); }
    if RADIX > 16u { z[16] = fft_turn(z[16], subgroupBroadcast(w[2], 0u)); }
    if RADIX > 17u { z[17] = fft_turn(z[17], subgroupBroadcast(w[2], 1u)); }
    if RADIX > 18u { z[18] = fft_turn(z[18], subgroupBroadcast(w[2], 2u)); }
    if RADIX > 19u { z[19] = fft_turn(z[19], subgroupBroadcast(w[2], 3u)); }
    if RADIX > 20u { z[20] = fft_turn(z[20], subgroupBroadcast(w[2], 4u)); }
    if RADIX > 21u { z[21] = fft_turn(z[21], subgroupBroadcast(w[2], 5u)); }
    if RADIX > 22u { z[22] = fft_turn(z[22], subgroupBroadcast(w[2], 6u)); }
    if RADIX > 23u { z[23] = fft_turn(z[23], subgroupBroadcast(w[2], 7u)); }
    if RADIX > 24u { z[24] = fft_turn(z[24], subgroupBroadcast(w[3], 0u)); }
    if RADIX > 25u { z[25] = fft_turn(z[25], subgroupBroadcast(w[3], 1u)); }
    if RADIX > 26u { z[26] = fft_turn(z[26], subgroupBroadcast(w[3], 2u)); }
    if RADIX > 27u { z[27] = fft_turn(z[27], subgroupBroadcast(w[3], 3u)); }
    if RADIX > 28u { z[28] = fft_turn(z[28], subgroupBroadcast(w[3], 4u)); }
    if RADIX > 29u { z[29] = fft_turn(z[29], subgroupBroadcast(w[3], 5u)); }
    if RADIX > 30u { z[30] = fft_turn(z[30], subgroupBroadcast(w[3], 6u)); }
    if RADIX > 31u { z[31] = fft_turn(z[31], subgroupBroadcast(w[3], 7u)); }
    return z;
}

/// The same for two neighbouring k1.
fn twisted_each(x: FftBlock, a: array<vec2<f32>, 4>, b: array<vec2<f32>, 4>) -> FftBlock {
    var z = x;
    z[0] = fft_turn_each(z[0], subgroupBroadcast(vec4(a[0], b[0]), 0u));
    if RADIX > 1u { z[1] = fft_turn_each(z[1], subgroupBroadcast(vec4(a[0], b[0]), 1u)); }
    if RADIX > 2u { z[2] = fft_turn_each(z[2], subgroupBroadcast(vec4(a[0], b[0]), 2u)); }
    if RADIX > 3u { z[3] = fft_turn_each(z[3], subgroupBroadcast(vec4(a[0], b[0]), 3u)); }
    if RADIX > 4u { z[4] = fft_turn_each(z[4], subgroupBroadcast(vec4(a[0], b[0]), 4u)); }
    if RADIX > 5u { z[5] = fft_turn_each(z[5], subgroupBroadcast(vec4(a[0], b[0]), 5u)); }
    if RADIX > 6u { z[6] = fft_turn_each(z[6], subgroupBroadcast(vec4(a[0], b[0]), 6u)); }
    if RADIX > 7u { z[7] = fft_turn_each(z[7], subgroupBroadcast(vec4(a[0], b[0]), 7u)); }
    if RADIX > 8u { z[8] = fft_turn_each(z[8], subgroupBroadcast(vec4(a[1], b[1]), 0u)); }
    if RADIX > 9u { z[9] = fft_turn_each(z[9], subgroupBroadcast(vec4(a[1], b[1]), 1u)); }
    if RADIX > 10u { z[10] = fft_turn_each(z[10], subgroupBroadcast(vec4(a[1], b[1]), 2u)); }
    if RADIX > 11u { z[11] = fft_turn_each(z[11], subgroupBroadcast(vec4(a[1], b[1]), 3u)); }
    if RADIX > 12u { z[12] = fft_turn_each(z[12], subgroupBroadcast(vec4(a[1], b[1]), 4u)); }
    if RADIX > 13u { z[13] = fft_turn_each(z[13], subgroupBroadcast(vec4(a[1], b[1]), 5u)); }
    if RADIX > 14u { z[14] = fft_turn_each(z[14], subgroupBroadcast(vec4(a[1], b[1]), 6u)); }
    if RADIX > 15u { z[15] = fft_turn_each(z[15], subgroupBroadcast(vec4(a[1], b[1]), 7u)); }
    if RADIX > 16u { z[16] = fft_turn_each(z[16], subgroupBroadcast(vec4(a[2], b[2]), 0u)); }
    if RADIX > 17u { z[17] = fft_turn_each(z[17], subgroupBroadcast(vec4(a[2], b[2]), 1u)); }
    if RADIX > 18u { z[18] = fft_turn_each(z[18], subgroupBroadcast(vec4(a[2], b[2]), 2u)); }
    if RADIX > 19u { z[19] = fft_turn_each(z[19], subgroupBroadcast(vec4(a[2], b[2]), 3u)); }
    if RADIX > 20u { z[20] = fft_turn_each(z[20], subgroupBroadcast(vec4(a[2], b[2]), 4u)); }
    if RADIX > 21u { z[21] = fft_turn_each(z[21], subgroupBroadcast(vec4(a[2], b[2]), 5u)); }
    if RADIX > 22u { z[22] = fft_turn_each(z[22], subgroupBroadcast(vec4(a[2], b[2]), 6u)); }
    if RADIX > 23u { z[23] = fft_turn_each(z[23], subgroupBroadcast(vec4(a[2], b[2]), 7u)); }
    if RADIX > 24u { z[24] = fft_turn_each(z[24], subgroupBroadcast(vec4(a[3], b[3]), 0u)); }
    if RADIX > 25u { z[25] = fft_turn_each(z[25], subgroupBroadcast(vec4(a[3], b[3]), 1u)); }
    if RADIX > 26u { z[26] = fft_turn_each(z[26], subgroupBroadcast(vec4(a[3], b[3]), 2u)); }
    if RADIX > 27u { z[27] = fft_turn_each(z[27], subgroupBroadcast(vec4(a[3], b[3]), 3u)); }
    if RADIX > 28u { z[28] = fft_turn_each(z[28], subgroupBroadcast(vec4(a[3], b[3]), 4u)); }
    if RADIX > 29u { z[29] = fft_turn_each(z[29], subgroupBroadcast(vec4(a[3], b[3]), 5u)); }
    if RADIX > 30u { z[30] = fft_turn_each(z[30], subgroupBroadcast(vec4(a[3], b[3]), 6u)); }
    if RADIX > 31u { z[31] = fft_turn_each(z[31], subgroupBroadcast(vec4(a[3], b[3]), 7u)); }
    return z;
}

@compute @workgroup_size(WORKGROUP)
fn rows_join(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) index: u32) {
    let item = indexing_group(group, groups);
    let block = indexing_divide(item, params.count / 2u);
    let k1 = 2u * (item - block * (params.count / 2u));
    let row = block * WORKGROUP + index;
    // Lanes without a row are heard all the same.
    let known = select(row, params.samples - 1u, row >= params.samples);
    let origin = (known * params.count + k1) * (RADIX / 2u);
    var z: FftBlock;
    var low: vec4<f32>;
    var high: vec4<f32>;
    low = unpacked(x[origin + 0u]); high = unpacked(x[origin + RADIX / 2u + 0u]); z[0] = vec4(low.xy, high.xy); z[1] = vec4(low.zw, high.zw);
    if RADIX > 2u { low = unpacked(x[origin + 1u]); high = unpacked(x[origin + RADIX / 2u + 1u]); z[2] = vec4(low.xy, high.xy); z[3] = vec4(low.zw, high.zw); }
    if RADIX > 4u { low = unpacked(x[origin + 2u]); high = unpacked(x[origin + RADIX / 2u + 2u]); z[4] = vec4(low.xy, high.xy); z[5] = vec4(low.zw, high.zw); }
    if RADIX > 6u { low = unpacked(x[origin + 3u]); high = unpacked(x[origin + RADIX / 2u + 3u]); z[6] = vec4(low.xy, high.xy); z[7] = vec4(low.zw, high.zw); }
    if RADIX > 8u { low = unpacked(x[origin + 4u]); high = unpacked(x[origin + RADIX / 2u + 4u]); z[8] = vec4(low.xy, high.xy); z[9] = vec4(low.zw, high.zw); }
    if RADIX > 10u { low = unpacked(x[origin + 5u]); high = unpacked(x[origin + RADIX / 2u + 5u]); z[10] = vec4(low.xy, high.xy); z[11] = vec4(low.zw, high.zw); }
    if RADIX > 12u { low = unpacked(x[origin + 6u]); high = unpacked(x[origin + RADIX / 2u + 6u]); z[12] = vec4(low.xy, high.xy); z[13] = vec4(low.zw, high.zw); }
    if RADIX > 14u { low = unpacked(x[origin + 7u]); high = unpacked(x[origin + RADIX / 2u + 7u]); z[14] = vec4(low.xy, high.xy); z[15] = vec4(low.zw, high.zw); }
    if RADIX > 16u { low = unpacked(x[origin + 8u]); high = unpacked(x[origin + RADIX / 2u + 8u]); z[16] = vec4(low.xy, high.xy); z[17] = vec4(low.zw, high.zw); }
    if RADIX > 18u { low = unpacked(x[origin + 9u]); high = unpacked(x[origin + RADIX / 2u + 9u]); z[18] = vec4(low.xy, high.xy); z[19] = vec4(low.zw, high.zw); }
    if RADIX > 20u { low = unpacked(x[origin + 10u]); high = unpacked(x[origin + RADIX / 2u + 10u]); z[20] = vec4(low.xy, high.xy); z[21] = vec4(low.zw, high.zw); }
    if RADIX > 22u { low = unpacked(x[origin + 11u]); high = unpacked(x[origin + RADIX / 2u + 11u]); z[22] = vec4(low.xy, high.xy); z[23] = vec4(low.zw, high.zw); }
    if RADIX > 24u { low = unpacked(x[origin + 12u]); high = unpacked(x[origin + RADIX / 2u + 12u]); z[24] = vec4(low.xy, high.xy); z[25] = vec4(low.zw, high.zw); }
    if RADIX > 26u { low = unpacked(x[origin + 13u]); high = unpacked(x[origin + RADIX / 2u + 13u]); z[26] = vec4(low.xy, high.xy); z[27] = vec4(low.zw, high.zw); }
    if RADIX > 28u { low = unpacked(x[origin + 14u]); high = unpacked(x[origin + RADIX / 2u + 14u]); z[28] = vec4(low.xy, high.xy); z[29] = vec4(low.zw, high.zw); }
    if RADIX > 30u { low = unpacked(x[origin + 15u]); high = unpacked(x[origin + RADIX / 2u + 15u]); z[30] = vec4(low.xy, high.xy); z[31] = vec4(low.zw, high.zw); }
    z = fft_block(RADIX, twisted_each(z, load_twists(k1, index % 8u), load_twists(k1 + 1u, index % 8u)));
    if row >= params.samples {
        return;
    }
    let step = params.count / 2u;
    let to = (params.begin + row) * step * RADIX + k1 / 2u;
    y[to + 0u * step] = packed(z[0]);
    if RADIX > 1u { y[to + 1u * step] = packed(z[1]); }
    if RADIX > 2u { y[to + 2u * step] = packed(z[2]); }
    if RADIX > 3u { y[to + 3u * step] = packed(z[3]); }
    if RADIX > 4u { y[to + 4u * step] = packed(z[4]); }
    if RADIX > 5u { y[to + 5u * step] = packed(z[5]); }
    if RADIX > 6u { y[to + 6u * step] = packed(z[6]); }
    if RADIX > 7u { y[to + 7u * step] = packed(z[7]); }
    if RADIX > 8u { y[to + 8u * step] = packed(z[8]); }
    if RADIX > 9u { y[to + 9u * step] = packed(z[9]); }
    if RADIX > 10u { y[to + 10u * step] = packed(z[10]); }
    if RADIX > 11u { y[to + 11u * step] = packed(z[11]); }
    if RADIX > 12u { y[to + 12u * step] = packed(z[12]); }
    if RADIX > 13u { y[to + 13u * step] = packed(z[13]); }
    if RADIX > 14u { y[to + 14u * step] = packed(z[14]); }
    if RADIX > 15u { y[to + 15u * step] = packed(z[15]); }
    if RADIX > 16u { y[to + 16u * step] = packed(z[16]); }
    if RADIX > 17u { y[to + 17u * step] = packed(z[17]); }
    if RADIX > 18u { y[to + 18u * step] = packed(z[18]); }
    if RADIX > 19u { y[to + 19u * step] = packed(z[19]); }
    if RADIX > 20u { y[to + 20u * step] = packed(z[20]); }
    if RADIX > 21u { y[to + 21u * step] = packed(z[21]); }
    if RADIX > 22u { y[to + 22u * step] = packed(z[22]); }
    if RADIX > 23u { y[to + 23u * step] = packed(z[23]); }
    if RADIX > 24u { y[to + 24u * step] = packed(z[24]); }
    if RADIX > 25u { y[to + 25u * step] = packed(z[25]); }
    if RADIX > 26u { y[to + 26u * step] = packed(z[26]); }
    if RADIX > 27u { y[to + 27u * step] = packed(z[27]); }
    if RADIX > 28u { y[to + 28u * step] = packed(z[28]); }
    if RADIX > 29u { y[to + 29u * step] = packed(z[29]); }
    if RADIX > 30u { y[to + 30u * step] = packed(z[30]); }
    if RADIX > 31u { y[to + 31u * step] = packed(z[31]); }
}

@compute @workgroup_size(WORKGROUP)
fn rows_part(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) index: u32) {
    let item = indexing_group(group, groups);
    let block = indexing_divide(item, params.count / 2u);
    let k1 = 2u * (item - block * (params.count / 2u));
    let row = block * WORKGROUP + index;
    let known = select(row, params.samples - 1u, row >= params.samples);
    let step = params.count / 2u;
    let origin = (params.begin + known) * step * RADIX + k1 / 2u;
    var z: FftBlock;
    z[0] = unpacked(x[origin + 0u * step]).yxwz;
    if RADIX > 1u { z[1] = unpacked(x[origin + 1u * step]).yxwz; }
    if RADIX > 2u { z[2] = unpacked(x[origin + 2u * step]).yxwz; }
    if RADIX > 3u { z[3] = unpacked(x[origin + 3u * step]).yxwz; }
    if RADIX > 4u { z[4] = unpacked(x[origin + 4u * step]).yxwz; }
    if RADIX > 5u { z[5] = unpacked(x[origin + 5u * step]).yxwz; }
    if RADIX > 6u { z[6] = unpacked(x[origin + 6u * step]).yxwz; }
    if RADIX > 7u { z[7] = unpacked(x[origin + 7u * step]).yxwz; }
    if RADIX > 8u { z[8] = unpacked(x[origin + 8u * step]).yxwz; }
    if RADIX > 9u { z[9] = unpacked(x[origin + 9u * step]).yxwz; }
    if RADIX > 10u { z[10] = unpacked(x[origin + 10u * step]).yxwz; }
    if RADIX > 11u { z[11] = unpacked(x[origin + 11u * step]).yxwz; }
    if RADIX > 12u { z[12] = unpacked(x[origin + 12u * step]).yxwz; }
    if RADIX > 13u { z[13] = unpacked(x[origin + 13u * step]).yxwz; }
    if RADIX > 14u { z[14] = unpacked(x[origin + 14u * step]).yxwz; }
    if RADIX > 15u { z[15] = unpacked(x[origin + 15u * step]).yxwz; }
    if RADIX > 16u { z[16] = unpacked(x[origin + 16u * step]).yxwz; }
    if RADIX > 17u { z[17] = unpacked(x[origin + 17u * step]).yxwz; }
    if RADIX > 18u { z[18] = unpacked(x[origin + 18u * step]).yxwz; }
    if RADIX > 19u { z[19] = unpacked(x[origin + 19u * step]).yxwz; }
    if RADIX > 20u { z[20] = unpacked(x[origin + 20u * step]).yxwz; }
    if RADIX > 21u { z[21] = unpacked(x[origin + 21u * step]).yxwz; }
    if RADIX > 22u { z[22] = unpacked(x[origin + 22u * step]).yxwz; }
    if RADIX > 23u { z[23] = unpacked(x[origin + 23u * step]).yxwz; }
    if RADIX > 24u { z[24] = unpacked(x[origin + 24u * step]).yxwz; }
    if RADIX > 25u { z[25] = unpacked(x[origin + 25u * step]).yxwz; }
    if RADIX > 26u { z[26] = unpacked(x[origin + 26u * step]).yxwz; }
    if RADIX > 27u { z[27] = unpacked(x[origin + 27u * step]).yxwz; }
    if RADIX > 28u { z[28] = unpacked(x[origin + 28u * step]).yxwz; }
    if RADIX > 29u { z[29] = unpacked(x[origin + 29u * step]).yxwz; }
    if RADIX > 30u { z[30] = unpacked(x[origin + 30u * step]).yxwz; }
    if RADIX > 31u { z[31] = unpacked(x[origin + 31u * step]).yxwz; }
    z = twisted_each(fft_block(RADIX, z), load_twists(k1, index % 8u), load_twists(k1 + 1u, index % 8u));
    if row >= params.samples {
        return;
    }
    let to = (row * params.count + k1) * (RADIX / 2u);
    y[to + 0u] = packed(vec4(z[0].xy, z[1].xy)); y[to + RADIX / 2u + 0u] = packed(vec4(z[0].zw, z[1].zw));
    if RADIX > 2u { y[to + 1u] = packed(vec4(z[2].xy, z[3].xy)); y[to + RADIX / 2u + 1u] = packed(vec4(z[2].zw, z[3].zw)); }
    if RADIX > 4u { y[to + 2u] = packed(vec4(z[4].xy, z[5].xy)); y[to + RADIX / 2u + 2u] = packed(vec4(z[4].zw, z[5].zw)); }
    if RADIX > 6u { y[to + 3u] = packed(vec4(z[6].xy, z[7].xy)); y[to + RADIX / 2u + 3u] = packed(vec4(z[6].zw, z[7].zw)); }
    if RADIX > 8u { y[to + 4u] = packed(vec4(z[8].xy, z[9].xy)); y[to + RADIX / 2u + 4u] = packed(vec4(z[8].zw, z[9].zw)); }
    if RADIX > 10u { y[to + 5u] = packed(vec4(z[10].xy, z[11].xy)); y[to + RADIX / 2u + 5u] = packed(vec4(z[10].zw, z[11].zw)); }
    if RADIX > 12u { y[to + 6u] = packed(vec4(z[12].xy, z[13].xy)); y[to + RADIX / 2u + 6u] = packed(vec4(z[12].zw, z[13].zw)); }
    if RADIX > 14u { y[to + 7u] = packed(vec4(z[14].xy, z[15].xy)); y[to + RADIX / 2u + 7u] = packed(vec4(z[14].zw, z[15].zw)); }
    if RADIX > 16u { y[to + 8u] = packed(vec4(z[16].xy, z[17].xy)); y[to + RADIX / 2u + 8u] = packed(vec4(z[16].zw, z[17].zw)); }
    if RADIX > 18u { y[to + 9u] = packed(vec4(z[18].xy, z[19].xy)); y[to + RADIX / 2u + 9u] = packed(vec4(z[18].zw, z[19].zw)); }
    if RADIX > 20u { y[to + 10u] = packed(vec4(z[20].xy, z[21].xy)); y[to + RADIX / 2u + 10u] = packed(vec4(z[20].zw, z[21].zw)); }
    if RADIX > 22u { y[to + 11u] = packed(vec4(z[22].xy, z[23].xy)); y[to + RADIX / 2u + 11u] = packed(vec4(z[22].zw, z[23].zw)); }
    if RADIX > 24u { y[to + 12u] = packed(vec4(z[24].xy, z[25].xy)); y[to + RADIX / 2u + 12u] = packed(vec4(z[24].zw, z[25].zw)); }
    if RADIX > 26u { y[to + 13u] = packed(vec4(z[26].xy, z[27].xy)); y[to + RADIX / 2u + 13u] = packed(vec4(z[26].zw, z[27].zw)); }
    if RADIX > 28u { y[to + 14u] = packed(vec4(z[28].xy, z[29].xy)); y[to + RADIX / 2u + 14u] = packed(vec4(z[28].zw, z[29].zw)); }
    if RADIX > 30u { y[to + 15u] = packed(vec4(z[30].xy, z[31].xy)); y[to + RADIX / 2u + 15u] = packed(vec4(z[30].zw, z[31].zw)); }
}

@compute @workgroup_size(WORKGROUP)
fn columns_join(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) index: u32) {
    let item = indexing_group(group, groups);
    let block = indexing_divide(item, params.count);
    let k1 = item - block * params.count;
    let pair = block * WORKGROUP + index;
    let known = select(pair, params.lines - 1u, pair >= params.lines);
    let w = load_twists(k1, index % 8u);
    let n = params.count * RADIX;
    var h: FftBlock;
    h[0] = load_transfer(k1 + 0u * params.count, n, 2u * (params.first + known), params.pitch);
    if RADIX > 1u { h[1] = load_transfer(k1 + 1u * params.count, n, 2u * (params.first + known), params.pitch); }
    if RADIX > 2u { h[2] = load_transfer(k1 + 2u * params.count, n, 2u * (params.first + known), params.pitch); }
    if RADIX > 3u { h[3] = load_transfer(k1 + 3u * params.count, n, 2u * (params.first + known), params.pitch); }
    if RADIX > 4u { h[4] = load_transfer(k1 + 4u * params.count, n, 2u * (params.first + known), params.pitch); }
    if RADIX > 5u { h[5] = load_transfer(k1 + 5u * params.count, n, 2u * (params.first + known), params.pitch); }
    if RADIX > 6u { h[6] = load_transfer(k1 + 6u * params.count, n, 2u * (params.first + known), params.pitch); }
    if RADIX > 7u { h[7] = load_transfer(k1 + 7u * params.count, n, 2u * (params.first + known), params.pitch); }
    if RADIX > 8u { h[8] = load_transfer(k1 + 8u * params.count, n, 2u * (params.first + known), params.pitch); }
    if RADIX > 9u { h[9] = load_transfer(k1 + 9u * params.count, n, 2u * (params.first + known), params.pitch); }
    if RADIX > 10u { h[10] = load_transfer(k1 + 10u * params.count, n, 2u * (params.first + known), params.pitch); }
    if RADIX > 11u { h[11] = load_transfer(k1 + 11u * params.count, n, 2u * (params.first + known), params.pitch); }
    if RADIX > 12u { h[12] = load_transfer(k1 + 12u * params.count, n, 2u * (params.first + known), params.pitch); }
    if RADIX > 13u { h[13] = load_transfer(k1 + 13u * params.count, n, 2u * (params.first + known), params.pitch); }
    if RADIX > 14u { h[14] = load_transfer(k1 + 14u * params.count, n, 2u * (params.first + known), params.pitch); }
    if RADIX > 15u { h[15] = load_transfer(k1 + 15u * params.count, n, 2u * (params.first + known), params.pitch); }
    if RADIX > 16u { h[16] = load_transfer(k1 + 16u * params.count, n, 2u * (params.first + known), params.pitch); }
    if RADIX > 17u { h[17] = load_transfer(k1 + 17u * params.count, n, 2u * (params.first + known), params.pitch); }
    if RADIX > 18u { h[18] = load_transfer(k1 + 18u * params.count, n, 2u * (params.first + known), params.pitch); }
    if RADIX > 19u { h[19] = load_transfer(k1 + 19u * params.count, n, 2u * (params.first + known), params.pitch); }
    if RADIX > 20u { h[20] = load_transfer(k1 + 20u * params.count, n, 2u * (params.first + known), params.pitch); }
    if RADIX > 21u { h[21] = load_transfer(k1 + 21u * params.count, n, 2u * (params.first + known), params.pitch); }
    if RADIX > 22u { h[22] = load_transfer(k1 + 22u * params.count, n, 2u * (params.first + known), params.pitch); }
    if RADIX > 23u { h[23] = load_transfer(k1 + 23u * params.count, n, 2u * (params.first + known), params.pitch); }
    if RADIX > 24u { h[24] = load_transfer(k1 + 24u * params.count, n, 2u * (params.first + known), params.pitch); }
    if RADIX > 25u { h[25] = load_transfer(k1 + 25u * params.count, n, 2u * (params.first + known), params.pitch); }
    if RADIX > 26u { h[26] = load_transfer(k1 + 26u * params.count, n, 2u * (params.first + known), params.pitch); }
    if RADIX > 27u { h[27] = load_transfer(k1 + 27u * params.count, n, 2u * (params.first + known), params.pitch); }
    if RADIX > 28u { h[28] = load_transfer(k1 + 28u * params.count, n, 2u * (params.first + known), params.pitch); }
    if RADIX > 29u { h[29] = load_transfer(k1 + 29u * params.count, n, 2u * (params.first + known), params.pitch); }
    if RADIX > 30u { h[30] = load_transfer(k1 + 30u * params.count, n, 2u * (params.first + known), params.pitch); }
    if RADIX > 31u { h[31] = load_transfer(k1 + 31u * params.count, n, 2u * (params.first + known), params.pitch); }
    for (var sample = 0u; sample < params.samples; sample++) {
        let at = (sample * n + k1 * RADIX) * params.lines + known;
        var z: FftBlock;
        z[0] = unpacked(y[at + 0u * params.lines]);
        if RADIX > 1u { z[1] = unpacked(y[at + 1u * params.lines]); }
        if RADIX > 2u { z[2] = unpacked(y[at + 2u * params.lines]); }
        if RADIX > 3u { z[3] = unpacked(y[at + 3u * params.lines]); }
        if RADIX > 4u { z[4] = unpacked(y[at + 4u * params.lines]); }
        if RADIX > 5u { z[5] = unpacked(y[at + 5u * params.lines]); }
        if RADIX > 6u { z[6] = unpacked(y[at + 6u * params.lines]); }
        if RADIX > 7u { z[7] = unpacked(y[at + 7u * params.lines]); }
        if RADIX > 8u { z[8] = unpacked(y[at + 8u * params.lines]); }
        if RADIX > 9u { z[9] = unpacked(y[at + 9u * params.lines]); }
        if RADIX > 10u { z[10] = unpacked(y[at + 10u * params.lines]); }
        if RADIX > 11u { z[11] = unpacked(y[at + 11u * params.lines]); }
        if RADIX > 12u { z[12] = unpacked(y[at + 12u * params.lines]); }
        if RADIX > 13u { z[13] = unpacked(y[at + 13u * params.lines]); }
        if RADIX > 14u { z[14] = unpacked(y[at + 14u * params.lines]); }
        if RADIX > 15u { z[15] = unpacked(y[at + 15u * params.lines]); }
        if RADIX > 16u { z[16] = unpacked(y[at + 16u * params.lines]); }
        if RADIX > 17u { z[17] = unpacked(y[at + 17u * params.lines]); }
        if RADIX > 18u { z[18] = unpacked(y[at + 18u * params.lines]); }
        if RADIX > 19u { z[19] = unpacked(y[at + 19u * params.lines]); }
        if RADIX > 20u { z[20] = unpacked(y[at + 20u * params.lines]); }
        if RADIX > 21u { z[21] = unpacked(y[at + 21u * params.lines]); }
        if RADIX > 22u { z[22] = unpacked(y[at + 22u * params.lines]); }
        if RADIX > 23u { z[23] = unpacked(y[at + 23u * params.lines]); }
        if RADIX > 24u { z[24] = unpacked(y[at + 24u * params.lines]); }
        if RADIX > 25u { z[25] = unpacked(y[at + 25u * params.lines]); }
        if RADIX > 26u { z[26] = unpacked(y[at + 26u * params.lines]); }
        if RADIX > 27u { z[27] = unpacked(y[at + 27u * params.lines]); }
        if RADIX > 28u { z[28] = unpacked(y[at + 28u * params.lines]); }
        if RADIX > 29u { z[29] = unpacked(y[at + 29u * params.lines]); }
        if RADIX > 30u { z[30] = unpacked(y[at + 30u * params.lines]); }
        if RADIX > 31u { z[31] = unpacked(y[at + 31u * params.lines]); }
        z = fft_block(RADIX, twisted(z, w));
        z[0] = fft_turn_each(z[0], h[0]).yxwz;
        if RADIX > 1u { z[1] = fft_turn_each(z[1], h[1]).yxwz; }
        if RADIX > 2u { z[2] = fft_turn_each(z[2], h[2]).yxwz; }
        if RADIX > 3u { z[3] = fft_turn_each(z[3], h[3]).yxwz; }
        if RADIX > 4u { z[4] = fft_turn_each(z[4], h[4]).yxwz; }
        if RADIX > 5u { z[5] = fft_turn_each(z[5], h[5]).yxwz; }
        if RADIX > 6u { z[6] = fft_turn_each(z[6], h[6]).yxwz; }
        if RADIX > 7u { z[7] = fft_turn_each(z[7], h[7]).yxwz; }
        if RADIX > 8u { z[8] = fft_turn_each(z[8], h[8]).yxwz; }
        if RADIX > 9u { z[9] = fft_turn_each(z[9], h[9]).yxwz; }
        if RADIX > 10u { z[10] = fft_turn_each(z[10], h[10]).yxwz; }
        if RADIX > 11u { z[11] = fft_turn_each(z[11], h[11]).yxwz; }
        if RADIX > 12u { z[12] = fft_turn_each(z[12], h[12]).yxwz; }
        if RADIX > 13u { z[13] = fft_turn_each(z[13], h[13]).yxwz; }
        if RADIX > 14u { z[14] = fft_turn_each(z[14], h[14]).yxwz; }
        if RADIX > 15u { z[15] = fft_turn_each(z[15], h[15]).yxwz; }
        if RADIX > 16u { z[16] = fft_turn_each(z[16], h[16]).yxwz; }
        if RADIX > 17u { z[17] = fft_turn_each(z[17], h[17]).yxwz; }
        if RADIX > 18u { z[18] = fft_turn_each(z[18], h[18]).yxwz; }
        if RADIX > 19u { z[19] = fft_turn_each(z[19], h[19]).yxwz; }
        if RADIX > 20u { z[20] = fft_turn_each(z[20], h[20]).yxwz; }
        if RADIX > 21u { z[21] = fft_turn_each(z[21], h[21]).yxwz; }
        if RADIX > 22u { z[22] = fft_turn_each(z[22], h[22]).yxwz; }
        if RADIX > 23u { z[23] = fft_turn_each(z[23], h[23]).yxwz; }
        if RADIX > 24u { z[24] = fft_turn_each(z[24], h[24]).yxwz; }
        if RADIX > 25u { z[25] = fft_turn_each(z[25], h[25]).yxwz; }
        if RADIX > 26u { z[26] = fft_turn_each(z[26], h[26]).yxwz; }
        if RADIX > 27u { z[27] = fft_turn_each(z[27], h[27]).yxwz; }
        if RADIX > 28u { z[28] = fft_turn_each(z[28], h[28]).yxwz; }
        if RADIX > 29u { z[29] = fft_turn_each(z[29], h[29]).yxwz; }
        if RADIX > 30u { z[30] = fft_turn_each(z[30], h[30]).yxwz; }
        if RADIX > 31u { z[31] = fft_turn_each(z[31], h[31]).yxwz; }
        z = twisted(fft_block(RADIX, z), w);
        if pair < params.lines {
            y[at + 0u * params.lines] = packed(z[0]);
            if RADIX > 1u { y[at + 1u * params.lines] = packed(z[1]); }
            if RADIX > 2u { y[at + 2u * params.lines] = packed(z[2]); }
            if RADIX > 3u { y[at + 3u * params.lines] = packed(z[3]); }
            if RADIX > 4u { y[at + 4u * params.lines] = packed(z[4]); }
            if RADIX > 5u { y[at + 5u * params.lines] = packed(z[5]); }
            if RADIX > 6u { y[at + 6u * params.lines] = packed(z[6]); }
            if RADIX > 7u { y[at + 7u * params.lines] = packed(z[7]); }
            if RADIX > 8u { y[at + 8u * params.lines] = packed(z[8]); }
            if RADIX > 9u { y[at + 9u * params.lines] = packed(z[9]); }
            if RADIX > 10u { y[at + 10u * params.lines] = packed(z[10]); }
            if RADIX > 11u { y[at + 11u * params.lines] = packed(z[11]); }
            if RADIX > 12u { y[at + 12u * params.lines] = packed(z[12]); }
            if RADIX > 13u { y[at + 13u * params.lines] = packed(z[13]); }
            if RADIX > 14u { y[at + 14u * params.lines] = packed(z[14]); }
            if RADIX > 15u { y[at + 15u * params.lines] = packed(z[15]); }
            if RADIX > 16u { y[at + 16u * params.lines] = packed(z[16]); }
            if RADIX > 17u { y[at + 17u * params.lines] = packed(z[17]); }
            if RADIX > 18u { y[at + 18u * params.lines] = packed(z[18]); }
            if RADIX > 19u { y[at + 19u * params.lines] = packed(z[19]); }
            if RADIX > 20u { y[at + 20u * params.lines] = packed(z[20]); }
            if RADIX > 21u { y[at + 21u * params.lines] = packed(z[21]); }
            if RADIX > 22u { y[at + 22u * params.lines] = packed(z[22]); }
            if RADIX > 23u { y[at + 23u * params.lines] = packed(z[23]); }
            if RADIX > 24u { y[at + 24u * params.lines] = packed(z[24]); }
            if RADIX > 25u { y[at + 25u * params.lines] = packed(z[25]); }
            if RADIX > 26u { y[at + 26u * params.lines] = packed(z[26]); }
            if RADIX > 27u { y[at + 27u * params.lines] = packed(z[27]); }
            if RADIX > 28u { y[at + 28u * params.lines] = packed(z[28]); }
            if RADIX > 29u { y[at + 29u * params.lines] = packed(z[29]); }
            if RADIX > 30u { y[at + 30u * params.lines] = packed(z[30]); }
            if RADIX > 31u { y[at + 31u * params.lines] = packed(z[31]); }
        }
    }
}
