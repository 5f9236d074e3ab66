// Interferometers of a mesh: where they are, what they do to the two modes they join, and what that leaves of gradients.
//   M = B(right) diag(u exp(i theta), v) B(left) diag(exp(i phi), 1)        on modes (p, p + 1); u = v = 1 without loss
//   B(e) = [[sqrt((1+e)/2), i sqrt((1-e)/2)], [i sqrt((1-e)/2), sqrt((1+e)/2)]]
// Pairs of complex numbers are vec4(re, im, re, im); M is two of them, its rows. The order of operations below is that of
// every variant, so that all give the same bits. Rust twin: src/reference/mesh.rs

import package::shared::complex::{complex_mul, complex_mul_conj};

/// Samples whose sums are a row of partial sums.
const MESH_GROUP: u32 = 8u;

struct Params {
    n_modes: u32,
    n_columns: u32,
    n_interferometers: u32,
    triangular: u32,            // 1: triangular, 0: rectangular
    first_sample: u32,          // of this dispatch
    n_samples: u32,             // of the batch
    group_samples: u32,         // that a workgroup takes at once, at most
    n_groups: u32,              // rows of partial sums
    accumulate: u32,            // 1: partial sums are added to
    first_column: u32,          // of this dispatch
    end_column: u32,            // the one behind its last
    checkpoint: u32,            // where in the checkpoints the field there begins
    loss: f32,                  // dB of an interferometer, as it is designed
    unbalance: f32,             // dB by which its upper arm loses more than its lower
}

/// A column: first mode and number of the first interferometer, how many there are. Each begins two modes further.
struct MeshColumn {
    mode: u32,
    first: u32,
    count: u32,
}

/// Interferometers of a triangle before column c, on its rising side.
fn mesh_before(c: u32) -> u32 {
    return (c + 1u) * (c + 1u) / 4u;
}

fn mesh_column(params: Params, c: u32) -> MeshColumn {
    if params.triangular == 1u {
        let tip = params.n_modes - 2u;
        let rising = c <= tip;
        let mode = select(c - tip, tip - c, rising);
        let behind = params.n_interferometers - mesh_before(2u * tip + 1u - c);
        return MeshColumn(mode, select(behind, mesh_before(c), rising), (tip - mode) / 2u + 1u);
    }
    let odd = c % 2u;
    let first = c / 2u * (params.n_modes - 1u) + odd * (params.n_modes / 2u);
    return MeshColumn(odd, first, (params.n_modes - odd) / 2u);
}

/// Where in a row of partial sums that of a mode of the screen is: behind those of the interferometers, four a vec4.
fn mesh_screen(params: Params, mode: u32) -> u32 {
    return params.n_interferometers + mode / 4u;
}

/// Where in a row the scratch is: field and gradient of eight samples by modes, a vec4 each.
fn mesh_scratch(params: Params) -> u32 {
    return mesh_screen(params, params.n_modes + 3u);
}

/// Vec4s of a row.
fn mesh_row(params: Params) -> u32 {
    return mesh_scratch(params) + MESH_GROUP * params.n_modes;
}

/// M x
fn mesh_forward(upper: vec4<f32>, lower: vec4<f32>, x: vec4<f32>) -> vec4<f32> {
    return vec4(
        complex_mul(upper.xy, x.xy) + complex_mul(upper.zw, x.zw),
        complex_mul(lower.xy, x.xy) + complex_mul(lower.zw, x.zw),
    );
}

/// M^H d: the gradient before the interferometer.
fn mesh_adjoint(upper: vec4<f32>, lower: vec4<f32>, y: vec4<f32>) -> vec4<f32> {
    return vec4(
        complex_mul_conj(y.xy, upper.xy) + complex_mul_conj(y.zw, lower.xy),
        complex_mul_conj(y.xy, upper.zw) + complex_mul_conj(y.zw, lower.zw),
    );
}

/// 1 / det M. The determinant is as large as u v.
fn mesh_over(upper: vec4<f32>, lower: vec4<f32>) -> vec2<f32> {
    let determinant = complex_mul(upper.xy, lower.zw) - complex_mul(upper.zw, lower.xy);
    return vec2(determinant.x, -determinant.y) / dot(determinant, determinant);
}

/// M^-1 y: the field before the interferometer.
fn mesh_inverse(upper: vec4<f32>, lower: vec4<f32>, over: vec2<f32>, y: vec4<f32>) -> vec4<f32> {
    return vec4(
        complex_mul(over, complex_mul(lower.zw, y.xy) - complex_mul(upper.zw, y.zw)),
        complex_mul(over, complex_mul(upper.xy, y.zw) - complex_mul(lower.xy, y.xy)),
    );
}

/// All that a sample tells of the gradients of theta, phi and left, without loss also of right: they move M by M K with
/// K = [[i k0, k], [-conj(k), i k1]]; with W = d_x x^H that changes the objective by
///   k0 Im(W00) + k1 Im(W11) + Re(conj(W01 - conj(W10)) k)
/// These are vec4(Im(W00), Im(W11), W01 - conj(W10)), from field and gradient before it.
fn mesh_flow(x: vec4<f32>, d_x: vec4<f32>) -> vec4<f32> {
    return vec4(
        d_x.y * x.x - d_x.x * x.y,
        d_x.w * x.z - d_x.z * x.w,
        complex_mul_conj(d_x.xy, x.zw) - complex_mul_conj(x.xy, d_x.zw),
    );
}
