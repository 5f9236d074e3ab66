// Draws a batch from a data set that stays on the device, in the shuffled order of the epoch or in its own:
//   x[row, feature] = raw * scale + shift,   labels[row] = label of the same sample
// with one scale and shift for all features, or one of each channel.
// Samples are bytes packed four to a word, or floats. A set larger than a binding is cut into parts of whole
// samples; a dispatch a part fills the rows whose sample lies in it. Padding rows (row >= clock.rows) are filled
// with zeros by the part that holds sample 0.
// Augmented, an image is seen through a window of its own size that lies by chance within the image and `crop` pixels of
// raw zeros around it, mirrored left to right or not, and a square of the result is set to 0. Chance is keyed by seed,
// epoch and sample, so that a sample meets the same in whatever batch it is drawn.
// Layout: an invocation owns sixteen neighbours of the batch, and looks their sample up once where channels are multiples of
// sixteen, or once for four where they are multiples of four; rows of pixels where these are augmented.
// Reference: src/reference/draw.rs

import package::shared::clock::{Clock};
import package::shared::indexing::{indexing_group, indexing_divide};
import package::shared::random::{random_below, random_bits, random_mix, random_permute};

const WORKGROUP: u32 = 64u;
const OWN: u32 = 16u;

struct Params {
    batch: u32,
    n_features: u32,
    n_samples: u32,       // of the whole set
    part_first: u32,      // first sample of this part
    part_samples: u32,
    together: u32,        // neighbours that are of one channel, or row of pixels, for sure: 16, 4 or 1
    n_positions: u32,     // features that a scale is for
    // Where samples are augmented:
    height: u32,
    width: u32,
    crop: u32,
    flip: u32,            // 1: half of the images are mirrored
    cutout: u32,          // side of the square
    crop_stream: u32,     // keys window and mirror
    cutout_stream: u32,   // keys the square
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<uniform> clock: Clock;
@group(0) @binding(2) var<storage, read> packed: array<u32>;            // [part samples, features] bytes
@group(0) @binding(3) var<storage, read> values: array<f32>;            // [part samples, features]
@group(0) @binding(4) var<storage, read> set_labels: array<u32>;        // [samples]
@group(0) @binding(5) var<storage, read> factors: array<vec2<f32>>;     // [channels], scale and shift; [1] for all features
@group(0) @binding(6) var<storage, read_write> x: array<vec4<f32>>;     // [batch, features]
@group(0) @binding(7) var<storage, read_write> labels: array<u32>;      // [batch]

const NOT_HERE: u32 = 0xffffffffu;
const PADDING: u32 = 0xfffffffeu;

/// What is filled in together: first element of x, row, feature, and the sample's place in this part or a mark.
struct Target {
    at: u32,
    row: u32,
    feature: u32,
    place: u32,
}

fn find(at: u32) -> Target {
    let row = indexing_divide(at, params.n_features);
    let feature = at - row * params.n_features;
    if row >= params.batch {
        return Target(at, row, feature, NOT_HERE);
    }
    if row >= clock.rows {
        return Target(at, row, feature, select(NOT_HERE, PADDING, params.part_first == 0u));
    }
    var sample = clock.first + row;
    if clock.shuffle == 1u {
        sample = random_permute(sample, params.n_samples, random_mix(clock.seed) ^ clock.epoch);
    }
    // Wraps around below the part, and so fails the comparison too.
    let place = sample - params.part_first;
    return Target(at, row, feature, select(NOT_HERE, place, place < params.part_samples));
}

/// Element of the part that a target is read from; padding reads the first sample and drops it.
fn source(found: Target) -> u32 {
    return select(found.place, 0u, found.place == PADDING) * params.n_features + found.feature;
}

/// Scale and shift of a target.
fn factor_of(found: Target) -> vec2<f32> {
    return factors[indexing_divide(found.feature, params.n_positions)];
}

fn filled(found: Target, factor: vec2<f32>, values: vec4<f32>) -> vec4<f32> {
    return select(values * factor.x + factor.y, vec4(0.0), found.place == PADDING);
}

fn store_one(found: Target, factor: vec2<f32>, value: f32) {
    x[found.at / 4u][found.at % 4u] = filled(found, factor, vec4(value)).x;
}

/// The label of a sample, with its first feature.
fn store_label(found: Target) {
    if found.feature == 0u {
        let padding = found.place == PADDING;
        labels[found.row] = select(set_labels[select(params.part_first + found.place, 0u, padding)], 0u, padding);
    }
}

/// A byte of the part.
fn byte_at(at: u32) -> f32 {
    return f32((packed[at / 4u] >> (8u * (at % 4u))) & 0xffu);
}

@compute @workgroup_size(WORKGROUP)
fn bytes(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let first = OWN * (indexing_group(group, groups) * WORKGROUP + lane);
    for (var word = 0u; word < OWN; word += params.together) {
        let found = find(first + word);
        if found.place == NOT_HERE {
            continue;
        }
        store_label(found);
        let factor = factor_of(found);
        let byte = source(found);
        if params.together == 1u {
            store_one(found, factor, byte_at(byte));
            continue;
        }
        for (var next = 0u; next < params.together; next += 4u) {
            let four = (vec4(packed[(byte + next) / 4u]) >> vec4(0u, 8u, 16u, 24u)) & vec4(0xffu);
            x[(found.at + next) / 4u] = filled(found, factor, vec4<f32>(four));
        }
    }
}

@compute @workgroup_size(WORKGROUP)
fn floats(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let first = OWN * (indexing_group(group, groups) * WORKGROUP + lane);
    for (var word = 0u; word < OWN; word += params.together) {
        let found = find(first + word);
        if found.place == NOT_HERE {
            continue;
        }
        store_label(found);
        let factor = factor_of(found);
        let at = source(found);
        if params.together == 1u {
            store_one(found, factor, values[at]);
            continue;
        }
        for (var next = at; next < at + params.together; next += 4u) {
            let four = vec4(values[next], values[next + 1u], values[next + 2u], values[next + 3u]);
            x[(found.at + next - at) / 4u] = filled(found, factor, four);
        }
    }
}

/// How a sample is augmented. Numbers below zero wrap around.
struct View {
    row: u32,           // of the image, at row 0 of the window
    column: u32,
    mirrored: bool,
    cut_row: u32,       // of the window, where the square begins
    cut_column: u32,
}

fn view_of(found: Target) -> View {
    let counter = vec2(clock.epoch, params.part_first + found.place);
    let window = random_bits(vec2(clock.seed, params.crop_stream), counter);
    var view: View;
    view.row = random_below(window.x, 2u * params.crop + 1u) - params.crop;
    view.column = random_below(window.y, 2u * params.crop + 1u) - params.crop;
    // The lowest bit has no say in where the window lies.
    view.mirrored = params.flip == 1u && (window.x & 1u) == 1u;
    if params.cutout > 0u {
        let centre = random_bits(vec2(clock.seed, params.cutout_stream), counter);
        view.cut_row = random_below(centre.x, params.height) - params.cutout / 2u;
        view.cut_column = random_below(centre.y, params.width) - params.cutout / 2u;
    }
    return view;
}

/// What a target's row of pixels has in common: its scale and shift, the column of its first pixel, and of the row of the image
/// that is seen there where it begins in the part and whether there is one; whether the square crosses it.
struct Line {
    factor: vec2<f32>,
    column: u32,
    source: u32,
    inside: bool,
    crossed: bool,
}

fn line_of(found: Target, view: View) -> Line {
    let line = indexing_divide(found.feature, params.width);
    let channel = indexing_divide(line, params.height);
    let row = line - channel * params.height;
    let seen_row = row + view.row;
    return Line(
        factor_of(found),
        found.feature - line * params.width,
        found.place * params.n_features + (channel * params.height + seen_row) * params.width,
        seen_row < params.height,
        row - view.cut_row < params.cutout,
    );
}

/// Four neighbours of a row of pixels: elements of the part that they are read from, whether they lie in the image, and
/// whether the square covers them.
struct Four {
    at: vec4<u32>,
    inside: vec4<bool>,
    covered: vec4<bool>,
}

fn four_of(view: View, line: Line, next: u32) -> Four {
    let columns = vec4(line.column + next) + vec4(0u, 1u, 2u, 3u);
    let seen = select(columns, params.width - 1u - columns, view.mirrored) + view.column;
    let inside = (seen < vec4(params.width)) & vec4(line.inside);
    let covered = (columns - view.cut_column < vec4(params.cutout)) & vec4(line.crossed);
    return Four(select(vec4(0u), line.source + seen, inside), inside, covered);
}

/// Stores what is seen of raw values, or of the first of them.
fn store_seen(at: u32, factor: vec2<f32>, four: Four, raw: vec4<f32>) {
    let values = select(select(vec4(0.0), raw, four.inside) * factor.x + factor.y, vec4(0.0), four.covered);
    if params.together == 1u {
        x[at / 4u][at % 4u] = values.x;
    } else {
        x[at / 4u] = values;
    }
}

/// Stores the zeros of a padding row.
fn store_padding(found: Target) {
    if params.together == 1u {
        x[found.at / 4u][found.at % 4u] = 0.0;
        return;
    }
    for (var next = 0u; next < params.together; next += 4u) {
        x[(found.at + next) / 4u] = vec4(0.0);
    }
}

@compute @workgroup_size(WORKGROUP)
fn bytes_augmented(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let first = OWN * (indexing_group(group, groups) * WORKGROUP + lane);
    var row = NOT_HERE;
    var view: View;
    for (var word = 0u; word < OWN; word += params.together) {
        let found = find(first + word);
        if found.place == NOT_HERE {
            continue;
        }
        store_label(found);
        if found.place == PADDING {
            store_padding(found);
            continue;
        }
        if found.row != row {
            row = found.row;
            view = view_of(found);
        }
        let line = line_of(found, view);
        for (var next = 0u; next < params.together; next += 4u) {
            let four = four_of(view, line, next);
            let raw = vec4(byte_at(four.at.x), byte_at(four.at.y), byte_at(four.at.z), byte_at(four.at.w));
            store_seen(found.at + next, line.factor, four, raw);
        }
    }
}

@compute @workgroup_size(WORKGROUP)
fn floats_augmented(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let first = OWN * (indexing_group(group, groups) * WORKGROUP + lane);
    var row = NOT_HERE;
    var view: View;
    for (var word = 0u; word < OWN; word += params.together) {
        let found = find(first + word);
        if found.place == NOT_HERE {
            continue;
        }
        store_label(found);
        if found.place == PADDING {
            store_padding(found);
            continue;
        }
        if found.row != row {
            row = found.row;
            view = view_of(found);
        }
        let line = line_of(found, view);
        for (var next = 0u; next < params.together; next += 4u) {
            let four = four_of(view, line, next);
            let raw = vec4(values[four.at.x], values[four.at.y], values[four.at.z], values[four.at.w]);
            store_seen(found.at + next, line.factor, four, raw);
        }
    }
}
