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
    limit: f32,             // what `limited` keeps values within
    alike: u32,             // 1: all elements are the first
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<uniform> clock: Clock;
@group(0) @binding(2) var<storage, read_write> value: array<f32>;       // [count]

/// A number of the standard deviation, by the random bits of an attempt.
fn drawn(element: u32, attempt: u32) -> f32 {
    let at = select(element, 0u, params.alike == 1u);
    let bits = random_bits(random_again(vec2(clock.seed, params.stream), attempt), vec2(clock.step, at / 2u));
    var pair = vec2(0.0);
    if params.uniformly == 1u {
        let units = params.first + params.share * vec2(random_unit(bits.x), random_unit(bits.y));
        pair = SQRT_3 * (2.0 * units - 1.0);
    } else {
        pair = random_normal(bits);
    }
    return params.deviation * select(pair.x, pair.y, (at & 1u) == 1u);
}

@compute @workgroup_size(WORKGROUP)
fn forward(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let at = indexing_group(group, groups) * WORKGROUP + lane;
    if at < params.count {
        value[at] = drawn(at, 0u);
    }
}

/// An entry point of its own, as the loop costs a fourth even where the first draw fits.
@compute @workgroup_size(WORKGROUP)
fn limited(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let at = indexing_group(group, groups) * WORKGROUP + lane;
    if at >= params.count {
        return;
    }
    var found = 0.0;
    for (var attempt = 0u; attempt < RANDOM_ATTEMPTS; attempt++) {
        let next = drawn(at, attempt);
        if abs(next) < params.limit {
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
