//! How light enters a circuit, is attenuated between two parts of it, and is read; specification of `shaders/ports.wgsl`.
//! Fields are pairs (re, im) in a flat slice, a row a sample, gradients as in [`complex_matmul`](super::complex_matmul).

/// Rows of `from` numbers of `parts` parts each as rows of `to` numbers: the first ones, and zeros beyond.
fn resize(rows: &[f64], parts: usize, from: usize, to: usize) -> Vec<f64> {
    let row = |row: &[f64]| (0..parts * to).map(|at| row.get(at).copied().unwrap_or(0.0)).collect::<Vec<_>>();
    rows.chunks_exact(parts * from).flat_map(row).collect()
}

/// Fields `[batch, modes]` of real amplitudes `[batch, n]`, with the amplitude `reference` in the first mode behind them; the
/// other modes are dark.
pub fn enter(amplitude: &[f64], n: usize, modes: usize, reference: f64) -> Vec<f64> {
    let field: Vec<f64> = amplitude.iter().flat_map(|&re| [re, 0.0]).collect();
    embed(&field, n, modes, reference)
}

/// Gradient of the amplitudes: the real part of that of the field.
pub fn enter_backward(d_field: &[f64], n: usize, modes: usize) -> Vec<f64> {
    let re: Vec<f64> = d_field.chunks_exact(2).map(|d| d[0]).collect();
    resize(&re, 1, modes, n)
}

/// Fields on `to` modes from those on `from`: the first ones, one of the amplitude `reference`, and dark ones beyond.
/// Backward is the way back, without a reference.
pub fn embed(field: &[f64], from: usize, to: usize, reference: f64) -> Vec<f64> {
    let mut out = resize(field, 2, from, to);
    if from < to {
        out.chunks_exact_mut(2 * to).for_each(|row| row[2 * from] = reference);
    }
    out
}

/// Fields behind attenuators, which the first min(from, to) modes meet; dark beyond.
pub fn attenuate(field: &[f64], factor: &[f64], from: usize, to: usize) -> Vec<f64> {
    let mut out = resize(field, 2, from, to);
    for row in out.chunks_exact_mut(2 * to) {
        row.chunks_exact_mut(2).zip(factor).for_each(|(e, a)| e.iter_mut().for_each(|part| *part *= a));
    }
    out
}

/// Gradients of field, factor d_out, and factor, sum over the batch of Re(conj(field) d_out).
pub fn attenuate_backward(field: &[f64], factor: &[f64], d_out: &[f64], from: usize, to: usize) -> [Vec<f64>; 2] {
    let mut d_factor = vec![0.0; factor.len()];
    for (row, d_row) in field.chunks_exact(2 * from).zip(d_out.chunks_exact(2 * to)) {
        let modes = row.chunks_exact(2).zip(d_row.chunks_exact(2));
        d_factor.iter_mut().zip(modes).for_each(|(sum, (e, d))| *sum += e[0] * d[0] + e[1] * d[1]);
    }
    [attenuate(d_out, factor, to, from), d_factor]
}

/// What detectors read.
#[derive(Clone, Copy, Debug)]
pub struct Reading {
    /// Whether |E|^2 is read; |E| otherwise.
    pub power: bool,
    /// Whether the readings of a sample, over all modes, are divided by their norm.
    pub unit: bool,
    /// Number of modes.
    pub modes: usize,
    /// Number of modes that have a detector, the first ones.
    pub ports: usize,
}

/// Norms are held to this from below, as those of `torch.nn.functional.normalize` are.
const SMALLEST_NORM: f64 = 1e-12;

impl Reading {
    fn read(&self, e: &[f64]) -> f64 {
        let power = e[0] * e[0] + e[1] * e[1];
        if self.power { power } else { power.sqrt() }
    }

    /// Readings r of a sample's modes, and what they are divided by.
    fn sample(&self, field: &[f64]) -> (Vec<f64>, f64) {
        let r: Vec<f64> = field.chunks_exact(2).map(|e| self.read(e)).collect();
        let norm = r.iter().map(|r| r * r).sum::<f64>().sqrt();
        let held = if norm < SMALLEST_NORM { SMALLEST_NORM } else { norm };
        (r, if self.unit { held } else { 1.0 })
    }

    /// out = r / N at the first modes, of fields `[batch, modes]`.
    pub fn forward(&self, field: &[f64]) -> Vec<f64> {
        let sample = |field: &[f64]| {
            let (r, norm) = self.sample(field);
            r.into_iter().take(self.ports).map(move |r| r / norm).collect::<Vec<_>>()
        };
        field.chunks_exact(2 * self.modes).flat_map(sample).collect()
    }

    /// d_r = (d - out sum(d out)) / N, without the second term where the norm is held; d_E = 2 d_r E, or d_r E / |E|, which
    /// is 0 at E = 0.
    pub fn backward(&self, field: &[f64], d_out: &[f64]) -> Vec<f64> {
        let sample = |(field, d_out): (&[f64], &[f64])| {
            let (r, norm) = self.sample(field);
            let d = |mode: usize| d_out.get(mode).copied().unwrap_or(0.0);
            let along: f64 = (0..self.modes).map(|mode| d(mode) * r[mode] / norm).sum();
            let moves = self.unit && norm != SMALLEST_NORM;
            let gradient = |(mode, e): (usize, &[f64])| {
                let d_r = (d(mode) - if moves { along * r[mode] / norm } else { 0.0 }) / norm;
                let slope = match (self.power, r[mode] == 0.0) {
                    (true, _) => 2.0,
                    (false, true) => 0.0,
                    (false, false) => 1.0 / r[mode],
                };
                [d_r * slope * e[0], d_r * slope * e[1]]
            };
            field.chunks_exact(2).enumerate().flat_map(gradient).collect::<Vec<_>>()
        };
        field.chunks_exact(2 * self.modes).zip(d_out.chunks_exact(self.ports)).flat_map(sample).collect()
    }
}
