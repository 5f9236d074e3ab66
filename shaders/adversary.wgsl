// A step of the adversary that moves imperfections.
// Within a box (forward), in place: c <- hold(c + step sign(g)), hold: to -range..range. Where g is 0 the element does not step. One
// number g may count for all elements. NaN of either stays NaN, by its bits.
// Within an ellipsoid (climb), in place: u <- hold(u + step g / ||g||), hold: to ||u|| <= 1, of the vector u that `relative` makes of
// imperfections that have one value each, u_k = c_k / range_k, and `absolute` makes them of. Element k of u and of g, the gradient with
// respect to u, lies at k STRIDE. Where all of g is 0 there is no step. NaN of one is NaN for all.
// Sources: Goodfellow et al., ICLR 2015 (steps along the sign); Madry et al., ICLR 2018 (the box, and the ball).
// Layout: an invocation owns an element; of climb, one all. Reference: src/reference/adversary.rs

import package::shared::indexing::{indexing_group};

const WORKGROUP: u32 = 64u;
const STRIDE: u32 = 64u;     // words: where a tensor may begin

struct Params {
    count: u32,          // of climb: imperfections
    only_one: u32,       // 1: g is one number
    step: f32,
    range: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> g: array<f32>;                 // [count] or [1]
@group(0) @binding(2) var<storage, read_write> c: array<f32>;           // [count]
@group(0) @binding(3) var<storage, read> first: array<f32>;             // c of `relative`, [any]; u_k of `absolute`, [1]
@group(0) @binding(4) var<storage, read_write> u: array<f32>;           // [count, STRIDE]; u_k of `relative`, [1]

fn is_nan(x: f32) -> bool {
    return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u;
}

@compute @workgroup_size(WORKGROUP)
fn forward(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let at = indexing_group(group, groups) * WORKGROUP + lane;
    if at >= params.count {
        return;
    }
    let slope = g[select(at, 0u, params.only_one == 1u)];
    let up = select(0.0, params.step, slope > 0.0);
    let next = c[at] + select(up, -params.step, slope < 0.0);
    let below = select(next, params.range, next > params.range);
    let held = select(below, -params.range, below < -params.range);
    c[at] = select(held, slope, is_nan(slope));
}

@compute @workgroup_size(1)
fn relative() {
    u[0] = first[0] / params.range;
}

@compute @workgroup_size(WORKGROUP)
fn absolute(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let at = indexing_group(group, groups) * WORKGROUP + lane;
    if at < params.count {
        c[at] = params.range * first[0];
    }
}

@compute @workgroup_size(1)
fn climb() {
    // Lengths are taken of parts of the largest, whose squares are numbers.
    var largest = 0.0;
    for (var k = 0u; k < params.count; k++) {
        let size = abs(g[k * STRIDE]);
        largest = select(largest, size, size > largest || is_nan(size));
    }
    let whole = select(largest, 1.0, largest == 0.0);
    var squares = 0.0;
    for (var k = 0u; k < params.count; k++) {
        let part = g[k * STRIDE] / whole;
        squares += part * part;
    }
    let step = params.step / select(sqrt(squares), 1.0, squares == 0.0);
    var outside = 0.0;
    for (var k = 0u; k < params.count; k++) {
        let next = u[k * STRIDE] + step * (g[k * STRIDE] / whole);
        u[k * STRIDE] = next;
        outside += next * next;
    }
    if outside > 1.0 {
        let back = 1.0 / sqrt(outside);
        for (var k = 0u; k < params.count; k++) {
            u[k * STRIDE] *= back;
        }
    }
}
