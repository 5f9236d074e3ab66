// A plane that turns light by angles a along x and y, degrees:
//   t' = t r         r = exp(2 pi i (h_x c_x + h_y c_y))         c = pitch / (2 lambda) sin(a)
// h are half samples from the middle of the grid, whole numbers. c is cut into two numbers of 12 bits, so that products with h are
// exact up to 4,096 of them, and whole turns are taken off before anything is rounded.
//   turn      t' from t in place, or d_t = conj(r) d_t'; without angles what is there stays
//   partial   sums over runs of samples of h Re(conj(i t) d_t); r may be in both or in neither
//   total     d_a = pi / 180 cos(a) pi pitch / lambda times the sum of them
// Layout: `turn`, `partial`: a workgroup takes 1,024 samples; `total`: one adds up what they left.
// Reference: src/reference/tilt.rs

import package::shared::complex::{complex_mul};
import package::shared::indexing::{INDEXING_TURNS, indexing_divide, indexing_group};
import package::shared::math::{MATH_TAU, math_circle, math_turn};
import package::shared::reduce::{reduce_sum};

const WORKGROUP: u32 = 64u;
const RADIAN: f32 = 0.017453292519943296;        // a degree

struct Params {
    height: u32,
    width: u32,
    element: u32,        // of the angles
    n_groups: u32,       // workgroups of `partial`
    component: u32,      // of the angles, in `total`: 0 along x, 1 along y
    added: u32,          // 1: `total` adds to what is there
    back: u32,           // 1: conj(r)
    rate: f32,           // pitch / (2 lambda)
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> angle_x: array<f32>;               // [n] degrees
@group(0) @binding(2) var<storage, read> angle_y: array<f32>;               // [n] degrees
@group(0) @binding(3) var<storage, read_write> t: array<vec2<f32>>;         // [height, width] complex
@group(0) @binding(4) var<storage, read> turned: array<vec2<f32>>;          // t or t'
@group(0) @binding(5) var<storage, read> d_turned: array<vec2<f32>>;        // gradient of it
@group(0) @binding(6) var<storage, read_write> partials: array<f32>;        // [n_groups, 2]
@group(0) @binding(7) var<storage, read> angle: array<f32>;                 // [n] degrees, one of both
@group(0) @binding(8) var<storage, read> summands: array<f32>;              // partials, read back
@group(0) @binding(9) var<storage, read_write> d_angle: array<f32>;         // [n]

/// Half samples from the middle along x and y.
fn halves(at: u32) -> vec2<f32> {
    let row = indexing_divide(at, params.width);
    let column = at - row * params.width;
    return vec2<f32>(2 * vec2(i32(column), i32(row)) + 1 - vec2(i32(params.width), i32(params.height)));
}

/// Turns h c, less most whole ones.
fn turns(h: f32, c: f32) -> f32 {
    let high = bitcast<f32>(bitcast<u32>(c) & 0xfffff000u);
    let most = h * high;
    return (most - floor(most + 0.5)) + h * (c - high);
}

@compute @workgroup_size(WORKGROUP)
fn turn(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let angles = vec2(angle_x[params.element], angle_y[params.element]);
    if all(angles == vec2(0.0)) {
        return;
    }
    let c = params.rate * vec2(math_circle(RADIAN * angles.x).y, math_circle(RADIAN * angles.y).y);
    var at = indexing_group(group, groups) * INDEXING_TURNS * WORKGROUP + lane;
    for (var turn = 0u; turn < INDEXING_TURNS && at < params.height * params.width; turn++) {
        let h = halves(at);
        let whole = turns(h.x, c.x) + turns(h.y, c.y);
        var r = math_turn(whole - floor(whole + 0.5));
        if params.back == 1u {
            r.y = -r.y;
        }
        t[at] = complex_mul(t[at], r);
        at += WORKGROUP;
    }
}

@compute @workgroup_size(WORKGROUP)
fn partial(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let index = indexing_group(group, groups);
    var sum = vec2(0.0);
    if index < params.n_groups {
        for (var at = index * WORKGROUP + lane; at < params.height * params.width; at += params.n_groups * WORKGROUP) {
            let z = turned[at];
            let d = d_turned[at];
            sum += halves(at) * (z.x * d.y - z.y * d.x);
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
        let cosine = math_circle(RADIAN * angle[params.element]).x;
        let before = select(0.0, d_angle[params.element], params.added == 1u);
        d_angle[params.element] = before + MATH_TAU * RADIAN * params.rate * cosine * all;
    }
}
