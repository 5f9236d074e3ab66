// Weights of rings in series on one bus, in banks along a row; ring j of a bank stands at channel j:
//   d_j(i) = x_j + (j - i) spacing, to the nearest order of the ring (period fsr);   x: as in microring.wgsl
//   T_j(i) = 1 - A_j / (1 + (d/g_j)^2)                      what ring j lets through at channel i
//   weight_i = 2 prod_j T_j(i) - 1                          through minus drop
//   d_x_j = sum_i d_weight_i 2 dT_j(i)/dx prod_(k != j) T_k(i)
// and likewise by dT/dw and dT/da of the changes of width and contrast, ABOUT 1 and 2 (microring.wgsl).
// Products over the other rings come from products of those before and of those behind: exact where a ring lets
// nothing through. Source: Tait et al., "Microring weight banks", IEEE JSTQE 22, 5900214 (2016).
// Layout: an invocation owns a channel in `forward` and `spread`, which leaves the terms of its sum over rings in a
// scratch of [rings, size], and a ring in `gather`, which adds them up. Reference: src/reference/ring_bank.rs

import package::shared::indexing::{indexing_group};
import package::shared::ring::{ring_half_width, ring_contrast, ring_width_moves, ring_contrast_moves};

const WORKGROUP: u32 = 64u;

/// What the gradient is about: 0 the detuning, 1 the change of the width, 2 that of the contrast.
override ABOUT: u32 = 0u;

struct Params {
    n_rings: u32,
    n_columns: u32,
    size: u32,
    half_width: f32,
    contrast: f32,
    drift: f32,
    spacing: f32,
    fsr: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> detuning: array<f32>;              // [rows, columns] nm
@group(0) @binding(2) var<storage, read> offset: array<f32>;                // [rows, columns] nm
@group(0) @binding(3) var<storage, read> temperature: array<f32>;           // [1] K
@group(0) @binding(4) var<storage, read> width_change: array<f32>;          // [rows, columns] relative
@group(0) @binding(5) var<storage, read> contrast_change: array<f32>;       // [rows, columns]
@group(0) @binding(6) var<storage, read> d_weight: array<f32>;              // [rows, columns]
@group(0) @binding(7) var<storage, read_write> weight: array<f32>;          // [rows, columns]
@group(0) @binding(8) var<storage, read_write> terms: array<f32>;           // [rows, columns, size]: channel, ring
@group(0) @binding(9) var<storage, read> spread_terms: array<f32>;          // the same
@group(0) @binding(10) var<storage, read_write> d_detuning: array<f32>;     // [rows, columns] 1/nm

/// A bank: its first ring, its rings, and the place of a channel or ring in it. The last of a row may be shorter.
struct Bank {
    first: u32,
    count: u32,
    place: u32,
}

fn bank_of(ring: u32) -> Bank {
    let column = ring % params.n_columns;
    let place = column % params.size;
    let left = params.n_columns - (column - place);
    return Bank(ring - place, select(left, params.size, params.size < left), place);
}

/// (T, slope of T) of ring j of a bank at its channel i.
fn through(bank: Bank, j: u32, i: u32) -> vec2<f32> {
    let ring = bank.first + j;
    let x = detuning[ring] + offset[ring] + params.drift * temperature[0];
    let far = x + (f32(j) - f32(i)) * params.spacing;
    let half_width = ring_half_width(params.half_width, width_change[ring]);
    let u = (far - params.fsr * floor(far / params.fsr + 0.5)) / half_width;
    let width = 1.0 + u * u;
    let contrast = ring_contrast(params.contrast, contrast_change[ring]);
    var slope = 2.0 * contrast * u / (half_width * width * width);
    if ABOUT == 1u {
        slope *= -u * params.half_width * ring_width_moves(width_change[ring]);
    }
    if ABOUT == 2u {
        slope = -ring_contrast_moves(params.contrast, contrast_change[ring]) / width;
    }
    return vec2(1.0 - contrast / width, slope);
}

@compute @workgroup_size(WORKGROUP)
fn forward(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let channel = indexing_group(group, groups) * WORKGROUP + lane;
    if channel >= params.n_rings {
        return;
    }
    let bank = bank_of(channel);
    var all = 1.0;
    for (var j = 0u; j < bank.count; j++) {
        all *= through(bank, j, bank.place).x;
    }
    weight[channel] = 2.0 * all - 1.0;
}

@compute @workgroup_size(WORKGROUP)
fn spread(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let channel = indexing_group(group, groups) * WORKGROUP + lane;
    if channel >= params.n_rings {
        return;
    }
    let bank = bank_of(channel);
    var before = 2.0 * d_weight[channel];
    for (var j = 0u; j < bank.count; j++) {
        terms[channel * params.size + j] = before;
        before *= through(bank, j, bank.place).x;
    }
    var behind = 1.0;
    for (var turn = 0u; turn < bank.count; turn++) {
        let j = bank.count - 1u - turn;
        let here = through(bank, j, bank.place);
        terms[channel * params.size + j] *= here.y * behind;
        behind *= here.x;
    }
}

@compute @workgroup_size(WORKGROUP)
fn gather(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let ring = indexing_group(group, groups) * WORKGROUP + lane;
    if ring >= params.n_rings {
        return;
    }
    let bank = bank_of(ring);
    var sum = 0.0;
    for (var i = 0u; i < bank.count; i++) {
        sum += spread_terms[(bank.first + i) * params.size + bank.place];
    }
    d_detuning[ring] = sum;
}
