// Pooling over windows, no padding; windows that would reach past the edge are left out:
//   max       y = largest element of the window       d_x = sum of d_y over the windows whose first largest x is
//   average   y = mean of the window                  d_x = sum of d_y / pixels of a window over the windows that cover x
// NaN counts as the largest element, so that it passes.
// Layout: an invocation owns the element that it writes. The backward passes gather: each element visits the windows
// that cover it, so that overlapping windows are summed in a fixed order without atomics. Max finds its largest
// elements again from the input, which is kept anyway. Where windows do not overlap, an invocation owns a whole one; where
// they halve images with even sides, four.
// Reference: src/reference/pool.rs

import package::shared::indexing::{indexing_group, indexing_divide};
import package::shared::math::{math_is_nan};
import package::shared::peak::{peak_is_larger, peak_of};

const WORKGROUP: u32 = 64u;

struct Params {
    count: u32,          // elements that are written, or windows
    height: u32,
    width: u32,
    out_height: u32,
    out_width: u32,
    window_height: u32,
    window_width: u32,
    stride: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;             // [planes, height, width]
@group(0) @binding(2) var<storage, read> d_y: array<f32>;           // [planes, out_height, out_width]
@group(0) @binding(3) var<storage, read_write> y: array<f32>;       // [planes, out_height, out_width]
@group(0) @binding(5) var<storage, read> peaks: array<f32>;         // y of the forward pass
@group(0) @binding(4) var<storage, read_write> d_x: array<f32>;     // [planes, height, width]
@group(0) @binding(6) var<storage, read> x_pairs: array<vec2<f32>>;             // x, d_y, y and d_x again, where images are halved
@group(0) @binding(7) var<storage, read> d_y_quads: array<vec4<f32>>;
@group(0) @binding(8) var<storage, read_write> y_quads: array<vec4<f32>>;
@group(0) @binding(9) var<storage, read_write> d_x_pairs: array<vec2<f32>>;

/// Plane, row and column of an element of planes of this size.
fn place(at: u32, height: u32, width: u32) -> vec3<u32> {
    let line = indexing_divide(at, width);
    let plane = indexing_divide(line, height);
    return vec3(plane, line - plane * height, at - line * width);
}

/// First element of the window of an output (plane, row, column).
fn corner(output: vec3<u32>) -> u32 {
    return (output.x * params.height + output.y * params.stride) * params.width + output.z * params.stride;
}

/// Plane, row and column of a window with what lies between it and the next, the last ones being cut at the edge.
fn tile(at: u32) -> vec3<u32> {
    let tiles = (vec2(params.height, params.width) + params.stride - 1u) / params.stride;
    return place(at, tiles.x, tiles.y);
}

/// First of the largest elements of a window.
fn largest(first: u32) -> u32 {
    var best = first;
    var peak = x[first];
    for (var row = 0u; row < params.window_height; row++) {
        for (var column = 0u; column < params.window_width; column++) {
            let at = first + row * params.width + column;
            let value = x[at];
            if peak_is_larger(value, peak) {
                best = at;
                peak = value;
            }
        }
    }
    return best;
}

/// Whether a pixel is the first of the largest elements of a window with that peak. Most are not as large, and are done
/// after one comparison.
fn is_first(at: u32, first: u32, peak: f32) -> bool {
    let own = x[at];
    if own != peak && !math_is_nan(peak) {
        return false;
    }
    return largest(first) == at;
}

/// Windows along an axis that cover a pixel: the first, and the one past the last.
fn covering(pixel: u32, window: u32, n_windows: u32) -> vec2<u32> {
    let first = select(0u, (pixel - window) / params.stride + 1u, pixel >= window);
    return vec2(first, min(pixel / params.stride + 1u, n_windows));
}

@compute @workgroup_size(WORKGROUP)
fn max_forward(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let at = indexing_group(group, groups) * WORKGROUP + lane;
    if at < params.count {
        y[at] = x[largest(corner(place(at, params.out_height, params.out_width)))];
    }
}

@compute @workgroup_size(WORKGROUP)
fn max_backward(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let at = indexing_group(group, groups) * WORKGROUP + lane;
    if at >= params.count {
        return;
    }
    let own = place(at, params.height, params.width);
    let rows = covering(own.y, params.window_height, params.out_height);
    let columns = covering(own.z, params.window_width, params.out_width);
    var sum = 0.0;
    for (var row = rows.x; row < rows.y; row++) {
        for (var column = columns.x; column < columns.y; column++) {
            let output = (own.x * params.out_height + row) * params.out_width + column;
            if is_first(at, corner(vec3(own.x, row, column)), peaks[output]) {
                sum += d_y[output];
            }
        }
    }
    d_x[at] = sum;
}

/// The same where windows do not overlap: an invocation owns a window, with what lies between it and the next, and
/// nobody looks twice.
@compute @workgroup_size(WORKGROUP)
fn max_backward_apart(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let at = indexing_group(group, groups) * WORKGROUP + lane;
    if at >= params.count {
        return;
    }
    let own = tile(at);
    var best = 0xffffffffu;
    var gradient = 0.0;
    if own.y < params.out_height && own.z < params.out_width {
        best = largest(corner(own));
        gradient = d_y[(own.x * params.out_height + own.y) * params.out_width + own.z];
    }
    for (var row = own.y * params.stride; row < min((own.y + 1u) * params.stride, params.height); row++) {
        for (var column = own.z * params.stride; column < min((own.z + 1u) * params.stride, params.width); column++) {
            let pixel = (own.x * params.height + row) * params.width + column;
            d_x[pixel] = select(0.0, gradient, pixel == best);
        }
    }
}

/// The upper pairs of the windows of four outputs; the lower ones are a line of pairs further.
fn pairs_of(quad: u32) -> vec4<u32> {
    let at = 4u * quad + vec4(0u, 1u, 2u, 3u);
    return at + params.out_width * vec4(
        indexing_divide(at.x, params.out_width),
        indexing_divide(at.y, params.out_width),
        indexing_divide(at.z, params.out_width),
        indexing_divide(at.w, params.out_width),
    );
}

/// Windows of two by two, two apart, over images with even sides.
@compute @workgroup_size(WORKGROUP)
fn max_forward_half(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let quad = indexing_group(group, groups) * WORKGROUP + lane;
    if 4u * quad >= params.count {
        return;
    }
    let pairs = pairs_of(quad);
    var peaks = vec4(0.0);
    for (var word = 0u; word < 4u; word++) {
        let pair = pairs[word];
        peaks[word] = peak_of(x_pairs[pair], x_pairs[pair + params.out_width]).value;
    }
    y_quads[quad] = peaks;
}

@compute @workgroup_size(WORKGROUP)
fn max_backward_half(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let quad = indexing_group(group, groups) * WORKGROUP + lane;
    if 4u * quad >= params.count {
        return;
    }
    let pairs = pairs_of(quad);
    let gradients = d_y_quads[quad];
    for (var word = 0u; word < 4u && 4u * quad + word < params.count; word++) {
        let pair = pairs[word];
        let place = peak_of(x_pairs[pair], x_pairs[pair + params.out_width]).place;
        let gradient = gradients[word];
        d_x_pairs[pair] = select(vec2(0.0), vec2(gradient), vec2(place) == vec2(0u, 1u));
        d_x_pairs[pair + params.out_width] = select(vec2(0.0), vec2(gradient), vec2(place) == vec2(2u, 3u));
    }
}

@compute @workgroup_size(WORKGROUP)
fn average_forward(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let at = indexing_group(group, groups) * WORKGROUP + lane;
    if at >= params.count {
        return;
    }
    let first = corner(place(at, params.out_height, params.out_width));
    var sum = 0.0;
    // A line by itself, as a sum of sums rounds less.
    for (var row = 0u; row < params.window_height; row++) {
        var line = 0.0;
        for (var column = 0u; column < params.window_width; column++) {
            line += x[first + row * params.width + column];
        }
        sum += line;
    }
    y[at] = sum / f32(params.window_height * params.window_width);
}

@compute @workgroup_size(WORKGROUP)
fn average_backward(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let at = indexing_group(group, groups) * WORKGROUP + lane;
    if at >= params.count {
        return;
    }
    let own = place(at, params.height, params.width);
    let rows = covering(own.y, params.window_height, params.out_height);
    let columns = covering(own.z, params.window_width, params.out_width);
    var sum = 0.0;
    for (var row = rows.x; row < rows.y; row++) {
        for (var column = columns.x; column < columns.y; column++) {
            sum += d_y[(own.x * params.out_height + row) * params.out_width + column];
        }
    }
    d_x[at] = sum / f32(params.window_height * params.window_width);
}

/// The same where windows do not overlap: an invocation owns a window, with what lies between it and the next.
@compute @workgroup_size(WORKGROUP)
fn average_backward_apart(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let at = indexing_group(group, groups) * WORKGROUP + lane;
    if at >= params.count {
        return;
    }
    let own = tile(at);
    var gradient = 0.0;
    if own.y < params.out_height && own.z < params.out_width {
        let output = (own.x * params.out_height + own.y) * params.out_width + own.z;
        gradient = d_y[output] / f32(params.window_height * params.window_width);
    }
    let ends = params.stride * own.yz + vec2(params.window_height, params.window_width);
    for (var row = own.y * params.stride; row < min((own.y + 1u) * params.stride, params.height); row++) {
        for (var column = own.z * params.stride; column < min((own.z + 1u) * params.stride, params.width); column++) {
            let pixel = (own.x * params.height + row) * params.width + column;
            d_x[pixel] = select(0.0, gradient, row < ends.x && column < ends.y);
        }
    }
}
