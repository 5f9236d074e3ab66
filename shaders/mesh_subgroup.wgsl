// The passes of mesh.wgsl for adapters whose subgroups have eight lanes (Mesa's software renderer): the same equations, the
// same order of addition, the same bits.
// Layout: a workgroup is a subgroup, and a lane a sample, all modes of which it keeps in registers: every index of a Field
// is a constant. Each lane loads the coefficients of one interferometer in eight of a column and hears those of the others
// by broadcast, which is several times cheaper there than a load. Sums over samples are sums over lanes: eight numbers of
// eight lanes are transposed, so that each lane adds up those of its own interferometer. A turn of the loop takes two
// columns, one beginning at an even mode and one at an odd, as a condition would cost both of its sides. Places without an
// interferometer have the identity: past the last mode all modes are 0, and nothing is lost or won there.
// Fields enter and leave at one end, four modes a turn, as 128 loads in a line compile for seconds.
// Of more than 64 modes (`_wide`), registers hold a window that moves down by a mode a column. So every column is 32
// interferometers of it, whatever its parity; the mode it leaves is through with that column, and the mode it takes in too.
// A band is the way of a window through the mesh. What leaves it at the top is parked in memory, where the next band, 64
// modes above, takes it in when it is behind the same column. The backward pass does all of it in reverse.
// Reference: src/reference/mesh.rs

import package::shared::complex::{complex_mul, complex_mul_conj};
import package::shared::indexing::{indexing_group};
import package::shared::mesh::{Params, MESH_GROUP, MESH_WINDOW, mesh_column, mesh_screen, mesh_parked, mesh_row};
import package::shared::mesh::{MeshMatrix, mesh_forward, mesh_adjoint, mesh_inverse, mesh_flow};

const LANES: u32 = MESH_GROUP;
// Blocks of 16 modes that the mesh fills.
override BLOCKS: u32 = 4u;
// 1: idle places lie between modes, not only past the last, and must not pass NaN from one to the other.
override GUARDED: u32 = 0u;
// 1: arms have loss.
override LOSSY: u32 = 0u;
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

/// The lane's interferometer of eight from a mode on in a column. Columns before the first and modes below the first wrap
/// past the last; what is past the ends is idle.
fn load(c: u32, mode: u32, lane: u32) -> Own {
    let column = mesh_column(params, c);
    let place = (mode + 2u * lane - column.mode) / 2u;
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

fn cross_block(field: ptr<function, Field>, c: u32, mode: u32, at: u32, lane: u32) {
    let own = load(c, mode, lane);
    cross(field, at, subgroupBroadcast(own.upper, 0u), subgroupBroadcast(own.lower, 0u));
    cross(field, at + 2u, subgroupBroadcast(own.upper, 1u), subgroupBroadcast(own.lower, 1u));
    cross(field, at + 4u, subgroupBroadcast(own.upper, 2u), subgroupBroadcast(own.lower, 2u));
    cross(field, at + 6u, subgroupBroadcast(own.upper, 3u), subgroupBroadcast(own.lower, 3u));
    cross(field, at + 8u, subgroupBroadcast(own.upper, 4u), subgroupBroadcast(own.lower, 4u));
    cross(field, at + 10u, subgroupBroadcast(own.upper, 5u), subgroupBroadcast(own.lower, 5u));
    cross(field, at + 12u, subgroupBroadcast(own.upper, 6u), subgroupBroadcast(own.lower, 6u));
    cross(field, at + 14u, subgroupBroadcast(own.upper, 7u), subgroupBroadcast(own.lower, 7u));
}

/// A column, on the registers from `at` on, which hold the modes from `mode` on.
fn cross_column(field: ptr<function, Field>, c: u32, mode: u32, at: u32, lane: u32) {
    cross_block(field, c, mode, at, lane);
    if BLOCKS > 1u {
        cross_block(field, c, mode + 16u, at + 16u, lane);
    }
    if BLOCKS > 2u {
        cross_block(field, c, mode + 32u, at + 32u, lane);
    }
    if BLOCKS > 3u {
        cross_block(field, c, mode + 48u, at + 48u, lane);
    }
}

/// A sum over lanes, in order, that goes on from another: all lanes have it.
fn over_lanes(start: vec4<f32>, value: vec4<f32>) -> vec4<f32> {
    return (((((((start + subgroupBroadcast(value, 0u)) + subgroupBroadcast(value, 1u)) + subgroupBroadcast(value, 2u))
        + subgroupBroadcast(value, 3u)) + subgroupBroadcast(value, 4u)) + subgroupBroadcast(value, 5u))
        + subgroupBroadcast(value, 6u)) + subgroupBroadcast(value, 7u);
}

/// What sums over samples go on from.
fn started(at: u32) -> vec4<f32> {
    return select(vec4(0.0), partials[at], params.accumulate == 1u);
}

/// One interferometer backwards, with the gradient; what each lane's sample tells of its own gradients.
fn uncross(
    field: ptr<function, Field>,
    d_field: ptr<function, Field>,
    at: u32,
    matrix: MeshMatrix,
    inverse: MeshMatrix,
) -> vec4<f32> {
    let there = vec4((*field)[at], (*field)[at + 1u]);
    let d_there = vec4((*d_field)[at], (*d_field)[at + 1u]);
    var here = mesh_adjoint(matrix.upper, matrix.lower, there);
    if LOSSY == 1u {
        here = mesh_forward(inverse.upper, inverse.lower, there);
    }
    here = passed(matrix.upper, here, there);
    let d_here = passed(matrix.upper, mesh_adjoint(matrix.upper, matrix.lower, d_there), d_there);
    (*field)[at] = here.xy;
    (*field)[at + 1u] = here.zw;
    (*d_field)[at] = d_here.xy;
    (*d_field)[at + 1u] = d_here.zw;
    return mesh_flow(here, d_here);
}

/// A step of the transposition of eight numbers of eight lanes.
fn swap(flows: ptr<function, array<vec4<f32>, 8>>, i: u32, j: u32, bit: u32, lane: u32) {
    let high = (lane & bit) != 0u;
    let got = subgroupShuffleXor(select((*flows)[j], (*flows)[i], high), bit);
    let a = select((*flows)[i], got, high);
    let b = select(got, (*flows)[j], high);
    (*flows)[i] = a;
    (*flows)[j] = b;
}

fn uncross_block(
    field: ptr<function, Field>,
    d_field: ptr<function, Field>,
    c: u32,
    mode: u32,
    at: u32,
    lane: u32,
    row: u32,
) {
    let own = load(c, mode, lane);
    let sum = row + own.number;
    let before = mesh_inverse(own.upper, own.lower);
    var flows: array<vec4<f32>, 8>;
    flows[0] = uncross(field, d_field, at,
        MeshMatrix(subgroupBroadcast(own.upper, 0u), subgroupBroadcast(own.lower, 0u)),
        MeshMatrix(subgroupBroadcast(before.upper, 0u), subgroupBroadcast(before.lower, 0u)));
    flows[1] = uncross(field, d_field, at + 2u,
        MeshMatrix(subgroupBroadcast(own.upper, 1u), subgroupBroadcast(own.lower, 1u)),
        MeshMatrix(subgroupBroadcast(before.upper, 1u), subgroupBroadcast(before.lower, 1u)));
    flows[2] = uncross(field, d_field, at + 4u,
        MeshMatrix(subgroupBroadcast(own.upper, 2u), subgroupBroadcast(own.lower, 2u)),
        MeshMatrix(subgroupBroadcast(before.upper, 2u), subgroupBroadcast(before.lower, 2u)));
    flows[3] = uncross(field, d_field, at + 6u,
        MeshMatrix(subgroupBroadcast(own.upper, 3u), subgroupBroadcast(own.lower, 3u)),
        MeshMatrix(subgroupBroadcast(before.upper, 3u), subgroupBroadcast(before.lower, 3u)));
    flows[4] = uncross(field, d_field, at + 8u,
        MeshMatrix(subgroupBroadcast(own.upper, 4u), subgroupBroadcast(own.lower, 4u)),
        MeshMatrix(subgroupBroadcast(before.upper, 4u), subgroupBroadcast(before.lower, 4u)));
    flows[5] = uncross(field, d_field, at + 10u,
        MeshMatrix(subgroupBroadcast(own.upper, 5u), subgroupBroadcast(own.lower, 5u)),
        MeshMatrix(subgroupBroadcast(before.upper, 5u), subgroupBroadcast(before.lower, 5u)));
    flows[6] = uncross(field, d_field, at + 12u,
        MeshMatrix(subgroupBroadcast(own.upper, 6u), subgroupBroadcast(own.lower, 6u)),
        MeshMatrix(subgroupBroadcast(before.upper, 6u), subgroupBroadcast(before.lower, 6u)));
    flows[7] = uncross(field, d_field, at + 14u,
        MeshMatrix(subgroupBroadcast(own.upper, 7u), subgroupBroadcast(own.lower, 7u)),
        MeshMatrix(subgroupBroadcast(before.upper, 7u), subgroupBroadcast(before.lower, 7u)));
    swap(&flows, 0u, 4u, 4u, lane);
    swap(&flows, 1u, 5u, 4u, lane);
    swap(&flows, 2u, 6u, 4u, lane);
    swap(&flows, 3u, 7u, 4u, lane);
    swap(&flows, 0u, 2u, 2u, lane);
    swap(&flows, 1u, 3u, 2u, lane);
    swap(&flows, 4u, 6u, 2u, lane);
    swap(&flows, 5u, 7u, 2u, lane);
    swap(&flows, 0u, 1u, 1u, lane);
    swap(&flows, 2u, 3u, 1u, lane);
    swap(&flows, 4u, 5u, 1u, lane);
    swap(&flows, 6u, 7u, 1u, lane);
    var flow = started(sum);
    flow += flows[0];
    flow += flows[1];
    flow += flows[2];
    flow += flows[3];
    flow += flows[4];
    flow += flows[5];
    flow += flows[6];
    flow += flows[7];
    if own.inside {
        partials[sum] = flow;
    }
}

fn uncross_column(
    field: ptr<function, Field>,
    d_field: ptr<function, Field>,
    c: u32,
    mode: u32,
    at: u32,
    lane: u32,
    row: u32,
) {
    uncross_block(field, d_field, c, mode, at, lane, row);
    if BLOCKS > 1u {
        uncross_block(field, d_field, c, mode + 16u, at + 16u, lane, row);
    }
    if BLOCKS > 2u {
        uncross_block(field, d_field, c, mode + 32u, at + 32u, lane, row);
    }
    if BLOCKS > 3u {
        uncross_block(field, d_field, c, mode + 48u, at + 48u, lane, row);
    }
}

/// The four modes from `at` on move to `to`.
fn shift(field: ptr<function, Field>, at: u32, to: u32) {
    (*field)[to] = (*field)[at];
    (*field)[to + 1u] = (*field)[at + 1u];
    (*field)[to + 2u] = (*field)[at + 2u];
    (*field)[to + 3u] = (*field)[at + 3u];
}

/// Makes room for four modes from register `first` on.
fn make_room(field: ptr<function, Field>, first: u32) {
    if BLOCKS > 3u {
        shift(field, first + 56u, first + 60u);
        shift(field, first + 52u, first + 56u);
        shift(field, first + 48u, first + 52u);
        shift(field, first + 44u, first + 48u);
    }
    if BLOCKS > 2u {
        shift(field, first + 40u, first + 44u);
        shift(field, first + 36u, first + 40u);
        shift(field, first + 32u, first + 36u);
        shift(field, first + 28u, first + 32u);
    }
    if BLOCKS > 1u {
        shift(field, first + 24u, first + 28u);
        shift(field, first + 20u, first + 24u);
        shift(field, first + 16u, first + 20u);
        shift(field, first + 12u, first + 16u);
    }
    shift(field, first + 8u, first + 12u);
    shift(field, first + 4u, first + 8u);
    shift(field, first, first + 4u);
}

/// Drops four modes from register `first` on.
fn close_up(field: ptr<function, Field>, first: u32) {
    shift(field, first + 4u, first);
    shift(field, first + 8u, first + 4u);
    shift(field, first + 12u, first + 8u);
    if BLOCKS > 1u {
        shift(field, first + 16u, first + 12u);
        shift(field, first + 20u, first + 16u);
        shift(field, first + 24u, first + 20u);
        shift(field, first + 28u, first + 24u);
    }
    if BLOCKS > 2u {
        shift(field, first + 32u, first + 28u);
        shift(field, first + 36u, first + 32u);
        shift(field, first + 40u, first + 36u);
        shift(field, first + 44u, first + 40u);
    }
    if BLOCKS > 3u {
        shift(field, first + 48u, first + 44u);
        shift(field, first + 52u, first + 48u);
        shift(field, first + 56u, first + 52u);
        shift(field, first + 60u, first + 56u);
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

/// Takes in the modes from `mode` on, to the registers from `first` on.
fn enter(field: ptr<function, Field>, first: u32, sample: u32, mode: u32) {
    for (var turn = 1u; turn <= 4u * BLOCKS; turn++) {
        let next = mode + 16u * BLOCKS - 4u * turn;
        make_room(field, first);
        (*field)[first] = entering(sample, next);
        (*field)[first + 1u] = entering(sample, next + 1u);
        (*field)[first + 2u] = entering(sample, next + 2u);
        (*field)[first + 3u] = entering(sample, next + 3u);
    }
}

/// Lets them out through the screen.
fn leave(field: ptr<function, Field>, first: u32, sample: u32, mode: u32) {
    for (var next = mode; next != mode + 16u * BLOCKS; next += 4u) {
        leaving(sample, next, (*field)[first]);
        leaving(sample, next + 1u, (*field)[first + 1u]);
        leaving(sample, next + 2u, (*field)[first + 2u]);
        leaving(sample, next + 3u, (*field)[first + 3u]);
        close_up(field, first);
    }
}

@compute @workgroup_size(LANES)
fn forward(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(subgroup_invocation_id) lane: u32) {
    let sample = indexing_group(group, groups) * LANES + lane;
    if sample - lane >= params.n_samples {
        return;
    }
    var field = Field();
    enter(&field, 0u, sample, 0u);
    let end = params.n_columns + lead();
    for (var step = 0u; step < end; step += 2u) {
        let c = step - lead();
        cross_column(&field, c, 0u, 0u, lane);
        cross_column(&field, c + 1u, 1u, 1u, lane);
    }
    leave(&field, 0u, sample, 0u);
}

/// Steps of a wide mesh, a column each: idle ones before and behind make them a multiple of four, as four modes leave
/// together.
fn steps() -> u32 {
    return (params.n_columns + lead() + 3u) / 4u * 4u;
}

/// First step, even, and end of the steps in which the window of a band meets modes. It starts at mode `band`.
fn span_of(band: u32) -> vec2<u32> {
    let idle = select(band - params.n_modes, 0u, band < params.n_modes);
    return vec2(idle / 2u * 2u, min(steps(), band + MESH_WINDOW));
}

/// Four modes from `at` on move on by two.
fn shift_up(field: ptr<function, Field>, at: u32) {
    (*field)[at + 5u] = (*field)[at + 3u];
    (*field)[at + 4u] = (*field)[at + 2u];
    (*field)[at + 3u] = (*field)[at + 1u];
    (*field)[at + 2u] = (*field)[at];
}

fn shift_down(field: ptr<function, Field>, at: u32) {
    (*field)[at] = (*field)[at + 2u];
    (*field)[at + 1u] = (*field)[at + 3u];
    (*field)[at + 2u] = (*field)[at + 4u];
    (*field)[at + 3u] = (*field)[at + 5u];
}

/// All modes move on by two; the first two registers are free then.
fn window_down(field: ptr<function, Field>) {
    shift_up(field, 59u);
    shift_up(field, 55u);
    shift_up(field, 51u);
    shift_up(field, 47u);
    shift_up(field, 43u);
    shift_up(field, 39u);
    shift_up(field, 35u);
    shift_up(field, 31u);
    shift_up(field, 27u);
    shift_up(field, 23u);
    shift_up(field, 19u);
    shift_up(field, 15u);
    shift_up(field, 11u);
    shift_up(field, 7u);
    shift_up(field, 3u);
    (*field)[4] = (*field)[2];
    (*field)[3] = (*field)[1];
    (*field)[2] = (*field)[0];
}

/// All modes move back by two; the last two registers are free then.
fn window_up(field: ptr<function, Field>) {
    shift_down(field, 0u);
    shift_down(field, 4u);
    shift_down(field, 8u);
    shift_down(field, 12u);
    shift_down(field, 16u);
    shift_down(field, 20u);
    shift_down(field, 24u);
    shift_down(field, 28u);
    shift_down(field, 32u);
    shift_down(field, 36u);
    shift_down(field, 40u);
    shift_down(field, 44u);
    shift_down(field, 48u);
    shift_down(field, 52u);
    shift_down(field, 56u);
    (*field)[60] = (*field)[62];
    (*field)[61] = (*field)[63];
    (*field)[62] = (*field)[64];
}

/// Parks a mode inside the mesh where it will leave it.
fn park(sample: u32, mode: u32, amplitude: vec2<f32>) {
    if sample < params.n_samples && mode < params.n_modes {
        y[cell(sample, mode)] = amplitude;
    }
}

fn parked(sample: u32, mode: u32) -> vec2<f32> {
    let there = sample < params.n_samples && mode < params.n_modes;
    return select(vec2(0.0), y[cell(sample, mode)], there);
}

@compute @workgroup_size(LANES)
fn forward_wide(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(subgroup_invocation_id) lane: u32) {
    let sample = indexing_group(group, groups) * LANES + lane;
    if sample - lane >= params.n_samples {
        return;
    }
    var field = Field();
    for (var band = 0u; band < params.n_modes + steps(); band += MESH_WINDOW) {
        let span = span_of(band);
        enter(&field, 1u, sample, band - span.x);
        for (var step = span.x; step < span.y; step += 2u) {
            let mode = band - step;
            let c = step - lead();
            cross_column(&field, c, mode, 1u, lane);
            park(sample, mode + 63u, field[64]);
            field[0] = parked(sample, mode - 1u);
            cross_column(&field, c + 1u, mode - 1u, 0u, lane);
            park(sample, mode + 62u, field[63]);
            window_down(&field);
            field[1] = parked(sample, mode - 2u);
        }
        leave(&field, 1u, sample, band - span.y);
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

/// Takes in the modes from `mode` on, a multiple of four, and sums up what the screen's gradient needs.
fn d_enter(
    field: ptr<function, Field>,
    d_field: ptr<function, Field>,
    first: u32,
    sample: u32,
    mode: u32,
    lane: u32,
    row: u32,
) {
    for (var turn = 1u; turn <= 4u * BLOCKS; turn++) {
        let next = mode + 16u * BLOCKS - 4u * turn;
        let a = d_entering(sample, next);
        let b = d_entering(sample, next + 1u);
        let c = d_entering(sample, next + 2u);
        let d = d_entering(sample, next + 3u);
        make_room(field, first);
        (*field)[first] = a.field;
        (*field)[first + 1u] = b.field;
        (*field)[first + 2u] = c.field;
        (*field)[first + 3u] = d.field;
        make_room(d_field, first);
        (*d_field)[first] = a.d_field;
        (*d_field)[first + 1u] = b.d_field;
        (*d_field)[first + 2u] = c.d_field;
        (*d_field)[first + 3u] = d.d_field;
        let there = next < params.n_modes;
        let sum = row + mesh_screen(params, select(0u, next, there));
        let flow = over_lanes(started(sum), vec4(a.flow, b.flow, c.flow, d.flow));
        if lane == 0u && there {
            partials[sum] = flow;
        }
    }
}

fn d_leaving(sample: u32, mode: u32, amplitude: vec2<f32>) {
    if sample < params.n_samples && mode < params.n_modes {
        d_x[cell(sample, mode)] = amplitude;
    }
}

fn d_leave(d_field: ptr<function, Field>, first: u32, sample: u32, mode: u32) {
    for (var next = mode; next != mode + 16u * BLOCKS; next += 4u) {
        d_leaving(sample, next, (*d_field)[first]);
        d_leaving(sample, next + 1u, (*d_field)[first + 1u]);
        d_leaving(sample, next + 2u, (*d_field)[first + 2u]);
        d_leaving(sample, next + 3u, (*d_field)[first + 3u]);
        close_up(d_field, first);
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
    d_enter(&field, &d_field, 0u, sample, 0u, lane, row);
    let end = params.n_columns + lead();
    for (var step = (end + 1u) / 2u * 2u; step > 0u; step -= 2u) {
        let c = step - 2u - lead();
        uncross_column(&field, &d_field, c + 1u, 1u, 1u, lane, row);
        uncross_column(&field, &d_field, c, 0u, 0u, lane, row);
    }
    d_leave(&d_field, 0u, sample, 0u);
}

/// Parks a mode with its gradient.
fn d_park(row: u32, mode: u32, lane: u32, field: vec2<f32>, d_field: vec2<f32>) {
    if mode < params.n_modes {
        partials[row + mesh_parked(params, mode, lane)] = vec4(field, d_field);
    }
}

fn d_parked(row: u32, mode: u32, lane: u32) -> vec4<f32> {
    let there = mode < params.n_modes;
    return select(vec4(0.0), partials[row + mesh_parked(params, select(0u, mode, there), lane)], there);
}

@compute @workgroup_size(LANES)
fn backward_wide(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(subgroup_invocation_id) lane: u32) {
    let own = indexing_group(group, groups);
    let sample = params.first_sample + own * LANES + lane;
    if own >= params.n_groups || sample - lane >= params.n_samples {
        return;
    }
    let row = own * mesh_row(params);
    var field = Field();
    var d_field = Field();
    let bands = (params.n_modes + steps() + MESH_WINDOW - 1u) / MESH_WINDOW;
    for (var turn = 1u; turn <= bands; turn++) {
        let band = MESH_WINDOW * (bands - turn);
        let span = span_of(band);
        d_enter(&field, &d_field, 1u, sample, band - span.y, lane, row);
        for (var step = span.y; step > span.x; step -= 2u) {
            let mode = band - step + 2u;
            let c = step - 2u - lead();
            d_park(row, mode - 2u, lane, field[1], d_field[1]);
            window_up(&field);
            window_up(&d_field);
            let before = d_parked(row, mode + 62u, lane);
            field[63] = before.xy;
            d_field[63] = before.zw;
            uncross_column(&field, &d_field, c + 1u, mode - 1u, 0u, lane, row);
            d_park(row, mode - 1u, lane, field[0], d_field[0]);
            let next = d_parked(row, mode + 63u, lane);
            field[64] = next.xy;
            d_field[64] = next.zw;
            uncross_column(&field, &d_field, c, mode, 1u, lane, row);
        }
        d_leave(&d_field, 1u, sample, band - span.x);
    }
}
