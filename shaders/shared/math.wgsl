// exp, log, tanh and the circular functions to about 1e-7, on every driver. WGSL leaves their precision loose
// (sin and cos 2^-11, log poor near 1), and software drivers use the freedom.

const MATH_LN2_HIGH: f32 = 0.693359375;          // ln 2 = high + low, high with few bits so that n * high is exact
const MATH_LN2_LOW: f32 = -2.12194440e-4;
const MATH_TAU: f32 = 6.28318530717958647692;

/// NaN by its bits: drivers may assume that x == x.
fn math_is_nan(x: f32) -> bool {
    return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u;
}

/// exp(x). Below -87 it is 0, above 88 infinity. Polynomial of Cephes' expf (Moshier 1992).
fn math_exp(x: f32) -> f32 {
    if math_is_nan(x) {
        return x;
    }
    if x < -87.0 {
        return 0.0;
    }
    if x > 88.0 {
        return bitcast<f32>(0x7f800000u + (bitcast<u32>(x) & 0u));
    }
    let n = floor(x * 1.44269504088896341 + 0.5);
    let r = (x - n * MATH_LN2_HIGH) - n * MATH_LN2_LOW;
    var p = 1.9875691500e-4;
    p = p * r + 1.3981999507e-3;
    p = p * r + 8.3334519073e-3;
    p = p * r + 4.1665795894e-2;
    p = p * r + 1.6666665459e-1;
    p = p * r + 5.0000001201e-1;
    let y = p * r * r + r + 1.0;
    return y * bitcast<f32>(u32(i32(n) + 127) << 23u);
}

/// ln(x) for normal x > 0; NaN stays NaN. Polynomial of Cephes' logf (Moshier 1992).
fn math_log(x: f32) -> f32 {
    if math_is_nan(x) {
        return x;
    }
    let bits = bitcast<u32>(x);
    var exponent = f32(i32(bits >> 23u) - 126);
    var m = bitcast<f32>((bits & 0x007fffffu) | 0x3f000000u);    // in [0.5, 1)
    if m < 0.707106781186547524 {
        exponent -= 1.0;
        m = m + m;
    }
    let r = m - 1.0;
    let z = r * r;
    var p = 7.0376836292e-2;
    p = p * r - 1.1514610310e-1;
    p = p * r + 1.1676998740e-1;
    p = p * r - 1.2420140846e-1;
    p = p * r + 1.4249322787e-1;
    p = p * r - 1.6668057665e-1;
    p = p * r + 2.0000714765e-1;
    p = p * r - 2.4999993993e-1;
    p = p * r + 3.3333331174e-1;
    var y = p * r * z;
    y += exponent * MATH_LN2_LOW;
    y -= 0.5 * z;
    return (r + y) + exponent * MATH_LN2_HIGH;
}

/// tanh(x), relative accuracy also near 0. Polynomial of Cephes' tanhf (Moshier 1992).
fn math_tanh(x: f32) -> f32 {
    if abs(x) < 0.625 {
        let z = x * x;
        var p = -5.70498872745e-3;
        p = p * z + 2.06390887954e-2;
        p = p * z - 5.37397155531e-2;
        p = p * z + 1.33314422036e-1;
        p = p * z - 3.33332819422e-1;
        return p * z * x + x;
    }
    let e = math_exp(-2.0 * abs(x));
    let y = (1.0 - e) / (1.0 + e);
    return select(y, -y, x < 0.0);
}

/// (cos, sin) of an angle in turns, |turns| <= 1.
fn math_turn(turns: f32) -> vec2<f32> {
    let quarter = floor(turns * 4.0 + 0.5);
    return math_quarter((turns - quarter * 0.25) * MATH_TAU, quarter);
}

/// (cos, sin) of an angle in radians, to 1e-7 up to 10^4. pi/2 is taken off in three parts, with few bits in the first two
/// so that their products are exact (Cody and Waite 1980; parts of Cephes' sinf).
fn math_circle(angle: f32) -> vec2<f32> {
    let quarter = floor(angle * 0.636619772367581343 + 0.5);
    let near = (angle - quarter * 1.5703125) - quarter * 4.837512969970703125e-4;
    return math_quarter(near - quarter * 7.549789948768648e-8, quarter);
}

/// (cos, sin) of x + quarter pi/2, x in [-pi/4, pi/4]. Polynomials of Cephes' sinf and cosf.
fn math_quarter(x: f32, quarter: f32) -> vec2<f32> {
    let z = x * x;
    let sine = ((-1.9515295891e-4 * z + 8.3321608736e-3) * z - 1.6666654611e-1) * z * x + x;
    let cosine = ((2.443315711809948e-5 * z - 1.388731625493765e-3) * z + 4.166664568298827e-2) * z * z - 0.5 * z + 1.0;
    switch u32(i32(quarter)) & 3u {
        case 0u: { return vec2(cosine, sine); }
        case 1u: { return vec2(-sine, cosine); }
        case 2u: { return vec2(-cosine, -sine); }
        default: { return vec2(sine, -cosine); }
    }
}
