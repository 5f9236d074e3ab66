// From control to detuning, row by row of rings:
//   q = low + step round((c - low) / step), held in low..high       converter of n_levels levels; none: q = c
//   s = gain q   or   gain q^2                                       shift by the ring's own heater, nm
//   detuning[i] = rest + s[i] + k (s[i - 1] + s[i + 1])              thermal crosstalk, k = crosstalk + change
//   d_c[i] = ds/dq[i] (d[i] + k (d[i - 1] + d[i + 1]))               the converter counts as 1 (straight-through)
//   terms[i] = d[i] (s[i - 1] + s[i + 1])                            whose sum is the gradient of k
// Rows begin and end without a neighbour. With the square it is Joule's law, gain = nm/mW times kOhm, c in mA.
// Layout: an invocation owns a ring; neighbours' shifts are computed again rather than stored.
// Reference: src/reference/actuator.rs

import package::shared::indexing::{indexing_group};

const WORKGROUP: u32 = 64u;

struct Params {
    n_rings: u32,
    n_columns: u32,
    rest: f32,
    gain: f32,
    square: u32,
    low: f32,
    step: f32,
    n_levels: u32,
    crosstalk: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> control: array<f32>;                   // [rows, columns]
@group(0) @binding(2) var<storage, read> crosstalk_change: array<f32>;          // [1]
@group(0) @binding(3) var<storage, read> d_detuning: array<f32>;                // [rows, columns] 1/nm
@group(0) @binding(4) var<storage, read_write> detuning: array<f32>;            // [rows, columns] nm
@group(0) @binding(5) var<storage, read_write> d_control: array<f32>;           // [rows, columns]
@group(0) @binding(6) var<storage, read_write> terms: array<f32>;               // [rows, columns]

/// The control that a ring meets.
fn quantised(ring: u32) -> f32 {
    let c = control[ring];
    if params.n_levels == 0u {
        return c;
    }
    let level = floor((c - params.low) / params.step + 0.5);
    let raised = select(level, 0.0, level < 0.0);
    let top = f32(params.n_levels - 1u);
    return params.low + params.step * select(raised, top, raised > top);
}

fn shift(ring: u32) -> f32 {
    let q = quantised(ring);
    return params.gain * select(q, q * q, params.square == 1u);
}

fn crosstalk() -> f32 {
    return params.crosstalk + crosstalk_change[0];
}

/// Shifts of a ring's neighbours.
fn around(ring: u32) -> f32 {
    let column = ring % params.n_columns;
    var neighbours = 0.0;
    if column > 0u {
        neighbours += shift(ring - 1u);
    }
    if column + 1u < params.n_columns {
        neighbours += shift(ring + 1u);
    }
    return neighbours;
}

@compute @workgroup_size(WORKGROUP)
fn forward(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let ring = indexing_group(group, groups) * WORKGROUP + lane;
    if ring >= params.n_rings {
        return;
    }
    detuning[ring] = params.rest + (shift(ring) + crosstalk() * around(ring));
}

@compute @workgroup_size(WORKGROUP)
fn spill(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let ring = indexing_group(group, groups) * WORKGROUP + lane;
    if ring < params.n_rings {
        terms[ring] = d_detuning[ring] * around(ring);
    }
}

@compute @workgroup_size(WORKGROUP)
fn backward(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let ring = indexing_group(group, groups) * WORKGROUP + lane;
    if ring >= params.n_rings {
        return;
    }
    let column = ring % params.n_columns;
    var neighbours = 0.0;
    if column > 0u {
        neighbours += d_detuning[ring - 1u];
    }
    if column + 1u < params.n_columns {
        neighbours += d_detuning[ring + 1u];
    }
    let slope = params.gain * select(1.0, 2.0 * quantised(ring), params.square == 1u);
    d_control[ring] = slope * (d_detuning[ring] + crosstalk() * neighbours);
}
