// Propagation on adapters whose subgroups have eight lanes (Mesa's software renderer), where a load costs as much as twenty exchanges between lanes:
// the same equations as fft.wgsl and propagation.wgsl. The eight lanes of a subgroup make one transform of n = 8 RADIX numbers, two at a
// time (vec4), RADIX of them in registers a lane, with one load and one store of each:
//   number j = lane + 8 q in slot q; y_k = DFT over q in registers (to k1), times exp(-2 pi i lane k1 / n), DFT over lanes (to k2, by
//   three butterflies, in bit-reversed order); k = k1 + RADIX k2. Its transpose, as the matrix is symmetric, takes numbers in the order in which these leave:
//   inverse transforms run that way, with re and im exchanged.
// rows: lines of 2 n, as even and odd numbers of a line in the two halves of a vec4, joined by a butterfly more. x of `extent` numbers is
//   padded with zeros, and may be multiplied with a transmission. rows_back: the inverse, whose first `extent` numbers are wanted.
// columns: lines of n across rows, two columns at a time: forward, times H or conj(H), and back, so that padded rows are never
//   stored. Slots from KEPT on hold zeros before and nothing that is wanted after.
// A subgroup makes several lines, for which it keeps factors of exp and of H.
// Reference: src/reference/propagation.rs

import package::shared::fft::{FftBlock, fft_block, fft_quarter, fft_turn, fft_turn_each};
import package::shared::indexing::{indexing_divide, indexing_group};

const WORKGROUP: u32 = 64u;
const SUBGROUPS: u32 = 8u;
override RADIX: u32 = 16u;
override KEPT: u32 = 16u;
override MASKED: bool = false;
override CONJUGATE: bool = false;

struct Params {
    lines: u32,         // rows: of all samples; columns: pairs of columns of a sample
    turns: u32,         // lines that a subgroup makes; columns: samples
    samples: u32,
    height: u32,
    extent: u32,        // rows: numbers of a line outside; columns: rows that are stored
    first: u32,         // where x or y, outside, begins in its binding, vec4
    scale: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> lanes: array<vec4<f32>>;       // exp(-2 pi i lane k1 / n), [8, RADIX / 2 rounded up, 2] complex
@group(0) @binding(3) var<storage, read> joints: array<vec4<f32>>;      // exp(-2 pi i k / 2 n) of a lane's k, [8, RADIX / 2, 2] complex
@group(0) @binding(4) var<storage, read> mask: array<vec4<f32>>;        // [height, extent / 2, 2] complex
@group(0) @binding(5) var<storage, read> transfer: array<vec2<f32>>;    // [n / 2 + 1, lines + 1] complex
@group(0) @binding(6) var<storage, read_write> y: array<vec4<f32>>;

alias Turns = array<vec4<f32>, 16>;

/// How a lane takes part in the butterflies.
struct Lane {
    index: u32,
    reversed: u32,      // its k2
    signs: vec3<f32>,   // -1 where it is the upper one at distance 4, 2, 1
    turn: vec2<f32>,    // behind the first butterfly
    third: bool,        // whether the second turns by a quarter
}

fn lane_of(index: u32) -> Lane {
    let lane = index % 8u;
    let half = sqrt(0.5);
    var turn = vec2(1.0, 0.0);
    if lane == 5u { turn = vec2(half, -half); }
    if lane == 6u { turn = vec2(0.0, -1.0); }
    if lane == 7u { turn = vec2(-half, -half); }
    let upper = vec3((lane & 4u) != 0u, (lane & 2u) != 0u, (lane & 1u) != 0u);
    let reversed = (lane & 1u) * 4u + (lane & 2u) + (lane >> 2u);
    return Lane(lane, reversed, select(vec3(1.0), vec3(-1.0), upper), turn, (lane & 3u) == 3u);
}

/// The DFT over the lanes, of numbers that are first turned by w.
fn spread(z: vec4<f32>, w: vec2<f32>, lane: Lane) -> vec4<f32> {
    var v = fft_turn(z, w);
    v = fft_turn(subgroupShuffleXor(v, 4u) + lane.signs.x * v, lane.turn);
    v = subgroupShuffleXor(v, 2u) + lane.signs.y * v;
    v = select(v, -fft_quarter(v), lane.third);
    return subgroupShuffleXor(v, 1u) + lane.signs.z * v;
}

/// Its transpose.
fn gather(z: vec4<f32>, w: vec2<f32>, lane: Lane) -> vec4<f32> {
    var v = subgroupShuffleXor(z, 1u) + lane.signs.z * z;
    v = select(v, -fft_quarter(v), lane.third);
    v = fft_turn(subgroupShuffleXor(v, 2u) + lane.signs.y * v, lane.turn);
    return fft_turn(subgroupShuffleXor(v, 4u) + lane.signs.x * v, w);
}

fn forward(x: FftBlock, w: Turns, lane: Lane) -> FftBlock {
    var z = fft_block(RADIX, x);
    z[0] = spread(z[0], w[0].xy, lane);
    if RADIX > 1u { z[1] = spread(z[1], w[0].zw, lane); }
    if RADIX > 2u { z[2] = spread(z[2], w[1].xy, lane); }
    if RADIX > 3u { z[3] = spread(z[3], w[1].zw, lane); }
    if RADIX > 4u { z[4] = spread(z[4], w[2].xy, lane); }
    if RADIX > 5u { z[5] = spread(z[5], w[2].zw, lane); }
    if RADIX > 6u { z[6] = spread(z[6], w[3].xy, lane); }
    if RADIX > 7u { z[7] = spread(z[7], w[3].zw, lane); }
    if RADIX > 8u { z[8] = spread(z[8], w[4].xy, lane); }
    if RADIX > 9u { z[9] = spread(z[9], w[4].zw, lane); }
    if RADIX > 10u { z[10] = spread(z[10], w[5].xy, lane); }
    if RADIX > 11u { z[11] = spread(z[11], w[5].zw, lane); }
    if RADIX > 12u { z[12] = spread(z[12], w[6].xy, lane); }
    if RADIX > 13u { z[13] = spread(z[13], w[6].zw, lane); }
    if RADIX > 14u { z[14] = spread(z[14], w[7].xy, lane); }
    if RADIX > 15u { z[15] = spread(z[15], w[7].zw, lane); }
    if RADIX > 16u { z[16] = spread(z[16], w[8].xy, lane); }
    if RADIX > 17u { z[17] = spread(z[17], w[8].zw, lane); }
    if RADIX > 18u { z[18] = spread(z[18], w[9].xy, lane); }
    if RADIX > 19u { z[19] = spread(z[19], w[9].zw, lane); }
    if RADIX > 20u { z[20] = spread(z[20], w[10].xy, lane); }
    if RADIX > 21u { z[21] = spread(z[21], w[10].zw, lane); }
    if RADIX > 22u { z[22] = spread(z[22], w[11].xy, lane); }
    if RADIX > 23u { z[23] = spread(z[23], w[11].zw, lane); }
    if RADIX > 24u { z[24] = spread(z[24], w[12].xy, lane); }
    if RADIX > 25u { z[25] = spread(z[25], w[12].zw, lane); }
    if RADIX > 26u { z[26] = spread(z[26], w[13].xy, lane); }
    if RADIX > 27u { z[27] = spread(z[27], w[13].zw, lane); }
    if RADIX > 28u { z[28] = spread(z[28], w[14].xy, lane); }
    if RADIX > 29u { z[29] = spread(z[29], w[14].zw, lane); }
    if RADIX > 30u { z[30] = spread(z[30], w[15].xy, lane); }
    if RADIX > 31u { z[31] = spread(z[31], w[15].zw, lane); }
    return z;
}

fn back(x: FftBlock, w: Turns, lane: Lane) -> FftBlock {
    var z = x;
    z[0] = gather(z[0], w[0].xy, lane);
    if RADIX > 1u { z[1] = gather(z[1], w[0].zw, lane); }
    if RADIX > 2u { z[2] = gather(z[2], w[1].xy, lane); }
    if RADIX > 3u { z[3] = gather(z[3], w[1].zw, lane); }
    if RADIX > 4u { z[4] = gather(z[4], w[2].xy, lane); }
    if RADIX > 5u { z[5] = gather(z[5], w[2].zw, lane); }
    if RADIX > 6u { z[6] = gather(z[6], w[3].xy, lane); }
    if RADIX > 7u { z[7] = gather(z[7], w[3].zw, lane); }
    if RADIX > 8u { z[8] = gather(z[8], w[4].xy, lane); }
    if RADIX > 9u { z[9] = gather(z[9], w[4].zw, lane); }
    if RADIX > 10u { z[10] = gather(z[10], w[5].xy, lane); }
    if RADIX > 11u { z[11] = gather(z[11], w[5].zw, lane); }
    if RADIX > 12u { z[12] = gather(z[12], w[6].xy, lane); }
    if RADIX > 13u { z[13] = gather(z[13], w[6].zw, lane); }
    if RADIX > 14u { z[14] = gather(z[14], w[7].xy, lane); }
    if RADIX > 15u { z[15] = gather(z[15], w[7].zw, lane); }
    if RADIX > 16u { z[16] = gather(z[16], w[8].xy, lane); }
    if RADIX > 17u { z[17] = gather(z[17], w[8].zw, lane); }
    if RADIX > 18u { z[18] = gather(z[18], w[9].xy, lane); }
    if RADIX > 19u { z[19] = gather(z[19], w[9].zw, lane); }
    if RADIX > 20u { z[20] = gather(z[20], w[10].xy, lane); }
    if RADIX > 21u { z[21] = gather(z[21], w[10].zw, lane); }
    if RADIX > 22u { z[22] = gather(z[22], w[11].xy, lane); }
    if RADIX > 23u { z[23] = gather(z[23], w[11].zw, lane); }
    if RADIX > 24u { z[24] = gather(z[24], w[12].xy, lane); }
    if RADIX > 25u { z[25] = gather(z[25], w[12].zw, lane); }
    if RADIX > 26u { z[26] = gather(z[26], w[13].xy, lane); }
    if RADIX > 27u { z[27] = gather(z[27], w[13].zw, lane); }
    if RADIX > 28u { z[28] = gather(z[28], w[14].xy, lane); }
    if RADIX > 29u { z[29] = gather(z[29], w[14].zw, lane); }
    if RADIX > 30u { z[30] = gather(z[30], w[15].xy, lane); }
    if RADIX > 31u { z[31] = gather(z[31], w[15].zw, lane); }
    return fft_block(RADIX, z);
}

fn load_turns(lane: u32) -> Turns {
    let at = lane * ((RADIX + 1u) / 2u);
    var w: Turns;
    w[0] = lanes[at + 0u];
    if RADIX > 2u { w[1] = lanes[at + 1u]; }
    if RADIX > 4u { w[2] = lanes[at + 2u]; }
    if RADIX > 6u { w[3] = lanes[at + 3u]; }
    if RADIX > 8u { w[4] = lanes[at + 4u]; }
    if RADIX > 10u { w[5] = lanes[at + 5u]; }
    if RADIX > 12u { w[6] = lanes[at + 6u]; }
    if RADIX > 14u { w[7] = lanes[at + 7u]; }
    if RADIX > 16u { w[8] = lanes[at + 8u]; }
    if RADIX > 18u { w[9] = lanes[at + 9u]; }
    if RADIX > 20u { w[10] = lanes[at + 10u]; }
    if RADIX > 22u { w[11] = lanes[at + 11u]; }
    if RADIX > 24u { w[12] = lanes[at + 12u]; }
    if RADIX > 26u { w[13] = lanes[at + 13u]; }
    if RADIX > 28u { w[14] = lanes[at + 14u]; }
    if RADIX > 30u { w[15] = lanes[at + 15u]; }
    return w;
}

fn load_joints(lane: u32) -> Turns {
    let at = lane * (RADIX / 2u);
    var w: Turns;
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

/// Pair `m` of a line outside.
fn load_outside(row: u32, m: u32) -> vec4<f32> {
    let half = params.extent / 2u;
    if m >= half {
        return vec4(0.0);
    }
    let z = x[params.first + row * half + m];
    if MASKED {
        let sample = indexing_divide(row, params.height);
        return fft_turn_each(z, mask[(row - sample * params.height) * half + m]);
    }
    return z;
}

/// Stores two neighbours of a line of transforms, and two half a line on.
fn store_joined(at: u32, a: vec4<f32>, b: vec4<f32>, w: vec4<f32>) {
    let odd = fft_turn_each(vec4(a.zw, b.zw), w);
    let even = vec4(a.xy, b.xy);
    y[at] = even + odd;
    y[at + 4u * RADIX] = even - odd;
}

@compute @workgroup_size(WORKGROUP)
fn rows(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) index: u32) {
    let lane = lane_of(index);
    let first = (indexing_group(group, groups) * SUBGROUPS + index / 8u) * params.turns;
    let w = load_turns(lane.index);
    let joint = load_joints(lane.index);
    for (var row = first; row < first + params.turns; row++) {
        if row >= params.lines {
            return;
        }
        var z: FftBlock;
        z[0] = load_outside(row, lane.index + 0u);
        if KEPT > 1u { z[1] = load_outside(row, lane.index + 8u); }
        if KEPT > 2u { z[2] = load_outside(row, lane.index + 16u); }
        if KEPT > 3u { z[3] = load_outside(row, lane.index + 24u); }
        if KEPT > 4u { z[4] = load_outside(row, lane.index + 32u); }
        if KEPT > 5u { z[5] = load_outside(row, lane.index + 40u); }
        if KEPT > 6u { z[6] = load_outside(row, lane.index + 48u); }
        if KEPT > 7u { z[7] = load_outside(row, lane.index + 56u); }
        if KEPT > 8u { z[8] = load_outside(row, lane.index + 64u); }
        if KEPT > 9u { z[9] = load_outside(row, lane.index + 72u); }
        if KEPT > 10u { z[10] = load_outside(row, lane.index + 80u); }
        if KEPT > 11u { z[11] = load_outside(row, lane.index + 88u); }
        if KEPT > 12u { z[12] = load_outside(row, lane.index + 96u); }
        if KEPT > 13u { z[13] = load_outside(row, lane.index + 104u); }
        if KEPT > 14u { z[14] = load_outside(row, lane.index + 112u); }
        if KEPT > 15u { z[15] = load_outside(row, lane.index + 120u); }
        if KEPT > 16u { z[16] = load_outside(row, lane.index + 128u); }
        if KEPT > 17u { z[17] = load_outside(row, lane.index + 136u); }
        if KEPT > 18u { z[18] = load_outside(row, lane.index + 144u); }
        if KEPT > 19u { z[19] = load_outside(row, lane.index + 152u); }
        if KEPT > 20u { z[20] = load_outside(row, lane.index + 160u); }
        if KEPT > 21u { z[21] = load_outside(row, lane.index + 168u); }
        if KEPT > 22u { z[22] = load_outside(row, lane.index + 176u); }
        if KEPT > 23u { z[23] = load_outside(row, lane.index + 184u); }
        if KEPT > 24u { z[24] = load_outside(row, lane.index + 192u); }
        if KEPT > 25u { z[25] = load_outside(row, lane.index + 200u); }
        if KEPT > 26u { z[26] = load_outside(row, lane.index + 208u); }
        if KEPT > 27u { z[27] = load_outside(row, lane.index + 216u); }
        if KEPT > 28u { z[28] = load_outside(row, lane.index + 224u); }
        if KEPT > 29u { z[29] = load_outside(row, lane.index + 232u); }
        if KEPT > 30u { z[30] = load_outside(row, lane.index + 240u); }
        if KEPT > 31u { z[31] = load_outside(row, lane.index + 248u); }
        z = forward(z, w, lane);
        let at = row * RADIX * 8u + lane.reversed * (RADIX / 2u);
        store_joined(at + 0u, z[0], z[1], joint[0]);
        if RADIX > 2u { store_joined(at + 1u, z[2], z[3], joint[1]); }
        if RADIX > 4u { store_joined(at + 2u, z[4], z[5], joint[2]); }
        if RADIX > 6u { store_joined(at + 3u, z[6], z[7], joint[3]); }
        if RADIX > 8u { store_joined(at + 4u, z[8], z[9], joint[4]); }
        if RADIX > 10u { store_joined(at + 5u, z[10], z[11], joint[5]); }
        if RADIX > 12u { store_joined(at + 6u, z[12], z[13], joint[6]); }
        if RADIX > 14u { store_joined(at + 7u, z[14], z[15], joint[7]); }
        if RADIX > 16u { store_joined(at + 8u, z[16], z[17], joint[8]); }
        if RADIX > 18u { store_joined(at + 9u, z[18], z[19], joint[9]); }
        if RADIX > 20u { store_joined(at + 10u, z[20], z[21], joint[10]); }
        if RADIX > 22u { store_joined(at + 11u, z[22], z[23], joint[11]); }
        if RADIX > 24u { store_joined(at + 12u, z[24], z[25], joint[12]); }
        if RADIX > 26u { store_joined(at + 13u, z[26], z[27], joint[13]); }
        if RADIX > 28u { store_joined(at + 14u, z[28], z[29], joint[14]); }
        if RADIX > 30u { store_joined(at + 15u, z[30], z[31], joint[15]); }
    }
}

/// Numbers of the even and of the odd line from two neighbours of a line of transforms, and two half a line on, re and im exchanged: the
/// first of the neighbours, or the second.
fn load_parted(at: u32, w: vec4<f32>) -> array<vec4<f32>, 2> {
    let low = x[at].yxwz;
    let high = x[at + 4u * RADIX].yxwz;
    let even = low + high;
    let odd = fft_turn_each(low - high, w);
    return array(vec4(even.xy, odd.xy), vec4(even.zw, odd.zw));
}

fn store_outside(row: u32, m: u32, z: vec4<f32>) {
    let half = params.extent / 2u;
    if m < half {
        y[params.first + row * half + m] = params.scale * z.yxwz;
    }
}

@compute @workgroup_size(WORKGROUP)
fn rows_back(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) index: u32) {
    let lane = lane_of(index);
    let first = (indexing_group(group, groups) * SUBGROUPS + index / 8u) * params.turns;
    let w = load_turns(lane.index);
    let joint = load_joints(lane.index);
    for (var row = first; row < first + params.turns; row++) {
        if row >= params.lines {
            return;
        }
        var z: FftBlock;
        var pair: array<vec4<f32>, 2>;
        let at = row * RADIX * 8u + lane.reversed * (RADIX / 2u);
        pair = load_parted(at + 0u, joint[0]); z[0] = pair[0]; z[1] = pair[1];
        if RADIX > 2u { pair = load_parted(at + 1u, joint[1]); z[2] = pair[0]; z[3] = pair[1]; }
        if RADIX > 4u { pair = load_parted(at + 2u, joint[2]); z[4] = pair[0]; z[5] = pair[1]; }
        if RADIX > 6u { pair = load_parted(at + 3u, joint[3]); z[6] = pair[0]; z[7] = pair[1]; }
        if RADIX > 8u { pair = load_parted(at + 4u, joint[4]); z[8] = pair[0]; z[9] = pair[1]; }
        if RADIX > 10u { pair = load_parted(at + 5u, joint[5]); z[10] = pair[0]; z[11] = pair[1]; }
        if RADIX > 12u { pair = load_parted(at + 6u, joint[6]); z[12] = pair[0]; z[13] = pair[1]; }
        if RADIX > 14u { pair = load_parted(at + 7u, joint[7]); z[14] = pair[0]; z[15] = pair[1]; }
        if RADIX > 16u { pair = load_parted(at + 8u, joint[8]); z[16] = pair[0]; z[17] = pair[1]; }
        if RADIX > 18u { pair = load_parted(at + 9u, joint[9]); z[18] = pair[0]; z[19] = pair[1]; }
        if RADIX > 20u { pair = load_parted(at + 10u, joint[10]); z[20] = pair[0]; z[21] = pair[1]; }
        if RADIX > 22u { pair = load_parted(at + 11u, joint[11]); z[22] = pair[0]; z[23] = pair[1]; }
        if RADIX > 24u { pair = load_parted(at + 12u, joint[12]); z[24] = pair[0]; z[25] = pair[1]; }
        if RADIX > 26u { pair = load_parted(at + 13u, joint[13]); z[26] = pair[0]; z[27] = pair[1]; }
        if RADIX > 28u { pair = load_parted(at + 14u, joint[14]); z[28] = pair[0]; z[29] = pair[1]; }
        if RADIX > 30u { pair = load_parted(at + 15u, joint[15]); z[30] = pair[0]; z[31] = pair[1]; }
        z = back(z, w, lane);
        store_outside(row, lane.index + 0u, z[0]);
        if KEPT > 1u { store_outside(row, lane.index + 8u, z[1]); }
        if KEPT > 2u { store_outside(row, lane.index + 16u, z[2]); }
        if KEPT > 3u { store_outside(row, lane.index + 24u, z[3]); }
        if KEPT > 4u { store_outside(row, lane.index + 32u, z[4]); }
        if KEPT > 5u { store_outside(row, lane.index + 40u, z[5]); }
        if KEPT > 6u { store_outside(row, lane.index + 48u, z[6]); }
        if KEPT > 7u { store_outside(row, lane.index + 56u, z[7]); }
        if KEPT > 8u { store_outside(row, lane.index + 64u, z[8]); }
        if KEPT > 9u { store_outside(row, lane.index + 72u, z[9]); }
        if KEPT > 10u { store_outside(row, lane.index + 80u, z[10]); }
        if KEPT > 11u { store_outside(row, lane.index + 88u, z[11]); }
        if KEPT > 12u { store_outside(row, lane.index + 96u, z[12]); }
        if KEPT > 13u { store_outside(row, lane.index + 104u, z[13]); }
        if KEPT > 14u { store_outside(row, lane.index + 112u, z[14]); }
        if KEPT > 15u { store_outside(row, lane.index + 120u, z[15]); }
        if KEPT > 16u { store_outside(row, lane.index + 128u, z[16]); }
        if KEPT > 17u { store_outside(row, lane.index + 136u, z[17]); }
        if KEPT > 18u { store_outside(row, lane.index + 144u, z[18]); }
        if KEPT > 19u { store_outside(row, lane.index + 152u, z[19]); }
        if KEPT > 20u { store_outside(row, lane.index + 160u, z[20]); }
        if KEPT > 21u { store_outside(row, lane.index + 168u, z[21]); }
        if KEPT > 22u { store_outside(row, lane.index + 176u, z[22]); }
        if KEPT > 23u { store_outside(row, lane.index + 184u, z[23]); }
        if KEPT > 24u { store_outside(row, lane.index + 192u, z[24]); }
        if KEPT > 25u { store_outside(row, lane.index + 200u, z[25]); }
        if KEPT > 26u { store_outside(row, lane.index + 208u, z[26]); }
        if KEPT > 27u { store_outside(row, lane.index + 216u, z[27]); }
        if KEPT > 28u { store_outside(row, lane.index + 224u, z[28]); }
        if KEPT > 29u { store_outside(row, lane.index + 232u, z[29]); }
        if KEPT > 30u { store_outside(row, lane.index + 240u, z[30]); }
        if KEPT > 31u { store_outside(row, lane.index + 248u, z[31]); }
    }
}

/// H of two neighbouring columns in row k of the spectrum.
fn load_transfer(k: u32, column: u32) -> vec4<f32> {
    let row = select(k, 8u * RADIX - k, k > 4u * RADIX) * (params.lines + 1u);
    let next = column + 1u;
    let left = transfer[row + select(column, 2u * params.lines - column, column > params.lines)];
    let right = transfer[row + select(next, 2u * params.lines - next, next > params.lines)];
    let h = vec4(left, right) * params.scale;
    return select(h, h * vec4(1.0, -1.0, 1.0, -1.0), CONJUGATE);
}

/// Two columns in a row of the grid.
fn load_column(at: u32, row: u32) -> vec4<f32> {
    if row >= params.extent {
        return vec4(0.0);
    }
    return y[at + row * params.lines];
}

fn store_column(at: u32, row: u32, z: vec4<f32>) {
    if row < params.extent {
        y[at + row * params.lines] = z.yxwz;
    }
}

@compute @workgroup_size(WORKGROUP)
fn columns(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) index: u32) {
    let lane = lane_of(index);
    let across = (params.lines + SUBGROUPS - 1u) / SUBGROUPS;
    let block = indexing_group(group, groups);
    let pair = block % across * SUBGROUPS + index / 8u;
    if pair >= params.lines {
        return;
    }
    let w = load_turns(lane.index);
    let k = RADIX * lane.reversed;
    var h: FftBlock;
    h[0] = load_transfer(k + 0u, 2u * pair);
    if RADIX > 1u { h[1] = load_transfer(k + 1u, 2u * pair); }
    if RADIX > 2u { h[2] = load_transfer(k + 2u, 2u * pair); }
    if RADIX > 3u { h[3] = load_transfer(k + 3u, 2u * pair); }
    if RADIX > 4u { h[4] = load_transfer(k + 4u, 2u * pair); }
    if RADIX > 5u { h[5] = load_transfer(k + 5u, 2u * pair); }
    if RADIX > 6u { h[6] = load_transfer(k + 6u, 2u * pair); }
    if RADIX > 7u { h[7] = load_transfer(k + 7u, 2u * pair); }
    if RADIX > 8u { h[8] = load_transfer(k + 8u, 2u * pair); }
    if RADIX > 9u { h[9] = load_transfer(k + 9u, 2u * pair); }
    if RADIX > 10u { h[10] = load_transfer(k + 10u, 2u * pair); }
    if RADIX > 11u { h[11] = load_transfer(k + 11u, 2u * pair); }
    if RADIX > 12u { h[12] = load_transfer(k + 12u, 2u * pair); }
    if RADIX > 13u { h[13] = load_transfer(k + 13u, 2u * pair); }
    if RADIX > 14u { h[14] = load_transfer(k + 14u, 2u * pair); }
    if RADIX > 15u { h[15] = load_transfer(k + 15u, 2u * pair); }
    if RADIX > 16u { h[16] = load_transfer(k + 16u, 2u * pair); }
    if RADIX > 17u { h[17] = load_transfer(k + 17u, 2u * pair); }
    if RADIX > 18u { h[18] = load_transfer(k + 18u, 2u * pair); }
    if RADIX > 19u { h[19] = load_transfer(k + 19u, 2u * pair); }
    if RADIX > 20u { h[20] = load_transfer(k + 20u, 2u * pair); }
    if RADIX > 21u { h[21] = load_transfer(k + 21u, 2u * pair); }
    if RADIX > 22u { h[22] = load_transfer(k + 22u, 2u * pair); }
    if RADIX > 23u { h[23] = load_transfer(k + 23u, 2u * pair); }
    if RADIX > 24u { h[24] = load_transfer(k + 24u, 2u * pair); }
    if RADIX > 25u { h[25] = load_transfer(k + 25u, 2u * pair); }
    if RADIX > 26u { h[26] = load_transfer(k + 26u, 2u * pair); }
    if RADIX > 27u { h[27] = load_transfer(k + 27u, 2u * pair); }
    if RADIX > 28u { h[28] = load_transfer(k + 28u, 2u * pair); }
    if RADIX > 29u { h[29] = load_transfer(k + 29u, 2u * pair); }
    if RADIX > 30u { h[30] = load_transfer(k + 30u, 2u * pair); }
    if RADIX > 31u { h[31] = load_transfer(k + 31u, 2u * pair); }
    let first = block / across * params.turns;
    for (var sample = first; sample < first + params.turns; sample++) {
        if sample >= params.samples {
            return;
        }
        let at = sample * params.extent * params.lines + pair;
        var z: FftBlock;
        z[0] = load_column(at, lane.index + 0u);
        if KEPT > 1u { z[1] = load_column(at, lane.index + 8u); }
        if KEPT > 2u { z[2] = load_column(at, lane.index + 16u); }
        if KEPT > 3u { z[3] = load_column(at, lane.index + 24u); }
        if KEPT > 4u { z[4] = load_column(at, lane.index + 32u); }
        if KEPT > 5u { z[5] = load_column(at, lane.index + 40u); }
        if KEPT > 6u { z[6] = load_column(at, lane.index + 48u); }
        if KEPT > 7u { z[7] = load_column(at, lane.index + 56u); }
        if KEPT > 8u { z[8] = load_column(at, lane.index + 64u); }
        if KEPT > 9u { z[9] = load_column(at, lane.index + 72u); }
        if KEPT > 10u { z[10] = load_column(at, lane.index + 80u); }
        if KEPT > 11u { z[11] = load_column(at, lane.index + 88u); }
        if KEPT > 12u { z[12] = load_column(at, lane.index + 96u); }
        if KEPT > 13u { z[13] = load_column(at, lane.index + 104u); }
        if KEPT > 14u { z[14] = load_column(at, lane.index + 112u); }
        if KEPT > 15u { z[15] = load_column(at, lane.index + 120u); }
        if KEPT > 16u { z[16] = load_column(at, lane.index + 128u); }
        if KEPT > 17u { z[17] = load_column(at, lane.index + 136u); }
        if KEPT > 18u { z[18] = load_column(at, lane.index + 144u); }
        if KEPT > 19u { z[19] = load_column(at, lane.index + 152u); }
        if KEPT > 20u { z[20] = load_column(at, lane.index + 160u); }
        if KEPT > 21u { z[21] = load_column(at, lane.index + 168u); }
        if KEPT > 22u { z[22] = load_column(at, lane.index + 176u); }
        if KEPT > 23u { z[23] = load_column(at, lane.index + 184u); }
        if KEPT > 24u { z[24] = load_column(at, lane.index + 192u); }
        if KEPT > 25u { z[25] = load_column(at, lane.index + 200u); }
        if KEPT > 26u { z[26] = load_column(at, lane.index + 208u); }
        if KEPT > 27u { z[27] = load_column(at, lane.index + 216u); }
        if KEPT > 28u { z[28] = load_column(at, lane.index + 224u); }
        if KEPT > 29u { z[29] = load_column(at, lane.index + 232u); }
        if KEPT > 30u { z[30] = load_column(at, lane.index + 240u); }
        if KEPT > 31u { z[31] = load_column(at, lane.index + 248u); }
        z = forward(z, w, lane);
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
        z = back(z, w, lane);
        store_column(at, lane.index + 0u, z[0]);
        if KEPT > 1u { store_column(at, lane.index + 8u, z[1]); }
        if KEPT > 2u { store_column(at, lane.index + 16u, z[2]); }
        if KEPT > 3u { store_column(at, lane.index + 24u, z[3]); }
        if KEPT > 4u { store_column(at, lane.index + 32u, z[4]); }
        if KEPT > 5u { store_column(at, lane.index + 40u, z[5]); }
        if KEPT > 6u { store_column(at, lane.index + 48u, z[6]); }
        if KEPT > 7u { store_column(at, lane.index + 56u, z[7]); }
        if KEPT > 8u { store_column(at, lane.index + 64u, z[8]); }
        if KEPT > 9u { store_column(at, lane.index + 72u, z[9]); }
        if KEPT > 10u { store_column(at, lane.index + 80u, z[10]); }
        if KEPT > 11u { store_column(at, lane.index + 88u, z[11]); }
        if KEPT > 12u { store_column(at, lane.index + 96u, z[12]); }
        if KEPT > 13u { store_column(at, lane.index + 104u, z[13]); }
        if KEPT > 14u { store_column(at, lane.index + 112u, z[14]); }
        if KEPT > 15u { store_column(at, lane.index + 120u, z[15]); }
        if KEPT > 16u { store_column(at, lane.index + 128u, z[16]); }
        if KEPT > 17u { store_column(at, lane.index + 136u, z[17]); }
        if KEPT > 18u { store_column(at, lane.index + 144u, z[18]); }
        if KEPT > 19u { store_column(at, lane.index + 152u, z[19]); }
        if KEPT > 20u { store_column(at, lane.index + 160u, z[20]); }
        if KEPT > 21u { store_column(at, lane.index + 168u, z[21]); }
        if KEPT > 22u { store_column(at, lane.index + 176u, z[22]); }
        if KEPT > 23u { store_column(at, lane.index + 184u, z[23]); }
        if KEPT > 24u { store_column(at, lane.index + 192u, z[24]); }
        if KEPT > 25u { store_column(at, lane.index + 200u, z[25]); }
        if KEPT > 26u { store_column(at, lane.index + 208u, z[26]); }
        if KEPT > 27u { store_column(at, lane.index + 216u, z[27]); }
        if KEPT > 28u { store_column(at, lane.index + 224u, z[28]); }
        if KEPT > 29u { store_column(at, lane.index + 232u, z[29]); }
        if KEPT > 30u { store_column(at, lane.index + 240u, z[30]); }
        if KEPT > 31u { store_column(at, lane.index + 248u, z[31]); }
    }
}
