// A thin lens in a round aperture, moved by a shift s from the middle of the grid:
//   t = exp(-2 pi i k |u|^2) where |u|^2 <= limit, else 0         k = pitch^2 / (8 lambda f)
// u are half samples from the middle of the lens, and limit is the square of the aperture's diameter in samples. With the nearest
// whole shift taken off, u = h - 2 p, h are whole numbers and |p| <= 1/2:
//   |u|^2 = |h|^2 + 4 (|p|^2 - h p)
// k is a number of 2^-32 turns and what that leaves. Products of whole numbers wrap at 2^32, a turn, so that the phase has the
// same digits however many turns it has.
//   partial   sums over runs of samples of u Re(conj(i t) d_t)
//   total     d_s = 8 pi k times the sum of them
// A shift that is not below 2^23 samples gives NaN.
// Layout: `forward`: an invocation owns a sample; `partial`: a workgroup takes 1,024 samples, `total`: one adds up what they left.
// Reference: src/reference/lens.rs

import package::shared::indexing::{indexing_divide, indexing_group};
import package::shared::math::{MATH_TAU, math_turn};
import package::shared::reduce::{reduce_sum};

const WORKGROUP: u32 = 64u;
const TURN: f32 = 2.3283064365386963e-10;        // 2^-32
const FARTHEST: u32 = 0x4b000000u;               // 2^23, its bits; infinity and NaN lie above

struct Params {
    height: u32,
    width: u32,
    element: u32,        // of the shifts
    n_groups: u32,       // workgroups of `partial`
    component: u32,      // of the shift, in `total`: 0 along x, 1 along y
    added: u32,          // 1: `total` adds to what is there
    turn: u32,           // k, in 2^-32 turns ...
    rest: f32,           // ... and the rest, turns
    step: f32,           // 4 k, turns
    limit: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> shift_x: array<f32>;               // [n] samples
@group(0) @binding(2) var<storage, read> shift_y: array<f32>;               // [n] samples
@group(0) @binding(3) var<storage, read_write> t: array<vec2<f32>>;         // [height, width] complex
@group(0) @binding(4) var<storage, read> d_t: array<vec2<f32>>;             // [height, width] complex
@group(0) @binding(5) var<storage, read_write> partials: array<f32>;        // [n_groups, 2]
@group(0) @binding(6) var<storage, read> summands: array<f32>;              // partials, read back
@group(0) @binding(7) var<storage, read_write> d_shift: array<f32>;         // [n]

/// u and t of a sample.
struct Sample {
    u: vec2<f32>,
    t: vec2<f32>,
}

fn sample_at(at: u32) -> Sample {
    let shift = vec2(shift_x[params.element], shift_y[params.element]);
    if any((bitcast<vec2<u32>>(shift) & vec2(0x7fffffffu)) >= vec2(FARTHEST)) {
        let none = vec2(bitcast<f32>(0x7fc00000u + (params.width & 0u)));
        return Sample(none, none);
    }
    let whole = floor(shift + 0.5);
    let p = shift - whole;
    let row = indexing_divide(at, params.width);
    let place = vec2(i32(at - row * params.width), i32(row)) - vec2<i32>(whole);
    let h = 2 * place + 1 - vec2(i32(params.width), i32(params.height));
    let near = vec2<f32>(h);
    let u = near - 2.0 * p;
    if dot(u, u) > params.limit {
        return Sample(u, vec2(0.0));
    }
    let square = bitcast<u32>(h.x * h.x + h.y * h.y);
    let turns = f32(bitcast<i32>(square * params.turn)) * TURN + dot(near, near) * params.rest + params.step * (dot(p, p) - dot(near, p));
    return Sample(u, math_turn(floor(turns + 0.5) - turns));
}

@compute @workgroup_size(WORKGROUP)
fn forward(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let at = indexing_group(group, groups) * WORKGROUP + lane;
    if at < params.height * params.width {
        t[at] = sample_at(at).t;
    }
}

@compute @workgroup_size(WORKGROUP)
fn partial(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let index = indexing_group(group, groups);
    var sum = vec2(0.0);
    if index < params.n_groups {
        for (var at = index * WORKGROUP + lane; at < params.height * params.width; at += params.n_groups * WORKGROUP) {
            let here = sample_at(at);
            let d = d_t[at];
            sum += here.u * (here.t.x * d.y - here.t.y * d.x);
        }
    }
    for (var component = 0u; component < 2u; component += 1u) {
        let all = reduce_sum(lane, sum[component]);
        if lane == 0u && index < params.n_groups {
            partials[2u * index + component] = all;
        }
    }
}

@compute @workgroup_size(WORKGROUP)
fn total(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    var sum = 0.0;
    for (var at = lane; at < params.n_groups; at += WORKGROUP) {
        sum += summands[2u * at + params.component];
    }
    let all = reduce_sum(lane, sum);
    if lane == 0u && indexing_group(group, groups) == 0u {
        let before = select(0.0, d_shift[params.element], params.added == 1u);
        d_shift[params.element] = before + MATH_TAU * params.step * all;
    }
}
