// Discrete Fourier transforms of n = 8 r numbers by the eight lanes of a subgroup, two at a time: number j = lane + 8 q of x is in slot q, of
// r. y_k = the DFT over q in registers (to k1), times exp(-2 pi i lane k1 / n), and the DFT over the lanes by three butterflies (to
// k2, whose bits come out reversed): k = k1 + r k2. The way back is the transpose: it takes numbers in the order in which these leave, and gives them in the
// order in which those came; as the matrix is symmetric, it is the same transform.

import package::shared::fft::{FftBlock, fft_block, fft_quarter, fft_turn};

/// exp(-2 pi i lane k1 / n), two k1 an element.
alias LanesTurns = array<vec4<f32>, 16>;

/// How a lane takes part.
struct Lanes {
    index: u32,
    reversed: u32,      // its k2
    signs: vec3<f32>,   // -1 where it is the upper one at distance 4, 2, 1
    turn: vec2<f32>,    // between the first butterfly and the second
    quarter: bool,      // whether it turns between the second and the third
}

fn lanes_of(index: u32) -> Lanes {
    let lane = index % 8u;
    let half = sqrt(0.5);
    var turn = vec2(1.0, 0.0);
    if lane == 5u { turn = vec2(half, -half); }
    if lane == 6u { turn = vec2(0.0, -1.0); }
    if lane == 7u { turn = vec2(-half, -half); }
    let upper = vec3((lane & 4u) != 0u, (lane & 2u) != 0u, (lane & 1u) != 0u);
    let reversed = (lane & 1u) * 4u + (lane & 2u) + (lane >> 2u);
    return Lanes(lane, reversed, select(vec3(1.0), vec3(-1.0), upper), turn, (lane & 3u) == 3u);
}

/// The DFT over the lanes, of numbers that are first turned by w.
fn lanes_spread(z: vec4<f32>, w: vec2<f32>, lane: Lanes) -> vec4<f32> {
    var v = fft_turn(z, w);
    v = fft_turn(subgroupShuffleXor(v, 4u) + lane.signs.x * v, lane.turn);
    v = subgroupShuffleXor(v, 2u) + lane.signs.y * v;
    v = select(v, -fft_quarter(v), lane.quarter);
    return subgroupShuffleXor(v, 1u) + lane.signs.z * v;
}

/// Its transpose.
fn lanes_gather(z: vec4<f32>, w: vec2<f32>, lane: Lanes) -> vec4<f32> {
    var v = subgroupShuffleXor(z, 1u) + lane.signs.z * z;
    v = select(v, -fft_quarter(v), lane.quarter);
    v = fft_turn(subgroupShuffleXor(v, 2u) + lane.signs.y * v, lane.turn);
    return fft_turn(subgroupShuffleXor(v, 4u) + lane.signs.x * v, w);
}

/// The transform.
fn lanes_forward(radix: u32, x: FftBlock, w: LanesTurns, lane: Lanes) -> FftBlock {
    var z = fft_block(radix, x);
    z[0] = lanes_spread(z[0], w[0].xy, lane);
    if radix > 1u { z[1] = lanes_spread(z[1], w[0].zw, lane); }
    if radix > 2u { z[2] = lanes_spread(z[2], w[1].xy, lane); }
    if radix > 3u { z[3] = lanes_spread(z[3], w[1].zw, lane); }
    if radix > 4u { z[4] = lanes_spread(z[4], w[2].xy, lane); }
    if radix > 5u { z[5] = lanes_spread(z[5], w[2].zw, lane); }
    if radix > 6u { z[6] = lanes_spread(z[6], w[3].xy, lane); }
    if radix > 7u { z[7] = lanes_spread(z[7], w[3].zw, lane); }
    if radix > 8u { z[8] = lanes_spread(z[8], w[4].xy, lane); }
    if radix > 9u { z[9] = lanes_spread(z[9], w[4].zw, lane); }
    if radix > 10u { z[10] = lanes_spread(z[10], w[5].xy, lane); }
    if radix > 11u { z[11] = lanes_spread(z[11], w[5].zw, lane); }
    if radix > 12u { z[12] = lanes_spread(z[12], w[6].xy, lane); }
    if radix > 13u { z[13] = lanes_spread(z[13], w[6].zw, lane); }
    if radix > 14u { z[14] = lanes_spread(z[14], w[7].xy, lane); }
    if radix > 15u { z[15] = lanes_spread(z[15], w[7].zw, lane); }
    if radix > 16u { z[16] = lanes_spread(z[16], w[8].xy, lane); }
    if radix > 17u { z[17] = lanes_spread(z[17], w[8].zw, lane); }
    if radix > 18u { z[18] = lanes_spread(z[18], w[9].xy, lane); }
    if radix > 19u { z[19] = lanes_spread(z[19], w[9].zw, lane); }
    if radix > 20u { z[20] = lanes_spread(z[20], w[10].xy, lane); }
    if radix > 21u { z[21] = lanes_spread(z[21], w[10].zw, lane); }
    if radix > 22u { z[22] = lanes_spread(z[22], w[11].xy, lane); }
    if radix > 23u { z[23] = lanes_spread(z[23], w[11].zw, lane); }
    if radix > 24u { z[24] = lanes_spread(z[24], w[12].xy, lane); }
    if radix > 25u { z[25] = lanes_spread(z[25], w[12].zw, lane); }
    if radix > 26u { z[26] = lanes_spread(z[26], w[13].xy, lane); }
    if radix > 27u { z[27] = lanes_spread(z[27], w[13].zw, lane); }
    if radix > 28u { z[28] = lanes_spread(z[28], w[14].xy, lane); }
    if radix > 29u { z[29] = lanes_spread(z[29], w[14].zw, lane); }
    if radix > 30u { z[30] = lanes_spread(z[30], w[15].xy, lane); }
    if radix > 31u { z[31] = lanes_spread(z[31], w[15].zw, lane); }
    return z;
}

/// The way back.
fn lanes_back(radix: u32, x: FftBlock, w: LanesTurns, lane: Lanes) -> FftBlock {
    var z = x;
    z[0] = lanes_gather(z[0], w[0].xy, lane);
    if radix > 1u { z[1] = lanes_gather(z[1], w[0].zw, lane); }
    if radix > 2u { z[2] = lanes_gather(z[2], w[1].xy, lane); }
    if radix > 3u { z[3] = lanes_gather(z[3], w[1].zw, lane); }
    if radix > 4u { z[4] = lanes_gather(z[4], w[2].xy, lane); }
    if radix > 5u { z[5] = lanes_gather(z[5], w[2].zw, lane); }
    if radix > 6u { z[6] = lanes_gather(z[6], w[3].xy, lane); }
    if radix > 7u { z[7] = lanes_gather(z[7], w[3].zw, lane); }
    if radix > 8u { z[8] = lanes_gather(z[8], w[4].xy, lane); }
    if radix > 9u { z[9] = lanes_gather(z[9], w[4].zw, lane); }
    if radix > 10u { z[10] = lanes_gather(z[10], w[5].xy, lane); }
    if radix > 11u { z[11] = lanes_gather(z[11], w[5].zw, lane); }
    if radix > 12u { z[12] = lanes_gather(z[12], w[6].xy, lane); }
    if radix > 13u { z[13] = lanes_gather(z[13], w[6].zw, lane); }
    if radix > 14u { z[14] = lanes_gather(z[14], w[7].xy, lane); }
    if radix > 15u { z[15] = lanes_gather(z[15], w[7].zw, lane); }
    if radix > 16u { z[16] = lanes_gather(z[16], w[8].xy, lane); }
    if radix > 17u { z[17] = lanes_gather(z[17], w[8].zw, lane); }
    if radix > 18u { z[18] = lanes_gather(z[18], w[9].xy, lane); }
    if radix > 19u { z[19] = lanes_gather(z[19], w[9].zw, lane); }
    if radix > 20u { z[20] = lanes_gather(z[20], w[10].xy, lane); }
    if radix > 21u { z[21] = lanes_gather(z[21], w[10].zw, lane); }
    if radix > 22u { z[22] = lanes_gather(z[22], w[11].xy, lane); }
    if radix > 23u { z[23] = lanes_gather(z[23], w[11].zw, lane); }
    if radix > 24u { z[24] = lanes_gather(z[24], w[12].xy, lane); }
    if radix > 25u { z[25] = lanes_gather(z[25], w[12].zw, lane); }
    if radix > 26u { z[26] = lanes_gather(z[26], w[13].xy, lane); }
    if radix > 27u { z[27] = lanes_gather(z[27], w[13].zw, lane); }
    if radix > 28u { z[28] = lanes_gather(z[28], w[14].xy, lane); }
    if radix > 29u { z[29] = lanes_gather(z[29], w[14].zw, lane); }
    if radix > 30u { z[30] = lanes_gather(z[30], w[15].xy, lane); }
    if radix > 31u { z[31] = lanes_gather(z[31], w[15].zw, lane); }
    return fft_block(radix, z);
}
