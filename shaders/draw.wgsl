// Draws a batch from a data set that stays on the device, in the shuffled order of the epoch or in its own:
//   x[row, feature] = raw * scale + shift,   labels[row] = label of the same sample
// Samples are bytes packed four to a word, or floats. A set larger than a binding is cut into parts of whole
// samples; a dispatch a part fills the rows whose sample lies in it. Padding rows (row >= clock.rows) are filled
// with zeros by the part that holds sample 0.
// Layout: an invocation owns sixteen neighbours of the batch, and looks their sample up once where rows are multiples of
// sixteen, or once for four where they are multiples of four.
// Reference: src/reference/draw.rs

import package::shared::clock::{Clock};
import package::shared::indexing::{indexing_group, indexing_divide};
import package::shared::random::{random_permute, random_mix};

const WORKGROUP: u32 = 64u;
const OWN: u32 = 16u;

struct Params {
    batch: u32,
    n_features: u32,
    n_samples: u32,       // of the whole set
    part_first: u32,      // first sample of this part
    part_samples: u32,
    together: u32,        // neighbours that are of one sample for sure: 16, 4 or 1
    scale: f32,
    shift: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<uniform> clock: Clock;
@group(0) @binding(2) var<storage, read> packed: array<u32>;            // [part samples, features] bytes
@group(0) @binding(3) var<storage, read> values: array<f32>;            // [part samples, features]
@group(0) @binding(4) var<storage, read> set_labels: array<u32>;        // [samples]
@group(0) @binding(5) var<storage, read_write> x: array<vec4<f32>>;     // [batch, features]
@group(0) @binding(6) var<storage, read_write> labels: array<u32>;      // [batch]

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

fn filled(found: Target, values: vec4<f32>) -> vec4<f32> {
    return select(values * params.scale + params.shift, vec4(0.0), found.place == PADDING);
}

fn store_one(found: Target, value: f32) {
    x[found.at / 4u][found.at % 4u] = filled(found, vec4(value)).x;
}

/// The label of a sample, with its first feature.
fn store_label(found: Target) {
    if found.feature == 0u {
        let padding = found.place == PADDING;
        labels[found.row] = select(set_labels[select(params.part_first + found.place, 0u, padding)], 0u, padding);
    }
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
        let byte = source(found);
        if params.together == 1u {
            store_one(found, f32((packed[byte / 4u] >> (8u * (byte % 4u))) & 0xffu));
            continue;
        }
        for (var next = 0u; next < params.together; next += 4u) {
            let four = (vec4(packed[(byte + next) / 4u]) >> vec4(0u, 8u, 16u, 24u)) & vec4(0xffu);
            x[(found.at + next) / 4u] = filled(found, vec4<f32>(four));
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
        let at = source(found);
        if params.together == 1u {
            store_one(found, values[at]);
            continue;
        }
        for (var next = at; next < at + params.together; next += 4u) {
            let four = vec4(values[next], values[next + 1u], values[next + 2u], values[next + 3u]);
            x[(found.at + next - at) / 4u] = filled(found, four);
        }
    }
}
