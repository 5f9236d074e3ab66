//! Heaters that set phases; specification of `shaders/phase_shifter.wgsl`.

use std::f64::consts::TAU;

/// What sets the phases: wrap into a turn, then a converter, then crosstalk between neighbours and drift.
///
/// A phase matters modulo 2 pi, and a heater only heats: it is set to what is in 0..2 pi. Heat that spreads shifts the
/// nearest neighbours too (thermal crosstalk).
#[derive(Clone, Copy, Debug)]
pub struct Shifters {
    /// Levels of the converter, evenly over the circle; 0: phases are set as they are.
    pub levels: u32,
    /// Share of a heater's phase that reaches each of its neighbours.
    pub crosstalk: f64,
    /// Phase a temperature difference, rad/K.
    pub drift: f64,
}

impl Shifters {
    /// What a heater is set to by its control; NaN stays NaN.
    pub fn set(&self, control: f64) -> f64 {
        let angle = control.rem_euclid(TAU);
        if self.levels == 0 {
            return angle;
        }
        let levels = f64::from(self.levels);
        // The level a whole turn up is level 0 again.
        (angle / TAU * levels).round() % levels * (TAU / levels)
    }

    /// Phases from controls, rad; `change` is added to the crosstalk.
    pub fn forward(&self, control: &[f64], neighbours: &[u32], temperature: f64, change: f64) -> Vec<f64> {
        let set: Vec<f64> = control.iter().map(|&control| self.set(control)).collect();
        self.spread(&set, neighbours, change).into_iter().map(|phase| phase + self.drift * temperature).collect()
    }

    /// Gradient of the controls from that of the phases. Wrap and converter count as 1 (straight-through estimator,
    /// Bengio, Leonard and Courville 2013).
    pub fn backward(&self, d_phase: &[f64], neighbours: &[u32], change: f64) -> Vec<f64> {
        // The operator is its own adjoint.
        self.spread(d_phase, neighbours, change)
    }

    /// Gradient of the change of the crosstalk from that of the phases.
    pub fn backward_change(&self, control: &[f64], neighbours: &[u32], d_phase: &[f64]) -> f64 {
        let set: Vec<f64> = control.iter().map(|&control| self.set(control)).collect();
        d_phase.iter().enumerate().map(|(at, d)| d * around(&set, neighbours, at)).sum()
    }

    /// Gradient of the temperature from that of the phases, 1/K.
    pub fn backward_temperature(&self, d_phase: &[f64]) -> f64 {
        self.drift * d_phase.iter().sum::<f64>()
    }

    /// Every value plus a share of its neighbours'.
    fn spread(&self, values: &[f64], neighbours: &[u32], change: f64) -> Vec<f64> {
        let share = self.crosstalk + change;
        (0..values.len()).map(|at| values[at] + share * around(values, neighbours, at)).collect()
    }
}

/// Sum of the neighbours of a value: bit 0 of a word: the one before is one, bit 1: the one behind.
fn around(values: &[f64], neighbours: &[u32], at: usize) -> f64 {
    let before = if neighbours[at] & 1 == 1 { values[at - 1] } else { 0.0 };
    let behind = if neighbours[at] & 2 == 2 { values[at + 1] } else { 0.0 };
    before + behind
}
