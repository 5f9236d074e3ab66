//! Detunings of rings from what controls them; `shaders/actuator.wgsl`.

use super::{expect, matrix, sum, word};
use crate::gpu::{Error, PlanBuilder, Scalar, Slice, Work};
use crate::uniform;

uniform! {
    struct Params as "Params" {
        n_rings: u32,
        n_columns: u32,
        rest: f32,
        gain: f32,
        square: u32,
        low: f32,
        step: f32,
        n_levels: u32,
        crosstalk: f32,
    }
}

/// What sets the rings of a layer. Controls are in a unit of their own, c.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Actuator {
    /// Detuning at no control, nm.
    pub rest: f32,
    /// Shift of a resonance, nm/c, or nm/c^2 with `square`.
    pub gain: f32,
    /// Whether the shift goes with the square of the control, as heat does with the current.
    pub square: bool,
    /// Lowest and highest level of the converter, c.
    pub range: [f32; 2],
    /// Bits of the converter, up to 24; none: the control is met as it is.
    pub dac_bits: Option<u32>,
    /// Fraction of a ring's shift that reaches each of its nearest neighbours in a row.
    pub crosstalk: f32,
}

impl Actuator {
    fn params(&self, operation: &str, control: &Slice) -> Result<Params, Error> {
        let [_, columns] = matrix(operation, control)?;
        let n_levels = self.dac_bits.map_or(0, |bits| 1 << bits);
        let [low, high] = self.range;
        Ok(Params {
            n_rings: word(operation, control.len())?,
            n_columns: word(operation, columns)?,
            rest: self.rest,
            gain: self.gain,
            square: u32::from(self.square),
            low,
            step: if n_levels == 0 { 0.0 } else { (high - low) / (n_levels - 1) as f32 },
            n_levels,
            crosstalk: self.crosstalk,
        })
    }

    /// Detunings (nm) of rows of rings from their controls, both `[rows, columns]`; `change` `[1]` is added to the
    /// crosstalk.
    ///
    /// # Errors
    /// Shapes that do not fit.
    pub fn forward(
        &self,
        plan: &mut PlanBuilder<'_>,
        control: &Slice,
        change: &Slice,
        detuning: &Slice,
    ) -> Result<(), Error> {
        let params = self.params("actuator::forward", control)?;
        expect("actuator::forward", change, &[1])?;
        expect("actuator::forward", detuning, control.shape())?;
        let binds = [control.read(), change.read(), detuning.write()];
        plan.dispatch("actuator", "forward", &params, &binds, Work::Items(control.len()))
    }

    /// Gradient of the controls (1/c) from that of the detunings (1/nm), both `[rows, columns]`. It passes the
    /// converter as if that were not there.
    ///
    /// # Errors
    /// Shapes that do not fit.
    pub fn backward(
        &self,
        plan: &mut PlanBuilder<'_>,
        control: &Slice,
        change: &Slice,
        d_detuning: &Slice,
        d_control: &Slice,
    ) -> Result<(), Error> {
        let params = self.params("actuator::backward", control)?;
        expect("actuator::backward", change, &[1])?;
        expect("actuator::backward", d_detuning, control.shape())?;
        expect("actuator::backward", d_control, control.shape())?;
        let binds = [control.read(), change.read(), d_detuning.read(), d_control.write()];
        plan.dispatch("actuator", "backward", &params, &binds, Work::Items(control.len()))
    }

    /// Gradient of the change of the crosstalk `[1]` from that of the detunings (1/nm), as controls `[rows, columns]`.
    ///
    /// # Errors
    /// Shapes that do not fit.
    pub fn backward_change(
        &self,
        plan: &mut PlanBuilder<'_>,
        control: &Slice,
        d_detuning: &Slice,
        d_change: &Slice,
    ) -> Result<(), Error> {
        let operation = "actuator::backward_change";
        let params = self.params(operation, control)?;
        expect(operation, d_detuning, control.shape())?;
        let terms = plan.gpu().zeros("terms of crosstalk", control.shape(), Scalar::F32)?;
        let binds = [control.read(), d_detuning.read(), terms.write()];
        plan.dispatch("actuator", "spill", &params, &binds, Work::Items(control.len()))?;
        let partials = sum::partials(plan.gpu())?;
        sum::forward(plan, 1.0, &terms, &partials, d_change, false)
    }
}
