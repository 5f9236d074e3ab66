//! Weights of rings in series on one bus; specification of `shaders/ring_bank.wgsl`.

use super::microring::{About, Ring, State};

/// Banks of rings in series. Ring j of a bank stands at channel j; channels are `spacing` apart, and a ring is the same at
/// wavelengths that are one `fsr` apart. At channel i a ring lets through
///
/// T_j(i) = 1 - A_j / (1 + (d/g_j)^2),   d = x_j + (j - i) spacing, brought to the nearest order of the ring
///
/// The light of channel i passes all rings, and what they drop is collected: weight_i = 2 prod_j T_j(i) - 1, through
/// minus drop. A ring alone is a microring. Tait et al., "Microring weight banks", IEEE JSTQE 22, 5900214 (2016).
#[derive(Clone, Copy, Debug)]
pub struct RingBank {
    /// The rings.
    pub ring: Ring,
    /// Rings of a bank; the last bank of a row may have fewer.
    pub size: usize,
    /// Distance of neighbouring channels, nm.
    pub spacing: f64,
    /// Free spectral range, nm.
    pub fsr: f64,
}

impl RingBank {
    /// Distance of ring j from channel i, nm, to the nearest order.
    fn distance(&self, x: f64, j: usize, i: usize) -> f64 {
        let d = x + (j as f64 - i as f64) * self.spacing;
        d - self.fsr * (d / self.fsr + 0.5).floor()
    }

    /// Banks of rows: first ring and rings of each.
    fn banks(&self, rings: usize, columns: usize) -> impl Iterator<Item = (usize, usize)> {
        let size = self.size;
        (0..rings)
            .step_by(columns)
            .flat_map(move |row| (0..columns).step_by(size).map(move |first| (row + first, size.min(columns - first))))
    }

    /// T of ring j of a bank at its channel i; T = (1 + W)/2 of a microring.
    fn through(&self, state: State<'_>, first: usize, j: usize, i: usize) -> f64 {
        let (ring, x) = self.ring.built(state, first + j);
        (1.0 + ring.weight(self.distance(x, j, i))) / 2.0
    }

    /// Its slope.
    fn slope(&self, about: About, state: State<'_>, first: usize, j: usize, i: usize) -> f64 {
        let (_, x) = self.ring.built(state, first + j);
        self.ring.slope_about(about, state, first + j, self.distance(x, j, i)) / 2.0
    }

    /// Weights of rows of rings.
    pub fn forward(&self, state: State<'_>, columns: usize) -> Vec<f64> {
        let mut weight = Vec::new();
        for (first, count) in self.banks(state.detuning.len(), columns) {
            for i in 0..count {
                let through: f64 = (0..count).map(|j| self.through(state, first, j, i)).product();
                weight.push(2.0 * through - 1.0);
            }
        }
        weight
    }

    /// Gradient of the rings from that of the weights: the product over all other rings, without a division.
    pub fn backward(&self, about: About, state: State<'_>, columns: usize, d_weight: &[f64]) -> Vec<f64> {
        let mut gradient = Vec::new();
        for (first, count) in self.banks(state.detuning.len(), columns) {
            for j in 0..count {
                let share = |i: usize| {
                    let others = (0..count).filter(|&k| k != j).map(|k| self.through(state, first, k, i));
                    2.0 * d_weight[first + i] * self.slope(about, state, first, j, i) * others.product::<f64>()
                };
                gradient.push((0..count).map(share).sum());
            }
        }
        gradient
    }
}
