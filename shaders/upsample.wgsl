// Images made larger, every pixel repeated: y[row, column] = x[row / f, column / f], rounded down, for a whole factor f.
//   backward   d_x = sum of d_y over the f x f pixels that repeat x
// Layout: an invocation owns an element of x and all that repeat it. Reference: src/reference/upsample.rs

import package::shared::indexing::{indexing_group, indexing_divide};

const WORKGROUP: u32 = 64u;

struct Params {
    count: u32,          // elements of x
    width: u32,          // of x
    factor: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;             // [planes, height, width]
@group(0) @binding(2) var<storage, read_write> y: array<f32>;       // [planes, factor height, factor width]
@group(0) @binding(3) var<storage, read> d_y: array<f32>;           // as y
@group(0) @binding(4) var<storage, read_write> d_x: array<f32>;     // as x

/// The first of the elements of y that repeat an element of x, and how far it is from line to line.
fn repeated(at: u32) -> vec2<u32> {
    // As every plane has a whole number of lines, lines of all planes are counted.
    let line = indexing_divide(at, params.width);
    let stride = params.factor * params.width;
    return vec2(params.factor * (line * stride + at - line * params.width), stride);
}

@compute @workgroup_size(WORKGROUP)
fn forward(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let at = indexing_group(group, groups) * WORKGROUP + lane;
    if at >= params.count {
        return;
    }
    let value = x[at];
    let first = repeated(at);
    for (var row = 0u; row < params.factor; row++) {
        for (var column = 0u; column < params.factor; column++) {
            y[first.x + row * first.y + column] = value;
        }
    }
}

@compute @workgroup_size(WORKGROUP)
fn backward(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let at = indexing_group(group, groups) * WORKGROUP + lane;
    if at >= params.count {
        return;
    }
    let first = repeated(at);
    var sum = 0.0;
    // A line by itself, as a sum of sums rounds less.
    for (var row = 0u; row < params.factor; row++) {
        var line = 0.0;
        for (var column = 0u; column < params.factor; column++) {
            line += d_y[first.x + row * first.y + column];
        }
        sum += line;
    }
    d_x[at] = sum;
}
