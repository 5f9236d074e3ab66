// The passes of mesh.wgsl for adapters whose subgroups have eight lanes (Mesa's software renderer) and up to 64 modes: the
// same equations, the same order of addition, the same bits.
// Layout: a workgroup is a subgroup, and a lane a sample, all modes of which it keeps in registers: every index of a Field
// is a constant. Each lane loads the coefficients of one interferometer in eight of a column and hears those of the others
// by broadcast, which is several times cheaper there than a load; sums over samples are sums over lanes. A turn of the loop
// takes two columns, one beginning at an even mode and one at an odd, as a condition would cost both of its sides. Places
// without an interferometer have the identity: past the last mode all modes are 0, and nothing is lost or won there.
// Fields enter and leave at one end, a mode a turn, as few loads compile in a second and 128 do not.
// Reference: src/reference/mesh.rs

import package::shared::complex::{complex_mul, complex_mul_conj};
import package::shared::indexing::{indexing_group};
import package::shared::mesh::{Params, mesh_column, mesh_row, mesh_forward, mesh_inverse, mesh_flow};

const LANES: u32 = 8u;
// Blocks of 16 modes that the mesh fills.
override BLOCKS: u32 = 4u;
// 1: idle places lie between modes, not only past the last, and must not pass NaN from one to the other.
override GUARDED: u32 = 0u;
/// Marks an idle place that is guarded: no part of a unitary matrix is as large.
const IDLE: f32 = 2.0;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> matrices: array<vec4<f32>>;            // [interferometers, 2, 2, 2]
@group(0) @binding(2) var<storage, read> screen: array<vec2<f32>>;              // [modes, 2]
@group(0) @binding(3) var<storage, read> x: array<vec2<f32>>;                   // [batch, modes, 2]
@group(0) @binding(4) var<storage, read_write> y: array<vec2<f32>>;             // [batch, modes, 2]
@group(0) @binding(5) var<storage, read> output: array<vec2<f32>>;              // y of the forward pass
@group(0) @binding(6) var<storage, read> d_y: array<vec2<f32>>;                 // [batch, modes, 2]
@group(0) @binding(7) var<storage, read_write> d_x: array<vec2<f32>>;           // [batch, modes, 2]
@group(0) @binding(8) var<storage, read_write> partials: array<vec4<f32>>;      // [groups, mesh_row, 4]

/// The modes of a sample, and one past the last.
alias Field = array<vec2<f32>, 65>;

/// The interferometer of a lane: its number, and its matrix by rows.
struct Own {
    number: u32,
    inside: bool,
    upper: vec4<f32>,
    lower: vec4<f32>,
}

/// The lane's interferometer of a block of a column, which may be past the ends.
fn load(c: u32, block: u32, lane: u32) -> Own {
    let column = mesh_column(params, c);
    let place = LANES * block + lane - column.mode / 2u;
    let inside = c < params.n_columns && place < column.count;
    let number = select(0u, column.first + place, inside);
    return Own(
        number,
        inside,
        select(vec4(select(1.0, IDLE, GUARDED == 1u), 0.0, 0.0, 0.0), matrices[2u * number], inside),
        select(vec4(0.0, 0.0, 1.0, 0.0), matrices[2u * number + 1u], inside),
    );
}

fn passed(upper: vec4<f32>, there: vec4<f32>, here: vec4<f32>) -> vec4<f32> {
    return select(there, here, GUARDED == 1u && upper.x == IDLE);
}

/// One interferometer, on the modes from `at` on.
fn cross(field: ptr<function, Field>, at: u32, upper: vec4<f32>, lower: vec4<f32>) {
    let here = vec4((*field)[at], (*field)[at + 1u]);
    let there = passed(upper, mesh_forward(upper, lower, here), here);
    (*field)[at] = there.xy;
    (*field)[at + 1u] = there.zw;
}

fn cross_block(field: ptr<function, Field>, c: u32, block: u32, parity: u32, lane: u32) {
    let own = load(c, block, lane);
    let at = 16u * block + parity;
    cross(field, at, subgroupBroadcast(own.upper, 0u), subgroupBroadcast(own.lower, 0u));
    cross(field, at + 2u, subgroupBroadcast(own.upper, 1u), subgroupBroadcast(own.lower, 1u));
    cross(field, at + 4u, subgroupBroadcast(own.upper, 2u), subgroupBroadcast(own.lower, 2u));
    cross(field, at + 6u, subgroupBroadcast(own.upper, 3u), subgroupBroadcast(own.lower, 3u));
    cross(field, at + 8u, subgroupBroadcast(own.upper, 4u), subgroupBroadcast(own.lower, 4u));
    cross(field, at + 10u, subgroupBroadcast(own.upper, 5u), subgroupBroadcast(own.lower, 5u));
    cross(field, at + 12u, subgroupBroadcast(own.upper, 6u), subgroupBroadcast(own.lower, 6u));
    cross(field, at + 14u, subgroupBroadcast(own.upper, 7u), subgroupBroadcast(own.lower, 7u));
}

fn cross_column(field: ptr<function, Field>, c: u32, parity: u32, lane: u32) {
    cross_block(field, c, 0u, parity, lane);
    if BLOCKS > 1u {
        cross_block(field, c, 1u, parity, lane);
    }
    if BLOCKS > 2u {
        cross_block(field, c, 2u, parity, lane);
    }
    if BLOCKS > 3u {
        cross_block(field, c, 3u, parity, lane);
    }
}

/// Sum over lanes, in order.
fn over_lanes(value: vec4<f32>) -> vec4<f32> {
    return ((((((subgroupBroadcast(value, 0u) + subgroupBroadcast(value, 1u)) + subgroupBroadcast(value, 2u))
        + subgroupBroadcast(value, 3u)) + subgroupBroadcast(value, 4u)) + subgroupBroadcast(value, 5u))
        + subgroupBroadcast(value, 6u)) + subgroupBroadcast(value, 7u);
}

/// One interferometer backwards, with the gradient; what all samples tell of its own gradients.
fn uncross(field: ptr<function, Field>, d_field: ptr<function, Field>, at: u32, upper: vec4<f32>, lower: vec4<f32>) -> vec4<f32> {
    let there = vec4((*field)[at], (*field)[at + 1u]);
    let d_there = vec4((*d_field)[at], (*d_field)[at + 1u]);
    let here = passed(upper, mesh_inverse(upper, lower, there), there);
    let d_here = passed(upper, mesh_inverse(upper, lower, d_there), d_there);
    (*field)[at] = here.xy;
    (*field)[at + 1u] = here.zw;
    (*d_field)[at] = d_here.xy;
    (*d_field)[at + 1u] = d_here.zw;
    return over_lanes(mesh_flow(here, d_here));
}

fn uncross_block(field: ptr<function, Field>, d_field: ptr<function, Field>, c: u32, block: u32, parity: u32, lane: u32, row: u32) {
    let own = load(c, block, lane);
    let at = 16u * block + parity;
    var flow = uncross(field, d_field, at, subgroupBroadcast(own.upper, 0u), subgroupBroadcast(own.lower, 0u));
    flow = select(flow, uncross(field, d_field, at + 2u, subgroupBroadcast(own.upper, 1u), subgroupBroadcast(own.lower, 1u)), lane == 1u);
    flow = select(flow, uncross(field, d_field, at + 4u, subgroupBroadcast(own.upper, 2u), subgroupBroadcast(own.lower, 2u)), lane == 2u);
    flow = select(flow, uncross(field, d_field, at + 6u, subgroupBroadcast(own.upper, 3u), subgroupBroadcast(own.lower, 3u)), lane == 3u);
    flow = select(flow, uncross(field, d_field, at + 8u, subgroupBroadcast(own.upper, 4u), subgroupBroadcast(own.lower, 4u)), lane == 4u);
    flow = select(flow, uncross(field, d_field, at + 10u, subgroupBroadcast(own.upper, 5u), subgroupBroadcast(own.lower, 5u)), lane == 5u);
    flow = select(flow, uncross(field, d_field, at + 12u, subgroupBroadcast(own.upper, 6u), subgroupBroadcast(own.lower, 6u)), lane == 6u);
    flow = select(flow, uncross(field, d_field, at + 14u, subgroupBroadcast(own.upper, 7u), subgroupBroadcast(own.lower, 7u)), lane == 7u);
    if own.inside {
        store(row + own.number, flow);
    }
}

fn store(at: u32, flow: vec4<f32>) {
    partials[at] = select(vec4(0.0), partials[at], params.accumulate == 1u) + flow;
}

fn uncross_column(field: ptr<function, Field>, d_field: ptr<function, Field>, c: u32, parity: u32, lane: u32, row: u32) {
    uncross_block(field, d_field, c, 0u, parity, lane, row);
    if BLOCKS > 1u {
        uncross_block(field, d_field, c, 1u, parity, lane, row);
    }
    if BLOCKS > 2u {
        uncross_block(field, d_field, c, 2u, parity, lane, row);
    }
    if BLOCKS > 3u {
        uncross_block(field, d_field, c, 3u, parity, lane, row);
    }
}

/// The four modes from `at` on move to `to`.
fn shift(field: ptr<function, Field>, at: u32, to: u32) {
    (*field)[to] = (*field)[at];
    (*field)[to + 1u] = (*field)[at + 1u];
    (*field)[to + 2u] = (*field)[at + 2u];
    (*field)[to + 3u] = (*field)[at + 3u];
}

/// Makes room for four modes at the beginning.
fn make_room(field: ptr<function, Field>) {
    if BLOCKS > 3u {
        shift(field, 56u, 60u);
        shift(field, 52u, 56u);
        shift(field, 48u, 52u);
        shift(field, 44u, 48u);
    }
    if BLOCKS > 2u {
        shift(field, 40u, 44u);
        shift(field, 36u, 40u);
        shift(field, 32u, 36u);
        shift(field, 28u, 32u);
    }
    if BLOCKS > 1u {
        shift(field, 24u, 28u);
        shift(field, 20u, 24u);
        shift(field, 16u, 20u);
        shift(field, 12u, 16u);
    }
    shift(field, 8u, 12u);
    shift(field, 4u, 8u);
    shift(field, 0u, 4u);
}

/// Drops four modes at the beginning.
fn close_up(field: ptr<function, Field>) {
    shift(field, 4u, 0u);
    shift(field, 8u, 4u);
    shift(field, 12u, 8u);
    if BLOCKS > 1u {
        shift(field, 16u, 12u);
        shift(field, 20u, 16u);
        shift(field, 24u, 20u);
        shift(field, 28u, 24u);
    }
    if BLOCKS > 2u {
        shift(field, 32u, 28u);
        shift(field, 36u, 32u);
        shift(field, 40u, 36u);
        shift(field, 44u, 40u);
    }
    if BLOCKS > 3u {
        shift(field, 48u, 44u);
        shift(field, 52u, 48u);
        shift(field, 56u, 52u);
        shift(field, 60u, 56u);
    }
}

/// 1 if column 0 begins at an odd mode: an idle column before it makes the pair.
fn lead() -> u32 {
    return params.triangular * (params.n_modes % 2u);
}

/// Place of a mode in memory; the last of all stands for those past the end.
fn cell(sample: u32, mode: u32) -> u32 {
    return min(sample, params.n_samples - 1u) * params.n_modes + min(mode, params.n_modes - 1u);
}

fn entering(sample: u32, mode: u32) -> vec2<f32> {
    let there = sample < params.n_samples && mode < params.n_modes;
    return select(vec2(0.0), x[cell(sample, mode)], there);
}

fn leaving(sample: u32, mode: u32, amplitude: vec2<f32>) {
    if sample < params.n_samples && mode < params.n_modes {
        y[cell(sample, mode)] = complex_mul(screen[mode], amplitude);
    }
}

@compute @workgroup_size(LANES)
fn forward(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(subgroup_invocation_id) lane: u32) {
    let sample = indexing_group(group, groups) * LANES + lane;
    if sample - lane >= params.n_samples {
        return;
    }
    var field = Field();
    for (var turn = 1u; turn <= 4u * BLOCKS; turn++) {
        let mode = 16u * BLOCKS - 4u * turn;
        make_room(&field);
        field[0] = entering(sample, mode);
        field[1] = entering(sample, mode + 1u);
        field[2] = entering(sample, mode + 2u);
        field[3] = entering(sample, mode + 3u);
    }
    let pairs = (params.n_columns + lead() + 1u) / 2u;
    for (var pair = 0u; pair < pairs; pair++) {
        // Before the first column its number wraps past the last.
        let c = 2u * pair - lead();
        cross_column(&field, c, 0u, lane);
        cross_column(&field, c + 1u, 1u, lane);
    }
    for (var mode = 0u; mode < params.n_modes; mode += 4u) {
        leaving(sample, mode, field[0]);
        leaving(sample, mode + 1u, field[1]);
        leaving(sample, mode + 2u, field[2]);
        leaving(sample, mode + 3u, field[3]);
        close_up(&field);
    }
}

/// A mode before the screen, its gradient there, and its share of the gradient of gamma.
struct Entering {
    field: vec2<f32>,
    d_field: vec2<f32>,
    flow: f32,
}

fn d_entering(sample: u32, mode: u32) -> Entering {
    let there = sample < params.n_samples && mode < params.n_modes;
    let at = cell(sample, mode);
    let turn = screen[min(mode, params.n_modes - 1u)];
    let field = select(vec2(0.0), output[at], there);
    let d_field = select(vec2(0.0), d_y[at], there);
    let flow = d_field.y * field.x - d_field.x * field.y;
    // A screen that is NaN is so for its own mode only.
    let before = select(vec2(0.0), complex_mul_conj(field, turn), there);
    return Entering(before, select(vec2(0.0), complex_mul_conj(d_field, turn), there), flow);
}

fn d_leaving(sample: u32, mode: u32, amplitude: vec2<f32>) {
    if sample < params.n_samples && mode < params.n_modes {
        d_x[cell(sample, mode)] = amplitude;
    }
}

@compute @workgroup_size(LANES)
fn backward(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(subgroup_invocation_id) lane: u32) {
    let own = indexing_group(group, groups);
    let sample = params.first_sample + own * LANES + lane;
    if own >= params.n_groups || sample - lane >= params.n_samples {
        return;
    }
    let row = own * mesh_row(params);
    var field = Field();
    var d_field = Field();
    for (var turn = 1u; turn <= 4u * BLOCKS; turn++) {
        let mode = 16u * BLOCKS - 4u * turn;
        let a = d_entering(sample, mode);
        let b = d_entering(sample, mode + 1u);
        let c = d_entering(sample, mode + 2u);
        let d = d_entering(sample, mode + 3u);
        make_room(&field);
        field[0] = a.field;
        field[1] = b.field;
        field[2] = c.field;
        field[3] = d.field;
        make_room(&d_field);
        d_field[0] = a.d_field;
        d_field[1] = b.d_field;
        d_field[2] = c.d_field;
        d_field[3] = d.d_field;
        let flow = over_lanes(vec4(a.flow, b.flow, c.flow, d.flow));
        if lane == 0u && mode < params.n_modes {
            store(row + params.n_interferometers + mode / 4u, flow);
        }
    }
    let pairs = (params.n_columns + lead() + 1u) / 2u;
    for (var pair = 1u; pair <= pairs; pair++) {
        let c = 2u * (pairs - pair) - lead();
        uncross_column(&field, &d_field, c + 1u, 1u, lane, row);
        uncross_column(&field, &d_field, c, 0u, lane, row);
    }
    for (var mode = 0u; mode < params.n_modes; mode += 4u) {
        d_leaving(sample, mode, d_field[0]);
        d_leaving(sample, mode + 1u, d_field[1]);
        d_leaving(sample, mode + 2u, d_field[2]);
        d_leaving(sample, mode + 3u, d_field[3]);
        close_up(&d_field);
    }
}
