//! The discrete Fourier transform of complex numbers (re, im):
//! y_k = sum over j of x_j exp(-2 pi i j k / n), its inverse with exp(+...) and 1 / n.
//!
//! By recursion over the smallest factor p of n (Cooley and Tukey 1965): y_{k + q n/p} is the sum over r of exp(-2 pi i r (k + q n/p) / n)
//! times the transform of x_r, x_{r + p}, ... at k. A prime length is the sum itself.

use std::f64::consts::TAU;

use num_complex::Complex64;

/// Which way, and what the sum is multiplied with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The transform.
    Forward,
    /// Its inverse.
    Inverse,
    /// The adjoint of the transform: the inverse times n.
    ForwardBackward,
    /// The adjoint of the inverse: the transform over n.
    InverseBackward,
}

impl Kind {
    /// Sign of the exponent.
    fn sign(self) -> f64 {
        match self {
            Self::Forward | Self::InverseBackward => -1.0,
            Self::Inverse | Self::ForwardBackward => 1.0,
        }
    }

    /// Factor of a transform of length `n`.
    fn scale(self, n: usize) -> f64 {
        match self {
            Self::Forward | Self::ForwardBackward => 1.0,
            Self::Inverse | Self::InverseBackward => 1.0 / n as f64,
        }
    }

    /// The adjoint.
    pub fn backward(self) -> Self {
        match self {
            Self::Forward => Self::ForwardBackward,
            Self::Inverse => Self::InverseBackward,
            Self::ForwardBackward => Self::Forward,
            Self::InverseBackward => Self::Inverse,
        }
    }
}

/// The transform of a line.
pub fn line(kind: Kind, x: &[Complex64]) -> Vec<Complex64> {
    let mut y = recurse(kind.sign(), x, 0, 1);
    y.iter_mut().for_each(|y| *y *= Complex64::from(kind.scale(x.len())));
    y
}

/// The unscaled transform of `x[first]`, `x[first + step]`, ...
fn recurse(sign: f64, x: &[Complex64], first: usize, step: usize) -> Vec<Complex64> {
    let n = x.len() / step;
    if n == 1 {
        return vec![x[first]];
    }
    let p = (2..=n).find(|p| n.is_multiple_of(*p)).unwrap_or(n);
    let parts: Vec<_> = (0..p).map(|r| recurse(sign, x, first + r * step, step * p)).collect();
    let turn = |index: usize| Complex64::cis(sign * TAU * (index % n) as f64 / n as f64);
    (0..n).map(|k| parts.iter().enumerate().map(|(r, part)| turn(r * k) * part[k % (n / p)]).sum()).collect()
}

/// Extents of fields before and after a transform.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extents {
    /// Lengths of the transforms along columns and rows; `None` leaves an axis as it is.
    pub lengths: [Option<usize>; 2],
    /// Rows and columns of the input; what is missing to the lengths is zero.
    pub before: [usize; 2],
    /// Rows and columns of the output; what is missing to the lengths is left out.
    pub after: [usize; 2],
}

impl Extents {
    /// Those of the adjoint.
    pub fn backward(self) -> Self {
        Self { before: self.after, after: self.before, ..self }
    }
}

/// Transforms of fields `[batch, rows, columns, 2]`.
pub fn plane(kind: Kind, on: Extents, x: &[f64]) -> Vec<f64> {
    let [rows, columns] = on.before;
    let along = |length: Option<usize>, after: usize, mut z: Vec<Complex64>| {
        if let Some(length) = length {
            z.resize(length, Complex64::ZERO);
            z = line(kind, &z);
        }
        z.truncate(after);
        z
    };
    let mut y = Vec::new();
    for sample in x.chunks_exact(2 * rows * columns) {
        let z: Vec<_> = sample.chunks_exact(2).map(|z| Complex64::new(z[0], z[1])).collect();
        let rows: Vec<_> = z.chunks_exact(columns).map(|row| along(on.lengths[1], on.after[1], row.to_vec())).collect();
        let columns: Vec<_> = (0..on.after[1])
            .map(|column| along(on.lengths[0], on.after[0], rows.iter().map(|row| row[column]).collect()))
            .collect();
        y.extend(
            (0..on.after[0]).flat_map(|row| columns.iter().flat_map(move |column| [column[row].re, column[row].im])),
        );
    }
    y
}
