//! Numbers in half precision, two a word; specification of `shaders/half.wgsl`.

/// The bits of the nearest number of half precision (IEEE 754 binary16), to the even one of two as near. Beyond the largest one,
/// 65504, it is infinity; NaN stays NaN.
pub fn bits(x: f64) -> u32 {
    let sign = if x.is_sign_negative() { 0x8000 } else { 0 };
    let size = x.abs();
    if size.is_nan() {
        return sign | 0x7e00;
    }
    if size > 65504.0 {
        return sign | 0x7c00;
    }
    // Below 2^-14 numbers have the spacing of those just above.
    let exponent = if size < 2.0_f64.powi(-14) { -14 } else { size.log2().floor() as i32 };
    let steps = (size * 2.0_f64.powi(10 - exponent)).round_ties_even();
    sign | (steps as u32 + (((exponent + 14) as u32) << 10))
}

/// The number behind such bits.
pub fn number(bits: u32) -> f64 {
    let sign = if bits & 0x8000 == 0 { 1.0 } else { -1.0 };
    let (exponent, steps) = ((bits >> 10 & 0x1f) as i32, f64::from(bits & 0x3ff));
    sign * match exponent {
        0x1f if steps > 0.0 => f64::NAN,
        0x1f => f64::INFINITY,
        0 => steps * 2.0_f64.powi(-24),
        _ => (1024.0 + steps) * 2.0_f64.powi(exponent - 25),
    }
}

/// Complex numbers (re, im), a word each, the real part in the lower half.
pub fn pack(field: &[f64]) -> Vec<u32> {
    field.chunks_exact(2).map(|z| bits(z[0]) | bits(z[1]) << 16).collect()
}

/// The numbers (re, im) behind such words.
pub fn unpack(words: &[u32]) -> Vec<f64> {
    words.iter().flat_map(|word| [number(word & 0xffff), number(word >> 16)]).collect()
}
