// How light enters a circuit, is attenuated between two parts of it, and is read (gradients: see shared/complex.wgsl):
//   field = (amplitude, 0)                           `enter`; its gradient is the real part, `enter_backward`
//   out = field                                      `embed`; backward is embed from the other side
//                                                    both with (reference_beam, 0) in the first mode that has no input
//   out = factor field                               `attenuate`; backward is attenuate from the other side, and
//   d_factor = sum Re(conj(field) d_out)             over the batch: `partial` by rows of samples, `total` adds those up
//   out = r or r / N, r = |E|^2 or |E|               `detect`; N = sqrt(sum r^2) over all modes of the sample, at least 1e-12
//   d_r = d or (d - out sum(d out)) / N              `detect_backward`, without the second term where N is held;
//   d_E = 2 d_r E or d_r E / |E|                     nothing at E = 0
// The first of the modes on either side are the same; modes that only what is written has are dark.
// Layout: an invocation owns an element that is written, in the sums a mode of a row of partial sums. To read, LANES
// invocations share a sample: lanes stride over its modes, by aligned pairs, which are read at once and of which the
// first and the last may reach into the samples beside it; every lane adds up the sums of all.
// Reference: src/reference/ports.rs

import package::shared::indexing::{indexing_divide, indexing_group};

const WORKGROUP: u32 = 64u;
const LANES: u32 = 8u;                  // of a sample
const SAMPLES: u32 = WORKGROUP / LANES; // of a workgroup
const SMALLEST_NORM: f32 = 1e-12;

struct Params {
    n_samples: u32,
    n_from: u32,         // modes or ports of what is read
    n_to: u32,           // of what is written
    n_groups: u32,       // rows of partial sums
    power: u32,          // 1: |E|^2 is read, 0: |E|
    unit: u32,           // 1: readings are divided by their norm
    reference_beam: f32,      // amplitude of the first mode without an input
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> amplitude: array<f32>;             // [batch, from]
@group(0) @binding(2) var<storage, read> field: array<vec2<f32>>;           // [batch, from] complex
@group(0) @binding(3) var<storage, read> pairs: array<vec4<f32>>;           // [batch, from] complex, the field by pairs
@group(0) @binding(4) var<storage, read> factor: array<f32>;                // [min(from, to)]
@group(0) @binding(5) var<storage, read> d_out: array<vec2<f32>>;           // [batch, to] complex
@group(0) @binding(6) var<storage, read> d_reading: array<f32>;             // [batch, to]
@group(0) @binding(7) var<storage, read> summands: array<f32>;              // [groups, min(from, to)], the partial sums
@group(0) @binding(8) var<storage, read_write> out: array<vec2<f32>>;       // [batch, to] complex
@group(0) @binding(9) var<storage, read_write> d_amplitude: array<f32>;     // [batch, to]
@group(0) @binding(10) var<storage, read_write> partials: array<f32>;       // [groups, min(from, to)]
@group(0) @binding(11) var<storage, read_write> d_factor: array<f32>;       // [min(from, to)]
@group(0) @binding(12) var<storage, read_write> reading: array<f32>;        // [batch, to]
@group(0) @binding(13) var<storage, read_write> d_field: array<vec2<f32>>;  // [batch, from] complex

fn item(group: vec3<u32>, groups: vec3<u32>, lane: u32) -> u32 {
    return indexing_group(group, groups) * WORKGROUP + lane;
}

/// Where an element that is written comes from.
struct Place {
    written: bool,       // whether there is such an element
    lit: bool,           // whether it comes from anywhere
    mode: u32,
    source: u32,
}

fn place(at: u32) -> Place {
    let sample = indexing_divide(at, params.n_to);
    let mode = at - sample * params.n_to;
    let written = at < params.n_samples * params.n_to;
    return Place(written, written && mode < params.n_from, mode, sample * params.n_from + mode);
}

/// Light of a mode without an input.
fn unlit(place: Place) -> vec2<f32> {
    return vec2(select(0.0, params.reference_beam, place.mode == params.n_from), 0.0);
}

@compute @workgroup_size(WORKGROUP)
fn enter(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let at = item(group, groups, lane);
    let place = place(at);
    var value = unlit(place);
    if place.lit {
        value.x = amplitude[place.source];
    }
    if place.written {
        out[at] = value;
    }
}

@compute @workgroup_size(WORKGROUP)
fn enter_backward(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let at = item(group, groups, lane);
    let place = place(at);
    if place.lit {
        d_amplitude[at] = field[place.source].x;
    }
}

@compute @workgroup_size(WORKGROUP)
fn embed(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let at = item(group, groups, lane);
    let place = place(at);
    var value = unlit(place);
    if place.lit {
        value = field[place.source];
    }
    if place.written {
        out[at] = value;
    }
}

@compute @workgroup_size(WORKGROUP)
fn attenuate(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let at = item(group, groups, lane);
    let place = place(at);
    var value = vec2(0.0);
    if place.lit {
        value = factor[place.mode] * field[place.source];
    }
    if place.written {
        out[at] = value;
    }
}

/// Modes on both sides.
fn shared_modes() -> u32 {
    return select(params.n_to, params.n_from, params.n_from < params.n_to);
}

@compute @workgroup_size(WORKGROUP)
fn partial(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let at = item(group, groups, lane);
    let modes = shared_modes();
    let row = indexing_divide(at, modes);
    if row >= params.n_groups {
        return;
    }
    let mode = at - row * modes;
    var sum = 0.0;
    for (var sample = row; sample < params.n_samples; sample += params.n_groups) {
        sum += dot(field[sample * params.n_from + mode], d_out[sample * params.n_to + mode]);
    }
    partials[at] = sum;
}

@compute @workgroup_size(WORKGROUP)
fn total(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let mode = item(group, groups, lane);
    let modes = shared_modes();
    if mode >= modes {
        return;
    }
    var sum = 0.0;
    for (var row = 0u; row < params.n_groups; row++) {
        sum += summands[row * modes + mode];
    }
    d_factor[mode] = sum;
}

/// Where a lane is in its sample. A pair lies at mode and mode + 1 of the sample; counts wrap around below 0, so that both are
/// below n_from where they belong to it.
struct Stride {
    sample: u32,
    pair: u32,
    end: u32,            // past the last pair; where there is no sample there is no pair
}

fn stride(group: u32, lane: u32) -> Stride {
    let sample = group * SAMPLES + lane / LANES;
    let first = sample * params.n_from;
    let end = select(0u, (first + params.n_from + 1u) / 2u, sample < params.n_samples);
    return Stride(sample, first / 2u + lane % LANES, end);
}

/// Readings of a pair.
fn readings_of(e: vec4<f32>) -> vec2<f32> {
    let power = vec2(dot(e.xy, e.xy), dot(e.zw, e.zw));
    if params.power == 1u {
        return power;
    }
    return sqrt(power);
}

/// Readings of a pair for the norm, which other samples have no part in.
fn own_readings(e: vec4<f32>, mode: u32) -> vec2<f32> {
    return select(vec2(0.0), readings_of(e), vec2(mode, mode + 1u) < vec2(params.n_from));
}

var<workgroup> cells: array<vec2<f32>, WORKGROUP>;

/// Sums over the lanes of a sample, in every one of them.
fn sum_lanes(lane: u32, value: vec2<f32>) -> vec2<f32> {
    cells[lane] = value;
    workgroupBarrier();
    var sum = vec2(0.0);
    for (var other = 0u; other < LANES; other++) {
        sum += cells[lane / LANES * LANES + other];
    }
    return sum;
}

@compute @workgroup_size(WORKGROUP)
fn detect(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let own = stride(indexing_group(group, groups), lane);
    let first = own.sample * params.n_from;
    var squares = 0.0;
    if params.unit == 1u {
        for (var pair = own.pair; pair < own.end; pair += LANES) {
            let r = own_readings(pairs[pair], 2u * pair - first);
            squares += dot(r, r);
        }
    }
    let norm = sqrt(sum_lanes(lane, vec2(squares, 0.0)).x);
    let share = select(1.0, 1.0 / select(norm, SMALLEST_NORM, norm < SMALLEST_NORM), params.unit == 1u);
    for (var pair = own.pair; pair < own.end; pair += LANES) {
        let mode = 2u * pair - first;
        let r = share * readings_of(pairs[pair]);
        if mode < params.n_to {
            reading[own.sample * params.n_to + mode] = r.x;
        }
        if mode + 1u < params.n_to {
            reading[own.sample * params.n_to + mode + 1u] = r.y;
        }
    }
}

/// Gradients of the readings of a pair; 0 of a mode that has no detector.
fn upstream(sample: u32, mode: u32) -> vec2<f32> {
    let at = sample * params.n_to + mode;
    var d = vec2(0.0);
    if mode < params.n_to {
        d.x = d_reading[at];
    }
    if mode + 1u < params.n_to {
        d.y = d_reading[at + 1u];
    }
    return d;
}

@compute @workgroup_size(WORKGROUP)
fn detect_backward(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let own = stride(indexing_group(group, groups), lane);
    let first = own.sample * params.n_from;
    var sums = vec2(0.0);    // of r^2, of d r
    if params.unit == 1u {
        for (var pair = own.pair; pair < own.end; pair += LANES) {
            let mode = 2u * pair - first;
            let r = own_readings(pairs[pair], mode);
            sums += vec2(dot(r, r), dot(upstream(own.sample, mode), r));
        }
    }
    let whole = sum_lanes(lane, sums);
    let norm = sqrt(whole.x);
    let held = norm < SMALLEST_NORM;
    let share = 1.0 / select(norm, SMALLEST_NORM, held);
    let along = select(whole.y * share * share, 0.0, held);
    for (var pair = own.pair; pair < own.end; pair += LANES) {
        let mode = 2u * pair - first;
        let e = pairs[pair];
        let r = readings_of(e);
        var d = upstream(own.sample, mode);
        if params.unit == 1u {
            d = share * (d - along * r);
        }
        let slope = select(select(1.0 / r, vec2(0.0), r == vec2(0.0)), vec2(2.0), params.power == 1u);
        let d_e = (d * slope).xxyy * e;
        if mode < params.n_from {
            d_field[2u * pair] = d_e.xy;
        }
        if mode + 1u < params.n_from {
            d_field[2u * pair + 1u] = d_e.zw;
        }
    }
}
