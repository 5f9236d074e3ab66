//! Meshes of Mach-Zehnder interferometers; specification of `shaders/mesh.wgsl`, `shaders/mesh_subgroup.wgsl` and
//! `shaders/shared/mesh.wgsl`.
//!
//! Fields are `[batch, modes]`, complex numbers pairs (re, im) in a flat slice. Gradients as in
//! [`complex_matmul`](super::complex_matmul).

use super::complex_matmul::{ab, abh, ahb};

/// How the interferometers of a mesh are placed. Light meets column 0 first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// N columns, which begin at mode 0 and 1 in turn. Clements et al., Optica 3, 1460 (2016).
    Rectangular,
    /// 2N - 3 columns. Reck et al., Phys. Rev. Lett. 73, 58 (1994).
    Triangular,
}

/// N modes, N (N - 1) / 2 interferometers on neighbouring modes (p, p + 1), and a phase screen behind them.
///
/// An interferometer is M = B(right) diag(u exp(i theta), v) B(left) diag(exp(i phi), 1) with couplers
///
/// B(e) = \[\[sqrt((1 + e)/2), i sqrt((1 - e)/2)\], \[i sqrt((1 - e)/2), sqrt((1 + e)/2)\]\]
///
/// and the screen is diag(exp(i gamma)). u and v are the amplitudes 10^(-dB/20) that the arms let through. The upper arm loses
/// the loss and half of the unbalance, the lower arm the loss less that; a negative loss counts as 0.
#[derive(Clone, Copy, Debug)]
pub struct Mesh {
    /// Number of modes N, at least 2.
    pub modes: usize,
    /// Where the interferometers are.
    pub layout: Layout,
    /// Designed loss and unbalance of an interferometer, dB.
    pub loss: [f64; 2],
}

/// How a mesh is set and built.
#[derive(Clone, Copy, Debug)]
pub struct Parameters<'a> {
    /// Phase between the couplers, rad; of every interferometer, column by column, modes rising.
    pub theta: &'a [f64],
    /// Phase before the couplers, rad.
    pub phi: &'a [f64],
    /// Phase of the screen, rad, of every mode.
    pub gamma: &'a [f64],
    /// What every theta is off by, then every phi, every gamma, rad.
    pub phase_error: &'a [f64],
    /// Errors of the left couplers, which light meets first, then of the right ones, in -1..1; 0 splits evenly.
    pub splitter_error: &'a [f64],
    /// What comes to the designed loss, dB: one number.
    pub loss: &'a [f64],
    /// What comes to the designed unbalance, dB: one number.
    pub loss_unbalance: &'a [f64],
}

impl Parameters<'_> {
    /// theta, phi, left and right of an interferometer as it was built.
    fn built(&self, i: usize) -> [f64; 4] {
        let n = self.theta.len();
        let [left, right] = [self.splitter_error[i], self.splitter_error[n + i]];
        [self.theta[i] + self.phase_error[i], self.phi[i] + self.phase_error[n + i], left, right]
    }
}

/// Gradients of what a mesh is set to, how it was built, and its input.
#[derive(Clone, Debug)]
pub struct Gradients {
    /// Of the input.
    pub field: Vec<f64>,
    /// Of theta.
    pub theta: Vec<f64>,
    /// Of phi.
    pub phi: Vec<f64>,
    /// Of the screen.
    pub gamma: Vec<f64>,
    /// Of the couplers' errors. Those of the phases' errors are those of the phases.
    pub splitter_error: Vec<f64>,
}

/// B(e).
fn coupler(e: f64) -> [f64; 8] {
    let (through, across) = (((1.0 + e) / 2.0).sqrt(), ((1.0 - e) / 2.0).sqrt());
    [through, 0.0, 0.0, across, 0.0, across, through, 0.0]
}

/// dB/de.
fn coupler_slope(e: f64) -> [f64; 8] {
    let (through, across) = (0.25 / ((1.0 + e) / 2.0).sqrt(), -0.25 / ((1.0 - e) / 2.0).sqrt());
    [through, 0.0, 0.0, across, 0.0, across, through, 0.0]
}

/// diag(u exp(i phase), v).
fn shifter(phase: f64, [u, v]: [f64; 2]) -> [f64; 8] {
    [u * phase.cos(), u * phase.sin(), 0.0, 0.0, 0.0, 0.0, v, 0.0]
}

/// Its derivative.
fn shifter_slope(phase: f64, u: f64) -> [f64; 8] {
    [-u * phase.sin(), u * phase.cos(), 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]
}

/// The inverse of a 2 x 2 matrix.
fn inverse(m: &[f64]) -> Vec<f64> {
    let det: Vec<f64> =
        ab(&m[..2], &m[6..], 1, 1, 1).iter().zip(ab(&m[2..4], &m[4..6], 1, 1, 1)).map(|(a, b)| a - b).collect();
    let square = det[0] * det[0] + det[1] * det[1];
    let over = [det[0] / square, -det[1] / square];
    let adjugate = [m[6], m[7], -m[2], -m[3], -m[4], -m[5], m[0], m[1]];
    ab(&over, &adjugate, 1, 4, 1)
}

/// a b c d, 2 x 2 each.
fn product(a: &[f64], b: &[f64], c: &[f64], d: &[f64]) -> Vec<f64> {
    ab(a, &ab(b, &ab(c, d, 2, 2, 2), 2, 2, 2), 2, 2, 2)
}

/// Rows of complex numbers as columns.
fn transposed(z: &[f64], rows: usize, columns: usize) -> Vec<f64> {
    let number = |at: usize| &z[2 * (at % rows * columns + at / rows)..][..2];
    (0..rows * columns).flat_map(number).copied().collect()
}

impl Mesh {
    /// The first mode p of every interferometer.
    pub fn places(&self) -> Vec<usize> {
        let last = self.modes - 2;
        match self.layout {
            Layout::Rectangular => (0..self.modes).flat_map(|column| (column % 2..=last).step_by(2)).collect(),
            Layout::Triangular => (0..=2 * last).flat_map(|c| (c.abs_diff(last)..=last).step_by(2)).collect(),
        }
    }

    /// M of every interferometer: 2 x 2 complex numbers each.
    pub fn matrices(&self, at: Parameters<'_>) -> Vec<f64> {
        (0..at.theta.len()).flat_map(|i| self.matrix(at, i)).collect()
    }

    /// u and v.
    fn arms(&self, at: Parameters<'_>) -> [f64; 2] {
        let loss = self.loss[0] + at.loss[0];
        let half = 0.5 * (self.loss[1] + at.loss_unbalance[0]);
        [loss + half, loss - half].map(|db| 10.0_f64.powf(if db < 0.0 { 0.0 } else { -db / 20.0 }))
    }

    fn matrix(&self, at: Parameters<'_>, i: usize) -> Vec<f64> {
        let [theta, phi, left, right] = at.built(i);
        product(&coupler(right), &shifter(theta, self.arms(at)), &coupler(left), &shifter(phi, [1.0; 2]))
    }

    /// exp(i gamma) of every mode.
    pub fn screen(&self, at: Parameters<'_>) -> Vec<f64> {
        let errors = &at.phase_error[2 * at.theta.len()..];
        at.gamma.iter().zip(errors).flat_map(|(phase, error)| [(phase + error).cos(), (phase + error).sin()]).collect()
    }

    /// The field behind the mesh.
    pub fn forward(&self, at: Parameters<'_>, field: &[f64]) -> Vec<f64> {
        let batch = field.len() / 2 / self.modes;
        // A row a mode, so that the two modes of an interferometer are one matrix.
        let mut rows = transposed(field, batch, self.modes);
        for (i, p) in self.places().into_iter().enumerate() {
            let pair = &mut rows[2 * batch * p..][..4 * batch];
            pair.copy_from_slice(&ab(&self.matrix(at, i), pair, 2, batch, 2));
        }
        for (row, turn) in rows.chunks_exact_mut(2 * batch).zip(self.screen(at).chunks_exact(2)) {
            row.copy_from_slice(&ab(turn, row, 1, batch, 1));
        }
        transposed(&rows, self.modes, batch)
    }

    /// Gradients from the field behind the mesh and its gradient, by the chain rule. Fields inside come from the output,
    /// backwards: what was before an interferometer is M^-1, without loss M^H, of what is behind it.
    pub fn backward(&self, at: Parameters<'_>, output: &[f64], d_output: &[f64]) -> Gradients {
        let batch = output.len() / 2 / self.modes;
        let mut rows = transposed(output, batch, self.modes);
        let mut d_rows = transposed(d_output, batch, self.modes);
        // dL = Re(conj(d) dy) with dy = i y dgamma.
        let gamma = rows.chunks_exact(2 * batch).zip(d_rows.chunks_exact(2 * batch)).map(|(row, d_row)| {
            let pairs = row.chunks_exact(2).zip(d_row.chunks_exact(2));
            pairs.map(|(y, d)| d[1] * y[0] - d[0] * y[1]).sum()
        });
        let gamma = gamma.collect();
        for (index, turn) in self.screen(at).chunks_exact(2).enumerate() {
            for rows in [&mut rows, &mut d_rows] {
                let row = &mut rows[2 * batch * index..][..2 * batch];
                row.copy_from_slice(&ahb(turn, row, 1, batch, 1));
            }
        }
        let places = self.places();
        let mut of = [(); 4].map(|()| vec![0.0; places.len()]);
        for (i, p) in places.into_iter().enumerate().rev() {
            let pair = &mut rows[2 * batch * p..][..4 * batch];
            let d_pair = &mut d_rows[2 * batch * p..][..4 * batch];
            let matrix = self.matrix(at, i);
            pair.copy_from_slice(&ab(&inverse(&matrix), pair, 2, batch, 2));
            let d_matrix = abh(d_pair, pair, 2, 2, batch);
            d_pair.copy_from_slice(&ahb(&matrix, d_pair, 2, batch, 2));
            let [theta, phi, left, right] = at.built(i);
            let [outer, inner] = [shifter(phi, [1.0; 2]), shifter(theta, self.arms(at))];
            let [first, second] = [coupler(left), coupler(right)];
            let slopes = [
                product(&second, &shifter_slope(theta, self.arms(at)[0]), &first, &outer),
                product(&second, &inner, &first, &shifter_slope(phi, 1.0)),
                product(&second, &inner, &coupler_slope(left), &outer),
                product(&coupler_slope(right), &inner, &first, &outer),
            ];
            for (gradient, slope) in of.iter_mut().zip(&slopes) {
                gradient[i] = d_matrix.iter().zip(slope).map(|(d, slope)| d * slope).sum();
            }
        }
        let [theta, phi, left, right] = of;
        let splitter_error = [left, right].concat();
        Gradients { field: transposed(&d_rows, self.modes, batch), theta, phi, gamma, splitter_error }
    }
}
