//! Phases of a mesh from its matrix.

use std::f64::consts::{PI, TAU};

use num_complex::Complex64;

use super::{Error, Layout, Matrix, Mesh};

/// An interferometer that has been found.
struct Found {
    /// Column and upper mode.
    place: [usize; 2],
    theta: f64,
    phi: f64,
}

impl Found {
    /// The one with this phi that moves all light of two elements to the one that is kept, and its matrix. Where there is
    /// nothing to move, light passes.
    ///
    /// The matrix is made from the elements, not from theta: no cosine of a rounded pi/2 makes dust of exact zeros.
    fn nulling(place: [usize; 2], nulled: Complex64, kept: Complex64, phi: f64) -> (Self, [[Complex64; 2]; 2]) {
        let length = nulled.norm().hypot(kept.norm());
        // Numbers below the normal ones are too coarse for a quotient.
        let is_there = length >= f64::MIN_POSITIVE;
        let [cosine, sine] = if is_there { [nulled.norm() / length, kept.norm() / length] } else { [0.0, 1.0] };
        // i exp(i theta/2).
        let front = Complex64::new(-sine, cosine);
        let turned = front * Complex64::cis(phi);
        let matrix = [[turned * sine, front * cosine], [turned * cosine, -front * sine]];
        (Self { place, theta: 2.0 * sine.atan2(cosine), phi }, matrix)
    }
}

/// Phases for which a mesh of ideal couplers has the unitary matrix U: theta in 0..=pi, phi and gamma in 0..2 pi.
///
/// Interferometers null one element after another by a rotation of two rows or two columns, until a diagonal of phases
/// is left. Each rotation is unitary, so that rounding errors add and do not grow: the mesh composes to U within about 1e-14,
/// or within U's own deviation from a unitary matrix. Where there is nothing to null, light passes: the identity leaves every
/// interferometer in the bar state.
///
/// Rectangular: Clements et al., Optica 3, 1460 (2016). Triangular: Reck et al., Phys. Rev. Lett. 73, 58 (1994).
///
/// # Errors
/// As [`Matrix::check_unitary`].
pub fn decompose(matrix: &Matrix, layout: Layout) -> Result<Mesh, Error> {
    matrix.check_unitary()?;
    Ok(phases(matrix.clone(), layout))
}

/// A mesh of ideal couplers with the matrix [`Matrix::haar`] of the same modes and seed: how a mesh starts that is to be any
/// matrix as likely as any other.
#[must_use]
pub fn haar(layout: Layout, modes: usize, seed: u32) -> Mesh {
    phases(Matrix::haar(modes, seed), layout)
}

/// The mesh of a unitary matrix.
fn phases(mut rest: Matrix, layout: Layout) -> Mesh {
    let (mut found, gamma) = match layout {
        Layout::Clements => rectangular(&mut rest),
        Layout::Reck => triangular(&mut rest),
    };
    found.sort_unstable_by_key(|one| one.place);
    Mesh {
        layout,
        theta: found.iter().map(|one| one.theta).collect(),
        phi: found.iter().map(|one| wrap(one.phi)).collect(),
        gamma: gamma.into_iter().map(wrap).collect(),
        coupler_left: vec![0.0; found.len()],
        coupler_right: vec![0.0; found.len()],
    }
}

/// Nulls the triangle below the diagonal from its corner, one diagonal after another, in turn from the right, where light
/// enters, and from the left: U = L' L' ... D ... R R. Then every L' D becomes D M.
fn rectangular(rest: &mut Matrix) -> (Vec<Found>, Vec<f64>) {
    let modes = rest.modes();
    let (mut rights, mut lefts) = (Vec::new(), Vec::new());
    for diagonal in 1..modes {
        for step in 0..diagonal {
            if diagonal % 2 == 1 {
                let [row, p] = [modes - 1 - step, diagonal - 1 - step];
                let [nulled, kept] = [rest[[row, p]], rest[[row, p + 1]]];
                let (one, matrix) = Found::nulling([step, p], nulled, kept, turn(nulled, kept) + PI);
                // Both columns are zero below this row.
                rest.unmix_columns(p, 0..row + 1, matrix);
                rights.push(one);
            } else {
                let [p, column] = [modes - 1 - diagonal + step, step];
                let [kept, nulled] = [rest[[p, column]], rest[[p + 1, column]]];
                let (one, matrix) = Found::nulling([modes - 1 - step, p], nulled, kept, turn(nulled, kept));
                // Both rows are zero before this column.
                rest.mix_rows(p, column, matrix);
                lefts.push(one);
            }
        }
    }
    let mut screen = diagonal(rest);
    for mut one in lefts.into_iter().rev() {
        // M(theta, phi)' diag(d0, d1) = diag(-exp(-i (theta + phi)) d1, -exp(-i theta) d1) M(theta, arg(d0/d1)).
        let p = one.place[1];
        let [upper, lower] = [screen[p], screen[p + 1]];
        screen[p] = wrap(lower + PI - one.theta - one.phi);
        screen[p + 1] = wrap(lower + PI - one.theta);
        one.phi = upper - lower;
        rights.push(one);
    }
    (rights, screen)
}

/// Nulls the rows right of the diagonal, from the first row on and from the end of each, all from the right: U = D ... R R.
fn triangular(rest: &mut Matrix) -> (Vec<Found>, Vec<f64>) {
    let modes = rest.modes();
    let mut rights = Vec::new();
    for row in 0..modes - 1 {
        for p in (row..modes - 1).rev() {
            let [kept, nulled] = [rest[[row, p]], rest[[row, p + 1]]];
            let place = [2 * row + modes - 2 - p, p];
            let (one, matrix) = Found::nulling(place, nulled, kept, turn(kept, nulled));
            // Both columns are zero above this row.
            rest.unmix_columns(p, row..modes, matrix);
            rights.push(one);
        }
    }
    (rights, diagonal(rest))
}

/// The phase of one element against another.
fn turn(of: Complex64, against: Complex64) -> f64 {
    of.arg() - against.arg()
}

fn diagonal(matrix: &Matrix) -> Vec<f64> {
    (0..matrix.modes()).map(|mode| matrix[[mode, mode]].arg()).collect()
}

/// A phase in 0..2 pi.
fn wrap(phase: f64) -> f64 {
    let phase = phase.rem_euclid(TAU);
    // A phase just below 0 rounds to 2 pi.
    if phase < TAU { phase } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mesh::interferometers;
    use crate::random;

    /// Decomposes, checks what comes of it, and tells how far the composed matrix is from the first.
    fn round_trip(matrix: &Matrix, layout: Layout) -> (Mesh, f64) {
        let mesh = decompose(matrix, layout).unwrap();
        assert_eq!(mesh.theta.len(), interferometers(matrix.modes()));
        assert!(mesh.theta.iter().all(|theta| (0.0..=PI).contains(theta)));
        assert!(mesh.phi.iter().chain(&mesh.gamma).all(|phase| (0.0..TAU).contains(phase)));
        assert!(mesh.coupler_left.iter().chain(&mesh.coupler_right).all(|&e| e == 0.0));
        let apart = mesh.compose().unwrap().distance(matrix);
        (mesh, apart)
    }

    fn from(modes: usize, element: impl Fn(usize, usize) -> Complex64) -> Matrix {
        Matrix::new(modes, (0..modes * modes).map(|place| element(place / modes, place % modes)).collect()).unwrap()
    }

    /// Ones where a row's light goes, of a phase.
    fn permutation(modes: usize, to: impl Fn(usize) -> usize, phase: impl Fn(usize) -> f64) -> Matrix {
        from(modes, |row, column| if to(row) == column { Complex64::cis(phase(row)) } else { 0.0.into() })
    }

    #[test]
    fn random_matrices_come_back() {
        for modes in [2, 3, 4, 7, 16, 64, 65, 256] {
            for layout in Layout::ALL {
                let (_, apart) = round_trip(&Matrix::haar(modes, modes as u32), layout);
                println!("{modes:3} modes, {}: {apart:.1e}", layout.word());
                assert!(apart <= 1e-13, "{layout:?} {modes}: {apart:e}");
            }
        }
    }

    #[test]
    fn matrices_full_of_zeros_come_back() {
        for modes in [2, 3, 4, 7, 16, 64, 65, 256] {
            let random_order = |row: usize| random::permute(row as u32, modes as u32, 3) as usize;
            let none = |_: usize| 0.0;
            let blocks = [Matrix::haar(modes / 2, 1), Matrix::haar(modes - modes / 2, 2)];
            let in_blocks = |row: usize, column: usize| {
                let half = modes / 2;
                match (row < half, column < half) {
                    (true, true) => blocks[0][[row, column]],
                    (false, false) => blocks[1][[row - half, column - half]],
                    // Zeros of either sign, whose angles are 0 and pi.
                    (true, false) => Complex64::new(-0.0, 0.0),
                    (false, true) => Complex64::new(0.0, -0.0),
                }
            };
            // A rotation of the first and the last mode only.
            let ends = |row: usize, column: usize| match [row, column] {
                [r, c] if [r, c].iter().all(|&end| end == 0 || end == modes - 1) => {
                    Complex64::from(if r == c { 0.8 } else { 0.6 }) * if r > c { -1.0 } else { 1.0 }
                }
                [r, c] => if r == c { 1.0 } else { 0.0 }.into(),
            };
            // All elements as large as each other.
            let fourier = |row: usize, column: usize| {
                Complex64::cis(TAU * ((row * column) % modes) as f64 / modes as f64) / (modes as f64).sqrt()
            };
            // Elements that are no zeros, but whose squares are; and some that have no full precision.
            let dust = |size: f64| {
                move |row: usize, column: usize| {
                    let sign = if (row + column).is_multiple_of(2) { size } else { -size };
                    if row == column { 1.0.into() } else { Complex64::new(sign, 3e-320) }
                }
            };
            for (name, matrix) in [
                ("identity", Matrix::identity(modes)),
                ("phases", permutation(modes, |row| row, |row| 1.7 * row as f64)),
                ("reversed", permutation(modes, |row| modes - 1 - row, none)),
                ("shifted", permutation(modes, |row| (row + 1) % modes, none)),
                ("permutation", permutation(modes, random_order, |row| -0.9 * row as f64)),
                ("neighbours", permutation(modes, |row| if row ^ 1 < modes { row ^ 1 } else { row }, none)),
                ("blocks", from(modes, in_blocks)),
                ("ends", from(modes, ends)),
                ("fourier", from(modes, fourier)),
                ("dust", from(modes, dust(1e-200))),
                ("finest dust", from(modes, dust(3e-320))),
            ] {
                for layout in Layout::ALL {
                    let (_, apart) = round_trip(&matrix, layout);
                    assert!(apart <= 1e-13, "{name} {modes} {layout:?}: {apart:e}");
                }
            }
        }
    }

    #[test]
    fn the_identity_lets_all_light_pass() {
        for layout in Layout::ALL {
            let (mesh, _) = round_trip(&Matrix::identity(7), layout);
            assert!(mesh.theta.iter().all(|&theta| theta == PI), "{layout:?}: {:?}", mesh.theta);
        }
    }

    #[test]
    fn a_mesh_of_bad_couplers_is_matched_by_one_of_ideal_ones() {
        for layout in Layout::ALL {
            let (mut mesh, _) = round_trip(&Matrix::haar(9, 4), layout);
            mesh.coupler_left.iter_mut().for_each(|e| *e = 0.2);
            mesh.coupler_right.iter_mut().for_each(|e| *e = -0.4);
            let built = mesh.compose().unwrap();
            let (other, apart) = round_trip(&built, Layout::Clements);
            assert!(apart <= 1e-14, "{apart:e}");
            assert!(other.theta != mesh.theta);
        }
    }

    #[test]
    fn a_matrix_of_32_bit_numbers_comes_back_as_closely_as_it_is_unitary() {
        let short = |z: Complex64| Complex64::new(f64::from(z.re as f32), f64::from(z.im as f32));
        let whole = Matrix::haar(64, 8);
        let matrix = from(64, |row, column| short(whole[[row, column]]));
        assert!(matrix.deviation().value > 1e-9);
        for layout in Layout::ALL {
            let (_, apart) = round_trip(&matrix, layout);
            assert!((1e-10..1e-6).contains(&apart), "{apart:e}");
        }
    }

    #[test]
    fn phases_stay_in_their_range() {
        for (phase, wanted) in [(0.0, 0.0), (-1e-20, 0.0), (TAU, 0.0), (-PI, PI), (7.0, 7.0 - TAU)] {
            assert!((wrap(phase) - wanted).abs() < 1e-15, "{phase}");
            assert!((0.0..TAU).contains(&wrap(phase)));
        }
    }
}
