// Counter-based random numbers: a pure function of (seed, stream, counter), so that a draw can be repeated, and
// no state has to be kept or saved. Host twin, bit for bit: src/random.rs.

import package::shared::math::{math_log, math_turn};

fn random_rotate(x: u32, bits: u32) -> u32 {
    return (x << bits) | (x >> (32u - bits));
}

/// Threefry-2x32 with 20 rounds (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011).
fn random_bits(key: vec2<u32>, counter: vec2<u32>) -> vec2<u32> {
    var schedule = array<u32, 3>(key.x, key.y, key.x ^ key.y ^ 0x1bd11bdau);
    var rotations = array<u32, 8>(13u, 15u, 26u, 6u, 17u, 29u, 16u, 24u);
    var x = counter.x + key.x;
    var y = counter.y + key.y;
    for (var round = 0u; round < 20u; round++) {
        x += y;
        y = random_rotate(y, rotations[round & 7u]) ^ x;
        if (round & 3u) == 3u {
            let injection = (round >> 2u) + 1u;
            x += schedule[injection % 3u];
            y += schedule[(injection + 1u) % 3u] + injection;
        }
    }
    return vec2(x, y);
}

/// Uniform in (0, 1), neither end included: the middles of 2^23 equal cells.
fn random_unit(bits: u32) -> f32 {
    return (f32(bits >> 9u) + 0.5) * 1.1920928955078125e-7;
}

/// Evenly from 0 to below a count of at most 2^16 - 1: bits * count / 2^32, of which nothing is lost.
fn random_below(bits: u32, count: u32) -> u32 {
    return ((bits >> 16u) * count + (((bits & 0xffffu) * count) >> 16u)) >> 16u;
}

/// Two independent standard normal numbers (Box and Muller 1958).
fn random_normal(bits: vec2<u32>) -> vec2<f32> {
    let radius = sqrt(-2.0 * math_log(random_unit(bits.x)));
    return radius * math_turn(random_unit(bits.y));
}

fn random_mix(word: u32) -> u32 {
    // Finaliser of MurmurHash3 (Appleby 2011).
    var x = word;
    x = (x ^ (x >> 16u)) * 0x85ebca6bu;
    x = (x ^ (x >> 13u)) * 0xc2b2ae35u;
    return x ^ (x >> 16u);
}

/// Draws of a limited number, the first among them, before it falls to 0.
const RANDOM_ATTEMPTS: u32 = 16u;

/// The key of a further draw in place of a rejected one; attempt 0 is the first draw, under the key itself.
fn random_again(key: vec2<u32>, attempt: u32) -> vec2<u32> {
    return vec2(key.x, key.y ^ random_mix(attempt));
}

/// Where `position` goes in a random order of 0..count: a Feistel network of six rounds on the smallest square
/// power of two that holds `count`, walked until it lands inside (Black and Rogaway 2002). No table, no sort.
fn random_permute(position: u32, count: u32, key: u32) -> u32 {
    let bits = (33u - countLeadingZeros(max(count, 2u) - 1u)) / 2u;    // of one half
    let mask = (1u << bits) - 1u;
    var value = position;
    loop {
        var left = value >> bits;
        var right = value & mask;
        for (var round = 0u; round < 6u; round++) {
            let next = left ^ (random_mix(right ^ random_mix(key + round)) & mask);
            left = right;
            right = next;
        }
        value = (left << bits) | right;
        if value < count {
            break;
        }
    }
    return value;
}
