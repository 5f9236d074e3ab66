//! From control to detuning; specification of `shaders/actuator.wgsl`.

/// What sets the rings: a converter of `levels` levels, then a law, then crosstalk along a row.
///
/// A heater of resistance R (kOhm) at a current I (mA) gives off R I^2 (mW), and moves its resonance by eta (nm/mW)
/// of it: Joule's law. Heat that spreads moves the nearest neighbours too (thermal crosstalk).
#[derive(Clone, Copy, Debug)]
pub struct Actuator {
    /// Detuning at no control, nm.
    pub rest: f64,
    /// Shift a unit of control, or of its square.
    pub gain: f64,
    /// Whether the shift goes with the square of the control.
    pub square: bool,
    /// Lowest and highest level.
    pub range: [f64; 2],
    /// Levels of the converter; 0: the control is met as it is.
    pub levels: u32,
    /// Fraction of a ring's shift that reaches each of its nearest neighbours.
    pub crosstalk: f64,
}

impl Actuator {
    /// The level nearest to a control; NaN stays NaN.
    pub fn quantised(&self, control: f64) -> f64 {
        if self.levels == 0 {
            return control;
        }
        let [low, high] = self.range;
        let step = (high - low) / f64::from(self.levels - 1);
        let level = ((control - low) / step + 0.5).floor();
        let level = if level < 0.0 { 0.0 } else { level };
        let top = f64::from(self.levels - 1);
        low + step * if level > top { top } else { level }
    }

    /// Shift of a ring by its own control, nm.
    pub fn shift(&self, control: f64) -> f64 {
        let level = self.quantised(control);
        self.gain * if self.square { level * level } else { level }
    }

    /// d shift / d control at the level that is met; the converter counts as 1 (straight-through estimator, Bengio,
    /// Leonard and Courville 2013).
    pub fn slope(&self, control: f64) -> f64 {
        self.gain * if self.square { 2.0 * self.quantised(control) } else { 1.0 }
    }

    /// Detunings of rows of rings; `change` is added to the crosstalk.
    pub fn forward(&self, control: &[f64], columns: usize, change: f64) -> Vec<f64> {
        let shifts: Vec<f64> = control.iter().map(|&c| self.shift(c)).collect();
        self.spread(&shifts, columns, change).into_iter().map(|shift| self.rest + shift).collect()
    }

    /// Gradient of the controls from that of the detunings.
    pub fn backward(&self, control: &[f64], columns: usize, change: f64, d_detuning: &[f64]) -> Vec<f64> {
        // The operator is its own adjoint.
        let d_shift = self.spread(d_detuning, columns, change);
        d_shift.iter().zip(control).map(|(d, &c)| d * self.slope(c)).collect()
    }

    /// Gradient of the change of the crosstalk from that of the detunings.
    pub fn backward_change(&self, control: &[f64], columns: usize, d_detuning: &[f64]) -> f64 {
        let shifts: Vec<f64> = control.iter().map(|&c| self.shift(c)).collect();
        around(&shifts, columns).iter().zip(d_detuning).map(|(around, d)| around * d).sum()
    }

    /// Every element of a row plus a fraction of its nearest neighbours.
    fn spread(&self, values: &[f64], columns: usize, change: f64) -> Vec<f64> {
        let fraction = self.crosstalk + change;
        values.iter().zip(around(values, columns)).map(|(value, around)| value + fraction * around).collect()
    }
}

/// Sums of the nearest neighbours of every element of a row.
fn around(values: &[f64], columns: usize) -> Vec<f64> {
    let around = |row: &[f64]| -> Vec<f64> {
        let at = |i: usize| row.get(i).copied().unwrap_or(0.0);
        (0..row.len()).map(|i| at(i.wrapping_sub(1)) + at(i + 1)).collect()
    };
    values.chunks_exact(columns).flat_map(around).collect()
}
