//! Matrix products; specification of `shaders/matmul.wgsl`. Sizes: m x k times k x n.

/// C = A B, with A `[m, k]`, B `[k, n]`.
pub fn ab(a: &[f64], b: &[f64], m: usize, n: usize, k: usize) -> Vec<f64> {
    product(m, n, k, |row, at| a[row * k + at], |at, column| b[at * n + column])
}

/// C = A' B, with A `[k, m]`, B `[k, n]`.
pub fn atb(a: &[f64], b: &[f64], m: usize, n: usize, k: usize) -> Vec<f64> {
    product(m, n, k, |row, at| a[at * m + row], |at, column| b[at * n + column])
}

/// C = A B', with A `[m, k]`, B `[n, k]`.
pub fn abt(a: &[f64], b: &[f64], m: usize, n: usize, k: usize) -> Vec<f64> {
    product(m, n, k, |row, at| a[row * k + at], |at, column| b[column * k + at])
}

/// C = A B' + bias in every row.
pub fn abt_bias(a: &[f64], b: &[f64], bias: &[f64], m: usize, n: usize, k: usize) -> Vec<f64> {
    let mut c = abt(a, b, m, n, k);
    for row in c.chunks_exact_mut(n) {
        row.iter_mut().zip(bias).for_each(|(value, bias)| *value += bias);
    }
    c
}

fn product(m: usize, n: usize, k: usize, a: impl Fn(usize, usize) -> f64, b: impl Fn(usize, usize) -> f64) -> Vec<f64> {
    let mut c = Vec::with_capacity(m * n);
    for row in 0..m {
        for column in 0..n {
            c.push((0..k).map(|at| a(row, at) * b(at, column)).sum());
        }
    }
    c
}
