// Complex numbers in half precision (IEEE 754 binary16), a word each, and back. Bits are made of bits: what drivers make of
// numbers near 0, beyond 65504 and in the middle of two is their own affair.
//   from 2^-14 on    the upper 10 bits of the fraction, rounded to nearest, ties to even; the exponent 112 lower
//   below            whole steps of 2^-24
//   above 65504      infinity; NaN stays NaN
// Layout: an invocation owns a complex number. Reference: src/reference/half.rs

import package::shared::indexing::{indexing_group};

const WORKGROUP: u32 = 64u;
const INFINITE: u32 = 0x7f800000u;
const LARGEST: u32 = 0x477fe000u;        // 65504
const SMALLEST: u32 = 0x38800000u;       // 2^-14, below which steps are even

struct Params {
    count: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> field: array<vec2<f32>>;               // [count] complex
@group(0) @binding(2) var<storage, read_write> words: array<u32>;               // [count]
@group(0) @binding(3) var<storage, read> packed: array<u32>;                    // words, read back
@group(0) @binding(4) var<storage, read_write> unpacked: array<vec2<f32>>;      // [count] complex

fn half_of(x: f32) -> u32 {
    let bits = bitcast<u32>(x);
    let size = bits & 0x7fffffffu;
    var half = (size - 0x38000000u + 0xfffu + ((size >> 13u) & 1u)) >> 13u;
    if size < SMALLEST {
        let steps = bitcast<f32>(size) * 16777216.0;
        let below = floor(steps);
        let middle = steps - below;
        half = u32(below);
        half += select(select(0u, 1u, middle > 0.5), half & 1u, middle == 0.5);
    }
    half = select(half, 0x7c00u, size > LARGEST);
    half = select(half, 0x7e00u, size > INFINITE);
    return half | ((bits >> 16u) & 0x8000u);
}

fn number_of(half: u32) -> f32 {
    let size = half & 0x7fffu;
    var bits = (size << 13u) + 0x38000000u;
    if size < 0x400u {
        bits = bitcast<u32>(f32(size) * 5.9604644775390625e-8);
    }
    bits = select(bits, (size << 13u) | INFINITE, size >= 0x7c00u);
    return bitcast<f32>(bits | ((half & 0x8000u) << 16u));
}

@compute @workgroup_size(WORKGROUP)
fn pack(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let at = indexing_group(group, groups) * WORKGROUP + lane;
    if at < params.count {
        let z = field[at];
        words[at] = half_of(z.x) | (half_of(z.y) << 16u);
    }
}

@compute @workgroup_size(WORKGROUP)
fn unpack(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let at = indexing_group(group, groups) * WORKGROUP + lane;
    if at < params.count {
        let word = packed[at];
        unpacked[at] = vec2(number_of(word & 0xffffu), number_of(word >> 16u));
    }
}
