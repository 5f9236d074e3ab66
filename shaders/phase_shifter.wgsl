// Phases that heaters set, rows of heaters behind one another:
//   set[i] = control[i] - 2 pi floor(control[i] / 2 pi)                          in 0..2 pi
//   set[i] = 2 pi / n_levels (round(set[i] n_levels / 2 pi) mod n_levels)        converter of n_levels levels, if any
//   phase[i] = set[i] + c sum_j set[j] + drift temperature                       j: neighbours of i, c = crosstalk + change
//   d_control[i] = d[i] + c sum_j d[j]                                           wrap and converter count as 1
//   terms[i] = d[i] sum_j set[j]                                                 whose sum is the gradient of c
// neighbours[i]: bit 0: i - 1 is one, bit 1: i + 1 is one. Two are neighbours of each other or not at all.
// Layout: an invocation owns a heater; what neighbours are set to is computed again rather than stored.
// Reference: src/reference/phase_shifter.rs

import package::shared::indexing::{indexing_group};
import package::shared::phase::{phase_set};

const WORKGROUP: u32 = 64u;

struct Params {
    n_heaters: u32,
    n_levels: u32,       // of the converter; 0: none
    crosstalk: f32,
    drift: f32,          // rad/K
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> control: array<f32>;               // [heaters] rad
@group(0) @binding(2) var<storage, read> neighbours: array<u32>;            // [heaters]
@group(0) @binding(3) var<storage, read> temperature: array<f32>;           // [1] K
@group(0) @binding(4) var<storage, read> crosstalk_change: array<f32>;      // [1]
@group(0) @binding(5) var<storage, read> d_phase: array<f32>;               // [heaters] 1/rad
@group(0) @binding(6) var<storage, read_write> phase: array<f32>;           // [heaters] rad
@group(0) @binding(7) var<storage, read_write> d_control: array<f32>;       // [heaters] 1/rad
@group(0) @binding(8) var<storage, read_write> terms: array<f32>;           // [heaters]

/// What a heater is set to.
fn set_phase(heater: u32) -> f32 {
    return phase_set(control[heater], params.n_levels);
}

fn crosstalk() -> f32 {
    return params.crosstalk + crosstalk_change[0];
}

/// What a heater's neighbours are set to.
fn set_around(heater: u32) -> f32 {
    var around = 0.0;
    if (neighbours[heater] & 1u) != 0u {
        around += set_phase(heater - 1u);
    }
    if (neighbours[heater] & 2u) != 0u {
        around += set_phase(heater + 1u);
    }
    return around;
}

@compute @workgroup_size(WORKGROUP)
fn forward(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let heater = indexing_group(group, groups) * WORKGROUP + lane;
    if heater >= params.n_heaters {
        return;
    }
    phase[heater] = set_phase(heater) + crosstalk() * set_around(heater) + params.drift * temperature[0];
}

@compute @workgroup_size(WORKGROUP)
fn spill(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let heater = indexing_group(group, groups) * WORKGROUP + lane;
    if heater < params.n_heaters {
        terms[heater] = d_phase[heater] * set_around(heater);
    }
}

@compute @workgroup_size(WORKGROUP)
fn backward(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let heater = indexing_group(group, groups) * WORKGROUP + lane;
    if heater >= params.n_heaters {
        return;
    }
    var around = 0.0;
    if (neighbours[heater] & 1u) != 0u {
        around += d_phase[heater - 1u];
    }
    if (neighbours[heater] & 2u) != 0u {
        around += d_phase[heater + 1u];
    }
    d_control[heater] = d_phase[heater] + crosstalk() * around;
}
