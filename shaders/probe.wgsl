// Probes of the flat parameter vector: a gradient from measured losses alone. Probe k of a step goes from the centre q both ways,
//   p(+-) = hold(q +- c d)     hold: to the bounds of a parameter; c: its radius; d: the direction
// and what the losses L(+-) of the batch differ by becomes a gradient, added up over the probes of a step:
//   g_i (+)= weight / rows (sum L(+) - sum L(-)) / (p(+)_i - p(-)_i),   0 where d_i is 0 or nothing moved
// which inside the bounds is a difference over 2 c d_i. The first probe of a step overwrites g, the others add. Directions:
//   signs         +-1 for all that may move, the bits of (seed, stream, k; step, i / 64) (Spall, IEEE Trans. Autom. Control 37, 332 (1992))
//   coordinate    1 for the k-th parameter that may move, 0 for the others
// What may not move, padding included, is not touched, and has a gradient of 0. NaN is passed on.
// k lies on the device, as plans are recorded once and replayed for every probe: `advance` counts it on, and back to 0 after the last.
// Layout: an invocation owns four neighbours; vectors are whole blocks of 64 words. Reference: src/reference/probe.rs

import package::shared::clock::{Clock};
import package::shared::indexing::{indexing_group};
import package::shared::random::{random_again, random_bits};
import package::shared::segments::{SEGMENTS_QUADS, segments_project};

const WORKGROUP: u32 = 64u;
const COORDINATE: u32 = 1u;

struct Params {
    count: u32,          // words / 4
    first: u32,          // number of the first block
    direction: u32,      // 0: signs; COORDINATE
    stream: u32,
    probes: u32,         // of a step
    side: f32,           // +1, -1, or 0 for the way back
    weight: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<uniform> clock: Clock;
@group(0) @binding(2) var<storage, read> number: array<u32>;                // [1], k
@group(0) @binding(3) var<storage, read> reach: array<vec4<f32>>;           // [count / 64, 4]: radius, how many may move, number of the first, 0
@group(0) @binding(4) var<storage, read> segments: array<vec4<f32>>;        // [count / 64, 4]
@group(0) @binding(5) var<storage, read> centre: array<vec4<f32>>;          // [count]
@group(0) @binding(6) var<storage, read_write> parameters: array<vec4<f32>>;// [count]
@group(0) @binding(7) var<storage, read> total: array<f32>;                 // [1], sum L(+) - sum L(-)
@group(0) @binding(8) var<storage, read_write> gradient: array<vec4<f32>>;  // [count]
@group(0) @binding(9) var<storage, read_write> counter: array<u32>;         // number, written

/// Which of four neighbours may move.
fn may_move(at: u32) -> vec4<bool> {
    return vec4<f32>(places(at)) < vec4(reach[at / SEGMENTS_QUADS].y);
}

/// Places of four neighbours in their block.
fn places(at: u32) -> vec4<u32> {
    return at % SEGMENTS_QUADS * 4u + vec4(0u, 1u, 2u, 3u);
}

/// Where the probe goes from four neighbours, had they all to move.
fn direction(at: u32) -> vec4<f32> {
    let block = at / SEGMENTS_QUADS;
    let place = places(at);
    if params.direction == COORDINATE {
        return select(vec4(0.0), vec4(1.0), vec4<u32>(u32(reach[block].z)) + place == vec4(number[0]));
    }
    let bits = random_bits(random_again(vec2(clock.seed, params.stream), number[0]), vec2(clock.step, params.first + block));
    let word = select(bits.x, bits.y, place.x >= 32u);
    return 1.0 - 2.0 * vec4<f32>((vec4(word) >> (place & vec4(31u))) & vec4(1u));
}

/// Where one side of the probe meets them.
fn met(at: u32, way: vec4<f32>, side: f32) -> vec4<f32> {
    let block = at / SEGMENTS_QUADS;
    return segments_project(segments[block], centre[at] + side * reach[block].x * way);
}

@compute @workgroup_size(WORKGROUP)
fn displace(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let at = indexing_group(group, groups) * WORKGROUP + lane;
    if at >= params.count {
        return;
    }
    let way = direction(at);
    // Exactly the centre where nothing moves: the way back, and all but one coordinate.
    let there = select(met(at, way, params.side), centre[at], way * params.side == vec4(0.0));
    parameters[at] = select(parameters[at], there, may_move(at));
}

@compute @workgroup_size(WORKGROUP)
fn difference(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let at = indexing_group(group, groups) * WORKGROUP + lane;
    if at >= params.count {
        return;
    }
    let way = direction(at);
    let span = met(at, way, 1.0) - met(at, way, -1.0);
    let slope = params.weight / f32(clock.rows) * total[0] / span;
    let still = !may_move(at) | (way == vec4(0.0)) | (span == vec4(0.0));
    let before = select(gradient[at], vec4(0.0), number[0] == 0u);
    gradient[at] = before + select(slope, vec4(0.0), still);
}

@compute @workgroup_size(1)
fn advance() {
    counter[0] = (counter[0] + 1u) % params.probes;
}
