//! Phases that heaters set; `shaders/phase_shifter.wgsl`.

use super::{expect, sum, word};
use crate::gpu::{Error, PlanBuilder, Scalar, Slice, Work};
use crate::uniform;

uniform! {
    struct Params as "Params" { n_heaters: u32, n_levels: u32, crosstalk: f32, drift: f32 }
}

/// Heaters that set phases. A control is wrapped into 0..2 pi, then goes through a converter if there is one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shifters {
    n_levels: u32,
    crosstalk: f32,
    drift: f32,
}

impl Shifters {
    /// Heaters behind a converter of 1 to 16 `bits`, with its levels spread evenly over the circle, or none; `crosstalk` is
    /// the share of a heater's phase that reaches each of its neighbours, 0 to below 0.5; `drift` the phase that a temperature
    /// difference adds, rad/K.
    ///
    /// # Errors
    /// Numbers out of range or not finite.
    pub fn new(bits: Option<u32>, crosstalk: f32, drift: f32) -> Result<Self, Error> {
        let check = |inside: bool, what: &str, expected: &str, got: String| {
            let refused =
                || Error::Shape { what: format!("phase shifters, {what}"), expected: expected.to_owned(), got };
            if inside { Ok(()) } else { Err(refused()) }
        };
        check(bits.is_none_or(|bits| (1..=16).contains(&bits)), "bits", "1 to 16", format!("{}", bits.unwrap_or(0)))?;
        check((0.0..0.5).contains(&crosstalk), "crosstalk", "0 to below 0.5", crosstalk.to_string())?;
        check(drift.is_finite(), "drift", "a finite number of rad/K", drift.to_string())?;
        Ok(Self { n_levels: bits.map_or(0, |bits| 1 << bits), crosstalk, drift })
    }

    /// Who is a neighbour of whom in rows of heaters of these lengths behind one another, a word a heater: bit 0: the one
    /// before, bit 1: the one behind.
    pub fn neighbours(rows: impl IntoIterator<Item = usize>) -> Vec<u32> {
        let row = |length| (0..length).map(move |at| u32::from(at > 0) | u32::from(at + 1 < length) << 1);
        rows.into_iter().flat_map(row).collect()
    }

    /// Phases (rad) from controls (rad), both `[heaters]`, with the words of [`neighbours`](Self::neighbours); `temperature`
    /// `[1]` is that above nominal, K, and `change` `[1]` is added to the crosstalk. Controls are wrapped to the last bits
    /// of `f32` up to 10^4 rad; beyond 10^8 an `f32` says nothing of a phase.
    ///
    /// # Errors
    /// Shapes that do not fit.
    pub fn forward(
        &self,
        plan: &mut PlanBuilder<'_>,
        control: &Slice,
        neighbours: &Slice,
        temperature: &Slice,
        change: &Slice,
        phase: &Slice,
    ) -> Result<(), Error> {
        let operation = "phase_shifter::forward";
        let params = self.params(operation, neighbours)?;
        expect(operation, temperature, &[1])?;
        expect(operation, change, &[1])?;
        expect(operation, control, &[neighbours.len()])?;
        expect(operation, phase, &[neighbours.len()])?;
        let binds = [control.read(), neighbours.read(), temperature.read(), change.read(), phase.write()];
        plan.dispatch("phase_shifter", "forward", &params, &binds, Work::Items(neighbours.len()))
    }

    /// Gradient of the controls from that of the phases, both `[heaters]`, 1/rad. It passes wrap and converter as if they
    /// were not there.
    ///
    /// # Errors
    /// Shapes that do not fit.
    pub fn backward(
        &self,
        plan: &mut PlanBuilder<'_>,
        d_phase: &Slice,
        neighbours: &Slice,
        change: &Slice,
        d_control: &Slice,
    ) -> Result<(), Error> {
        let operation = "phase_shifter::backward";
        let params = self.params(operation, neighbours)?;
        expect(operation, change, &[1])?;
        expect(operation, d_phase, &[neighbours.len()])?;
        expect(operation, d_control, &[neighbours.len()])?;
        let binds = [neighbours.read(), change.read(), d_phase.read(), d_control.write()];
        plan.dispatch("phase_shifter", "backward", &params, &binds, Work::Items(neighbours.len()))
    }

    /// Gradient of the change of the crosstalk `[1]` from that of the phases, as controls `[heaters]`, or that added to what
    /// `d_change` holds.
    ///
    /// # Errors
    /// Shapes that do not fit.
    pub fn backward_change(
        &self,
        plan: &mut PlanBuilder<'_>,
        control: &Slice,
        neighbours: &Slice,
        d_phase: &Slice,
        d_change: &Slice,
        accumulate: bool,
    ) -> Result<(), Error> {
        let operation = "phase_shifter::backward_change";
        let params = self.params(operation, neighbours)?;
        for heaters in [control, d_phase] {
            expect(operation, heaters, &[neighbours.len()])?;
        }
        let terms = plan.gpu().zeros("terms of crosstalk", &[neighbours.len()], Scalar::F32)?;
        let binds = [control.read(), neighbours.read(), d_phase.read(), terms.write()];
        plan.dispatch("phase_shifter", "spill", &params, &binds, Work::Items(neighbours.len()))?;
        let partials = sum::partials(plan.gpu())?;
        sum::forward(plan, 1.0, &terms, &partials, d_change, accumulate)
    }

    /// Gradient of the temperature `[1]` (1/K) from that of the phases `[heaters]`, or that added to what `d_temperature` holds.
    ///
    /// # Errors
    /// Shapes that do not fit.
    pub fn backward_temperature(
        &self,
        plan: &mut PlanBuilder<'_>,
        d_phase: &Slice,
        d_temperature: &Slice,
        accumulate: bool,
    ) -> Result<(), Error> {
        let partials = sum::partials(plan.gpu())?;
        sum::forward(plan, self.drift, d_phase, &partials, d_temperature, accumulate)
    }

    fn params(&self, operation: &str, neighbours: &Slice) -> Result<Params, Error> {
        expect(operation, neighbours, &[neighbours.len()])?;
        let Self { n_levels, crosstalk, drift } = *self;
        Ok(Params { n_heaters: word(operation, neighbours.len())?, n_levels, crosstalk, drift })
    }
}
