// One pass of a discrete Fourier transform of n = r1 r2 ... complex numbers along an axis of a tensor: radix r is the override RADIX.
//   y_k = scale sum over j of x_j exp(-2 pi i j k / n); INVERSE: exp(+...), by exchanging re and im on the way in and out.
// radix: a pass, with m the product of the radices before it (params.before): for i in 0..n / r, the numbers x[i + j n / r] are turned by
// exp(-2 pi i j (i mod m) / (m r)), transformed, and stored to y[(i / m) m r + i mod m + j m]. After all of them the result is in
// natural order (Stockham's autosort; Cochran et al. 1967). x past extent_in is zero, y past extent_out is not stored.
// chirp: y = x w along the axis, for lengths with other prime factors (Bluestein 1970).
// Layout: an invocation makes one transform of r numbers in registers; neighbours are neighbours in memory.
// Reference: src/reference/fft.rs

import package::shared::fft::{FftBlock, fft_block, fft_turn};
import package::shared::indexing::{indexing_divide, indexing_group};

const WORKGROUP: u32 = 64u;
override RADIX: u32 = 16u;
override INVERSE: bool = false;

struct Params {
    length: u32,        // n
    inner: u32,         // numbers of the axes behind this one
    before: u32,        // m
    extent_in: u32,     // numbers along the axis that x has
    extent_out: u32,    // and that y has
    first_in: u32,      // where x begins in its binding, complex numbers
    first_out: u32,
    items: u32,         // invocations with work
    scale: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec2<f32>>;               // [outer, extent_in, inner] complex
@group(0) @binding(2) var<storage, read> table: array<vec2<f32>>;           // radix: exp(-2 pi i k / n), [n] complex; chirp: w, [n]
@group(0) @binding(3) var<storage, read_write> y: array<vec2<f32>>;         // [outer, extent_out, inner] complex

fn exchanged(z: vec2<f32>) -> vec2<f32> {
    return select(z, z.yx, INVERSE);
}

/// x[i] of a line that begins at `first`, turned by an angle of -2 pi `turn` / n.
fn load(first: u32, i: u32, turn: u32) -> vec4<f32> {
    if i >= params.extent_in {
        return vec4(0.0);
    }
    let z = exchanged(x[first + i * params.inner]);
    return fft_turn(vec4(z, 0.0, 0.0), table[turn]);
}

fn store(first: u32, i: u32, z: vec4<f32>) {
    if i < params.extent_out {
        y[first + i * params.inner] = exchanged(params.scale * z.xy);
    }
}

@compute @workgroup_size(WORKGROUP)
fn radix(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let item = indexing_group(group, groups) * WORKGROUP + lane;
    if item >= params.items {
        return;
    }
    let count = params.length / RADIX;
    let row = indexing_divide(item, params.inner);
    let outer = indexing_divide(row, count);
    let i = row - outer * count;
    let column = item - row * params.inner;
    let first_in = params.first_in + outer * params.extent_in * params.inner + column;
    let first_out = params.first_out + outer * params.extent_out * params.inner + column;
    let block = indexing_divide(i, params.before);
    let within = i - block * params.before;
    let turn = within * (params.length / (params.before * RADIX));
    var z: FftBlock;
    z[0] = load(first_in, i, 0u);
    if RADIX > 1u { z[1] = load(first_in, i + 1u * count, 1u * turn); }
    if RADIX > 2u { z[2] = load(first_in, i + 2u * count, 2u * turn); }
    if RADIX > 3u { z[3] = load(first_in, i + 3u * count, 3u * turn); }
    if RADIX > 4u { z[4] = load(first_in, i + 4u * count, 4u * turn); }
    if RADIX > 5u { z[5] = load(first_in, i + 5u * count, 5u * turn); }
    if RADIX > 6u { z[6] = load(first_in, i + 6u * count, 6u * turn); }
    if RADIX > 7u { z[7] = load(first_in, i + 7u * count, 7u * turn); }
    if RADIX > 8u { z[8] = load(first_in, i + 8u * count, 8u * turn); }
    if RADIX > 9u { z[9] = load(first_in, i + 9u * count, 9u * turn); }
    if RADIX > 10u { z[10] = load(first_in, i + 10u * count, 10u * turn); }
    if RADIX > 11u { z[11] = load(first_in, i + 11u * count, 11u * turn); }
    if RADIX > 12u { z[12] = load(first_in, i + 12u * count, 12u * turn); }
    if RADIX > 13u { z[13] = load(first_in, i + 13u * count, 13u * turn); }
    if RADIX > 14u { z[14] = load(first_in, i + 14u * count, 14u * turn); }
    if RADIX > 15u { z[15] = load(first_in, i + 15u * count, 15u * turn); }
    let f = fft_block(RADIX, z);
    let to = block * params.before * RADIX + within;
    store(first_out, to, f[0]);
    if RADIX > 1u { store(first_out, to + 1u * params.before, f[1]); }
    if RADIX > 2u { store(first_out, to + 2u * params.before, f[2]); }
    if RADIX > 3u { store(first_out, to + 3u * params.before, f[3]); }
    if RADIX > 4u { store(first_out, to + 4u * params.before, f[4]); }
    if RADIX > 5u { store(first_out, to + 5u * params.before, f[5]); }
    if RADIX > 6u { store(first_out, to + 6u * params.before, f[6]); }
    if RADIX > 7u { store(first_out, to + 7u * params.before, f[7]); }
    if RADIX > 8u { store(first_out, to + 8u * params.before, f[8]); }
    if RADIX > 9u { store(first_out, to + 9u * params.before, f[9]); }
    if RADIX > 10u { store(first_out, to + 10u * params.before, f[10]); }
    if RADIX > 11u { store(first_out, to + 11u * params.before, f[11]); }
    if RADIX > 12u { store(first_out, to + 12u * params.before, f[12]); }
    if RADIX > 13u { store(first_out, to + 13u * params.before, f[13]); }
    if RADIX > 14u { store(first_out, to + 14u * params.before, f[14]); }
    if RADIX > 15u { store(first_out, to + 15u * params.before, f[15]); }
}

@compute @workgroup_size(WORKGROUP)
fn chirp(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let item = indexing_group(group, groups) * WORKGROUP + lane;
    if item >= params.items {
        return;
    }
    let row = indexing_divide(item, params.inner);
    let outer = indexing_divide(row, params.extent_out);
    let i = row - outer * params.extent_out;
    if i >= params.extent_in || i >= params.length {
        y[params.first_out + item] = vec2(0.0);
        return;
    }
    let at = (outer * params.extent_in + i) * params.inner + item - row * params.inner;
    let z = fft_turn(vec4(exchanged(x[params.first_in + at]), 0.0, 0.0), table[i]);
    y[params.first_out + item] = exchanged(params.scale * z.xy);
}
