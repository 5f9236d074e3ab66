// A shortcut past layers, without parameters (He et al., CVPR 2016):
//   y = x + s(source), and 0 where that is below 0 if it is rectified
// s takes the mean of every window of w x w pixels, side by side, and puts channels of zeros behind those of the source.
//   backward   d_x = held = d_y, and 0 where y is not above 0 if it is rectified
//   gather     d_source <- d_source + s'(held): every pixel of a window has a share of 1 / w^2
// Layout: an invocation owns an element of y and the window of the source that it meets, or four neighbours where every element
// meets one of its own; what it makes of the words between the end and the next multiple of four is nobody's. NaN passes.
// Reference: src/reference/shortcut.rs

import package::shared::indexing::{indexing_group, indexing_divide};

const WORKGROUP: u32 = 64u;

struct Params {
    count: u32,          // elements of y, those that meet the source, or a quarter of all, rounded up
    channels: u32,       // of y
    height: u32,         // of y
    width: u32,          // of y
    source_channels: u32,
    window: u32,
    rectify: u32,        // 1 or 0
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;                     // [batch, channels, height, width]
@group(0) @binding(2) var<storage, read> source: array<f32>;                // [batch, source_channels, w height, w width]
@group(0) @binding(3) var<storage, read_write> y: array<f32>;               // [batch, channels, height, width]
@group(0) @binding(4) var<storage, read> held: array<f32>;                  // as y
@group(0) @binding(5) var<storage, read_write> d_source: array<f32>;        // as source
@group(0) @binding(6) var<storage, read> x_quads: array<vec4<f32>>;         // x, source and y again, all of one shape
@group(0) @binding(7) var<storage, read> source_quads: array<vec4<f32>>;
@group(0) @binding(8) var<storage, read_write> y_quads: array<vec4<f32>>;
@group(0) @binding(9) var<storage, read> output_quads: array<vec4<f32>>;    // y of the forward pass
@group(0) @binding(10) var<storage, read> d_y_quads: array<vec4<f32>>;      // as y
@group(0) @binding(11) var<storage, read_write> d_x_quads: array<vec4<f32>>;    // as y
@group(0) @binding(12) var<storage, read_write> held_quads: array<vec4<f32>>;   // as y

/// Sample, channel, row and column of an element of images of this size.
fn place(at: u32, channels: u32, height: u32, width: u32) -> vec4<u32> {
    let line = indexing_divide(at, width);
    let plane = indexing_divide(line, height);
    let sample = indexing_divide(plane, channels);
    return vec4(sample, plane - sample * channels, line - plane * height, at - line * width);
}

/// First element of the source's window that an element of the output meets; lines of the source are a stride apart.
fn corner(own: vec4<u32>, stride: u32) -> u32 {
    let plane = own.x * params.source_channels + own.y;
    return params.window * ((plane * params.height + own.z) * stride + own.w);
}

@compute @workgroup_size(WORKGROUP)
fn forward(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let at = indexing_group(group, groups) * WORKGROUP + lane;
    if at >= params.count {
        return;
    }
    let own = place(at, params.channels, params.height, params.width);
    var value = x[at];
    if own.y < params.source_channels {
        let stride = params.window * params.width;
        let first = corner(own, stride);
        var sum = 0.0;
        for (var row = 0u; row < params.window; row++) {
            for (var column = 0u; column < params.window; column++) {
                sum += source[first + row * stride + column];
            }
        }
        value += sum / f32(params.window * params.window);
    }
    y[at] = select(value, 0.0, params.rectify == 1u && value <= 0.0);
}

/// The same where the source has the shape of x.
@compute @workgroup_size(WORKGROUP)
fn forward_same(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let at = indexing_group(group, groups) * WORKGROUP + lane;
    if at < params.count {
        let value = x_quads[at] + source_quads[at];
        y_quads[at] = select(value, vec4(0.0), vec4(params.rectify == 1u) & (value <= vec4(0.0)));
    }
}

@compute @workgroup_size(WORKGROUP)
fn backward(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let at = indexing_group(group, groups) * WORKGROUP + lane;
    if at >= params.count {
        return;
    }
    var gradient = d_y_quads[at];
    if params.rectify == 1u {
        gradient = select(gradient, vec4(0.0), output_quads[at] <= vec4(0.0));
    }
    d_x_quads[at] = gradient;
    held_quads[at] = gradient;
}

@compute @workgroup_size(WORKGROUP)
fn gather(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let at = indexing_group(group, groups) * WORKGROUP + lane;
    if at >= params.count {
        return;
    }
    let own = place(at, params.source_channels, params.height, params.width);
    let output = ((own.x * params.channels + own.y) * params.height + own.z) * params.width + own.w;
    let gradient = held[output] / f32(params.window * params.window);
    let stride = params.window * params.width;
    let first = corner(own, stride);
    for (var row = 0u; row < params.window; row++) {
        for (var column = 0u; column < params.window; column++) {
            d_source[first + row * stride + column] += gradient;
        }
    }
}
