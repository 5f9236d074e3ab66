// Discrete Fourier transforms of 1 to 32 numbers in registers, two at a time: a vec4 holds a number of each, (re, im, re,
// im). y_k = sum over j of x_j exp(-2 pi i j k / n), for n of 1 to 10, 12, 14,
// 15, 16, 18, 20, 24, 30 and 32.
// Inverse transforms are those of numbers with re and im exchanged.
// Composite n = a b: transforms of a, then of b. With a and b coprime, the Chinese remainder theorem orders them such that no factors
// stand between (Good 1958, Thomas 1963); otherwise powers of exp(-2 pi i / n) do (Cooley and Tukey 1965).
// Values, not pointers with indices: everything stays in registers, as all indices are constants.

alias FftBlock = array<vec4<f32>, 32>;

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

fn fft_6(x: array<vec4<f32>, 6>) -> array<vec4<f32>, 6> {
    let z0 = fft_2(x[0], x[3]);
    let z1 = fft_2(x[2], x[5]);
    let z2 = fft_2(x[4], x[1]);
    let y0 = fft_3(z0[0], z1[0], z2[0]);
    let y1 = fft_3(z0[1], z1[1], z2[1]);
    return array(y0[0], y1[1], y0[2], y1[0], y0[1], y1[2]);
}

fn fft_8(x: array<vec4<f32>, 8>) -> array<vec4<f32>, 8> {
    let z0 = fft_2(x[0], x[4]);
    let z1 = fft_2(x[1], x[5]);
    let z2 = fft_2(x[2], x[6]);
    let z3 = fft_2(x[3], x[7]);
    let y0 = fft_4(z0[0], z1[0], z2[0], z3[0]);
    let y1 = fft_4(z0[1], fft_turn(z1[1], vec2(0.70710678118654757, -0.70710678118654746)), -fft_quarter(z2[1]), fft_turn(z3[1], vec2(-0.70710678118654746, -0.70710678118654757)));
    return array(y0[0], y1[0], y0[1], y1[1], y0[2], y1[2], y0[3], y1[3]);
}

fn fft_9(x: array<vec4<f32>, 9>) -> array<vec4<f32>, 9> {
    let z0 = fft_3(x[0], x[3], x[6]);
    let z1 = fft_3(x[1], x[4], x[7]);
    let z2 = fft_3(x[2], x[5], x[8]);
    let y0 = fft_3(z0[0], z1[0], z2[0]);
    let y1 = fft_3(z0[1], fft_turn(z1[1], vec2(0.76604444311897801, -0.64278760968653925)), fft_turn(z2[1], vec2(0.17364817766693041, -0.98480775301220802)));
    let y2 = fft_3(z0[2], fft_turn(z1[2], vec2(0.17364817766693041, -0.98480775301220802)), fft_turn(z2[2], vec2(-0.93969262078590832, -0.34202014332566888)));
    return array(y0[0], y1[0], y2[0], y0[1], y1[1], y2[1], y0[2], y1[2], y2[2]);
}

fn fft_10(x: array<vec4<f32>, 10>) -> array<vec4<f32>, 10> {
    let z0 = fft_2(x[0], x[5]);
    let z1 = fft_2(x[2], x[7]);
    let z2 = fft_2(x[4], x[9]);
    let z3 = fft_2(x[6], x[1]);
    let z4 = fft_2(x[8], x[3]);
    let y0 = fft_5(z0[0], z1[0], z2[0], z3[0], z4[0]);
    let y1 = fft_5(z0[1], z1[1], z2[1], z3[1], z4[1]);
    return array(y0[0], y1[1], y0[2], y1[3], y0[4], y1[0], y0[1], y1[2], y0[3], y1[4]);
}

fn fft_12(x: array<vec4<f32>, 12>) -> array<vec4<f32>, 12> {
    let z0 = fft_4(x[0], x[3], x[6], x[9]);
    let z1 = fft_4(x[4], x[7], x[10], x[1]);
    let z2 = fft_4(x[8], x[11], x[2], x[5]);
    let y0 = fft_3(z0[0], z1[0], z2[0]);
    let y1 = fft_3(z0[1], z1[1], z2[1]);
    let y2 = fft_3(z0[2], z1[2], z2[2]);
    let y3 = fft_3(z0[3], z1[3], z2[3]);
    return array(y0[0], y1[1], y2[2], y3[0], y0[1], y1[2], y2[0], y3[1], y0[2], y1[0], y2[1], y3[2]);
}

fn fft_14(x: array<vec4<f32>, 14>) -> array<vec4<f32>, 14> {
    let z0 = fft_2(x[0], x[7]);
    let z1 = fft_2(x[2], x[9]);
    let z2 = fft_2(x[4], x[11]);
    let z3 = fft_2(x[6], x[13]);
    let z4 = fft_2(x[8], x[1]);
    let z5 = fft_2(x[10], x[3]);
    let z6 = fft_2(x[12], x[5]);
    let y0 = fft_7(z0[0], z1[0], z2[0], z3[0], z4[0], z5[0], z6[0]);
    let y1 = fft_7(z0[1], z1[1], z2[1], z3[1], z4[1], z5[1], z6[1]);
    return array(y0[0], y1[1], y0[2], y1[3], y0[4], y1[5], y0[6], y1[0], y0[1], y1[2], y0[3], y1[4], y0[5], y1[6]);
}

fn fft_15(x: array<vec4<f32>, 15>) -> array<vec4<f32>, 15> {
    let z0 = fft_3(x[0], x[5], x[10]);
    let z1 = fft_3(x[3], x[8], x[13]);
    let z2 = fft_3(x[6], x[11], x[1]);
    let z3 = fft_3(x[9], x[14], x[4]);
    let z4 = fft_3(x[12], x[2], x[7]);
    let y0 = fft_5(z0[0], z1[0], z2[0], z3[0], z4[0]);
    let y1 = fft_5(z0[1], z1[1], z2[1], z3[1], z4[1]);
    let y2 = fft_5(z0[2], z1[2], z2[2], z3[2], z4[2]);
    return array(y0[0], y1[1], y2[2], y0[3], y1[4], y2[0], y0[1], y1[2], y2[3], y0[4], y1[0], y2[1], y0[2], y1[3], y2[4]);
}

fn fft_16(x: array<vec4<f32>, 16>) -> array<vec4<f32>, 16> {
    let z0 = fft_4(x[0], x[4], x[8], x[12]);
    let z1 = fft_4(x[1], x[5], x[9], x[13]);
    let z2 = fft_4(x[2], x[6], x[10], x[14]);
    let z3 = fft_4(x[3], x[7], x[11], x[15]);
    let y0 = fft_4(z0[0], z1[0], z2[0], z3[0]);
    let y1 = fft_4(z0[1], fft_turn(z1[1], vec2(0.92387953251128674, -0.38268343236508978)), fft_turn(z2[1], vec2(0.70710678118654757, -0.70710678118654746)), fft_turn(z3[1], vec2(0.38268343236508984, -0.92387953251128674)));
    let y2 = fft_4(z0[2], fft_turn(z1[2], vec2(0.70710678118654757, -0.70710678118654746)), -fft_quarter(z2[2]), fft_turn(z3[2], vec2(-0.70710678118654746, -0.70710678118654757)));
    let y3 = fft_4(z0[3], fft_turn(z1[3], vec2(0.38268343236508984, -0.92387953251128674)), fft_turn(z2[3], vec2(-0.70710678118654746, -0.70710678118654757)), fft_turn(z3[3], vec2(-0.92387953251128685, 0.38268343236508967)));
    return array(y0[0], y1[0], y2[0], y3[0], y0[1], y1[1], y2[1], y3[1], y0[2], y1[2], y2[2], y3[2], y0[3], y1[3], y2[3], y3[3]);
}

fn fft_18(x: array<vec4<f32>, 18>) -> array<vec4<f32>, 18> {
    let z0 = fft_2(x[0], x[9]);
    let z1 = fft_2(x[2], x[11]);
    let z2 = fft_2(x[4], x[13]);
    let z3 = fft_2(x[6], x[15]);
    let z4 = fft_2(x[8], x[17]);
    let z5 = fft_2(x[10], x[1]);
    let z6 = fft_2(x[12], x[3]);
    let z7 = fft_2(x[14], x[5]);
    let z8 = fft_2(x[16], x[7]);
    let y0 = fft_9(array(z0[0], z1[0], z2[0], z3[0], z4[0], z5[0], z6[0], z7[0], z8[0]));
    let y1 = fft_9(array(z0[1], z1[1], z2[1], z3[1], z4[1], z5[1], z6[1], z7[1], z8[1]));
    return array(y0[0], y1[1], y0[2], y1[3], y0[4], y1[5], y0[6], y1[7], y0[8], y1[0], y0[1], y1[2], y0[3], y1[4], y0[5], y1[6], y0[7], y1[8]);
}

fn fft_20(x: array<vec4<f32>, 20>) -> array<vec4<f32>, 20> {
    let z0 = fft_4(x[0], x[5], x[10], x[15]);
    let z1 = fft_4(x[4], x[9], x[14], x[19]);
    let z2 = fft_4(x[8], x[13], x[18], x[3]);
    let z3 = fft_4(x[12], x[17], x[2], x[7]);
    let z4 = fft_4(x[16], x[1], x[6], x[11]);
    let y0 = fft_5(z0[0], z1[0], z2[0], z3[0], z4[0]);
    let y1 = fft_5(z0[1], z1[1], z2[1], z3[1], z4[1]);
    let y2 = fft_5(z0[2], z1[2], z2[2], z3[2], z4[2]);
    let y3 = fft_5(z0[3], z1[3], z2[3], z3[3], z4[3]);
    return array(y0[0], y1[1], y2[2], y3[3], y0[4], y1[0], y2[1], y3[2], y0[3], y1[4], y2[0], y3[1], y0[2], y1[3], y2[4], y3[0], y0[1], y1[2], y2[3], y3[4]);
}

fn fft_24(x: array<vec4<f32>, 24>) -> array<vec4<f32>, 24> {
    let z0 = fft_3(x[0], x[8], x[16]);
    let z1 = fft_3(x[3], x[11], x[19]);
    let z2 = fft_3(x[6], x[14], x[22]);
    let z3 = fft_3(x[9], x[17], x[1]);
    let z4 = fft_3(x[12], x[20], x[4]);
    let z5 = fft_3(x[15], x[23], x[7]);
    let z6 = fft_3(x[18], x[2], x[10]);
    let z7 = fft_3(x[21], x[5], x[13]);
    let y0 = fft_8(array(z0[0], z1[0], z2[0], z3[0], z4[0], z5[0], z6[0], z7[0]));
    let y1 = fft_8(array(z0[1], z1[1], z2[1], z3[1], z4[1], z5[1], z6[1], z7[1]));
    let y2 = fft_8(array(z0[2], z1[2], z2[2], z3[2], z4[2], z5[2], z6[2], z7[2]));
    return array(y0[0], y1[1], y2[2], y0[3], y1[4], y2[5], y0[6], y1[7], y2[0], y0[1], y1[2], y2[3], y0[4], y1[5], y2[6], y0[7], y1[0], y2[1], y0[2], y1[3], y2[4], y0[5], y1[6], y2[7]);
}

fn fft_30(x: array<vec4<f32>, 30>) -> array<vec4<f32>, 30> {
    let z0 = fft_2(x[0], x[15]);
    let z1 = fft_2(x[2], x[17]);
    let z2 = fft_2(x[4], x[19]);
    let z3 = fft_2(x[6], x[21]);
    let z4 = fft_2(x[8], x[23]);
    let z5 = fft_2(x[10], x[25]);
    let z6 = fft_2(x[12], x[27]);
    let z7 = fft_2(x[14], x[29]);
    let z8 = fft_2(x[16], x[1]);
    let z9 = fft_2(x[18], x[3]);
    let z10 = fft_2(x[20], x[5]);
    let z11 = fft_2(x[22], x[7]);
    let z12 = fft_2(x[24], x[9]);
    let z13 = fft_2(x[26], x[11]);
    let z14 = fft_2(x[28], x[13]);
    let y0 = fft_15(array(z0[0], z1[0], z2[0], z3[0], z4[0], z5[0], z6[0], z7[0], z8[0], z9[0], z10[0], z11[0], z12[0], z13[0], z14[0]));
    let y1 = fft_15(array(z0[1], z1[1], z2[1], z3[1], z4[1], z5[1], z6[1], z7[1], z8[1], z9[1], z10[1], z11[1], z12[1], z13[1], z14[1]));
    return array(y0[0], y1[1], y0[2], y1[3], y0[4], y1[5], y0[6], y1[7], y0[8], y1[9], y0[10], y1[11], y0[12], y1[13], y0[14], y1[0], y0[1], y1[2], y0[3], y1[4], y0[5], y1[6], y0[7], y1[8], y0[9], y1[10], y0[11], y1[12], y0[13], y1[14]);
}

fn fft_32(x: array<vec4<f32>, 32>) -> array<vec4<f32>, 32> {
    let z0 = fft_4(x[0], x[8], x[16], x[24]);
    let z1 = fft_4(x[1], x[9], x[17], x[25]);
    let z2 = fft_4(x[2], x[10], x[18], x[26]);
    let z3 = fft_4(x[3], x[11], x[19], x[27]);
    let z4 = fft_4(x[4], x[12], x[20], x[28]);
    let z5 = fft_4(x[5], x[13], x[21], x[29]);
    let z6 = fft_4(x[6], x[14], x[22], x[30]);
    let z7 = fft_4(x[7], x[15], x[23], x[31]);
    let y0 = fft_8(array(z0[0], z1[0], z2[0], z3[0], z4[0], z5[0], z6[0], z7[0]));
    let y1 = fft_8(array(z0[1], fft_turn(z1[1], vec2(0.98078528040323043, -0.19509032201612825)), fft_turn(z2[1], vec2(0.92387953251128674, -0.38268343236508978)), fft_turn(z3[1], vec2(0.83146961230254524, -0.55557023301960218)), fft_turn(z4[1], vec2(0.70710678118654757, -0.70710678118654746)), fft_turn(z5[1], vec2(0.55557023301960229, -0.83146961230254524)), fft_turn(z6[1], vec2(0.38268343236508984, -0.92387953251128674)), fft_turn(z7[1], vec2(0.19509032201612833, -0.98078528040323043))));
    let y2 = fft_8(array(z0[2], fft_turn(z1[2], vec2(0.92387953251128674, -0.38268343236508978)), fft_turn(z2[2], vec2(0.70710678118654757, -0.70710678118654746)), fft_turn(z3[2], vec2(0.38268343236508984, -0.92387953251128674)), -fft_quarter(z4[2]), fft_turn(z5[2], vec2(-0.38268343236508973, -0.92387953251128674)), fft_turn(z6[2], vec2(-0.70710678118654746, -0.70710678118654757)), fft_turn(z7[2], vec2(-0.92387953251128674, -0.38268343236508989))));
    let y3 = fft_8(array(z0[3], fft_turn(z1[3], vec2(0.83146961230254524, -0.55557023301960218)), fft_turn(z2[3], vec2(0.38268343236508984, -0.92387953251128674)), fft_turn(z3[3], vec2(-0.19509032201612819, -0.98078528040323043)), fft_turn(z4[3], vec2(-0.70710678118654746, -0.70710678118654757)), fft_turn(z5[3], vec2(-0.98078528040323043, -0.19509032201612861)), fft_turn(z6[3], vec2(-0.92387953251128685, 0.38268343236508967)), fft_turn(z7[3], vec2(-0.55557023301960218, 0.83146961230254524))));
    return array(y0[0], y1[0], y2[0], y3[0], y0[1], y1[1], y2[1], y3[1], y0[2], y1[2], y2[2], y3[2], y0[3], y1[3], y2[3], y3[3], y0[4], y1[4], y2[4], y3[4], y0[5], y1[5], y2[5], y3[5], y0[6], y1[6], y2[6], y3[6], y0[7], y1[7], y2[7], y3[7]);
}

/// The transform of the first `n` numbers; what stands behind them in the result means nothing.
fn fft_block(n: u32, x: FftBlock) -> FftBlock {
    var z = x;
    switch n {
        case 2u: {
            let y = fft_2(x[0], x[1]);
            z[0] = y[0]; z[1] = y[1];
        }
        case 3u: {
            let y = fft_3(x[0], x[1], x[2]);
            z[0] = y[0]; z[1] = y[1]; z[2] = y[2];
        }
        case 4u: {
            let y = fft_4(x[0], x[1], x[2], x[3]);
            z[0] = y[0]; z[1] = y[1]; z[2] = y[2]; z[3] = y[3];
        }
        case 5u: {
            let y = fft_5(x[0], x[1], x[2], x[3], x[4]);
            z[0] = y[0]; z[1] = y[1]; z[2] = y[2]; z[3] = y[3]; z[4] = y[4];
        }
        case 6u: {
            let y = fft_6(array(x[0], x[1], x[2], x[3], x[4], x[5]));
            z[0] = y[0]; z[1] = y[1]; z[2] = y[2]; z[3] = y[3]; z[4] = y[4]; z[5] = y[5];
        }
        case 7u: {
            let y = fft_7(x[0], x[1], x[2], x[3], x[4], x[5], x[6]);
            z[0] = y[0]; z[1] = y[1]; z[2] = y[2]; z[3] = y[3]; z[4] = y[4]; z[5] = y[5]; z[6] = y[6];
        }
        case 8u: {
            let y = fft_8(array(x[0], x[1], x[2], x[3], x[4], x[5], x[6], x[7]));
            z[0] = y[0]; z[1] = y[1]; z[2] = y[2]; z[3] = y[3]; z[4] = y[4]; z[5] = y[5]; z[6] = y[6]; z[7] = y[7];
        }
        case 9u: {
            let y = fft_9(array(x[0], x[1], x[2], x[3], x[4], x[5], x[6], x[7], x[8]));
            z[0] = y[0]; z[1] = y[1]; z[2] = y[2]; z[3] = y[3]; z[4] = y[4]; z[5] = y[5]; z[6] = y[6]; z[7] = y[7];
            z[8] = y[8];
        }
        case 10u: {
            let y = fft_10(array(x[0], x[1], x[2], x[3], x[4], x[5], x[6], x[7], x[8], x[9]));
            z[0] = y[0]; z[1] = y[1]; z[2] = y[2]; z[3] = y[3]; z[4] = y[4]; z[5] = y[5]; z[6] = y[6]; z[7] = y[7];
            z[8] = y[8]; z[9] = y[9];
        }
        case 12u: {
            let y = fft_12(array(x[0], x[1], x[2], x[3], x[4], x[5], x[6], x[7], x[8], x[9], x[10], x[11]));
            z[0] = y[0]; z[1] = y[1]; z[2] = y[2]; z[3] = y[3]; z[4] = y[4]; z[5] = y[5]; z[6] = y[6]; z[7] = y[7];
            z[8] = y[8]; z[9] = y[9]; z[10] = y[10]; z[11] = y[11];
        }
        case 14u: {
            let y = fft_14(array(x[0], x[1], x[2], x[3], x[4], x[5], x[6], x[7], x[8], x[9], x[10], x[11], x[12], x[13]));
            z[0] = y[0]; z[1] = y[1]; z[2] = y[2]; z[3] = y[3]; z[4] = y[4]; z[5] = y[5]; z[6] = y[6]; z[7] = y[7];
            z[8] = y[8]; z[9] = y[9]; z[10] = y[10]; z[11] = y[11]; z[12] = y[12]; z[13] = y[13];
        }
        case 15u: {
            let y = fft_15(array(x[0], x[1], x[2], x[3], x[4], x[5], x[6], x[7], x[8], x[9], x[10], x[11], x[12], x[13], x[14]));
            z[0] = y[0]; z[1] = y[1]; z[2] = y[2]; z[3] = y[3]; z[4] = y[4]; z[5] = y[5]; z[6] = y[6]; z[7] = y[7];
            z[8] = y[8]; z[9] = y[9]; z[10] = y[10]; z[11] = y[11]; z[12] = y[12]; z[13] = y[13]; z[14] = y[14];
        }
        case 16u: {
            let y = fft_16(array(x[0], x[1], x[2], x[3], x[4], x[5], x[6], x[7], x[8], x[9], x[10], x[11], x[12], x[13], x[14], x[15]));
            z[0] = y[0]; z[1] = y[1]; z[2] = y[2]; z[3] = y[3]; z[4] = y[4]; z[5] = y[5]; z[6] = y[6]; z[7] = y[7];
            z[8] = y[8]; z[9] = y[9]; z[10] = y[10]; z[11] = y[11]; z[12] = y[12]; z[13] = y[13]; z[14] = y[14]; z[15] = y[15];
        }
        case 18u: {
            let y = fft_18(array(x[0], x[1], x[2], x[3], x[4], x[5], x[6], x[7], x[8], x[9], x[10], x[11], x[12], x[13], x[14], x[15], x[16], x[17]));
            z[0] = y[0]; z[1] = y[1]; z[2] = y[2]; z[3] = y[3]; z[4] = y[4]; z[5] = y[5]; z[6] = y[6]; z[7] = y[7];
            z[8] = y[8]; z[9] = y[9]; z[10] = y[10]; z[11] = y[11]; z[12] = y[12]; z[13] = y[13]; z[14] = y[14]; z[15] = y[15];
            z[16] = y[16]; z[17] = y[17];
        }
        case 20u: {
            let y = fft_20(array(x[0], x[1], x[2], x[3], x[4], x[5], x[6], x[7], x[8], x[9], x[10], x[11], x[12], x[13], x[14], x[15], x[16], x[17], x[18], x[19]));
            z[0] = y[0]; z[1] = y[1]; z[2] = y[2]; z[3] = y[3]; z[4] = y[4]; z[5] = y[5]; z[6] = y[6]; z[7] = y[7];
            z[8] = y[8]; z[9] = y[9]; z[10] = y[10]; z[11] = y[11]; z[12] = y[12]; z[13] = y[13]; z[14] = y[14]; z[15] = y[15];
            z[16] = y[16]; z[17] = y[17]; z[18] = y[18]; z[19] = y[19];
        }
        case 24u: {
            let y = fft_24(array(x[0], x[1], x[2], x[3], x[4], x[5], x[6], x[7], x[8], x[9], x[10], x[11], x[12], x[13], x[14], x[15], x[16], x[17], x[18], x[19], x[20], x[21], x[22], x[23]));
            z[0] = y[0]; z[1] = y[1]; z[2] = y[2]; z[3] = y[3]; z[4] = y[4]; z[5] = y[5]; z[6] = y[6]; z[7] = y[7];
            z[8] = y[8]; z[9] = y[9]; z[10] = y[10]; z[11] = y[11]; z[12] = y[12]; z[13] = y[13]; z[14] = y[14]; z[15] = y[15];
            z[16] = y[16]; z[17] = y[17]; z[18] = y[18]; z[19] = y[19]; z[20] = y[20]; z[21] = y[21]; z[22] = y[22]; z[23] = y[23];
        }
        case 30u: {
            let y = fft_30(array(x[0], x[1], x[2], x[3], x[4], x[5], x[6], x[7], x[8], x[9], x[10], x[11], x[12], x[13], x[14], x[15], x[16], x[17], x[18], x[19], x[20], x[21], x[22], x[23], x[24], x[25], x[26], x[27], x[28], x[29]));
            z[0] = y[0]; z[1] = y[1]; z[2] = y[2]; z[3] = y[3]; z[4] = y[4]; z[5] = y[5]; z[6] = y[6]; z[7] = y[7];
            z[8] = y[8]; z[9] = y[9]; z[10] = y[10]; z[11] = y[11]; z[12] = y[12]; z[13] = y[13]; z[14] = y[14]; z[15] = y[15];
            z[16] = y[16]; z[17] = y[17]; z[18] = y[18]; z[19] = y[19]; z[20] = y[20]; z[21] = y[21]; z[22] = y[22]; z[23] = y[23];
            z[24] = y[24]; z[25] = y[25]; z[26] = y[26]; z[27] = y[27]; z[28] = y[28]; z[29] = y[29];
        }
        case 32u: {
            let y = fft_32(array(x[0], x[1], x[2], x[3], x[4], x[5], x[6], x[7], x[8], x[9], x[10], x[11], x[12], x[13], x[14], x[15], x[16], x[17], x[18], x[19], x[20], x[21], x[22], x[23], x[24], x[25], x[26], x[27], x[28], x[29], x[30], x[31]));
            z[0] = y[0]; z[1] = y[1]; z[2] = y[2]; z[3] = y[3]; z[4] = y[4]; z[5] = y[5]; z[6] = y[6]; z[7] = y[7];
            z[8] = y[8]; z[9] = y[9]; z[10] = y[10]; z[11] = y[11]; z[12] = y[12]; z[13] = y[13]; z[14] = y[14]; z[15] = y[15];
            z[16] = y[16]; z[17] = y[17]; z[18] = y[18]; z[19] = y[19]; z[20] = y[20]; z[21] = y[21]; z[22] = y[22]; z[23] = y[23];
            z[24] = y[24]; z[25] = y[25]; z[26] = y[26]; z[27] = y[27]; z[28] = y[28]; z[29] = y[29]; z[30] = y[30]; z[31] = y[31];
        }
        default: {}
    }
    return z;
}
