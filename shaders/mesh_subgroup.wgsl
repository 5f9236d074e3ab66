// The passes of mesh.wgsl for adapters whose subgroups have eight lanes (Mesa's software renderer): the same equations, and
// forward the same order of addition, the same bits. Backward the sums over eight samples are a tree.
// Layout: a workgroup is a subgroup, and a lane a sample. Each lane loads the coefficients of one interferometer in eight
// and hears those of the others by broadcast, which is several times cheaper there than a load. Places without an
// interferometer have the identity: past the ends all modes are 0, and nothing is lost or won there.
// Forward, a lane keeps all modes in registers: every index of a Field is a constant. A turn of the loop takes two columns,
// one beginning at an even mode and one at an odd, as a condition would cost both of its sides. Fields enter and leave at
// one end, four modes a turn, as 128 loads in a line compile for seconds.
// Of more than 64 modes (`_wide`), registers hold a window that moves down by a mode a column. So every column is 32
// interferometers of it, whatever its parity; the mode it leaves is through with that column, and the mode it takes in too.
// A band is the way of a window through the mesh. What leaves it at the top is parked in memory, where the next band, 64
// modes above, takes it in when it is behind the same column.
// Backward, that would be so long that the driver compiles it for seconds. Fields and gradients lie in memory, and eight
// columns are crossed at once, along diagonals: a step takes the interferometer at mode p of the last of them, p - 1 of the
// one before it, and so on. Nine modes are in registers then; two enter and two leave them a step.
// Reference: src/reference/mesh.rs

import package::shared::complex::{complex_mul, complex_mul_conj};
import package::shared::indexing::{indexing_group};
import package::shared::mesh::{Params, MESH_GROUP, mesh_column, mesh_screen, mesh_scratch, mesh_row};
import package::shared::mesh::{mesh_forward, mesh_adjoint, mesh_over, mesh_inverse, mesh_flow};

const LANES: u32 = MESH_GROUP;
/// Modes that registers hold.
const WINDOW: u32 = 64u;
// Blocks of 16 modes that the mesh fills.
override BLOCKS: u32 = 4u;
// 1: idle places lie between modes, not only past the ends, and must not pass NaN from one to the other.
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

/// The interferometer of a lane, its matrix by rows.
struct Own {
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
    return vec2(idle / 2u * 2u, min(steps(), band + WINDOW));
}

/// Four modes from `at` on move on by two.
fn shift_up(field: ptr<function, Field>, at: u32) {
    (*field)[at + 5u] = (*field)[at + 3u];
    (*field)[at + 4u] = (*field)[at + 2u];
    (*field)[at + 3u] = (*field)[at + 1u];
    (*field)[at + 2u] = (*field)[at];
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
    for (var band = 0u; band < params.n_modes + steps(); band += WINDOW) {
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

/// Neighbouring modes of a sample, field and gradient.
alias Window = array<vec4<f32>, 9>;

/// What sums over samples go on from.
fn started(at: u32) -> vec4<f32> {
    return select(vec4(0.0), partials[at], params.accumulate == 1u);
}

/// Brings a mode before the screen, with its gradient, to the scratch, and returns its share of the gradient of gamma.
fn take(cells: u32, sample: u32, mode: u32) -> f32 {
    let there = sample < params.n_samples && mode < params.n_modes;
    let at = cell(sample, mode);
    let turn = screen[min(mode, params.n_modes - 1u)];
    let field = select(vec2(0.0), output[at], there);
    let d_field = select(vec2(0.0), d_y[at], there);
    if mode < params.n_modes {
        partials[cells + LANES * mode] = vec4(complex_mul_conj(field, turn), complex_mul_conj(d_field, turn));
    }
    return d_field.y * field.x - d_field.x * field.y;
}

/// A mode as the scratch has it; 0 where there is none.
fn fetched(cells: u32, mode: u32) -> vec4<f32> {
    let last = params.n_modes - 1u;
    return select(vec4(0.0), partials[cells + LANES * min(mode, last)], mode <= last);
}

/// Puts back a mode that came after `start`, which may be -1.
fn put_back(cells: u32, start: u32, mode: u32, amplitudes: vec4<f32>) {
    if mode < params.n_modes && i32(mode) >= i32(start) {
        partials[cells + LANES * mode] = amplitudes;
    }
}

/// A mode, or -1, from which on the eight columns before `end` have all of their interferometers.
fn first_mode(end: u32) -> u32 {
    let last = mesh_column(params, end - 1u).mode;
    let least = min(last, mesh_column(params, end - min(end, LANES)).mode);
    let start = least - min(least, LANES);
    return start - (last - start) % 2u;
}

/// One interferometer backwards, with the gradient; what the lane's sample tells of its own gradients.
fn uncross(window: ptr<function, Window>, at: u32, upper: vec4<f32>, lower: vec4<f32>, over: vec2<f32>) -> vec4<f32> {
    let one = (*window)[at];
    let other = (*window)[at + 1u];
    let there = vec4(one.xy, other.xy);
    let d_there = vec4(one.zw, other.zw);
    let here = passed(upper, mesh_inverse(upper, lower, over, there), there);
    let d_here = passed(upper, mesh_adjoint(upper, lower, d_there), d_there);
    (*window)[at] = vec4(here.xy, d_here.xy);
    (*window)[at + 1u] = vec4(here.zw, d_here.zw);
    return mesh_flow(here, d_here);
}

/// A step of a sum over lanes: those with the bit keep b, the others a.
fn fold(a: vec4<f32>, b: vec4<f32>, bit: u32, lane: u32) -> vec4<f32> {
    let high = (lane & bit) != 0u;
    return select(a, b, high) + subgroupShuffleXor(select(b, a, high), bit);
}

@compute @workgroup_size(LANES)
fn backward(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(subgroup_invocation_id) lane: u32) {
    // lane / LANES is 0. Where uniforms alone bound a loop, to 32 turns or fewer, Mesa unrolls it, and compiles anew at every
    // dispatch.
    let n = params.n_modes + lane / LANES;
    let columns = params.n_columns + lane / LANES;
    let own = indexing_group(group, groups);
    let sample = params.first_sample + own * LANES + lane;
    if own >= params.n_groups || sample - lane >= params.n_samples {
        return;
    }
    let row = own * mesh_row(params);
    let cells = row + mesh_scratch(params) + lane;
    for (var mode = 0u; mode < n; mode += 4u) {
        var flow = vec4(
            take(cells, sample, mode),
            take(cells, sample, mode + 1u),
            take(cells, sample, mode + 2u),
            take(cells, sample, mode + 3u),
        );
        flow += subgroupShuffleXor(flow, 4u);
        flow += subgroupShuffleXor(flow, 2u);
        flow += subgroupShuffleXor(flow, 1u);
        let sum = row + mesh_screen(params, mode);
        flow += started(sum);
        if lane == 0u {
            partials[sum] = flow;
        }
    }
    for (var end = columns; end > 0u; end -= min(end, LANES)) {
        let c = end - 1u - lane;
        let column = mesh_column(params, c);
        let count = select(0u, column.count, c < params.n_columns);
        let start = first_mode(end);
        let steps = (n + LANES - start) / 2u;
        var window = Window();
        for (var step = 0u; step < steps; step++) {
            let mode = start + 2u * step;
            let place = (mode - lane - column.mode) / 2u;
            let inside = place < count;
            let number = select(0u, column.first + place, inside);
            let here = Own(
                select(vec4(select(1.0, IDLE, GUARDED == 1u), 0.0, 0.0, 0.0), matrices[2u * number], inside),
                select(vec4(0.0, 0.0, 1.0, 0.0), matrices[2u * number + 1u], inside),
            );
            let over = mesh_over(here.upper, here.lower);
            window[7] = fetched(cells, mode);
            window[8] = fetched(cells, mode + 1u);
            let flow0 = uncross(&window, 7u,
                subgroupBroadcast(here.upper, 0u), subgroupBroadcast(here.lower, 0u), subgroupBroadcast(over, 0u));
            let flow1 = uncross(&window, 6u,
                subgroupBroadcast(here.upper, 1u), subgroupBroadcast(here.lower, 1u), subgroupBroadcast(over, 1u));
            let flow2 = uncross(&window, 5u,
                subgroupBroadcast(here.upper, 2u), subgroupBroadcast(here.lower, 2u), subgroupBroadcast(over, 2u));
            let flow3 = uncross(&window, 4u,
                subgroupBroadcast(here.upper, 3u), subgroupBroadcast(here.lower, 3u), subgroupBroadcast(over, 3u));
            let flow4 = uncross(&window, 3u,
                subgroupBroadcast(here.upper, 4u), subgroupBroadcast(here.lower, 4u), subgroupBroadcast(over, 4u));
            let flow5 = uncross(&window, 2u,
                subgroupBroadcast(here.upper, 5u), subgroupBroadcast(here.lower, 5u), subgroupBroadcast(over, 5u));
            let flow6 = uncross(&window, 1u,
                subgroupBroadcast(here.upper, 6u), subgroupBroadcast(here.lower, 6u), subgroupBroadcast(over, 6u));
            let flow7 = uncross(&window, 0u,
                subgroupBroadcast(here.upper, 7u), subgroupBroadcast(here.lower, 7u), subgroupBroadcast(over, 7u));
            let low = fold(fold(flow0, flow4, 4u, lane), fold(flow2, flow6, 4u, lane), 2u, lane);
            let high = fold(fold(flow1, flow5, 4u, lane), fold(flow3, flow7, 4u, lane), 2u, lane);
            let flow = fold(low, high, 1u, lane) + started(row + number);
            if inside {
                partials[row + number] = flow;
            }
            put_back(cells, start, mode - 7u, window[0]);
            put_back(cells, start, mode - 6u, window[1]);
            window[0] = window[2];
            window[1] = window[3];
            window[2] = window[4];
            window[3] = window[5];
            window[4] = window[6];
            window[5] = window[7];
            window[6] = window[8];
        }
    }
    if sample < params.n_samples {
        for (var mode = 0u; mode < n; mode++) {
            d_x[cell(sample, mode)] = partials[cells + LANES * mode].zw;
        }
    }
}
