// Discrete Fourier transforms of 1 to 16 numbers in registers, two at a time: a vec4 holds a number of each, (re, im, re,
// im). y_k = sum over j of x_j exp(-2 pi i j k / n), for n of 1 to 10, 12, 14, 15 and 16. Inverse transforms are those of numbers with re and im exchanged.
// Composite n = a b: transforms of a, then of b. With a and b coprime, the Chinese remainder theorem orders them such that no factors
// stand between (Good 1958, Thomas 1963); otherwise powers of exp(-2 pi i / n) do (Cooley and Tukey 1965).
// Values, not pointers with indices: everything stays in registers, as all indices are constants.

alias FftBlock = array<vec4<f32>, 16>;

/// i x
fn fft_quarter(x: vec4<f32>) -> vec4<f32> {
    return vec4(-x.y, x.x, -x.w, x.z);
}

/// x w, both numbers by one.
fn fft_turn(x: vec4<f32>, w: vec2<f32>) -> vec4<f32> {
    return x * w.x + fft_quarter(x) * w.y;
}

/// Each number by its own.
fn fft_turn_each(x: vec4<f32>, w: vec4<f32>) -> vec4<f32> {
    return x * w.xxzz + fft_quarter(x) * w.yyww;
}

fn fft_2(a: vec4<f32>, b: vec4<f32>) -> array<vec4<f32>, 2> {
    return array(a + b, a - b);
}

fn fft_3(a: vec4<f32>, b: vec4<f32>, c: vec4<f32>) -> array<vec4<f32>, 3> {
    let sum = b + c;
    let even = a - 0.5 * sum;
    let odd = fft_quarter(b - c) * 0.8660254037844386;
    return array(a + sum, even - odd, even + odd);
}

fn fft_4(a: vec4<f32>, b: vec4<f32>, c: vec4<f32>, d: vec4<f32>) -> array<vec4<f32>, 4> {
    let even = a + c;
    let odd = b + d;
    let low = a - c;
    let high = fft_quarter(b - d);
    return array(even + odd, low - high, even - odd, low + high);
}

fn fft_5(a: vec4<f32>, b: vec4<f32>, c: vec4<f32>, d: vec4<f32>, e: vec4<f32>) -> array<vec4<f32>, 5> {
    let s1 = b + e;
    let d1 = fft_quarter(b - e);
    let s2 = c + d;
    let d2 = fft_quarter(c - d);
    let even1 = a + 0.30901699437494745 * s1 - 0.80901699437494734 * s2;
    let odd1 = 0.95105651629515353 * d1 + 0.58778525229247325 * d2;
    let even2 = a - 0.80901699437494734 * s1 + 0.30901699437494723 * s2;
    let odd2 = 0.58778525229247325 * d1 - 0.95105651629515364 * d2;
    return array(a + s1 + s2, even1 - odd1, even2 - odd2, even2 + odd2, even1 + odd1);
}

fn fft_7(a: vec4<f32>, b: vec4<f32>, c: vec4<f32>, d: vec4<f32>, e: vec4<f32>, f: vec4<f32>, g: vec4<f32>) -> array<vec4<f32>, 7> {
    let s1 = b + g;
    let d1 = fft_quarter(b - g);
    let s2 = c + f;
    let d2 = fft_quarter(c - f);
    let s3 = d + e;
    let d3 = fft_quarter(d - e);
    let even1 = a + 0.62348980185873359 * s1 - 0.22252093395631434 * s2 - 0.90096886790241903 * s3;
    let odd1 = 0.7818314824680298 * d1 + 0.97492791218182362 * d2 + 0.43388373911755823 * d3;
    let even2 = a - 0.22252093395631434 * s1 - 0.90096886790241915 * s2 + 0.62348980185873337 * s3;
    let odd2 = 0.97492791218182362 * d1 - 0.43388373911755801 * d2 - 0.78183148246802991 * d3;
    let even3 = a - 0.90096886790241903 * s1 + 0.62348980185873337 * s2 - 0.22252093395631409 * s3;
    let odd3 = 0.43388373911755823 * d1 - 0.78183148246802991 * d2 + 0.97492791218182373 * d3;
    return array(a + s1 + s2 + s3, even1 - odd1, even2 - odd2, even3 - odd3, even3 + odd3, even2 + odd2, even1 + odd1);
}

fn fft_6(x: FftBlock) -> FftBlock {
    let z0 = fft_2(x[0], x[3]);
    let z1 = fft_2(x[2], x[5]);
    let z2 = fft_2(x[4], x[1]);
    let y0 = fft_3(z0[0], z1[0], z2[0]);
    let y1 = fft_3(z0[1], z1[1], z2[1]);
    return FftBlock(y0[0], y1[1], y0[2], y1[0], y0[1], y1[2], vec4(0.0), vec4(0.0), vec4(0.0), vec4(0.0), vec4(0.0), vec4(0.0), vec4(0.0), vec4(0.0), vec4(0.0), vec4(0.0));
}

fn fft_8(x: FftBlock) -> FftBlock {
    let z0 = fft_2(x[0], x[4]);
    let z1 = fft_2(x[1], x[5]);
    let z2 = fft_2(x[2], x[6]);
    let z3 = fft_2(x[3], x[7]);
    let y0 = fft_4(z0[0], z1[0], z2[0], z3[0]);
    let y1 = fft_4(z0[1], fft_turn(z1[1], vec2(0.70710678118654757, -0.70710678118654746)), -fft_quarter(z2[1]), fft_turn(z3[1], vec2(-0.70710678118654746, -0.70710678118654757)));
    return FftBlock(y0[0], y1[0], y0[1], y1[1], y0[2], y1[2], y0[3], y1[3], vec4(0.0), vec4(0.0), vec4(0.0), vec4(0.0), vec4(0.0), vec4(0.0), vec4(0.0), vec4(0.0));
}

fn fft_9(x: FftBlock) -> FftBlock {
    let z0 = fft_3(x[0], x[3], x[6]);
    let z1 = fft_3(x[1], x[4], x[7]);
    let z2 = fft_3(x[2], x[5], x[8]);
    let y0 = fft_3(z0[0], z1[0], z2[0]);
    let y1 = fft_3(z0[1], fft_turn(z1[1], vec2(0.76604444311897801, -0.64278760968653925)), fft_turn(z2[1], vec2(0.17364817766693041, -0.98480775301220802)));
    let y2 = fft_3(z0[2], fft_turn(z1[2], vec2(0.17364817766693041, -0.98480775301220802)), fft_turn(z2[2], vec2(-0.93969262078590832, -0.34202014332566888)));
    return FftBlock(y0[0], y1[0], y2[0], y0[1], y1[1], y2[1], y0[2], y1[2], y2[2], vec4(0.0), vec4(0.0), vec4(0.0), vec4(0.0), vec4(0.0), vec4(0.0), vec4(0.0));
}

fn fft_10(x: FftBlock) -> FftBlock {
    let z0 = fft_2(x[0], x[5]);
    let z1 = fft_2(x[2], x[7]);
    let z2 = fft_2(x[4], x[9]);
    let z3 = fft_2(x[6], x[1]);
    let z4 = fft_2(x[8], x[3]);
    let y0 = fft_5(z0[0], z1[0], z2[0], z3[0], z4[0]);
    let y1 = fft_5(z0[1], z1[1], z2[1], z3[1], z4[1]);
    return FftBlock(y0[0], y1[1], y0[2], y1[3], y0[4], y1[0], y0[1], y1[2], y0[3], y1[4], vec4(0.0), vec4(0.0), vec4(0.0), vec4(0.0), vec4(0.0), vec4(0.0));
}

fn fft_12(x: FftBlock) -> FftBlock {
    let z0 = fft_4(x[0], x[3], x[6], x[9]);
    let z1 = fft_4(x[4], x[7], x[10], x[1]);
    let z2 = fft_4(x[8], x[11], x[2], x[5]);
    let y0 = fft_3(z0[0], z1[0], z2[0]);
    let y1 = fft_3(z0[1], z1[1], z2[1]);
    let y2 = fft_3(z0[2], z1[2], z2[2]);
    let y3 = fft_3(z0[3], z1[3], z2[3]);
    return FftBlock(y0[0], y1[1], y2[2], y3[0], y0[1], y1[2], y2[0], y3[1], y0[2], y1[0], y2[1], y3[2], vec4(0.0), vec4(0.0), vec4(0.0), vec4(0.0));
}

fn fft_14(x: FftBlock) -> FftBlock {
    let z0 = fft_2(x[0], x[7]);
    let z1 = fft_2(x[2], x[9]);
    let z2 = fft_2(x[4], x[11]);
    let z3 = fft_2(x[6], x[13]);
    let z4 = fft_2(x[8], x[1]);
    let z5 = fft_2(x[10], x[3]);
    let z6 = fft_2(x[12], x[5]);
    let y0 = fft_7(z0[0], z1[0], z2[0], z3[0], z4[0], z5[0], z6[0]);
    let y1 = fft_7(z0[1], z1[1], z2[1], z3[1], z4[1], z5[1], z6[1]);
    return FftBlock(y0[0], y1[1], y0[2], y1[3], y0[4], y1[5], y0[6], y1[0], y0[1], y1[2], y0[3], y1[4], y0[5], y1[6], vec4(0.0), vec4(0.0));
}

fn fft_15(x: FftBlock) -> FftBlock {
    let z0 = fft_3(x[0], x[5], x[10]);
    let z1 = fft_3(x[3], x[8], x[13]);
    let z2 = fft_3(x[6], x[11], x[1]);
    let z3 = fft_3(x[9], x[14], x[4]);
    let z4 = fft_3(x[12], x[2], x[7]);
    let y0 = fft_5(z0[0], z1[0], z2[0], z3[0], z4[0]);
    let y1 = fft_5(z0[1], z1[1], z2[1], z3[1], z4[1]);
    let y2 = fft_5(z0[2], z1[2], z2[2], z3[2], z4[2]);
    return FftBlock(y0[0], y1[1], y2[2], y0[3], y1[4], y2[0], y0[1], y1[2], y2[3], y0[4], y1[0], y2[1], y0[2], y1[3], y2[4], vec4(0.0));
}

fn fft_16(x: FftBlock) -> FftBlock {
    let z0 = fft_4(x[0], x[4], x[8], x[12]);
    let z1 = fft_4(x[1], x[5], x[9], x[13]);
    let z2 = fft_4(x[2], x[6], x[10], x[14]);
    let z3 = fft_4(x[3], x[7], x[11], x[15]);
    let y0 = fft_4(z0[0], z1[0], z2[0], z3[0]);
    let y1 = fft_4(z0[1], fft_turn(z1[1], vec2(0.92387953251128674, -0.38268343236508978)), fft_turn(z2[1], vec2(0.70710678118654757, -0.70710678118654746)), fft_turn(z3[1], vec2(0.38268343236508984, -0.92387953251128674)));
    let y2 = fft_4(z0[2], fft_turn(z1[2], vec2(0.70710678118654757, -0.70710678118654746)), -fft_quarter(z2[2]), fft_turn(z3[2], vec2(-0.70710678118654746, -0.70710678118654757)));
    let y3 = fft_4(z0[3], fft_turn(z1[3], vec2(0.38268343236508984, -0.92387953251128674)), fft_turn(z2[3], vec2(-0.70710678118654746, -0.70710678118654757)), fft_turn(z3[3], vec2(-0.92387953251128685, 0.38268343236508967)));
    return FftBlock(y0[0], y1[0], y2[0], y3[0], y0[1], y1[1], y2[1], y3[1], y0[2], y1[2], y2[2], y3[2], y0[3], y1[3], y2[3], y3[3]);
}

/// The transform of the first `n` numbers; what stands behind them in the result means nothing.
fn fft_block(n: u32, x: FftBlock) -> FftBlock {
    switch n {
        case 2u: {
            let y = fft_2(x[0], x[1]);
            return FftBlock(y[0], y[1], vec4(0.0), vec4(0.0), vec4(0.0), vec4(0.0), vec4(0.0), vec4(0.0), vec4(0.0), vec4(0.0), vec4(0.0), vec4(0.0), vec4(0.0), vec4(0.0), vec4(0.0), vec4(0.0));
        }
        case 3u: {
            let y = fft_3(x[0], x[1], x[2]);
            return FftBlock(y[0], y[1], y[2], vec4(0.0), vec4(0.0), vec4(0.0), vec4(0.0), vec4(0.0), vec4(0.0), vec4(0.0), vec4(0.0), vec4(0.0), vec4(0.0), vec4(0.0), vec4(0.0), vec4(0.0));
        }
        case 4u: {
            let y = fft_4(x[0], x[1], x[2], x[3]);
            return FftBlock(y[0], y[1], y[2], y[3], vec4(0.0), vec4(0.0), vec4(0.0), vec4(0.0), vec4(0.0), vec4(0.0), vec4(0.0), vec4(0.0), vec4(0.0), vec4(0.0), vec4(0.0), vec4(0.0));
        }
        case 5u: {
            let y = fft_5(x[0], x[1], x[2], x[3], x[4]);
            return FftBlock(y[0], y[1], y[2], y[3], y[4], vec4(0.0), vec4(0.0), vec4(0.0), vec4(0.0), vec4(0.0), vec4(0.0), vec4(0.0), vec4(0.0), vec4(0.0), vec4(0.0), vec4(0.0));
        }
        case 7u: {
            let y = fft_7(x[0], x[1], x[2], x[3], x[4], x[5], x[6]);
            return FftBlock(y[0], y[1], y[2], y[3], y[4], y[5], y[6], vec4(0.0), vec4(0.0), vec4(0.0), vec4(0.0), vec4(0.0), vec4(0.0), vec4(0.0), vec4(0.0), vec4(0.0));
        }
        case 6u: { return fft_6(x); }
        case 8u: { return fft_8(x); }
        case 9u: { return fft_9(x); }
        case 10u: { return fft_10(x); }
        case 12u: { return fft_12(x); }
        case 14u: { return fft_14(x); }
        case 15u: { return fft_15(x); }
        case 16u: { return fft_16(x); }
        default: { return x; }
    }
}
