// Convolutions with kernels of 3 x 3 taps, stride 1 and one element of padding, by Winograd's minimal filtering F(4 x 4, 3 x 3): a tile of
// 4 x 4 outputs takes 36 products a channel in place of 144. With tiles d of 6 x 6 inputs, which overlap by two, and taps g
//   U = G g G',  V = B' d B,  M_k = U_k V_k for each of the 36 places k (matmul.wgsl),  y = A' M A
// and backward, with the adjoints of these steps: d_M = A d_y A',  d_U_k = d_M_k V_k',  d_g = G' d_U G. The gradient of the input is a
// convolution of its own, with flipped taps.
//   B' = | 4  0 -5  0  1  0 |   G = |  1/4    0    0  |   A' = | 1  1  1  1  1  0 |
//        | 0 -4 -4  1  1  0 |       | -1/6 -1/6 -1/6  |        | 0  1 -1  2 -2  0 |
//        | 0  4 -4 -1  1  0 |       | -1/6  1/6 -1/6  |        | 0  1  1  4  4  0 |
//        | 0 -2 -1  2  1  0 |       | 1/24 1/12  1/6  |        | 0  1 -1  8 -8  1 |
//        | 0  2 -1 -2  1  0 |       | 1/24 -1/12 1/6  |
//        | 0  4  0 -5  0  1 |       |   0    0    1   |
// Source: Lavin & Gray, CVPR 2016 (the algorithm and these matrices). Heights and widths are multiples of 4, channels in too.
// Layout: an invocation owns four neighbouring tiles of a channel, one a vector element, or the taps of four channels in. Loads and stores are
// vectors: rows of a tile are turned into vectors over tiles, and back. Tiles past the last image are zeros.
// Reference: src/reference/winograd.rs, and src/reference/convolution.rs for what comes out.

import package::shared::indexing::{indexing_group};

const WORKGROUP: u32 = 64u;
/// Whether four neighbouring tiles always share their rows, so that each is beside the next.
override WIDE: u32 = 0u;

struct Params {
    images: u32,            // of this part of the batch
    first: u32,             // its first image
    channels: u32,          // of x and V, or of y and M; taps: channels in
    height: u32,
    width: u32,
    quads: u32,             // of tiles, in all images
    channels_out: u32,      // from here on of taps
    weight_out: u32,
    weight_in: u32,
    weight_first: u32,
    weight_step: u32,
    accumulate: u32,        // 1: gradients are added to those that are there
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;               // [batch, channels, height, width / 4, 4]; d_y too
@group(0) @binding(2) var<storage, read> transformed: array<vec4<f32>>;     // M: [36, channels, quads, 4]; d_U: [36, channels_out, channels / 4, 4]
@group(0) @binding(3) var<storage, read> weight: array<f32>;
@group(0) @binding(4) var<storage, read> bias: array<f32>;                  // [channels]
@group(0) @binding(5) var<storage, read_write> y: array<vec4<f32>>;         // like x
@group(0) @binding(6) var<storage, read_write> made: array<vec4<f32>>;      // V, d_M: like M; U: like d_U
@group(0) @binding(7) var<storage, read_write> d_weight: array<vec4<f32>>;  // [channels_out, channels, 3, 3]

/// Elements along an axis of four tiles, or of the taps of four channels.
struct Six { a: vec4<f32>, b: vec4<f32>, c: vec4<f32>, d: vec4<f32>, e: vec4<f32>, f: vec4<f32> }
struct Four { a: vec4<f32>, b: vec4<f32>, c: vec4<f32>, d: vec4<f32> }
struct Three { a: vec4<f32>, b: vec4<f32>, c: vec4<f32> }

/// B' d
fn to_v(d: Six) -> Six {
    let even = d.e - 4.0 * d.c;
    let odd = d.d - 4.0 * d.b;
    let near = d.e - d.c;
    let far = 2.0 * (d.d - d.b);
    return Six(4.0 * d.a - 5.0 * d.c + d.e, even + odd, even - odd, near + far, near - far, 4.0 * d.b - 5.0 * d.d + d.f);
}

/// A' m
fn to_y(m: Six) -> Four {
    let sum_one = m.b + m.c;
    let one = m.b - m.c;
    let sum_two = m.d + m.e;
    let two = m.d - m.e;
    return Four(m.a + sum_one + sum_two, one + 2.0 * two, sum_one + 4.0 * sum_two, one + 8.0 * two + m.f);
}

/// A d_y
fn to_d_m(d: Four) -> Six {
    let even = d.a + d.c;
    let odd = d.b + d.d;
    let far = d.a + 4.0 * d.c;
    let further = 2.0 * d.b + 8.0 * d.d;
    return Six(d.a, even + odd, even - odd, far + further, far - further, d.d);
}

/// G g
fn to_u(g: Three) -> Six {
    let ends = g.a + g.c;
    let far = g.a / 24.0 + g.c / 6.0;
    let middle = g.b / 12.0;
    return Six(0.25 * g.a, (ends + g.b) / -6.0, (g.b - ends) / 6.0, far + middle, far - middle, g.c);
}

/// G' d_u
fn to_d_g(u: Six) -> Three {
    let one = (u.b + u.c) / 6.0;
    let two = u.d + u.e;
    return Three(0.25 * u.a - one + two / 24.0, (u.c - u.b) / 6.0 + (u.d - u.e) / 12.0, two / 6.0 - one + u.f);
}

/// What an invocation owns: a channel, and a vector of tiles or of channels in.
struct Own {
    channel: u32,
    quad: u32,
}

fn own(group: vec3<u32>, groups: vec3<u32>, lane: u32, quads: u32) -> Own {
    let at = indexing_group(group, groups) * WORKGROUP + lane;
    return Own(at / quads, at % quads);
}

/// Where four tiles lie in x or y: the vector of their first row, and their places along the axes.
struct Tiles {
    at: vec4<u32>,
    row: vec4<u32>,
    column: vec4<u32>,
    is_image: vec4<bool>,
}

fn tiles(owned: Own) -> Tiles {
    let across = params.width / 4u;
    let down = params.height / 4u;
    let tile = owned.quad * 4u + vec4(0u, 1u, 2u, 3u);
    let image = tile / (across * down);
    let row = tile / across % down * 4u;
    let column = tile % across;
    let at = (((params.first + image) * params.channels + owned.channel) * params.height + row) * across + column;
    return Tiles(at, row, column, image < vec4(params.images));
}

/// The first vector of each tile in the row that is so many below its first, less one; `tiles` says which are there.
fn vectors(at: vec4<u32>, is_there: vec4<bool>) -> mat4x4<f32> {
    let safe = select(vec4(0u), at, is_there);
    return mat4x4(
        select(vec4(0.0), x[safe.x], is_there.x),
        select(vec4(0.0), x[safe.y], is_there.y),
        select(vec4(0.0), x[safe.z], is_there.z),
        select(vec4(0.0), x[safe.w], is_there.w),
    );
}

/// Row number 0 to 5 of four tiles of inputs, transformed along it.
fn row_of_v(tiles: Tiles, number: u32) -> Six {
    let across = params.width / 4u;
    // Rows above the image are past its end.
    let inside = tiles.is_image & (tiles.row + number - 1u < vec4(params.height));
    let at = tiles.at + number * across - across;
    let centre = vectors(at, inside);
    let has_left = inside & (tiles.column > vec4(0u));
    let has_right = inside & (tiles.column + 1u < vec4(across));
    let left = select(vec4(0u), at - 1u, has_left);
    let right = select(vec4(0u), at + 1u, has_right);
    var before = vec4(x[left.x].w, 0.0, 0.0, 0.0);
    var behind = vec4(0.0, 0.0, 0.0, x[right.w].x);
    if WIDE == 1u {
        before = vec4(before.x, centre[0].w, centre[1].w, centre[2].w);
        behind = vec4(centre[1].x, centre[2].x, centre[3].x, behind.w);
    } else {
        before = vec4(before.x, x[left.y].w, x[left.z].w, x[left.w].w);
        behind = vec4(x[right.x].x, x[right.y].x, x[right.z].x, behind.w);
    }
    let over = transpose(centre);
    return to_v(Six(select(vec4(0.0), before, has_left), over[0], over[1], over[2], over[3], select(vec4(0.0), behind, has_right)));
}

/// Stores a column of six of the 36 places, `count` vectors a place and channel.
fn store_column(owned: Own, column: u32, count: u32, channels: u32, values: Six) {
    let place = channels * count;
    let at = (column * channels + owned.channel) * count + owned.quad;
    made[at] = values.a;
    made[at + 6u * place] = values.b;
    made[at + 12u * place] = values.c;
    made[at + 18u * place] = values.d;
    made[at + 24u * place] = values.e;
    made[at + 30u * place] = values.f;
}

fn load_column(owned: Own, column: u32, count: u32, channels: u32) -> Six {
    let place = channels * count;
    let at = (column * channels + owned.channel) * count + owned.quad;
    return Six(
        transformed[at],
        transformed[at + 6u * place],
        transformed[at + 12u * place],
        transformed[at + 18u * place],
        transformed[at + 24u * place],
        transformed[at + 30u * place],
    );
}

@compute @workgroup_size(WORKGROUP)
fn input(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let owned = own(group, groups, lane, params.quads);
    if owned.channel >= params.channels {
        return;
    }
    let four = tiles(owned);
    let a = row_of_v(four, 0u);
    let b = row_of_v(four, 1u);
    let c = row_of_v(four, 2u);
    let d = row_of_v(four, 3u);
    let e = row_of_v(four, 4u);
    let f = row_of_v(four, 5u);
    store_column(owned, 0u, params.quads, params.channels, to_v(Six(a.a, b.a, c.a, d.a, e.a, f.a)));
    store_column(owned, 1u, params.quads, params.channels, to_v(Six(a.b, b.b, c.b, d.b, e.b, f.b)));
    store_column(owned, 2u, params.quads, params.channels, to_v(Six(a.c, b.c, c.c, d.c, e.c, f.c)));
    store_column(owned, 3u, params.quads, params.channels, to_v(Six(a.d, b.d, c.d, d.d, e.d, f.d)));
    store_column(owned, 4u, params.quads, params.channels, to_v(Six(a.e, b.e, c.e, d.e, e.e, f.e)));
    store_column(owned, 5u, params.quads, params.channels, to_v(Six(a.f, b.f, c.f, d.f, e.f, f.f)));
}

/// Row number 0 to 3 of four tiles of gradients, transformed along it.
fn row_of_d_m(tiles: Tiles, number: u32) -> Six {
    let over = transpose(vectors(tiles.at + number * (params.width / 4u), tiles.is_image));
    return to_d_m(Four(over[0], over[1], over[2], over[3]));
}

@compute @workgroup_size(WORKGROUP)
fn gradient(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let owned = own(group, groups, lane, params.quads);
    if owned.channel >= params.channels {
        return;
    }
    let four = tiles(owned);
    let a = row_of_d_m(four, 0u);
    let b = row_of_d_m(four, 1u);
    let c = row_of_d_m(four, 2u);
    let d = row_of_d_m(four, 3u);
    store_column(owned, 0u, params.quads, params.channels, to_d_m(Four(a.a, b.a, c.a, d.a)));
    store_column(owned, 1u, params.quads, params.channels, to_d_m(Four(a.b, b.b, c.b, d.b)));
    store_column(owned, 2u, params.quads, params.channels, to_d_m(Four(a.c, b.c, c.c, d.c)));
    store_column(owned, 3u, params.quads, params.channels, to_d_m(Four(a.d, b.d, c.d, d.d)));
    store_column(owned, 4u, params.quads, params.channels, to_d_m(Four(a.e, b.e, c.e, d.e)));
    store_column(owned, 5u, params.quads, params.channels, to_d_m(Four(a.f, b.f, c.f, d.f)));
}

/// Stores a row of four tiles of outputs, vectors over tiles, transformed along it.
fn store_row(tiles: Tiles, number: u32, row: Six, offset: f32) {
    let values = to_y(row);
    let across = transpose(mat4x4(values.a, values.b, values.c, values.d));
    let at = tiles.at + number * (params.width / 4u);
    if tiles.is_image.x {
        y[at.x] = across[0] + offset;
    }
    if tiles.is_image.y {
        y[at.y] = across[1] + offset;
    }
    if tiles.is_image.z {
        y[at.z] = across[2] + offset;
    }
    if tiles.is_image.w {
        y[at.w] = across[3] + offset;
    }
}

fn store_tiles(owned: Own, offset: f32) {
    let four = tiles(owned);
    let a = to_y(load_column(owned, 0u, params.quads, params.channels));
    let b = to_y(load_column(owned, 1u, params.quads, params.channels));
    let c = to_y(load_column(owned, 2u, params.quads, params.channels));
    let d = to_y(load_column(owned, 3u, params.quads, params.channels));
    let e = to_y(load_column(owned, 4u, params.quads, params.channels));
    let f = to_y(load_column(owned, 5u, params.quads, params.channels));
    store_row(four, 0u, Six(a.a, b.a, c.a, d.a, e.a, f.a), offset);
    store_row(four, 1u, Six(a.b, b.b, c.b, d.b, e.b, f.b), offset);
    store_row(four, 2u, Six(a.c, b.c, c.c, d.c, e.c, f.c), offset);
    store_row(four, 3u, Six(a.d, b.d, c.d, d.d, e.d, f.d), offset);
}

@compute @workgroup_size(WORKGROUP)
fn output(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let owned = own(group, groups, lane, params.quads);
    if owned.channel < params.channels {
        store_tiles(owned, 0.0);
    }
}

@compute @workgroup_size(WORKGROUP)
fn output_bias(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let owned = own(group, groups, lane, params.quads);
    if owned.channel < params.channels {
        store_tiles(owned, bias[owned.channel]);
    }
}

/// A tap of four channels in.
fn tap(first: vec4<u32>, number: u32) -> vec4<f32> {
    let at = first + number * params.weight_step;
    return vec4(weight[at.x], weight[at.y], weight[at.z], weight[at.w]);
}

@compute @workgroup_size(WORKGROUP)
fn taps(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let quads = params.channels / 4u;
    let owned = own(group, groups, lane, quads);
    if owned.channel >= params.channels_out {
        return;
    }
    let channels = owned.quad * 4u + vec4(0u, 1u, 2u, 3u);
    let first = params.weight_first + owned.channel * params.weight_out + channels * params.weight_in;
    let a = to_u(Three(tap(first, 0u), tap(first, 1u), tap(first, 2u)));
    let b = to_u(Three(tap(first, 3u), tap(first, 4u), tap(first, 5u)));
    let c = to_u(Three(tap(first, 6u), tap(first, 7u), tap(first, 8u)));
    store_column(owned, 0u, quads, params.channels_out, to_u(Three(a.a, b.a, c.a)));
    store_column(owned, 1u, quads, params.channels_out, to_u(Three(a.b, b.b, c.b)));
    store_column(owned, 2u, quads, params.channels_out, to_u(Three(a.c, b.c, c.c)));
    store_column(owned, 3u, quads, params.channels_out, to_u(Three(a.d, b.d, c.d)));
    store_column(owned, 4u, quads, params.channels_out, to_u(Three(a.e, b.e, c.e)));
    store_column(owned, 5u, quads, params.channels_out, to_u(Three(a.f, b.f, c.f)));
}

fn store_taps(at: u32, values: vec4<f32>) {
    d_weight[at] = select(values, d_weight[at] + values, params.accumulate == 1u);
}

@compute @workgroup_size(WORKGROUP)
fn backward_taps(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let quads = params.channels / 4u;
    let owned = own(group, groups, lane, quads);
    if owned.channel >= params.channels_out {
        return;
    }
    let a = to_d_g(load_column(owned, 0u, quads, params.channels_out));
    let b = to_d_g(load_column(owned, 1u, quads, params.channels_out));
    let c = to_d_g(load_column(owned, 2u, quads, params.channels_out));
    let d = to_d_g(load_column(owned, 3u, quads, params.channels_out));
    let e = to_d_g(load_column(owned, 4u, quads, params.channels_out));
    let f = to_d_g(load_column(owned, 5u, quads, params.channels_out));
    let top = to_d_g(Six(a.a, b.a, c.a, d.a, e.a, f.a));
    let middle = to_d_g(Six(a.b, b.b, c.b, d.b, e.b, f.b));
    let bottom = to_d_g(Six(a.c, b.c, c.c, d.c, e.c, f.c));
    // Nine taps of four channels, one channel after the other.
    let first = transpose(mat4x4(top.a, top.b, top.c, middle.a));
    let second = transpose(mat4x4(middle.b, middle.c, bottom.a, bottom.b));
    let last = bottom.c;
    let at = (owned.channel * quads + owned.quad) * 9u;
    store_taps(at, first[0]);
    store_taps(at + 1u, second[0]);
    store_taps(at + 2u, vec4(last.x, first[1].xyz));
    store_taps(at + 3u, vec4(first[1].w, second[1].xyz));
    store_taps(at + 4u, vec4(second[1].w, last.y, first[2].xy));
    store_taps(at + 5u, vec4(first[2].zw, second[2].xy));
    store_taps(at + 6u, vec4(second[2].zw, last.z, first[3].x));
    store_taps(at + 7u, vec4(first[3].yzw, second[3].x));
    store_taps(at + 8u, vec4(second[3].yzw, last.w));
}
