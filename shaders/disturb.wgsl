// Draws an imperfection anew: value[i] = deviation * z(seed, stream; step, i), the same for every pass of a step, with z of
// mean 0 and variance 1: normal, or uniform within +-sqrt(3) or a part of it. Or sets it to the deviation, where another kernel draws for
// every sample. A stream belongs to one imperfection of one layer, or to one that all layers share. Values at a limit or past it
// are drawn again under other keys, a fixed number of times, and then are 0.
// Layout: an invocation owns an element. Reference: src/reference/disturb.rs

import package::shared::clock::{Clock};
import package::shared::indexing::{indexing_group};
import package::shared::random::{RANDOM_ATTEMPTS, random_again, random_bits, random_normal, random_unit};

const WORKGROUP: u32 = 64u;
const SQRT_3: f32 = 1.7320508075688772;

struct Params {
    count: u32,
    stream: u32,
    uniformly: u32,
    deviation: f32,
    first: f32,             // uniform numbers come from this part of their range: where it starts, of 1
    share: f32,             // and how large it is
    limit: f32,             // 0: none
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<uniform> clock: Clock;
@group(0) @binding(2) var<storage, read_write> value: array<f32>;       // [count]

/// Two independent numbers from random bits.
fn drawn(bits: vec2<u32>) -> vec2<f32> {
    if params.uniformly == 1u {
        let units = params.first + params.share * vec2(random_unit(bits.x), random_unit(bits.y));
        return SQRT_3 * (2.0 * units - 1.0);
    }
    return random_normal(bits);
}

@compute @workgroup_size(WORKGROUP)
fn forward(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let at = indexing_group(group, groups) * WORKGROUP + lane;
    if at >= params.count {
        return;
    }
    var found = 0.0;
    for (var attempt = 0u; attempt < RANDOM_ATTEMPTS; attempt++) {
        let key = random_again(vec2(clock.seed, params.stream), attempt);
        let pair = drawn(random_bits(key, vec2(clock.step, at / 2u)));
        let next = params.deviation * select(pair.x, pair.y, (at & 1u) == 1u);
        if params.limit == 0.0 || abs(next) < params.limit {
            found = next;
            break;
        }
    }
    value[at] = found;
}

@compute @workgroup_size(WORKGROUP)
fn constant(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let at = indexing_group(group, groups) * WORKGROUP + lane;
    if at < params.count {
        value[at] = params.deviation;
    }
}
