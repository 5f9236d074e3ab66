// Light that shows a picture x, resized and centred on a dark grid:
//   s(i, j) = sum over r, c of w(i, r) w(j, c) x(r, c)        bilinear, half-pixel centres, the border goes on outwards
//   E(i, j) = a s (amplitude), a sqrt(s) (intensity)
//   d_x(r, c) = sum over i, j of w(i, r) w(j, c) Re(d_E(i, j)) ds
//   ds = a (amplitude), a^2 / (2 E) (intensity; 0 where E = 0)
// Places are whole numbers of half pixels over the picture's size, so that weights are exact to a rounding.
// Layout: an invocation owns a sample of the grid, in backward a pixel. Reference: src/reference/source.rs

import package::shared::indexing::{indexing_group, indexing_divide};

const WORKGROUP: u32 = 64u;

struct Params {
    count: u32,
    rows: u32,              // of x
    columns: u32,
    picture_height: u32,    // x as the grid shows it
    picture_width: u32,
    height: u32,            // of the grid
    width: u32,
    intensity: u32,
    first: u32,             // picture that the first field shows
    added: u32,             // 1: d_x is added to what is there
    amplitude: f32,         // a
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;                 // [pictures, rows, columns]
@group(0) @binding(2) var<storage, read_write> field: array<vec2<f32>>; // [run, height, width]
@group(0) @binding(3) var<storage, read> shown: array<vec2<f32>>;       // field, to be read
@group(0) @binding(4) var<storage, read> d_field: array<vec2<f32>>;     // like field
@group(0) @binding(5) var<storage, read_write> d_x: array<f32>;         // like x

/// The pixel at or before a place of the picture, and the weight of the next one.
struct Place {
    pixel: u32,
    next: f32,
}

fn place(at: u32, n_pixels: u32, extent: u32) -> Place {
    let halves = i32((2u * at + 1u) * n_pixels) - i32(extent);
    let last = i32(2u * extent * (n_pixels - 1u));
    let inside = u32(select(select(halves, last, halves > last), 0, halves < 0));
    let pixel = indexing_divide(inside, 2u * extent);
    return Place(pixel, f32(inside - pixel * 2u * extent) / f32(2u * extent));
}

/// Weight of a pixel at a place.
fn weight(at: u32, pixel: u32, n_pixels: u32, extent: u32) -> f32 {
    let here = place(at, n_pixels, extent);
    return select(select(0.0, here.next, pixel == here.pixel + 1u), 1.0 - here.next, pixel == here.pixel);
}

/// First place that a pixel may reach, and the one past the last.
fn reach(pixel: u32, n_pixels: u32, extent: u32) -> vec2<u32> {
    let first = indexing_divide(select(pixel - 1u, 0u, pixel == 0u) * extent, n_pixels);
    let end = indexing_divide((pixel + 2u) * extent, n_pixels) + 1u;
    return vec2(select(first, 0u, pixel == 0u), select(select(end, extent, end > extent), extent, pixel + 1u == n_pixels));
}

@compute @workgroup_size(WORKGROUP)
fn forward(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let at = indexing_group(group, groups) * WORKGROUP + lane;
    if at >= params.count {
        return;
    }
    let line = indexing_divide(at, params.width);
    let sample = indexing_divide(line, params.height);
    // Places left of the picture or above it are past its end, as they wrap.
    let i = line - sample * params.height - (params.height - params.picture_height) / 2u;
    let j = at - line * params.width - (params.width - params.picture_width) / 2u;
    if i >= params.picture_height || j >= params.picture_width {
        field[at] = vec2(0.0);
        return;
    }
    let row = place(i, params.rows, params.picture_height);
    let column = place(j, params.columns, params.picture_width);
    let down = select(0u, params.columns, row.next > 0.0);
    let right = select(0u, 1u, column.next > 0.0);
    let first = ((params.first + sample) * params.rows + row.pixel) * params.columns + column.pixel;
    let above = (1.0 - column.next) * x[first] + column.next * x[first + right];
    let below = (1.0 - column.next) * x[first + down] + column.next * x[first + down + right];
    let s = (1.0 - row.next) * above + row.next * below;
    field[at] = vec2(params.amplitude * select(s, sqrt(s), params.intensity == 1u), 0.0);
}

@compute @workgroup_size(WORKGROUP)
fn backward(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let at = indexing_group(group, groups) * WORKGROUP + lane;
    if at >= params.count {
        return;
    }
    let line = indexing_divide(at, params.columns);
    let sample = indexing_divide(line, params.rows);
    let r = line - sample * params.rows;
    let c = at - line * params.columns;
    let rows = reach(r, params.rows, params.picture_height);
    let columns = reach(c, params.columns, params.picture_width);
    let top = sample * params.height + (params.height - params.picture_height) / 2u;
    let left = (params.width - params.picture_width) / 2u;
    let half = 0.5 * params.amplitude * params.amplitude;
    var sum = 0.0;
    for (var i = rows.x; i < rows.y; i++) {
        let across = weight(i, r, params.rows, params.picture_height);
        var line_sum = 0.0;
        for (var j = columns.x; j < columns.y; j++) {
            let here = (top + i) * params.width + left + j;
            let e = shown[here].x;
            let slope = select(params.amplitude, select(half / e, 0.0, e == 0.0), params.intensity == 1u);
            let along = weight(j, c, params.columns, params.picture_width);
            line_sum += select(0.0, along * slope * d_field[here].x, along > 0.0);
        }
        sum += select(0.0, across * line_sum, across > 0.0);
    }
    let own = params.first * params.rows * params.columns + at;
    if params.added == 1u {
        sum += d_x[own];
    }
    d_x[own] = sum;
}
