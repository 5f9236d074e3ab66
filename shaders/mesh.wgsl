// A mesh of interferometers on N modes, all columns in one dispatch, or as many as lose 20 dB, and a phase screen behind it:
//   coefficients, coefficients_screen
//                       M of every interferometer (shared/mesh.wgsl) and exp(i gamma) of every mode, phases, couplers and
//                       arms as they were built, off by their errors; an arm lets 10^(-dB/20) of the amplitude through
//   forward, forward_kept
//                       y = diag(exp(i gamma)) M_last .. M_first x, where each M acts on its two modes; _kept also leaves the
//                       field behind its last column for the backward pass
//   backward            d_x = (the whole)^H d_y, and partial sums over samples for the gradients of what made M; walks the
//                       columns backwards and has the field there from the output, or what was kept, by M^-1: nothing else
//                       is stored of a column; rounding grows as much as light is lost on the way
//   backward_theta, backward_phi, backward_gamma, backward_phase_error (all three), backward_splitter_error
//                       sums of the partial sums, then the chain rule by K = M^-1 dM (see mesh_flow):
//       phi     k0 = 1
//       theta   k0 = a^2, k1 = b^2, k = -a b exp(-i phi)          with a = sqrt((1+left)/2), b = sqrt((1-left)/2)
//       left    k = i exp(-i phi) b'                                   with b' = -1 / (2 sqrt(1 - left^2))
//     and without loss
//       right   k0 = 2 Re(conj(M00) M10) b', k1 = 2 Re(conj(M01) M11) b', k = i (conj(M00) M11 + conj(M10) M01) b'
// Sources: Clements et al., Optica 3, 1460 (2016); Reck et al., Phys. Rev. Lett. 73, 58 (1994).
// Layout: a workgroup keeps a few samples in workgroup memory while it walks the columns, a barrier each; a lane owns
// interferometers of the column and takes them through all samples, so that coefficients are loaded once and sums over
// samples need no exchange. Every eight samples have a row of partial sums, where one dispatch may go on from another if
// workgroup memory holds fewer; rows are added up in order, by an invocation for each interferometer or for four modes.
// Reference: src/reference/mesh.rs

import package::shared::complex::{complex_mul, complex_mul_conj};
import package::shared::indexing::{indexing_group};
import package::shared::math::{math_circle, math_exp};
import package::shared::mesh::{Params, MESH_GROUP, mesh_column, mesh_screen, mesh_row};
import package::shared::mesh::{mesh_forward, mesh_adjoint, mesh_over, mesh_inverse, mesh_flow};

const WORKGROUP: u32 = 64u;
const CELLS: u32 = 2048u;               // 16 KiB

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> theta: array<f32>;                     // [interferometers] rad
@group(0) @binding(2) var<storage, read> phi: array<f32>;                       // [interferometers] rad
@group(0) @binding(3) var<storage, read> gamma: array<f32>;                     // [modes] rad
@group(0) @binding(4) var<storage, read> phase_error: array<f32>;               // [modes^2] rad: of theta, of phi, of gamma
@group(0) @binding(5) var<storage, read> splitter_error: array<f32>;            // [2, interferometers]: left, right
@group(0) @binding(6) var<storage, read> loss: array<f32>;                      // [1] dB that comes to the designed loss
@group(0) @binding(7) var<storage, read> loss_unbalance: array<f32>;            // [1] dB, likewise
@group(0) @binding(8) var<storage, read_write> made_matrices: array<vec4<f32>>; // [interferometers, 2, 2, 2]
@group(0) @binding(9) var<storage, read_write> made_screen: array<vec2<f32>>;   // [modes, 2]
@group(0) @binding(10) var<storage, read> matrices: array<vec4<f32>>;           // the same
@group(0) @binding(11) var<storage, read> screen: array<vec2<f32>>;             // the same
@group(0) @binding(12) var<storage, read> x: array<vec2<f32>>;                  // [batch, modes, 2]
@group(0) @binding(13) var<storage, read_write> y: array<vec2<f32>>;            // [batch, modes, 2]
@group(0) @binding(14) var<storage, read_write> kept: array<vec2<f32>>;         // [segments - 1, batch, modes, 2]
@group(0) @binding(15) var<storage, read> output: array<vec2<f32>>;             // y of the forward pass, or checkpoints
@group(0) @binding(16) var<storage, read> d_y: array<vec2<f32>>;                // [batch, modes, 2]
@group(0) @binding(17) var<storage, read_write> d_x: array<vec2<f32>>;          // [batch, modes, 2]
@group(0) @binding(18) var<storage, read_write> partials: array<vec4<f32>>;     // [groups, mesh_row, 4]
@group(0) @binding(19) var<storage, read> summands: array<vec4<f32>>;           // partials, read back
@group(0) @binding(20) var<storage, read_write> d_theta: array<f32>;            // [interferometers] 1/rad
@group(0) @binding(21) var<storage, read_write> d_phi: array<f32>;              // [interferometers] 1/rad
@group(0) @binding(22) var<storage, read_write> d_gamma: array<vec4<f32>>;      // [modes] 1/rad
@group(0) @binding(23) var<storage, read_write> d_splitter_error: array<f32>;   // [2, interferometers]
@group(0) @binding(24) var<storage, read_write> d_phase_error: array<f32>;      // [modes^2] 1/rad: of theta, of phi, of gamma

/// Fields, [sample, mode]; in the backward pass the gradients behind them.
var<workgroup> cells: array<vec2<f32>, CELLS>;

/// Amplitudes through and across a coupler of this error.
fn coupler(e: f32) -> vec2<f32> {
    return sqrt(vec2(0.5 + 0.5 * e, 0.5 - 0.5 * e));
}

/// The couplers of an interferometer as it was built: amplitudes through and across.
struct Couplers {
    left: vec2<f32>,
    right: vec2<f32>,
}

fn couplers(own: u32) -> Couplers {
    return Couplers(coupler(splitter_error[own]), coupler(splitter_error[params.n_interferometers + own]));
}

/// exp(i phi) of an interferometer as it was built.
fn outer_phase(own: u32) -> vec2<f32> {
    return math_circle(phi[own] + phase_error[params.n_interferometers + own]);
}

fn times_i(z: vec2<f32>) -> vec2<f32> {
    return vec2(-z.y, z.x);
}

/// The amplitude that an arm lets through: none amplifies.
fn arm(db: f32) -> f32 {
    return math_exp(select(db, 0.0, db < 0.0) * -0.115129254649702284);       // ln 10 / 20
}

@compute @workgroup_size(WORKGROUP)
fn coefficients(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let own = indexing_group(group, groups) * WORKGROUP + lane;
    if own >= params.n_interferometers {
        return;
    }
    let at = couplers(own);
    let outer = outer_phase(own);
    let both = params.loss + loss[0];
    let half = 0.5 * (params.unbalance + loss_unbalance[0]);
    let one = arm(both + half) * math_circle(theta[own] + phase_error[own]);
    let other = vec2(arm(both - half), 0.0);
    let through = at.right.x * at.left.x * one - at.right.y * at.left.y * other;
    let up = times_i(at.right.x * at.left.y * one + at.right.y * at.left.x * other);
    let down = times_i(at.right.y * at.left.x * one + at.right.x * at.left.y * other);
    let straight = at.right.x * at.left.x * other - at.right.y * at.left.y * one;
    made_matrices[2u * own] = vec4(complex_mul(through, outer), up);
    made_matrices[2u * own + 1u] = vec4(complex_mul(down, outer), straight);
}

@compute @workgroup_size(WORKGROUP)
fn coefficients_screen(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let own = indexing_group(group, groups) * WORKGROUP + lane;
    if own < params.n_modes {
        made_screen[own] = math_circle(gamma[own] + phase_error[2u * params.n_interferometers + own]);
    }
}

/// Takes samples from `first` on through the columns of this dispatch, from x, or from y where others came before.
fn pass_through(first: u32, count: u32, lane: u32) {
    let n = params.n_modes;
    for (var at = lane; at < count * n; at += WORKGROUP) {
        if params.first_column == 0u {
            cells[at] = x[first * n + at];
        } else {
            cells[at] = y[first * n + at];
        }
    }
    workgroupBarrier();
    for (var c = params.first_column; c < params.end_column; c++) {
        let column = mesh_column(params, c);
        for (var place = lane; place < column.count; place += WORKGROUP) {
            let upper = matrices[2u * (column.first + place)];
            let lower = matrices[2u * (column.first + place) + 1u];
            var at = column.mode + 2u * place;
            for (var sample = 0u; sample < count; sample++) {
                let pair = mesh_forward(upper, lower, vec4(cells[at], cells[at + 1u]));
                cells[at] = pair.xy;
                cells[at + 1u] = pair.zw;
                at += n;
            }
        }
        workgroupBarrier();
    }
}

@compute @workgroup_size(WORKGROUP)
fn forward(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let n = params.n_modes;
    let first = indexing_group(group, groups) * params.group_samples;
    if first >= params.n_samples {
        return;
    }
    let count = min(params.group_samples, params.n_samples - first);
    pass_through(first, count, lane);
    for (var mode = lane; mode < n; mode += WORKGROUP) {
        let turn = screen[mode];
        for (var at = mode; at < count * n; at += n) {
            y[first * n + at] = complex_mul(turn, cells[at]);
        }
    }
}

@compute @workgroup_size(WORKGROUP)
fn forward_kept(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let n = params.n_modes;
    let first = indexing_group(group, groups) * params.group_samples;
    if first >= params.n_samples {
        return;
    }
    let count = min(params.group_samples, params.n_samples - first);
    pass_through(first, count, lane);
    for (var at = lane; at < count * n; at += WORKGROUP) {
        y[first * n + at] = cells[at];
        kept[params.checkpoint + first * n + at] = cells[at];
    }
}

/// Brings a mode of a sample before the screen, with its gradient, and returns its share of the gradient of gamma. Modes
/// past the last have none.
fn enter(first: u32, sample: u32, mode: u32) -> f32 {
    if mode >= params.n_modes {
        return 0.0;
    }
    let at = sample * params.n_modes + mode;
    let turn = screen[mode];
    let field = output[first * params.n_modes + at];
    let d_field = d_y[first * params.n_modes + at];
    cells[at] = complex_mul_conj(field, turn);
    cells[params.group_samples * params.n_modes + at] = complex_mul_conj(d_field, turn);
    return d_field.y * field.x - d_field.x * field.y;
}

/// What sums over samples go on from.
fn started(at: u32) -> vec4<f32> {
    return select(vec4(0.0), partials[at], params.accumulate == 1u);
}

@compute @workgroup_size(WORKGROUP)
fn backward(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let n = params.n_modes;
    let own = indexing_group(group, groups);
    let first = params.first_sample + own * MESH_GROUP;
    if own >= params.n_groups || first >= params.n_samples {
        return;
    }
    let count = min(params.group_samples, params.n_samples - first);
    let gradients = params.group_samples * n;
    let row = own * mesh_row(params);
    if params.end_column == params.n_columns {
        for (var four = lane; four < (n + 3u) / 4u; four += WORKGROUP) {
            let sum = row + mesh_screen(params, 4u * four);
            var flow = started(sum);
            for (var sample = 0u; sample < count; sample++) {
                let mode = 4u * four;
                flow += vec4(
                    enter(first, sample, mode),
                    enter(first, sample, mode + 1u),
                    enter(first, sample, mode + 2u),
                    enter(first, sample, mode + 3u),
                );
            }
            partials[sum] = flow;
        }
    } else {
        for (var at = lane; at < count * n; at += WORKGROUP) {
            cells[at] = output[params.checkpoint + first * n + at];
            cells[gradients + at] = d_x[first * n + at];
        }
    }
    workgroupBarrier();
    for (var c = params.end_column; c > params.first_column; c--) {
        let column = mesh_column(params, c - 1u);
        for (var place = lane; place < column.count; place += WORKGROUP) {
            let interferometer = column.first + place;
            let upper = matrices[2u * interferometer];
            let lower = matrices[2u * interferometer + 1u];
            let over = mesh_over(upper, lower);
            var flow = started(row + interferometer);
            var at = column.mode + 2u * place;
            for (var sample = 0u; sample < count; sample++) {
                let there = vec4(cells[at], cells[at + 1u]);
                let pair = mesh_inverse(upper, lower, over, there);
                let d_pair = mesh_adjoint(upper, lower, vec4(cells[gradients + at], cells[gradients + at + 1u]));
                flow += mesh_flow(pair, d_pair);
                cells[at] = pair.xy;
                cells[at + 1u] = pair.zw;
                cells[gradients + at] = d_pair.xy;
                cells[gradients + at + 1u] = d_pair.zw;
                at += n;
            }
            partials[row + interferometer] = flow;
        }
        workgroupBarrier();
    }
    for (var at = lane; at < count * n; at += WORKGROUP) {
        d_x[first * n + at] = cells[gradients + at];
    }
}

/// What all groups found of an interferometer, or of four modes of the screen.
fn total(element: u32) -> vec4<f32> {
    var sum = vec4(0.0);
    var at = element;
    for (var group = 0u; group < params.n_groups; group++) {
        sum += summands[at];
        at += mesh_row(params);
    }
    return sum;
}

/// Gradient of theta of an interferometer.
fn theta_gradient(own: u32) -> f32 {
    let flow = total(own);
    let left = coupler(splitter_error[own]);
    let outer = outer_phase(own);
    return left.x * left.x * flow.x + left.y * left.y * flow.y
        - left.x * left.y * (flow.z * outer.x - flow.w * outer.y);
}

@compute @workgroup_size(WORKGROUP)
fn backward_theta(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let own = indexing_group(group, groups) * WORKGROUP + lane;
    if own < params.n_interferometers {
        d_theta[own] = theta_gradient(own);
    }
}

@compute @workgroup_size(WORKGROUP)
fn backward_phase_error(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let at = indexing_group(group, groups) * WORKGROUP + lane;
    let n = params.n_interferometers;
    if at < n {
        d_phase_error[at] = theta_gradient(at);
    } else if at < 2u * n {
        d_phase_error[at] = total(at - n).x;
    } else if at < 2u * n + params.n_modes {
        let mode = at - 2u * n;
        d_phase_error[at] = total(mesh_screen(params, mode))[mode % 4u];
    }
}

@compute @workgroup_size(WORKGROUP)
fn backward_phi(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let own = indexing_group(group, groups) * WORKGROUP + lane;
    if own >= params.n_interferometers {
        return;
    }
    d_phi[own] = total(own).x;
}

@compute @workgroup_size(WORKGROUP)
fn backward_splitter_error(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let own = indexing_group(group, groups) * WORKGROUP + lane;
    if own >= params.n_interferometers {
        return;
    }
    let flow = total(own);
    let at = couplers(own);
    let outer = outer_phase(own);
    let upper = matrices[2u * own];
    let lower = matrices[2u * own + 1u];
    d_splitter_error[own] = -0.25 / (at.left.x * at.left.y) * (flow.z * outer.y + flow.w * outer.x);
    let mixed = times_i(complex_mul_conj(lower.zw, upper.xy) + complex_mul_conj(upper.zw, lower.xy));
    d_splitter_error[params.n_interferometers + own] = -0.25 / (at.right.x * at.right.y)
        * (2.0 * dot(upper.xy, lower.xy) * flow.x + 2.0 * dot(upper.zw, lower.zw) * flow.y + dot(mixed, flow.zw));
}

@compute @workgroup_size(WORKGROUP)
fn backward_gamma(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let four = indexing_group(group, groups) * WORKGROUP + lane;
    if 4u * four < params.n_modes {
        d_gamma[four] = total(mesh_screen(params, 4u * four));
    }
}
