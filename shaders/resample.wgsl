// Pictures seen through an affine map about their centre, on a grid of their own. A sample p of the result (pixels of the
// picture, from the centre) sees the picture at
//   q = R' (p - shift) / (1 + scale)          R' = [[cos, sin], [-sin, cos]] of the rotation
// and is, by MODE,
//   0 area      sum_k x[k] |cell(q) n pixel k| / |cell(q)|: the mean over the sample's own square cell of a picture made of
//               square pixels; overlaps are exact, as integrals along the edges of the cell (Green's theorem)
//   1 bilinear  sum_k x[k] tent(q - k), tent(d) = (1 - |d_x|) (1 - |d_y|) within 1 pixel
//   2 nearest   x[k], q - k in [-1/2, 1/2)^2
// Pixels outside have a value of their own. Weights depend on q - k and the geometry alone, so that both passes have the
// same bits:
//   backward    d_x[k] = sum_q weight(q - k) d_y[q], over the samples that may see the pixel
//   partial     sums over runs of samples of d_y dy / d(shift_x, shift_y, rotation, scale); `total` adds them up. An overlap
//               changes as its moving edges sweep the pixel; at a kink the slope is the mean of those on its two sides.
//   copy      y = x, or d_x = d_y, of a picture that lies as it should on an equal grid, in quads of words; `forward` and
//             `backward` then have nothing to do
// Positions are whole numbers plus what the misalignment adds, of which only the part below a pixel is rounded: without
// misalignment, and on an equal grid, y = x bit for bit.
// A geometry that is not finite, or a scale that is not within -1/2..1, gives NaN.
// Layout: workgroups share a picture; an invocation takes up to 16 samples (`forward`, `partial`) or pixels (`backward`).
// Reference: src/reference/resample.rs

import package::shared::indexing::{INDEXING_TURNS, indexing_divide, indexing_group};
import package::shared::math::{math_circle};
import package::shared::reduce::{reduce_sum};

const WORKGROUP: u32 = 64u;
const RADIAN: f32 = 0.017453292519943296;        // a degree
const NOTHING: f32 = 1e-6;       // overlaps below are rounding
const UPRIGHT: f32 = 1e-20;      // extent of an edge along an axis below which it is none

const AREA: u32 = 0u;
const BILINEAR: u32 = 1u;
override MODE: u32 = AREA;
override CHANNELS: u32 = 1u;     // 1 or 2

struct Params {
    n_pictures: u32,
    height: u32,         // of the pictures
    width: u32,
    to_height: u32,      // of the result
    to_width: u32,
    step_x: f32,         // pixels from a sample to the next, nominally
    step_y: f32,
    outside_first: f32,
    outside_second: f32,
    individual: u32,     // bits: every picture has its own shift_x (1), shift_y (2), rotation (4), scale (8)
    n_groups: u32,       // workgroups that share a picture
    component: u32,      // of the geometry, in `total`
    n_quads: u32,        // of a single picture that `copy` may take, else 0
    added: u32,          // 1: `total` adds to what is there
    first: u32,          // picture of a geometry of its own that is the first here
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> shift_x: array<f32>;               // [1] or [pictures], pixels of the picture
@group(0) @binding(2) var<storage, read> shift_y: array<f32>;               // [1] or [pictures]
@group(0) @binding(3) var<storage, read> rotation: array<f32>;              // [1] or [pictures], degrees
@group(0) @binding(4) var<storage, read> scale: array<f32>;                 // [1] or [pictures]
@group(0) @binding(5) var<storage, read> x: array<f32>;                     // [pictures, height, width, channels]
@group(0) @binding(6) var<storage, read> d_y: array<f32>;                   // [pictures, to_height, to_width, channels]
@group(0) @binding(7) var<storage, read_write> y: array<f32>;               // [pictures, to_height, to_width, channels]
@group(0) @binding(8) var<storage, read_write> d_x: array<f32>;             // [pictures, height, width, channels]
@group(0) @binding(9) var<storage, read_write> partials: array<f32>;        // [pictures, groups, 4]
@group(0) @binding(10) var<storage, read> summands: array<f32>;             // [pictures, groups, 4], the partial sums
@group(0) @binding(11) var<storage, read_write> d_geometry: array<f32>;     // [1] or [pictures]
@group(0) @binding(12) var<storage, read> source: array<vec4<f32>>;         // x or d_y, in whole quads
@group(0) @binding(13) var<storage, read_write> copied: array<vec4<f32>>;   // y or d_x

/// How a picture lies: (x, y) in the picture = seen (x, y) + more (x, y) + shift, from the centres.
struct Lie {
    sound: bool,
    turn: vec2<f32>,     // (cos, sin) / (1 + scale)
    shrink: f32,         // 1 / (1 + scale)
    more: vec4<f32>,     // by rows; less the identity, which is exact
    shift: vec2<f32>,
    side_x: vec2<f32>,   // of a cell, as seen from the picture
    side_y: vec2<f32>,
    whole: f32,          // area of a cell
}

/// Where a sample sees the picture.
struct Place {
    pixel: vec2<i32>,    // column and row ...
    part: vec2<f32>,     // ... and what is beyond, 0 to below 1
    centre: vec2<f32>,   // the same from the centre of the picture
}

fn is_finite(value: f32) -> bool {
    return (bitcast<u32>(value) & 0x7f800000u) != 0x7f800000u;
}

fn not_a_number() -> f32 {
    return bitcast<f32>(0x7fc00000u + (params.width & 0u));
}

fn lie_of(picture: u32) -> Lie {
    let own = select(vec4(0u), vec4(params.first + picture), (vec4(params.individual) & vec4(1u, 2u, 4u, 8u)) != vec4(0u));
    let shift = vec2(shift_x[own.x], shift_y[own.y]);
    let angle = rotation[own.z];
    let larger = scale[own.w];
    var lie: Lie;
    lie.sound = is_finite(shift.x) && is_finite(shift.y) && is_finite(angle) && is_finite(larger) && larger >= -0.5 && larger <= 1.0;
    lie.shrink = 1.0 / (1.0 + larger);
    // cos - 1 = -2 sin^2 of half the angle.
    let half = math_circle(0.5 * RADIAN * angle);
    let cosine_less = -2.0 * half.y * half.y;
    let sine = 2.0 * half.x * half.y;
    lie.turn = vec2(1.0 + cosine_less, sine) * lie.shrink;
    let turn_less = (cosine_less - larger) * lie.shrink;
    lie.more = vec4(
        turn_less * params.step_x + (params.step_x - 1.0), lie.turn.y * params.step_y,
        -lie.turn.y * params.step_x, turn_less * params.step_y + (params.step_y - 1.0),
    );
    lie.shift = -vec2(lie.turn.x * shift.x + lie.turn.y * shift.y, lie.turn.x * shift.y - lie.turn.y * shift.x);
    lie.side_x = vec2(1.0 + lie.more.x, lie.more.z);
    lie.side_y = vec2(lie.more.y, 1.0 + lie.more.w);
    lie.whole = lie.side_x.x * lie.side_y.y - lie.side_x.y * lie.side_y.x;
    return lie;
}

/// Whether samples are pixels, as they are without misalignment and on an equal grid: what would be summed is the pixel itself.
fn is_aligned(lie: Lie) -> bool {
    let equal = params.width == params.to_width && params.height == params.to_height;
    return equal && all(lie.more == vec4(0.0)) && all(lie.shift == vec2(0.0));
}

fn place_of(lie: Lie, sample: vec2<i32>) -> Place {
    let to = vec2(i32(params.to_width), i32(params.to_height));
    let seen = vec2<f32>(sample) - 0.5 * vec2<f32>(to - 1);
    let beyond = vec2(dot(lie.more.xy, seen), dot(lie.more.zw, seen)) + lie.shift;
    // The grids' centres may be half a pixel apart. Beyond 10^8 pixels nothing is seen anyway.
    let apart = vec2(i32(params.width), i32(params.height)) - to;
    let off = clamp(beyond + 0.5 * vec2<f32>(apart & vec2(1)), vec2(-1e8), vec2(1e8));
    let below = floor(off);
    return Place(sample + (apart >> vec2(1u)) + vec2<i32>(below), off - below, seen + beyond);
}

/// How far, along x and y, a pixel's centre may be from where it is seen.
fn reach_of(lie: Lie) -> vec2<f32> {
    if MODE == AREA {
        return 0.5 + 0.5 * (abs(lie.side_x) + abs(lie.side_y));
    }
    return vec2(select(0.5, 1.0, MODE == BILINEAR));
}

/// Share of a pixel in a sample that is `away` from its centre.
fn weight_of(lie: Lie, away: vec2<f32>) -> f32 {
    if MODE == AREA {
        return overlap_of(lie, away) / lie.whole;
    }
    if MODE == BILINEAR {
        let height = max(1.0 - abs(away), vec2(0.0));
        return height.x * height.y;
    }
    return select(0.0, 1.0, all(away >= vec2(-0.5)) && all(away < vec2(0.5)));
}

/// Corners of a cell around 0, along one axis.
fn corners_of(side_x: f32, side_y: f32) -> vec4<f32> {
    return 0.5 * (vec4(-1.0, 1.0, 1.0, -1.0) * side_x + vec4(-1.0, -1.0, 1.0, 1.0) * side_y);
}

/// Area of a cell inside a pixel: the integral of y - 0, y kept within 0..1, along the edges over the pixel's width.
fn overlap_of(lie: Lie, away: vec2<f32>) -> f32 {
    let x0 = corners_of(lie.side_x.x, lie.side_y.x) + (away.x + 0.5);
    let y0 = corners_of(lie.side_x.y, lie.side_y.y) + (away.y + 0.5);
    let x1 = x0.yzwx;
    let y1 = y0.yzwx;
    let run = vec2(lie.side_x.x, lie.side_y.x);
    // Upright edges have no width.
    let slope = select(vec2(lie.side_x.y, lie.side_y.y) / run, vec2(0.0), abs(run) < vec2(UPRIGHT)).xyxy;
    let from_x = clamp(x0, vec4(0.0), vec4(1.0));
    let to_x = clamp(x1, vec4(0.0), vec4(1.0));
    let from_y = y0 + (from_x - x0) * slope;
    let to_y = y1 + (to_x - x1) * slope;
    let from_in = clamp(from_y, vec4(0.0), vec4(1.0));
    let to_in = clamp(to_y, vec4(0.0), vec4(1.0));
    // Mean of y within 0..1 along an edge: the part inside, and the part above.
    let rise = to_y - from_y;
    let inside = 0.5 * (to_in - from_in) * (from_in + to_in);
    let above = max(to_y, vec4(1.0)) - max(from_y, vec4(1.0));
    let mean = select((inside + above) / rise, from_in, rise == vec4(0.0));
    let area = dot(from_x - to_x, mean);
    return select(0.0, area, area > NOTHING);
}

/// How a weight changes: along x and y, and with rotation (1/rad) and growth about the place where the picture is seen.
fn slopes_of(lie: Lie, away: vec2<f32>) -> vec4<f32> {
    if MODE == BILINEAR {
        let height = max(1.0 - abs(away), vec2(0.0));
        let slope = 0.5 * (sign(away + 1.0) + sign(away - 1.0)) - sign(away);
        return vec4(slope.x * height.y, slope.y * height.x, 0.0, 0.0);
    }
    let corner_x = corners_of(lie.side_x.x, lie.side_y.x);
    let corner_y = corners_of(lie.side_x.y, lie.side_y.y);
    let edge_x = corner_x.yzwx - corner_x;
    let edge_y = corner_y.yzwx - corner_y;
    let along_x = part_of(corner_x + (away.x + 0.5), edge_x);
    let along_y = part_of(corner_y + (away.y + 0.5), edge_y);
    let start = max(max(along_x[0], along_y[0]), vec4(0.0));
    let end = min(min(along_x[1], along_y[1]), vec4(1.0));
    let length = max(end - start, vec4(0.0)) * along_x[2] * along_y[2];
    // Normals (dy, -dx), and the middle of the part.
    let normal_x = length * edge_y / lie.whole;
    let normal_y = -length * edge_x / lie.whole;
    let middle_x = corner_x + 0.5 * (start + end) * edge_x;
    let middle_y = corner_y + 0.5 * (start + end) * edge_y;
    return vec4(
        dot(normal_x, vec4(1.0)), dot(normal_y, vec4(1.0)),
        dot(middle_y, normal_x) - dot(middle_x, normal_y), dot(middle_x, normal_x) + dot(middle_y, normal_y),
    );
}

/// From where to where edges are within 0..1, in parts of their length, and whether they count: an edge that lies on the
/// border belongs to both sides.
fn part_of(start: vec4<f32>, edge: vec4<f32>) -> mat3x4<f32> {
    let upright = abs(edge) < vec4(UPRIGHT);
    let zero = -start / edge;
    let one = (1.0 - start) / edge;
    return mat3x4(
        select(min(zero, one), vec4(0.0), upright),
        select(max(zero, one), vec4(1.0), upright),
        select(vec4(1.0), 0.5 * (sign(start) + sign(1.0 - start)), upright),
    );
}

fn pixel_of(picture: u32, pixel: vec2<i32>) -> vec2<f32> {
    if any(pixel < vec2(0)) || pixel.x >= i32(params.width) || pixel.y >= i32(params.height) {
        return vec2(params.outside_first, params.outside_second);
    }
    return pixel_at((picture * params.height + u32(pixel.y)) * params.width + u32(pixel.x));
}

fn pixel_at(at: u32) -> vec2<f32> {
    if CHANNELS == 2u {
        return vec2(x[2u * at], x[2u * at + 1u]);
    }
    return vec2(x[at], 0.0);
}

fn d_sample_of(at: u32) -> vec2<f32> {
    if CHANNELS == 2u {
        return vec2(d_y[2u * at], d_y[2u * at + 1u]);
    }
    return vec2(d_y[at], 0.0);
}

@compute @workgroup_size(WORKGROUP)
fn copy(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    if !is_aligned(lie_of(0u)) {
        return;
    }
    var quad = indexing_group(group, groups) * INDEXING_TURNS * WORKGROUP + lane;
    for (var turn = 0u; turn < INDEXING_TURNS && quad < params.n_quads; turn++) {
        copied[quad] = source[quad];
        quad += WORKGROUP;
    }
}

@compute @workgroup_size(WORKGROUP)
fn forward(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let index = indexing_group(group, groups);
    let picture = indexing_divide(index, params.n_groups);
    if picture >= params.n_pictures {
        return;
    }
    let lie = lie_of(picture);
    let reach = reach_of(lie);
    let aligned = is_aligned(lie);
    if aligned && params.n_quads > 0u {
        return;
    }
    let n_samples = params.to_height * params.to_width;
    for (var own = (index - picture * params.n_groups) * WORKGROUP + lane; own < n_samples; own += params.n_groups * WORKGROUP) {
        let at = picture * n_samples + own;
        var sum = vec2(not_a_number());
        if aligned {
            sum = pixel_at(at);
        } else if lie.sound {
            let line = indexing_divide(own, params.to_width);
            let place = place_of(lie, vec2(i32(own - line * params.to_width), i32(line)));
            let first = vec2<i32>(ceil(place.part - reach));
            let last = vec2<i32>(floor(place.part + reach));
            // The sum of nothing that leaves the sign of a zero.
            sum = vec2(-0.0);
            for (var row = first.y; row <= last.y; row += 1) {
                for (var column = first.x; column <= last.x; column += 1) {
                    let pixel = vec2(column, row);
                    let weight = weight_of(lie, place.part - vec2<f32>(pixel));
                    if weight != 0.0 {
                        sum += weight * pixel_of(picture, place.pixel + pixel);
                    }
                }
            }
        }
        if CHANNELS == 2u {
            y[2u * at] = sum.x;
            y[2u * at + 1u] = sum.y;
        } else {
            y[at] = sum.x;
        }
    }
}

@compute @workgroup_size(WORKGROUP)
fn backward(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let index = indexing_group(group, groups);
    let picture = indexing_divide(index, params.n_groups);
    if picture >= params.n_pictures {
        return;
    }
    let lie = lie_of(picture);
    let aligned = is_aligned(lie);
    if aligned && params.n_quads > 0u {
        return;
    }
    // Where a pixel is seen, in samples, and how far from there samples may see it; some rounding is allowed for.
    let inverse = vec4(lie.side_y.y, -lie.side_y.x, -lie.side_x.y, lie.side_x.x) / lie.whole;
    let to = vec2(i32(params.to_width), i32(params.to_height));
    var reach = vec2(abs(inverse.x) + abs(inverse.y), abs(inverse.z) + abs(inverse.w));
    reach = select(select(0.5 * reach, reach, MODE == BILINEAR), 0.5 + 0.5 * reach, MODE == AREA) + 0.01;
    let n_pixels = params.height * params.width;
    for (var own = (index - picture * params.n_groups) * WORKGROUP + lane; own < n_pixels; own += params.n_groups * WORKGROUP) {
        let at = picture * n_pixels + own;
        var sum = vec2(not_a_number());
        if aligned {
            sum = d_sample_of(at);
        } else if lie.sound {
            let line = indexing_divide(own, params.width);
            let pixel = vec2(i32(own - line * params.width), i32(line));
            let there = vec2<f32>(pixel) - 0.5 * vec2(f32(params.width) - 1.0, f32(params.height) - 1.0) - lie.shift;
            let seen = vec2(dot(inverse.xy, there), dot(inverse.zw, there)) + 0.5 * vec2<f32>(to - 1);
            let first = vec2<i32>(ceil(clamp(seen - reach, vec2(0.0), vec2<f32>(to))));
            let last = vec2<i32>(floor(clamp(seen + reach, vec2(-1.0), vec2<f32>(to - 1))));
            sum = vec2(-0.0);
            for (var row = first.y; row <= last.y; row += 1) {
                for (var column = first.x; column <= last.x; column += 1) {
                    let place = place_of(lie, vec2(column, row));
                    let weight = weight_of(lie, place.part - vec2<f32>(pixel - place.pixel));
                    if weight != 0.0 {
                        sum += weight * d_sample_of((picture * params.to_height + u32(row)) * params.to_width + u32(column));
                    }
                }
            }
        }
        if CHANNELS == 2u {
            d_x[2u * at] = sum.x;
            d_x[2u * at + 1u] = sum.y;
        } else {
            d_x[at] = sum.x;
        }
    }
}

@compute @workgroup_size(WORKGROUP)
fn partial(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let index = indexing_group(group, groups);
    let picture = indexing_divide(index, params.n_groups);
    var sum = vec4(0.0);
    if picture < params.n_pictures {
        let lie = lie_of(picture);
        let reach = reach_of(lie);
        if !lie.sound {
            sum = vec4(not_a_number());
        } else {
            let n_samples = params.to_height * params.to_width;
            for (var at = (index - picture * params.n_groups) * WORKGROUP + lane; at < n_samples; at += params.n_groups * WORKGROUP) {
                let line = indexing_divide(at, params.to_width);
                let place = place_of(lie, vec2(i32(at - line * params.to_width), i32(line)));
                let first = vec2<i32>(ceil(place.part - reach));
                let last = vec2<i32>(floor(place.part + reach));
                let d = d_sample_of(picture * n_samples + at);
                var slopes = vec4(0.0);
                var own = 0.0;
                for (var row = first.y; row <= last.y; row += 1) {
                    for (var column = first.x; column <= last.x; column += 1) {
                        let pixel = vec2(column, row);
                        let away = place.part - vec2<f32>(pixel);
                        let slope = slopes_of(lie, away);
                        let weight = weight_of(lie, away);
                        if weight != 0.0 || any(slope != vec4(0.0)) {
                            let along = dot(d, pixel_of(picture, place.pixel + pixel));
                            slopes += slope * along;
                            own += weight * along;
                        }
                    }
                }
                // The area of a cell goes with the inverse square of the scale; a point has none.
                own *= select(0.0, 2.0, MODE == AREA);
                // q goes with shift_x as -(cos, -sin) / (1 + scale), with shift_y as -(sin, cos) / (1 + scale), with an
                // angle as (q_y, -q_x), with the scale as -q / (1 + scale).
                let q = place.centre;
                sum += vec4(
                    lie.turn.y * slopes.y - lie.turn.x * slopes.x, -lie.turn.y * slopes.x - lie.turn.x * slopes.y,
                    RADIAN * (q.y * slopes.x - q.x * slopes.y + slopes.z), lie.shrink * (own - dot(q, slopes.xy) - slopes.w),
                );
            }
        }
    }
    for (var component = 0u; component < 4u; component += 1u) {
        let all = reduce_sum(lane, sum[component]);
        if lane == 0u && picture < params.n_pictures {
            partials[4u * index + component] = all;
        }
    }
}

@compute @workgroup_size(WORKGROUP)
fn total(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let index = indexing_group(group, groups);
    let is_own = (params.individual & (1u << params.component)) != 0u;
    let count = select(1u, params.n_pictures, is_own);
    let summed = params.n_groups * select(params.n_pictures, 1u, is_own);
    var sum = 0.0;
    if index < count {
        for (var at = lane; at < summed; at += WORKGROUP) {
            sum += summands[4u * (index * summed + at) + params.component];
        }
    }
    let all = reduce_sum(lane, sum);
    if lane == 0u && index < count {
        let place = select(0u, params.first, is_own) + index;
        d_geometry[place] = select(0.0, d_geometry[place], params.added == 1u) + all;
    }
}
