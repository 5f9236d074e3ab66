//! Products of complex matrices; specification of `shaders/complex_matmul.wgsl`. Sizes: m x k times k x n. Numbers are
//! pairs (re, im) in a flat slice.
//!
//! The gradient of a real loss L with respect to z is dL/d(re) + i dL/d(im). A change dz then changes L by
//! Re(conj(d) dz), and so the gradient passes through a linear map by its conjugate transpose (Kreutz-Delgado, "The
//! complex gradient operator and the CR-calculus", 2009, section 4; his gradient is half of this one).

type Complex = [f64; 2];

fn conj([re, im]: Complex) -> Complex {
    [re, -im]
}

fn at(z: &[f64], index: usize) -> Complex {
    [z[2 * index], z[2 * index + 1]]
}

/// C = A B, with A `[m, k]`, B `[k, n]`.
pub fn ab(a: &[f64], b: &[f64], m: usize, n: usize, k: usize) -> Vec<f64> {
    product(m, n, k, |row, turn| at(a, row * k + turn), |turn, column| at(b, turn * n + column))
}

/// C = A^H B, with A `[k, m]`, B `[k, n]`.
pub fn ahb(a: &[f64], b: &[f64], m: usize, n: usize, k: usize) -> Vec<f64> {
    product(m, n, k, |row, turn| conj(at(a, turn * m + row)), |turn, column| at(b, turn * n + column))
}

/// C = A B^H, with A `[m, k]`, B `[n, k]`.
pub fn abh(a: &[f64], b: &[f64], m: usize, n: usize, k: usize) -> Vec<f64> {
    product(m, n, k, |row, turn| at(a, row * k + turn), |turn, column| conj(at(b, column * k + turn)))
}

/// Gradients of [`ab`]: dA = dC B^H, dB = A^H dC.
pub fn ab_backward(a: &[f64], b: &[f64], d_c: &[f64], m: usize, n: usize, k: usize) -> [Vec<f64>; 2] {
    [abh(d_c, b, m, k, n), ahb(a, d_c, k, n, m)]
}

/// Gradients of [`ahb`]: dA = B dC^H, dB = A dC.
pub fn ahb_backward(a: &[f64], b: &[f64], d_c: &[f64], m: usize, n: usize, k: usize) -> [Vec<f64>; 2] {
    [abh(b, d_c, k, m, n), ab(a, d_c, k, n, m)]
}

/// Gradients of [`abh`]: dA = dC B, dB = dC^H A.
pub fn abh_backward(a: &[f64], b: &[f64], d_c: &[f64], m: usize, n: usize, k: usize) -> [Vec<f64>; 2] {
    [ab(d_c, b, m, k, n), ahb(d_c, a, n, k, m)]
}

fn product(
    m: usize,
    n: usize,
    k: usize,
    a: impl Fn(usize, usize) -> Complex,
    b: impl Fn(usize, usize) -> Complex,
) -> Vec<f64> {
    let mut c = Vec::with_capacity(2 * m * n);
    for row in 0..m {
        for column in 0..n {
            let terms = (0..k).map(|turn| (a(row, turn), b(turn, column)));
            c.extend(terms.fold([0.0, 0.0], |[re, im], ([p, q], [r, s])| [re + p * r - q * s, im + p * s + q * r]));
        }
    }
    c
}
