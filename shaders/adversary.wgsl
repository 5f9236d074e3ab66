// A step of the adversary that moves imperfections within a box, in place: c <- hold(c + step sign(g)), hold: to -range..range.
// Where g is 0 the element does not step. One number g may count for all elements. NaN of either stays NaN, by its bits.
// Sources: Goodfellow et al., ICLR 2015 (the step); Madry et al., ICLR 2018 (the box).
// Layout: an invocation owns an element. Reference: src/reference/adversary.rs

import package::shared::indexing::{indexing_group};

const WORKGROUP: u32 = 64u;

struct Params {
    count: u32,
    only_one: u32,       // 1: g is one number
    step: f32,
    range: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> g: array<f32>;                 // [count] or [1]
@group(0) @binding(2) var<storage, read_write> c: array<f32>;           // [count]

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
    let is_nan = (bitcast<u32>(slope) & 0x7fffffffu) > 0x7f800000u;
    c[at] = select(held, slope, is_nan);
}
