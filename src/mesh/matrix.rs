//! Square complex matrices, and random unitary ones.

use std::ops::Index;

use num_complex::Complex64;

use super::Error;
use crate::random;

/// The largest |U'U - 1| of a matrix that is taken for unitary: as far as the rounding of 32-bit numbers may bring one.
pub const UNITARY: f64 = 1e-5;

/// A square complex matrix, row-major.
#[derive(Clone, Debug, PartialEq)]
pub struct Matrix {
    modes: usize,
    values: Vec<Complex64>,
}

/// How far a matrix is from a unitary one, and where in U'U.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Deviation {
    /// The largest |U'U - 1|.
    pub value: f64,
    /// Its row, from 0: a column of U.
    pub row: usize,
    /// Its column, from 0: a column of U.
    pub column: usize,
}

impl Matrix {
    /// A matrix of its elements, row by row.
    ///
    /// # Errors
    /// Not as many values as `modes` rows and columns have.
    pub fn new(modes: usize, values: Vec<Complex64>) -> Result<Self, Error> {
        if modes.checked_mul(modes) != Some(values.len()) {
            return Err(Error::Elements { modes, found: values.len() });
        }
        Ok(Self { modes, values })
    }

    /// Ones on the diagonal.
    #[must_use]
    pub fn identity(modes: usize) -> Self {
        let element = |place: usize| if place / modes == place % modes { 1.0 } else { 0.0 };
        Self { modes, values: (0..modes * modes).map(|place| element(place).into()).collect() }
    }

    /// A random unitary matrix, every one as likely as any other (Haar measure), a pure function of modes and seed.
    ///
    /// The factor Q of a matrix of independent complex normal numbers, with the factor R that has a positive diagonal
    /// (Mezzadri, "How to generate random matrices from the classical compact groups", Notices AMS 54, 592, 2007). Here
    /// rows are orthonormalised by Gram and Schmidt, whose R is such a one; twice, which is enough (Giraud et al., "The loss
    /// of orthogonality in the Gram-Schmidt orthogonalization process", Comput. Math. Appl. 50, 1069, 2005).
    #[must_use]
    pub fn haar(modes: usize, seed: u32) -> Self {
        let key = [seed, random::stream("mesh.haar")];
        let mut rows: Vec<Vec<Complex64>> = Vec::with_capacity(modes);
        for row in 0..modes as u32 {
            let draws = (0..modes as u32).map(|column| random::normal(random::bits(key, [row, column])));
            let mut own: Vec<_> = draws.map(|[re, im]| Complex64::new(re, im)).collect();
            for _ in 0..2 {
                for other in &rows {
                    let along: Complex64 = inner(other, &own);
                    own.iter_mut().zip(other).for_each(|(own, other)| *own -= along * other);
                }
                let length = inner(&own, &own).re.sqrt();
                own.iter_mut().for_each(|own| *own /= length);
            }
            rows.push(own);
        }
        Self { modes, values: rows.concat() }
    }

    /// The number of rows, and of columns.
    #[must_use]
    pub fn modes(&self) -> usize {
        self.modes
    }

    /// The elements, row by row.
    #[must_use]
    pub fn values(&self) -> &[Complex64] {
        &self.values
    }

    /// The largest absolute value of an element of the difference to a matrix of as many modes; NaN where one has a NaN.
    #[must_use]
    pub fn distance(&self, other: &Self) -> f64 {
        let apart = self.values.iter().zip(&other.values).map(|(own, other)| (own - other).norm());
        apart.fold(0.0, |most, apart| if apart > most || apart.is_nan() { apart } else { most })
    }

    /// How far the columns are from orthonormal ones.
    #[must_use]
    pub fn deviation(&self) -> Deviation {
        let modes = self.modes;
        let columns: Vec<Vec<_>> =
            (0..modes).map(|column| (0..modes).map(|row| self[[row, column]]).collect()).collect();
        let mut worst = Deviation { value: 0.0, row: 0, column: 0 };
        for row in 0..modes {
            for column in row..modes {
                let wanted = if row == column { 1.0 } else { 0.0 };
                let value = (inner(&columns[row], &columns[column]) - wanted).norm();
                if value > worst.value || value.is_nan() {
                    worst = Deviation { value, row, column };
                }
            }
        }
        worst
    }

    /// Refuses what no mesh can be.
    ///
    /// # Errors
    /// Fewer than two modes, an element that is not finite, a [deviation](Self::deviation) above [`UNITARY`].
    pub fn check_unitary(&self) -> Result<(), Error> {
        if self.modes < 2 {
            return Err(Error::Modes(self.modes));
        }
        if let Some(place) = self.values.iter().position(|value| !value.is_finite()) {
            let [row, column] = [place / self.modes, place % self.modes];
            return Err(Error::NotFinite { row, column, value: self.values[place] });
        }
        let worst = self.deviation();
        if worst.value <= UNITARY { Ok(()) } else { Err(Error::NotUnitary(worst)) }
    }

    pub(super) fn row_mut(&mut self, row: usize) -> &mut [Complex64] {
        &mut self.values[row * self.modes..][..self.modes]
    }

    /// M times the rows p and p + 1, from a column on.
    pub(super) fn mix_rows(&mut self, p: usize, from: usize, m: [[Complex64; 2]; 2]) {
        let (upper, lower) = self.values[p * self.modes..][..2 * self.modes].split_at_mut(self.modes);
        for (upper, lower) in upper[from..].iter_mut().zip(&mut lower[from..]) {
            let [x, y] = [*upper, *lower];
            *upper = m[0][0] * x + m[0][1] * y;
            *lower = m[1][0] * x + m[1][1] * y;
        }
    }

    /// The columns p and p + 1 times the inverse of M, in some rows.
    pub(super) fn unmix_columns(&mut self, p: usize, rows: std::ops::Range<usize>, m: [[Complex64; 2]; 2]) {
        let m = m.map(|row| row.map(|value| value.conj()));
        for row in rows {
            let place = row * self.modes + p;
            let [x, y] = [self.values[place], self.values[place + 1]];
            self.values[place] = x * m[0][0] + y * m[0][1];
            self.values[place + 1] = x * m[1][0] + y * m[1][1];
        }
    }
}

impl Index<[usize; 2]> for Matrix {
    type Output = Complex64;

    /// The element at `[row, column]`.
    fn index(&self, [row, column]: [usize; 2]) -> &Complex64 {
        &self.values[row * self.modes..][..self.modes][column]
    }
}

/// The sum of conj(a) b.
fn inner(a: &[Complex64], b: &[Complex64]) -> Complex64 {
    a.iter().zip(b).map(|(a, b)| a.conj() * b).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn haar_matrices_are_unitary_and_follow_their_seed() {
        for modes in [1, 2, 3, 7, 64, 256] {
            let matrix = Matrix::haar(modes, 5);
            let worst = matrix.deviation();
            assert!(worst.value < 1e-14, "{modes}: {worst:?}");
            assert_eq!(matrix, Matrix::haar(modes, 5));
            assert!(matrix.distance(&Matrix::haar(modes, 6)) > 0.1);
        }
    }

    /// Moments that an eigenvector routine's signs, or a QR without its phases fixed, would miss.
    #[test]
    fn haar_matrices_have_the_moments_of_the_haar_measure() {
        let (modes, count) = (3, 20_000_u32);
        let draws: Vec<_> = (0..count).map(|seed| Matrix::haar(modes, seed)).collect();
        let mean = |f: &dyn Fn(&Matrix) -> f64| draws.iter().map(f).sum::<f64>() / f64::from(count);
        let trace = |matrix: &Matrix| (0..modes).map(|k| matrix[[k, k]]).sum::<Complex64>();
        // E[tr U] = 0, E|tr U|^2 = 1, E|tr U^2|^2 = 2 (Diaconis and Shahshahani 1994), E|U_jk|^4 = 2/(N (N + 1)).
        let square = |matrix: &Matrix| -> Complex64 {
            (0..modes * modes).map(|k| matrix[[k / modes, k % modes]] * matrix[[k % modes, k / modes]]).sum()
        };
        let error = 5.0 / f64::from(count).sqrt();
        assert!(mean(&|matrix| trace(matrix).re).abs() < error);
        assert!((mean(&|matrix| trace(matrix).norm_sqr()) - 1.0).abs() < error);
        assert!((mean(&|matrix| square(matrix).norm_sqr()) - 2.0).abs() < 2.0 * error);
        for place in [[0, 0], [2, 1], [2, 2]] {
            let fourth = mean(&|matrix| matrix[place].norm_sqr().powi(2));
            assert!((fourth - 2.0 / 12.0).abs() < error, "{place:?}: {fourth}");
        }
    }

    #[test]
    fn what_is_not_unitary_is_told_with_how_far_and_where() {
        let spoiled = |place: [usize; 2], value: Complex64| {
            let mut matrix = Matrix::haar(4, 1);
            matrix.row_mut(place[0])[place[1]] = value;
            matrix.check_unitary().unwrap_err()
        };
        assert!(Matrix::haar(4, 1).check_unitary().is_ok());
        let mut scaled = Matrix::identity(4);
        scaled.row_mut(2)[2] = 1.5.into();
        let message = scaled.check_unitary().unwrap_err().to_string();
        assert!(message.starts_with("not unitary: |U'U - 1| is 1.250e0 at row 2, column 2 (from 0), and may be 1e-5;"));
        assert_eq!(scaled.deviation(), Deviation { value: 1.25, row: 2, column: 2 });
        scaled.row_mut(2)[2] = 1.0.into();
        scaled.row_mut(1)[3] = Complex64::new(0.0, 0.5);
        assert_eq!(scaled.deviation(), Deviation { value: 0.5, row: 1, column: 3 });

        let message = spoiled([1, 2], Complex64::new(f64::NAN, 0.0)).to_string();
        assert!(message.starts_with("row 1, column 2 (from 0) is NaN+0i, which is no finite number"), "{message}");
        assert!(matches!(spoiled([3, 0], Complex64::new(0.0, f64::INFINITY)), Error::NotFinite { row: 3, .. }));
        // Finite, but its square is not.
        let worst = spoiled([3, 0], 1e200.into());
        assert!(matches!(worst, Error::NotUnitary(_)), "{worst}");
        assert_eq!(Matrix::identity(1).check_unitary(), Err(Error::Modes(1)));
        assert_eq!(Matrix::new(2, vec![Complex64::I; 3]), Err(Error::Elements { modes: 2, found: 3 }));
    }
}
