// Draws a batch from a data set that stays on the device, in the shuffled order of the epoch or in its own:
//   x[row, feature] = raw * scale + shift,   labels[row] = label of the same sample
// Samples are bytes packed four to a word, or floats. A set larger than a binding is cut into parts of whole
// samples; a dispatch a part fills the rows whose sample lies in it. Padding rows (row >= clock.rows) are filled
// with zeros by the part that holds sample 0.
// Layout: an invocation owns an element of the batch. Reference: src/reference/draw.rs

import package::shared::clock::{Clock};
import package::shared::indexing::{indexing_group};
import package::shared::random::{random_permute, random_mix};

const WORKGROUP: u32 = 64u;

struct Params {
    batch: u32,
    n_features: u32,
    n_samples: u32,       // of the whole set
    part_first: u32,      // first sample of this part
    part_samples: u32,
    scale: f32,
    shift: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<uniform> clock: Clock;
@group(0) @binding(2) var<storage, read> packed: array<u32>;            // [part samples, features] bytes
@group(0) @binding(3) var<storage, read> values: array<f32>;            // [part samples, features]
@group(0) @binding(4) var<storage, read> set_labels: array<u32>;        // [samples]
@group(0) @binding(5) var<storage, read_write> x: array<f32>;           // [batch, features]
@group(0) @binding(6) var<storage, read_write> labels: array<u32>;      // [batch]

const NOT_HERE: u32 = 0xffffffffu;
const PADDING: u32 = 0xfffffffeu;

/// Sample of a row as its place in this part, or one of the two marks above.
fn sample_of(row: u32) -> u32 {
    if row >= clock.rows {
        return select(NOT_HERE, PADDING, params.part_first == 0u);
    }
    var sample = clock.first + row;
    if clock.shuffle == 1u {
        sample = random_permute(sample, params.n_samples, random_mix(clock.seed) ^ clock.epoch);
    }
    // Wraps around below the part, and so fails the comparison too.
    let place = sample - params.part_first;
    return select(NOT_HERE, place, place < params.part_samples);
}

fn store(at: u32, row: u32, feature: u32, place: u32, value: f32) {
    if place == PADDING {
        x[at] = 0.0;
    } else {
        x[at] = value * params.scale + params.shift;
    }
    if feature == 0u {
        labels[row] = set_labels[select(params.part_first + place, 0u, place == PADDING)];
    }
}

@compute @workgroup_size(WORKGROUP)
fn bytes(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let at = indexing_group(group, groups) * WORKGROUP + lane;
    if at >= params.batch * params.n_features {
        return;
    }
    let row = at / params.n_features;
    let feature = at % params.n_features;
    let place = sample_of(row);
    if place == NOT_HERE {
        return;
    }
    let byte = select(place, 0u, place == PADDING) * params.n_features + feature;
    let value = (packed[byte / 4u] >> (8u * (byte % 4u))) & 0xffu;
    store(at, row, feature, place, f32(value));
}

@compute @workgroup_size(WORKGROUP)
fn floats(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let at = indexing_group(group, groups) * WORKGROUP + lane;
    if at >= params.batch * params.n_features {
        return;
    }
    let row = at / params.n_features;
    let feature = at % params.n_features;
    let place = sample_of(row);
    if place == NOT_HERE {
        return;
    }
    store(at, row, feature, place, values[select(place, 0u, place == PADDING) * params.n_features + feature]);
}
