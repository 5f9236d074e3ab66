//! Floor 0: meshes of Mach-Zehnder interferometers as matrices, in `f64`, lossless.
//!
//! A mesh of N modes is columns of interferometers and an output phase screen:
//! U = diag(exp(i gamma_m)) C_last ... C_1 C_0, and light meets column 0 first. An interferometer on the modes (p, p + 1) has
//! an inner phase theta and a phase phi in its upper input arm, between and before two couplers:
//!
//! M = B(e_r) diag(exp(i theta), 1) B(e_l) diag(exp(i phi), 1)
//!
//! B(e) = \[\[sqrt((1 + e)/2), i sqrt((1 - e)/2)\], \[i sqrt((1 - e)/2), sqrt((1 + e)/2)\]\]
//!
//! e is the error of a coupler: 0 splits light evenly, 1 lets it pass, -1 crosses it over. With e = 0,
//! M = i exp(i theta/2) \[\[exp(i phi) sin(theta/2), cos(theta/2)\], \[exp(i phi) cos(theta/2), -sin(theta/2)\]\]: the cross
//! state at theta = 0, the bar state at theta = pi.
//!
//! Where interferometers stand is a [`Layout`]. Both can be any unitary matrix, which takes N (N - 1)/2 of them
//! ([`interferometers`]) and N phases of the screen. [`decompose`] finds phases for a matrix, [`Mesh::compose`] goes back.

mod decompose;
mod layout;
mod matrix;

pub use decompose::{decompose, haar};
pub use layout::{Layout, interferometers};
pub use matrix::{Deviation, Matrix, UNITARY};

use num_complex::Complex64;

/// What is wrong with a matrix or with the settings of a mesh, in one line; places count from 0.
#[derive(Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No layout of that name.
    #[error("there is no layout `{0}`; there are: clements, reck")]
    Layout(String),

    /// Fewer modes than an interferometer has.
    #[error("a mesh has at least 2 modes, not {0}")]
    Modes(usize),

    /// Not as many values as a square matrix has.
    #[error("a matrix of {modes} x {modes} has {} elements, not {found}", modes * modes)]
    Elements {
        /// Rows, and columns.
        modes: usize,
        /// Values given.
        found: usize,
    },

    /// An element that is NaN or infinite.
    #[error("row {row}, column {column} (from 0) is {value}, which is no finite number; correct it")]
    NotFinite {
        /// Row, from 0.
        row: usize,
        /// Column, from 0.
        column: usize,
        /// The element.
        value: Complex64,
    },

    /// Columns that are not orthonormal.
    #[error(
        "not unitary: |U'U - 1| is {:.3e} at row {}, column {} (from 0), and may be {UNITARY:e}; take its nearest unitary \
         matrix (numpy: u, _, v = svd(U); u @ v)", .0.value, .0.row, .0.column
    )]
    NotUnitary(Deviation),

    /// Too few or too many values for the number of modes.
    #[error("`{name}` has {found} values, but a mesh of {modes} modes (the length of `gamma`) has {expected}")]
    Length {
        /// The parameter.
        name: &'static str,
        /// Its values.
        found: usize,
        /// Modes of the mesh.
        modes: usize,
        /// Values it should have.
        expected: usize,
    },

    /// A setting that no mesh can have.
    #[error("`{name}` at {index} (from 0) is {value}, but {wanted}")]
    Setting {
        /// The parameter.
        name: &'static str,
        /// Its place, from 0.
        index: usize,
        /// The value.
        value: f64,
        /// What it may be.
        wanted: &'static str,
    },
}

/// Which of a mesh's phases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phases {
    /// Between the couplers.
    Theta,
    /// In the upper input arms.
    Phi,
    /// Of the output screen.
    Gamma,
}

impl Phases {
    /// The name that files and layers have for them.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Theta => "theta",
            Self::Phi => "phi",
            Self::Gamma => "gamma",
        }
    }
}

/// A mesh as it is set and built. Interferometers are in the order of [`Layout::places`]: columns in turn, modes rising
/// within a column.
#[derive(Clone, Debug, PartialEq)]
pub struct Mesh {
    /// Where the interferometers stand.
    pub layout: Layout,
    /// Inner phases, rad, `[N (N - 1)/2]`.
    pub theta: Vec<f64>,
    /// Phases of the upper input arms, rad, `[N (N - 1)/2]`.
    pub phi: Vec<f64>,
    /// The output phase screen, rad, `[N]`.
    pub gamma: Vec<f64>,
    /// Errors e_l of the couplers that light meets first, `[N (N - 1)/2]`, within -1 and 1.
    pub coupler_left: Vec<f64>,
    /// Errors e_r of the couplers that light meets second, `[N (N - 1)/2]`, within -1 and 1.
    pub coupler_right: Vec<f64>,
}

impl Mesh {
    /// The number of modes.
    #[must_use]
    pub fn modes(&self) -> usize {
        self.gamma.len()
    }

    /// Phases of a kind, rad.
    #[must_use]
    pub fn phases(&self, phases: Phases) -> &[f64] {
        match phases {
            Phases::Theta => &self.theta,
            Phases::Phi => &self.phi,
            Phases::Gamma => &self.gamma,
        }
    }

    /// Refuses what is no mesh.
    ///
    /// # Errors
    /// Fewer than 2 modes, a wrong number of values, a phase that is not finite, a coupler error that is not within -1 and 1.
    pub fn check(&self) -> Result<(), Error> {
        let modes = self.modes();
        if modes < 2 {
            return Err(Error::Modes(modes));
        }
        let phase = (f64::is_finite as fn(f64) -> bool, "a phase is a finite number of radians");
        let coupler = (
            (|e| e.abs() < 1.0) as fn(f64) -> bool,
            "a coupler error lies between -1 (all light crosses) and 1 (all light passes), without these",
        );
        let each = interferometers(modes);
        for (name, values, expected, (is_fine, wanted)) in [
            ("theta", &self.theta, each, phase),
            ("phi", &self.phi, each, phase),
            ("gamma", &self.gamma, modes, phase),
            ("coupler_left", &self.coupler_left, each, coupler),
            ("coupler_right", &self.coupler_right, each, coupler),
        ] {
            if values.len() != expected {
                return Err(Error::Length { name, found: values.len(), modes, expected });
            }
            if let Some(index) = values.iter().position(|&value| !is_fine(value)) {
                return Err(Error::Setting { name, index, value: values[index], wanted });
            }
        }
        Ok(())
    }

    /// The unitary matrix U of the mesh: amplitudes behind it are U times those before it.
    ///
    /// # Errors
    /// As [`check`](Self::check).
    pub fn compose(&self) -> Result<Matrix, Error> {
        self.check()?;
        let mut matrix = Matrix::identity(self.modes());
        for (index, [_, mode]) in self.layout.places(self.modes()).enumerate() {
            let couplers = [self.coupler_left[index], self.coupler_right[index]];
            matrix.mix_rows(mode, 0, interferometer(self.theta[index], self.phi[index], couplers));
        }
        for (mode, &gamma) in self.gamma.iter().enumerate() {
            let turn = Complex64::cis(gamma);
            matrix.row_mut(mode).iter_mut().for_each(|value| *value *= turn);
        }
        Ok(matrix)
    }
}

/// The 2x2 matrix M of an interferometer with the coupler errors \[e_l, e_r\], by rows.
#[must_use]
pub fn interferometer(theta: f64, phi: f64, [left, right]: [f64; 2]) -> [[Complex64; 2]; 2] {
    let [inner, outer] = [Complex64::cis(theta), Complex64::cis(phi)];
    // Products of a coupler's pass and cross amplitudes, of which the left one is the second factor. One root for both, so
    // that ideal couplers give a half without rounding.
    let half_root = |right: f64, left: f64| ((1.0 + right) * (1.0 + left)).sqrt() / 2.0;
    let [pass_pass, pass_cross] = [half_root(right, left), half_root(right, -left)];
    let [cross_pass, cross_cross] = [half_root(-right, left), half_root(-right, -left)];
    [
        [outer * (inner * pass_pass - cross_cross), Complex64::I * (inner * pass_cross + cross_pass)],
        [outer * Complex64::I * (inner * cross_pass + pass_cross), pass_pass - inner * cross_cross],
    ]
}

#[cfg(test)]
mod tests {
    use std::f64::consts::PI;

    use super::*;
    use crate::random;

    /// Settings of every kind, drawn.
    fn drawn(layout: Layout, modes: usize) -> Mesh {
        let mut units = random::units(7, random::stream("mesh"));
        let mut draw = |count: usize, reach: f64| -> Vec<f64> {
            units.by_ref().take(count).map(|unit| reach * (2.0 * unit - 1.0)).collect()
        };
        let each = interferometers(modes);
        Mesh {
            layout,
            theta: draw(each, 9.0),
            phi: draw(each, 9.0),
            gamma: draw(modes, 9.0),
            coupler_left: draw(each, 0.9),
            coupler_right: draw(each, 0.9),
        }
    }

    fn product(a: &Matrix, b: &Matrix) -> Matrix {
        let modes = a.modes();
        let element = |row, column| (0..modes).map(|k| a[[row, k]] * b[[k, column]]).sum();
        let values = (0..modes * modes).map(|place| element(place / modes, place % modes)).collect();
        Matrix::new(modes, values).unwrap()
    }

    /// The identity with a block of 2x2 on the modes (p, p + 1).
    fn block(modes: usize, p: usize, block: [[Complex64; 2]; 2]) -> Matrix {
        let mut matrix = Matrix::identity(modes);
        (0..2).for_each(|row| matrix.row_mut(p + row)[p..p + 2].copy_from_slice(&block[row]));
        matrix
    }

    #[test]
    fn a_mesh_is_the_product_of_its_columns_as_the_definition_has_them() {
        let coupler = |e: f64| {
            let [pass, cross] = [((1.0 + e) / 2.0).sqrt().into(), Complex64::new(0.0, ((1.0 - e) / 2.0).sqrt())];
            [[pass, cross], [cross, pass]]
        };
        let shifter = |phase| [[Complex64::cis(phase), 0.0.into()], [0.0.into(), 1.0.into()]];
        for layout in Layout::ALL {
            for modes in [2, 3, 4, 7, 8] {
                let mesh = drawn(layout, modes);
                let mut index = 0;
                let mut whole = Matrix::identity(modes);
                for column in 0..layout.columns(modes) {
                    for p in layout.column(modes, column) {
                        for part in [
                            shifter(mesh.phi[index]),
                            coupler(mesh.coupler_left[index]),
                            shifter(mesh.theta[index]),
                            coupler(mesh.coupler_right[index]),
                        ] {
                            whole = product(&block(modes, p, part), &whole);
                        }
                        index += 1;
                    }
                }
                assert_eq!(index, interferometers(modes));
                let mut screen = Matrix::identity(modes);
                (0..modes).for_each(|mode| screen.row_mut(mode)[mode] = Complex64::cis(mesh.gamma[mode]));
                let composed = mesh.compose().unwrap();
                let apart = composed.distance(&product(&screen, &whole));
                assert!(apart < 1e-14, "{layout:?} {modes}: {apart:e}");
                assert!(composed.deviation().value < 1e-14);
            }
        }
    }

    #[test]
    fn an_interferometer_crosses_at_0_and_passes_at_pi() {
        let is = |matrix: [[Complex64; 2]; 2], wanted: [[f64; 2]; 2]| {
            (0..4).all(|place| (matrix[place / 2][place % 2].norm() - wanted[place / 2][place % 2]).abs() < 1e-15)
        };
        assert!(is(interferometer(0.0, 0.3, [0.0; 2]), [[0.0, 1.0], [1.0, 0.0]]));
        assert!(is(interferometer(PI, 0.3, [0.0; 2]), [[1.0, 0.0], [0.0, 1.0]]));
        assert!(is(interferometer(PI / 2.0, 0.3, [0.0; 2]), [[0.5_f64.sqrt(); 2]; 2]));
        // Two couplers that let all pass leave the phases only; two that cross it, too, and the light changes arms twice.
        let [pass, cross] = [1.0, -1.0].map(|e| interferometer(0.5, 0.2, [e; 2]));
        let near = |a: Complex64, b: Complex64| (a - b).norm() < 1e-15;
        assert!(near(pass[0][0], Complex64::cis(0.7)) && near(pass[1][1], 1.0.into()));
        assert!(near(cross[0][0], -Complex64::cis(0.2)) && near(cross[1][1], -Complex64::cis(0.5)));
    }

    #[test]
    fn settings_that_no_mesh_has_are_refused() {
        let whole = drawn(Layout::Clements, 4);
        type Spoil = fn(&mut Mesh);
        let cases: [(Spoil, &str); 8] = [
            (|mesh| mesh.gamma.truncate(1), "at least 2 modes, not 1"),
            (|mesh| mesh.gamma.clear(), "at least 2 modes, not 0"),
            (|mesh| mesh.theta.push(0.0), "`theta` has 7 values, but a mesh of 4 modes (the length of `gamma`) has 6"),
            (|mesh| mesh.coupler_right.truncate(5), "`coupler_right` has 5 values"),
            (|mesh| mesh.phi[5] = f64::NAN, "`phi` at 5 (from 0) is NaN, but a phase is"),
            (|mesh| mesh.gamma[3] = f64::INFINITY, "`gamma` at 3 (from 0) is inf"),
            (|mesh| mesh.coupler_left[0] = 1.0, "`coupler_left` at 0 (from 0) is 1, but a coupler error lies between"),
            (|mesh| mesh.coupler_right[2] = f64::NAN, "`coupler_right` at 2 (from 0) is NaN"),
        ];
        for (spoil, wanted) in cases {
            let mut mesh = whole.clone();
            spoil(&mut mesh);
            let message = mesh.compose().unwrap_err().to_string();
            assert!(message.contains(wanted), "`{wanted}` is not in `{message}`");
        }
        assert!(whole.compose().is_ok());
    }
}
