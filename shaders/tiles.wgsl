// Weights W [outputs, inputs] as tiles of pictures. A tile shows the transmissions T [outputs, 2, inputs] of an output, the
// positive ones left of the negative ones, with a dark margin around either; a transmission is a square block of pixels.
//   lay             picture = T on its block, 0 elsewhere
//   lay_backward    d_T = sum over its block of d_picture
//   weigh           W = mean over the block of the positive one - that of the negative one
//   weigh_backward  d_picture = d_W / pixels of a block, -d_W / pixels on the negative one, 0 elsewhere
// Layout: an invocation owns a pixel (`lay`, `weigh_backward`), a transmission or a weight.
// Reference: src/reference/tiles.rs

import package::shared::indexing::{indexing_divide, indexing_group};

const WORKGROUP: u32 = 64u;

struct Params {
    n_outputs: u32,
    n_pictures: u32,
    height: u32,         // of a picture
    width: u32,
    tile_height: u32,    // weights of a tile
    tile_width: u32,
    pixels: u32,         // side of a block
    rows: u32,           // of tiles of a picture
    columns: u32,
    margin_y: u32,       // pixels
    margin_x: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> transmission: array<f32>;              // [outputs, 2, inputs]
@group(0) @binding(2) var<storage, read_write> picture: array<f32>;             // [pictures, height, width]
@group(0) @binding(3) var<storage, read> shown: array<f32>;                     // [pictures, height, width], a picture or its gradient
@group(0) @binding(4) var<storage, read_write> d_transmission: array<f32>;      // [outputs, 2, inputs]
@group(0) @binding(5) var<storage, read_write> weight: array<f32>;              // [outputs, inputs]
@group(0) @binding(6) var<storage, read> d_weight: array<f32>;                  // [outputs, inputs]

/// What a pixel shows.
struct Shown {
    is_lit: bool,
    output: u32,
    sign: u32,           // 0 positive, 1 negative
    input: u32,
}

/// Height and width of what one sign takes of a tile.
fn part() -> vec2<u32> {
    return vec2(params.tile_height * params.pixels + 2u * params.margin_y, params.tile_width * params.pixels + 2u * params.margin_x);
}

fn shown_at(at: u32) -> Shown {
    let size = part();
    let line = indexing_divide(at, params.width);
    let number = indexing_divide(line, params.height);
    let y = line - number * params.height;
    let x = at - line * params.width;
    let tile_row = indexing_divide(y, size.x);
    let half = indexing_divide(x, size.y);
    // Below 0 wraps around to what no tile has.
    let row = y - tile_row * size.x - params.margin_y;
    let column = x - half * size.y - params.margin_x;
    let output = (number * params.rows + tile_row) * params.columns + half / 2u;
    let is_lit = row < params.tile_height * params.pixels && column < params.tile_width * params.pixels && output < params.n_outputs;
    let input = indexing_divide(row, params.pixels) * params.tile_width + indexing_divide(column, params.pixels);
    return Shown(is_lit, output, half % 2u, input);
}

/// Sum of what is shown on the block of a transmission.
fn sum_of(output: u32, sign: u32, input: u32) -> f32 {
    let size = part();
    let line = indexing_divide(output, params.columns);
    let column = output - line * params.columns;
    let number = indexing_divide(line, params.rows);
    let row = line - number * params.rows;
    let weight_row = indexing_divide(input, params.tile_width);
    let top = row * size.x + params.margin_y + weight_row * params.pixels;
    let left = (2u * column + sign) * size.y + params.margin_x + (input - weight_row * params.tile_width) * params.pixels;
    var sum = 0.0;
    for (var y = 0u; y < params.pixels; y += 1u) {
        for (var x = 0u; x < params.pixels; x += 1u) {
            sum += shown[(number * params.height + top + y) * params.width + left + x];
        }
    }
    return sum;
}

@compute @workgroup_size(WORKGROUP)
fn lay(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let at = indexing_group(group, groups) * WORKGROUP + lane;
    if at >= params.n_pictures * params.height * params.width {
        return;
    }
    let own = shown_at(at);
    var value = 0.0;
    if own.is_lit {
        value = transmission[(2u * own.output + own.sign) * params.tile_height * params.tile_width + own.input];
    }
    picture[at] = value;
}

@compute @workgroup_size(WORKGROUP)
fn lay_backward(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let at = indexing_group(group, groups) * WORKGROUP + lane;
    let n_inputs = params.tile_height * params.tile_width;
    if at < 2u * params.n_outputs * n_inputs {
        let line = indexing_divide(at, n_inputs);
        d_transmission[at] = sum_of(line / 2u, line % 2u, at - line * n_inputs);
    }
}

@compute @workgroup_size(WORKGROUP)
fn weigh(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let at = indexing_group(group, groups) * WORKGROUP + lane;
    let n_inputs = params.tile_height * params.tile_width;
    if at < params.n_outputs * n_inputs {
        let output = indexing_divide(at, n_inputs);
        let input = at - output * n_inputs;
        weight[at] = (sum_of(output, 0u, input) - sum_of(output, 1u, input)) / f32(params.pixels * params.pixels);
    }
}

@compute @workgroup_size(WORKGROUP)
fn weigh_backward(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let at = indexing_group(group, groups) * WORKGROUP + lane;
    if at >= params.n_pictures * params.height * params.width {
        return;
    }
    let own = shown_at(at);
    var value = 0.0;
    if own.is_lit {
        let share = d_weight[own.output * params.tile_height * params.tile_width + own.input] / f32(params.pixels * params.pixels);
        value = select(share, -share, own.sign == 1u);
    }
    picture[at] = value;
}
